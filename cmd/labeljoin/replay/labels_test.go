package replay_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket/s3/s3test"
	"github.com/labeljoin/labeljoin/export/diff"
)

const (
	oneLabel  = "labels:\n  clicked: {when: 'type == \"click\"', window: 30m}\n"
	twoLabels = oneLabel + "  bought: {when: 'type == \"buy\"', window: 2h, value: sum}\n  gain: {of: 'bought * 2'}\n"
)

// TestLabelOverOldDays writes labels over days that are there: all else stays as it is, and the rows
// are those of a replay that has the labels from the beginning.
func TestLabelOverOldDays(t *testing.T) {
	for name, more := range map[string]string{"all rows": "", "sampled": "join: {window: 2h, sample_negatives: 0.4}\n"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := traffic(2)
			l.request("quiet", noon.Add(time.Hour)) // no outcome
			old := l.written(t, dir, configured(t, dir, more+oneLabel))
			old.Complete = true
			if got := run(t, old); got.err != nil {
				t.Fatal(got.err)
			}
			whole := l.written(t, dir, configured(t, dir, more+twoLabels))
			whole.Complete, whole.Out = true, filepath.Join(dir, "whole")
			if got := run(t, whole); got.err != nil {
				t.Fatal(got.err)
			}
			before := l.written(t, dir, configured(t, dir, more+oneLabel))
			before.Complete, before.Out = true, filepath.Join(dir, "before")
			if got := run(t, before); got.err != nil {
				t.Fatal(got.err)
			}
			r := l.written(t, dir, configured(t, dir, more+twoLabels))
			r.Complete, r.Labels = true, []string{"bought", "gain"}
			got := run(t, r)
			if got.err != nil {
				t.Fatal(got.err)
			}
			sameRows(t, whole.Out, r.Out)
			result, err := diff.Compare(t.Context(), before.Out, r.Out,
				diff.Options{Ignore: []string{"bought", "bought_ts", "gain", "gain_ts"}})
			if err != nil || !result.Same() || result.RowsA < 50 {
				t.Errorf("other values changed: %v\n%s", err, result)
			}
			soundWith(t, r, map[string]string{"bought": "double", "bought_ts": "timestamp", "gain": "double"})
		})
	}
}

// soundWith verifies an output, and that its table has columns.
func soundWith(t *testing.T, r *replay.Replay, want map[string]string) {
	t.Helper()
	b, err := place.Of(t.Context(), r.Config, r.Out)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := export.OpenArchive(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := archive.Verify(t.Context(), export.VerifyOptions{}); err != nil || !v.Sound() {
		t.Errorf("verify: %+v: %v", v.Findings, err)
	}
	state, err := archive.Log().State()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range state.Schema() {
		if typ, ok := want[c.Name]; ok && strings.HasPrefix(c.Type, typ) && c.Kind == "label" {
			delete(want, c.Name)
		}
	}
	if len(want) > 0 {
		t.Errorf("the table lacks %v: %+v", want, state.Schema())
	}
}

// TestLabelOverSomeDays writes a label over one day, in a store, and again with another definition.
func TestLabelOverSomeDays(t *testing.T) {
	store, dir := s3test.New(t), t.TempDir()
	l := traffic(1)
	r := l.written(t, dir, configured(t, dir, inStore(t, store)+oneLabel))
	r.Out, r.Complete = "s3://rows/feed", true
	if got := run(t, r); got.err != nil {
		t.Fatal(got.err)
	}
	again := func(labels string) {
		t.Helper()
		r := l.written(t, dir, configured(t, dir, inStore(t, store)+labels))
		r.Out, r.Complete, r.Labels = "s3://rows/feed", true, []string{"bought"}
		r.From, r.To = events.At(noon.Add(12*time.Hour)), events.MaxTime
		if got := run(t, r); got.err != nil {
			t.Fatal(got.err)
		}
	}
	bought := func(want map[string]float64) {
		t.Helper()
		b, err := place.Of(t.Context(), r.Config, r.Out)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := export.OpenArchive(b, 0)
		if err != nil {
			t.Fatal(err)
		}
		for id, value := range want {
			rows, err := archive.Rows(id, events.MinTime, events.MaxTime, []string{"bought", "clicked"})
			if err != nil || len(rows) != 1 || rows[0].Labels[1].Value != 1 || rows[0].Labels[0].Null != (value < 0) ||
				value >= 0 && rows[0].Labels[0].Value != value {
				t.Errorf("%s: %+v, want %v: %v", id, rows, value, err)
			}
		}
	}
	again(oneLabel + "  bought: {when: 'type == \"buy\"', window: 2h, value: sum}\n")
	bought(map[string]float64{"r00140": -1, "r00150": 2.5, "r00151": 0})
	again(oneLabel + "  bought: {when: 'type == \"buy\"', window: 2h, value: 'sum(value * 2)'}\n")
	bought(map[string]float64{"r00140": -1, "r00150": 5, "r00151": 0})
}

// TestLabelsAreRefused where the days would not be what they should be.
func TestLabelsAreRefused(t *testing.T) {
	dir := t.TempDir()
	l := traffic(2)
	old := l.written(t, dir, configured(t, dir, oneLabel))
	old.Complete = true
	if got := run(t, old); got.err != nil {
		t.Fatal(got.err)
	}
	half := &logs{}
	for i := range 288 { // every other request
		id, at := fmt.Sprintf("r%05d", 2*i), noon.Add(time.Duration(2*i)*5*time.Minute)
		half.request(id, at)
		half.outcome(id, "click", at.Add(time.Minute))
		half.outcome(id, "buy", at.Add(time.Minute))
	}
	for name, c := range map[string]struct {
		logs *logs
		with func(r *replay.Replay)
		says string
	}{
		"requests are missing":    {half, func(r *replay.Replay) {}, "are of no request in the logs"},
		"the outcomes end before": {l, func(r *replay.Replay) { r.Complete = false }, "are incomplete"},
		"no such label":           {l, func(r *replay.Replay) { r.Labels = []string{"bougth"} }, "did you mean bought"},
		"no output":               {l, func(r *replay.Replay) { r.Out = filepath.Join(dir, "none") }, "holds no commits"},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.logs.written(t, t.TempDir(), configured(t, dir, twoLabels))
			r.Complete, r.Labels = true, []string{"bought"}
			c.with(r)
			if got := run(t, r); got.err == nil || !strings.Contains(got.err.Error(), c.says) {
				t.Errorf("it says %v", got.err)
			}
		})
	}
	for name, r := range map[string]*replay.Replay{
		"with --replace":   {Labels: []string{"x"}, Replace: true},
		"with --partition": {Labels: []string{"x"}, Parts: 3, From: events.MinTime, To: events.MaxTime},
		"part of a day":    {Labels: []string{"x"}, From: 5, To: events.MaxTime},
	} {
		t.Run(name, func(t *testing.T) {
			if err := r.CheckReplace(); err == nil || !strings.Contains(err.Error(), "--labels") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	r := l.written(t, t.TempDir(), configured(t, dir, strings.Replace(twoLabels, "clicked:", "wide:", 1)))
	r.Complete, r.Labels, r.Out = true, []string{"wide"}, old.Out
	r.Config.Output.Dir = old.Out
	if got := run(t, r); got.err != nil {
		t.Error(got.err)
	}
	fits := (*export.NewColumnsError)(nil)
	r = l.written(t, t.TempDir(),
		configured(t, dir, "labels:\n  clicked: {when: 'type == \"click\"', window: 30m, value: sum}\n"))
	r.Complete, r.Labels = true, []string{"clicked"}
	if got := run(t, r); !errors.As(got.err, &fits) {
		t.Errorf("another type is taken: %v", got.err)
	}
}

// TestReplaceBringsColumns computes days again with a label that the table does not have.
func TestReplaceBringsColumns(t *testing.T) {
	dir := t.TempDir()
	l := traffic(1)
	old := l.written(t, dir, configured(t, dir, oneLabel))
	old.Complete = true
	if got := run(t, old); got.err != nil {
		t.Fatal(got.err)
	}
	whole := l.written(t, dir, configured(t, dir, twoLabels))
	whole.Complete, whole.Out = true, filepath.Join(dir, "whole")
	if got := run(t, whole); got.err != nil {
		t.Fatal(got.err)
	}
	r := l.written(t, dir, configured(t, dir, twoLabels))
	r.Complete, r.Replace = true, true
	if got := run(t, r); got.err != nil {
		t.Fatal(got.err)
	}
	sameRows(t, whole.Out, r.Out)
	soundWith(t, r, map[string]string{"bought": "double", "bought_ts": "timestamp", "gain": "double"})
}
