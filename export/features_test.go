package export

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

var testDay = events.At(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))

// A feature whose column is taken is said once, however many files it is in, and
// counted; so is a request with too many features.
func TestFeaturesAreSaidOnce(t *testing.T) {
	var text bytes.Buffer
	opts := options(vfs.NewMem())
	opts.FileRows, opts.Log = 1, slog.New(slog.NewJSONHandler(&text, nil))
	o := open(t, opts)
	defer o.Close()
	one := events.Value{Kind: events.ValueInt, Int: 1}
	for k := uint64(1); k <= 2; k++ {
		s, err := o.Stage(k)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			req, row := testRow(k, i)
			req.Features = append(req.Features, events.Field{Name: "Score", Value: one}, events.Field{Name: "clicked", Value: one})
			if i == 3 {
				for n := range 5000 {
					req.Features = append(req.Features, events.Field{Name: fmt.Sprint("w", n), Value: one})
				}
			}
			if err := s.Row(req, row); err != nil {
				t.Fatal(err)
			}
		}
		if _, unfit := s.Tallies(); unfit != 5003-4096 {
			t.Fatalf("%d values do not fit, want %d", unfit, 5003-4096)
		}
		if _, err := s.Commit(t.Context(), testCut(k, "n")); err != nil {
			t.Fatal(err)
		}
	}
	n := o.FeatureNotes()
	if len(n.Moved) != 2 || n.Moved[0] != (MovedFeature{Feature: "features.Score", Column: "feature_Score", Values: 8}) || n.Moved[1].Values != 8 || n.MovedValues != 16 {
		t.Errorf("notes %+v", n)
	}
	if n.DroppedValues != 2*(5003-4096) {
		t.Errorf("%d values dropped", n.DroppedValues)
	}
	for _, what := range []string{"features.Score", "features.clicked", "more features than the table has columns"} {
		if got := strings.Count(text.String(), what); got != 1 {
			t.Errorf("%q is said %d times:\n%s", what, got, text.String())
		}
	}
}

// However many features are moved, few are told of by name.
func TestFeatureNotesAreBounded(t *testing.T) {
	var text bytes.Buffer
	opts := options(vfs.NewMem())
	opts.Log = slog.New(slog.NewJSONHandler(&text, nil))
	o := open(t, opts)
	defer o.Close()
	s, err := o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	req, row := testRow(1, 0)
	for n := range 3000 {
		req.Features = append(req.Features, events.Field{Name: fmt.Sprint("item_", n), Value: events.Value{Kind: events.ValueInt, Int: 1}})
	}
	if err := s.Row(req, row); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), testCut(1, "n")); err != nil {
		t.Fatal(err)
	}
	if n := o.FeatureNotes(); len(n.Moved) != mostMoved || n.MovedValues != 3000 {
		t.Errorf("%d features are named, %d values counted", len(n.Moved), n.MovedValues)
	}
	if lines := strings.Count(text.String(), "\n"); lines != mostMoved+1 {
		t.Errorf("%d lines are logged", lines)
	}
}

// A commit of very many files with very many columns each has a manifest that is
// small, can be read again, and proves the files all the same.
func TestManifestOfVeryManyColumns(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 72,000 columns")
	}
	mem := vfs.NewMem()
	opts := options(mem)
	opts.FileRows = 1
	o := open(t, opts)
	s, err := o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	const files, features = 18, 4000
	cut := testCut(1, "n")
	for i := range files {
		req, row := testRow(1, i)
		req.TS = testDay
		for n := range features {
			name := fmt.Sprintf("%s_%d", strings.Repeat("x", 220), n)
			req.Features = append(req.Features, events.Field{Name: name, Value: events.Value{Kind: events.ValueInt, Int: 1}})
		}
		if err := s.Row(req, row); err != nil {
			t.Fatal(err)
		}
	}
	rows, unfit := s.Tallies()
	cut.Progress.Ledger.Rows, cut.Closed.Rows, cut.Progress.Ledger.Unfit = rows, rows, unfit
	if _, err := s.Commit(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := mem.Stat(manifests + "00000000000000000001.json")
	if err != nil || info.Size() > 20<<20 {
		t.Fatalf("the manifest has %d bytes: %v", info.Size(), err)
	}
	o = open(t, options(mem))
	defer o.Close()
	if v := verified(t, mem); !v.Sound() || v.Rows != files {
		t.Fatalf("verdict %+v", v)
	}
}

// The columns of features are told from those of labels, also where a label has the
// name that a feature had before.
func TestFeatureColumns(t *testing.T) {
	mem := vfs.NewMem()
	one := events.Value{Kind: events.ValueInt, Int: 1}
	for k, labels := range [][]joiner.Label{{{Name: "clicked"}}, {{Name: "clicked"}, {Name: "bought", Agg: joiner.AggMean}}} {
		opts := options(mem)
		opts.Labels, opts.Weight = labels, k == 1
		o := open(t, opts)
		s, err := o.Stage(uint64(k + 1))
		if err != nil {
			t.Fatal(err)
		}
		req, row := testRow(1, k)
		req.Features = []events.Field{{Name: "Bought", Value: one}, {Name: "x_ts", Value: one}, {Name: "reason", Value: one}}
		row.Cells = make([]joiner.Cell, len(labels))
		if err := s.Row(req, row); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Commit(t.Context(), testCut(uint64(k+1), "n")); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	a, err := OpenArchive(placeOf(mem), 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.FeatureColumns()
	want := map[string]bool{"bought": true, "x_ts": true, "feature_reason": true, "feature_bought": true}
	if err != nil || !maps.Equal(got, want) {
		t.Fatalf("features %v, want %v: %v", got, want, err)
	}
}
