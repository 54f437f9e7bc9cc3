package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// progress is a status line with the time that is left, on a terminal only.
type progress struct {
	out  io.Writer // nil: nobody watches
	last time.Time
}

func newProgress(out io.Writer) *progress {
	if f, ok := out.(*os.File); !ok || !isatty.IsTerminal(f.Fd()) {
		return &progress{}
	}
	return &progress{out: out}
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
