package explain

import (
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// TestFormer: where the row that was written has something else than the label that is explained, because
// another configuration decided it, this is said; else nothing.
func TestFormer(t *testing.T) {
	cfg := &config.Config{Name: "feed"}
	row := func(item string, revision uint32, rules string, c joiner.Cell) export.Row {
		return export.Row{Stored: rowfile.Stored{Key: rowfile.Key{ItemID: item, Revision: revision},
			Labels: []joiner.Cell{c}}, Commit: export.Commit{Cut: joiner.Cut{Number: 7, RulesHash: rules}}}
	}
	null, one, now := joiner.Cell{Null: true}, joiner.Cell{Value: 1}, cfg.Fingerprint()
	for name, c := range map[string]struct {
		phase joiner.Phase
		rows  []export.Row
		want  string
	}{
		"the label is new": {joiner.PhaseCorrectable, []export.Row{row("a", 0, "other", null)},
			"Its row has null, which another configuration decided in commit 7"},
		"the same all the same":   {joiner.PhaseCorrectable, []export.Row{row("a", 0, "other", one)}, ""},
		"corrected since":         {joiner.PhaseCorrectable, []export.Row{row("a", 1, now, one), row("a", 0, "other", null)}, ""},
		"not corrected yet":       {joiner.PhaseCorrectable, []export.Row{row("a", 0, now, null)}, ""},
		"another item":            {joiner.PhaseCorrectable, []export.Row{row("b", 0, "other", null)}, ""},
		"it is not closed":        {joiner.PhaseOpen, []export.Row{row("a", 0, "other", null)}, ""},
		"nothing is written":      {joiner.PhaseCorrectable, nil, ""},
		"a commit without a hash": {joiner.PhaseCorrectable, []export.Row{row("a", 0, "", null)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := &describer{cfg: cfg, rules: &joiner.Rules{Labels: []joiner.Label{{Name: "clicked"}}}, rows: c.rows,
				report: &engine.RequestReport{Phase: c.phase}}
			got := d.former(&joiner.Row{Cells: []joiner.Cell{one}}, "a", 0)
			if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
				t.Errorf("it says %q, want %q", got, c.want)
			}
		})
	}
}
