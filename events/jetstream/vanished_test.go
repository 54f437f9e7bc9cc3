package jetstream

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
)

// sharedWorld is a stream of outcomes and of what is not read, what was done to it,
// and how far a joiner has read it.
type sharedWorld struct {
	t      *rapid.T
	nc     *nats.Conn
	stream jetstream.Stream
	name   string
	shape  string                 // of shapes, that the stream has
	bad    bool                   // the joiner that runs has been taken outcomes by a shape
	missed events.Time            // when the first outcome that no one can read any more was sent; MaxTime: none was
	sent   map[uint64]events.Time // when the outcomes of ours were stored, at the latest
	ours   []uint64               // sequences of outcomes that are there or were
	gone   []uint64               // sequences of which the message was taken away
	read   []uint64               // sequences that were handed over
	from   events.Position
	last   uint64
	// passed is known to hold nothing unread, so that what is taken away before it is
	// no loss.
	passed uint64
}

// shapes are what the stream may be made while it is used. misses are the subjects of outcomes that
// are not where they are read then.
var shapes = map[string]struct {
	subjects []string
	from, to string
	misses   []string
}{
	"plain":            {subjects: []string{">"}},
	"written apart":    {subjects: []string{"out.>", "noise"}},
	"noise is renamed": {subjects: []string{">"}, from: "noise", to: "other"},
	"renamed below":    {subjects: []string{">"}, from: "out.*", to: "out.clean.{{wildcard(1)}}"},
	"renamed away":     {subjects: []string{">"}, from: "out.*", to: "clean.{{wildcard(1)}}", misses: []string{"out.a", "out.b"}},
	"one renamed away": {subjects: []string{">"}, from: "out.a", to: "clean.a", misses: []string{"out.a"}},
	"one taken away":   {subjects: []string{"out.b", "noise"}, misses: []string{"out.a"}},
	"all taken away":   {subjects: []string{"noise"}, misses: []string{"out.a", "out.b"}},
}

// TestSharedStreamsLoseNothingInSilence takes messages away from a shared stream,
// one by one, by subject and whole, while it is read and while it is not, with
// restarts between; and it renames subjects or takes them from the stream. Every outcome is
// handed over once, in order, or the loss is refused; and where nothing unread was taken away,
// nothing is refused. Nothing is proven over an outcome that was not handed over.
func TestSharedStreamsLoseNothingInSilence(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprint("log", n)
		loose(t, nc, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, Storage: jetstream.MemoryStorage})
		defer drop(t, nc, name)
		log := find(t, nc, Input{Kind: events.KindOutcome, Subject: name + ".out.>", Stream: name})
		w := &sharedWorld{
			t: rt, nc: nc, stream: stream(t, nc, name), name: name, shape: "plain", missed: events.MaxTime,
			sent: map[uint64]events.Time{}, from: events.Position{Input: name, Created: log.Created, Next: 1},
		}
		for range rapid.IntRange(2, 6).Draw(rt, "episodes") {
			for range rapid.IntRange(0, 6).Draw(rt, "steps") {
				switch rapid.IntRange(0, 6).Draw(rt, "step") {
				case 0, 1, 2:
					w.publish(t)
				case 3, 4:
					if w.last > 0 {
						w.take(t, uint64(rapid.IntRange(1, int(w.last)).Draw(rt, "seq")))
					}
				case 5:
					w.purge(t, w.subject(rapid.SampledFrom([]string{"out.a", "out.>", "noise"}).Draw(rt, "purged")))
				case 6:
					w.change(t, rapid.SampledFrom(slices.Sorted(maps.Keys(shapes))).Draw(rt, "shape"))
				}
			}
			if !w.run(t, log) {
				return
			}
		}
	})
}

// run starts a joiner, which reads all, and goes on while the stream is changed. It reports
// whether there is a way on.
func (w *sharedWorld) run(t *testing.T, log Log) bool {
	lost := slices.ContainsFunc(w.gone, func(seq uint64) bool { return seq > w.passed })
	s, err := Open(deadline(t), w.nc, log, 0, w.from, Options{ProveEvery: 5 * time.Millisecond, Messages: 2})
	if fault, ok := errors.AsType[*LogError](err); ok {
		switch {
		case fault.Fault == FaultChanged && len(shapes[w.shape].misses) > 0:
			w.giveBack(t)
			return true
		case !lost || fault.Fault != FaultHole && fault.Fault != FaultTrimmed:
			w.t.Fatalf("refused with %v; taken away %v, passed %d, the stream is %s", err, w.gone, w.passed, w.shape)
		}
		return false
	}
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	if len(shapes[w.shape].misses) > 0 {
		w.t.Fatalf("it goes on; the stream is %s", w.shape)
	}
	if lost && w.passed > 0 {
		w.t.Fatalf("it goes on; taken away %v, passed %d", w.gone, w.passed)
	}
	// What was missed while no joiner looked is known to no one.
	w.bad, w.missed = false, events.MaxTime
	w.readAll(t, s)
	for range rapid.IntRange(0, 4).Draw(w.t, "running steps") {
		if rapid.IntRange(0, 2).Draw(w.t, "running step") < 2 {
			w.publish(t)
			continue
		}
		w.change(t, rapid.SampledFrom(slices.Sorted(maps.Keys(shapes))).Draw(w.t, "shape"))
		switch {
		case !w.bad:
		case rapid.Bool().Draw(w.t, "given back at once"):
			for range rapid.IntRange(0, 2).Draw(w.t, "missed") {
				w.publish(t)
			}
			w.seen(s)
			w.giveBack(t)
		default:
			w.publish(t)
			w.readFault(t, s)
			w.giveBack(t)
			return true
		}
	}
	if w.bad {
		w.readFault(t, s)
	} else {
		w.readAll(t, s)
	}
	return true
}

func (w *sharedWorld) subject(s string) string { return w.name + "." + s }

// publish sends something to some subject.
func (w *sharedWorld) publish(t *testing.T) {
	s := rapid.SampledFrom([]string{"out.a", "out.b", "noise"}).Draw(w.t, "subject")
	before := events.At(time.Now())
	_, err := w.nc.RequestWithContext(deadline(t), w.subject(s), payload(s, int(w.last)))
	stored := !errors.Is(err, nats.ErrNoResponders) // no stream takes it
	if err != nil && stored {
		w.t.Fatal(err)
	}
	if stored {
		w.last++
	}
	switch {
	case s == "noise":
	case slices.Contains(shapes[w.shape].misses, s):
		w.missed = min(w.missed, before)
	default:
		w.ours = append(w.ours, w.last)
		w.sent[w.last] = events.At(time.Now())
	}
}

// change gives the stream another shape.
func (w *sharedWorld) change(t *testing.T, to string) {
	shape := shapes[to]
	config := w.stream.CachedInfo().Config
	config.Subjects, config.SubjectTransform = nil, nil
	for _, s := range shape.subjects {
		config.Subjects = append(config.Subjects, w.subject(s))
	}
	if shape.from != "" {
		config.SubjectTransform = &jetstream.SubjectTransformConfig{Source: w.subject(shape.from), Destination: w.subject(shape.to)}
	}
	js, err := jetstream.New(w.nc)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := js.UpdateStream(deadline(t), config); err != nil {
		w.t.Fatal(err)
	}
	w.shape, w.bad = to, w.bad || len(shape.misses) > 0
}

// giveBack makes the stream as it was at first.
func (w *sharedWorld) giveBack(t *testing.T) { w.change(t, "plain") }

// seen waits until the joiner has been told of the stream's change, with which it stops to read.
// What it has received by then is not handed over yet.
func (w *sharedWorld) seen(s *Source) {
	for end := time.Now().Add(patience); s.reader != nil; time.Sleep(time.Millisecond) {
		if s.poll(); time.Now().After(end) {
			w.t.Fatalf("the stream is %s, and nothing is noticed", w.shape)
		}
	}
}

// readFault reads to the end that a change of the stream has to be.
func (w *sharedWorld) readFault(t *testing.T, s *Source) {
	for {
		b, err := s.Next(deadline(t))
		if fault, ok := errors.AsType[*LogError](err); ok && fault.Fault == FaultChanged {
			return
		}
		if err != nil {
			w.t.Fatalf("the source says %v", err)
		}
		w.takeIn(&b)
	}
}

// takeIn keeps what was handed over, and checks what is proven.
func (w *sharedWorld) takeIn(b *events.Batch) {
	for i := range b.Messages {
		w.read = append(w.read, b.Messages[i].Seq)
		w.from.Next, w.from.Mark = b.Messages[i].Seq+1, b.Messages[i].Mark()
	}
	if len(b.Messages) == 0 {
		w.from.Next = max(w.from.Next, b.Through+1)
	}
	w.passed = w.from.Next - 1
	if b.ReadThrough > w.missed {
		w.t.Fatalf("%s is proven, and an outcome of %s was missed; the stream is %s", b.ReadThrough, w.missed, w.shape)
	}
	for seq, at := range w.sent {
		if at < b.ReadThrough && !slices.Contains(w.read, seq) && !slices.Contains(w.gone, seq) {
			w.t.Fatalf("%s is proven, and outcome %d of %s was not handed over", b.ReadThrough, seq, at)
		}
	}
}

func (w *sharedWorld) take(t *testing.T, seq uint64) {
	if err := w.stream.DeleteMsg(deadline(t), seq); err == nil {
		w.gone = append(w.gone, seq)
	}
}

func (w *sharedWorld) purge(t *testing.T, subject string) {
	there := func() []uint64 {
		info, err := w.stream.Info(deadline(t), jetstream.WithDeletedDetails(true))
		if err != nil {
			w.t.Fatal(err)
		}
		var list []uint64
		for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
			if !slices.Contains(info.State.Deleted, seq) {
				list = append(list, seq)
			}
		}
		return list
	}
	before := there()
	if err := w.stream.Purge(deadline(t), jetstream.WithPurgeSubject(subject)); err != nil {
		w.t.Fatal(err)
	}
	after := there()
	for _, seq := range before {
		if !slices.Contains(after, seq) {
			w.gone = append(w.gone, seq)
		}
	}
}

// readAll reads to the end of the stream and checks what came. A proof of an end before the newest
// message was asked for before that was sent.
func (w *sharedWorld) readAll(t *testing.T, s *Source) {
	for end := false; !end; {
		b, err := s.Next(deadline(t))
		if err != nil {
			w.t.Fatalf("after %v: %v", w.read, err)
		}
		w.takeIn(&b)
		end = len(b.Messages) == 0 && w.passed >= w.last
	}
	var want []uint64
	for _, seq := range w.ours {
		if slices.Contains(w.read, seq) || !slices.Contains(w.gone, seq) {
			want = append(want, seq)
		}
	}
	if !slices.Equal(w.read, want) {
		w.t.Fatalf("read %v, want %v; taken away %v", w.read, want, w.gone)
	}
	if w.passed != w.last {
		w.t.Fatalf("passed %d at the end, the stream ends at %d", w.passed, w.last)
	}
}
