package jetstream

import "github.com/nats-io/nats.go/jetstream"

// A reader that stands still for some seconds may be overtaken by the beginning of its
// stream: the process was stopped, the machine was suspended, or what reads from here
// was slow. Where the sequences are dense that shows. A filtered log goes on with the
// next message of ours that is left, and that it does so tells nothing.
//
// But the stream tells where it begins. As long as it has told so a short time ago, all
// that came since was there to be read. Else nothing is handed over before it has told
// it again: so the position stays before what is lost, and the next start finds the loss
// too. A message that is dropped sooner than that after it was stored is not missed.

// isBarred reports whether the broker has to say where the log begins before anything
// more of it is handed over. If it does not answer for long, reading goes on without:
// then silence proves nothing, and that is said.
func (s *Source) isBarred() bool {
	p, now := s.prover, s.opts.Elapsed()
	if !s.in.Filtered || !s.answered || p.failing && now-p.failed >= answerTimeout {
		return false
	}
	return now-s.confirmed > 2*p.every
}

// sureThrough is up to where nothing of ours is unread, whatever was received after it.
func (s *Source) sureThrough(passed uint64) uint64 {
	if s.isBarred() {
		return max(s.sure, s.handed)
	}
	return passed
}

// overtaken compares a stream that was not heard of for a while with what is sure of it.
func (s *Source) overtaken(info *jetstream.StreamInfo) error {
	if !s.isBarred() {
		return nil
	}
	return s.compare(info, max(s.sure, s.handed)+1, s.buffer.nothingCame())
}
