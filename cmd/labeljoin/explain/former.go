package explain

import (
	"fmt"

	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
)

// newest is the row of an item that was written last; nil if there is none.
func (t *describer) newest(item string) (last *export.Row) {
	for i := range t.rows {
		if r := &t.rows[i]; r.ItemID == item && (last == nil || r.Revision >= last.Revision) {
			last = r
		}
	}
	return last
}

// former says what the row of an item has for a label, where another configuration decided it otherwise. What is
// explained is always what the present configuration makes of the events.
func (t *describer) former(row *joiner.Row, item string, label int) string {
	last := t.newest(item)
	if t.report.Phase == joiner.PhaseOpen || last == nil {
		return ""
	}
	written, now, rules := &last.Labels[label], &row.Cells[label], last.Commit.Cut.RulesHash
	same := written.Null == now.Null && (now.Null || written.Value == now.Value)
	if same || rules == "" || rules == t.cfg.Fingerprint() {
		return ""
	}
	return fmt.Sprintf(" Its row has %s, which another configuration decided in commit %d: `labeljoin replay --labels %s` writes it anew.",
		shownValue(written), last.Commit.Cut.Number, t.rules.Labels[label].Name)
}
