package ingest

import (
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Stats is what was taken since the start.
type Stats struct {
	Inputs   map[string]InputStats
	Answers  map[int]int64 // requests by the status of their answer
	Bytes    int64         // of bodies that were judged, as they came
	InFlight int64         // requests that are not answered yet
	Bounds   []time.Duration
	Counts   []int64       // requests that took at most the bound of the same place; one more for longer ones
	Took     time.Duration // all of them together
}

// InputStats counts the events of an input.
type InputStats struct{ Accepted, Copies, Refused int64 }

// bounds are those of the histogram of how long requests took.
func bounds() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{ms, 2 * ms, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second,
		2500 * ms, 5 * time.Second, 10 * time.Second}
}

type inputCounts struct{ accepted, copies, refused atomic.Int64 }

type stats struct {
	inFlight atomic.Int64
	byInput  map[string]*inputCounts // never changes

	mu      sync.Mutex
	answers map[int]int64
	bytes   int64
	counts  []int64
	total   time.Duration
}

// took counts the events of a request.
func (s *stats) took(input string, r *result) {
	c := s.byInput[input]
	c.accepted.Add(int64(r.accepted))
	c.copies.Add(int64(r.copies))
	c.refused.Add(int64(r.refusedCount))
}

// count counts a request by its answer, and how long it took if it is known when it began.
func (s *Server) count(began *time.Time, status int, bytes int64) {
	st := &s.stats
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.answers == nil {
		st.answers, st.counts = map[int]int64{}, make([]int64, len(bounds())+1)
	}
	st.answers[status]++
	st.bytes += bytes
	if began == nil || status >= http.StatusBadRequest {
		return
	}
	took := s.opts.Now().Sub(*began)
	at := 0
	for list := bounds(); at < len(list) && took > list[at]; {
		at++
	}
	st.counts[at]++
	st.total += took
}

// Stats is what was taken since the start. Requests that were answered with an error are in
// no bound.
func (s *Server) Stats() Stats {
	st := &s.stats
	st.mu.Lock()
	defer st.mu.Unlock()
	all := Stats{Inputs: map[string]InputStats{}, Answers: maps.Clone(st.answers), Bytes: st.bytes,
		InFlight: st.inFlight.Load(), Bounds: bounds(), Counts: append(make([]int64, 0, len(st.counts)), st.counts...),
		Took: st.total}
	if len(all.Counts) == 0 {
		all.Counts = make([]int64, len(all.Bounds)+1)
	}
	for name, c := range st.byInput {
		all.Inputs[name] = InputStats{c.accepted.Load(), c.copies.Load(), c.refused.Load()}
	}
	return all
}
