package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// schemaName is the file that schema commands are about by default.
const schemaName = "schema.pbtxt"

func schemaCommand() *cli.Command {
	file := &cli.StringFlag{Name: "schema", Value: schemaName,
		Usage: "the schema's `FILE`, in the text that TensorFlow Data Validation reads and writes"}
	texts := &cli.IntFlag{Name: "texts", Value: schema.DefaultTexts,
		Usage: "list the values of columns with at most `N` different texts"}
	about := func(name, usage, description string, flags []cli.Flag,
		change func(*tfmd.Schema, *tfmd.DatasetFeatureStatisticsList, int) (*tfmd.Schema, error)) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, Description: description, ArgsUsage: argsRows,
			Flags: append(append(rowFlags(), file), flags...), OnUsageError: onUsageError,
			Action: func(c *cli.Context) error { return changeSchema(c, name != "infer", change) },
		}
	}
	return &cli.Command{
		Name:  "schema",
		Usage: "infer, change and show what the columns of rows should be",
		Subcommands: []*cli.Command{
			about("infer", "write the schema that rows fit", "As tfdv.infer_schema: types, presence, numbers of values, and domains of texts; no ranges of numbers.\nAn existing file is not overwritten.", []cli.Flag{texts},
				func(_ *tfmd.Schema, l *tfmd.DatasetFeatureStatisticsList, n int) (*tfmd.Schema, error) {
					return schema.Infer(l, n, true)
				}),
			about("update", "change a schema until rows fit it",
				"As tfdv.update_schema: a feature that changed its type or is missing is marked DEPRECATED.", []cli.Flag{texts},
				schema.Update),
			about("freeze", "add the ranges of numbers and the environments", "Adds what inference leaves open: the ranges of numbers in the rows, and the environments TRAINING and SERVING,\nwhere labels and what labeljoin adds are in TRAINING only. What the schema says already stays.", nil,
				func(s *tfmd.Schema, l *tfmd.DatasetFeatureStatisticsList, _ int) (*tfmd.Schema, error) {
					return schema.Freeze(s, l)
				}),
			{
				Name: "show", Usage: "print a schema as a table", Flags: []cli.Flag{file}, OnUsageError: onUsageError,
				Action: func(c *cli.Context) error {
					s, err := review.ReadSchema(c.String("schema"))
					if err != nil {
						return err
					}
					return schema.Print(c.App.Writer, s)
				},
			},
		},
	}
}

// changeSchema writes a schema that was changed by the statistics of rows.
func changeSchema(c *cli.Context, exists bool, change func(*tfmd.Schema, *tfmd.DatasetFeatureStatisticsList,
	int) (*tfmd.Schema, error)) (err error) {
	file, before := c.String("schema"), &tfmd.Schema{}
	if exists {
		if before, err = review.ReadSchema(file); err != nil {
			return err
		}
	} else if _, err := os.Stat(file); err == nil {
		return &terminal.UsageError{Err: fmt.Errorf("%s is there already: update it with labeljoin schema update, or name another one with --schema", file)}
	}
	rows, err := openRows(c.Context, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found, err := stats.Of(c.Context, rows.Sources, stats.Options{Weight: rows.Weight,
		Categorical: schema.Categorical(before)})
	if err != nil {
		return err
	}
	s, err := change(before, found.Statistics, c.Int("texts"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, schema.Format(s), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.ErrWriter, "labeljoin: %s has %s\n", file, terminal.Count(len(s.Feature), "feature"))
	return err
}
