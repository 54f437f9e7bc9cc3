// Package s3test is an object store in memory for tests, which can go wrong in the ways that
// stores and networks do. Only tests import it.
package s3test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Fault is what goes wrong with a request.
type Fault int

// The faults.
const (
	// FaultNone lets the store do what it is asked.
	FaultNone Fault = iota
	// FaultRefuse answers 503, and nothing is done.
	FaultRefuse
	// FaultDrop ends the connection, and nothing is done.
	FaultDrop
	// FaultLose does what is asked and ends the connection without an answer.
	FaultLose
	// FaultTwice does what is asked twice and gives the second answer, like a proxy that
	// repeats a request.
	FaultTwice
	// FaultConflict answers 409 to a conditional request, and nothing is done.
	FaultConflict
	// FaultCut breaks off the answer after half of its content.
	FaultCut
)

// Faults are all faults that a request survives.
func Faults() []Fault {
	return []Fault{FaultRefuse, FaultDrop, FaultLose, FaultTwice, FaultConflict, FaultCut}
}

// Name is the bucket that the store has.
const Name = "rows"

// Store is a store that listens on this machine. It creates objects conditionally as S3 does:
// gofakes3 compares and writes under one lock.
type Store struct {
	URL string

	mu      sync.Mutex
	handler http.Handler
	fault   func(n int, r *http.Request) Fault
	change  func(r *http.Request)
	n       int // requests so far
}

// New starts a store, which ends with the test.
func New(t testing.TB) *Store {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(Name); err != nil {
		t.Fatal(err)
	}
	s := &Store{handler: gofakes3.New(backend, gofakes3.WithTimeSkewLimit(0)).Server()}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Break says what goes wrong with the nth request from now on, counted from 1; nil: nothing.
func (s *Store) Break(fault func(n int, r *http.Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.n = fault, 0
}

// Change changes every request before the store sees it; nil: none.
func (s *Store) Change(change func(r *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change = change
}

// Requests is how many requests there were since Break was called last.
func (s *Store) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// ServeHTTP implements http.Handler.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.n++
	fault, change := FaultNone, s.change
	if s.fault != nil {
		fault = s.fault(s.n, r)
	}
	s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if change != nil {
		change(r)
	}
	switch fault {
	case FaultRefuse:
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
		return
	case FaultDrop:
		panic(http.ErrAbortHandler) // net/http ends the connection
	case FaultConflict:
		if r.Header.Get("If-None-Match") != "" {
			refuse(w, http.StatusConflict, "ConditionalRequestConflict")
			return
		}
	case FaultTwice:
		s.serve(r, body)
	}
	answer := s.serve(r, body)
	if fault == FaultLose {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	content := answer.Body.Bytes()
	if fault == FaultCut && len(content) > 1 && answer.Code < 300 {
		w.WriteHeader(answer.Code)
		_, _ = w.Write(content[:len(content)/2])
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(content)
}

// refuse answers as a store does.
func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code></Error>")
}

// serve lets the store do what is asked.
func (s *Store) serve(r *http.Request, body []byte) *httptest.ResponseRecorder {
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, again)
	return answer
}
