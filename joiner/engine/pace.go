package engine

import (
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// pace says, while a state is rebuilt, how far time had come when an event was read
// for the first time. The log tells most of it, and the commits the rest: what moved
// time beside events, the brokers' word that nothing is pending and the guard, is known
// of every commit. Between two of them it is taken to be what the events made of it,
// but not less than at the commit before and not more than at the one after.
//
// It is needed for what is forgotten: an event that came when its request was
// forgotten took no part, and must take none when it is read again.
type pace struct {
	rules     *joiner.Rules
	cuts      []paced
	next      []int // by input: the first commit that was cut behind what is read now
	watermark events.Time
}

// paced is a commit's place in the logs and in time.
type paced struct {
	inputs    []events.Position
	watermark events.Time
}

// newPace is of a rebuild that reads so many inputs.
func (e *Engine) newPace(inputs int) (*pace, error) {
	p := &pace{rules: e.rules, next: make([]int, inputs), watermark: events.MinTime}
	for c, err := range e.o.Output.Cuts() {
		if err != nil {
			return nil, err
		}
		if len(c.Progress.Inputs) <= inputs {
			p.cuts = append(p.cuts, paced{inputs: c.Progress.Inputs, watermark: c.Progress.Watermark(e.rules.Lateness)})
		}
	}
	return p, nil
}

// at moves time to an event that is read from an input. Time goes back where another log is
// read that had not come as far: the logs are not met in the order of the first time.
func (p *pace) at(clock *joiner.Clock, input uint8, seq uint64, index uint32) {
	n := &p.next[input]
	for *n < len(p.cuts) {
		read := p.cuts[*n].inputs
		if int(input) >= len(read) { // it was not read yet
			*n++
			continue
		}
		q := &read[input]
		if seq < q.Next || seq == q.Next && index < q.Skip {
			break
		}
		*n++
	}
	w := clock.Watermark(p.rules.Lateness)
	if *n > 0 {
		w = max(w, p.cuts[*n-1].watermark)
	}
	if *n < len(p.cuts) {
		w = min(w, p.cuts[*n].watermark)
	}
	p.watermark = w
}
