package main

import (
	"encoding/json"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/explain"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

func explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "tell the story of one request: what came, what became of it, and why each label is what it is",
		ArgsUsage: "REQUEST_ID",
		Description: "It asks the joiner that runs on the configuration's state directory, or reads the state if none runs,\n" +
			"and looks the request's rows up in the output. Where nothing is known of the id, it says so and ends with 1,\n" +
			"since the request may come yet.",
		Flags:        []cli.Flag{configFileFlag(), &cli.BoolFlag{Name: "json", Usage: "as one JSON object"}},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 || c.Args().First() == "" {
				return &terminal.UsageError{Err: errors.New("explain needs one REQUEST_ID; a configuration is given with --config FILE")}
			}
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			x, err := explain.Find(c.Context, cfg, c.Args().First())
			if err != nil {
				return err
			}
			if c.Bool("json") {
				encoder := json.NewEncoder(c.App.Writer)
				encoder.SetIndent("", "  ")
				err = encoder.Encode(x)
			} else {
				err = x.Print(c.App.Writer)
			}
			if err == nil {
				err = x.Err()
			}
			return err
		},
	}
}
