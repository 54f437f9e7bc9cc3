package main

import (
	"errors"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/trial"
)

// tryCommand is `labeljoin try`.
func tryCommand() *cli.Command {
	return &cli.Command{
		Name:      "try",
		Usage:     "show what an expression of a label says of outcomes, and why",
		ArgsUsage: "EXPRESSION",
		Description: "EXPRESSION is a condition (`when`) or what gives a number (in `value`): labeljoin help conditions.\n" +
			"Beside what it says stand the parts of it that are joined by and, each by itself, and what it looks at.\n" +
			"It ends with 4 if it cannot be evaluated for some outcome, or says neither yes or no nor a number, or if some\n" +
			"event is no outcome. A heartbeat is passed over.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "event", Usage: "a `FILE` with outcomes in JSON, one a line; - is the standard input"},
			&cli.StringFlag{Name: "request", Usage: "a `FILE` with their request in JSON"},
			&cli.StringFlag{Name: "item",
				Usage: "the `ITEM_ID` of the row; else it is the row of the outcome's item, or the first"},
			&cli.BoolFlag{Name: "json", Usage: "a JSON object for each outcome instead of text"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return &terminal.UsageError{Err: errors.New("try needs one EXPRESSION, in quotes: labeljoin try 'type == \"click\"' --event FILE")}
			}
			if !c.IsSet("event") {
				return &terminal.UsageError{Err: errors.New("try needs --event FILE, with outcomes to try the expression on")}
			}
			o := trial.Options{Expression: c.Args().First(), Item: c.String("item"), JSON: c.Bool("json"),
				Notes: c.App.ErrWriter}
			var err error
			if o.Outcomes, err = contentOf(c, "event"); err == nil && c.IsSet("request") {
				o.Request, err = contentOf(c, "request")
			}
			if err != nil {
				return err
			}
			return trial.Write(c.App.Writer, &o)
		},
	}
}

// contentOf reads the file that a flag names.
func contentOf(c *cli.Context, flag string) ([]byte, error) {
	if name := c.String(flag); name != "-" {
		return os.ReadFile(name)
	}
	return io.ReadAll(c.App.Reader)
}
