package ingest_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events/jsonevent"
)

var (
	bodies = flag.Int("bodies", 3000, "random bodies of TestRandomBodies")
	seed   = flag.Uint64("bodyseed", 1, "seed of TestRandomBodies")
)

// body makes a body that is somewhat like events: parts of them, damaged here and there.
func body(r *rand.Rand) string {
	parts := []string{
		request, outcome, `{"heartbeat":"2026-11-23T11:59:00Z"}`, "[", "]", "{", "}", ",", ":", "\n", "\r\n", " ", "\xff", "\x00", `"`, `\`,
		`{"specversion":"1.0","id":"1","source":"s","type":"t","data":`, `{"request_id":"` + strings.Repeat("x", 300) +
			`"}`, "null", "1e999", "\ufeff",
		strings.Repeat("[", 40), strings.Repeat(`{"a":`, 40), `{"request_id":"a","request_id":"b","ts":1}`,
	}
	var to strings.Builder
	for range r.IntN(12) {
		part := parts[r.IntN(len(parts))]
		if r.IntN(8) == 0 && len(part) > 1 {
			at := r.IntN(len(part))
			part = part[:at] + string(rune(r.IntN(256))) + part[at+1:]
		}
		to.WriteString(part)
	}
	return to.String()
}

// TestRandomBodies holds of random bodies that each is answered, that the answer's counts are
// those of the events, that exactly what was accepted is stored, and that it can be read.
func TestRandomBodies(t *testing.T) {
	s, b := open(t, options())
	r := rand.New(rand.NewPCG(*seed, 0))
	media := []string{"application/json", "application/x-ndjson", "text/plain", "application/cloudevents+json",
		"application/cloudevents-batch+json", ""}
	coding := []string{"", "", "", "", "gzip", "zstd", "snappy", "deflate"}
	var before runtime.MemStats
	for i := range *bodies {
		if i == *bodies/2 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		b.list, b.ids = nil, map[string]bool{}
		path, text := []string{"/v1/events/requests", "/v1/events/outcomes"}[r.IntN(2)], body(r)
		checkBody(t, s.Handler(), b, path, text, media[r.IntN(len(media))], coding[r.IntN(len(coding))])
		if t.Failed() {
			t.Fatalf("-bodyseed %d, body %d: %q", *seed, i, text)
		}
	}
	runtime.GC()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap has grown by %d bytes over the second half (-bodyseed %d)", grown, *seed)
	}
	if n := s.Stats().InFlight; n != 0 {
		t.Errorf("%d requests are in flight", n)
	}
}

func checkBody(t testing.TB, h http.Handler, b *book, path, text, media, coding string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(text))
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	if coding != "" {
		req.Header.Set("Content-Encoding", coding)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	var got reply
	decodeReply(t, w, &got)
	stored := b.events()
	switch {
	case w.Code == 202 && (got.Accepted == 0 || got.RefusedCount > 0), w.Code == 207 &&
		(got.Accepted == 0 || got.RefusedCount == 0),
		w.Code == 400 && got.Accepted > 0, w.Code >= 500, w.Code == 429, len(stored) != got.Accepted && w.Code < 300:
		t.Errorf("%s: answered %d: %s; stored %q", path, w.Code, w.Body, stored)
	}
	var d jsonevent.Decoder
	for _, one := range stored {
		var err error
		if path == "/v1/events/requests" {
			_, err = d.DecodeRequest([]byte(one))
		} else {
			_, _, err = d.DecodeOutcome([]byte(one))
		}
		if err != nil {
			t.Errorf("%s: %q was accepted: %v", path, one, err)
		}
	}
}

// FuzzBody does what TestRandomBodies does with bodies that the fuzzer makes.
func FuzzBody(f *testing.F) {
	for _, text := range []string{request, outcome, "[" + outcome + "," + outcome + "]", outcome + "\n" + request} {
		for i := range 4 {
			f.Add(text, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, text string, form uint8) {
		s, b := open(t, options())
		media := []string{"application/json", "text/plain", "application/cloudevents+json",
			"application/cloudevents-batch+json"}[form%4]
		coding := []string{"", "gzip", "zstd", "snappy"}[form/4%4]
		checkBody(t, s.Handler(), b, fmt.Sprint("/v1/events/", []string{"requests", "outcomes"}[form/16%2]), text, media,
			coding)
	})
}
