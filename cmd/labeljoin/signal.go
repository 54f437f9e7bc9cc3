package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// untilSignal returns a context that ends with the first SIGINT or SIGTERM,
// which asks for a clean stop. The second one stops at once: nothing is lost
// by that either, it only costs reading a little of the log again.
func untilSignal(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() { // ended by the function returned
		for first := true; ; first = false {
			select {
			case <-done:
				return
			case s := <-signals:
				if !first {
					os.Exit(terminal.ExitStopped)
				}
				fmt.Fprintf(os.Stderr, "labeljoin: %s: finishing what has closed; once more stops at once\n", s)
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
