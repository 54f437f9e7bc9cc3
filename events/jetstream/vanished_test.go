package jetstream

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
)

// sharedWorld is a stream of outcomes and of what is not read, what was done to it,
// and how far a joiner has read it.
type sharedWorld struct {
	t      *rapid.T
	stream jetstream.Stream
	ours   []uint64 // sequences of outcomes that are there or were
	gone   []uint64 // sequences of which the message was taken away
	read   []uint64 // sequences that were handed over
	from   events.Position
	last   uint64
	// passed is known to hold nothing unread, so that what is taken away before it is
	// no loss.
	passed uint64
}

// TestSharedStreamsLoseNothingInSilence takes messages away from a shared stream,
// one by one, by subject and whole, while it is read and while it is not, with
// restarts between. Every outcome is handed over once, in order, or the loss is
// refused; and where nothing unread was taken away, nothing is refused.
func TestSharedStreamsLoseNothingInSilence(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprint("log", n)
		subject := func(s string) string { return fmt.Sprintf("%s.%s", name, s) }
		loose(t, nc, jetstream.StreamConfig{Name: name, Subjects: []string{subject(">")}, Storage: jetstream.MemoryStorage})
		defer drop(t, nc, name)
		log := find(t, nc, Input{Kind: events.KindOutcome, Subject: subject("out.>"), Stream: name})
		w := &sharedWorld{t: rt, stream: stream(t, nc, name), from: events.Position{Input: name, Created: log.Created, Next: 1}}
		for range rapid.IntRange(2, 6).Draw(rt, "episodes") {
			for range rapid.IntRange(0, 6).Draw(rt, "steps") {
				switch rapid.IntRange(0, 5).Draw(rt, "step") {
				case 0, 1, 2:
					s := rapid.SampledFrom([]string{"out.a", "out.b", "noise"}).Draw(rt, "subject")
					publish(t, nc, subject(s), 0, 1)
					if w.last++; s != "noise" {
						w.ours = append(w.ours, w.last)
					}
				case 3, 4:
					if w.last > 0 {
						w.take(t, uint64(rapid.IntRange(1, int(w.last)).Draw(rt, "seq")))
					}
				case 5:
					w.purge(t, subject(rapid.SampledFrom([]string{"out.a", "out.>", "noise"}).Draw(rt, "purged")))
				}
			}
			lost := slices.ContainsFunc(w.gone, func(seq uint64) bool { return seq > w.passed })
			s, err := Open(deadline(t), nc, log, 0, w.from, Options{ProveEvery: 5 * time.Millisecond})
			if fault, ok := errors.AsType[*LogError](err); ok {
				if !lost || fault.Fault != FaultHole && fault.Fault != FaultTrimmed {
					rt.Fatalf("refused with %v; taken away %v, passed %d", err, w.gone, w.passed)
				}
				return
			}
			if err != nil {
				rt.Fatal(err)
			}
			if lost && w.passed > 0 {
				s.Close()
				rt.Fatalf("it goes on; taken away %v, passed %d", w.gone, w.passed)
			}
			w.readAll(t, s)
			s.Close()
		}
	})
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

// readAll reads to the end of the stream and checks what came.
func (w *sharedWorld) readAll(t *testing.T, s *Source) {
	for {
		b, err := s.Next(deadline(t))
		if err != nil {
			w.t.Fatalf("after %v: %v", w.read, err)
		}
		for i := range b.Messages {
			w.read = append(w.read, b.Messages[i].Seq)
			w.from.Next, w.from.Mark = b.Messages[i].Seq+1, b.Messages[i].Mark()
		}
		if len(b.Messages) == 0 {
			w.from.Next = max(w.from.Next, b.Through+1)
			w.passed = w.from.Next - 1
			break
		}
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
