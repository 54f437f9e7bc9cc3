package monitor

import (
	"fmt"
	"io"
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// Markers counts the delete markers of streams that were passed over since the start.
type Markers struct {
	mu sync.Mutex
	of map[string]int64
}

// Add counts one of a stream.
func (m *Markers) Add(stream string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[string]int64{}
	}
	m.of[stream]++
}

// Counts are the counts by stream; nil: there are none.
func (m *Markers) Counts() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.of)
}

// printMarkers writes counts for people.
func printMarkers(lines io.Writer, counts map[string]int64) {
	for _, stream := range sorted(counts) {
		fmt.Fprintf(lines, "delete markers\tof stream %s: %s passed over since the start, which the server left where it deleted messages\n",
			stream, terminal.Count(counts[stream], "message"))
	}
}

// collectMarkers are the same as metrics.
func collectMarkers(d *prometheus.Desc, counts map[string]int64, counter func(*prometheus.Desc, float64, ...string)) {
	for stream, n := range counts {
		counter(d, float64(n), stream)
	}
}
