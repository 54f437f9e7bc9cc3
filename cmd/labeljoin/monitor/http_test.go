package monitor

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/labeljoin/labeljoin/events"
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
