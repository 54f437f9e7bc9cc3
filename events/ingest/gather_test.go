package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// slowLog is a log that answers when it is told to.
type slowLog struct {
	begun chan *call
	most  int
}

// call is what the log is to store.
type call struct {
	message events.Outgoing
	answer  chan error
}

func (l *slowLog) MaxBytes() int { return l.most }

func (l *slowLog) Append(_ context.Context, list []events.Outgoing) (copies int, err error) {
	c := &call{message: list[0], answer: make(chan error)}
	c.message.Data = bytes.Clone(c.message.Data)
	l.begun <- c
	return 0, <-c.answer
}

// poster posts bodies side by side, and collects the answers.
type poster struct {
	s       *ingest.Server
	running sync.WaitGroup
	mu      sync.Mutex
	codes   map[string]int // by the body
}

func (p *poster) post(ctx context.Context, input, body string, header ...string) {
	p.running.Go(func() {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/events/"+input, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		p.s.Handler().ServeHTTP(w, r)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.codes[body] = w.Code
	})
}

func one(id string) string { return fmt.Sprintf(`{"request_id":%q,"ts":"2026-11-23T11:59:30Z"}`, id) }

// gathering makes a server over a slow log, with two messages under way.
func gathering(t *testing.T, most int) (p *poster, log *slowLog, first [2]*call) {
	t.Helper()
	s, err := ingest.New(options())
	if err != nil {
		t.Fatal(err)
	}
	log = &slowLog{begun: make(chan *call), most: most}
	s.Open(log, nil, nil)
	p = &poster{s: s, codes: map[string]int{}}
	for i := range first {
		p.post(t.Context(), "requests", one(fmt.Sprint("first", i)))
		if first[i] = <-log.begun; first[i].message.Events != 1 {
			t.Fatalf("stored %+v", first[i].message)
		}
	}
	return p, log, first
}

// await returns when so many requests wait for others.
func await(p *poster, n int) {
	for ingest.Waiting(p.s, "requests") < n {
		runtime.Gosched()
	}
}

// TestGather: what comes while two messages are under way is stored as one message, and each
// producer is answered when it is stored, and not before.
func TestGather(t *testing.T) {
	p, log, first := gathering(t, 1<<20)
	bodies := []string{one("a"), "[" + one("b") + "," + one("c") + "]", one("d") + "\n" + one("e")}
	for _, body := range bodies {
		p.post(t.Context(), "requests", body)
	}
	await(p, 3)
	first[0].answer <- nil
	together := <-log.begun
	var got []string
	for _, event := range new(jsonevent.Decoder).Split(together.message.Data) {
		got = append(got, string(event))
	}
	slices.Sort(got)
	if want := []string{one("a"), one("b"), one("c"), one("d"), one("e")}; !slices.Equal(got, want) ||
		together.message.Events != 5 {
		t.Errorf("the message is %s, of %d events", together.message.Data, together.message.Events)
	}
	p.mu.Lock()
	for _, body := range bodies {
		if p.codes[body] != 0 {
			t.Errorf("%s is answered before it is stored", body)
		}
	}
	p.mu.Unlock()
	together.answer <- nil
	first[1].answer <- nil
	p.running.Wait()
	for _, body := range bodies {
		if p.codes[body] != http.StatusAccepted {
			t.Errorf("%s is answered with %d", body, p.codes[body])
		}
	}
}

// TestGatherApart: what has an id of its producer is stored apart, and so is what does not
// fit one message with others; a failure is told to all whose events it concerns.
func TestGatherApart(t *testing.T) {
	p, log, first := gathering(t, 120)
	p.post(t.Context(), "requests", one("key"), "Idempotency-Key", "k")
	key := <-log.begun
	if string(key.message.Data) != one("key") {
		t.Errorf("stored %s", key.message.Data)
	}
	key.answer <- nil
	for _, id := range []string{"a", "b", "c"} {
		p.post(t.Context(), "requests", one(id))
	}
	await(p, 3)
	first[0].answer <- nil
	two := <-log.begun
	if two.message.Events != 2 {
		t.Errorf("%d events are stored together, and two fit a message", two.message.Events)
	}
	first[1].answer <- nil
	last := <-log.begun
	if last.message.Events != 1 {
		t.Errorf("%d events are stored in the end", last.message.Events)
	}
	two.answer <- &events.StoreError{Fault: events.FaultAway, Reason: "gone"}
	last.answer <- nil
	p.running.Wait()
	count := map[int]int{}
	for _, code := range p.codes {
		count[code]++
	}
	if count[http.StatusAccepted] != 4 || count[http.StatusServiceUnavailable] != 2 {
		t.Errorf("the answers are %v", p.codes)
	}
}

// TestGatherGone: a producer that hangs up while it waits does not keep others waiting, and its
// events do not stay in memory.
func TestGatherGone(t *testing.T) {
	p, log, first := gathering(t, 1<<20)
	gone, cancel := context.WithCancel(t.Context())
	p.post(gone, "requests", one("gone"))
	p.post(t.Context(), "requests", one("there"))
	await(p, 2)
	cancel()
	for code := 0; code == 0; runtime.Gosched() {
		p.mu.Lock()
		code = p.codes[one("gone")]
		p.mu.Unlock()
	}
	first[0].answer <- nil
	both := <-log.begun
	if both.message.Events != 1 {
		t.Errorf("%d events are stored", both.message.Events)
	}
	both.answer <- nil
	first[1].answer <- nil
	p.running.Wait()
	if p.codes[one("there")] != http.StatusAccepted {
		t.Errorf("the answers are %v", p.codes)
	}
}

// TestJoined: a record that is a list itself is not taken for several when it is read.
func TestJoined(t *testing.T) {
	for want, records := range map[string][][]byte{
		`{"a":1}`: {[]byte(`{"a":1}`)}, `[[1,2]]`: {[]byte(`[1,2]`)}, `[[1],2]`: {[]byte(`[1]`), []byte("2")},
	} {
		t.Run(want, func(t *testing.T) {
			got := ingest.Joined(records...)
			n := 0
			for _, data := range new(jsonevent.Decoder).Split(got) {
				if n >= len(records) || string(data) != string(records[n]) {
					t.Errorf("%s is read as %q", got, data)
				}
				n++
			}
			if string(got) != want || n != len(records) {
				t.Errorf("the message is %s, and is read as %d records", got, n)
			}
		})
	}
}
