package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// created are the times at which a stream says, or said, that it was created: it may
// have been restored since.
type created []events.Time

// names finds the times under which the streams that are there were read. The newest
// message that was read tells a stream that was restored from another one.
func (d *deep) names(
	ctx context.Context, s *partition.Service, inputs []engine.Input, cut *joiner.Cut,
) ([]created, error) {
	known := make([]created, len(inputs))
	for i := range inputs {
		known[i] = created{inputs[i].Created}
		if i >= len(cut.Progress.Inputs) {
			continue
		}
		read := &cut.Progress.Inputs[i]
		if read.Input != inputs[i].Name || read.Created == inputs[i].Created || read.Mark.Seq == 0 {
			continue
		}
		same, err := jetstream.Has(ctx, s.Conn, read.Input, read.Mark)
		if err != nil {
			return nil, err
		}
		if same {
			known[i] = append(known[i], read.Created)
		}
	}
	for c, err := range d.archive.Commits() {
		if err != nil {
			return nil, err
		}
		if leapt(&c.Cut) || len(c.Cut.From) != len(inputs) {
			continue
		}
		for i := range known {
			if from, to := c.Cut.From[i].Created, c.Cut.Progress.Inputs[i].Created; from != to && slices.Contains(known[i], to) {
				known[i] = append(known[i], from)
			}
		}
	}
	return known, nil
}

// beginning is the first commit from which on the streams still hold what was
// read. Requests that may have events before it cannot be compared.
func (d *deep) beginning(inputs []engine.Input, known []created) ([]events.Position, error) {
	before, began := events.MinTime, events.MinTime
	var from []events.Position // nil: no commit so far will do
	for c, err := range d.archive.Commits() {
		if err != nil {
			return nil, err
		}
		if len(c.Cut.From) > len(inputs) {
			return nil, fmt.Errorf("commit %d was made from %d streams, the configuration has %d", c.Cut.Number,
				len(c.Cut.From), len(inputs))
		}
		if from == nil && readable(c.Cut.From, inputs, known) {
			from, began = c.Cut.From, events.MinTime
			if c.Cut.Number > 1 {
				began = before.Add(d.cfg.Join.ClockSkew.Std() + time.Microsecond)
			}
		}
		if !readable(c.Cut.Progress.Inputs, inputs, known) || leapt(&c.Cut) {
			from = nil // it went on in another stream, or elsewhere in this one
		}
		before = c.Cut.MaxEvent
	}
	if d.began = began; from == nil {
		return nil, errors.New("the streams are not those that the commits have read, or hold nothing any more of what they have read, so there is nothing to compare: " +
			"verify without --deep holds the output against its manifests")
	}
	return from, nil
}

// leftOut lists the inputs that shared a stream with others and are none any more, and says from which requests on
// no event of them counts.
func (d *deep) leftOut(inputs []engine.Input) (names []string, from events.Time, err error) {
	isLeft := func(name string) bool {
		ofLog := false
		for i := range inputs {
			in := &inputs[i]
			ofLog = ofLog || !in.IsRetired() && engine.IsOfLog(name, in.Name)
			if slices.ContainsFunc(in.Feeds, func(f engine.Feed) bool { return engine.FeedName(f.Name, in.Name) == name }) {
				return false
			}
		}
		return ofLog
	}
	from = events.MinTime
	before := false // the commit before has read one
	for c, err := range d.archive.Commits() {
		if err != nil {
			return nil, 0, err
		}
		if before {
			from = c.Cut.MaxEvent.Add(d.cfg.Join.ClockSkew.Std() + time.Microsecond)
		}
		before = false
		for _, s := range c.Cut.Progress.Clock.Sources {
			if !s.Brings() || !isLeft(s.Name) {
				continue
			}
			if before = true; !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	if before {
		from = events.MaxTime
	}
	return names, from, nil
}

// readable reports whether the streams are those of a commit's positions, and still
// hold what comes from there on.
func readable(at []events.Position, inputs []engine.Input, known []created) bool {
	if len(at) != len(inputs) {
		return false // some were not read yet
	}
	for i := range at {
		if p := &at[i]; p.Input != inputs[i].Name || !slices.Contains(known[i], p.Created) || inputs[i].First > p.Next {
			return false
		}
	}
	return true
}

// leapt reports whether a commit went on elsewhere in a stream, because a person
// decided so when messages were lost. A stream that was created at another time, of
// which no decision tells, was restored: it has the messages that were read.
func leapt(cut *joiner.Cut) bool {
	for i := range cut.From {
		from, to := &cut.From[i], &cut.Progress.Inputs[i]
		if to.Next < from.Next {
			return true
		}
		for _, g := range cut.Progress.Gaps {
			l := g.Log
			if l == nil || l.Input != from.Input {
				continue
			}
			if l.Anew && l.From == from.Next && l.Next <= to.Next || to.Created != from.Created && l.Created == to.Created {
				return true
			}
		}
	}
	return false
}

// goneMessages are messages that the commits have read and that are gone: they were
// erased, or are damaged. What they were is not known.
type goneMessages struct {
	log    events.LogGap
	stored events.Time // when the message after them was stored, or more
	// Rows of requests stamped from..to, both included, may have been made of them.
	from, to events.Time
}

// say says it for people.
func (g *goneMessages) say() string {
	return fmt.Sprintf("stream %s: messages %d to %d were read and are gone: rows of requests from %s to %s may differ",
		g.log.Input, g.log.From, g.log.Next-1, g.from, g.to)
}

// replayWhatIsThere replays, and passes over the messages that are gone from the
// middle of the streams. What was deleted the server says; what is damaged it does not
// know, and all messages are gone through once a replay has met such a one.
func (d *deep) replayWhatIsThere(ctx context.Context, cut *joiner.Cut) error {
	err := d.replay(ctx, cut)
	if fault, ok := errors.AsType[*jetstream.LogError](err); !ok || fault.Fault != jetstream.FaultHole {
		return err
	}
	d.damaged = true
	return d.replay(ctx, cut)
}

// findGone finds the messages that the streams lack of what the commits have read.
func (d *deep) findGone(ctx context.Context, s *partition.Service, cut *joiner.Cut) error {
	asking, cancel := context.WithTimeout(ctx, partition.AskTimeout)
	defer cancel()
	logs, err := s.Logs(asking)
	if err != nil {
		return err
	}
	d.gone = nil
	for i := range logs {
		l := &logs[i]
		if l.Deleted == 0 && !d.damaged || i >= len(cut.Progress.Inputs) {
			continue
		}
		at := events.Position{Input: l.Stream, Created: l.Created, Next: max(1, l.First)}
		lost := partition.DeclaredSpans(cut.Progress.Gaps, l.Stream, l.Created)
		losses, err := jetstream.FindLosses(ctx, s.Conn, *l, jetstream.Want{From: at, Lost: lost, Every: true})
		if err != nil {
			return err
		}
		for _, loss := range losses {
			if loss.Fault.Fault == jetstream.FaultHole && loss.Gap.From < cut.Progress.Inputs[i].Next {
				d.gone = append(d.gone, goneMessages{log: loss.Gap, stored: loss.To})
			}
		}
	}
	return nil
}

// passOver declares messages lost to a replay, which reads what is left.
func passOver(gone []goneMessages) []events.Gap {
	gaps := make([]events.Gap, len(gone))
	for i := range gone {
		gaps[i].Log = &gone[i].log
	}
	return gaps
}

// boundGone says of which requests the messages that are gone may have been: of those
// that were not decided for good when they were read, and that an event may name that
// was stored by then. Messages that were read before they were declared lost count too.
func (d *deep) boundGone(declared []events.Gap) {
	for _, g := range declared {
		if l := g.Log; l != nil && !l.Anew && l.Decided != 0 && l.Next > l.From {
			d.gone = append(d.gone, goneMessages{log: *l, stored: g.To})
		}
	}
	for i := range d.gone {
		g := &d.gone[i]
		g.from = d.late.before(g.log.Input, g.log.From).Add(-d.late.longest).Add(-d.late.corrections)
		g.to = g.stored.Add(d.cfg.Join.MaxFuture.Std()).Add(d.cfg.Join.ClockSkew.Std())
	}
}

// excuse reports whether a row may differ from what the log gives.
func (d *deep) excuse(request uint64, ts events.Time) bool {
	return d.late.excuse(request, ts) ||
		slices.ContainsFunc(d.gone, func(g goneMessages) bool { return g.from <= ts && ts <= g.to })
}
