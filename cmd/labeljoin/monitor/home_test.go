package monitor

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/joiner/engine"
)

func TestHomePage(t *testing.T) {
	now := exampleStats()
	h := handler("<b>feed</b>", func() engine.Stats { return now })
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
	if w := get("/anything"); w.Code != 404 {
		t.Errorf("a page that is not there is %d", w.Code)
	}
}
