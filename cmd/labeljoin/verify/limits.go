package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// reasonTooMany begins the reasons of the events that a limit rejected: outcomes, copies,
// pieces or late events of one request that were too many.
const reasonTooMany = "too_many_"

// letterKey says where an event stands.
type letterKey struct {
	input string
	seq   uint64
	index uint32
}

// limited is what a limit rejected. Which events these are depends on what came before
// them and on what had closed by then. A replay cannot find that out, but the dead letters
// say it.
type limited struct {
	events   map[letterKey]*letter
	mu       sync.Mutex     // inputs are read side by side
	met      map[string]int // how many were met in the log, by reason
	requests map[uint64]int // and by the hash of their request's id
}

// letter is what a dead letter says of an event that a limit rejected.
type letter struct {
	reason string
	hash   uint64 // of its bytes: the stream may be another one by now
	met    bool   // in the log
}

// limitedOf reads the dead letters of an output.
func limitedOf(a *export.Archive) (*limited, error) {
	l := &limited{events: map[letterKey]*letter{}, met: map[string]int{}, requests: map[uint64]int{}}
	for d, err := range a.DeadLetters() {
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(d.Reason, reasonTooMany) {
			l.events[letterKey{d.Input, d.Origin.Seq, d.Origin.Index}] = &letter{reason: d.Reason, hash: xxhash.Sum64(d.Data)}
		}
	}
	return l, nil
}

// find finds the letter of an event; nil: there is none.
func (l *limited) find(at letterKey, d *events.Decoded, own *[events.Kinds]jsonevent.Decoder) *letter {
	found := l.events[at]
	if found == nil || found.hash != xxhash.Sum64(d.Record) {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if found.met {
		return found
	}
	found.met = true
	l.met[found.reason]++
	if d.Kind == events.KindRequest {
		if r, err := own[d.Kind].ScanRequest(d.Data); err == nil {
			l.requests[export.RequestHash(r.ID)]++
		}
	} else if o, _, err := own[d.Kind].DecodeOutcome(d.Data); err == nil {
		l.requests[export.RequestHash(o.RequestID)]++
	}
	return found
}

// rejectedByLimit is what verify --deep says of the events that a limit rejected.
type rejectedByLimit struct {
	Requests int            `json:"requests"` // of which they are
	Events   map[string]int `json:"events"`   // how many, by reason
}

// limitedCodec reads what another codec does, or labeljoin's own format if that is nil. Of
// the events that a limit rejected it makes rejected ones, unless they are only noticed.
type limitedCodec struct {
	events.Codec
	input   string
	own     *[events.Kinds]jsonevent.Decoder
	limited *limited
	notices bool
}

// Decode implements events.Codec.
func (c *limitedCodec) Decode(m *events.Message, yield func(index uint32, d events.Decoded) bool) {
	jsonevent.EachOf(c.Codec, &c.own[m.Kind], m, func(index uint32, d events.Decoded) bool {
		if d.Reject == nil {
			l := c.limited.find(letterKey{c.input, m.Seq, index}, &d, c.own)
			if l != nil && !c.notices {
				d.Reject = &events.RejectError{Reason: "limited", Detail: "a limit rejected it when it was read: " + l.reason}
			}
		}
		return yield(index, d)
	})
}

// limit puts a limitedCodec before the feeds of inputs, if there is something to limit.
func (l *limited) limit(inputs []engine.Input, own *[events.Kinds]jsonevent.Decoder, notices bool) {
	if len(l.events) == 0 {
		return
	}
	for i := range inputs {
		for k := range inputs[i].Feeds {
			feed := &inputs[i].Feeds[k]
			feed.Codec = &limitedCodec{Codec: feed.Codec, input: inputs[i].Name, own: own, limited: l, notices: notices}
		}
	}
}

// codecOf is what reads a message behind a limitedCodec; nil is labeljoin's own format.
func codecOf(in *engine.Input, m *events.Message) events.Codec {
	codec := in.CodecOf(m)
	if c, ok := codec.(*limitedCodec); ok {
		return c.Codec
	}
	return codec
}

// doubt holds the rows of doubted requests, which maps to how many rows differed, against
// a replay of the whole log, and takes what it finds into a report. itself is what a replay
// rejects.
//
// A state that was lost, or changed for another configuration, was read from the log again,
// and the events with it that a limit had rejected before: then such rows are of the whole
// log. Where an id is used again, a replay counts the outcomes of all its requests against
// the limit and live does not: there the replay proves nothing.
func (d *deep) doubt(ctx context.Context, last *joiner.Cut, v *deepReport, itself *limited,
	doubted map[uint64]int64) error {
	d.limited, d.notices = itself, true
	replayed, err := d.replayed(ctx, last)
	if err != nil {
		return err
	}
	for _, rows := range doubted {
		v.Excused -= rows
	}
	c, err := d.compare(ctx, last, replayed, func(request uint64, ts events.Time) bool {
		switch {
		case doubted[request] == 0:
			return true
		case d.excuse(request, ts):
			v.Excused++
			return true
		case itself.requests[request] > 0:
			v.BeyondLimit++
			return true
		}
		return false
	})
	v.Differ, v.Missing, v.Extra, v.Examples = c.Differ, c.Missing, c.Extra, c.Examples
	return err
}

// say says it for people.
func (r *rejectedByLimit) say() string {
	reasons := ""
	for _, reason := range slices.Sorted(maps.Keys(r.Events)) {
		reasons += fmt.Sprintf(", %d %s", r.Events[reason], reason)
	}
	return fmt.Sprintf("of %s, limits rejected events when they were read, which count in no row: %s",
		terminal.Count(r.Requests, "request"), reasons[2:])
}
