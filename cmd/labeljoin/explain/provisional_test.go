package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// TestProvisional: of a label that is not decided it is said when a row has a provisional value, or which
// one the newest row has; of a final one nothing.
func TestProvisional(t *testing.T) {
	rules := joiner.Rules{Labels: []joiner.Label{{Name: "bought", Agg: joiner.AggSum, Window: 2 * time.Hour,
		Provisional: time.Hour}}}
	row := func(item string, revision uint32, value float64) export.Row {
		return export.Row{Stored: rowfile.Stored{Key: rowfile.Key{ItemID: item, Revision: revision},
			Labels: []joiner.Cell{{Value: value}}}}
	}
	written := []export.Row{row("a", 0, 1), row("b", 2, 7), row("a", 1, 3)}
	ts := events.At(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	for name, c := range map[string]struct {
		watermark time.Duration
		phase     joiner.Phase
		rows      []export.Row
		want      string
	}{
		"before the age": {time.Hour, joiner.PhaseOpen, nil,
			"is written when the watermark passes 2026-11-22T11:00:00Z"},
		"no commit yet":          {time.Hour + 1, joiner.PhaseOpen, nil, "no row with a value is written yet"},
		"the newest row has one": {time.Hour + 1, joiner.PhaseOpen, written, "Its provisional value is 3, in revision 1."},
		"final":                  {2*time.Hour + 1, joiner.PhaseCorrectable, written, ""},
	} {
		t.Run(name, func(t *testing.T) {
			report := &engine.RequestReport{Request: events.Request{TS: ts}, Phase: c.phase}
			report.Stats.Watermark = ts.Add(c.watermark)
			d := &describer{rules: &rules, report: report, rows: c.rows}
			got := d.provisional(&joiner.Row{Cells: []joiner.Cell{{}}}, "a", 0)
			if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
				t.Errorf("it says %q, want %q", got, c.want)
			}
		})
	}
}
