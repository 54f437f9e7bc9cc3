package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// liveResult is what bench live prints.
type liveResult struct {
	Events   int64 `json:"events"`
	Messages int64 `json:"messages"`
	// events a second, of an ordered consumer that does nothing with them, before and after joining
	RawPerS        float64 `json:"raw_read_per_s"`
	EndToEndPerS   float64 `json:"end_to_end_per_s"` // events a second, until the last row is committed
	Ratio          float64 `json:"ratio"`
	RawCPUMicros   float64 `json:"raw_cpu_us_per_event"` // of the whole process, the server in it
	CPUMicros      float64 `json:"cpu_us_per_event"`     // the same, end to end
	PeakBytes      int64   `json:"peak_rss_bytes"`       // while joining, the server included
	WrittenPerItem float64 `json:"written_bytes_per_event"`
	Allocations    float64 `json:"allocations_per_event"` // the server's and the client's included
	AllocatedBytes float64 `json:"allocated_bytes_per_event"`
	Rows           int64   `json:"rows"`
	Commits        uint64  `json:"commits"`
}

func (r *liveResult) Lines() []string {
	return []string{
		fmt.Sprintf("raw ordered read      %9.0f events/s", r.RawPerS),
		fmt.Sprintf("end to end            %9.0f events/s (read, state, join, committed Parquet)", r.EndToEndPerS),
		fmt.Sprintf("ratio                 %9.2f", r.Ratio),
		fmt.Sprintf("CPU                   %9.1f us an event, server included (reading alone %.1f)", r.CPUMicros,
			r.RawCPUMicros),
		fmt.Sprintf("allocated             %9.0f bytes in %.1f pieces an event, server included", r.AllocatedBytes,
			r.Allocations),
		fmt.Sprintf("written               %9.0f bytes an event", r.WrittenPerItem),
		fmt.Sprintf("peak memory           %9.0f MiB, server included", float64(r.PeakBytes)/(1<<20)),
		fmt.Sprintf("%d events in %d messages, %d rows in %d commits", r.Events, r.Messages, r.Rows, r.Commits),
	}
}

// benchConfig joins with a window that holds 200,000 requests, or a fifth of a
// smaller backlog: what is pending when the log ends is joined without reading.
const benchConfig = `name: bench
nats: {embedded: true, port: 0}
inputs:
  requests: {subject: "bench.requests"}
  outcomes: {subject: "bench.outcomes"}
join: {window: %[1]dms, lateness: 1s, corrections: %[1]dms}
labels:
  clicked: {when: 'type == "click"'}
output: {roll: {interval: 2s}}
log: {level: warn}
`

// Live measures how fast a backlog is joined, compared with reading it.
type Live struct {
	Requests   int
	Outcomes   float64
	PerMessage int
	Dir        string
	Talk       io.Writer
	Profile    string
	// NoStatistics writes rows that nothing counts.
	NoStatistics bool
}

// Run publishes the backlog, reads it, and joins it.
func (b *Live) Run(ctx context.Context) (result *liveResult, err error) {
	clean, err := workDir(&b.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clean()) }()
	span, window := backlogTimes(b.Requests)
	path := filepath.Join(b.Dir, "labeljoin.yaml")
	config := fmt.Appendf(nil, benchConfig, window.Milliseconds())
	if b.NoStatistics {
		config = append(config, "monitor: {labels: false, features: false}\n"...)
	}
	if err := os.WriteFile(path, config, 0o600); err != nil {
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
	// The newest request closes as soon as the log is known to be read.
	begin := time.Now().Add(-span - 5*window - 5*time.Second) // the guard waits four windows for evidence
	result = &liveResult{}
	if err := b.publish(ctx, &s, begin, window, result, false); err != nil {
		return nil, err
	}
	// The machine's speed drifts by more than what is to be measured, so reading is
	// timed on both sides of joining; before, the better of two counts, so that what joining
	// is compared with is rather too fast than too slow.
	before, err := b.readRaw(ctx, &s, 2)
	if err != nil {
		return nil, err
	}
	if err := b.joinAll(ctx, &s, result); err != nil {
		return nil, err
	}
	after, err := b.readRaw(ctx, &s, 1)
	if err != nil {
		return nil, err
	}
	n := float64(result.Events)
	result.RawPerS = 2 * n / (before.took + after.took).Seconds()
	result.RawCPUMicros = float64((before.cpu + after.cpu).Microseconds()) / (2 * n)
	result.Ratio = math.Round(1000*result.EndToEndPerS/result.RawPerS) / 1000
	return result, nil
}

// publish publishes the backlog: requests in order of time, and the outcomes in
// order of theirs; unnamed says that they are also published without their requests.
func (b *Live) publish(ctx context.Context, s *partition.Service, begin time.Time, window time.Duration,
	result *liveResult, unnamed bool) error {
	if _, err := s.Inputs(ctx); err != nil { // creates the streams
		return err
	}
	js, err := natsjs.New(s.Conn, natsjs.WithPublishAsyncMaxPending(8192))
	if err != nil {
		return err
	}
	fmt.Fprintf(b.Talk, "publishing %d requests\n", b.Requests)
	requests := publisher{js: js, subject: "bench.requests", per: b.PerMessage, result: result}
	outcomes := publisher{js: js, subject: "bench.outcomes", per: b.PerMessage, result: result}
	publishers := []*publisher{&requests, &outcomes}
	var addUnnamed func([]byte) error
	if unnamed {
		// They are no more events of a join: it reads one of the two.
		p := publisher{js: js, subject: unnamedSubject, per: b.PerMessage, result: &liveResult{}}
		publishers, addUnnamed = append(publishers, &p), p.Add
	}
	if err := eachEvent(b.Requests, b.Outcomes, begin, window, requests.Add, outcomes.Add, addUnnamed); err != nil {
		return err
	}
	// The events are of the past, and only what bears out the broker's time lets the
	// newest of them close at once.
	for _, p := range publishers {
		if err := p.flush(); err != nil {
			return err
		}
		if _, err := js.PublishAsync(p.subject, fmt.Appendf(nil, `{"heartbeat":%d}`, time.Now().UnixMilli()),
			natsjs.WithStallWait(time.Minute)); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rawRead is what reading both streams cost.
type rawRead struct{ took, cpu time.Duration }

// readRaw reads both streams with ordered consumers that count, as fast as the
// client can: some times, and the fastest counts.
func (b *Live) readRaw(ctx context.Context, s *partition.Service, times int) (fastest rawRead, err error) {
	js, err := natsjs.New(s.Conn)
	if err != nil {
		return fastest, err
	}
	for range times {
		runtime.GC() // what was done before is not reading's
		before, err := measure()
		if err != nil {
			return fastest, err
		}
		if err := b.readBoth(ctx, js); err != nil {
			return fastest, err
		}
		after, err := measure()
		if err != nil {
			return fastest, err
		}
		if r := (rawRead{after.at.Sub(before.at), after.cpu - before.cpu}); fastest.took == 0 || r.took < fastest.took {
			fastest = r
		}
	}
	return fastest, nil
}

func (b *Live) readBoth(ctx context.Context, js natsjs.JetStream) error {
	for _, subject := range []string{"bench.requests", "bench.outcomes"} {
		name, err := js.StreamNameBySubject(ctx, subject)
		if err != nil {
			return err
		}
		if err := drainStream(ctx, js, name); err != nil {
			return err
		}
	}
	return nil
}

func drainStream(ctx context.Context, js natsjs.JetStream, name string) error {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return err
	}
	last := stream.CachedInfo().State.LastSeq
	if last == 0 {
		return nil
	}
	consumer, err := js.OrderedConsumer(ctx, name, natsjs.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	done := make(chan struct{})
	reading, err := consumer.Consume(func(m natsjs.Msg) {
		if meta, err := m.Metadata(); err == nil && meta.Sequence.Stream == last {
			close(done)
		}
	}, natsjs.PullMaxBytes(16<<20)) // as much as the joiner asks for
	if err != nil {
		return err
	}
	defer reading.Stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// joinAll joins the backlog until the books say that every request was written.
func (b *Live) joinAll(ctx context.Context, s *partition.Service, result *liveResult) (err error) {
	profiled, err := StartProfile(b.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, profiled()) }()
	runtime.GC()
	var peak peakRSS
	peak.Watch()
	before, err := measure()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var last engine.Stats
	var after usage
	s.OnCommit = func(now engine.Stats) {
		l := &now.Progress.Ledger
		requests, outcomes := &l.Kinds[events.KindRequest], &l.Kinds[events.KindOutcome]
		if requests.Read+outcomes.Read == result.Events && requests.Pending == 0 {
			last = now
			after, err = measure()
			stop()
		}
	}
	err = errors.Join(s.Join(ctx), err)
	most := peak.stop()
	if err != nil {
		return err
	}
	if last.Progress.Commit == 0 {
		return errors.New("stopped before the backlog was joined")
	}
	l := &last.Progress.Ledger
	outcomes := &l.Kinds[events.KindOutcome]
	if joined := outcomes.Disposed[joiner.DispositionJoined]; joined != outcomes.Read {
		return fmt.Errorf("only %d of %d outcomes were joined: the benchmark measured something else", joined,
			l.Kinds[events.KindOutcome].Read)
	}
	n := float64(result.Events)
	result.EndToEndPerS = n / after.at.Sub(before.at).Seconds()
	result.CPUMicros = float64((after.cpu - before.cpu).Microseconds()) / n
	result.WrittenPerItem = float64(after.written-before.written) / n
	result.Allocations = float64(after.pieces-before.pieces) / n
	result.AllocatedBytes = float64(after.allocated-before.allocated) / n
	result.PeakBytes, result.Rows, result.Commits = most, l.Rows, last.Progress.Commit
	return nil
}

// publisher publishes events, several to a message.
type publisher struct {
	js      natsjs.JetStream
	subject string
	per     int
	batch   []byte
	held    int
	result  *liveResult
}

func (p *publisher) Add(event []byte) error {
	p.batch = append(append(p.batch, event...), '\n')
	p.result.Events++
	if p.held++; p.held < p.per {
		return nil
	}
	return p.flush()
}

func (p *publisher) flush() error {
	if p.held == 0 {
		return nil
	}
	p.result.Messages++
	_, err := p.js.PublishMsgAsync(&nats.Msg{Subject: p.subject, Data: p.batch}, natsjs.WithStallWait(time.Minute))
	p.batch, p.held = nil, 0
	return err
}
