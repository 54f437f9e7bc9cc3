package main

import (
	"fmt"
	"io"
	"time"

	"github.com/mattn/go-isatty"
)

// progress is a status line with the time that is left, on a terminal only.
type progress struct {
	out  io.Writer // nil: nobody watches
	last time.Time
}

func newProgress(out io.Writer) *progress {
	f, ok := terminalOf(out)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return &progress{}
	}
	return &progress{out: f} // it moves the cursor itself
}

// show replaces the line, four times a second at most. A negative time left is
// not known.
func (p *progress) show(text string, left time.Duration) {
	if p.out == nil || time.Since(p.last) < time.Second/4 {
		return
	}
	p.last = time.Now()
	if left >= 0 {
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	fmt.Fprintf(p.out, "\r%s\x1b[K", text)
}

// end clears the line.
func (p *progress) end() {
	if p.out != nil && !p.last.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// watchProgress shows how far something is until the function it returns is
// called. say gives the text, and the share that is done, from 0 to 1.
func watchProgress(out io.Writer, say func() (text string, share float64)) (stop func()) {
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() { // ended by stop
		defer close(done)
		line, start := newProgress(out), time.Now()
		defer line.end()
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
				line.show(text, left)
			}
		}
	}()
	return func() {
		close(stopped)
		<-done
	}
}
