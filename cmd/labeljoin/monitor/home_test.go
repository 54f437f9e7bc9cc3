package monitor

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

func TestHomePage(t *testing.T) {
	now := exampleStats()
	days := func(context.Context) ([]shards.ListedDay, error) {
		return []shards.ListedDay{{Day: "2026-11-21", Rows: 7, Readiness: shards.Readiness{Ready: true},
			Version: shards.Version{Number: 3}, Manifest: &shards.Manifest{}}, {Day: "2026-11-22"}}, nil
	}
	h := handler("<b>feed</b>", func() engine.Stats { return now }, Observer{Collector: prometheus.NewRegistry(), Days: days,
		Waits: func(*engine.Stats) []Wait { return nil }, Tell: func(*engine.Stats, *Status) {}})
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	w := get("/")
	if w.Code != 200 || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("the page is %d with %v", w.Code, w.Header())
	}
	for _, want := range []string{"&lt;b&gt;feed&lt;/b&gt;", `class="verdict good"`, "joining", "REQUESTS", "</html>"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page has no %q:\n%s", want, w.Body)
		}
	}
	if now.Joining = false; !strings.Contains(get("/").Body.String(), "recovering") {
		t.Error("a joiner that recovers does not say so")
	}
	if w := get("/days"); w.Code != 200 || !strings.Contains(w.Body.String(), "v=0003") || !strings.Contains(w.Body.String(), "expected") {
		t.Errorf("the days are %d\n%s", w.Code, w.Body)
	}
	if w := get("/anything"); w.Code != 404 {
		t.Errorf("a page that is not there is %d", w.Code)
	}
}
