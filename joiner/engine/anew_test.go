package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
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

// behind is a broker that is slow with what a close tells. When a commit has the rows of that close, the broker dies,
// and has taken none of it. So the commit says that requests have closed, and that nothing was told of them.
type behind struct {
	*broker
	committed chan struct{} // closed when a commit is made, or none will be
	wait      time.Duration // for a commit that need not come
}

func (b behind) Publish(ctx context.Context, labels []events.Label) error {
	closes := func(l events.Label) bool { return bytes.Contains(l.Data, []byte(`"phase":"close"`)) }
	if !slices.ContainsFunc(labels, closes) {
		return b.broker.Publish(ctx, labels)
	}
	select {
	case <-b.committed:
		return errCrash
	case <-time.After(b.wait): // the loop itself tells of a late request, and cuts nothing meanwhile
		return errCrash
	case <-ctx.Done():
		return ctx.Err()
	}
}

// How long a test waits for a commit. In a generated history it need not come: without it, that history shows less.
const (
	certainCommit  = time.Minute
	possibleCommit = 200 * time.Millisecond
)

// lingering is a source that ends when a commit is made.
type lingering struct {
	engine.Source
	committed chan struct{}
	wait      time.Duration
	give      func()
}

func (l lingering) Next(ctx context.Context) (events.Batch, error) {
	b, err := l.Source.Next(ctx)
	if !errors.Is(err, io.EOF) {
		return b, err
	}
	select {
	case <-l.committed:
	case <-time.After(l.wait): // nothing closes in this history
		l.give()
	case <-ctx.Done():
		return b, ctx.Err()
	}
	return b, err
}

// toldAfterLoss joins a history until a commit says that requests have closed of which nothing is told, loses the
// state, and joins to the end.
func toldAfterLoss(t *testing.T, w *world, wait time.Duration) *broker {
	t.Helper()
	b := &broker{t: t, messages: map[string][]byte{}}
	committed := make(chan struct{})
	give := sync.OnceFunc(func() { close(committed) })
	w.Roll = engine.Roll{}
	w.labels = behind{b, committed, wait}
	w.source = func(s engine.Source, _ events.Position) engine.Source { return lingering{s, committed, wait, give} }
	w.out.Fail = func(_ uint64, created bool) error {
		if created {
			give()
		}
		return nil
	}
	if err := w.run(); err != nil && !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.fs, w.labels, w.source, w.out.Fail = vfs.NewCrashableMem(), b, nil, nil
	b.crashed()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestToldAfterLoss loses a state that knew of requests that had closed, and of which nothing was told yet, however
// long ago: what is told of them then is what their rows say.
func TestToldAfterLoss(t *testing.T) {
	mean := joiner.Label{Name: "mean", Window: 30 * time.Minute, Agg: joiner.AggMean,
		When: func(o *events.Outcome) bool { return o.Type == "click" }}
	for name, head := range map[string]string{"named": `"request_id":"r",`, "unnamed": ""} {
		t.Run(name, func(t *testing.T) {
			rules := oneLabel()
			rules.Labels = append(rules.Labels, mean)
			rules.Attribute = byUser(time.Minute)
			h := enginetest.Lines(rules)
			h.Event(events.KindRequest, 0, `{"request_id":"r","ts":%d,"user_id":"u"}`, h.At(0))
			h.Event(events.KindOutcome, time.Second, `{`+head+`"ts":%d,"type":"click","value":1,"attrs":{"user":"u"}}`,
				h.At(time.Second))
			h.End()
			h.End() // when the last event is read, the request is forgotten
			w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 9})
			b := toldAfterLoss(t, w, certainCommit)
			if len(w.out.Commits) == 0 || w.out.Commits[0].Cut.Progress.PublishedThrough > h.At(0) {
				t.Fatal("the first commit does not say that a request has closed of which nothing is told")
			}
			checkBooks(t, w)
			checkLabels(t, w, b)
		})
	}
}

// byUser gives outcomes to the last request of their user.
func byUser(within time.Duration) *joiner.Attribution {
	return &joiner.Attribution{Within: within, Keys: []joiner.AttributeKey{{
		OfRequest: func(r *events.Request) string { return r.UserID },
		OfOutcome: func(o *events.Outcome) string { user, _ := o.Attrs["user"].(string); return user },
	}}}
}

// TestHistoriesToldAfterLoss is TestToldAfterLoss for generated histories.
func TestHistoriesToldAfterLoss(t *testing.T) {
	for name, shape := range labelShapes() {
		t.Run(name, func(t *testing.T) {
			forSeeds(t, 4, func(t *testing.T, seed uint64) {
				h := enginetest.Generate(seed, shape)
				reference := h.Reference()
				w := newWorld(seed, h, anyLayout(newRand(seed), shape.Timely))
				b := toldAfterLoss(t, w, possibleCommit)
				checkBooks(t, w)
				checkLatest(t, w, reference.Join(h.Set()))
				checkLabels(t, w, b)
			})
		})
	}
}

// TestMoreLateness raises the lateness between runs, so that the clock goes back, and the state is rebuilt: outcomes
// that were given to their requests before are so again.
func TestMoreLateness(t *testing.T) {
	rules := oneLabel()
	rules.Attribute = byUser(time.Minute)
	h := enginetest.Lines(rules)
	h.Request(0, "closed") // so that there is a commit
	at := 30*time.Minute + 5*time.Second
	h.Event(events.KindRequest, at, `{"request_id":"r","ts":%d,"user_id":"u"}`, h.At(at))
	at += 5 * time.Second
	h.Event(events.KindOutcome, at, `{"ts":%d,"type":"click","attrs":{"user":"u"}}`, h.At(at))
	h.Heartbeats(33 * time.Minute) // the outcome is given to its request
	before := len(h.Events)
	h.End()
	w := newWorld(1, h, enginetest.Layout{Inputs: 1, Messages: 1, Batches: 1})
	w.Roll = engine.Roll{}
	whole := w.Logs[0]
	w.Logs[0] = whole[:before]
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if n := len(w.out.Commits); n != 1 || w.out.Commits[0].Cut.Progress.Attributed.Through <= h.At(at) {
		t.Fatalf("%d commits, want one that was cut when the outcome had been given to its request", n)
	}
	w.Logs[0], w.hash, w.History.Rules.Lateness = whole, "more lateness", 10*time.Minute
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w)
	if r := w.latest()[[2]string{"r", ""}]; len(r.Cells) != 1 || r.Cells[0].Value != 1 {
		t.Errorf("the row says %v, and the click came in time", r.Cells)
	}
}
