package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// synthetic is a log of the reference workload that is made as it is read: the
// bodies of a few thousand requests, with ids and times of their own. An outcome
// comes some requests after its request.
type synthetic struct {
	fill, slide int
	delay       int // in requests
	outcomes    float64
	begin       time.Time

	bodies    [][]byte
	ring      [][]events.Message // batches, used again
	batch     int
	seq       uint64
	due       float64
	at        atomic.Int64 // requests so far
	filled    func()       // called once, when the first request of the slide is made
	slidBytes int64        // of the slide's events
}

// Batches that may be waiting or in work while the next one is made.
const syntheticRing = 16

func newSynthetic(fill, slide, delay int, outcomes float64) *synthetic {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &synthetic{fill: fill, slide: slide, delay: delay, outcomes: outcomes, begin: begin,
		ring: make([][]events.Message, syntheticRing)}
	g := generator{rand: rand.New(rand.NewPCG(7, 7)), begin: begin}
	for n := range 4096 {
		s.bodies = append(s.bodies, g.request(n))
	}
	return s
}

// Next implements engine.Source.
func (s *synthetic) Next(ctx context.Context) (events.Batch, error) {
	b := events.Batch{ReadThrough: events.MinTime}
	if err := ctx.Err(); err != nil {
		return b, err
	}
	first := int(s.at.Load())
	if first == s.fill {
		s.filled()
	}
	if first == s.fill+s.slide {
		return b, io.EOF
	}
	const most = 1000
	last := min(first+most, s.fill+s.slide)
	if first < s.fill {
		last = min(last, s.fill)
	}
	list := s.ring[s.batch%syntheticRing][:0]
	for n := first; n < last; n++ {
		list = s.append(list, events.KindRequest, s.request(list, n))
		for s.due += s.outcomes; s.due >= 1; s.due-- {
			if n >= s.delay {
				list = s.append(list, events.KindOutcome, s.outcome(n-s.delay, n))
			}
		}
	}
	if first >= s.fill {
		for i := range list {
			s.slidBytes += int64(len(list[i].Data))
		}
	}
	s.ring[s.batch%syntheticRing] = list
	s.batch++
	s.at.Store(int64(last))
	b.Messages = list
	return b, nil
}

func (s *synthetic) append(list []events.Message, kind events.Kind, data []byte) []events.Message {
	s.seq++
	return append(list, events.Message{Kind: kind, Seq: s.seq, Stored: events.MinTime, Data: data})
}

func (s *synthetic) millis(n int) int64 {
	return s.begin.Add(time.Duration(n) * time.Second / benchRate).UnixMilli()
}

// request makes the n-th request in the memory of the message that it replaces.
func (s *synthetic) request(list []events.Message, n int) []byte {
	var data []byte
	if i := len(list); i < cap(list) {
		data = list[:i+1][i].Data[:0]
	}
	data = append(data, s.bodies[n%len(s.bodies)]...)
	const id = len(`{"request_id":"`)
	copy(data[id:], requestID(n))
	ts := bytes.Index(data, []byte(`"ts":`)) + len(`"ts":`)
	copy(data[ts:], fmt.Appendf(nil, "%d", s.millis(n)))
	return data
}

func (s *synthetic) outcome(of, at int) []byte {
	return fmt.Appendf(nil, `{"request_id":"%s","outcome_id":"o-%09d","type":"click","ts":%d,"value":%d}`, requestID(of),
		of, s.millis(at), of%100)
}

// Close implements engine.Source.
func (s *synthetic) Close() error { return nil }

// nowhere is an output that takes rows and keeps none.
type nowhere struct {
	rows    int64
	cut     joiner.Cut
	receipt joiner.Receipt
}

// Last implements engine.Output.
func (o *nowhere) Last() (joiner.Cut, joiner.Receipt, bool) {
	return o.cut, o.receipt, o.receipt.Number > 0
}

// Cuts implements engine.Output.
func (o *nowhere) Cuts() iter.Seq2[joiner.Cut, error] {
	return func(func(joiner.Cut, error) bool) {}
}

// Written implements engine.Output.
func (o *nowhere) Written(events.Time, uint32, bool) iter.Seq2[joiner.Written, error] {
	return func(func(joiner.Written, error) bool) {}
}

// Declared implements engine.Output.
func (o *nowhere) Declared() ([]events.Gap, error) { return nil, nil }

// Stage implements engine.Output.
func (o *nowhere) Stage(uint64) (engine.Stage, error) { return &nowhereStage{output: o}, nil }

type nowhereStage struct {
	output *nowhere
	rows   int64
}

// Row implements engine.Stage.
func (s *nowhereStage) Row(*events.Request, *joiner.Row) error {
	s.rows++
	return nil
}

// DeadLetter implements engine.Stage.
func (s *nowhereStage) DeadLetter(d *events.DeadLetter) error {
	return fmt.Errorf("the benchmark made an event that is none: %s: %s", d.Reason, d.Detail)
}

// Tallies implements engine.Stage.
func (s *nowhereStage) Tallies() (rows, unfit int64) { return s.rows, 0 }

// Commit implements engine.Stage.
func (s *nowhereStage) Commit(_ context.Context, cut *joiner.Cut) (joiner.Receipt, error) {
	s.output.rows += s.rows
	s.output.cut = *cut
	s.output.receipt = joiner.Receipt{Number: cut.Number, Hash: cut.Nonce}
	return s.output.receipt, nil
}

// Abort implements engine.Stage.
func (s *nowhereStage) Abort() {}
