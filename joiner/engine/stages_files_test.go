package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// files is an output of real files, in which a gap is declared.
type files struct {
	*export.Output
	gap events.Gap
}

func (f files) Stage(k uint64) (engine.Stage, error) { return f.Output.Stage(k) }

func (f files) Declared() ([]events.Gap, error) { return []events.Gap{f.gap}, nil }

// runInto is run with an output of real files, and returns the rows that they have then.
func (w *world) runInto(t *testing.T, fs vfs.FS, gap events.Gap) (rows []joiner.Written) {
	t.Helper()
	out, err := export.Open(export.Options{Bucket: bucket.NewDir(fs, "out"), Name: "test", RulesHash: w.hash,
		Labels: w.History.Rules.Labels, Stages: w.History.Rules.Stages})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	o := w.options(st, -1)
	o.Output = files{out, gap}
	if err := errors.Join(engine.New(o).Run(context.Background()), st.Close()); err != nil {
		t.Fatal(err)
	}
	for row, err := range out.Written(events.MinTime, 0, true) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// TestStagesInFiles has rows of an open request written at the end of two stages, with a label
// that is null because of a gap. Then rows wait for all labels, and the state is lost: the
// files tell what was written, and the close goes on from there.
func TestStagesInFiles(t *testing.T) {
	rules := stagedRules()
	hour := countLabel()
	hour.Name, hour.Window = "in_an_hour", time.Hour
	rules.Labels, rules.Stages = append(rules.Labels, hour), []time.Duration{30 * time.Minute, time.Hour}
	h := enginetest.Lines(rules)
	h.Request(0, "r")
	h.Heartbeats(40 * time.Minute)
	first := len(h.Events)
	h.Heartbeats(70 * time.Minute)
	second := len(h.Events)
	h.End()
	gap := events.Gap{ID: 1, From: h.At(time.Minute), To: h.At(2 * time.Minute),
		Kinds: [events.Kinds]bool{events.KindOutcome: true}}
	for name, read := range map[string][]int{"one stage": {first}, "two stages": {first, second}} {
		t.Run(name, func(t *testing.T) {
			w, fs := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1}), vfs.NewMem()
			w.Roll = engine.Roll{}
			whole := w.Logs[0]
			for i, n := range read {
				w.Logs[0] = whole[:n]
				rows := w.runInto(t, fs, gap)
				if last := rows[len(rows)-1]; len(rows) != i+1 || !last.Pending || last.Revision != uint32(i) {
					t.Fatalf("at the end of stage %d the files have %+v", i, rows)
				}
			}
			w.Logs[0], w.fs, w.hash, w.History.Rules.Stages = whole, vfs.NewCrashableMem(), "close", nil
			rows := w.runInto(t, fs, gap)
			if last := rows[len(rows)-1]; len(rows) != len(read)+1 || last.Pending || last.Revision != uint32(len(read)) {
				t.Errorf("after the close the files have %+v", rows)
			}
		})
	}
}
