package main

import (
	"encoding/json"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:         "status",
		Usage:        "say how a joiner stands: what is read, pending, written, and what it waits for",
		Description:  "Asks the joiner that runs on the configuration's state directory. If none does, it says what the last\ncommit says, and ends with exit code 1.",
		ArgsUsage:    commandline.ArgsConfig,
		Flags:        []cli.Flag{configFileFlag(), &cli.BoolFlag{Name: "json", Usage: "as one JSON object"}},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			s, running, err := monitor.FindStatus(c.Context, cfg, partition.Default)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				encoder := json.NewEncoder(c.App.Writer)
				encoder.SetIndent("", "  ")
				err = encoder.Encode(s)
			} else {
				err = s.Print(c.App.Writer, running)
			}
			if err == nil && !running {
				err = monitor.ErrNotRunning
			}
			return err
		},
	}
}
