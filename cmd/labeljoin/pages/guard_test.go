package pages_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/export/page"
)

// TestBadTokensAreLoggedOnce: a file of tokens goes bad, is repaired, and goes bad again. The tokens of before hold
// meanwhile, and the log says each time once that they do, however many pages are asked for.
func TestBadTokensAreLoggedOnce(t *testing.T) {
	const token = "0123456789abcdef0123"
	file := filepath.Join(t.TempDir(), "tokens")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(token + "\n")
	conf := configure(t, "{listen: '0.0.0.0:8428', tokens_file: "+file+"}")
	write(t, conf, "2026-11-21")
	var said bytes.Buffer
	h, _ := handlerThatLogs(t, conf, slog.New(slog.NewTextHandler(&said, nil)))
	ask := func(times int) {
		t.Helper()
		for range times {
			w := get(h, page.FeaturesPath, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
			if w.Code != http.StatusOK {
				t.Fatalf("the page is %d: %s", w.Code, w.Body)
			}
		}
	}
	for n, text := range []string{"short\n", "shorter than it must be\n"} {
		put(text)
		ask(3)
		if got := strings.Count(said.String(), "the file of tokens cannot be read again"); got != n+1 {
			t.Errorf("after %d faults the log says %d times that the file is bad:\n%s", n+1, got, &said)
		}
		put(token + "\n" + strings.Repeat("#", n+1) + "\n")
		ask(1)
	}
}
