package engine_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/store"
)

// traffic is a source of n requests of 700 bytes, a microsecond apart, with an
// outcome after every twentieth, and heartbeats at the end.
type traffic struct {
	n, at  int
	seq    uint64
	filler string
	beats  bool
}

// spacing keeps what a benchmark folds within one window.
const (
	spacing  = time.Microsecond
	benchHot = 30 * time.Minute
)

const origin = 1_700_000_000_000_000_000

func newTraffic(n int) *traffic {
	return &traffic{n: n, filler: `"features":{"text":"` + strings.Repeat("x", 400) +
		`","hour":12,"ctr":0.125,"device":"phone"},` +
		`"items":[{"item_id":"a","position":0,"score":0.5},{"item_id":"b","position":1,"score":0.25}]`}
}

func (s *traffic) message(kind events.Kind, data []byte) events.Message {
	s.seq++
	return events.Message{Kind: kind, Seq: s.seq, Stored: events.MinTime, Data: data}
}

// Next implements engine.Source.
func (s *traffic) Next(context.Context) (events.Batch, error) {
	b := events.Batch{ReadThrough: events.MinTime}
	if s.beats {
		s.beats = false
		for k := range events.Kind(events.Kinds) {
			b.Messages = append(b.Messages, s.message(k, fmt.Appendf(nil, `{"heartbeat":%d}`,
				origin+24*time.Hour.Nanoseconds())))
		}
		return b, nil
	}
	if s.at == s.n {
		return b, io.EOF
	}
	for ; s.at < s.n && len(b.Messages) < 500; s.at++ {
		ts := origin + int64(s.at)*int64(spacing)
		data := make([]byte, 0, 704)
		data = fmt.Appendf(data,
			`{"request_id":"%032x","ts":%d,"model":"ranker","model_version":"2024-06-01","user_id":"u%06d",%s}`,
			s.at*2654435761, ts, s.at%1_000_000, s.filler)
		b.Messages = append(b.Messages, s.message(events.KindRequest, data))
		if s.at%20 == 0 {
			data := fmt.Appendf(nil,
				`{"request_id":"%032x","ts":%d,"outcome_id":"o%d","type":"click","item_id":"a","value":1.5}`, s.at*2654435761,
				ts+1, s.at)
			b.Messages = append(b.Messages, s.message(events.KindOutcome, data))
		}
	}
	return b, nil
}

// Close implements engine.Source.
func (s *traffic) Close() error { return nil }

// discard is an output that counts rows.
type discard struct{ rows, last int64 }

func (d *discard) Last() (joiner.Cut, joiner.Receipt, bool) {
	return joiner.Cut{}, joiner.Receipt{}, false
}
func (d *discard) Cuts() iter.Seq2[joiner.Cut, error] { return func(func(joiner.Cut, error) bool) {} }
func (d *discard) Declared() ([]events.Gap, error)    { return nil, nil }
func (d *discard) Written(events.Time, uint32, bool) iter.Seq2[joiner.Written, error] {
	return func(func(joiner.Written, error) bool) {}
}
func (d *discard) Stage(uint64) (engine.Stage, error)     { d.last = 0; return d, nil }
func (d *discard) Row(*events.Request, *joiner.Row) error { d.last++; return nil }
func (d *discard) DeadLetter(*events.DeadLetter) error    { return nil }
func (d *discard) Tallies() (rows, unfit int64)           { return d.last, 0 }
func (d *discard) Abort()                                 {}
func (d *discard) Commit(_ context.Context, cut *joiner.Cut) (joiner.Receipt, error) {
	d.rows += d.last
	return joiner.Receipt{Number: cut.Number}, nil
}

func benchEngine(b *testing.B, fs vfs.FS, dir string, source engine.Source, out engine.Output) (*engine.Engine,
	*store.Store) {
	st, err := store.Open(store.Options{FS: fs, Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	return engine.New(engine.Options{
		Name: "bench", RulesHash: "bench", Store: st, Output: out, Log: slog.New(slog.DiscardHandler), Nonce: func() string { return "n" },
		Rules: joiner.Rules{
			Labels: []joiner.Label{{Name: "clicked", Window: benchHot,
				When: func(o *events.Outcome) bool { return o.Type == "click" }}},
		},
		Decoders: [events.Kinds]jsonevent.Decoder{enginetest.Decoder(), enginetest.Decoder()},
		Roll:     engine.Roll{Interval: time.Hour},
		Inputs: []engine.Input{{Name: "log", Kinds: []events.Kind{events.KindRequest, events.KindOutcome},
			Open: func(context.Context, events.Position) (engine.Source, error) { return source, nil }}},
	}), st
}

// BenchmarkFold takes in requests of 700 bytes and an outcome for every
// twentieth: decoding, the index, the state. One operation is one request.
func BenchmarkFold(b *testing.B) {
	for name, fs := range map[string]vfs.FS{"memory": vfs.NewMem(), "disk": vfs.Default} {
		b.Run(name, func(b *testing.B) {
			source := newTraffic(b.N)
			dir := "state" + fmt.Sprint(b.N)
			if fs == vfs.Default {
				dir = b.TempDir()
			}
			e, st := benchEngine(b, fs, dir, source, &discard{})
			b.SetBytes(700)
			b.ReportAllocs()
			b.ResetTimer()
			if err := e.Run(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := st.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkClose closes requests of 700 bytes, one in twenty with an outcome:
// the scan, decoding, deciding, and an output that takes no time. One operation
// is one request.
func BenchmarkClose(b *testing.B) {
	source, out, fs := newTraffic(b.N), &discard{}, vfs.NewMem()
	e, st := benchEngine(b, fs, "state", source, out)
	if err := e.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
	source.beats = true
	e, st = benchEngine(b, fs, "state", source, out)
	b.SetBytes(700)
	b.ReportAllocs()
	b.ResetTimer()
	if err := e.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
	if out.rows != int64(2*b.N) {
		b.Fatalf("%d rows of %d requests", out.rows, b.N)
	}
}
