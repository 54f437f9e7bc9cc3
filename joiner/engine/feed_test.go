package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
	"github.com/labeljoin/labeljoin/store"
)

// upper is a codec for the tests: a record is KIND=event, several with | between.
type upper struct{}

func (upper) Decode(m *events.Message, yield func(uint32, events.Decoded) bool) {
	for i, record := range strings.Split(string(m.Data), "|") {
		kind, event, ok := strings.Cut(record, "=")
		d := events.Decoded{Record: []byte(record), Data: []byte(event), Left: []string{"left"}, Unused: 1}
		if kind == "outcome" {
			d.Kind = events.KindOutcome
		}
		if !ok {
			d.Reject = &events.RejectError{Reason: "odd", Detail: "there is no ="}
		}
		if !yield(uint32(i), d) {
			return
		}
	}
}

// mixed is a world of one log in which a codec reads both kinds, beside clicks of an app
// in labeljoin's own format.
func mixed(messages ...events.Message) *world {
	h := enginetest.Lines(clicked())
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{Interval: time.Hour}
	batch := events.Batch{ReadThrough: events.MinTime}
	for i := range messages {
		messages[i].Seq, messages[i].Stored = uint64(i+1), h.At(time.Hour)
		batch.Messages = append(batch.Messages, messages[i])
	}
	w.Logs = [][]events.Batch{{batch}}
	return w
}

func clicked() joiner.Rules {
	return joiner.Rules{Labels: []joiner.Label{{Name: "clicked", Window: time.Minute, When: func(o *events.Outcome) bool { return o.Type == "click" }}}}
}

func (w *world) feeds() func(*engine.Options) {
	both := []events.Kind{events.KindRequest, events.KindOutcome}
	return func(o *engine.Options) {
		o.Inputs = []engine.Input{{Name: "log0", Created: 1, Kinds: both, Feeds: []engine.Feed{
			{Name: "web", Kinds: both, Codec: upper{}}, {Name: "app", Kinds: both[1:]},
		}, Open: memory.Log(w.Logs[0]).Open}}
	}
}

// runWith runs an engine with changed options.
func (w *world) runWith(t *testing.T, change func(*engine.Options)) {
	t.Helper()
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.runOver(st, change); err != nil {
		t.Fatal(err)
	}
	w.final = st.Progress()
	if _, err := memory.Pending(st.View(), &w.final); err != nil {
		t.Error(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

// runOver runs an engine over an opened state, with options that are changed.
func (w *world) runOver(st *store.Store, change func(*engine.Options)) error {
	o := w.options(st, -1)
	change(&o)
	return engine.New(o).Run(context.Background())
}

// tryWith is runWith where the engine may end with an error.
func (w *world) tryWith(t *testing.T, change func(*engine.Options)) error {
	t.Helper()
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	err = w.runOver(st, change)
	if closed := st.Close(); closed != nil {
		t.Fatal(closed)
	}
	return err
}

// TestCodecSaysTheKind: one message of a codec's input has events of both kinds, and what
// is none is rejected with its record and counts for its kind.
func TestCodecSaysTheKind(t *testing.T) {
	web := func(data string) events.Message { return events.Message{Data: []byte(data)} }
	w := mixed(
		web(`request={"request_id":"a","ts":1000}|outcome={"request_id":"a","ts":2000,"type":"click"}|broken`),
		events.Message{Feed: 1, Kind: events.KindOutcome, Data: []byte(`{"heartbeat":200000}`)},
		web(`request={"request_id":"b","ts":100000}|request={"heartbeat":200000}|outcome={"heartbeat":200000}`),
	)
	w.decoder = &jsonevent.Decoder{}
	w.runWith(t, w.feeds())
	l := &w.final.Progress.Ledger
	if got := l.Kinds[events.KindRequest]; got.Read != 3 || got.Disposed[joiner.DispositionAccepted] != 2 || got.Disposed[joiner.DispositionRejected] != 1 {
		t.Errorf("the requests are %+v", got)
	}
	if got := l.Kinds[events.KindOutcome]; got.Read != 1 || got.Disposed[joiner.DispositionJoined] != 1 {
		t.Errorf("the outcomes are %+v", got)
	}
	if l.Heartbeats != 3 || l.UnknownFields != 5 {
		t.Errorf("%d heartbeats and %d unknown fields", l.Heartbeats, l.UnknownFields)
	}
	if rows := w.out.Latest(time.Hour); len(rows) != 2 {
		t.Errorf("the rows are %v", rows)
	}
}

// TestSilentFeedHoldsTheOthers: of two inputs of outcomes, the one that says nothing
// keeps requests open, however far the other has come.
func TestSilentFeedHoldsTheOthers(t *testing.T) {
	web := events.Message{Data: []byte(`request={"request_id":"a","ts":1000}|request={"heartbeat":200000}|outcome={"heartbeat":200000}`)}
	app := events.Message{Feed: 1, Kind: events.KindOutcome, Data: []byte(`{"heartbeat":200000}`)}
	for name, c := range map[string]struct {
		messages []events.Message
		pending  int64
	}{
		"the app is silent": {[]events.Message{web}, 1},
		"the web is silent": {[]events.Message{{Data: []byte(`request={"request_id":"a","ts":1000}|request={"heartbeat":200000}`)}, app}, 1},
		"both have spoken":  {[]events.Message{web, app}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := mixed(c.messages...)
			w.decoder = &jsonevent.Decoder{}
			w.runWith(t, w.feeds())
			if got := w.final.Progress.Ledger.Kinds[events.KindRequest].Pending; got != c.pending {
				t.Errorf("%d requests are pending, want %d", got, c.pending)
			}
		})
	}
}

// TestInputIsAdded: a further log is read from its beginning beside those that were read
// before, and what it brings joins; a log that is taken away is refused.
func TestInputIsAdded(t *testing.T) {
	h := enginetest.Lines(clicked())
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.decoder, w.Roll = &jsonevent.Decoder{}, engine.Roll{Interval: time.Hour}
	log := func(lines ...string) (log memory.Log) {
		for i, line := range lines {
			kind := events.KindOutcome
			if !strings.Contains(line, "type") && !strings.Contains(line, "outcomes") {
				kind = events.KindRequest
			}
			m := events.Message{Kind: kind, Seq: uint64(i + 1), Stored: h.At(time.Hour), Data: []byte(strings.Replace(line, "outcomes ", "", 1))}
			log = append(log, events.Batch{Messages: []events.Message{m}, ReadThrough: events.MinTime})
		}
		return log
	}
	both := []events.Kind{events.KindRequest, events.KindOutcome}
	first := []string{`{"request_id":"a","ts":1000}`, `{"heartbeat":100000}`, `outcomes {"heartbeat":100000}`, `{"request_id":"b","ts":120000}`}
	more := append(first, `{"heartbeat":900000}`, `outcomes {"heartbeat":900000}`)
	app := log(`{"request_id":"b","ts":130000,"type":"click"}`, `outcomes {"heartbeat":900000}`)
	web := func(lines []string) engine.Input {
		return engine.Input{Name: "web", Created: 1, Kinds: both, Open: log(lines...).Open}
	}
	w.runWith(t, func(o *engine.Options) { o.Inputs = []engine.Input{web(first)} })
	if l := w.final.Progress.Ledger.Kinds[events.KindRequest]; l.Pending != 1 || l.Disposed[joiner.DispositionAccepted] != 1 {
		t.Fatalf("before, the requests are %+v", l)
	}
	w.runWith(t, func(o *engine.Options) {
		o.RulesHash = "other rules"
		o.Inputs = []engine.Input{web(more), {Name: "app", Created: 1, Kinds: both[1:], Open: app.Open}}
	})
	rows := w.out.Latest(time.Hour)
	if len(rows) != 2 || rows[1].RequestID != "b" || !positive(rows[1].Cells[0]) {
		t.Errorf("the rows are %+v", rows)
	}
	if got := engine.InputNames(w.final.Progress.Inputs); len(got) != 2 || got[1] != "app" {
		t.Errorf("the positions are of %v", got)
	}
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	o := w.options(st, -1)
	o.RulesHash, o.Inputs = "other rules", []engine.Input{web(more)}
	if err := engine.New(o).Run(context.Background()); err == nil || !strings.Contains(err.Error(), "put the inputs back") {
		t.Errorf("without the app it says: %v", err)
	}
}

func positive(c joiner.Cell) bool { return !c.Null && c.Value == 1 }
