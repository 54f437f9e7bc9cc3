package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// latencyConfig has windows of seconds. An outcome comes latencyDelay after its
// request.
const latencyConfig = `name: latency
nats: {embedded: true, port: 0}
inputs:
  requests: {subject: "bench.requests"}
  outcomes: {subject: "bench.outcomes"}
join: {window: 3s, lateness: 500ms, corrections: 3s}
labels:
  clicked: {when: 'type == "click"'}
output: {roll: {interval: %dms}}
publish: {subject: "bench.labels"}
guard: {enabled: false}   # the traffic ends by itself, and that is no outage
log: {level: warn}
`

const latencyDelay = time.Second

// quantiles are of durations, in milliseconds.
type quantiles struct {
	Count         int     `json:"count"`
	P50, P99, Max float64 // not omitted when 0
}

func quantilesOf(list []time.Duration) quantiles {
	if len(list) == 0 {
		return quantiles{}
	}
	slices.Sort(list)
	at := func(q float64) float64 {
		return float64(list[min(len(list)-1, int(q*float64(len(list))))].Microseconds()) / 1000
	}
	return quantiles{Count: len(list), P50: at(0.5), P99: at(0.99), Max: at(1)}
}

// latencyResult is what bench latency prints.
type latencyResult struct {
	Rate     int       `json:"requests_per_s"`
	Label    quantiles `json:"publish_to_positive_label_ms"`
	Commit   quantiles `json:"close_to_committed_row_ms"`
	RollMS   int64     `json:"roll_interval_ms"`
	CPUShare float64   `json:"cpu_cores"` // of the whole process: server, publisher and subscriber included
}

func (r *latencyResult) Lines() []string {
	row := func(name string, q quantiles) string {
		return fmt.Sprintf("%-30s p50 %7.1f ms   p99 %7.1f ms   max %7.1f ms   of %d", name, q.P50, q.P99, q.Max, q.Count)
	}
	return []string{
		fmt.Sprintf("at %d requests/s, from when each event was due to be published:", r.Rate),
		row("outcome to positive label", r.Label),
		row("close to committed row", r.Commit) + fmt.Sprintf(" (files are finished every %d ms)", r.RollMS),
		fmt.Sprintf("%.2f cores busy, server, publisher and subscriber included", r.CPUShare),
	}
}

// Latency measures how long a label and a row take at a steady rate.
type Latency struct {
	Rate     int
	Outcomes float64
	Duration time.Duration
	Roll     time.Duration
	Dir      string
	Talk     io.Writer
	Profile  string

	begin time.Time

	mu      sync.Mutex
	labels  []time.Duration
	commits []time.Duration
	closed  events.Time // through which commits hold what closed
}

// Run publishes, joins and measures.
func (b *Latency) Run(ctx context.Context) (result *latencyResult, err error) {
	clean, err := workDir(&b.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clean()) }()
	path := filepath.Join(b.Dir, "labeljoin.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, latencyConfig, b.Roll.Milliseconds()), 0o600); err != nil {
		return nil, err
	}
	cfg, err := partition.LoadConfig(path)
	if err != nil {
		return nil, err
	}
	s := partition.Service{Config: cfg, Log: terminal.NewLog(cfg.Log, b.Talk), Ephemeral: true}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Connect(ctx); err != nil {
		return nil, err
	}
	if _, err := s.Inputs(ctx); err != nil { // creates the streams
		return nil, err
	}
	subscribed, err := s.Conn.Subscribe("bench.labels", b.label)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(subscribed.SetPendingLimits(-1, -1), s.Conn.Flush()); err != nil {
		return nil, err
	}
	s.OnCommit = b.committed
	return b.measure(ctx, &s)
}

// measure joins while it publishes, and until what was published has closed.
func (b *Latency) measure(ctx context.Context, s *partition.Service) (*latencyResult, error) {
	joining, stop := context.WithCancel(ctx)
	defer stop()
	joined := make(chan error, 1)
	go func() { joined <- s.Join(joining) }() // waited for below
	b.begin = time.Now().Add(time.Second)
	b.closed = events.At(b.begin)
	before, err := measure()
	if err != nil {
		return nil, err
	}
	profiled, err := StartProfile(b.Profile)
	if err != nil {
		return nil, err
	}
	published := b.publish(ctx, s)
	err = errors.Join(published, profiled())
	after, failed := measure()
	// The last requests close when the log is proven to be read beyond them.
	time.Sleep(s.Config.Longest() + s.Config.Join.Lateness.Std() + 2*time.Second + b.Roll)
	stop()
	if err := errors.Join(err, failed, <-joined); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	result := &latencyResult{
		Rate: b.Rate, Label: quantilesOf(b.labels), Commit: quantilesOf(b.commits), RollMS: b.Roll.Milliseconds(),
		CPUShare: float64(after.cpu-before.cpu) / float64(after.at.Sub(before.at)),
	}
	if want := int(b.Outcomes * float64(b.requests())); result.Label.Count < want-1 {
		return nil, fmt.Errorf("only %d of %d positive labels came", result.Label.Count, want)
	}
	return result, nil
}

// requests is how many there are in all.
func (b *Latency) requests() int { return int(b.Duration.Seconds() * float64(b.Rate)) }

// due is when the n-th request is to be published, whatever became of those
// before it.
func (b *Latency) due(n int) time.Time {
	return b.begin.Add(time.Duration(n) * time.Second / time.Duration(b.Rate))
}

// publish publishes every event as soon as it is due, and never waits for
// anything else: where the server or the publisher falls behind, the events that
// should have gone out meanwhile count from when they were due.
func (b *Latency) publish(ctx context.Context, s *partition.Service) error {
	js, err := natsjs.New(s.Conn, natsjs.WithPublishAsyncMaxPending(1<<20))
	if err != nil {
		return err
	}
	send := func(subject string, data []byte) error {
		_, err := js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: data})
		return err
	}
	g := generator{rand: rand.New(rand.NewPCG(7, 7)), begin: b.begin}
	requests, outcomes, share := 0, 0, 0.0
	for outcomes < b.requests() {
		now := time.Now()
		for ; requests < b.requests() && !b.due(requests).After(now); requests++ {
			if err := send("bench.requests", g.body(latencyID(requests), b.due(requests))); err != nil {
				return err
			}
		}
		for ; outcomes < requests && !b.due(outcomes).Add(latencyDelay).After(now); outcomes++ {
			if share += b.Outcomes; share < 1 {
				continue
			}
			share--
			if err := send("bench.outcomes", g.click(latencyID(outcomes), outcomes,
				b.due(outcomes).Add(latencyDelay))); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// latencyID is an id from which n can be read.
func latencyID(n int) string { return fmt.Sprintf("%036d", n) }

// label takes the time of a label message.
func (b *Latency) label(m *nats.Msg) {
	now := time.Now()
	if !bytes.Contains(m.Data, []byte(`"phase":"early"`)) {
		return
	}
	var label struct {
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(m.Data, &label); err != nil {
		return // counted as missing
	}
	n, err := strconv.Atoi(label.RequestID)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.labels = append(b.labels, now.Sub(b.due(n).Add(latencyDelay)))
}

// committed takes the times of the rows of a commit. A request closes when the
// clock of events passes its window and the lateness, at the earliest.
func (b *Latency) committed(s engine.Stats) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	const window, lateness = 3 * time.Second, 500 * time.Millisecond
	first, last := b.index(b.closed), min(b.index(s.Committed), b.requests())
	for n := first; n < last; n++ {
		b.commits = append(b.commits, now.Sub(b.due(n).Add(window+lateness)))
	}
	b.closed = max(b.closed, s.Committed)
}

// index is the number of the first request stamped at t or later.
func (b *Latency) index(t events.Time) int {
	since := t.Std().Sub(b.begin)
	if since <= 0 {
		return 0
	}
	return int(since.Seconds() * float64(b.Rate))
}
