package terminal

import (
	"fmt"
	"io"
	"time"

	"github.com/mattn/go-isatty"
)

// Progress is a status line with the time that is left, on a terminal only.
type Progress struct {
	out  io.Writer // nil: nothing is shown
	last time.Time
}

// NewProgress returns a status line that shows nothing where out is no terminal.
func NewProgress(out io.Writer) *Progress {
	f, ok := terminalOf(out)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return &Progress{}
	}
	return &Progress{out: f} // it moves the cursor itself
}

// Show replaces the line, four times a second at most. A negative time left is
// not known.
func (p *Progress) Show(text string, left time.Duration) {
	if p.out == nil || time.Since(p.last) < time.Second/4 {
		return
	}
	p.last = time.Now()
	if left >= 0 {
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	fmt.Fprintf(p.out, "\r%s\x1b[K", text)
}

// End clears the line.
func (p *Progress) End() {
	if p.out != nil && !p.last.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// WatchProgress shows how far something is until the function it returns is
// called. say gives the text, and the share that is done, from 0 to 1.
func WatchProgress(out io.Writer, say func() (text string, share float64)) (stop func()) {
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() { // ended by stop
		defer close(done)
		line, start := NewProgress(out), time.Now()
		defer line.End()
		ticker := time.NewTicker(time.Second / 4)
		defer ticker.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-ticker.C:
				text, share := say()
				left := time.Duration(-1)
				if share > 0 {
					left = time.Duration(float64(time.Since(start)) * (1 - share) / share)
				}
				line.Show(text, left)
			}
		}
	}()
	return func() {
		close(stopped)
		<-done
	}
}

// Clear makes room for a new screen: it clears a terminal (ECMA-48), and leaves
// a line free in anything else.
func Clear(w io.Writer) error {
	if f, ok := terminalOf(w); ok && isatty.IsTerminal(f.Fd()) {
		_, err := io.WriteString(f, "\x1b[H\x1b[J")
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
