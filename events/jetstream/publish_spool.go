package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/labeljoin/labeljoin/events"
)

// SpoolBytes is the most that a spool has. Beyond it labels are left out, and
// counted.
const SpoolBytes = 1 << 30

// Spool makes labels that the broker does not take wait in a file, so that who
// publishes them need not wait. What an earlier process left there is sent first. It
// is called once, before Publish, by the only process that may use the file.
func (p *Publisher) Spool(path string) error {
	s, err := openSpool(path, SpoolBytes)
	if err != nil {
		return err
	}
	p.spool = s
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	p.draining.Go(func() { p.drain(ctx) }) // ended by Close
	if s.len() > 0 {
		signal(p.wake)
	}
	return nil
}

// Waiting is how many labels are in the spool.
func (p *Publisher) Waiting() int {
	if p.spool == nil {
		return 0
	}
	return p.spool.len()
}

// Skipped is how many labels were left out since the start.
func (p *Publisher) Skipped() int64 { return p.skipped.Load() }

// drain sends what is in the spool, whenever there is something.
func (p *Publisher) drain(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		n, err := p.drainAll(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.opts.Log.Error("labels that wait cannot be sent", "cause", err)
			p.opts.Hold(events.Hold{Reason: HoldLabelStream, Detail: err.Error()})
		case n > 0:
			p.opts.Log.Info("the label stream takes labels again: those that waited are sent", "subject", p.opts.Subject,
				"labels", n)
			p.opts.Hold(events.Hold{})
		}
	}
}

// drainAll sends what is in the spool until it is empty, and says how much it was.
func (p *Publisher) drainAll(ctx context.Context) (n int, err error) {
	for {
		labels, size, err := p.spool.next(flightBytes)
		if err != nil || len(labels) == 0 {
			return n, err
		}
		if _, err := p.deliverAll(ctx, labels); err != nil {
			return n, err
		}
		n += len(labels)
		if err := p.spool.sent(len(labels), size); err != nil {
			return n, err
		}
	}
}

// sayWaiting says how many labels wait, and why.
func (p *Publisher) sayWaiting() {
	why := ""
	if cause := p.spoolCause.Load(); cause != nil && *cause != nil {
		err := *cause
		if errors.Is(err, context.DeadlineExceeded) { // they were not answered
			err = refusal(p.js.Conn(), err)
		}
		why = ": " + err.Error()
	}
	p.opts.Hold(events.Hold{Reason: HoldLabelStream, Detail: fmt.Sprintf(
		"%d labels wait in %s, because the label stream on %s does not take them%s. Rows go on; the labels are sent when it does", p.Waiting(), p.spool.path, p.opts.Subject, why)})
}
