package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// broker is a publisher that keeps the first message of every id, as JetStream
// does within its window, and dies now and then.
type broker struct {
	t        *testing.T
	mu       sync.Mutex
	messages map[string][]byte
	order    []string
	left     int             // messages until it dies; 0: never
	since    map[string]bool // the messages that were sent since the last crash; nil: there was none
	away     chan struct{}   // not nil: it is away for one call, and closes this then
}

// crashed notes that the joiner has crashed: what it sent before is not the last word.
func (b *broker) crashed() { b.since = map[string]bool{} }

// before reports whether a message was sent before the last crash, and not again.
func (b *broker) before(message int) bool { return b.since != nil && !b.since[b.order[message]] }

func (b *broker) Publish(ctx context.Context, labels []events.Label) error {
	if b.away != nil {
		close(b.away)
		b.away = nil
		<-ctx.Done()
		return ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range labels {
		if _, ok := b.messages[l.ID]; !ok {
			b.messages[l.ID] = append([]byte(nil), l.Data...)
			b.order = append(b.order, l.ID)
		}
		if b.since != nil {
			b.since[l.ID] = true
		}
		if b.left--; b.left == 0 {
			return errCrash
		}
	}
	return nil
}

type message struct {
	RequestID string `json:"request_id"`
	ItemID    string `json:"item_id"`
	Phase     string `json:"phase"`
	Revision  uint32 `json:"revision"`
	Labels    map[string]struct {
		Value *float64 `json:"value"`
		TS    string   `json:"ts"`
		Stage string   `json:"stage"`
	} `json:"labels"`
}

// label is one label of one row, as a consumer of the stream knows it.
type label struct {
	key  enginetest.Key
	name string
}

type known struct {
	value    *float64
	revision uint32
	stage    string
	at       int // the number of the message that said it last
}

// consume does what a consumer of the stream should: in order of arrival, what a
// message says of a label replaces what is known.
func (b *broker) consume() map[label]known {
	view := map[label]known{}
	for i, id := range b.order {
		var m message
		if err := json.Unmarshal(b.messages[id], &m); err != nil {
			b.t.Fatalf("%s: %v", b.messages[id], err)
		}
		if !slices.Contains([]string{"early", "window", "close", "corrected"}, m.Phase) || len(m.Labels) == 0 {
			b.t.Errorf("%s says nothing", b.messages[id])
		}
		for name, v := range m.Labels {
			at := label{enginetest.Key{RequestID: m.RequestID, ItemID: m.ItemID}, name}
			view[at] = known{v.Value, m.Revision, v.Stage, i}
		}
	}
	return view
}

// checkLabels holds what a consumer of the stream knows against the rows: it has
// the labels of each, and believes in no positive that has no row. The exception is one that was published before a
// crash, and that never came true in the order in which its events were met again: see SEMANTICS.md.
func checkLabels(t *testing.T, w *world, b *broker) {
	t.Helper()
	view := b.consume()
	latest := map[enginetest.Key]bool{}
	for _, r := range w.out.Latest(enginetest.Reach(&w.History.Rules)) {
		key := enginetest.Key{RequestID: r.RequestID, ItemID: r.ItemID}
		latest[key] = true
		for i, c := range r.Cells {
			at := label{key, w.History.Rules.Labels[i].Name}
			got, ok := view[at]
			if !ok || (got.value == nil) != c.Null || got.value != nil && *got.value != c.Value {
				t.Errorf("%q: the stream says %v %+v, the row %v (revision %d, %v)", at, ok, got, c, r.Revision, r.Reason)
			}
			if got.stage != "" {
				t.Errorf("%q: the request has closed, and the stream's last word is %s", at, got.stage)
			}
		}
	}
	for at, v := range view {
		if !latest[at.key] && v.value != nil && *v.value != 0 && !b.before(v.at) {
			t.Errorf("%q is %v on the stream, and there is no row", at, *v.value)
		}
	}
	if t.Failed() && testing.Verbose() {
		for _, id := range b.order {
			t.Logf("%s %s", id, b.messages[id])
		}
	}
}

// labelShapes are the histories that the label stream is held against.
func labelShapes() map[string]enginetest.Shape {
	return map[string]enginetest.Shape{
		"unnamed": {Unnamed: true}, "unnamed timely": {Unnamed: true, Timely: true},
		"timely": {Timely: true}, "any order": {}, "late": {Late: true}, "early": {Early: true}, "late and early": {Late: true, Early: true},
		"clean": {Clean: true, Early: true}, "wild": {Wild: true}, "hot": {Hot: true},
		"each": {Each: true}, "each and late": {Each: true, Late: true},
	}
}

// TestLabelStream holds the label stream, with a broker and engines that die on
// the way, against the rows. After a crash two logs are met in another order.
func TestLabelStream(t *testing.T) {
	for name, shape := range labelShapes() {
		t.Run(name, func(t *testing.T) {
			windows, provisional := 0, 0 // messages of windows that end before their request closes
			forSeeds(t, 50, func(t *testing.T, seed uint64) {
				h := enginetest.Generate(seed, shape)
				reference := h.Reference()
				r := newRand(seed)
				w := newWorld(seed, h, anyLayout(r, shape.Timely))
				b := &broker{t: t, messages: map[string][]byte{}}
				w.labels, w.crashed = b, b.crashed
				troubles := r.IntN(4)
				for range troubles {
					b.left = 1 + r.IntN(20)
					if err := w.run(); errors.Is(err, errCrash) {
						b.crashed()
					} else if err != nil {
						t.Fatal(err)
					}
					if r.IntN(4) == 0 {
						w.fs = vfs.NewCrashableMem() // the state is lost
						b.crashed()
					}
				}
				b.left = 0
				w.troubled(t, r.IntN(1+troubles))
				checkBooks(t, w)
				checkLatest(t, w, reference.Join(h.Set()))
				checkLabels(t, w, b)
				windows += b.said("window")
				provisional += b.provisional()
			})
			if provisional == 0 && *seedFlag == 0 && !testing.Short() && shape.Each {
				t.Error("no value was provisional")
			}
			if t.Logf("%d messages of windows", windows); windows == 0 && *seedFlag == 0 && !testing.Short() && shape.Timely {
				t.Error("no window ended before its request closed")
			}
		})
	}
}

// said counts the messages of a phase.
func (b *broker) said(phase string) int {
	n := 0
	for _, id := range b.order {
		var m message
		if json.Unmarshal(b.messages[id], &m) == nil && m.Phase == phase {
			n++
		}
	}
	return n
}

// provisional counts the values that are provisional.
func (b *broker) provisional() int {
	n := 0
	for _, id := range b.order {
		var m message
		if json.Unmarshal(b.messages[id], &m) != nil {
			continue
		}
		for _, v := range m.Labels {
			if v.Stage == joiner.StageProvisional {
				n++
			}
		}
	}
	return n
}

// TestPositiveAtOnce has a positive on the stream while its request is open.
func TestPositiveAtOnce(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	h.Click(time.Second, "r")
	h.Request(0, "r")
	h.Click(2*time.Second, "r")
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	b := &broker{t: t, messages: map[string][]byte{}}
	w.labels = b
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	got := b.consume()[label{enginetest.Key{RequestID: "r"}, "clicked"}]
	if len(b.order) != 1 || got.value == nil || *got.value != 1 || len(w.out.Commits) != 0 {
		t.Errorf("%v on the stream, %d messages, %d commits; want one positive and no row", got, len(b.order),
			len(w.out.Commits))
	}
}

// TestStopWithBrokerAway stops a joiner in the middle of a batch that it cannot
// publish: what was not published is not applied, and read again.
func TestStopWithBrokerAway(t *testing.T) {
	h := enginetest.Lines(oneLabel())
	for range 3 {
		h.Request(0, "r")
		h.Click(time.Second, "r")
	}
	h.End()
	reference := h.Reference()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 9, Batches: 9})
	away := make(chan struct{})
	b := &broker{t: t, messages: map[string][]byte{}, away: away}
	w.labels = b
	st, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- engine.New(w.options(st, -1)).Run(ctx) }()
	<-away
	cancel()
	err = <-done
	if err := errors.Join(err, st.Close(), w.run()); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	checkBase(t, w, reference.Join(h.Set()))
	checkLabels(t, w, b)
}
