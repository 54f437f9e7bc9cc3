package main

import (
	"bytes"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/version"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/review"
)

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:  "report",
		Usage: "make a page about the rows of a day",
		Description: "Writes one HTML file with everything in it to standard output: what has changed, the labels, the slices, and\n" +
			"every column beside the day before. It runs no script and loads nothing.",
		Flags: []cli.Flag{
			configFileFlag(),
			fromFlag("out"),
			&cli.StringFlag{Name: "date", Usage: "the `DAY` of the requests (2026-11-23, in UTC)"},
			&cli.StringFlag{Name: "against", Value: review.Yesterday, Usage: "the `DAY` to compare with, if it is there"},
			&cli.StringFlag{Name: "schema",
				Usage: "the schema's `FILE`; without it, the schema is inferred from the day before"},
			&cli.StringSliceFlag{Name: "slice", Usage: "count each value of these `COLUMNS` too (a,b)"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if err := commandline.Required(c, "date"); err != nil {
				return err
			}
			o, err := outputOf(c)
			if err != nil {
				return err
			}
			d := review.Day{Output: o, Date: c.String("date"), Against: c.String("against"), Slices: listOf(c, "slice"),
				Features: true,
				Version:  version.Text(), Windows: func(label string) time.Duration { return windowInUse(c, label) }}
			if file := c.String("schema"); file != "" {
				if d.Schema, err = review.ReadSchema(file); err != nil {
					return err
				}
			}
			content, err := d.Content(c.Context)
			if err != nil {
				return err
			}
			return page.Write(c.App.Writer, content)
		},
	}
}

// writePage writes a page about statistics alone into a file.
func writePage(file string, c *page.Content) error {
	var out bytes.Buffer
	if err := page.Write(&out, c); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}
