package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/version"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:  "report",
		Usage: "make a page about the rows of a day",
		Description: "Writes one HTML file with everything in it to standard output: what has changed, the labels, the slices, and\n" +
			"every column beside the day before. It runs no script and loads nothing.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "out", Usage: "the output `DIR`, instead of the configuration's"},
			&cli.StringFlag{Name: "date", Usage: "the `DAY` of the requests (2026-11-23, in UTC)"},
			&cli.StringFlag{Name: "against", Value: "yesterday", Usage: "the `DAY` to compare with, if it is there"},
			&cli.StringFlag{Name: "schema",
				Usage: "the schema's `FILE`; without it, the schema is inferred from the day before"},
			&cli.StringSliceFlag{Name: "slice", Usage: "count each value of these `COLUMNS` too (a,b)"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if err := commandline.Required(c, "date"); err != nil {
				return err
			}
			dir, err := outputDirOf(c)
			if err != nil {
				return err
			}
			r := dayReport{dir: dir, date: c.String("date"), against: c.String("against"), slices: listOf(c, "slice"),
				windows: func(label string) time.Duration { return windowInUse(c, label) }}
			if file := c.String("schema"); file != "" {
				if r.schema, err = readSchema(file); err != nil {
					return err
				}
			}
			content, err := r.content(c.Context)
			if err != nil {
				return err
			}
			return page.Write(c.App.Writer, content)
		},
	}
}

// dayReport finds out what a page about a day shows.
type dayReport struct {
	dir, date, against string
	slices             []string
	schema             *tfmd.Schema                     // nil: that of the day before
	windows            func(label string) time.Duration // in use; 0: not known
}

func (r *dayReport) content(ctx context.Context) (*page.Content, error) {
	day, err := time.Parse(time.DateOnly, r.date)
	if err != nil {
		return nil, &terminal.UsageError{Err: fmt.Errorf("%q is no day: write it like 2026-11-23", r.date)}
	}
	if r.against == "yesterday" {
		r.against = day.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	c := &page.Content{Title: r.date, Version: version.Text()}
	if _, err := os.Stat(filepath.Join(r.dir, "data", "dt="+r.against)); err == nil {
		c.Against = r.against
	}
	if err := r.columns(ctx, c); err != nil {
		return nil, err
	}
	return c, r.labels(ctx, c)
}

// columns adds the statistics of both days, and what they say.
func (r *dayReport) columns(ctx context.Context, c *page.Content) error {
	o := stats.Options{Categorical: schema.Categorical(r.schema)}
	var before *tfmd.DatasetFeatureStatisticsList
	if c.Against != "" {
		own := o
		own.PinOwn = true
		rows, err := openDay(ctx, r.dir, c.Against, "")
		if err != nil {
			return err
		}
		if before, err = statsAndClose(ctx, rows, own); err != nil {
			return err
		}
		c.Before = before.Datasets[0]
		o.Pins = stats.PinsOf(c.Before)
	}
	rows, err := openDay(ctx, r.dir, r.date, "")
	if err != nil {
		return err
	}
	now, err := statsAndClose(ctx, rows, o)
	if err != nil {
		return err
	}
	c.Now = now.Datasets[0]
	if before != nil {
		c.Drifts = schema.Drifts(c.Before, c.Now)
	}
	s := r.schema
	if s == nil && before != nil {
		if s, err = schema.Infer(before, schema.DefaultTexts, true); err != nil {
			return err
		}
	}
	if s != nil {
		c.Anomalies, err = schema.Validate(now, s, schema.Against{Previous: before})
	}
	return err
}

// history is how many days a report compares labels with.
const history = 7

// labels adds the health of the labels, where there are any.
func (r *dayReport) labels(ctx context.Context, c *page.Content) error {
	report, table, err := dayHealth(ctx, r.dir, r.date, history, 20, health.Options{Slices: r.slices})
	if lacks := (*health.NoLabelsError)(nil); errors.As(err, &lacks) && lacks.Column == "" {
		return nil
	}
	if err != nil {
		return err
	}
	c.Health = report
	rows, err := openDay(ctx, r.dir, r.date, "")
	if err != nil {
		return err
	}
	cut, err := health.Cut(ctx, rows.Sources, table.Labels)
	if err = errors.Join(err, rows.Close()); err != nil {
		return err
	}
	for i, label := range table.Labels {
		c.Windows = append(c.Windows, table.Windows(i, r.windows(label), cut[i]))
	}
	if c.Against == "" {
		return nil
	}
	before, err := collectDay(ctx, r.dir, c.Against, health.Options{Labels: table.Labels})
	if lacks := (*health.NoLabelsError)(nil); errors.As(err, &lacks) {
		return nil // the labels were other ones then
	}
	if err == nil {
		c.Yesterday = health.NewReport(c.Against, before, nil, 20)
	}
	return err
}

// writePage writes a page about statistics alone into a file.
func writePage(file string, c *page.Content) error {
	var out bytes.Buffer
	if err := page.Write(&out, c); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}
