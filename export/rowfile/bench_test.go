package rowfile

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// benchRows are rows as a recommender logs them: twenty scalar features, of
// which some are rounded, some counts, some words, some flags.
func benchRows(n int) []sample {
	rng := rand.New(rand.NewPCG(1, 9))
	out := make([]sample, n)
	ts := int64(1_700_000_000_000_000_000)
	for i := range out {
		s := &out[i]
		ts += rng.Int64N(2_000_000)
		s.req = events.Request{
			ID: fmt.Sprintf("%08x-%04x-%04x-%012x", rng.Uint32(), rng.IntN(65536), rng.IntN(65536), rng.Uint64N(1<<48)),
			TS: events.Time(ts), Model: "ranker", ModelVersion: fmt.Sprint("v", rng.IntN(4)), UserID: fmt.Sprint("user-", rng.IntN(200_000)),
			HasScore: true, Score: rng.Float64(),
		}
		add := func(name string, v events.Value) {
			s.req.Features = append(s.req.Features, events.Field{Name: name, Value: v})
		}
		for j := range 10 {
			add(fmt.Sprint("score_", j), events.Value{Kind: events.ValueDouble, Float: math.Round(rng.Float64()*1e6) / 1e6})
		}
		for j := range 5 {
			add(fmt.Sprint("count_", j), events.Value{Kind: events.ValueInt, Int: rng.Int64N(1000)})
		}
		for j := range 3 {
			add(fmt.Sprint("word_", j), events.Value{Kind: events.ValueString, Str: fmt.Sprint("value-", rng.IntN(50*(j+1)))})
		}
		for j := range 2 {
			add(fmt.Sprint("flag_", j), events.Value{Kind: events.ValueBool, Int: int64(rng.IntN(2))})
		}
		s.row = joiner.Row{Item: -1, Cells: []joiner.Cell{{TS: events.MinTime}}}
		if rng.IntN(20) == 0 {
			s.row.Cells[0] = joiner.Cell{Value: 1, TS: s.req.TS.Add(1e9)}
		}
	}
	return out
}

// BenchmarkWrite is the way of rows into a file: buffering, encoding and the
// reading back.
func BenchmarkWrite(b *testing.B) {
	in := benchRows(100_000)
	l := newLayout(b, Config{Labels: []joiner.Label{{Name: "clicked"}}})
	for _, part := range []string{"add", "encode", "verify", "all"} {
		b.Run(part, func(b *testing.B) {
			built := build(b, l, in)
			data, sum := encode(b, built)
			b.ReportAllocs()
			for b.Loop() {
				switch part {
				case "add":
					build(b, l, in).Release()
				case "encode":
					if _, err := built.Encode(io.Discard, nil); err != nil {
						b.Fatal(err)
					}
				case "verify":
					if err := Verify(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
						b.Fatal(err)
					}
				default:
					built := build(b, l, in)
					data, sum := encode(b, built)
					built.Release()
					if err := Verify(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(len(in))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(len(data))/float64(len(in)), "B/row")
		})
	}
}
