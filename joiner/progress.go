package joiner

import (
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// Progress is where a partition stands: what has been read, what time it is,
// what has closed, and the books. The state keeps it with every batch, the
// manifest at every commit.
type Progress struct {
	Commit        uint64            // the last commit that is included
	Inputs        []events.Position // one per input log
	Clock         Clock             // event time
	ClosedThrough events.Time       // requests with ts before it have closed
	// and of those, these are on the label stream; the same if there is none
	PublishedThrough events.Time      `json:"Announced"`
	Windows          []WindowProgress `json:",omitempty"` // see Rules.Windows; the slice is replaced, never changed
	Ledger           Ledger
	Guard            guard.Guard
	Gaps             []events.Gap `json:",omitempty"` // declared and taken in; the slice is replaced, never changed
	// Attributed is how far the outcomes that name no request have been given to requests.
	Attributed Attributed `json:",omitzero"`
}

// Attributed is how far that is done: of the outcomes stamped before a time. Nothing closes
// beyond it. Its zero value is that of a partition in which every outcome names its request.
type Attributed struct {
	On      bool
	Through events.Time
}

// WindowProgress is how far a window has ended that is shorter than the longest.
type WindowProgress struct {
	Window           time.Duration
	Through          events.Time // of requests with ts before it the window has ended
	PublishedThrough events.Time `json:"Announced"` // and of those, these are on the label stream
}

// Advance says how far windows have ended at a watermark. None goes back, and one that was
// not there before has nothing announced.
func (p *Progress) Advance(r *Rules, w events.Time) {
	windows := r.Windows()
	if len(windows) == 0 {
		p.Windows = nil
		return
	}
	next := make([]WindowProgress, len(windows))
	for i, window := range windows {
		next[i] = WindowProgress{Window: window, Through: events.MinTime, PublishedThrough: events.MinTime}
		for _, old := range p.Windows {
			if old.Window == window {
				next[i] = old
			}
		}
		next[i].Through = max(next[i].Through, w.Add(-window))
	}
	p.Windows = next
}

// Ended reports whether some window of a request stamped ts has ended.
func (p *Progress) Ended(ts events.Time) bool {
	return slices.ContainsFunc(p.Windows, func(w WindowProgress) bool { return ts < w.Through })
}

// MarkPublished records that what a window has decided was announced of requests with ts before a
// time.
func (p *Progress) MarkPublished(window time.Duration, through events.Time) {
	next := slices.Clone(p.Windows)
	for i := range next {
		if next[i].Window == window {
			next[i].PublishedThrough = max(next[i].PublishedThrough, through)
		}
	}
	p.Windows = next
}

// Watermark is the joiner's: every event with ts before it has been read, the guard
// believes it, and the outcomes among them are with their requests.
func (p *Progress) Watermark(lateness time.Duration) events.Time {
	w := p.Read(lateness)
	if p.Attributed.On {
		w = min(w, p.Attributed.Through)
	}
	return w
}

// Read is the watermark of what was read: every event with ts before it has been, and the
// guard believes it.
func (p *Progress) Read(lateness time.Duration) events.Time {
	return min(p.Clock.Watermark(lateness), p.Guard.Bound())
}
