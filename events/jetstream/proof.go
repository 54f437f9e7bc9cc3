package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// A proof is a broker's time T of which is claimed: every message stored before
// T has been handed over. It is what lets a quiet log close its requests, and a
// wrong one turns positives into negatives, so here is why it holds.
//
// The stream's leader is asked twice, one answer after the other.
//
//  1. The first answer gives T, the leader's clock when it wrote the answer.
//     Its last sequence is of no use: the leader reads the sequence first and
//     the clock afterwards, and a message can be stored in between.
//  2. The second answer gives L, the stream's last sequence. A message is given
//     its time and its sequence under the stream's lock, and to answer, the
//     leader takes that lock (createdTime in the server's stream.go) before it
//     reads the sequence. So a message with a time before T, being stored while
//     the first answer was written, is in the stream when the second one is:
//     its sequence is at most L.
//
// Hence, once everything up to L is handed over, everything stored before T is.
// It does not matter when that is, nor what else is in the buffer by then: what
// came later has a sequence above L.
//
// In a filtered log L may belong to a message that is not ours, so that
// handing over never reaches it. Then a third question, asked after the second
// answer, is whether there is any message of ours after the last one received
// (R). If there is none, everything of ours up to L is at or below R, and R
// takes the place of L. If there is one, the proof waits for a message of ours
// beyond L, and mostly gives way to the next proof.
//
// In a replicated stream a message gets its time when it is proposed and its
// sequence counts when a majority has it, so one with a time before T may still
// be on its way at the second answer. There T is put back by replicaDelay. What
// remains is the difference between the clocks of two leaders across an
// election; the join's lateness is for such things. T is also put back to when the
// leaders of both answers had heard a majority: see quorum.go.
//
// What silence of the stream proves depends on the stream: see EVIDENCE.md and
// evidence.go. How far the broker's time is believed: see guard.go.
//
// A proof is dropped when the reader is restarted, for whatever reason, and
// replaced by the next one. A reader that lags never reaches the end that it
// was told before it is told a new one, so a backlog proves nothing.

// replicaDelay is how long a message may be under way between the replicas.
const replicaDelay = 2 * time.Second

// question is what is to be found out beyond the end of the log.
type question struct {
	look    bool     // which subjects have messages
	others  bool     // it is known that the stream has messages of no input
	looked  uint64   // the stream's end when that was found out
	origins bool     // what the origins of a copy are
	deleted []uint64 // sequences that are known to be gone, ascending
	sure    uint64   // up to where nothing of ours is unread; at most what was passed
}

// answer is what the broker said.
type answer struct {
	epoch    int
	ask      question
	err      error
	info     *jetstream.StreamInfo // the first answer
	at       time.Duration         // when the first answer came, elapsed
	received uint64                // sequence received when the question was asked: R
	passed   uint64                // R, or further if it was known that nothing of ours follows it
	end      uint64                // L
	apart    time.Duration         // how long before they answered the leaders had heard a majority
	nothing  bool                  // nothing of ours comes after passed
	known    events.Mark           // of the newest message received when the question was asked
	forked   bool                  // the stream has another one in its place
	subjects *subjects             // nil: they were not looked for
	origins  *origins              // nil: they were not asked
	other    string                // which other stream takes what is read here; empty: none does
	gone     []uint64              // sequences after what is sure that the stream has lost; nil: none that was not known
	deleted  []uint64              // all that it has lost; nil: as many as were known
}

// prover asks, at most one question at a time, and keeps what may be claimed.
// Its methods are called by the source's goroutine.
type prover struct {
	every   time.Duration
	elapsed func() time.Duration
	log     *slog.Logger

	evidence evidence
	hold     func(events.Hold)

	answers chan answer
	asking  bool
	asked   time.Duration // when the last question was asked
	begun   bool          // there was one
	epoch   int
	cancel  context.CancelFunc
	running sync.WaitGroup

	claim   events.Time // T; MinTime if the end is known and proves nothing
	claimed bool        // there is a claim to be made
	through uint64      // claimed once handed over to here
	clear   uint64      // nothing of ours is unread up to here; at least what was received when it was set

	failing bool          // the newest question was not answered
	failed  time.Duration // when the first one in a row was not

	before  uint64 // R of the answer before
	unmoved int    // answers in a row between which nothing arrived
	ageless bool   // it was said that the server does not tell its time
}

func newProver(opts Options) *prover {
	clock := clockGuard{known: opts.Known, synced: opts.Synchronised, bound: events.MinTime}
	return &prover{
		every: opts.ProveEvery, elapsed: opts.Elapsed, log: opts.Log, evidence: evidence{clock: clock}, hold: opts.Hold,
		answers: make(chan answer, 1), cancel: func() {}, claim: events.MinTime,
	}
}

func (p *prover) due() bool { return !p.asking && p.untilDue() <= 0 }

// untilDue is how long until the next question; while one is open there is no
// hurry.
func (p *prover) untilDue() time.Duration {
	switch {
	case p.asking:
		return p.every
	case !p.begun:
		return 0
	}
	return p.every - (p.elapsed() - p.asked)
}

// ask puts the questions in a goroutine of its own, which ends by itself after
// a few seconds and is waited for by close.
func (p *prover) ask(js jetstream.JetStream, log *Log, received uint64, known events.Mark, q question) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	p.cancel = cancel
	p.asking, p.begun, p.asked = true, true, p.elapsed()
	a := answer{epoch: p.epoch, ask: q, received: received, passed: max(received, p.clear), known: known}
	p.running.Go(func() {
		defer cancel()
		a.err = a.fill(ctx, js, log, p.elapsed)
		p.answers <- a
	})
}

// fill asks the questions in the order on which the proof rests.
func (a *answer) fill(ctx context.Context, js jetstream.JetStream, log *Log, elapsed func() time.Duration) error {
	stream, err := js.Stream(ctx, log.Stream)
	if err != nil {
		return err
	}
	a.info, a.at = stream.CachedInfo(), elapsed()
	second, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	if !second.Created.Equal(a.info.Created) {
		return jetstream.ErrStreamNotFound
	}
	a.end = second.State.LastSeq
	a.apart = max(sinceMajority(a.info.Cluster), sinceMajority(second.Cluster))
	if a.forked, err = isForked(ctx, js, log.Stream, a.known); err != nil {
		return err
	}
	if log.Filtered {
		next, err := following(ctx, js, log, a.passed)
		if err != nil {
			return err
		}
		a.nothing = next == nil
		if err := a.fillGone(ctx, stream, log); err != nil {
			return err
		}
	}
	if a.other, err = elsewhere(ctx, js, log); err != nil {
		return err
	}
	return a.fillEvidence(ctx, js, log, &second.Config)
}

// fillGone asks a filtered log which of its sequences are gone. It does so last:
// what is deleted after the question whether anything of ours follows is no loss
// that this answer could hide.
func (a *answer) fillGone(ctx context.Context, stream jetstream.Stream, log *Log) error {
	info, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	if info.State.FirstSeq > a.passed+1 {
		a.nothing = false // it was trimmed meanwhile: the next answer finds out
	}
	if !checksDeleted(log, &info.Config) || info.State.NumDeleted == goneFrom(a.ask.deleted, info.State.FirstSeq) {
		return nil
	}
	if info, err = stream.Info(ctx, jetstream.WithDeletedDetails(true)); err != nil {
		return err
	}
	a.deleted = slices.Sorted(slices.Values(info.State.Deleted))
	if a.deleted == nil {
		a.deleted = []uint64{}
	}
	a.gone = after(a.deleted, min(a.ask.sure, a.passed))
	return nil
}

// fillEvidence asks what else has to be known of the stream.
func (a *answer) fillEvidence(ctx context.Context, js jetstream.JetStream, log *Log,
	config *jetstream.StreamConfig) error {
	if a.ask.look && a.end != a.ask.looked {
		if err := a.look(ctx, js, log); err != nil {
			return err
		}
	}
	if a.ask.origins && len(originsOf(config)) > 0 {
		o := askOriginsOf(ctx, js, config, a.at)
		a.origins = &o
	}
	return nil
}

// accept turns an answer into the claim that waits to be made. What its subjects
// tell is the source's.
func (p *prover) accept(a answer, filtered bool, unlike events.Hold) {
	if a.info.TimeStamp.IsZero() {
		if !p.ageless {
			p.ageless = true
			p.log.Warn("the server is too old to tell its time: idle logs close no requests; use nats-server 2.10 or newer")
		}
		return
	}
	if filtered && a.nothing {
		p.clear = max(p.clear, a.end)
	}
	if a.origins != nil {
		p.evidence.origins = *a.origins
	}
	t, hold := p.evidence.admit(&a, unlike)
	p.hold(hold)
	p.claim, p.claimed, p.through = t, true, a.end
	if filtered && a.nothing {
		p.through = a.received
	}
}

// proven returns the claim, once, when everything it needs is handed over. MinTime
// says that the end is reached and nothing is proven by that.
func (p *prover) proven(handed uint64) (events.Time, bool) {
	if !p.claimed || handed < p.through {
		return events.MinTime, false
	}
	p.claimed = false
	return p.claim, true
}

// forget drops the claim and any answer that is still under way.
func (p *prover) forget() {
	p.cancel()
	p.epoch++
	p.claimed, p.unmoved = false, 0
}

func (p *prover) close() {
	p.cancel()
	p.running.Wait()
}

// onAnswer takes an answer: it may be a claim, or show that something is wrong
// with the log or the reader.
func (s *Source) onAnswer(a answer) {
	p := s.prover
	p.asking = false
	if a.epoch != p.epoch {
		return
	}
	if a.err != nil {
		if errors.Is(a.err, jetstream.ErrStreamNotFound) {
			s.stopReader(a.err)
		} else {
			s.unanswered(a.err)
		}
		return
	}
	p.failing = false
	s.recovered()
	if a.forked {
		s.stopReader(s.forked(a.known))
		return
	}
	if err := s.watchConfig(&a.info.Config); err != nil {
		s.taken(err, a.info)
		return
	}
	if a.other != "" {
		s.taken(s.changed(a.other), a.info)
		return
	}
	e := &p.evidence
	if a.deleted != nil {
		e.deleted = a.deleted
	}
	if err := s.judgeVanished(a.info, s.buffer.unread(after(a.gone, e.excused))); err != nil {
		s.stopReader(err)
		return
	}
	if err := s.overtaken(a.info); err != nil {
		s.stopReader(err)
		return
	}
	received, empty := s.buffer.progress()
	if empty && a.received == received && a.received == p.before {
		p.unmoved++
	} else {
		p.unmoved = 0
	}
	p.before = a.received

	// What is trimmed, or exists and does not come, may still be on its way
	// to us: that is trouble only if nothing at all has come for a while.
	const maxUnmoved = 2
	if err := s.compare(a.info, a.passed+1, false); err != nil {
		if fault, ok := errors.AsType[*LogError](err); !ok || fault.Fault != FaultTrimmed || p.unmoved >= maxUnmoved {
			s.stopReader(err)
		}
		return
	}
	if more := s.in.Filtered && !a.nothing || !s.in.Filtered && a.end > a.received; more && p.unmoved >= maxUnmoved {
		s.stopReader(errStalled)
		return
	}
	s.buffer.begin()
	p.accept(a, s.in.Filtered, s.unlike(&a))
	s.sure, s.confirmed, s.answered = max(a.passed, p.clear), a.at, true
}

// taken ends reading, once what was received is handed over: events were taken away from the
// joiner. It does not ask again, for what was missed meanwhile is nowhere to be read when the
// change is undone. Only the answer of a leader that is cut off may be an old one.
func (s *Source) taken(err error, info *jetstream.StreamInfo) {
	s.stopReader(err)
	if cutOff(info) == nil {
		s.fault = err
	}
}

// answerTimeout is for how long questions may stay without an answer.
const answerTimeout = 5 * time.Second

// unanswered says that silence proves nothing, when questions stay without an answer for
// longer than an election takes: reading may go on meanwhile, so that nothing else tells.
// While the connection is lost, that is said.
func (s *Source) unanswered(cause error) {
	p, now := s.prover, s.opts.Elapsed()
	switch {
	case !s.nc.IsConnected():
		p.failing = false
	case !p.failing:
		p.failing, p.failed = true, now
	case now-p.failed >= answerTimeout:
		p.hold(events.Hold{Reason: holdUnanswered, Detail: fmt.Sprintf(
			"the broker does not answer whether anything of stream %q is unread: %v. Silence of it proves nothing until it does; events and heartbeats do. "+
				"labeljoin doctor says what the joiner must be allowed", s.in.Stream, refusal(s.nc, cause))})
	}
}

// inquire puts the questions.
func (s *Source) inquire() {
	p, e := s.prover, &s.prover.evidence
	received := s.buffer.watch(s.in.Filtered)
	p.ask(s.js, &s.in, received, s.buffer.known(), question{
		look: s.unheard(), others: e.subjects.others, looked: e.subjects.end,
		origins: e.origins.due(s.opts.Elapsed()), deleted: e.deleted, sure: s.sureThrough(max(received, p.clear)),
	})
}
