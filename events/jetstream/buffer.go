package jetstream

import (
	"slices"
	"sync"

	"github.com/labeljoin/labeljoin/events"
)

// portion is messages that are handed over at once.
type portion struct {
	messages []events.Message
	bytes    int
	through  uint64 // every message of ours up to this stream sequence is in this portion or was before it
}

// buffer stands between the goroutine that receives messages and the one that
// asks for them. It is what makes a batch cost one hand-over instead of one per
// message, and it bounds what is held: when it is full the receiver waits, and
// the broker stops sending once its allowance of bytes is used up.
type buffer struct {
	limits limits
	filled chan struct{} // signalled when there is something to take
	room   chan struct{} // signalled when something was taken

	mu       sync.Mutex
	owner    *reader // the only one that may add
	queue    []portion
	queued   int    // bytes in the queue
	received uint64 // stream sequence of the last message seen, whether or not it is ours
	atStart  bool   // nothing has been received, and where the log begins is not known

	// last is the newest message of ours that was received, by which the log is
	// known again; before the first, where reading began has it as mark.
	last events.Message
	mark events.Mark

	watched bool     // what is received is to be remembered
	recent  []uint64 // sequences received since watch, with those of delete markers
}

// limits are a portion's.
type limits struct{ messages, bytes int }

// maxPortions is how many portions are held, and also how many times a portion's bytes: a
// message that is larger than a portion has one of its own, and large ones are held
// one at a time.
const maxPortions = 8

func newBuffer(l limits) *buffer {
	return &buffer{limits: l, filled: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// add appends a message that came at a stream sequence; m is nil if it is none
// of ours. It reports false if the reader no longer owns the buffer.
func (b *buffer) add(r *reader, seq uint64, m *events.Message) bool {
	for {
		b.mu.Lock()
		if b.owner != r {
			b.mu.Unlock()
			return false
		}
		if b.admit(m) {
			b.put(seq, m)
			b.mu.Unlock()
			signal(b.filled)
			return true
		}
		b.mu.Unlock()
		select {
		case <-b.room:
		case <-r.stopped:
		}
	}
}

// insert appends a message whatever the room. The buffer may have no owner then.
func (b *buffer) insert(seq uint64, m *events.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.admit(m) {
		b.queue = append(b.queue, portion{})
	}
	b.put(seq, m)
}

// skip counts the sequences up to seq as passed.
func (b *buffer) skip(seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.received = max(b.received, seq)
}

// admit makes sure that there is a portion to put m into; false says that the
// buffer is full. The lock is held.
func (b *buffer) admit(m *events.Message) bool {
	if n := len(b.queue); n > 0 {
		last := &b.queue[n-1]
		if m == nil || len(last.messages) < b.limits.messages && last.bytes+len(m.Data) <= b.limits.bytes {
			return true
		}
		if n >= maxPortions || m != nil && b.queued+len(m.Data) > maxPortions*b.limits.bytes {
			return false
		}
	}
	b.queue = append(b.queue, portion{})
	return true
}

// put stores m in the last portion. The lock is held.
func (b *buffer) put(seq uint64, m *events.Message) {
	last := &b.queue[len(b.queue)-1]
	if m != nil {
		last.messages = append(last.messages, *m)
		last.bytes += len(m.Data)
		b.queued += len(m.Data)
		b.last = *m
	}
	if b.watched {
		b.recent = append(b.recent, seq)
	}
	last.through, b.received, b.atStart = seq, seq, false
}

// take hands over the oldest portion.
func (b *buffer) take() (portion, bool) {
	b.mu.Lock()
	if len(b.queue) == 0 {
		b.mu.Unlock()
		return portion{}, false
	}
	first := b.queue[0]
	b.queued -= first.bytes
	b.queue[0] = portion{}
	if b.queue = b.queue[1:]; len(b.queue) == 0 {
		b.queue = nil
	}
	b.mu.Unlock()
	signal(b.room)
	return first, true
}

// own makes r the only one that may add; nil is none. It returns the last
// sequence received so far, and what nothingCame does.
func (b *buffer) own(r *reader) (received uint64, atStart bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.owner = r
	return b.received, b.atStart
}

// watch is the last sequence received. From here on until unread, what is received
// is remembered if it is to be watched: that is as long as the broker takes to
// answer, so that there are not many.
func (b *buffer) watch(watched bool) (received uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watched, b.recent = watched, b.recent[:0]
	return b.received
}

// unread are those of some sequences that were not received since watch.
func (b *buffer) unread(sequences []uint64) []uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watched = false
	return slices.DeleteFunc(sequences, func(seq uint64) bool {
		_, found := slices.BinarySearch(b.recent, seq)
		return found
	})
}

// progress is the last sequence received, and whether all of it was taken.
func (b *buffer) progress() (received uint64, empty bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.received, len(b.queue) == 0
}

// begin says that it is known where the log begins: what is gone of it from now on is lost.
func (b *buffer) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.atStart = false
}

// nothingCame reports whether the log's first message is still to come, and may have any
// sequence.
func (b *buffer) nothingCame() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.atStart
}

// known is the mark of the newest message received.
func (b *buffer) known() events.Mark {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last.Seq > b.mark.Seq {
		b.mark = b.last.Mark()
	}
	return b.mark
}

// truncate drops what was received after a sequence: it came from a log that
// turned out to be another. The buffer may have no owner then.
func (b *buffer) truncate(seq uint64, known events.Mark) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.queue {
		c := &b.queue[i]
		c.messages = slices.DeleteFunc(c.messages, func(m events.Message) bool {
			if m.Seq <= seq {
				return false
			}
			c.bytes -= len(m.Data)
			b.queued -= len(m.Data)
			return true
		})
		c.through = min(c.through, seq)
	}
	b.received, b.last, b.mark = min(b.received, seq), events.Message{}, known
}

// signal wakes the one who waits on a channel of capacity one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
