package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/demo"
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "see it work: an embedded NATS server, a simulated recommender, labeled rows",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir",
				Usage: "put everything into `DIR`, which must be new (default: labeljoin-demo, or the next free number)"},
			&cli.DurationFlag{Name: "duration", Value: 20 * time.Second, Usage: "how long it takes in all; at least 10s"},
			&cli.IntFlag{Name: "rate", Value: 200, Usage: "requests a second"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			d := demo.Demo{Dir: c.String("dir"), Duration: c.Duration("duration"), Rate: c.Int("rate"), Out: c.App.Writer,
				Talk: c.App.ErrWriter}
			return d.Run(c.Context)
		},
	}
}
