package monitor

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// closingStatus is what pending requests wait for.
type closingStatus struct {
	Pending int64      `json:"pending"`        // requests
	Through string     `json:"closed_through"` // requests stamped before it have closed
	Window  string     `json:"window"`         // the longest
	Needs   string     `json:"needs"`          // how much later events must have been read than its end
	Next    *nextClose `json:"next,omitempty"` // nil: not known, or all that are pending have closed
}

// nextClose is the close of the oldest request that has not closed. All times are of events.
type nextClose struct {
	Request string     `json:"request_ts"`      // of that request
	At      string     `json:"at"`              // the end of its window: it closes when all up to this have been read
	Waits   []evidence `json:"waits,omitempty"` // for this; none: for nothing but the next batch
	Guard   string     `json:"guard,omitempty"` // up to when the stall guard believes outcomes, if that is too little
	Labels  []labelEnd `json:"labels"`          // of that request, the first to be final first
}

// labelEnd is when a label of a request is final.
type labelEnd struct {
	Label string `json:"label"`
	At    string `json:"window_ends"`
	Final bool   `json:"final"` // all up to this have been read
}

// labelEnds are the labels of a request stamped ts.
func labelEnds(c *config.Config, ts, watermark events.Time) (ends []labelEnd) {
	labels := slices.SortedStableFunc(slices.Values(c.Labels), func(a, b config.Label) int {
		return cmp.Compare(a.Window, b.Window)
	})
	for i := range labels {
		at := ts.Add(labels[i].Window.Std())
		ends = append(ends, labelEnd{labels[i].Name, at.String(), watermark > at})
	}
	return ends
}

// evidence is a kind of events that has not been read far enough for a close.
type evidence struct {
	Kind  string `json:"kind"`
	Read  string `json:"read_to"`
	Event string `json:"event_after"` // an event or a heartbeat stamped after it is proof
}

// nextTimeout is how long the loop may take to say which request closes next: one that
// waits for a broker or a disk says nothing, and a status is told without it.
const nextTimeout = time.Second

// NextClose asks an engine for the time of the oldest request that has not closed; ok is false
// if it does not say, or if there is none.
func NextClose(e *engine.Engine, stats *engine.Stats) (ts events.Time, ok bool) {
	if !stats.Joining || stats.Progress.Ledger.Kinds[events.KindRequest].Pending == 0 {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), nextTimeout)
	defer cancel()
	ts, ok, err := e.NextClose(ctx)
	return ts, ok && err == nil
}

// AddClosing says what pending requests wait for. oldest is the time of the first of
// them to close, if it is known.
func (s *Status) AddClosing(stats *engine.Stats, c *config.Config, oldest events.Time, known bool) {
	n := stats.Progress.Ledger.Kinds[events.KindRequest].Pending
	if n <= 0 {
		return
	}
	s.Closing = &closingStatus{
		Pending: n, Through: timeText(stats.Progress.ClosedThrough.String()),
		Window: config.Duration(c.Longest()).String(), Needs: c.Join.Lateness.String(),
	}
	if !known {
		return
	}
	at := oldest.Add(c.Longest())
	next := &nextClose{Request: oldest.String(), At: at.String(), Labels: labelEnds(c, oldest, stats.Watermark)}
	for k, read := range stats.Sources {
		if read <= at {
			next.Waits = append(next.Waits, evidence{
				Kind: events.Kind(k).String(), Read: timeText(read.String()), Event: at.Add(c.Join.Lateness.Std()).String(),
			})
		}
	}
	read := min(stats.Sources[events.KindRequest], stats.Sources[events.KindOutcome])
	if stats.Watermark <= at && stats.Watermark < read {
		next.Guard = stats.Watermark.String()
	}
	s.Closing.Next = next
}

// String says it in words.
func (c *closingStatus) String() string {
	return fmt.Sprintf("pending: %s; one closes %s after its time, when both sources have been read %s beyond that; stamped before %s all have closed",
		terminal.Count(c.Pending, "request"), c.Window, c.Needs, c.Through)
}

// Print writes what pending requests wait for, and which of them is the next to close.
func (c *closingStatus) Print(lines io.Writer) {
	fmt.Fprintf(lines, "closes\t%s\n", c)
	n := c.Next
	if n == nil {
		return
	}
	fmt.Fprintf(lines, "next close\tat %s, of the request stamped %s and its window of %s\n", n.At, n.Request, c.Window)
	var open, final []string
	for _, l := range n.Labels {
		if l.Final {
			final = append(final, l.Label)
		} else {
			open = append(open, l.Label+" until "+l.At)
		}
	}
	if len(open) > 0 {
		fmt.Fprintf(lines, "next close\tlabels that are not final: %s\n", shown(open))
	}
	if len(final) > 0 {
		fmt.Fprintf(lines, "next close\tlabels that are final: %s\n", shown(final))
	}
	for _, w := range n.Waits {
		fmt.Fprintf(lines, "next close\twaits for %ss: their watermark is %s; it needs an event or heartbeat stamped after %s, or the broker's word that nothing before %s is pending\n",
			w.Kind, w.Read, w.Event, n.At)
	}
	if n.Guard != "" {
		fmt.Fprintf(lines, "next close\twaits for the guard, which believes outcomes up to %s\n", n.Guard)
	}
}
