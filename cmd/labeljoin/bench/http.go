package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// httpConfig is a whole service: the embedded server, which acknowledges what it has synced to
// disk, events by HTTP, and the join of them.
const httpConfig = `name: http
nats: {embedded: true, port: 0}
join: {window: 10s, lateness: 1s, corrections: 10s}
labels: {clicked: 'type == "click"'}
guard: {enabled: false}   # there are no outcomes, and that is no outage
http: {ingest: {listen: "127.0.0.1:0"}}
log: {level: warn}
`

// restBetween the parts is longer than httpConfig's window and lateness: else the requests of the
// first part would close during the second, a hundred times as many as are sent then.
const restBetween = 15 * time.Second

// HTTP measures what taking events by HTTP costs, and how long an answer takes.
type HTTP struct {
	Events   int // in all of the first part, which sends as fast as it is answered
	Batch    int // events of a request
	Senders  int // connections of the first part
	Rate     int // events a second in the second part, which sends when each is due
	Duration time.Duration
	Cores    int // that Go uses, sender and server together; 0: all
	Dir      string
	Talk     io.Writer
	Profile  string

	url     string
	refused atomic.Int64
}

// httpResult is what bench http prints.
type httpResult struct {
	Events  int       `json:"events"`
	Batch   int       `json:"batch"`
	Cores   int       `json:"cores"`
	PerS    float64   `json:"events_per_s"`
	CPU     float64   `json:"cpu_us_per_event"` // of the process: sender, server, broker and join
	Closed  quantiles `json:"closed_ms"`
	Rate    int       `json:"open_rate"`
	Open    quantiles `json:"open_ms"` // from when a request was due
	Refused int64     `json:"not_accepted"`
}

func (r *httpResult) Lines() []string {
	row := func(name string, q quantiles) string {
		return fmt.Sprintf("%-36s p50 %7.1f ms   p99 %7.1f ms   max %7.1f ms   of %d", name, q.P50, q.P99, q.Max, q.Count)
	}
	return []string{
		fmt.Sprintf("%d events of 709 bytes, %d to a request, on %d cores: %.0f events/s", r.Events, r.Batch, r.Cores,
			r.PerS),
		fmt.Sprintf("%.1f µs of CPU an event: sender, server, broker (synced to disk) and join; a core has room for %.0f events/s", r.CPU,
			1e6/r.CPU),
		row("answer, sending as fast as it comes", r.Closed),
		row(fmt.Sprintf("answer at %d events/s, since it was due", r.Rate), r.Open),
		fmt.Sprintf("%d requests were not answered with 202", r.Refused),
	}
}

// Run measures.
func (b *HTTP) Run(ctx context.Context) (result *httpResult, err error) {
	clean, err := workDir(&b.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clean()) }()
	if b.Cores > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(b.Cores))
	}
	path := filepath.Join(b.Dir, "labeljoin.yaml")
	if err := os.WriteFile(path, []byte(httpConfig), 0o600); err != nil {
		return nil, err
	}
	cfg, err := partition.LoadConfig(path)
	if err != nil {
		return nil, err
	}
	s := partition.Service{Config: cfg, Log: terminal.NewLog(cfg.Log, b.Talk)}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Connect(ctx); err != nil {
		return nil, err
	}
	joining, stop := context.WithCancel(ctx)
	joined := make(chan error, 1)
	go func() { joined <- s.Join(joining) }() // waited for below
	defer func() { stop(); err = errors.Join(err, <-joined) }()
	for s.IngestAddress() == "" { // until it listens
		if err := pauseFor(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
	b.url = "http://" + s.IngestAddress() + "/v1/events/requests"
	return b.measure(ctx)
}

func (b *HTTP) measure(ctx context.Context) (*httpResult, error) {
	result := &httpResult{Events: b.Events, Batch: b.Batch, Cores: runtime.GOMAXPROCS(0), Rate: b.Rate}
	g := generator{rand: rand.New(rand.NewPCG(9, 9)), begin: time.Now()}
	bodies := make([][]byte, b.Events/b.Batch)
	next := 0
	for i := range bodies {
		bodies[i] = b.body(&g, &next)
	}
	if err := b.send(ctx, b.body(&g, &next)); err != nil { // the broker has answered once
		return nil, err
	}
	stopProfile, err := StartProfile(b.Profile)
	if err != nil {
		return nil, err
	}
	before, err := measure()
	if err != nil {
		return nil, err
	}
	took, err := b.closed(ctx, bodies)
	after, failed := measure()
	if err := errors.Join(err, failed, stopProfile()); err != nil {
		return nil, err
	}
	result.PerS = float64(len(bodies)*b.Batch) / after.at.Sub(before.at).Seconds()
	result.CPU = float64((after.cpu - before.cpu).Nanoseconds()) / 1e3 / float64(len(bodies)*b.Batch)
	result.Closed = quantilesOf(took)
	if err := pauseFor(ctx, restBetween); err != nil {
		return nil, err
	}
	if took, err = b.open(ctx, &g, &next); err != nil {
		return nil, err
	}
	result.Open, result.Refused = quantilesOf(took), b.refused.Load()
	return result, nil
}

// body is the body of a request, with events of now.
func (b *HTTP) body(g *generator, next *int) []byte {
	var to bytes.Buffer
	for range b.Batch {
		to.Write(g.body(requestID(*next), time.Now()))
		to.WriteByte('\n')
		*next++
	}
	return to.Bytes()
}

// send posts a body.
func (b *HTTP) send(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusAccepted {
		b.refused.Add(1)
	}
	return errors.Join(err, answer.Body.Close())
}

// closed sends bodies over some connections, each the next one when the last is answered.
func (b *HTTP) closed(ctx context.Context, bodies [][]byte) ([]time.Duration, error) {
	took := make([]time.Duration, len(bodies))
	var at atomic.Int64
	return took, inParallel(b.Senders, func() error {
		for {
			i := int(at.Add(1)) - 1
			if i >= len(bodies) {
				return nil
			}
			began := time.Now()
			if err := b.send(ctx, bodies[i]); err != nil {
				return err
			}
			took[i] = time.Since(began)
		}
	})
}

// open sends a body whenever one is due, however long those before it take.
func (b *HTTP) open(ctx context.Context, g *generator, next *int) ([]time.Duration, error) {
	n := int(b.Duration.Seconds() * float64(b.Rate) / float64(b.Batch))
	took := make([]time.Duration, n)
	failed := make([]error, n)
	var sending sync.WaitGroup
	begin := time.Now()
	for i := range n {
		body := b.body(g, next)
		due := begin.Add(time.Duration(i) * time.Second * time.Duration(b.Batch) / time.Duration(b.Rate))
		if err := pauseFor(ctx, time.Until(due)); err != nil {
			return nil, err
		}
		sending.Go(func() {
			failed[i] = b.send(ctx, body)
			took[i] = time.Since(due)
		})
	}
	sending.Wait()
	return took, errors.Join(failed...)
}

// inParallel runs a function so many times side by side.
func inParallel(n int, do func() error) error {
	failed := make([]error, n)
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() { failed[i] = do() })
	}
	running.Wait()
	return errors.Join(failed...)
}

// pauseFor waits, unless ctx ends.
func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
