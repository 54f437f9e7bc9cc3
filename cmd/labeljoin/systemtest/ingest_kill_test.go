package systemtest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var httpKillsFlag = flag.Int("httpkills", 4, "how often TestBinary/KilledOverHTTP kills the service; 200 are what a release is tried with")

// httpKillConfig is a whole service, broker and HTTP included, with windows of a second. It
// remembers long enough that a slow machine makes no event too late.
const httpKillConfig = `name: feed
nats: {embedded: true, port: 0}
join: {window: 1s, lateness: 200ms, corrections: 10m}
labels: {clicked: 'type == "click"'}
guard: {enabled: false}
output: {roll: {interval: 100ms}}
http: {listen: "127.0.0.1:0", ingest: {listen: "127.0.0.1:0"}}
log: {format: json}
`

// testKilledOverHTTP kills a whole service again and again while producers send by HTTP and
// send again what was not acknowledged. Every acknowledged event must be in the rows, once.
// To kill more often:
//
//	go test ./cmd/labeljoin/systemtest -run TestBinary/KilledOverHTTP -httpkills 200 -timeout 1h -v
func testKilledOverHTTP(t *testing.T, b *rig) {
	config := b.path("labeljoin.yaml")
	if err := os.WriteFile(config, []byte(httpKillConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	p := &httpProducers{t: t, acknowledged: map[string]bool{}}
	ctx, quiet := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	for n := range 3 {
		sending.Go(func() { p.send(ctx, n) })
	}
	for range *httpKillsFlag {
		c := b.start("run", "--config", config)
		p.find(c)
		before := p.count()
		c.until("some events are acknowledged", func() bool { return p.count() > before+20 })
		time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
		c.kill()
	}
	c := b.start("run", "--config", config)
	p.find(c)
	quiet()
	sending.Wait()
	c.joins()
	c.until("all requests are closed", func() bool {
		s, ok := c.status()
		behind := int64(0)
		for _, in := range s.Inputs {
			if in.Behind == nil {
				return false
			}
			behind += *in.Behind
		}
		return ok && behind == 0 && s.Events["request"].Pending == 0 && s.Events["request"].Read > 0
	})
	c.stop()
	rows := map[string][][]string{}
	for _, all := range b.revisions("labeled", []string{"request_id", "item_id", "revision", "request_ts", "clicked"}) {
		rows[all[0][0]] = append(rows[all[0][0]], all...)
	}
	for id, clicked := range p.acknowledged {
		all := rows[id]
		if want := map[bool]string{true: "1", false: "0"}[clicked]; len(all) == 0 || all[len(all)-1][4] != want {
			t.Errorf("request %s, clicked %v, has the rows %v (the seed of the kills is %d)", id, clicked, all, seed)
		}
	}
	t.Logf("%d kills, %d requests, %d posts were sent again", *httpKillsFlag, len(p.acknowledged), p.again.Load())
}

// httpProducers send requests and clicks, and send again what was not acknowledged.
type httpProducers struct {
	t     *testing.T
	url   atomic.Pointer[string] // nil: not known
	again atomic.Int64

	mu           sync.Mutex
	acknowledged map[string]bool // requests, and whether their click is too
}

// find learns from a child's log where it takes events.
func (p *httpProducers) find(c *child) {
	c.until("it takes events", func() bool {
		for line := range strings.Lines(c.log.text()) {
			var said struct{ Msg, URL string }
			if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "taking events by http" {
				p.url.Store(&said.URL)
				return true
			}
		}
		return false
	})
}

func (p *httpProducers) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acknowledged)
}

// send sends requests, and a click of each second one, until ctx ends and all of the last
// ones are acknowledged.
func (p *httpProducers) send(ctx context.Context, producer int) {
	for n := 0; ctx.Err() == nil; n++ {
		var ids, requests, clicks []string
		for i := range 1 + n%5 {
			id := fmt.Sprintf("r-%d-%d-%d", producer, n, i)
			now := time.Now().UnixMilli()
			ids = append(ids, id)
			requests = append(requests, fmt.Sprintf(`{"request_id":%q,"ts":%d}`, id, now))
			if i%2 == 0 {
				clicks = append(clicks, fmt.Sprintf(`{"request_id":%q,"ts":%d,"type":"click"}`, id, now+1))
			}
		}
		p.post("requests", strings.Join(requests, "\n"))
		p.post("outcomes", "["+strings.Join(clicks, ",")+"]")
		p.mu.Lock()
		for i, id := range ids {
			p.acknowledged[id] = i%2 == 0
		}
		p.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// post posts a body until it is acknowledged.
func (p *httpProducers) post(input, body string) {
	for p.t.Context().Err() == nil {
		if url := p.url.Load(); url != nil {
			answer, err := http.Post(*url+input, "application/json", strings.NewReader(body))
			if err == nil {
				_, err = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
			if err == nil && answer.StatusCode == http.StatusAccepted {
				return
			}
			if err == nil && answer.StatusCode != http.StatusServiceUnavailable && answer.StatusCode != http.StatusTooManyRequests {
				p.t.Errorf("answered %s", answer.Status)
				return
			}
		}
		p.again.Add(1)
		time.Sleep(5 * time.Millisecond)
	}
}
