package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
)

// without is a world's log as it is read when the app is no input any more; a name puts the app's
// messages back under another one.
func (w *world) without(name string) func(*engine.Options) {
	feeds := w.feeds()
	return func(o *engine.Options) {
		feeds(o)
		o.RulesHash = "other rules"
		in := &o.Inputs[0]
		if name != "" {
			in.Feeds[1].Name = name
			return
		}
		in.Feeds = in.Feeds[:1]
		var log []events.Batch
		for _, b := range w.Logs[0] {
			b.Messages = slices.DeleteFunc(slices.Clone(b.Messages), func(m events.Message) bool { return m.Feed == 1 })
			log = append(log, b)
		}
		in.Open = memory.Log(log).Open
	}
}

// TestInputLeftOutOfItsStream leaves an input out that shares its stream with another: what was read
// of it stays, also where the state would be read again from the stream.
func TestInputLeftOutOfItsStream(t *testing.T) {
	web := func(data string) events.Message { return events.Message{Data: []byte(data)} }
	app := func(data string) events.Message {
		return events.Message{Feed: 1, Kind: events.KindOutcome, Data: []byte(data)}
	}
	messages := []events.Message{
		web(`request={"request_id":"a","ts":1000}|request={"request_id":"b","ts":190000}`),
		app(`{"request_id":"b","ts":191000,"type":"click"}`),
		app(`{"heartbeat":200000}`),
		web(`request={"heartbeat":200000}|outcome={"heartbeat":200000}`),
	}
	for name, c := range map[string]struct {
		renamed    string // how the app is called then; empty: it is left out
		lost, fail bool
	}{
		"left out": {"", false, false}, "renamed": {"mobile", false, false},
		"left out, the state is lost": {"", true, true}, "renamed, the state is lost": {"mobile", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := mixed(slices.Clone(messages)...)
			w.decoder = &jsonevent.Decoder{}
			w.runWith(t, w.feeds())
			if l := w.final.Progress.Ledger.Kinds[events.KindRequest]; l.Pending != 1 || len(w.out.Commits) != 1 {
				t.Fatalf("the test needs a commit and a request that is open: %+v", l)
			}
			w.Logs = mixed(append(slices.Clone(messages), web(`request={"heartbeat":900000}|outcome={"heartbeat":900000}`),
				app(`{"heartbeat":900000}`))...).Logs
			if c.lost {
				w.fs = vfs.NewCrashableMem()
			}
			if c.fail {
				var left *engine.LeftOutError
				if err := w.tryWith(t, w.without(c.renamed)); !errors.As(err, &left) || left.Lacks != 2 {
					t.Errorf("it runs with %v, want that the app is needed", err)
				}
				return
			}
			w.runWith(t, w.without(c.renamed))
			rows := w.out.Latest(time.Hour)
			if len(rows) != 2 || rows[1].RequestID != "b" || !positive(rows[1].Cells[0]) {
				t.Errorf("the rows are %+v", rows)
			}
		})
	}
}

// TestInputLeftOutBeforeTheFirstCommit does so where nothing is committed yet, so that only the state knows of the
// input.
func TestInputLeftOutBeforeTheFirstCommit(t *testing.T) {
	messages := []events.Message{
		{Data: []byte(`request={"request_id":"b","ts":190000}`)},
		{Feed: 1, Kind: events.KindOutcome, Data: []byte(`{"request_id":"b","ts":191000,"type":"click"}`)},
	}
	for name, renamed := range map[string]string{"left out": "", "renamed": "mobile"} {
		t.Run(name, func(t *testing.T) {
			w := mixed(slices.Clone(messages)...)
			w.decoder = &jsonevent.Decoder{}
			w.runWith(t, w.feeds())
			if l := w.final.Progress.Ledger.Kinds[events.KindOutcome]; l.Pending != 1 || len(w.out.Commits) != 0 {
				t.Fatalf("the test needs an outcome that is pending, and no commit: %+v", l)
			}
			w.Logs = mixed(append(slices.Clone(messages),
				events.Message{Data: []byte(`request={"heartbeat":900000}|outcome={"heartbeat":900000}`)},
				events.Message{Feed: 1, Kind: events.KindOutcome, Data: []byte(`{"heartbeat":900000}`)})...).Logs
			w.runWith(t, w.without(renamed))
			if rows := w.out.Latest(time.Hour); len(rows) != 1 || !positive(rows[0].Cells[0]) {
				t.Errorf("the rows are %+v, want that b was clicked", rows)
			}
		})
	}
}

// TestEventsGoneBeforeTheFirstCommit has a state of another version, which is rebuilt, and a log that lacks events it has
// read: an input is left out, or a message is gone. The refusal says to put them back, and with them the joiner goes on.
func TestEventsGoneBeforeTheFirstCommit(t *testing.T) {
	messages := []events.Message{
		{Data: []byte(`request={"request_id":"b","ts":190000}`)},
		{Feed: 1, Kind: events.KindOutcome, Data: []byte(`{"request_id":"b","ts":191000,"type":"click"}`)},
	}
	end := []events.Message{{Data: []byte(`request={"heartbeat":900000}|outcome={"heartbeat":900000}`)},
		{Feed: 1, Kind: events.KindOutcome, Data: []byte(`{"heartbeat":900000}`)}}
	for name, without := range map[string]func(w *world) func(*engine.Options){
		"an input is left out": func(w *world) func(*engine.Options) {
			left := w.without("")
			return func(o *engine.Options) { left(o); o.RulesHash = w.hash }
		},
		"a message is gone": func(w *world) func(*engine.Options) {
			lacks := w.Logs[0][0]
			lacks.Messages = slices.Delete(slices.Clone(lacks.Messages), 1, 2)
			feeds := w.feeds()
			return func(o *engine.Options) { feeds(o); o.Inputs[0].Open = memory.Log([]events.Batch{lacks}).Open }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := mixed(slices.Clone(messages)...)
			w.decoder = &jsonevent.Decoder{}
			w.runWith(t, w.feeds())
			st, err := w.open()
			if err != nil {
				t.Fatal(err)
			}
			old := st.Progress()
			old.Format--
			if err := errors.Join(st.Apply(&old, true), st.Close()); err != nil {
				t.Fatal(err)
			}
			w.Logs = mixed(append(slices.Clone(messages), end...)...).Logs
			err = w.tryWith(t, without(w))
			if gone, ok := errors.AsType[*engine.ReadGoneError](err); !ok || *gone != (engine.ReadGoneError{Read: 2, Found: 1}) ||
				!strings.Contains(err.Error(), "Put back what is gone: messages, or an input that is left out") {
				t.Fatalf("it ends with %v", err)
			}
			w.runWith(t, w.feeds())
			if rows := w.out.Latest(time.Hour); len(rows) != 1 || !positive(rows[0].Cells[0]) {
				t.Errorf("the rows are %+v, want that b was clicked", rows)
			}
		})
	}
}

// TestInputLeftOutPastTheLastCommit loses a state that has read more of such an input than the last commit.
func TestInputLeftOutPastTheLastCommit(t *testing.T) {
	messages := []events.Message{
		{Data: []byte(`request={"request_id":"a","ts":1000}|request={"request_id":"b","ts":190000}`)},
		{Data: []byte(`request={"heartbeat":200000}|outcome={"heartbeat":200000}`)},
		{Feed: 1, Kind: events.KindOutcome, Data: []byte(`{"request_id":"b","ts":191000,"type":"click"}`)},
	}
	w := mixed(messages...)
	w.decoder = &jsonevent.Decoder{}
	log := w.Logs[0][0]
	w.Logs[0] = []events.Batch{{Messages: log.Messages[:2], ReadThrough: events.MinTime}, {ReadThrough: events.Time(180 * time.Second)}}
	w.runWith(t, w.feeds())
	w.Logs[0] = []events.Batch{log}
	w.runWith(t, w.feeds())
	if l := w.final.Progress.Ledger.Kinds[events.KindOutcome]; l.Pending != 1 || len(w.out.Commits) != 1 {
		t.Fatalf("the test needs a commit, and an outcome that is in none: %+v, %d commits", l, len(w.out.Commits))
	}
	for name, c := range map[string]struct {
		renamed string
		runs    bool
	}{"left out": {"", false}, "renamed": {"mobile", true}} {
		t.Run(name, func(t *testing.T) {
			w.fs = vfs.NewCrashableMem()
			err := w.tryWith(t, w.without(c.renamed))
			if left := (*engine.LeftOutError)(nil); c.runs && err != nil || !c.runs && !errors.As(err, &left) {
				t.Errorf("it runs with %v", err)
			}
		})
	}
}

// TestInputReplacedInItsStream puts an input of outcomes in the place of the only one there was, in the same stream.
func TestInputReplacedInItsStream(t *testing.T) {
	feeds := func(w *world, name string, hash string, read func(*events.Message) bool) func(*engine.Options) {
		return func(o *engine.Options) {
			var log []events.Batch
			for _, b := range w.Logs[0] {
				b.Messages = slices.DeleteFunc(slices.Clone(b.Messages), func(m events.Message) bool { return !read(&m) })
				log = append(log, b)
			}
			o.RulesHash = hash
			o.Inputs = []engine.Input{{Name: "log0", Created: 1, Kinds: []events.Kind{events.KindRequest, events.KindOutcome}, Feeds: []engine.Feed{
				{Name: "web", Kinds: []events.Kind{events.KindRequest}}, {Name: name, Kinds: []events.Kind{events.KindOutcome}},
			}, Open: memory.Log(log).Open}}
		}
	}
	click := func(data string) events.Message {
		return events.Message{Feed: 1, Kind: events.KindOutcome, Data: []byte(data)}
	}
	messages := []events.Message{
		{Data: []byte(`{"request_id":"a","ts":1000}`)},
		{Data: []byte(`{"request_id":"b","ts":190000}`)},
		click(`{"request_id":"b","ts":191000,"type":"click"}`),
		{Data: []byte(`{"heartbeat":200000}`)}, click(`{"heartbeat":200000}`),
	}
	w := mixed(slices.Clone(messages)...)
	w.decoder = &jsonevent.Decoder{}
	w.runWith(t, feeds(w, "clicks", "rules", func(*events.Message) bool { return true }))
	if len(w.out.Commits) != 1 {
		t.Fatal("the test needs a commit")
	}
	w.Logs = mixed(append(messages, events.Message{Data: []byte(`{"heartbeat":900000}`)}, click(`{"heartbeat":900000}`))...).Logs
	w.runWith(t, feeds(w, "taps", "other rules", func(m *events.Message) bool { return m.Feed == 0 || m.Seq > 5 }))
	rows := w.out.Latest(time.Hour)
	if len(rows) != 2 || rows[1].RequestID != "b" || !positive(rows[1].Cells[0]) {
		t.Errorf("the rows are %+v, want that b was clicked", rows)
	}
}
