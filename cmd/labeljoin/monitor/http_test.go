package monitor

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/alarms"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

func exampleStats() engine.Stats {
	s := engine.Stats{Joining: true, Watermark: 3e9, Sources: [events.Kinds]events.Time{3e9, events.MinTime}}
	s.Progress.Commit = 7
	s.Progress.Clock = joiner.NewClock()
	s.Progress.Clock.Observe(events.KindRequest, 4e9)
	s.Progress.Inputs = []events.Position{{Input: "REQUESTS", Next: 12}}
	s.Progress.Guard.Rates = []guard.Rate{{Label: "clicked", Requests: 100, Outcomes: 7}}
	s.Progress.Guard.Held = guard.Hold{Label: "clicked", From: 2e9}
	l := &s.Progress.Ledger
	l.Rows = 40
	l.Kinds[events.KindRequest] = joiner.Tally{Read: 11, Pending: 1}
	l.Kinds[events.KindRequest].Disposed[joiner.DispositionAccepted] = 10
	l.Kinds[events.KindOutcome] = joiner.Tally{Read: 2}
	l.Kinds[events.KindOutcome].Disposed[joiner.DispositionOrphan] = 2
	return s
}

func TestMetrics(t *testing.T) {
	const want = `# HELP labeljoin_events_disposed_total Events by what became of them; those of requests that closed are counted with their commit.
# TYPE labeljoin_events_disposed_total counter
labeljoin_events_disposed_total{disposition="accepted",kind="request",name="feed"} 10
labeljoin_events_disposed_total{disposition="orphan",kind="outcome",name="feed"} 2
# HELP labeljoin_watermark_timestamp_seconds Event time before which every event of the source has been read.
# TYPE labeljoin_watermark_timestamp_seconds gauge
labeljoin_watermark_timestamp_seconds{kind="request",name="feed"} 3
`
	c := newCollector("feed", exampleStats)
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "labeljoin_events_disposed_total", "labeljoin_watermark_timestamp_seconds"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// showing are pages without any, for clients that may see values of events, or may not.
type showing bool

func (s showing) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

func (s showing) Shows(*http.Request) bool { return bool(s) }

// TestStatusWithoutValues: over HTTP, only a client that may see values of events gets them in a status, and on
// the first screen.
func TestStatusWithoutValues(t *testing.T) {
	const secret = "secret"
	now := exampleStats()
	now.Sightings = &engine.Sightings{Orphans: joiner.Orphans{{Stream: "OUTCOMES", Producer: secret, Alone: 3}}}
	tell := func(_ *engine.Stats, s *Status) {
		s.Labels = &alarms.Status{Alarms: []alarms.AlarmStatus{{Kind: "feature", Feature: "age", Text: "other values", Says: secret}}}
		s.Features = FeatureStatusOf(export.FeatureNotes{UnfitValues: 1,
			Unfit: []export.UnfitFeature{{Column: "age", Values: 1, Example: secret}}})
	}
	for name, c := range map[string]struct {
		pages Pages
		want  int // of "/status"
	}{"no pages": {nil, 0}, "a client without a token": {showing(false), 0}, "one with a token": {showing(true), 3}} {
		t.Run(name, func(t *testing.T) {
			h := handler("feed", func() engine.Stats { return now }, Observer{Collector: prometheus.NewRegistry(),
				Waits: func(*engine.Stats) []Wait { return nil }, Tell: tell, Pages: c.pages})
			for _, path := range []string{"/status", "/"} {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				text := w.Body.String()
				if got := strings.Count(text, secret); got < c.want || got > 2*c.want {
					t.Errorf("%s has %d values:\n%s", path, got, text)
				}
				if !strings.Contains(text, "other values") || !strings.Contains(text, "OUTCOMES") {
					t.Errorf("%s lacks what may be told:\n%s", path, text)
				}
			}
		})
	}
}

func TestReadiness(t *testing.T) {
	ready := engine.Stats{}
	h := handler("feed", func() engine.Stats { return ready })
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	if w := get("/readyz"); w.Code != 503 {
		t.Errorf("a joiner that recovers is %d", w.Code)
	}
	if w := get("/healthz"); w.Code != 200 {
		t.Errorf("a joiner that recovers is not alive: %d", w.Code)
	}
	ready = exampleStats()
	if w := get("/readyz"); w.Code != 200 {
		t.Errorf("a joiner that joins is %d: %s", w.Code, w.Body)
	}
	var s Status
	if err := json.Unmarshal(get("/status").Body.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Commits != 7 || s.Events["request"].Pending != 1 || s.Events["outcome"].Watermark != "-inf" || s.Inputs[0].Next != 12 {
		t.Errorf("%+v", s)
	}
	if w := get("/nothing"); w.Code != 404 {
		t.Errorf("/nothing is %d", w.Code)
	}
}
