package engine

import (
	"context"
	"iter"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
)

// FeedName tells a feed from all others, in the clock of a commit and for people.
func FeedName(input, log string) string {
	if input == "" || input == log {
		return log
	}
	return input + " (" + log + ")"
}

// IsOfLog reports whether a feed of this name is one of a log.
func IsOfLog(name, log string) bool { return name == log || strings.HasSuffix(name, " ("+log+")") }

// countFeeds finds out which place the feeds have among all.
func (e *Engine) countFeeds() {
	e.first = make([]int, len(e.o.Inputs))
	n := 0
	for i := range e.o.Inputs {
		e.first[i] = n
		n += max(1, len(e.o.Inputs[i].Feeds))
	}
}

// source is the place that the feed of a message has among all.
func (e *Engine) source(m *events.Message) int { return e.first[m.Input] + int(m.Feed) }

// codec reads a message; nil says that it is in labeljoin's own format.
func (e *Engine) codec(m *events.Message) events.Codec {
	return e.o.Inputs[m.Input].CodecOf(m)
}

// CodecOf is what reads a message of the input; nil says that it is in labeljoin's own
// format.
func (in *Input) CodecOf(m *events.Message) events.Codec {
	if int(m.Feed) < len(in.Feeds) {
		return in.Feeds[m.Feed].Codec
	}
	return nil
}

// sources are the feeds as the clock knows them.
func (e *Engine) sources() []joiner.SourceClock {
	var list []joiner.SourceClock
	add := func(name string, kinds []events.Kind) {
		s := joiner.SourceClock{Name: name}
		for _, k := range kinds {
			s.Kinds[k] = true
		}
		list = append(list, s)
	}
	for i := range e.o.Inputs {
		in := &e.o.Inputs[i]
		if len(in.Feeds) == 0 {
			add(in.Name, in.Kinds)
		}
		for _, f := range in.Feeds {
			add(FeedName(f.Name, in.Name), f.Kinds)
		}
	}
	return list
}

// fitClock makes the clock one of the feeds that there are.
func (e *Engine) fitClock() { e.checkpoint.Progress.Clock.Fit(e.sources(), e.rules.Lateness) }

// prove takes a log's proof that everything stamped before t was read.
func (e *Engine) prove(input int, t events.Time) {
	in, c := &e.o.Inputs[input], &e.checkpoint.Progress.Clock
	at := func(feed int, kinds []events.Kind, required bool) {
		for _, k := range kinds {
			if !required && !e.o.HeartbeatRequired[k] {
				c.MarkReadAt(e.first[input]+feed, k, t)
			}
		}
	}
	if len(in.Feeds) == 0 {
		at(0, in.Kinds, false)
	}
	for n, f := range in.Feeds {
		at(n, f.Kinds, f.HeartbeatRequired)
	}
}

// foldCoded is foldOwn for a message that a codec reads.
func (e *Engine) foldCoded(ctx context.Context, m *events.Message, skip, limit uint32) (done bool, err error) {
	pos := &e.checkpoint.Progress.Inputs[m.Input]
	done = true
	e.codec(m).Decode(m, func(index uint32, d events.Decoded) bool {
		switch {
		case index >= limit:
			done = false
			return false
		case index < skip:
			return true
		}
		pos.Next, pos.Skip = m.Seq, index
		if err = e.coded(ctx, m, events.Origin{Input: m.Input, Seq: m.Seq, Index: index}, &d); err == nil {
			err = e.passed(ctx, pos, index)
		}
		return err == nil
	})
	return done, err
}

// coded takes in one event that a codec has made, or counts what is none.
func (e *Engine) coded(ctx context.Context, m *events.Message, at events.Origin, d *events.Decoded) error {
	one := *m
	one.Kind, one.Data = d.Kind, d.Record
	if d.Reject == nil {
		e.sightLeft(d)
		return e.event(ctx, &one, at, d.Data)
	}
	if e.pace != nil {
		e.pace.at(&e.checkpoint.Progress.Clock, at.Input, at.Seq, at.Index)
	}
	e.tally(d.Kind).Read++
	e.reject(&one, at, d.Record, d.Reject)
	return nil
}

// sightLeft notices the fields of a record that its mapping does not use.
func (e *Engine) sightLeft(d *events.Decoded) {
	e.ledger().UnknownFields += int64(d.Unused)
	if e.mode.rereads() || d.Unused == 0 {
		return
	}
	e.sighted.stale = true
	e.sightFields(d.Kind, d.Unused, d.Left)
}

// indices lists the positions of the events of a message.
func (e *Engine) indices(m *events.Message) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		jsonevent.EachOf(e.codec(m), &e.o.Decoders[m.Kind], m,
			func(index uint32, _ events.Decoded) bool { return yield(index) })
	}
}

// heard is how far an input has come: by the least of what it brings. seen is by its
// events alone, known also by what is proven.
func (e *Engine) heard(input int) (seen, known events.Time) {
	c := &e.checkpoint.Progress.Clock
	seen, known = events.MaxTime, events.MaxTime
	in := &e.o.Inputs[input]
	if len(c.Sources) == 0 {
		for _, k := range in.Kinds {
			seen, known = min(seen, c.Seen[k]), min(known, max(c.Seen[k], c.ReadThrough[k]))
		}
		return seen, known
	}
	for n := range max(1, len(in.Feeds)) {
		s := &c.Sources[e.first[input]+n]
		for k, has := range s.Kinds {
			if has {
				seen, known = min(seen, s.Seen[k]), min(known, max(s.Seen[k], s.ReadThrough[k]))
			}
		}
	}
	return seen, known
}

// furthestBehind is the input whose events are the oldest.
func (e *Engine) furthestBehind() int {
	at, oldest := 0, events.MaxTime
	for i := range e.o.Inputs {
		if seen, _ := e.heard(i); seen < oldest {
			at, oldest = i, seen
		}
	}
	return at
}

// exceedsDrift reports whether another input is ahead of this one by more than the
// tolerance.
func (e *Engine) exceedsDrift(input int) bool {
	_, known := e.heard(input)
	for i := range e.o.Inputs {
		if e.o.Inputs[i].retired {
			continue // it is not ahead of any, as it brings nothing
		}
		if seen, _ := e.heard(i); i != input && known.Add(maxDrift) < seen {
			return true
		}
	}
	return false
}
