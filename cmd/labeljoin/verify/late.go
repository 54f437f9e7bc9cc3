package verify

import (
	"cmp"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
)

// lateness tells which requests have events that may have come too late to count. A
// replay reads everything before anything closes, so it counts them, and the rows of
// these requests may differ from what was written and be right.
//
// An event came too late if the watermark had passed by more than corrections the
// close of its request. Which watermark it met lies between those of the commit
// before it and of its own, which the manifests have; the later one is taken. An event
// that came after the close while another configuration ran came too late as well: that
// one may have had no corrections, or no label that wanted it.
type lateness struct {
	longest, corrections time.Duration
	cuts                 []cutPoint
	decoders             *[events.Kinds]jsonevent.Decoder
	// met is, for each input and by the hash of the request's id, the latest watermark
	// that an event may have met. Events that came in time whatever their request are
	// not here. Inputs are read side by side, so each has a map of its own.
	met []map[uint64]events.Time
}

// cutPoint is where a commit was cut. met is its watermark; it is later by corrections
// where another configuration decided.
type cutPoint struct {
	inputs         []events.Position
	watermark, met events.Time
}

func newLateness(rules *joiner.Rules, decoders *[events.Kinds]jsonevent.Decoder, inputs int) *lateness {
	l := &lateness{longest: rules.Longest(), corrections: rules.Corrections, decoders: decoders}
	for range inputs {
		l.met = append(l.met, map[uint64]events.Time{})
	}
	return l
}

// Add adds the next commit, which another configuration may have decided.
func (l *lateness) Add(cut *joiner.Cut, late time.Duration, another bool) {
	c := cutPoint{inputs: slices.Clone(cut.Progress.Inputs), watermark: cut.Progress.Watermark(late)}
	if c.met = c.watermark; another {
		c.met = c.met.Add(l.corrections)
	}
	l.cuts = append(l.cuts, c)
}

// metAt is the watermark that an event of an input met at the latest.
func (l *lateness) metAt(input int, seq uint64, index uint32) events.Time {
	at, _ := slices.BinarySearchFunc(l.cuts, true, func(c cutPoint, _ bool) int {
		if input >= len(c.inputs) {
			return -1 // it was not read yet
		}
		p := &c.inputs[input]
		if cmp.Or(cmp.Compare(seq, p.Next), cmp.Compare(index, p.Skip)) < 0 {
			return 1 // the commit has read it
		}
		return -1
	})
	if at == len(l.cuts) {
		return events.MaxTime
	}
	return l.cuts[at].met
}

// before is a watermark that was passed before a message of a stream was read, that of
// the commit before it; MinTime if there is none.
func (l *lateness) before(input string, seq uint64) events.Time {
	w := events.MinTime
	for i := range l.cuts {
		for _, p := range l.cuts[i].inputs {
			if p.Input == input && p.Next <= seq {
				w = max(w, l.cuts[i].watermark)
			}
		}
	}
	return w
}

// see looks at the events of a message. Inputs may call it side by side.
func (l *lateness) see(input int, codec events.Codec, m *events.Message) {
	jsonevent.EachOf(codec, &l.decoders[m.Kind], m, func(index uint32, d events.Decoded) bool {
		if d.Reject != nil {
			return true
		}
		id, bound, ok := l.bound(d.Kind, d.Data)
		if !ok {
			return true // a heartbeat, or it is rejected in a replay too
		}
		if w := l.metAt(input, m.Seq, index); w > bound {
			if known, ok := l.met[input][id]; !ok || w > known {
				l.met[input][id] = w
			}
		}
		return true
	})
}

// bound is the watermark up to which an event is in time whatever its request: an
// outcome counts for requests that are stamped at most the longest window before it.
func (l *lateness) bound(kind events.Kind, data []byte) (id uint64, bound events.Time, ok bool) {
	if kind == events.KindRequest {
		found, err := l.decoders[kind].ScanRequest(data)
		if err != nil || found.Heartbeat {
			return 0, 0, false
		}
		return export.RequestHash(found.ID), found.TS.Add(l.longest).Add(l.corrections), true
	}
	found, info, err := l.decoders[kind].DecodeOutcome(data)
	if err != nil || info.Heartbeat {
		return 0, 0, false
	}
	return export.RequestHash(found.RequestID), found.TS.Add(l.corrections), true
}

// excuse reports whether a request may have an event that came too late to count.
func (l *lateness) excuse(request uint64, ts events.Time) bool {
	for _, met := range l.met {
		if w, ok := met[request]; ok && w > ts.Add(l.longest).Add(l.corrections) {
			return true
		}
	}
	return false
}
