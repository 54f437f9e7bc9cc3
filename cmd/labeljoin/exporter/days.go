package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
	"github.com/labeljoin/labeljoin/joiner"
)

// listedDay is a day as `days` prints it.
type listedDay struct {
	Day      string `json:"day"`
	Rows     int64  `json:"rows"` // in all revisions
	Complete bool   `json:"complete"`
	Expected string `json:"expected,omitempty"` // when it should be complete
	// Overdue says that it should be by now, and Waits what it waits for.
	Overdue  bool   `json:"overdue,omitempty"`
	Waits    string `json:"waits_for,omitempty"`
	Version  string `json:"version,omitempty"` // empty: it is not exported
	Exported int64  `json:"exported_rows"`
	// Foreign is a version that was made of another output's rows, under the same name.
	Foreign string `json:"other_outputs_version,omitempty"`
	// Positives are the rows, of those exported, in which each label is not 0. Of a day that is not
	// exported they are those of CountPositives, if it was called.
	Positives map[string]int64 `json:"positives,omitempty"`

	words string // whether it is complete
}

// ListedDays are the days as they are printed, at a time.
func ListedDays(days []shards.ListedDay, now events.Time) []listedDay {
	out := make([]listedDay, 0, len(days))
	for i := range days {
		d := &days[i]
		l := listedDay{Day: d.Day, Rows: d.Rows, Complete: d.Ready, words: d.Words(now)}
		if !d.Ready && !d.Ended {
			l.Expected, l.Overdue, l.Waits = d.Expected.String(), d.Overdue(now), d.Waits()
		}
		if d.Foreign {
			l.Foreign = d.Version.String()
		} else if m := d.Manifest; m != nil {
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

// PrintDays prints days as a table.
func PrintDays(out io.Writer, days []listedDay) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "DAY\tROWS\tCOMPLETE\tVERSION\tEXPORTED\tPOSITIVES\n")
	for _, d := range days {
		version, exported, positives := "-", "-", positivesOf(&d)
		if d.Foreign != "" {
			version = d.Foreign + " of another output"
		}
		if d.Version != "" {
			version, exported = d.Version, fmt.Sprint(d.Exported)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", d.Day, d.Rows, d.words, version, exported, positives)
	}
	return w.Flush()
}

func positivesOf(d *listedDay) string {
	if d.Positives == nil {
		return "-"
	}
	text := ""
	for _, name := range slices.Sorted(maps.Keys(d.Positives)) {
		text += fmt.Sprintf("%s %d ", name, d.Positives[name])
	}
	return text
}

// CountPositives reads the rows of the days that are not exported, and counts the positives of labels among the
// newest revisions.
func CountPositives(ctx context.Context, output *review.Output, labels []joiner.Label, days []listedDay) error {
	for i := range days {
		d := &days[i]
		if d.Version != "" {
			continue
		}
		var err error
		if d.Positives, err = countPositives(ctx, output, labels, d.Day); err != nil {
			return err
		}
	}
	return nil
}

func countPositives(ctx context.Context, output *review.Output, labels []joiner.Label,
	day string) (_ map[string]int64, err error) {
	rows, err := output.Day(ctx, day, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := stats.ColumnNames(rows.Sources)
	if err != nil {
		return nil, err
	}
	o := health.Options{Scores: &tfmd.FeatureNameStatistics{}} // scores are not looked at
	for i := range labels {
		if slices.Contains(columns, labels[i].Name) { // else the day is older than the label
			o.Labels = append(o.Labels, labels[i].Name)
		}
	}
	positives := map[string]int64{}
	if len(o.Labels) == 0 {
		return positives, nil
	}
	table, err := health.Collect(ctx, rows.Sources, o)
	if err != nil {
		return nil, err
	}
	for key, cell := range table.Cells {
		for i, label := range table.Labels {
			if key.Slice == health.All {
				positives[label] += int64(cell.Labels[i].Positive)
			}
		}
	}
	return positives, nil
}
