//go:build unix

package shards

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

var benchMemory = flag.Int64("benchmemory", DefaultMemory, "bytes of rows that BenchmarkExport holds at once")

var benchRows = flag.Int("benchrows", 20_000, "rows of the day that BenchmarkExport exports")

// BenchmarkExport exports a day in memory. `labeljoin bench export` does it with files.
func BenchmarkExport(b *testing.B) {
	fsys := vfs.NewMem()
	writeBenchDay(b, fsys, *benchRows)
	o := testOptions(fsys)
	o.GroupBytes, o.Shards, o.Splits = DefaultGroupBytes, 16, Splits{By: SplitByUser, Eval: 0.1}
	archive := archiveOf(b, fsys)
	table, err := archive.Table()
	if err != nil {
		b.Fatal(err)
	}
	o.Memory = *benchMemory
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		o.Out = fmt.Sprint("exports", b.N)
		e, err := New(archive, o)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := e.Day(context.Background(), table, testDay()); err != nil {
			b.Fatal(err)
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
		if err := fsys.RemoveAll(o.Out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N**benchRows), "ns/row")
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N**benchRows), "cpu-ns/row") // steadier where others run
}

// cpuTime is what this process has used so far, in nanoseconds.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

// writeBenchDay writes rows of requests of ten items, with 16 features: a third each of numbers,
// whole numbers and texts of few.
func writeBenchDay(b *testing.B, fsys vfs.FS, rows int) {
	b.Helper()
	const items, features = 10, 16
	o, err := export.Open(export.Options{Bucket: bucket.NewDir(fsys, outputDir), Name: "feed", RulesHash: "abc",
		Labels: testRules().Labels})
	if err != nil {
		b.Fatal(err)
	}
	defer o.Close()
	s, err := o.Stage(1)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	feature := func(f int) events.Field {
		field := events.Field{Name: fmt.Sprintf("f%02d", f)}
		switch f % 3 {
		case 0:
			field.Value = events.Value{Kind: events.ValueDouble, Float: rng.NormFloat64()}
		case 1:
			field.Value = events.Value{Kind: events.ValueInt, Int: int64(rng.IntN(1000))}
		default:
			field.Value = events.Value{Kind: events.ValueString, Str: fmt.Sprintf("category-%d", rng.IntN(50))}
		}
		return field
	}
	for n := 0; n < rows; n += items {
		r := &events.Request{ID: fmt.Sprintf("req-%016x", rng.Uint64()),
			TS: testDay().Add(time.Duration(n) * time.Millisecond), Model: "ranker",
			ModelVersion: fmt.Sprint("v", n%3), UserID: fmt.Sprintf("user-%d", rng.IntN(1_000_000))}
		for f := range features / 2 {
			r.Features = append(r.Features, feature(f))
		}
		for i := range items {
			item := events.Item{ID: fmt.Sprintf("item-%d", rng.IntN(100_000)), Position: int64(i), HasPosition: true,
				Score: rng.Float64(), HasScore: true}
			for f := features / 2; f < features; f++ {
				item.Features = append(item.Features, feature(f))
			}
			r.Items = append(r.Items, item)
		}
		for i := range items {
			clicked := float64(rng.IntN(20) / 19)
			row := &joiner.Row{Item: i, Weight: 1, Cells: []joiner.Cell{{Value: clicked, TS: events.MinTime},
				{Value: clicked, TS: events.MinTime}}}
			if err := s.Row(r, row); err != nil {
				b.Fatal(err)
			}
		}
	}
	cut := &joiner.Cut{Number: 1, Nonce: "bench", RulesHash: "abc",
		From: []events.Position{{Input: "S", Created: 5, Next: 1}}, Progress: joiner.Progress{
			Commit: 1, Clock: joiner.NewClock(), ClosedThrough: events.MaxTime - 1, Inputs: []events.Position{{Input: "S",
				Created: 5, Next: 2}}}}
	if _, err := s.Commit(context.Background(), cut); err != nil {
		b.Fatal(err)
	}
}
