package review_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
	"github.com/labeljoin/labeljoin/joiner"
)

const sameDay = "2026-11-21"

// anyRow is a request with features of every type, and whether it was clicked in the end.
type anyRow struct {
	req     events.Request
	clicked bool
	again   bool // it was written without the click first
}

// anyRows are random rows of a day.
func anyRows(rng *rand.Rand, n int) (rows []anyRow) {
	text := func(s string) events.Value { return events.Value{Kind: events.ValueString, Str: s} }
	double := func(x float64) events.Value { return events.Value{Kind: events.ValueDouble, Float: x} }
	whole := func(x int64) events.Value { return events.Value{Kind: events.ValueInt, Int: x} }
	for i := range n {
		r := anyRow{clicked: rng.IntN(5) == 0}
		r.again = r.clicked && rng.IntN(3) == 0
		tags := []events.Value{text(fmt.Sprint("tag", rng.IntN(20))), text("\xff"), {}}
		list := []events.Value{double(rng.Float64()), double(0.5), {}}
		r.req = events.Request{ID: fmt.Sprintf("r%05d", i), TS: start(sameDay).Add(time.Duration(i) * 20 * time.Second),
			Model: "ranker", UserID: fmt.Sprint("u", rng.IntN(50)), Features: []events.Field{
				{Name: "device", Value: text([]string{"phone", "tv", "\xff"}[rng.IntN(3)])},
				{Name: "price", Value: double(rng.NormFloat64())},
				{Name: "age", Value: whole(rng.Int64N(80))},
				{Name: "bytes", Value: whole(rng.Int64() - 1<<62)},
				{Name: "logged_in", Value: events.Value{Kind: events.ValueBool, Int: rng.Int64N(2)}},
				{Name: "query", Value: text(fmt.Sprint("words ", rng.IntN(1<<30)))},
				{Name: "vector", Value: events.Value{Kind: events.ValueList, List: list[:rng.IntN(4)]}},
				{Name: "near", Value: double(rng.NormFloat64())},
				{Name: "around", Value: events.Value{Kind: events.ValueList, List: list[:rng.IntN(4)]}},
				{Name: "tags", Value: events.Value{Kind: events.ValueList, List: tags[:rng.IntN(4)]}},
			}}
		r.req.Features = slices.DeleteFunc(r.req.Features, func(events.Field) bool { return rng.IntN(9) == 0 })
		rows = append(rows, r)
	}
	return rows
}

// put writes the rows as a joiner does: each as it stands first, and those that were corrected afterwards again.
func (o *output) put(rows []anyRow, corrections bool) {
	o.t.Helper()
	s := o.stage(nil)
	add := func(r *anyRow, revision uint32, clicked bool, reason joiner.Reason) {
		cell := joiner.Cell{TS: events.MinTime}
		if clicked {
			cell = joiner.Cell{Value: 1, TS: r.req.TS.Add(time.Minute)}
		}
		row := &joiner.Row{Item: -1, Cells: []joiner.Cell{cell}, Weight: 1, Revision: revision, Reason: reason}
		if err := s.Row(&r.req, row); err != nil {
			o.t.Fatal(err)
		}
	}
	for i := range rows {
		r := &rows[i]
		switch {
		case !corrections:
			add(r, 0, r.clicked, joiner.ReasonClosed)
		case r.again:
			add(r, 0, false, joiner.ReasonClosed)
			add(r, 1, true, joiner.ReasonCorrected)
		default:
			add(r, 0, r.clicked, joiner.ReasonClosed)
		}
	}
	o.finish(s)
}

// counts is a reviewer that counts columns with several options, and compares what it finds with the files.
type counts struct {
	t        *testing.T
	options  []stats.Options
	counters []*stats.Counter
	found    []*tfmd.DatasetFeatureStatisticsList
}

func (c *counts) begin(d *shards.Draft) (shards.Reviewer, error) {
	var columns []rowfile.Column
	for _, column := range d.Columns {
		columns = append(columns, column.Column)
	}
	for _, o := range c.options {
		c.counters = append(c.counters, stats.NewCounter(columns, o))
	}
	return c, nil
}

func (c *counts) Take(column int, values *colfile.Column) {
	for _, counter := range c.counters {
		counter.Take(column, values)
	}
}

func (c *counts) Look(ctx context.Context, d *shards.Draft) (*shards.Reviewed, error) {
	files := &stats.Files{}
	for i := range d.Files {
		r, err := d.Open(&d.Files[i])
		if err != nil {
			return nil, err
		}
		files.Add(d.Files[i].Path, r, r.Size())
	}
	for i, counter := range c.counters {
		got, err := counter.Of(ctx, files.Sources)
		if err != nil {
			return nil, err
		}
		want, err := stats.Of(ctx, files.Sources, c.options[i])
		if err != nil {
			return nil, err
		}
		c.found = append(c.found, got.Statistics)
		compare(c.t, fmt.Sprintf("counted with %+v", c.options[i]), got.Statistics, want.Statistics)
	}
	return &shards.Reviewed{}, files.Close()
}

// compare reports columns whose statistics differ, and those that only what is wanted has.
func compare(t *testing.T, what string, got, want *tfmd.DatasetFeatureStatisticsList) {
	t.Helper()
	a, b := got.Datasets[0], want.Datasets[0]
	if a.NumExamples != b.NumExamples {
		t.Errorf("%s: %d rows, want %d", what, a.NumExamples, b.NumExamples)
	}
	byName := map[string]*tfmd.FeatureNameStatistics{}
	for _, f := range a.Features {
		byName[stats.NameOf(f)] = f
	}
	for _, f := range b.Features {
		if !proto.Equal(byName[stats.NameOf(f)], f) {
			t.Errorf("%s: column %q differs:\n%v\nwant\n%v", what, stats.NameOf(f), byName[stats.NameOf(f)], f)
		}
	}
}

// TestADayHasTheSameStatistics: as a live joiner writes it in commits and corrects it, as a replay writes it, and
// as it is exported, counted while the files are written and from the files.
func TestADayHasTheSameStatistics(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	rows := anyRows(rng, 3000)
	single := []export.Feature{{Name: "near", Type: "float32"}, {Name: "around", Type: "list<float32>"}}
	live, replayed := newOutput(t, single...), newOutput(t, single...)
	for chunk := range slices.Chunk(rows, 700) {
		live.put(chunk, true)
	}
	shuffled := slices.Clone(rows)
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	replayed.put(shuffled, false)
	asWritten := without(statistics(t, live.dir, sameDay), "revision", "reason")
	compare(t, "replayed", statistics(t, replayed.dir, sameDay), asWritten)
	archive, err := export.OpenArchive(bucket.NewDir(vfs.Default, live.dir), 0)
	if err != nil {
		t.Fatal(err)
	}
	table, err := archive.Table()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ workers, shards int }{"one file": {1, 1}, "five files": {2, 5}} {
		t.Run(name, func(t *testing.T) {
			pins := map[string][]float64{"price": {-1, 0, 1}, "age": {10, 20}}
			seen := &counts{t: t, options: []stats.Options{{PinOwn: true}, {PinNext: true, Pins: pins},
				{Hold: 1 << 10}, {Hold: 40_000}, {Hold: 400_000}, {Categorical: []string{"age"},
					Columns: []string{"age", "device"}}}}
			e, err := shards.New(archive, shards.Options{FS: vfs.Default, Out: t.TempDir(), Name: "feed", Rules: rules(),
				Settled: true, Splits: shards.Splits{Eval: 0.2}, Shards: c.shards, Workers: c.workers, GroupBytes: 1 << 16,
				Review: seen.begin})
			if err != nil {
				t.Fatal(err)
			}
			_, err = e.Day(t.Context(), table, start(sameDay))
			if err := errors.Join(err, e.Close()); err != nil {
				t.Fatal(err)
			}
			compare(t, "exported", seen.found[0], without(asWritten, "clicked_ts"))
		})
	}
}

// without are statistics without some columns.
func without(list *tfmd.DatasetFeatureStatisticsList, columns ...string) *tfmd.DatasetFeatureStatisticsList {
	list = proto.CloneOf(list)
	d := list.Datasets[0]
	d.Features = slices.DeleteFunc(d.Features,
		func(f *tfmd.FeatureNameStatistics) bool { return slices.Contains(columns, stats.NameOf(f)) })
	return list
}
