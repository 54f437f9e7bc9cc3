package jetstream

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// The reasons for which silence of a log proves nothing. EVIDENCE.md says what a
// stream must be like so that it proves something.
const (
	holdClockAhead  = "clock_ahead"  // no other clock bears the broker's out
	holdClockBehind = "clock_behind" // the broker's clock was set back
	holdLink        = "link"         // a mirror or source is not known to be current
	holdFull        = "full"         // the stream refuses new messages
	holdNoMatch     = "no_match"     // no message ever had the subject
	holdDeletions   = "deletions"    // messages vanished unread, which is usual in this stream
	holdUnanswered  = "unanswered"   // the broker does not say whether anything is unread
)

// HoldReasons lists the reasons that a source gives to Options.Hold.
func HoldReasons() []string {
	return []string{holdClockAhead, holdClockBehind, holdLink, holdFull, holdNoMatch, holdDeletions, holdUnanswered}
}

// refuses says why a stream takes no new messages; empty is that it does. What
// producers could not publish is in no stream, and looks like nothing.
func refuses(info *jetstream.StreamInfo) string {
	c, s := &info.Config, &info.State
	if c.Sealed {
		return "is sealed and takes no messages any more"
	}
	if c.Discard != jetstream.DiscardNew {
		return ""
	}
	if c.MaxMsgs > 0 && s.Msgs >= uint64(c.MaxMsgs) {
		return fmt.Sprintf("is full, with %s, and refuses new ones (discard: new)", events.Count(s.Msgs, "message"))
	}
	if c.MaxBytes > 0 && s.Msgs > 0 {
		// A message that is larger than the room is refused, and how large those are
		// is known only from those there are.
		const usual = 4 // times the mean is still usual
		if room := c.MaxBytes - int64(s.Bytes); room < usual*int64(s.Bytes/s.Msgs) {
			return fmt.Sprintf("is full, with %d bytes of %d, and refuses new messages (discard: new)", s.Bytes, c.MaxBytes)
		}
	}
	if c.DiscardNewPerSubject && c.MaxMsgsPerSubject > 0 {
		return "refuses messages of subjects that are full (discard_new_per_subject), which its producers know and it does not tell"
	}
	return ""
}

// evidence is what a source knows of its stream beyond the messages.
type evidence struct {
	clock    clockGuard
	links    links
	origins  origins
	subjects subjects
	deleted  []uint64 // sequences that are gone, ascending, as of the last time that there were more or fewer
	excused  uint64   // what was gone up to here when the log was first read is nothing that was lost
	unsure   string   // why it is not known that nothing of ours has vanished; empty: it is
}

// subjects is what is known of the subjects of a log's messages.
type subjects struct {
	matched map[string]bool // some message had a subject of the input, by its title
	others  bool            // some message is of no input
	looked  bool
	end     uint64 // of the stream, when that was found out
	warned  bool
}

// admit says how far the answer's time is believed, and why it is not: MinTime is
// not at all. What is known of subjects is the caller's.
func (e *evidence) admit(a *answer, unlike events.Hold) (events.Time, events.Hold) {
	t, clock := e.clock.admit(events.At(a.info.TimeStamp), a.at)
	back, hold := e.links.admit(a.info, &e.origins, a.at)
	if text := refuses(a.info); text != "" && !hold.On() {
		hold = events.Hold{Reason: holdFull,
			Detail: fmt.Sprintf("stream %q %s. Silence of it proves nothing; events and heartbeats do", a.info.Config.Name,
				text)}
	}
	if e.unsure != "" && !hold.On() {
		hold = events.Hold{Reason: holdDeletions, Detail: e.unsure}
	}
	if !hold.On() {
		hold = unlike
	}
	if hold.On() {
		return events.MinTime, hold
	}
	if a.apart == neverHeard {
		return events.MinTime, clock
	}
	if a.info.Cluster != nil && len(a.info.Cluster.Replicas) > 0 {
		back += replicaDelay + a.apart
	}
	return t.Add(-back), clock
}

// look finds out which inputs have no message, and whether the stream has messages
// that are of no input.
func (a *answer) look(ctx context.Context, js jetstream.JetStream, log *Log) error {
	a.subjects = &subjects{matched: map[string]bool{}, looked: true, end: a.end, others: a.ask.others}
	all := true
	for _, in := range log.Inputs {
		m, err := getMessage(ctx, js, log.Stream, 1, in.Subject)
		if err != nil {
			return err
		}
		a.subjects.matched[in.title()] = a.subjects.matched[in.title()] || m != nil
		all = all && m != nil
	}
	if all || a.subjects.others || !log.Filtered {
		return nil
	}
	stream, err := js.Stream(ctx, log.Stream)
	if err != nil {
		return err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return err
	}
	for subject := range info.State.Subjects {
		if log.of(subject) == nil {
			a.subjects.others = true
			return nil
		}
	}
	return nil
}

// unheard reports whether it is not known of some input that it ever had a
// message.
func (s *Source) unheard() bool {
	return slices.ContainsFunc(s.in.Inputs, func(in Input) bool { return !s.matches(&in) })
}

// matches reports whether an input ever had a message, by what the stream has and by
// what the joiner has read of it before.
func (s *Source) matches(in *Input) bool {
	return s.prover.evidence.subjects.matched[in.title()] || s.opts.Heard == nil || s.opts.Heard(in)
}

// unlike is the hold of a log whose subjects are not those of its messages.
func (s *Source) unlike(a *answer) events.Hold {
	known := &s.prover.evidence.subjects
	if a.subjects != nil {
		a.subjects.warned = known.warned
		*known = *a.subjects
	}
	for _, in := range s.in.Inputs {
		if s.matches(&in) || !known.looked {
			continue
		}
		if known.others {
			return events.Hold{Reason: holdNoMatch, Detail: fmt.Sprintf(
				"no message of stream %q has ever had subject %q, though it has messages of other subjects. Is it spelt as producers publish it? "+
					"Silence of it proves nothing until a message comes, an event or a heartbeat", s.in.Stream, in.Subject)}
		}
		if a.info.State.Msgs > 0 && !known.warned {
			known.warned = true
			s.opts.Log.Warn("no message of the stream has the subject so far, though it has others: is it spelt as producers publish it?",
				"stream", s.in.Stream, "subject", in.Subject, "input", in.title(), "messages", a.info.State.Msgs)
		}
	}
	return events.Hold{}
}
