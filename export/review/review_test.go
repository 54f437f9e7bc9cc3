package review_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/export/tfmd"
	"github.com/labeljoin/labeljoin/joiner"
)

func rules() *joiner.Rules {
	return &joiner.Rules{Labels: []joiner.Label{{Name: "clicked", Window: 30 * time.Minute}}, Corrections: time.Hour}
}

func start(day string) events.Time {
	t, err := events.ParseDay(day)
	if err != nil {
		panic(err)
	}
	return t
}

// made is a row of a test's output.
type made struct {
	id       int
	at       events.Time
	revision uint32
	clicked  bool
	device   string
	times    float64 // what the price is multiplied by; 0: nothing
}

// output is an output in a directory, to which commits are added.
type output struct {
	t   *testing.T
	dir string
	out *export.Output
	n   uint64
	// closed is the time before which requests are closed; 0: that of all rows.
	closed  events.Time
	ledger  joiner.Ledger  // as it stands
	orphans joiner.Orphans // of each commit
}

// counter counts the rows of a commit.
func counter() tablelog.Sink {
	c := health.NewCounter([]string{"clicked"}, nil)
	c.Features = true
	return c
}

func newOutput(t *testing.T, declared ...export.Feature) *output {
	o := &output{t: t, dir: filepath.Join(t.TempDir(), "labeled")}
	var err error
	if o.out, err = export.Open(export.Options{Bucket: bucket.NewDir(vfs.Default, o.dir), Name: "feed", RulesHash: "abc",
		Labels: rules().Labels, Statistics: counter, Features: declared}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.out.Close() }) // closed before in some tests
	return o
}

func (o *output) stage(rows []made) *export.Stage {
	o.t.Helper()
	o.n++
	s, err := o.out.Stage(o.n)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, r := range rows {
		req := &events.Request{ID: fmt.Sprint("r", r.id), TS: r.at, Features: []events.Field{
			{Name: "device", Value: events.Value{Kind: events.ValueString, Str: r.device}},
			{Name: "price", Value: events.Value{Kind: events.ValueDouble, Float: max(r.times, 1) * (float64(r.id%17) + 0.5)}},
		}}
		cell := joiner.Cell{TS: events.MinTime}
		if r.clicked {
			cell = joiner.Cell{Value: 1, TS: r.at.Add(time.Minute)}
		}
		row := &joiner.Row{Item: -1, Cells: []joiner.Cell{cell}, Weight: 1, Revision: r.revision, Reason: joiner.ReasonClosed}
		if r.revision > 0 {
			row.Reason = joiner.ReasonCorrected
		}
		if err := s.Row(req, row); err != nil {
			o.t.Fatal(err)
		}
	}
	return s
}

func (o *output) commit(rows []made) {
	o.t.Helper()
	o.finish(o.stage(rows))
}

// finish commits what was staged.
func (o *output) finish(s *export.Stage) {
	o.t.Helper()
	closed := o.closed
	if closed == 0 {
		closed = start("2027-01-01")
	}
	_, err := s.Commit(context.Background(), &joiner.Cut{
		Number: o.n, Nonce: fmt.Sprint("nonce", o.n), RulesHash: "abc", MaxEvent: start("2027-01-01"),
		From: []events.Position{{Input: "S", Created: 5, Next: o.n * 10}},
		Progress: joiner.Progress{
			Commit: o.n, Clock: joiner.NewClock(), ClosedThrough: closed, PublishedThrough: start("2027-01-01"),
			Inputs: []events.Position{{Input: "S", Created: 5, Next: o.n*10 + 10}}, Ledger: o.ledger,
		},
		Orphans: o.orphans,
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// day makes n rows of a day, of which one in ten is clicked.
func day(name string, n int, device func(i int) string) (rows []made) {
	for i := range n {
		rows = append(rows, made{id: i, at: start(name).Add(time.Duration(i) * time.Second), clicked: i%10 == 0, device: device(i)})
	}
	return rows
}

func phones(i int) string { return []string{"phone", "tv"}[i%2] }

func statistics(t *testing.T, dir, day string) *tfmd.DatasetFeatureStatisticsList {
	t.Helper()
	o, err := review.Open(bucket.NewDir(vfs.Default, dir))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := o.Day(t.Context(), day, "")
	if err != nil {
		t.Fatal(err)
	}
	list, err := review.Statistics(t.Context(), rows, stats.Options{PinOwn: true})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestDayIsTheTable: what a day's rows say is the same before its files are merged, afterwards, and
// while a commit is being written, of which nothing counts yet.
func TestDayIsTheTable(t *testing.T) {
	const name = "2026-11-21"
	o := newOutput(t)
	rows := day(name, 600, phones)
	for i := range 6 {
		o.commit(rows[100*i : 100*i+100])
	}
	corrected := rows[7]
	corrected.revision, corrected.clicked = 1, true
	o.commit([]made{corrected})
	o.commit(day("2026-11-22", 10, phones))
	before := statistics(t, o.dir, name)
	if n := before.Datasets[0].NumExamples; n != 600 {
		t.Errorf("there are %d rows, want 600: a corrected row is one row", n)
	}
	for _, f := range before.Datasets[0].Features {
		if stats.NameOf(f) == "clicked" && f.GetNumStats().Mean != 61.0/600 {
			t.Errorf("the mean of clicked is %v, want %v", f.GetNumStats().Mean, 61.0/600)
		}
	}
	s := o.stage(day(name, 50, phones))
	if during := statistics(t, o.dir, name); !proto.Equal(before, during) {
		t.Error("a commit that is being written changes the day")
	}
	s.Abort()
	o.n--
	k, err := export.OpenKeeper(bucket.NewDir(vfs.Default, o.dir), 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done, err := k.Compact(t.Context(), export.CompactOptions{Before: "2026-11-22"})
	if err := errors.Join(err, k.Close()); err != nil {
		t.Fatal(err)
	}
	if after := statistics(t, o.dir, name); !proto.Equal(before, after) {
		t.Errorf("merging files changes the day: %+v", done)
	}
	// A file that no commit knows is no part of the table.
	stray := filepath.Join(o.dir, "data", "dt="+name, "p0000-00000000000000000099-000.parquet")
	if err := os.WriteFile(stray, []byte("no Parquet"), 0o644); err != nil {
		t.Fatal(err)
	}
	if after := statistics(t, o.dir, name); !proto.Equal(before, after) {
		t.Error("a stray file changes the day")
	}
	output, err := review.Open(bucket.NewDir(vfs.Default, o.dir))
	if err != nil {
		t.Fatal(err)
	}
	var none *review.NoRowsError
	if _, err := output.Day(t.Context(), "2026-11-29", ""); !errors.As(err, &none) {
		t.Errorf("a day without rows gives %v", err)
	}
	if there, err := output.Has(name); err != nil || !there {
		t.Errorf("Has: %v, %v", there, err)
	}
	if of, err := output.LabelColumns(); err != nil || !slices.Equal(of, []string{"clicked", "clicked_ts"}) {
		t.Errorf("the columns of labels are %q, %v", of, err)
	}
}

// TestDayThatGoesOn: hours that are not written whole raise no alarm, and those that are do.
func TestDayThatGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		closed time.Duration // since the day's start
		alarms bool
	}{"it goes on": {2 * time.Hour, false}, "two hours are empty": {4 * time.Hour, true}} {
		t.Run(name, func(t *testing.T) {
			o := newOutput(t)
			for d := range 4 {
				day := start("2026-11-20").Add(time.Duration(d) * 24 * time.Hour)
				var rows []made
				for i := range 1200 {
					if at := day.Add(time.Duration(i) * 12 * time.Second); d < 3 || at < day.Add(2*time.Hour) {
						rows = append(rows, made{id: 10_000*d + i, at: at, clicked: i%10 == 0, device: "phone"})
					}
				}
				o.closed = day.Add(c.closed)
				o.commit(rows)
			}
			output, err := review.Open(bucket.NewDir(vfs.Default, o.dir))
			if err != nil {
				t.Fatal(err)
			}
			h := review.Health{Output: output, Date: "2026-11-23", History: review.HistoryDays, Least: review.LeastRows}
			r, _, err := h.Report(t.Context())
			if err != nil || (len(r.Alarms) > 0) != c.alarms {
				t.Errorf("%v: %+v", err, r.Alarms)
			}
		})
	}
}

// TestFeaturesOfADay: a price that is a thousand times as large is found in the counts of commits, on its day
// and where it is asked for.
func TestFeaturesOfADay(t *testing.T) {
	o := newOutput(t)
	days := []string{"2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"}
	for d, name := range days {
		rows := day(name, 900, phones)
		for i := range rows {
			rows[i].id += 1000 * d
			if d == 3 {
				rows[i].times = 1000
			}
		}
		o.closed = start(name).Add(24 * time.Hour)
		o.commit(rows[:450])
		o.commit(rows[450:])
	}
	output, err := review.Open(bucket.NewDir(vfs.Default, o.dir))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		day      string
		features bool
		want     int
	}{"the day": {days[3], true, 1}, "the day before": {days[2], true, 0}, "not asked for": {days[3], false, 0}} {
		t.Run(name, func(t *testing.T) {
			h := review.Health{Output: output, Date: c.day, History: review.HistoryDays, Least: review.LeastRows,
				Features: c.features}
			r, _, err := h.Report(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, a := range r.Alarms {
				if a.Kind == health.KindFeature {
					found = append(found, a.Feature+": "+a.Says)
				}
			}
			if len(found) != c.want || c.want > 0 && !strings.Contains(found[0], "1000 times as large") {
				t.Errorf("the alarms are %q, want %d", found, c.want)
			}
		})
	}
}

// TestEventsOfADay: the events that were decided while a day's requests closed, in whatever commits,
// with merged files between them.
func TestEventsOfADay(t *testing.T) {
	o := newOutput(t)
	for d := range 3 {
		first := start("2026-11-20").Add(time.Duration(d) * 24 * time.Hour)
		for part := range 4 {
			o.closed = first.Add(time.Duration(part+1) * 6 * time.Hour)
			tally := &o.ledger.Kinds[events.KindOutcome]
			tally.Disposed[joiner.DispositionOrphan] += int64(d + 1)
			tally.Read += int64(d + 1)
			o.orphans = joiner.Orphans{{Stream: "OUTCOMES", Producer: "ios", Late: int64(d + 1)}}
			o.commit([]made{{id: 10*d + part, at: o.closed.Add(-time.Hour), device: "phone"}})
		}
		k, err := export.OpenKeeper(bucket.NewDir(vfs.Default, o.dir), 0, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Compact(t.Context(), export.CompactOptions{Before: "2026-12-01"})
		if err := errors.Join(err, k.Close()); err != nil {
			t.Fatal(err)
		}
	}
	output, err := review.Open(bucket.NewDir(vfs.Default, o.dir))
	if err != nil {
		t.Fatal(err)
	}
	for d := range 3 {
		h := review.Health{Output: output, Date: fmt.Sprint("2026-11-2", d), Least: review.LeastRows}
		r, _, err := h.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e := r.Events; e == nil || e.Outcomes["orphan"] != int64(4*(d+1)) || e.From != uint64(4*d+1) || e.To != uint64(4*d+4) {
			t.Errorf("of the events of day %d it says %+v", d, e)
		} else if len(e.Orphans) != 1 || e.Orphans[0].Late != int64(4*(d+1)) || e.Orphans[0].Producer != "ios" {
			t.Errorf("the orphans of day %d are %+v", d, e.Orphans)
		}
	}
}

// exportDay exports a day through a gate.
func exportDay(t *testing.T, o *output, day string, g *review.Gate,
	change ...func(*shards.Options)) (shards.Result, string, error) {
	t.Helper()
	archive, err := export.OpenArchive(bucket.NewDir(vfs.Default, o.dir), 0)
	if err != nil {
		t.Fatal(err)
	}
	table, err := archive.Table()
	if err != nil {
		t.Fatal(err)
	}
	g.Output = review.Of(o.dir, archive)
	opts := shards.Options{FS: vfs.Default, Out: filepath.Join(filepath.Dir(o.dir), "exports"), Name: "feed",
		Rules: rules(), Settled: true, Splits: shards.Splits{Eval: 0.2}, Version: "test", Created: time.Unix(0, 0), Review: g.Begin}
	for _, c := range change {
		c(&opts)
	}
	e, err := shards.New(archive, opts)
	if err != nil {
		t.Fatal(err)
	}
	result, err := e.Day(t.Context(), table, start(day))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return result, e.Root(), err
}

// TestSampledExport exports a day of which the export leaves negatives out. The table has no weights,
// and the statistics beside tf.Example are of the table's rows.
func TestSampledExport(t *testing.T) {
	for name, c := range map[string]struct {
		format shards.Format
		sample shards.Sampling
	}{
		"tf.Example":           {shards.FormatTFRecord, shards.Sampling{Negatives: 0.5}},
		"tf.Example, by label": {shards.FormatTFRecord, shards.Sampling{Labels: map[string]float64{rules().Labels[0].Name: 0.5}}},
		"Parquet, by label":    {shards.FormatParquet, shards.Sampling{Labels: map[string]float64{rules().Labels[0].Name: 0.5}}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutput(t)
			o.commit(day("2026-11-21", 200, phones))
			o.commit(day("2026-11-22", 200, phones))
			r, _, err := exportDay(t, o, "2026-11-21", &review.Gate{}, func(opts *shards.Options) {
				opts.Format, opts.Sampling = c.format, c.sample
			})
			if err != nil || r.Manifest.Counts.Sampled == 0 || len(r.Manifest.Beside) != 3 {
				t.Errorf("%v: %+v", err, r.Manifest)
			}
		})
	}
}

// TestWeightThatIsLeftOut exports without the weight of rows: the weight of a label is not taken for it.
func TestWeightThatIsLeftOut(t *testing.T) {
	for name, exclude := range map[string][]string{"weighed": nil, "left out": {"weight"}} {
		t.Run(name, func(t *testing.T) {
			o := newOutput(t)
			o.commit(day("2026-11-21", 200, phones))
			o.commit(day("2026-11-22", 200, phones))
			_, root, err := exportDay(t, o, "2026-11-21", &review.Gate{}, func(opts *shards.Options) {
				opts.Sampling, opts.Exclude = shards.Sampling{Labels: map[string]float64{"clicked": 0.5}}, exclude
			})
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(root, "meta", "dt=2026-11-21", "v=0001", review.StatsName))
			if err != nil {
				t.Fatal(err)
			}
			list, err := stats.Decode(data)
			if err != nil || (list.Datasets[0].GetWeightedNumExamples() > 0) != (exclude == nil) {
				t.Errorf("%v: %v rows weigh %v", err, list.Datasets[0].GetNumExamples(), list.Datasets[0].GetWeightedNumExamples())
			}
		})
	}
}

// TestGate exports a day, and refuses the next one, in which a category has another name.
func TestGate(t *testing.T) {
	o := newOutput(t)
	o.commit(day("2026-11-21", 500, phones))
	o.commit(day("2026-11-22", 500, func(i int) string { return []string{"phone", "television"}[i%2] }))
	// A schema of the table's rows, which have columns that are not exported.
	s, err := schema.Infer(statistics(t, o.dir, "2026-11-21"), schema.DefaultTexts, true)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "schema.pbtxt")
	if err := os.WriteFile(file, schema.Format(s), 0o644); err != nil {
		t.Fatal(err)
	}
	first, root, err := exportDay(t, o, "2026-11-21", &review.Gate{SchemaFile: file, Health: true, Slices: []string{"device"}})
	if err != nil {
		t.Fatal(err)
	}
	m := first.Manifest
	if len(m.Beside) != 3 || m.Anomalies != 0 {
		t.Errorf("beside the day lie %+v, with %d anomalies", m.Beside, m.Anomalies)
	}
	data, err := os.ReadFile(filepath.Join(root, "meta", "dt=2026-11-21", "v=0001", review.StatsName))
	if err != nil {
		t.Fatal(err)
	}
	list, err := stats.Decode(data)
	if err != nil || int64(list.Datasets[0].NumExamples) != m.Counts.Written || m.Counts.Written != 500 {
		t.Errorf("%v: the statistics are of %d rows, and %d are exported", err, list.Datasets[0].NumExamples, m.Counts.Written)
	}
	for name, g := range map[string]*review.Gate{
		"by a schema":  {SchemaFile: file},
		"by yesterday": {Against: true},
	} {
		t.Run(name, func(t *testing.T) {
			var refused *review.AnomaliesError
			if _, _, err := exportDay(t, o, "2026-11-22", g); !errors.As(err, &refused) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if _, err := os.Stat(refused.Page); err != nil || refused.Count != 1 {
				t.Errorf("%d anomalies, and of the page: %v", refused.Count, err)
			}
			for _, left := range []string{"dt=2026-11-22", "meta/dt=2026-11-22", "_staging/*"} {
				if found, _ := filepath.Glob(filepath.Join(root, left)); len(found) > 0 {
					t.Errorf("a refused day leaves %q", found)
				}
			}
		})
	}
	allowed, _, err := exportDay(t, o, "2026-11-22", &review.Gate{SchemaFile: file, Allow: true})
	if err != nil || allowed.Manifest.Anomalies != 1 {
		t.Fatalf("%v: %+v", err, allowed.Manifest)
	}
	if found, _ := filepath.Glob(filepath.Join(root, "_refused", "*")); len(found) > 0 {
		t.Errorf("what was said when it was refused is there still: %q", found)
	}
}
