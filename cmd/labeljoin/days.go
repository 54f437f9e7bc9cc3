package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/export/shards"
)

func daysCommand() *cli.Command {
	return &cli.Command{
		Name:      "days",
		ArgsUsage: argsConfig,
		Usage:     "list the days of the output: rows, whether they are complete, and which version is exported",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "from", Usage: "the output `DIR` to read, instead of the configuration's"},
			&cli.BoolFlag{Name: "json", Usage: "the days as one JSON array"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			dir := cfg.Output.Dir
			if c.IsSet("from") {
				dir = c.String("from")
			}
			archive, err := openForExport(dir)
			if err != nil {
				return err
			}
			table, err := archive.Table()
			if err != nil {
				return err
			}
			opts, err := exportOptions(cfg)
			if err != nil {
				return err
			}
			days, err := shards.List(table, opts)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return json.NewEncoder(c.App.Writer).Encode(listedDays(days))
			}
			return printDays(c.App.Writer, listedDays(days))
		},
	}
}

// listedDay is a day as `days` prints it.
type listedDay struct {
	Day      string `json:"day"`
	Rows     int64  `json:"rows"` // in all revisions
	Complete bool   `json:"complete"`
	Expected string `json:"expected,omitempty"` // when it should be complete
	Version  string `json:"version,omitempty"`  // empty: it is not exported
	Exported int64  `json:"exported_rows"`
	// Positives are the rows, of those exported, in which each label is not 0.
	Positives map[string]int64 `json:"positives,omitempty"`
}

func listedDays(days []shards.ListedDay) []listedDay {
	out := make([]listedDay, 0, len(days))
	for i := range days {
		d := &days[i]
		l := listedDay{Day: d.Day, Rows: d.Rows, Complete: d.Ready}
		if !d.Ready && !d.Ended {
			l.Expected = d.Expected.String()
		}
		if m := d.Manifest; m != nil {
			l.Version, l.Exported, l.Positives = d.Version.String(), m.Counts.Written, map[string]int64{}
			for _, s := range m.Splits {
				for _, label := range s.Labels {
					l.Positives[label.Name] += label.Positive
				}
			}
		}
		out = append(out, l)
	}
	return out
}

func printDays(out io.Writer, days []listedDay) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "DAY\tROWS\tCOMPLETE\tVERSION\tEXPORTED\tPOSITIVES\n")
	for _, d := range days {
		complete, version, exported, positives := "yes", "-", "-", "-"
		switch {
		case !d.Complete && d.Expected != "":
			complete = "expected " + d.Expected
		case !d.Complete:
			complete = "no, and the log has ended"
		}
		if d.Version != "" {
			version, exported, positives = d.Version, fmt.Sprint(d.Exported), ""
			for _, name := range slices.Sorted(maps.Keys(d.Positives)) {
				positives += fmt.Sprintf("%s %d ", name, d.Positives[name])
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", d.Day, d.Rows, complete, version, exported, positives)
	}
	return w.Flush()
}
