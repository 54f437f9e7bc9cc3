package batch_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/batch"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/joiner/gathered"
	"github.com/labeljoin/labeljoin/store"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run only this seed")
	seedsFlag = flag.Int("seeds", 0, "run so many seeds; 0: the test's own number")
)

// log is a log in memory.
type log struct {
	batches []events.Batch
	next    int
	fail    error // after the last batch; nil: it ends there
}

func (l *log) Next(context.Context) (events.Batch, error) {
	if l.next == len(l.batches) {
		return events.Batch{}, cmp.Or(l.fail, io.EOF)
	}
	l.next++
	return lent(&l.batches[l.next-1]), nil
}

// lent is a batch in memory of its own, which Recycle destroys.
func lent(of *events.Batch) events.Batch {
	b := *of
	b.Messages = slices.Clone(b.Messages)
	for i := range b.Messages {
		b.Messages[i].Data = slices.Clone(b.Messages[i].Data)
	}
	return b
}

// Recycle implements batch.Recycler: what was kept of a batch and not copied is found, because it turns to nonsense.
func (l *log) Recycle(b *events.Batch) {
	for i := range b.Messages {
		data := b.Messages[i].Data
		for k := range data {
			data[k] = 0xAA
		}
		b.Messages[i] = events.Message{}
	}
}

func (l *log) Close() error { return nil }

// kept is a sink that keeps rows as text, whole.
type kept struct {
	rows    []string
	letters []string
	fail    error
}

func text(req *events.Request, row *joiner.Row) string {
	item := ""
	if row.Item >= 0 {
		item = req.Items[row.Item].ID
	}
	return fmt.Sprintf("%q %q %d %s %v weight %v %v revision %d", req.ID, item, req.TS, enginetest.Columns(req, row.Item),
		row.Cells, row.Weight, row.Reason, row.Revision) + fmt.Sprint(" ", row.Extra)
}

func (k *kept) Rows(rows *gathered.Rows) error {
	for _, r := range rows.List {
		k.rows = append(k.rows, text(r.Request, r.Row))
	}
	return k.fail
}

func (k *kept) DeadLetter(d *events.DeadLetter) error {
	k.letters = append(k.letters, letter(d))
	return nil
}

func letter(d *events.DeadLetter) string {
	return fmt.Sprintf("%v %d.%d %s %s %s", d.Kind, d.Origin.Seq, d.Origin.Index, d.Reason, d.Detail, d.Data)
}

// logsOf lays out a history in a log for each kind, without a broker's time.
func logsOf(h *enginetest.History, r *rand.Rand) [][]events.Batch {
	logs := enginetest.Logs(h.Events, enginetest.Layout{Inputs: 2, Messages: 1 + r.IntN(4), Batches: 1 + r.IntN(9)}, r)
	for _, l := range logs {
		for i := range l {
			l[i].ReadThrough = events.MinTime
			for m := range l[i].Messages {
				l[i].Messages[m].Stored = events.MinTime
			}
		}
	}
	return logs
}

// byEngine replays a history by the engine.
func byEngine(t *testing.T, h *enginetest.History, logs [][]events.Batch, complete bool) (*kept, joiner.Ledger) {
	t.Helper()
	st, err := store.Open(store.Options{FS: vfs.NewMem(), Dir: "state", CacheSize: 1 << 20,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	out := &memory.Output{}
	o := engine.Options{
		Name: "test", Rules: h.Rules, RulesHash: "rules", Decoders: h.Decoders(), OutcomesPerRequest: h.Limit,
		Replay: &engine.Replay{Complete: complete}, Roll: engine.Roll{Interval: time.Hour}, Store: st, Output: out,
		Log: slog.New(slog.DiscardHandler), Nonce: func() string { return "nonce" },
	}
	for i := range logs {
		o.Inputs = append(o.Inputs, engine.Input{
			Name: fmt.Sprint("log", i), Created: 1, Kinds: []events.Kind{events.Kind(i)},
			Open: func(ctx context.Context, from events.Position) (engine.Source, error) {
				return memory.Log(logs[i]).Open(ctx, from)
			},
		})
	}
	e := engine.New(o)
	if err := e.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	ledger := e.Stats().Progress.Ledger
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	k := &kept{}
	for _, c := range out.Commits {
		ledger = c.Cut.Progress.Ledger
		for i := range c.Rows {
			r := &c.Rows[i]
			k.rows = append(k.rows, text(&r.Request, &r.Row))
		}
		for i := range c.DeadLetters {
			k.letters = append(k.letters, letter(&c.DeadLetters[i]))
		}
	}
	return k, ledger
}

func options(h *enginetest.History, logs [][]events.Batch, complete bool) batch.Options {
	o := batch.Options{Rules: &h.Rules, Decoders: h.Decoders(), Limit: h.Limit, Complete: complete, Jobs: 2}
	for k := range o.Open {
		o.Open[k] = func(context.Context) (batch.Source, error) { return &log{batches: logs[k]}, nil }
	}
	return o
}

// idParts opens a log for its ids in so many parts, of which the last may be damaged.
func idParts(all []events.Batch, n int, damaged bool) func(context.Context, int) ([]batch.Source, error) {
	return func(_ context.Context, most int) (parts []batch.Source, err error) {
		n := min(n, most)
		for i := range n {
			some := &log{batches: all[len(all)*i/n : len(all)*(i+1)/n]}
			if damaged && i > 0 && i == n-1 {
				some = &log{batches: some.batches[:len(some.batches)/2], fail: errors.New("the part is damaged")}
			}
			parts = append(parts, some)
		}
		return parts, nil
	}
}

func byBatch(t *testing.T, o batch.Options) (*kept, *batch.Result) {
	t.Helper()
	k := &kept{}
	result, err := batch.Run(context.Background(), o, k)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Ledger.Balanced() {
		t.Errorf("the books do not balance: %+v", result.Ledger)
	}
	return k, result
}

// sameLines compares what does not depend on the order.
func sameLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRowsAreTheEngines is G3 for this join: it gives the rows and the dead letters that
// the engine's replay gives, whole, in one pass and in many, and all of its parts
// together.
func TestRowsAreTheEngines(t *testing.T) {
	n := uint64(150)
	if testing.Short() {
		n = 30
	}
	if *seedsFlag > 0 {
		n = uint64(*seedsFlag)
	}
	for seed := uint64(1); seed <= n; seed++ {
		if *seedFlag != 0 {
			seed, n = *seedFlag, 0
		}
		agrees(t, seed)
		if t.Failed() {
			t.Fatalf("to see it again: go test ./joiner/batch -run '^%s$' -seed %d", t.Name(), seed)
		}
	}
}

func agrees(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0x6261746368))
	shape := enginetest.Shape{Timely: r.IntN(2) == 0, Early: r.IntN(3) == 0, Wild: r.IntN(4) == 0, Hot: r.IntN(4) == 0,
		Again: r.IntN(4) == 0}
	agreesOn(t, seed, shape, r)
}

// TestUnnamedAreTheEngines is the same for outcomes that name no request.
func TestUnnamedAreTheEngines(t *testing.T) {
	for seed := uint64(1); seed <= uint64(max(60, *seedsFlag)); seed++ {
		if *seedFlag != 0 {
			seed = *seedFlag
		}
		r := rand.New(rand.NewPCG(seed, 0x6261746368))
		agreesOn(t, seed, enginetest.Shape{Timely: r.IntN(2) == 0, Unnamed: true}, r)
		if t.Failed() || *seedFlag != 0 {
			t.Fatalf("to see it again: go test ./joiner/batch -run '^%s$' -seed %d", t.Name(), seed)
		}
	}
}

func agreesOn(t *testing.T, seed uint64, shape enginetest.Shape, r *rand.Rand) {
	t.Helper()
	h := enginetest.Generate(seed, shape)
	h.MaxFuture, h.MaxAge = 0, 0
	logs, complete := logsOf(&h, r), r.IntN(2) == 0
	want, ledger := byEngine(t, &h, logs, complete)
	inParts := options(&h, logs, complete)
	inParts.OpenIDs = idParts(logs[events.KindRequest], 1+r.IntN(3), r.IntN(4) == 0)
	got, result := byBatch(t, inParts)
	sameLines(t, "rows", got.rows, want.rows)
	sameLines(t, "dead letters", got.letters, want.letters)
	books := result.Ledger
	books.Rows = int64(len(got.rows))
	for k := range ledger.Kinds { // with ids used again, one outcome may be counted with another request
		if shape.Again {
			join(&ledger.Kinds[k])
			join(&books.Kinds[k])
		}
		if books.Kinds[k] != ledger.Kinds[k] {
			t.Errorf("%v: got %+v, want %+v", events.Kind(k), books.Kinds[k], ledger.Kinds[k])
		}
	}
	books.Kinds, ledger.Kinds = joiner.Ledger{}.Kinds, joiner.Ledger{}.Kinds
	if books != ledger {
		t.Errorf("got %+v, want %+v", books, ledger)
	}
	o := options(&h, logs, complete)
	o.Memory = 1000
	if many, result := byBatch(t, o); h.Limit == 0 {
		sameLines(t, fmt.Sprint("rows in ", result.Passes, " passes"), many.rows, want.rows)
	}
	var parts []string
	for part := range 3 {
		o := options(&h, logs, complete)
		o.Keep = func(id []byte) bool { return batch.Part(id, 3) == part }
		some, _ := byBatch(t, o)
		parts = append(parts, some.rows...)
	}
	whole, _ := byBatch(t, options(&h, logs, complete))
	sameLines(t, "rows of the parts", parts, whole.rows)
}

// join adds up what an outcome may count as while it is known of which request it is.
func join(tally *joiner.Tally) {
	for _, d := range []joiner.Disposition{joiner.DispositionDuplicate, joiner.DispositionUnknownItem,
		joiner.DispositionOutsideWindow} {
		tally.Disposed[joiner.DispositionJoined] += tally.Disposed[d]
		tally.Disposed[d] = 0
	}
}

// TestReach: copies of a request, and its outcomes, as far apart as an id is remembered,
// and a nanosecond further.
func TestReach(t *testing.T) {
	rules := joiner.Rules{
		Labels: []joiner.Label{{Name: "clicked", Window: 10, Agg: joiner.AggAny,
			When: func(*events.Outcome) bool { return true }}},
		Corrections: 30,
	}
	const reach = 40
	for name, c := range map[string]struct {
		requests, outcomes []int64
		rows               int
		fates              string
	}{
		"a copy within reach":       {[]int64{100, 100 + reach}, nil, 1, "accepted 1 conflict 1"},
		"a copy beyond it":          {[]int64{100, 101 + reach}, nil, 2, "accepted 2"},
		"an outcome within reach":   {[]int64{100}, []int64{100 + reach}, 1, "accepted 1 outside_window 1"},
		"an outcome long before":    {[]int64{100}, []int64{99 - reach}, 1, "accepted 1 orphan 1"},
		"an outcome of the second":  {[]int64{100, 200}, []int64{205}, 2, "accepted 2 joined 1"},
		"the same copy":             {[]int64{100, 100}, []int64{105, 105}, 1, "accepted 1 duplicate 1 joined 1 duplicate 1"},
		"an outcome between others": {[]int64{100, 200}, []int64{120}, 2, "accepted 2 outside_window 1"},
	} {
		t.Run(name, func(t *testing.T) {
			var logs [2][]events.Batch
			for k, times := range [][]int64{c.requests, c.outcomes} {
				var b events.Batch
				for i, ts := range times {
					data := fmt.Sprintf(`{"request_id":"r","ts":%d,"type":"click"}`, ts)
					b.Messages = append(b.Messages, events.Message{Kind: events.Kind(k), Input: uint8(k), Seq: uint64(i + 1),
						Stored: events.MinTime, Data: []byte(data)})
				}
				logs[k] = []events.Batch{b}
			}
			h := &enginetest.History{Rules: rules}
			got, result := byBatch(t, options(h, logs[:], true))
			want, _ := byEngine(t, h, logs[:], true)
			sameLines(t, "rows", got.rows, want.rows)
			fates := ""
			for k := range result.Ledger.Kinds {
				for d, n := range result.Ledger.Kinds[k].Disposed {
					if n > 0 {
						fates += fmt.Sprintf(" %v %d", joiner.Disposition(d), n)
					}
				}
			}
			if strings.Join(slices.Sorted(strings.FieldsSeq(fates)),
				" ") != strings.Join(slices.Sorted(strings.FieldsSeq(c.fates)), " ") || len(got.rows) != c.rows {
				t.Errorf("%d rows,%s; want %d, %s", len(got.rows), fates, c.rows, c.fates)
			}
		})
	}
}
