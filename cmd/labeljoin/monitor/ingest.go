package monitor

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/events/ingest"
)

// ingestMetrics are those of events that come by HTTP.
type ingestMetrics struct{ events, answers, bytes, seconds, inFlight *prometheus.Desc }

func newIngestMetrics(describe func(metric, help string, labels ...string) *prometheus.Desc) ingestMetrics {
	return ingestMetrics{
		events: describe("ingest_events_total",
			"Events that came by HTTP, by what became of them; copies are accepted too.", "input", "result"),
		answers:  describe("ingest_requests_total", "Requests with events, by the status of the answer.", "status"),
		bytes:    describe("ingest_bytes_total", "Bytes of requests with events, as they came."),
		seconds:  describe("ingest_duration_seconds", "Time until requests were answered whose events were stored."),
		inFlight: describe("ingest_in_flight", "Requests with events that are not answered yet."),
	}
}

func (m *ingestMetrics) collect(from *ingest.Server, to chan<- prometheus.Metric,
	gauge, counter func(*prometheus.Desc, float64, ...string)) {
	if from == nil {
		return
	}
	s := from.Stats()
	for name, in := range s.Inputs {
		counter(m.events, float64(in.Accepted), name, "accepted")
		counter(m.events, float64(in.Copies), name, "copy")
		counter(m.events, float64(in.Refused), name, "refused")
	}
	for status, n := range s.Answers {
		counter(m.answers, float64(n), strconv.Itoa(status))
	}
	counter(m.bytes, float64(s.Bytes))
	gauge(m.inFlight, float64(s.InFlight))
	buckets, total := map[float64]uint64{}, uint64(0)
	for i, n := range s.Counts {
		total += uint64(n)
		if i < len(s.Bounds) {
			buckets[s.Bounds[i].Seconds()] = total
		}
	}
	to <- prometheus.MustNewConstHistogram(m.seconds, total, s.Took.Seconds(), buckets)
}

// ingestStatus is what the status says of events that came by HTTP since the start.
type ingestStatus struct {
	Address string                       `json:"address"`
	Inputs  map[string]ingestInputStatus `json:"inputs"`
	Answers map[int]int64                `json:"answers,omitempty"` // requests, by status
}

type ingestInputStatus struct {
	Accepted int64 `json:"accepted"`
	Copies   int64 `json:"copies"`
	Refused  int64 `json:"refused"`
}

// IngestStatusOf is nil where no events are taken by HTTP.
func IngestStatusOf(from *ingest.Server) *ingestStatus {
	if from == nil {
		return nil
	}
	stats := from.Stats()
	s := &ingestStatus{Address: from.Address(), Inputs: map[string]ingestInputStatus{}, Answers: stats.Answers}
	for name, in := range stats.Inputs {
		s.Inputs[name] = ingestInputStatus(in)
	}
	return s
}

// String says it in words.
func (s *ingestStatus) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s.Inputs)) {
		in := s.Inputs[name]
		text := fmt.Sprintf("%d of %s", in.Accepted, name)
		if in.Copies > 0 {
			text += fmt.Sprintf(" (%d of them copies)", in.Copies)
		}
		if in.Refused > 0 {
			text += fmt.Sprintf(" and %d refused", in.Refused)
		}
		parts = append(parts, text)
	}
	return "events since the start, at " + s.Address + ": " + strings.Join(parts, ", ")
}
