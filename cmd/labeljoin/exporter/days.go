package exporter

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/shards"
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
	// Positives are the rows, of those exported, in which each label is not 0.
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
		version, exported, positives := "-", "-", "-"
		if d.Foreign != "" {
			version = d.Foreign + " of another output"
		}
		if d.Version != "" {
			version, exported, positives = d.Version, fmt.Sprint(d.Exported), ""
			for _, name := range slices.Sorted(maps.Keys(d.Positives)) {
				positives += fmt.Sprintf("%s %d ", name, d.Positives[name])
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", d.Day, d.Rows, d.words, version, exported, positives)
	}
	return w.Flush()
}
