package wire_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/store"
)

const liveInputs = `
inputs:
  requests: {}
  outcomes: {}
  mapped:
    subject: m
    format: csv
    kind: 'event.t == "" or event.t == nil ? "request" : "outcome"'
    map: {request_id: event.id, ts: 'time(event.at, "s")', type: event.t, value: event.v, score: event.v}
  lines:
    subject: l
    each: event.all
    kind: it.kind
    map: {request_id: .r.id, ts: 'time(.r.at, "ms")', type: .what, value: .v, score: .v}
join: {window: 5m, lateness: 2h, corrections: 5m} # all closes at the end, whichever input is behind
guard: {enabled: false}
labels:
  clicked: 'type == "click"'
  spent: {when: 'type == "click"', value: last}
`

// one is an event of the history, in the forms of the inputs.
type one struct {
	id   int
	at   int64 // in seconds
	what string
	v    float64
}

func (o *one) message(form string) events.Message {
	value := strconv.FormatFloat(o.v, 'f', -1, 64)
	m := events.Message{Stored: events.Time(o.at+1) * 1e9, Envelope: &events.Envelope{}}
	kind, ts := events.KindRequest, time.Unix(o.at, 0).UTC().Format(time.RFC3339)
	if o.what != "" {
		kind = events.KindOutcome
	}
	switch form {
	case "native":
		if m.Kind = kind; kind == events.KindRequest {
			m.Data = fmt.Appendf(nil, `{"request_id":"%d","ts":"%s","score":%s}`, o.id, ts, value)
		} else {
			m.Data = fmt.Appendf(nil, `{"request_id":"%d","ts":"%s","type":"%s","value":%s}`, o.id, ts, o.what, value)
			m.Feed = 1
		}
	case "mapped":
		m.Feed = 2
		m.Data = fmt.Appendf(nil, "t;v;at;id\n%s;%s;%d;%d\n", o.what, value, o.at, o.id)
	default:
		m.Feed = 3
		m.Data = fmt.Appendf(nil, `{"all": [{"what": %q, "kind": %q, "v": "%s", "r": {"at": %d000, "id": %d}}]}`,
			o.what, kind.String(), value, o.at, o.id)
	}
	return m
}

// TestLiveRoads: the same history gives the same rows, commit by commit, whether events
// come in labeljoin's own format, by a mapping, or each by another road; a copy that comes by
// another road is a copy.
func TestLiveRoads(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 5))
	var history []one
	for i := range int64(400) {
		o := one{id: r.IntN(60), at: 1_767_225_600 + 5*i - r.Int64N(60)/20*20, v: 0.5 * float64(r.IntN(5))}
		if r.IntN(2) == 0 {
			o.what = []string{"click", "view"}[r.IntN(2)]
		}
		if history = append(history, o); r.IntN(4) == 0 {
			history = append(history, o)
		}
	}
	roads := map[string]func() string{
		"native": func() string { return "native" }, "mapped": func() string { return "mapped" },
		"lines": func() string { return "lines" },
		"mixed": func() string { return []string{"native", "mapped", "lines"}[r.IntN(3)] },
	}
	want := ""
	for _, name := range []string{"native", "mapped", "lines", "mixed"} {
		t.Run(name, func(t *testing.T) {
			var log memory.Log
			for i := range history {
				m := history[i].message(roads[name]())
				m.Seq = uint64(i + 1)
				if m.Feed == 0 || m.Feed == 1 {
					m.Envelope = nil
				}
				if i%50 == 0 {
					log = append(log, events.Batch{ReadThrough: events.MinTime})
				}
				last := &log[len(log)-1]
				last.Messages = append(last.Messages, m)
			}
			log = append(log, events.Batch{ReadThrough: events.MaxTime})
			got := liveRows(t, log)
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("seed %d: the rows are\n%s\nwant\n%s", seed, got, want)
			}
		})
	}
}

// liveRows are the newest rows of an engine that reads a log, and its books.
func liveRows(t *testing.T, log memory.Log) string {
	t.Helper()
	c, err := config.Decode("", []byte(liveInputs))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := wire.Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	feeds, err := wire.Feeds(c)
	if err != nil {
		t.Fatal(err)
	}
	o, err := wire.Options(c, rules)
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(store.Options{FS: vfs.NewMem(), Dir: "state", CacheSize: 1 << 20,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	out := &memory.Output{}
	o.Store, o.Output, o.Log, o.Nonce = st, out, slog.New(slog.DiscardHandler), func() string { return "n" }
	o.Inputs = []engine.Input{{
		Name: "log", Kinds: []events.Kind{events.KindRequest, events.KindOutcome}, Feeds: feeds, Open: log.Open,
	}}
	o.Roll = engine.Roll{Interval: time.Hour}
	if err := engine.New(o).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	ledger := st.Progress().Progress.Ledger
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if !ledger.Balanced() {
		t.Errorf("the books do not balance: %+v", ledger)
	}
	var b strings.Builder
	for _, row := range out.Latest(rules.Longest() + rules.Retention()) {
		fmt.Fprintf(&b, "%s %s %v %v %d %v\n", row.RequestID, row.RequestTS, row.Request.Score, row.Cells, row.Revision,
			row.Reason)
	}
	fmt.Fprintf(&b, "%+v", ledger.Kinds)
	return b.String()
}
