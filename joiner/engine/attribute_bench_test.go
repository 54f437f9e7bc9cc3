package engine_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/store"
)

// clicks is a source of n requests, a millisecond apart, and a click after every twentieth on
// one of a second before. Its clicks name their requests or, unnamed, their users.
type clicks struct {
	traffic
	unnamed bool
}

// Next implements engine.Source.
func (s *clicks) Next(context.Context) (events.Batch, error) {
	b := events.Batch{ReadThrough: events.MinTime}
	for ; s.at < s.n && len(b.Messages) < 500; s.at++ {
		ts := origin + int64(s.at)*time.Millisecond.Nanoseconds()
		b.Messages = append(b.Messages, s.message(events.KindRequest, fmt.Appendf(nil,
			`{"request_id":"%032x","ts":%d,"model":"ranker","user_id":"u%06d",%s}`, s.at*2654435761, ts, s.at%100_000, s.filler)))
		if s.at%20 == 0 && s.at >= 1000 {
			name, of := "", s.at-1000
			if !s.unnamed {
				name = fmt.Sprintf(`"request_id":"%032x",`, of*2654435761)
			}
			b.Messages = append(b.Messages, s.message(events.KindOutcome, fmt.Appendf(nil,
				`{%s"ts":%d,"outcome_id":"o%d","type":"click","item_id":"a","value":1.5,"attrs":{"user":"u%06d"}}`, name, ts, s.at, of%100_000)))
		}
	}
	if len(b.Messages) == 0 {
		return b, io.EOF
	}
	return b, nil
}

// BenchmarkAttribute takes in, joins and stages requests with a click for every twentieth,
// which names its request or, "unnamed", its user: what attribution costs. One operation is
// one request.
func BenchmarkAttribute(b *testing.B) {
	for _, unnamed := range []bool{false, true} {
		b.Run(fmt.Sprint("unnamed=", unnamed), func(b *testing.B) {
			h := enginetest.Lines(joiner.Rules{Lateness: 10 * time.Second, Corrections: time.Minute,
				Labels: []joiner.Label{{Name: "clicked", Window: time.Minute,
					When: func(o *events.Outcome) bool { return o.Type == "click" }}}})
			if unnamed {
				h.Rules.Attribute = &joiner.Attribution{Item: true, Within: time.Minute, Keys: []joiner.AttributeKey{{
					OfRequest: func(r *events.Request) string { return r.UserID },
					OfOutcome: func(o *events.Outcome) string { user, _ := o.Attrs["user"].(string); return user }}}}
			}
			fs, err := store.Open(store.Options{FS: vfs.Default, Dir: b.TempDir(), Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			out, source := &discard{}, &clicks{*newTraffic(b.N), unnamed}
			e := engine.New(engine.Options{Name: "bench", RulesHash: "bench", Store: fs, Output: out, Rules: h.Rules,
				Decoders: h.Decoders(),
				Log:      slog.New(slog.DiscardHandler), Nonce: func() string { return "n" }, Roll: engine.Roll{Rows: 100_000,
					Interval: time.Hour},
				Inputs: []engine.Input{{Name: "log", Kinds: []events.Kind{events.KindRequest, events.KindOutcome},
					Open: func(context.Context, events.Position) (engine.Source, error) { return source, nil }}}})
			b.ResetTimer()
			if err := e.Run(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if o := e.Stats().Progress.Ledger.Kinds[events.KindOutcome]; o.Disposed[joiner.DispositionOrphan] > 0 {
				b.Errorf("outcomes are orphans: %+v", o)
			}
			if err := fs.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
