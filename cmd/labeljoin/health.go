package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/review"
)

func healthCommand() *cli.Command {
	return &cli.Command{
		Name:  "health",
		Usage: "say how the labels of a day are: rates, calibration, and what has changed",
		Description: "Rates per label, slice and hour; scores against what happened; and alarms, where a change against the days before\n" +
			"is both certain (p < 1e-6) and large (more than 20 %).\n" +
			"Exit codes: 0 no alarm, 4 there are alarms.",
		Flags: []cli.Flag{
			configFileFlag(),
			fromFlag("out"),
			&cli.StringFlag{Name: "date", Usage: "the `DAY` of the requests (2026-11-23, in UTC)"},
			&cli.StringSliceFlag{Name: "slice", Usage: "count each value of these `COLUMNS` too (a,b)"},
			&cli.IntFlag{Name: "history", Value: review.HistoryDays,
				Usage: "compare with `N` days before; slow changes are looked for over at least 14"},
			&cli.IntFlag{Name: "least", Value: review.LeastRows, Usage: "leave out slices of fewer than `N` rows"},
			&cli.BoolFlag{Name: "json", Usage: "as one JSON object"},
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
			h := review.Health{Output: o, Date: c.String("date"), History: c.Int("history"),
				Least: uint64(max(c.Int("least"), 0)), Features: true, Options: health.Options{Slices: listOf(c, "slice")}}
			r, _, err := h.Report(c.Context)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				err = json.NewEncoder(c.App.Writer).Encode(r)
			} else {
				err = r.Print(c.App.Writer)
			}
			if err == nil && len(r.Alarms) > 0 {
				err = &anomaliesError{r.Day, len(r.Alarms)}
			}
			return err
		},
	}
}

func windowCommand() *cli.Command {
	return &cli.Command{
		Name:        "window",
		Usage:       "say what a shorter window would lose",
		ArgsUsage:   argsRows,
		Description: "Of the outcomes that decided a label: how late they came, what part a shorter window would not find, and whether\nthey still come when the window ends.",
		Flags: append(rowFlags(),
			&cli.StringFlag{Name: "label", Usage: "the `LABEL` (default: every one)"},
			&cli.DurationFlag{Name: "window", Usage: "the `WINDOW` in use, like 30m",
				DefaultText: "the configuration's, or the longest delay"},
			&cli.BoolFlag{Name: "json", Usage: "as one JSON array"},
		),
		OnUsageError: onUsageError,
		Action:       runWindow,
	}
}

func runWindow(c *cli.Context) (err error) {
	rows, err := openRows(c.Context, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	o := health.Options{}
	if label := c.String("label"); label != "" {
		o.Labels = []string{label}
	}
	t, err := health.Collect(c.Context, rows.Sources, o)
	if err != nil {
		return err
	}
	cut, err := health.Cut(c.Context, rows.Sources, t.Labels)
	if err != nil {
		return err
	}
	var all []health.Sufficiency
	for i, label := range t.Labels {
		all = append(all, t.Windows(i, windowInUse(c, label), cut[i]))
	}
	if c.Bool("json") {
		return json.NewEncoder(c.App.Writer).Encode(all)
	}
	for i := range all {
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		if err := all[i].Print(c.App.Writer); err != nil {
			return err
		}
	}
	return nil
}

// windowInUse is what the command line or the configuration says; 0: nothing.
func windowInUse(c *cli.Context, label string) time.Duration {
	if w := c.Duration("window"); w > 0 || c.String("from") != "" || c.NArg() > 0 {
		return w
	}
	cfg, err := configOf(c)
	if err != nil {
		return 0
	}
	for _, l := range cfg.Labels {
		if l.Name == label {
			return l.Window.Std()
		}
	}
	return 0
}
