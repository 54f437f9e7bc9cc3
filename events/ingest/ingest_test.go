package ingest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// book is a log in memory. It knows copies by their ids.
type book struct {
	mu   sync.Mutex
	err  error
	most int
	list []events.Outgoing
	ids  map[string]bool
}

func (b *book) MaxBytes() int { return b.most }

func (b *book) Append(_ context.Context, list []events.Outgoing) (copies int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	for _, m := range list {
		m.Data = bytes.Clone(m.Data)
		if m.ID != "" && b.ids[m.ID] {
			copies += m.Events
			continue
		}
		b.ids[m.ID] = true
		b.list = append(b.list, m)
	}
	return copies, nil
}

// events are those of all messages, as a reader of the log splits them.
func (b *book) events() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var d jsonevent.Decoder
	for _, m := range b.list {
		n := 0
		for _, data := range d.Split(m.Data) {
			all, n = append(all, string(data)), n+1
		}
		if n != m.Events {
			all = append(all, fmt.Sprintf("%d events are split into %d", m.Events, n))
		}
	}
	return all
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func options() ingest.Options {
	return ingest.Options{
		Inputs: []ingest.Input{
			{Name: "requests", Kind: events.KindRequest, Subject: "requests.http"},
			{Name: "outcomes", Kind: events.KindOutcome, Subject: "outcomes.http"},
		},
		MaxFuture: 5 * time.Minute, MaxAge: 24 * time.Hour, MaxBody: 1 << 20,
		Now: func() time.Time { return now },
	}
}

// open makes a server over a log in memory.
func open(t testing.TB, o ingest.Options) (*ingest.Server, *book) {
	t.Helper()
	s, err := ingest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	b := &book{most: 1 << 20, ids: map[string]bool{}}
	s.Open(b, nil, nil)
	return s, b
}

type reply struct {
	Status       int
	Accepted     int
	Copies       int
	RefusedCount int `json:"refused_count"`
	Refused      []ingest.Refused
	Detail       string
	header       http.Header
}

// send posts a body; header holds pairs.
func send(t testing.TB, s *ingest.Server, path, body string, header ...string) reply {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	var got reply
	decodeReply(t, w, &got)
	return got
}

func decodeReply(t testing.TB, w *httptest.ResponseRecorder, got *reply) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), got); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	got.Status, got.header = w.Code, w.Header()
}

const (
	request = `{"request_id":"r1","ts":"2026-11-23T11:59:00Z"}`
	outcome = `{"request_id":"r1","ts":"2026-11-23T11:59:30Z","type":"click"}`
)

func TestBodies(t *testing.T) {
	for _, c := range []struct {
		name, path, body, media string
		status                  int
		stored                  []string
		refused                 string // index and reason of each
	}{
		{"one", "requests", request, "application/json", 202, []string{request}, ""},
		{"no type", "requests", request, "", 202, []string{request}, ""},
		{"beacon", "outcomes", outcome, "text/plain;charset=UTF-8", 202, []string{outcome}, ""},
		{"array", "outcomes", "[" + outcome + ", \n" + outcome + "]", "application/json", 202, []string{outcome, outcome},
			""},
		{"lines", "outcomes", outcome + "\r\n\n" + outcome + "\n", "application/x-ndjson", 202, []string{outcome, outcome},
			""},
		{"over lines", "requests", "{\"request_id\":\"r1\",\n\"ts\":\"2026-11-23T11:59:00Z\"}\n", "application/json", 202,
			[]string{"{\"request_id\":\"r1\",\n\"ts\":\"2026-11-23T11:59:00Z\"}"}, ""},
		{"array over lines", "requests", "[{\"request_id\":\"r1\",\n\"ts\":\"2026-11-23T11:59:00Z\"},\n" + request + "]",
			"application/json", 202,
			[]string{"{\"request_id\":\"r1\",\n\"ts\":\"2026-11-23T11:59:00Z\"}", request}, ""},
		{"heartbeat", "outcomes", `{"heartbeat":"2026-11-23T11:59:00Z"}`, "application/json", 202,
			[]string{`{"heartbeat":"2026-11-23T11:59:00Z"}`}, ""},
		{"some bad", "outcomes", outcome + "\n{\"request_id\":\"r1\"\n" + `{"request_id":"r1","ts":1}` + "\n" + outcome,
			"application/x-ndjson", 207, []string{outcome, outcome}, "1 not_json 2 missing_type"},
		{"all bad", "outcomes", `[{"type":"x"},7]`, "application/json", 400, nil, "0 missing_request_id 1 not_object"},
		{"too old", "requests", `{"request_id":"r1","ts":1763899140}`, "application/json", 400, nil, "0 max_age"},
		{"not yet", "requests", `{"request_id":"r1","ts":"2026-11-23T12:05:00.001Z"}`, "application/json", 400, nil,
			"0 max_future"},
		{"no time that there can be", "requests", `{"request_id":"r1","ts":"1500-01-01T00:00:00Z"}` + "\n" +
			`{"request_id":"r1","ts":9223372036855}` + "\n" + request, "application/x-ndjson", 207, []string{request}, "0 bad_ts 1 bad_ts"},
		{"at the bound", "requests", `{"request_id":"r1","ts":"2026-11-23T12:05:00Z"}`, "application/json", 202,
			[]string{`{"request_id":"r1","ts":"2026-11-23T12:05:00Z"}`}, ""},
		{"empty", "requests", " \n", "application/json", 400, nil, ""},
		{"form", "requests", request, "application/x-www-form-urlencoded", 415, nil, ""},
		{"image", "requests", request, "image/png", 415, nil, ""},
		{"latin", "requests", request, "application/json; charset=latin1", 415, nil, ""},
		{"too long", "requests", strings.Repeat(" ", 1<<20) + request, "application/json", 413, nil, ""},
		{"no input", "clicks", request, "application/json", 404, nil, ""},
		{"cloud event", "requests", `{"specversion":"1.0","id":"1","source":"s","type":"t","data":` + request + `}`,
			"application/cloudevents+json", 202, []string{request}, ""},
		{"cloud events", "requests", `[{"specversion":"1.0","id":"1","source":"s","type":"t","data":` + request +
			`},{"specversion":"1.0","id":"2","source":"s","type":"t","data":7}]`, "application/cloudevents-batch+json", 207, []string{request},
			"1 not_object"},
		{"no batch", "requests", "null", "application/cloudevents-batch+json", 400, nil, ""},
		{"no cloud event", "requests", request, "application/cloudevents+json", 400, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, b := open(t, options())
			got := send(t, s, "/v1/events/"+c.path, c.body, "Content-Type", c.media)
			var refused []string
			for _, r := range got.Refused {
				refused = append(refused, fmt.Sprint(r.Index, " ", r.Reason))
			}
			if got.Status != c.status || strings.Join(refused, " ") != c.refused {
				t.Errorf("got %d, refused %v: %+v", got.Status, refused, got)
			}
			if got.Accepted != len(c.stored) {
				t.Errorf("accepted %d", got.Accepted)
			}
			if all := b.events(); strings.Join(all, "|") != strings.Join(c.stored, "|") {
				t.Errorf("stored %q", all)
			}
		})
	}
}

// TestCopies holds the rule of ids: only the same bytes are a copy.
func TestCopies(t *testing.T) {
	s, b := open(t, options())
	other := strings.Replace(outcome, "click", "view", 1)
	for _, c := range []struct {
		name, path, body, key string
		copies                int
	}{
		{"first", "outcomes", outcome, "k", 0},
		{"again", "outcomes", outcome, "k", 1},
		{"another event with the key", "outcomes", other, "k", 0},
		{"the same bytes with another key", "outcomes", outcome, "l", 0},
		{"without a key", "outcomes", outcome, "", 0},
		{"again without a key", "outcomes", outcome, "", 1},
		{"a request with the key", "requests", request, "k", 0},
		{"several", "outcomes", "[" + outcome + "," + other + "]", "k", 0},
		{"several again, written otherwise", "outcomes", outcome + "\n" + other, "k", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, s, "/v1/events/"+c.path, c.body, "Idempotency-Key", c.key)
			if got.Status != 202 || got.Copies != c.copies {
				t.Errorf("got %+v", got)
			}
		})
	}
	if n := len(b.list); n != 6 {
		t.Errorf("%d messages are stored", n)
	}
}

// TestLargeBatch checks that a body of many events becomes messages that the broker takes,
// and that no event is lost or changed.
func TestLargeBatch(t *testing.T) {
	o := options()
	o.MaxBody = 16 << 20
	s, b := open(t, o)
	b.most = 100_000
	var body strings.Builder
	var want []string
	for i := range 5000 {
		one := fmt.Sprintf(`{"request_id":"r%d","ts":"2026-11-23T11:59:00Z","features":{"x":"%s"}}`, i,
			strings.Repeat("y", i%500))
		want = append(want, one)
		body.WriteString(one + "\n")
	}
	huge := fmt.Sprintf(`{"request_id":"huge","ts":"2026-11-23T11:59:00Z","features":{"x":"%s"}}`,
		strings.Repeat("y", 100_000))
	got := send(t, s, "/v1/events/requests", body.String()+huge)
	if got.Status != 207 || got.Accepted != 5000 || len(got.Refused) != 1 || got.Refused[0].Reason != "too_large" {
		t.Errorf("got %+v", got)
	}
	for _, m := range b.list {
		if len(m.Data) > b.most {
			t.Errorf("a message has %d bytes", len(m.Data))
		}
	}
	if all := b.events(); strings.Join(all, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d events are stored, and not as they were sent", len(all))
	}
}

func TestNotStored(t *testing.T) {
	s, err := ingest.New(options())
	if err != nil {
		t.Fatal(err)
	}
	if got := send(t, s, "/v1/events/requests", request); got.Status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("before there is a log: %+v", got)
	}
	b := &book{most: 1 << 20, ids: map[string]bool{}}
	s.Open(b, nil, map[string]string{"outcomes": "its stream is a mirror"})
	if got := send(t, s, "/v1/events/outcomes", outcome); got.Status != 404 || !strings.Contains(got.Detail, "mirror") {
		t.Errorf("of a mirror: %+v", got)
	}
	for fault, status := range map[events.Fault]int{
		events.FaultAway: 503, events.FaultRefused: 503, events.FaultSlow: 429, events.FaultTooLarge: 413,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			b.err = &events.StoreError{Fault: fault, Reason: "as it is"}
			got := send(t, s, "/v1/events/requests", request)
			if got.Status != status || got.Detail != "as it is" ||
				(got.header.Get("Retry-After") != "") != (status == 503 || status == 429) {
				t.Errorf("got %+v, %v", got, got.header)
			}
		})
	}
	b.err = nil
	if got := send(t, s, "/v1/events/requests", request); got.Status != 202 || len(b.list) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestNoRoom(t *testing.T) {
	o := options()
	o.Full = func() string { return "the disk is full" }
	s, b := open(t, o)
	if got := send(t, s, "/v1/events/requests", request); got.Status != 503 ||
		!strings.Contains(got.Detail, "disk is full") || len(b.list) > 0 {
		t.Errorf("got %+v", got)
	}
}

// broken is a log with a defect.
type broken struct{ book }

func (*broken) Append(context.Context, []events.Outgoing) (int, error) { panic("a defect") }

func TestDefect(t *testing.T) {
	var log bytes.Buffer
	o := options()
	o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	s, _ := open(t, o)
	s.Open(&broken{book{most: 1 << 20}}, nil, nil)
	if got := send(t, s, "/v1/events/requests", request); got.Status != 500 ||
		!strings.Contains(log.String(), "a defect") {
		t.Errorf("got %+v, logged %s", got, log.String())
	}
	if n := s.Stats().InFlight; n != 0 {
		t.Errorf("%d requests are in flight", n)
	}
}

func TestTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const all, some, later = "0123456789abcdef", "fedcba9876543210", "00000000000000000"
	write("# producers\n" + all + "\n" + some + " outcomes\n")
	o := options()
	o.TokensFile, o.LeastToken = path, 16
	s, _ := open(t, o)
	for _, c := range []struct {
		name, path, token string
		status            int
	}{
		{"none", "requests", "", 401},
		{"unknown", "requests", "0123456789abcdeF", 401},
		{"of all", "requests", all, 202},
		{"of its input", "outcomes", some, 202},
		{"of another input", "requests", some, 403},
		{"of no input", "nothing", all, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := map[bool]string{true: request, false: outcome}[c.path == "requests"]
			got := send(t, s, "/v1/events/"+c.path, body, "Authorization", "Bearer "+c.token)
			if got.Status != c.status || (got.header.Get("WWW-Authenticate") != "") != (c.status == 401) {
				t.Errorf("got %+v", got)
			}
			got = send(t, s, "/v1/events/"+c.path+"?token="+c.token, body)
			if got.Status != c.status {
				t.Errorf("in the address: got %+v", got)
			}
		})
	}
	t.Run("changed", func(t *testing.T) {
		write(later + "\n")
		if got := send(t, s, "/v1/events/requests", request, "Authorization", "Bearer "+later); got.Status != 202 {
			t.Errorf("the new token: %+v", got)
		}
		if got := send(t, s, "/v1/events/requests", request, "Authorization", "Bearer "+all); got.Status != 401 {
			t.Errorf("the old token: %+v", got)
		}
		write("short\n")
		if got := send(t, s, "/v1/events/requests", request, "Authorization", "Bearer "+later); got.Status != 202 {
			t.Errorf("while the file is wrong: %+v", got)
		}
	})
	for name, text := range map[string]string{"short": "0123\n", "empty": "# none\n", "input": all + " clicks\n"} {
		t.Run(name, func(t *testing.T) {
			write(text)
			_, err := ingest.New(o)
			if err == nil || strings.Contains(err.Error(), all) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	o := options()
	o.Origins = []string{"https://shop.example"}
	s, _ := open(t, o)
	for origin, status := range map[string]int{"": 202, "https://shop.example": 202, "https://evil.example": 403,
		"null": 403} {
		t.Run(origin, func(t *testing.T) {
			got := send(t, s, "/v1/events/requests", request, "Origin", origin)
			allowed := got.header.Get("Access-Control-Allow-Origin")
			if got.Status != status || allowed != "" && (allowed != origin || status != 202) {
				t.Errorf("got %d, allowed %q", got.Status, allowed)
			}
			r := httptest.NewRequest(http.MethodOptions, "/v1/events/requests", nil)
			r.Header.Set("Origin", origin)
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if (w.Code == 204) != (status == 202) {
				t.Errorf("asked before: %d", w.Code)
			}
		})
	}
}

func TestCompressed(t *testing.T) {
	packed := func(text string) string {
		var to bytes.Buffer
		w := gzip.NewWriter(&to)
		_, err := io.WriteString(w, text)
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		return to.String()
	}
	s, b := open(t, options())
	if got := send(t, s, "/v1/events/requests", packed(request), "Content-Encoding", "gzip"); got.Status != 202 ||
		b.events()[0] != request {
		t.Errorf("got %+v", got)
	}
	for name, c := range map[string]struct {
		body, coding string
		status       int
	}{
		"a bomb":  {packed(strings.Repeat(" ", 64<<20)), "gzip", 413},
		"broken":  {packed(request)[:20], "gzip", 400},
		"no gzip": {request, "gzip", 400},
		"no zstd": {request, "zstd", 400},
		"no snap": {request, "snappy", 400},
		"unknown": {request, "br", 415},
	} {
		t.Run(name, func(t *testing.T) {
			if got := send(t, s, "/v1/events/requests", c.body, "Content-Encoding", c.coding); got.Status != c.status {
				t.Errorf("got %+v", got)
			}
		})
	}
}
