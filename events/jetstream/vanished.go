package jetstream

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// A stream that holds other subjects too is read by a filter, so that its
// sequences are not dense for the reader: a message of ours that was deleted before
// it was read, or purged by its subject, or that expired on its own, leaves no gap
// that the reader could see. But the stream knows which of its sequences are gone.
// One beyond what is known to hold nothing unread may have been ours. Whether it
// was is known to no one, and so it counts as lost, like a message that was trimmed.
//
// A mirror with a filter has such gaps where its origin has other messages. Of it
// nothing can be told in this way.

// checksDeleted reports whether gaps in a stream's sequences mean anything.
func checksDeleted(log *Log, config *jetstream.StreamConfig) bool {
	m := config.Mirror
	return log.Filtered && (m == nil || m.FilterSubject == "" && len(m.SubjectTransforms) == 0)
}

// expires reports whether a stream drops single messages in the ordinary course of
// things, so that one which is gone is more likely foreign than lost.
func expires(config *jetstream.StreamConfig) bool {
	return config.MaxMsgsPerSubject > 0 || config.AllowRollup || config.AllowMsgTTL
}

// deletedAfter lists the sequences after one that a stream does not have, in
// ascending order.
func deletedAfter(ctx context.Context, js jetstream.JetStream, name string, seq uint64) ([]uint64, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx, jetstream.WithDeletedDetails(true))
	if err != nil {
		return nil, err
	}
	return after(slices.Sorted(slices.Values(info.State.Deleted)), seq), nil
}

// after are those of ascending sequences that come after one. They are the caller's.
func after(sequences []uint64, seq uint64) []uint64 {
	at, _ := slices.BinarySearch(sequences, seq+1)
	return slices.Clone(sequences[at:])
}

// goneFrom counts those of ascending sequences that are not before one.
func goneFrom(sequences []uint64, first uint64) int {
	at, _ := slices.BinarySearch(sequences, first)
	return len(sequences) - at
}

// vanished refuses a filtered log of which messages after a sequence are gone, which
// nothing but this could have read. It is asked before reading begins.
func (s *Source) vanished(ctx context.Context, info *jetstream.StreamInfo, passed uint64) error {
	if info.State.NumDeleted == 0 || !checksDeleted(&s.in, &info.Config) {
		return nil
	}
	e := &s.prover.evidence
	if s.started == (start{}) && s.neverRead() {
		e.excused = info.State.LastSeq
	}
	gone, err := deletedAfter(ctx, s.js, s.in.Stream, s.sureThrough(passed))
	if err != nil {
		return err
	}
	return s.judgeVanished(info, after(gone, e.excused))
}

// neverRead reports whether nothing of any log was read before.
func (s *Source) neverRead() bool {
	if s.opts.Known != nil {
		return s.opts.firstEver()
	}
	received, _ := s.buffer.progress()
	return received == 0
}

// judgeVanished makes of sequences that are gone unread what has to be made of
// them: nothing if they were declared lost, a hold where single messages vanish in
// the ordinary course of things, and else the end.
func (s *Source) judgeVanished(info *jetstream.StreamInfo, gone []uint64) error {
	gone = slices.DeleteFunc(gone, func(seq uint64) bool { return lost(s.opts.Lost).cover(seq, seq+1) })
	if len(gone) == 0 {
		return nil
	}
	if expires(&info.Config) {
		s.prover.evidence.unsure = fmt.Sprintf("stream %q drops single messages by its limits, and has dropped message %d before it was read. "+
			"Whether it was an event is not known, so silence of it proves nothing; events and heartbeats do. "+
			"Give requests and outcomes streams without max_msgs_per_subject, allow_rollup and allow_msg_ttl", s.in.Stream, gone[0])
		return nil
	}
	return &LogError{
		Stream: s.in.Stream, Fault: FaultHole, Next: gone[0], Shared: true,
		First: info.State.FirstSeq, Last: info.State.LastSeq, Want: s.created, Have: s.created, Gone: len(gone),
	}
}
