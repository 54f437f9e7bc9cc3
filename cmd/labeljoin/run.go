package main

import (
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/pages"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "join live: from NATS to labeled Parquet, until told to stop",
		ArgsUsage: commandline.ArgsConfig,
		Flags: []cli.Flag{
			configFileFlag(),
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			return partition.RunLive(c.Context, cfg, terminal.NewLog(cfg.Log, c.App.ErrWriter), pages.New)
		},
	}
}
