// Package monitor answers about a joiner that runs: its status, its metrics, and what it waits for, over HTTP and over
// a
// socket beside the state. It changes nothing of what is joined.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/diskspace"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// maxConns is how many clients may be connected at once. A scraper and a probe
// need two; the rest of the process's files belong to state and output.
const maxConns = 64

// Web answers about a running joiner: a page at /, /metrics, /healthz, /readyz,
// /status. It only reads.
type Web struct {
	server  *http.Server
	bound   *ingest.ConnBound
	address string // at which it listens
	done    chan error
}

// Serve starts answering on an address. The caller closes it.
func Serve(address, name string, stats func() engine.Stats, log *slog.Logger, observers ...Observer) (*Web, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	bound := &ingest.ConnBound{Most: maxConns}
	w := &Web{bound: bound, address: listener.Addr().String(), done: make(chan error, 1), server: &http.Server{
		Handler:           handler(name, stats, observers...),
		ConnState:         bound.Watch,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	go func() { w.done <- w.server.Serve(listener) }() // ended by close
	log.Info("answering", "metrics", "http://"+listener.Addr().String()+"/metrics")
	return w, nil
}

// closeTimeout is how long clients may take over their last answer.
const closeTimeout = time.Second

// Close stops answering.
func (w *Web) Close() error { return closeServer(w.server, w.done) }

// closeServer ends a server and waits for it. A client that is in the middle of
// a request is no reason for the joiner not to end well.
func closeServer(server *http.Server, done <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close() // its error is that of a client's connection
	}
	if served := <-done; !errors.Is(served, http.ErrServerClosed) {
		return served
	}
	return nil
}

// readiness is what is said of a joiner's readiness, all that waits included. Rows
// that wait for evidence are as they should be; what a person has to see to is not.
func readiness(joining bool, waits []Wait) (text string, ready bool) {
	text, ready = "joining", joining
	if !joining {
		text = "recovering"
	}
	for i, w := range waits {
		switch w.Reason {
		case HoldByNATS, HoldByStore, diskspace.ShortOfDisk, diskspace.ShortOfState, jetstream.HoldUnreadable,
			jetstream.HoldLabelStream:
			ready = false
		}
		if w.Reason == HoldByNATS && i == 0 && !joining {
			text = w.Detail
			continue
		}
		what := w.What
		if w.Reason == diskspace.ShortOfDisk || w.Reason == diskspace.ShortOfState {
			what += " pauses"
		}
		text += "; " + what + ": " + w.Detail
	}
	return text, ready
}

func handler(name string, stats func() engine.Stats, observers ...Observer) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		newCollector(name, stats),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	for _, o := range observers {
		registry.MustRegister(o.Collector)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		now := stats()
		var waits []Wait
		for _, o := range observers {
			waits = append(waits, o.Waits(&now)...)
		}
		text, ready := readiness(now.Joining, waits)
		if !ready {
			http.Error(w, text, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, text)
	})
	mux.HandleFunc("GET /days", func(w http.ResponseWriter, r *http.Request) {
		serveDays(r.Context(), w, name, observers)
	})
	for _, o := range observers {
		if o.Pages != nil {
			mux.Handle("GET /", o.Pages)
		}
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { serveHome(w, r, name, stats(), observers) })
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		now := stats()
		writeJSON(w, statusFor(r, name, &now, observers))
	})
	return mux
}

// statusFor is the status for the client of a request: without values of events, unless it may see them.
func statusFor(r *http.Request, name string, now *engine.Stats, observers []Observer) Status {
	s, shows := statusOf(name, *now), false
	for _, o := range observers {
		o.Tell(now, &s)
		shows = shows || o.Pages != nil && o.Pages.Shows(r)
	}
	if !shows {
		s.leaveOutValues()
	}
	return s
}
