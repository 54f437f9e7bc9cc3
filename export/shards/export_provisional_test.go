package shards

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestProvisional: rows with provisional labels are in an export that asks for them, where the row's
// newest revision is, in its split and with its weight; and in no other.
func TestProvisional(t *testing.T) {
	t.Parallel()
	fsys, rules := vfs.NewMem(), testRules()
	rules.Labels[1].Provisional = 10 * time.Minute
	var early, final []testRow
	for i := range 40 {
		row := testRow{id: fmt.Sprint("r", i), item: "i", user: "u", ts: testDay().Add(time.Duration(i) * time.Minute)}
		at := row
		at.stage, at.reason = 1, joiner.ReasonPending
		if i == 1 {
			at.reason = joiner.ReasonGap
		}
		early = append(early, at)
		row.revision, row.spent = 1, float64(i%2)
		if i == 0 {
			row.reason = joiner.ReasonWithdrawn
		}
		final = append(final, row)
	}
	writeLabels(t, fsys, rules.Labels, [][]testRow{early, final}, 100, events.MaxTime-1, nil)
	o := testOptions(fsys)
	o.Rules = rules
	if m := mustExport(t, o); m.Counts.Written != 39 || m.Counts.Replaced != 40 || m.Counts.Provisional != 0 {
		t.Errorf("not asked for: %+v", m.Counts)
	}
	o.Stage, o.Provisional, o.Refresh, o.Revision = true, true, true, true
	o.Sampling = Sampling{Negatives: 0.5}
	m := mustExport(t, o)
	by := map[string][]exported{}
	for _, row := range readShards(t, fsys, m) {
		by[row.id] = append(by[row.id], row)
	}
	both := int64(0)
	for id, rows := range by {
		switch {
		case id == "r0":
			t.Error("a row that was withdrawn is there")
		case id == "r1":
			if len(rows) != 1 {
				t.Errorf("of a row that a gap made unknown there are %d revisions", len(rows))
			}
		case len(rows) != 2 || rows[0].spent != 0 || rows[0].split != rows[1].split || rows[0].file != rows[1].file ||
			rows[0].weight != rows[1].weight:
			t.Errorf("%s: %+v", id, rows)
		default:
			both++
		}
	}
	c := m.Counts
	if left := c.Replaced + c.Withdrawn + c.Sampled; both == 0 || both != c.Provisional || c.Read != c.Written+left {
		t.Errorf("%d rows with a provisional revision, and the counts are %+v", both, c)
	}
	if !slices.ContainsFunc(m.Columns, func(f ColumnFacts) bool { return f.Name == "stage" }) {
		t.Error("there is no column stage")
	}
}
