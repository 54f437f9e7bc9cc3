package monitor

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// attributionStatus is how outcomes that name no request stand.
type attributionStatus struct {
	Requests int64 `json:"requests"` // that are found by their keys
	Bytes    int64 `json:"bytes"`    // of memory that finding them takes, about
	Waiting  int   `json:"waiting"`  // outcomes that the watermark has not passed
}

func attributionStatusOf(s *engine.AttributionStats) *attributionStatus {
	if s == nil {
		return nil
	}
	return &attributionStatus{Requests: s.Requests, Bytes: s.Bytes, Waiting: s.Waiting}
}

// String says it in words.
func (a *attributionStatus) String() string {
	return fmt.Sprintf("found by their keys: %s, in about %.1f MiB of memory; without a request_id, and waiting until the watermark has passed: %s",
		terminal.Count(a.Requests, "request"), float64(a.Bytes)/(1<<20), terminal.Count(a.Waiting, "outcome"))
}

// attributionMetrics are the same as metrics.
type attributionMetrics struct{ requests, bytes, waiting *prometheus.Desc }

func newAttributionMetrics(describe func(metric, help string, labels ...string) *prometheus.Desc) attributionMetrics {
	return attributionMetrics{
		requests: describe("attribution_index_requests",
			"Requests that outcomes without a request_id are looked for among: those that are remembered and have a key."),
		bytes: describe("attribution_index_bytes", "Memory that finding requests by their keys takes, about."),
		waiting: describe("attribution_waiting_outcomes",
			"Outcomes without a request_id that wait until the watermark has passed them."),
	}
}

func (m *attributionMetrics) Collect(s *engine.AttributionStats, gauge func(*prometheus.Desc, float64, ...string)) {
	if s == nil {
		return
	}
	gauge(m.requests, float64(s.Requests))
	gauge(m.bytes, float64(s.Bytes))
	gauge(m.waiting, float64(s.Waiting))
}
