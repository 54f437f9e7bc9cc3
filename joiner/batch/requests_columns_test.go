package batch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/batch"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// lines are requests that come as records, with columns, and as lines of JSON too.
type lines struct {
	json     [][]byte
	requests []events.Request
	broken   []bool // records of which only the JSON says what they are
	heads    *int   // how many were read without their features
}

func (l *lines) ID(i int) ([]byte, bool) { return []byte(l.requests[i].ID), !l.broken[i] }

func (l *lines) Request(i int, _ events.Unit, req *events.Request) (int, bool) {
	*req = l.requests[i]
	req.Features = slices.Clone(req.Features)
	return 0, !l.broken[i]
}

func (l *lines) Head(i int, unit events.Unit, req *events.Request) (int, bool) {
	*l.heads++
	unknown, ok := l.Request(i, unit, req)
	req.Features = nil
	return unknown, ok
}

func (l *lines) Columns([]events.FeatureColumn) (columns []events.FeatureColumn, ok bool) {
	n, place := events.FeatureColumn{Name: "n", Kinds: 1 << events.ValueInt}, events.FeatureColumn{Name: "place",
		Kinds: 1 << events.ValueString, Offsets: []uint32{0}}
	for i := range l.requests {
		if l.broken[i] && len(l.requests[i].Features) == 0 {
			return nil, false // it is no request, and has features that nothing here knows
		}
		n.Words = append(n.Words, uint64(l.requests[i].Features[0].Value.Int))
		place.Text = append(place.Text, l.requests[i].Features[1].Value.Str...)
		place.Offsets = append(place.Offsets, uint32(len(place.Text)))
	}
	return []events.FeatureColumn{n, place}, true
}

func (l *lines) Unknown(int) []string { return nil }
func (l *lines) JSON(i int) []byte    { return l.json[i] }

// completing is a sink that takes features from columns.
type completing struct {
	kept
	attached int // rows whose features were in columns alone
}

func (c *completing) Rows(rows *gathered.Rows) error {
	if rows.Attached() {
		c.attached += len(rows.List)
	}
	rows.Complete(0, len(rows.List))
	return c.kept.Rows(rows)
}

// requestsWithColumns are some requests, a few of them twice or no requests, and outcomes of some.
func requestsWithColumns(rng *rand.Rand, heads *int) (requests, outcomes []events.Batch) {
	d, seq := jsonevent.Decoder{Unit: events.UnitMS}, uint64(0)
	odd := 1 + rng.IntN(300)
	var told events.Batch
	for range 1 + rng.IntN(8) {
		l := &lines{heads: heads}
		var b events.Batch
		for range 1 + rng.IntN(30) {
			seq++
			ts := 1_000_000 + 1000*seq
			line := fmt.Sprintf(`{"request_id":"r%d","ts":%d,"features":{"n":%d,"place":"p%d"}}`, seq-uint64(rng.IntN(odd))/(uint64(odd)-uint64(odd)/50),
				ts, rng.IntN(9), rng.IntN(9))
			broken := rng.IntN(odd) == 0 && odd < 100
			if broken && rng.IntN(2) == 0 {
				line = `{"request_id":"","ts":7}`
			}
			req, _ := d.DecodeRequest([]byte(line))
			l.json, l.requests, l.broken = append(l.json, []byte(line)), append(l.requests, req), append(l.broken, broken)
			b.Messages = append(b.Messages, events.Message{Kind: events.KindRequest, Seq: seq, Stored: events.MinTime})
			if rng.IntN(5) == 0 {
				told.Messages = append(told.Messages, events.Message{Kind: events.KindOutcome, Seq: uint64(len(told.Messages) + 1),
					Stored: events.MinTime, Data: fmt.Appendf(nil, `{"request_id":"r%d","type":"click","ts":%d}`, seq, ts+uint64(rng.IntN(20_000)))})
			}
		}
		b.Records = l
		requests = append(requests, b)
	}
	return requests, []events.Batch{told}
}

// TestFeaturesFromColumns: rows are the same whether the features of their requests come as columns or with each, also
// where a condition looks at them.
func TestFeaturesFromColumns(t *testing.T) {
	attached, heads, mixed := 0, 0, 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 3))
		rules := joiner.Rules{Labels: []joiner.Label{{Name: "clicked", Window: 10 * time.Second, Agg: joiner.AggAny,
			When: func(o *events.Outcome) bool { return o.Type == "click" },
			InRow: func(_ *events.Outcome, req *events.Request, _ int) (bool, error) {
				return req.Features[0].Value.Int > 4, nil
			}}}}
		if rng.IntN(4) == 0 {
			rules.SampleRate = 0.5
		}
		requests, outcomes := requestsWithColumns(rng, &heads)
		o := batch.Options{Rules: &rules, Complete: true, Jobs: 1, Decoders: [events.Kinds]jsonevent.Decoder{
			{Unit: events.UnitMS}, {Unit: events.UnitMS}}}
		o.Open[events.KindRequest] = func(context.Context) (batch.Source, error) { return &log{batches: requests}, nil }
		o.Open[events.KindOutcome] = func(context.Context) (batch.Source, error) { return &log{batches: outcomes}, nil }
		want, _ := byBatch(t, o)
		before := heads
		o.Columns = true
		sink := &completing{}
		result, err := batch.Run(context.Background(), o, sink)
		if err != nil {
			t.Fatal(err)
		}
		if !result.Ledger.Balanced() {
			t.Errorf("seed %d: the books do not balance: %+v", seed, result.Ledger)
		}
		sameLines(t, fmt.Sprint("rows of seed ", seed), sink.rows, want.rows)
		sameLines(t, fmt.Sprint("letters of seed ", seed), sink.letters, want.letters)
		if attached += sink.attached; heads > before && sink.attached < len(sink.rows) {
			mixed++
		}
	}
	if attached < 1000 || heads < 10_000 || mixed < 50 {
		t.Errorf("%d rows had their features in columns alone, %d requests were read without, %d logs had both kinds of rows",
			attached, heads, mixed)
	}
}
