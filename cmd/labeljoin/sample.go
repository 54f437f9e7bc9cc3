package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/sample"
)

func sampleCommand() *cli.Command {
	return &cli.Command{
		Name:      "sample",
		Usage:     "choose rows for people to judge, as tasks that Label Studio imports",
		ArgsUsage: argsRows,
		Description: "Of a day of an output, or of any Parquet files. --by says which rows are worth a rater:\n" +
			"   random        each with the same probability\n" +
			"   uncertainty   those whose score is nearest to 0.5\n" +
			"   slice         as many of each value of the columns --slice\n" +
			"   disagreement  those on whose label raters agree least, of those who voted already\n" +
			"The same rows and the same --salt give the same tasks. What is worth as much comes in the order of a hash\n" +
			"of the salt and the request. Raters see neither labels nor scores, unless --columns names them.\n" +
			"Ratings come back with `format: labelstudio` (labeljoin config presets labelstudio).",
		Flags: append(rowFlags(),
			&cli.StringFlag{Name: "for", Value: "raters", Usage: "who gets them: raters"},
			&cli.StringFlag{Name: "by", Value: string(sample.ByRandom),
				Usage: "`HOW` to choose: " + strings.Join(sample.Ways(), ", ")},
			&cli.IntFlag{Name: "n", Value: 200, Usage: "choose `N` rows"},
			&cli.StringFlag{Name: "salt", Value: "raters", Usage: "another `TEXT` chooses other rows"},
			&cli.StringFlag{Name: "label", Usage: "leave out rows on which this `LABEL` has votes; for disagreement, the label"},
			&cli.StringSliceFlag{Name: "slice", Usage: "the `COLUMNS` that make slices (a,b)"},
			&cli.StringSliceFlag{Name: "columns", Usage: "show raters these `COLUMNS` (default: the features)"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE` instead of standard output"},
		),
		OnUsageError: onUsageError,
		Action:       runSample,
	}
}

func runSample(c *cli.Context) (err error) {
	if who := c.String("for"); who != "raters" {
		return &terminal.UsageError{Err: fmt.Errorf("--for %q is not known: rows are chosen for raters", who)}
	}
	if c.Int("n") < 1 {
		return &terminal.UsageError{Err: fmt.Errorf("-n %d chooses nothing: give a number from 1 on", c.Int("n"))}
	}
	read := sync.OnceValues(func() (*config.Config, error) { return configOf(c) }) // standard input can be read once
	rows, output, err := openRowsOf(c.Context, c, read)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	hide, err := keptByLabels(c, read, output)
	if err != nil {
		return err
	}
	s := &sample.Sample{By: sample.By(c.String("by")), N: c.Int("n"), Salt: c.String("salt"), Label: c.String("label"),
		Slices: listOf(c, "slice"), Show: listOf(c, "columns"), Hide: hide}
	chosen, err := s.Choose(c.Context, rows.Sources)
	if err != nil {
		return err
	}
	out := io.Writer(c.App.Writer)
	if file := c.String("output"); file != "" {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	if err := s.WriteTasks(c.Context, out, rows.Sources, chosen); err != nil {
		return err
	}
	of := ""
	if chosen.Slices > 0 {
		of = fmt.Sprintf(" in %d slices", chosen.Slices)
	}
	if chosen.From == 0 {
		of = fmt.Sprintf(": --by %s chooses among rows %s", s.By, candidates(s.By))
	}
	fmt.Fprintf(c.App.ErrWriter, "labeljoin: %d of %s%s\n", len(chosen.Rows), terminal.Count(chosen.From, "row"), of)
	return nil
}

// candidates says which rows can be chosen.
func candidates(by sample.By) string {
	switch by {
	case sample.ByUncertainty:
		return "with a score, on which there are no votes"
	case sample.ByDisagreement:
		return "on which raters disagree"
	}
	return "on which there are no votes"
}

// keptByLabels are the columns that are of labels, as far as the configuration and the output say: those in which
// labels keep something of their outcomes are among them. Files can be sampled without a configuration, but one that
// is named or there has to be readable: else raters would see what labels keep.
func keptByLabels(c *cli.Context, read func() (*config.Config, error), output *review.Output) ([]string, error) {
	cfg, err := read()
	file, ofFile := errors.AsType[*config.FileError](err)
	if ofFile && errors.Is(file, fs.ErrNotExist) && !c.IsSet("config") {
		cfg, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	var columns []string
	if output != nil {
		if columns, err = output.LabelColumns(); err != nil {
			return nil, err
		}
	}
	if cfg == nil && len(columns) == 0 && len(listOf(c, "columns")) == 0 {
		fmt.Fprintf(c.App.ErrWriter, "labeljoin: there is no configuration at %s, so it is not known which columns labels "+
			"keep of outcomes, and raters see them: name it with --config, or the columns with --columns\n", c.String("config"))
	}
	if cfg != nil {
		for i := range cfg.Labels {
			for _, column := range cfg.Labels[i].Columns {
				columns = append(columns, column.Name)
			}
		}
	}
	return columns, nil
}
