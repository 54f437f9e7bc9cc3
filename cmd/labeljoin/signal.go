package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// untilSignal returns a context that ends with the first SIGINT, SIGTERM or SIGHUP, which
// asks for a clean stop. A second SIGINT or SIGTERM stops at once: nothing is lost by that
// either, it only costs reading a little of the log again. A terminal that closes often
// sends more than one SIGHUP, and session managers send it beside SIGTERM, so no SIGHUP is
// taken for that word.
func untilSignal(parent context.Context, talk io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, stopSignals()...)
	done := make(chan struct{})
	go func() { // ended by the function returned
		for asked := 0; ; {
			select {
			case <-done:
				return
			case s := <-signals:
				if s != syscall.SIGHUP {
					asked++
				}
				if asked > 1 {
					os.Exit(terminal.ExitStopped)
				}
				fmt.Fprintf(talk, "labeljoin: %s: finishing what has closed; once more stops at once\n", s)
				cancel()
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// stopSignals are the signals that ask for a stop. With nohup the program was started with
// SIGHUP ignored, and it stays so.
func stopSignals() []os.Signal {
	stops := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		stops = append(stops, syscall.SIGHUP)
	}
	return stops
}
