package pages_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/pages"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

const script = `<script>alert("x")</script>`

// configure makes a configuration whose output is below a folder of the test.
func configure(t *testing.T, http string) *config.Config {
	t.Helper()
	c, err := config.Decode("test", []byte("labels: {clicked: 'type == \"click\"'}\nhttp: "+http+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c.State.Dir, c.Output.Dir, c.Export.Dir = filepath.Join(dir, "state"), filepath.Join(dir,
		"labeled"), filepath.Join(dir, "exports")
	if err := os.Mkdir(c.State.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

// write commits a hundred requests of each day, with a feature whose name and values are hostile.
func write(t *testing.T, c *config.Config, days ...string) {
	t.Helper()
	at, err := place.Of(t.Context(), c, c.Output.Dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := export.Open(export.Options{Bucket: at, Name: c.Name, RulesHash: "abc", CheckpointEvery: 1,
		Labels: []joiner.Label{{Name: "clicked", Window: 30 * time.Minute}}})
	if err != nil {
		t.Fatal(err)
	}
	for n, day := range days {
		s, err := out.Stage(uint64(n + 1))
		if err != nil {
			t.Fatal(err)
		}
		start, err := events.ParseDay(day)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			req := &events.Request{ID: fmt.Sprint(day, "-", i), TS: start.Add(time.Duration(i) * time.Minute),
				Features: []events.Field{
					{Name: script, Value: events.Value{Kind: events.ValueString, Str: fmt.Sprint(script, i%3)}},
					{Name: "price", Value: events.Value{Kind: events.ValueDouble, Float: float64(i + 50*n)}}}}
			cell := joiner.Cell{TS: events.MinTime}
			if i%10 == 0 {
				cell = joiner.Cell{Value: 1, TS: req.TS.Add(time.Minute)}
			}
			if err := s.Row(req, &joiner.Row{Item: -1, Cells: []joiner.Cell{cell}, Weight: 1}); err != nil {
				t.Fatal(err)
			}
		}
		closed := start.Add(36 * time.Hour)
		if _, err := s.Commit(context.Background(), &joiner.Cut{Number: uint64(n + 1), Nonce: fmt.Sprint(n),
			RulesHash: "abc", MaxEvent: closed,
			From: []events.Position{{Input: "S", Created: 5, Next: uint64(n*10 + 10)}},
			Progress: joiner.Progress{Commit: uint64(n + 1), Clock: joiner.NewClock(), ClosedThrough: closed,
				PublishedThrough: closed,
				Inputs:           []events.Position{{Input: "S", Created: 5, Next: uint64(n*10 + 20)}}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// handler makes the pages of a configuration, and what they refused.
func handler(t *testing.T, c *config.Config) (http.Handler, *monitor.Refused) {
	t.Helper()
	return handlerThatLogs(t, c, slog.New(slog.DiscardHandler))
}

func handlerThatLogs(t *testing.T, c *config.Config, log *slog.Logger) (http.Handler, *monitor.Refused) {
	t.Helper()
	refused := monitor.NewRefused(c, log)
	h, err := pages.New(partition.Sources{Config: c, Log: log, Conn: func() *nats.Conn { return nil }, Refused: refused})
	if err != nil {
		t.Fatal(err)
	}
	return h, refused
}

func get(h http.Handler, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "http://127.0.0.1:8428"+target, nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func paths() []string {
	return []string{page.FeaturesPath, page.LabelsPath, page.EventsPath, page.RequestPath, page.ShardsPath,
		page.ReportPath + "?day=2026-11-21"}
}

// TestGuard: no page that shows values of events is shown to who may not see them.
func TestGuard(t *testing.T) {
	const token = "0123456789abcdef0123"
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("# who looks\n"+token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	for name, c := range map[string]struct {
		http   string
		change func(*http.Request)
		want   int
	}{
		"this machine": {"{listen: '127.0.0.1:8428'}", nil, 200},
		"this machine by name": {"{listen: 'localhost:8428'}", func(r *http.Request) { r.Host = "localhost:8428" },
			200},
		"a name that was bent": {"{listen: '127.0.0.1:8428'}",
			func(r *http.Request) { r.Host = "evil.example:8428" }, 403},
		"a proxy on this machine": {"{listen: '127.0.0.1:8428'}",
			func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.7") }, 403},
		"a proxy, a token": {"{listen: '127.0.0.1:8428', tokens_file: FILE}",
			func(r *http.Request) { bearer(r); r.Header.Set("X-Forwarded-For", "203.0.113.7") }, 200},
		"every machine":          {"{listen: '0.0.0.0:8428'}", nil, 403},
		"every machine, a token": {"{listen: '0.0.0.0:8428', tokens_file: FILE}", bearer, 200},
		"a token as the password": {"{listen: '0.0.0.0:8428', tokens_file: FILE}",
			func(r *http.Request) { r.SetBasicAuth("me", token) }, 200},
		"no token":               {"{listen: '0.0.0.0:8428', tokens_file: FILE}", nil, 401},
		"no token, this machine": {"{listen: '127.0.0.1:8428', tokens_file: FILE}", nil, 401},
		"another token": {"{listen: '0.0.0.0:8428', tokens_file: FILE}",
			func(r *http.Request) { r.SetBasicAuth(token, "another-token-of-length") }, 401},
		"a token in the address": {"{listen: '0.0.0.0:8428', tokens_file: FILE}",
			func(r *http.Request) { r.URL.RawQuery = "day=2026-11-21&token=" + token }, 401},
		"tokens, under any public name": {"{listen: '0.0.0.0:8428', tokens_file: FILE}",
			func(r *http.Request) { bearer(r); r.Host = "feeds.example" }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			conf := configure(t, strings.ReplaceAll(c.http, "FILE", file))
			write(t, conf, "2026-11-21")
			h, _ := handler(t, conf)
			for _, path := range paths() {
				want := c.want
				if want == 200 && strings.HasPrefix(path, page.ReportPath) {
					want = 404 // nothing was exported
				}
				w := get(h, path, c.change)
				if w.Code != want {
					t.Errorf("%s is %d, want %d: %s", path, w.Code, want, w.Body)
				}
				if c.want != 200 && strings.Contains(w.Body.String(), "script") {
					t.Errorf("%s shows values", path)
				}
				r := httptest.NewRequest("GET", "http://127.0.0.1:8428"+path, nil)
				if c.change != nil {
					c.change(r)
				}
				if shows := h.(monitor.Pages).Shows(r); shows != (c.want == 200) {
					t.Errorf("to the client of %s values are shown: %v", path, shows)
				}
				if asks := w.Header().Get("WWW-Authenticate") != ""; asks != (c.want == 401) {
					t.Errorf("%s asks for a token: %v", path, asks)
				}
			}
		})
	}
}

// TestDaysByPage looks at a day that was exported and at one that was not.
func TestDaysByPage(t *testing.T) {
	c := configure(t, "{listen: '127.0.0.1:8428'}")
	h, refused := handler(t, c)
	for _, path := range []string{page.FeaturesPath, page.LabelsPath, page.ShardsPath, page.EventsPath} {
		if w := get(h, path, nil); w.Code != 200 || !strings.Contains(w.Body.String(), "</html>") {
			t.Errorf("without an output, %s is %d: %s", path, w.Code, w.Body)
		}
	}
	write(t, c, "2026-11-20", "2026-11-21", "2026-11-22")
	exportDays(t, c, "2026-11-20", "2026-11-21")
	refused.Add(&events.DeadLetter{Input: "S", Reason: "not_json", Detail: script,
		Data: []byte(script + strings.Repeat("x", 100_000)), Stored: 5})
	for _, one := range []struct {
		path string
		want []string
	}{
		{page.FeaturesPath, []string{"2026-11-22", "compared with <bdi>2026-11-21</bdi>", "price",
			"The rows that were there at"}},
		{page.FeaturesPath + "?day=2026-11-21", []string{"compared with <bdi>2026-11-20</bdi>",
			"found out when the day was exported", "price"}},
		{page.LabelsPath, []string{"clicked", "10 %", "Rate by hour"}},
		{page.LabelsPath + "?day=2026-11-21", []string{"clicked", "10 %", "10 positive of 100 known rows"}},
		{page.ShardsPath + "?day=2026-11-21", []string{"v=0001", "stats.pb", "report.html", "of 89 known rows",
			"closed through"}},
		{page.ShardsPath, []string{"labeljoin export --date 2026-11-22"}},
		{page.EventsPath, []string{"not_json", "NATS is waited for", "bytes more)"}},
		{page.RequestPath + "?id=2026-11-21-10", []string{"clicked is 1", "revision 0", "dt=2026-11-21"}},
		{page.RequestPath + "?id=" + strings.Repeat("x", 300), []string{"at most 256 bytes"}},
		{page.RequestPath + "?id=%3Cscript%3E", []string{"is not known", "&lt;script&gt;"}},
	} {
		t.Run(one.path[:min(len(one.path), 40)], func(t *testing.T) {
			w := get(h, one.path, nil)
			text := w.Body.String()
			if w.Code != 200 || strings.Contains(text, "<script") || len(text) > 200_000 {
				t.Fatalf("%d, %d bytes: %s", w.Code, len(text), text)
			}
			if policy := w.Header().Get("Content-Security-Policy"); policy != page.Policy() {
				t.Errorf("the policy is %q", policy)
			}
			for _, want := range one.want {
				if !strings.Contains(text, want) {
					t.Errorf("there is no %q in %s", want, text)
				}
			}
		})
	}
	if w := get(h, page.ReportPath+"?day=2026-11-21", nil); w.Code != 200 ||
		!strings.Contains(w.Body.String(), "Rows of") ||
		!strings.Contains(w.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the report is %d with %v", w.Code, w.Header())
	}
	for _, path := range []string{page.FeaturesPath + "?day=2026-12-24", page.LabelsPath + "?day=../..",
		page.ReportPath + "?day=../..", page.ReportPath + "?day=2026-11-22", "/anything"} {
		if w := get(h, path, nil); w.Code != 404 {
			t.Errorf("%s is %d: %s", path, w.Code, w.Body)
		}
	}
}

// TestADayWhoseCommitsCannotBeRead: what became of the events is left out, and the log says so.
func TestADayWhoseCommitsCannotBeRead(t *testing.T) {
	c := configure(t, "{listen: '127.0.0.1:8428'}")
	write(t, c, "2026-11-20", "2026-11-21")
	exportDays(t, c, "2026-11-20")
	var log bytes.Buffer
	h, _ := handlerThatLogs(t, c, slog.New(slog.NewTextHandler(&log, nil)))
	const now = "what became of its events is of now"
	for range 2 { // the second time, it is known
		if w := get(h, page.LabelsPath+"?day=2026-11-20", nil); w.Code != 200 || !strings.Contains(w.Body.String(), now) {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
	}
	manifest := filepath.Join(c.Output.Dir, filepath.FromSlash(tablelog.ManifestPath(0, 1)))
	if err := os.WriteFile(manifest, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := get(h, page.LabelsPath+"?day=2026-11-20", nil)
	if w.Code != 200 || strings.Contains(w.Body.String(), now) ||
		!strings.Contains(w.Body.String(), "10 positive of 100 known rows") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "is not shown") {
		t.Errorf("the log is %q", &log)
	}
}

// exportDays exports days, with what lies beside them.
func exportDays(t *testing.T, c *config.Config, days ...string) {
	t.Helper()
	at, err := place.Of(t.Context(), c, c.Output.Dir)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := export.OpenArchive(at, partition.Default)
	if err != nil {
		t.Fatal(err)
	}
	table, err := archive.Table()
	if err != nil {
		t.Fatal(err)
	}
	o, err := exports.OptionsOf(c)
	if err != nil {
		t.Fatal(err)
	}
	o.Settled, o.Review = false, exports.GateOf(c, c.Output.Dir, archive, true).Begin
	e, err := shards.New(archive, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range days {
		start, err := events.ParseDay(day)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Day(t.Context(), table, start); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
