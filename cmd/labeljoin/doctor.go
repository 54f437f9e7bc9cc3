package main

import (
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/doctor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		ArgsUsage: commandline.ArgsConfig,
		Usage:     "check what a joiner needs: directories, room, ports, NATS, permissions, streams, clocks",
		Description: "It changes nothing, and may run beside the joiner. Each line is one thing that was tried; those that are\n" +
			"wrong say what to do. Exit code 0: all is well. 1: something is not.",
		Flags:        []cli.Flag{configFileFlag(), &cli.BoolFlag{Name: "json", Usage: "one JSON object a line"}},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			d := doctor.Doctor{Config: cfg, JSON: c.Bool("json"), Out: &terminal.LineWriter{To: c.App.Writer}}
			return d.Check(c.Context)
		},
	}
}
