package scenario

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/store"
)

// Restarting is the same case with the engine stopped and started after every
// event. What must come of it is the same.
func (c *Case) Restarting() *Case {
	again := *c
	again.steps = nil
	for _, s := range c.steps {
		again.steps = append(again.steps, s)
		if s.message != nil && c.replay == nil {
			again.steps = append(again.steps, step{restart: true})
		}
	}
	return &again
}

// Messages are the events of a case, in their order, for other joins than the engine's.
func (c *Case) Messages() []events.Message {
	var all []events.Message
	for i := range c.steps {
		if m := c.steps[i].message; m != nil {
			all = append(all, *m)
		}
	}
	return all
}

// Run runs one case. Of the options it takes what decides rows; inputs, store,
// output, publisher and replay are its own. The error says that the engine
// stopped; failures are expectations that were not met.
func Run(ctx context.Context, o engine.Options, c *Case) (failures []Failure, err error) {
	w := &world{World: memory.World{Logs: make([][]events.Batch, 1)}, o: o, c: c, stream: &stream{}, out: &memory.Output{}}
	w.codecs = &codecs{own: o.Decoders, by: map[uint64]events.Codec{}}
	if err := w.open(vfs.NewMem()); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.store.Close()) }()
	for i := range c.steps {
		found, err := w.step(ctx, &c.steps[i])
		if err != nil {
			return failures, err
		}
		failures = append(failures, found...)
	}
	return failures, nil
}

// world is a world with a state and an output. Its only log is every event so far, a message each.
type world struct {
	memory.World
	o      engine.Options
	c      *Case
	fs     vfs.FS
	store  *store.Store
	out    *memory.Output
	stream *stream
	seq    uint64 // of the newest message
	codecs *codecs
	unread bool // the last batch was not read yet
}

func (w *world) open(fs vfs.FS) error {
	st, err := store.Open(store.Options{FS: fs, Dir: "state", CacheSize: 1 << 20, Log: slog.New(slog.DiscardHandler)})
	w.fs, w.store = fs, st
	return err
}

// step does one step. Events wait until something is to be known of them, so
// that the engine meets many of them in a batch.
func (w *world) step(ctx context.Context, s *step) ([]Failure, error) {
	if s.message != nil {
		m := *s.message
		w.of(s.input, &m)
		w.arrive(m)
		return nil, nil
	}
	if w.unread {
		if err := w.run(ctx, nil); err != nil {
			return nil, err
		}
	}
	switch {
	case s.proof != nil:
		return nil, w.run(ctx, s.proof)
	case s.restart:
		return nil, w.reopen(ctx, w.fs)
	case s.gap != nil:
		g := *s.gap
		g.ID = uint64(len(w.out.Gaps)) + 1
		w.out.Gaps = append(w.out.Gaps, g)
		return nil, w.run(ctx, nil)
	case s.rebuild:
		return nil, w.reopen(ctx, vfs.NewMem())
	}
	seen, err := w.look()
	if err != nil {
		return nil, err
	}
	return w.compare(s.expect, seen), nil
}

// arrive adds a message to the batch that the engine reads next.
func (w *world) arrive(m events.Message) {
	if !w.unread {
		w.Logs[0] = append(w.Logs[0], events.Batch{ReadThrough: events.MinTime})
		w.unread = true
	}
	w.seq++
	m.Seq = w.seq
	last := &w.Logs[0][len(w.Logs[0])-1]
	last.Messages = append(last.Messages, m)
}

// reopen starts again on a state, which may be an empty one.
func (w *world) reopen(ctx context.Context, fs vfs.FS) error {
	if err := w.store.Close(); err != nil {
		return err
	}
	if err := w.open(fs); err != nil {
		return err
	}
	return w.run(ctx, nil)
}

// run lets an engine read what is new, and then a proof if there is one. When
// it returns, all that closed is committed.
func (w *world) run(ctx context.Context, p *proof) error {
	o := w.o
	// One input carries both kinds, which makes the order of arrival that of
	// the test. What is proven of one source only is said of an input that
	// carries nothing else, while it brings no events.
	w.Surround(&o)
	input := &o.Inputs[0]
	input.Last = 0 // these are pauses of one joiner, and no starts after which labels would be told again
	if p != nil {
		input.Kinds = p.kinds
		at := p.at
		if p.exact {
			at = at.Add(o.Rules.Lateness)
			o.HeartbeatRequired = [events.Kinds]bool{}
		}
		input.Open = memory.Log(append(slices.Clone(w.Logs[0]), events.Batch{ReadThrough: at})).Open
	}
	if w.c.inputs() {
		input.Feeds = []engine.Feed{{Name: input.Name, Kinds: input.Kinds, Codec: w.codecs}}
	}
	o.Store, o.Output, o.Publisher = w.store, w.out, w.stream
	o.Replay = w.c.replay
	o.Roll = engine.Roll{Interval: time.Hour} // a run commits when it ends
	w.unread = false
	if err := engine.New(o).Run(ctx); err != nil {
		return fmt.Errorf("the engine stopped: %w", err)
	}
	if l := w.store.Progress().Progress.Ledger; !l.Balanced() {
		return &engine.BooksError{Ledger: l}
	}
	return nil
}

// seen is what has come of the events so far.
type seen struct {
	open      []string
	rows      []map[string]string // columns as values of JSON
	ledger    joiner.Ledger
	letters   []string
	published []map[string]string
}

func (w *world) look() (*seen, error) {
	checkpoint := w.store.Progress()
	s := &seen{ledger: checkpoint.Progress.Ledger, open: []string{}, letters: []string{}}
	open, err := memory.Pending(w.store.View(), &checkpoint)
	if err != nil {
		return nil, err
	}
	for _, key := range open {
		s.open = append(s.open, key.ID)
	}
	for _, r := range w.out.Latest(reach(&w.o.Rules)) {
		s.rows = append(s.rows, w.columns(&r))
	}
	slices.SortFunc(s.rows, func(a, b map[string]string) int {
		return cmp.Or(
			strings.Compare(a["request_id"], b["request_id"]), strings.Compare(a["item_id"], b["item_id"]),
			strings.Compare(a["request_ts"], b["request_ts"]),
		)
	})
	for _, commit := range w.out.Commits {
		for i := range commit.DeadLetters {
			s.letters = append(s.letters, commit.DeadLetters[i].Reason)
		}
	}
	s.published, err = w.messages()
	return s, err
}

// reach is how far apart two requests of one id are stamped that are two.
func reach(r *joiner.Rules) time.Duration { return r.Longest() + r.Retention() }

// messages are those of the label stream, as rows.
func (w *world) messages() ([]map[string]string, error) {
	var messages []map[string]string
	for _, label := range w.stream.labels {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(label.Data, &m); err != nil {
			return nil, fmt.Errorf("a message of the label stream is not JSON: %w", err)
		}
		columns := map[string]string{"item_id": "null"}
		for name, value := range m {
			columns[name] = string(value)
		}
		var labels map[string]struct{ Value, TS, Stage, Elapsed json.RawMessage }
		if err := json.Unmarshal(m["labels"], &labels); err != nil {
			return nil, fmt.Errorf("a message of the label stream has no labels: %w", err)
		}
		delete(columns, "labels")
		for name, l := range labels {
			columns[name], columns[name+"_ts"] = string(l.Value), "null"
			if len(l.TS) > 0 {
				columns[name+"_ts"] = string(l.TS)
			}
			columns[name+stageSuffix], columns[name+elapsedSuffix] = orNull(l.Stage), orNull(l.Elapsed)
		}
		messages = append(messages, columns)
	}
	return messages, nil
}

func orNull(v json.RawMessage) string {
	if len(v) == 0 {
		return "null"
	}
	return string(v)
}

// stream is a label stream that drops repetitions, as the broker does.
type stream struct{ labels []events.Label }

// Publish implements engine.Publisher.
func (s *stream) Publish(_ context.Context, labels []events.Label) error {
	for _, l := range labels {
		same := func(m events.Label) bool { return m.ID == l.ID }
		if !slices.ContainsFunc(s.labels, same) {
			s.labels = append(s.labels, l)
		}
	}
	return nil
}
