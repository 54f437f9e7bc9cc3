package deadletter

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export"
)

// RetryHeader says in a message which dead letter it is.
const RetryHeader = "Labeljoin-Dead-Letter"

// batchSize is how many letters are published at a time: what is under way when the process
// is killed has to be looked for in the stream.
const batchSize = 500

// Retry publishes dead letters again.
type Retry struct {
	Config *config.Config
	Wanted Wanted
	DryRun bool
	JSON   bool
	Now    time.Time
	Out    io.Writer

	dial     func(ctx context.Context) (closer func() error, err error) // nil: connect
	office   *office
	ledger   *export.Retried
	log      appender
	last     func(ctx context.Context, stream string) (uint64, error)
	headers  func(ctx context.Context, stream string, after uint64) (map[string]bool, error)
	streamOf func(input, subject string) (stream string, ok bool)
	sum      retrySum
}

// appender is what stores messages.
type appender interface {
	Append(ctx context.Context, list []events.Outgoing) (copies int, err error)
}

// retrySum is what became of the letters.
type retrySum struct {
	Wanted    int            `json:"wanted"`
	Before    int            `json:"published_before"`
	Published map[string]int `json:"published"` // by what becomes of them: joins, correct, beyond
	Refused   map[string]int `json:"refused"`   // by the reason for which they cannot be read
	DryRun    bool           `json:"dry_run,omitempty"`
}

// Run publishes again what can be read now, each letter once, however often it is run and
// whenever it is killed.
func (r *Retry) Run(ctx context.Context) (err error) {
	r.sum = retrySum{Published: map[string]int{}, Refused: map[string]int{}, DryRun: r.DryRun}
	if r.office, err = open(ctx, r.Config, r.Now); err != nil {
		return err
	}
	r.ledger = export.OpenRetried(r.office.rows)
	if !r.DryRun {
		lock, err := r.ledger.Lock()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lock.Close()) }()
		if r.dial == nil {
			r.dial = r.connect
		}
		closer, err := r.dial(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closer()) }()
		if err := r.office.remember(); err != nil { // another process may have been at it until now
			return err
		}
		if err := r.settle(ctx); err != nil {
			return err
		}
	}
	if err := r.publishAll(ctx); err != nil {
		return err
	}
	return r.tell()
}

// connect connects to NATS, and finds the streams.
func (r *Retry) connect(ctx context.Context) (closer func() error, err error) {
	s, err := partition.ConnectReading(ctx, r.Config)
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, partition.AskTimeout)
	defer cancel()
	wanted, err := s.StreamInputs()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	logs, _, err := jetstream.Look(asking, s.Conn, wanted)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	a, err := jetstream.NewAppender(s.Conn, jetstream.AppenderOptions{})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	r.use(a, s.Conn, logs)
	return func() error { a.Close(); return s.Close() }, nil
}

// use takes what letters are published with.
func (r *Retry) use(a appender, nc *nats.Conn, logs []jetstream.Log) {
	r.log = a
	r.last = func(ctx context.Context, stream string) (uint64, error) { return jetstream.LastSeq(ctx, nc, stream) }
	r.headers = func(ctx context.Context, stream string, after uint64) (map[string]bool, error) {
		return jetstream.HeaderValues(ctx, nc, stream, after, RetryHeader)
	}
	r.streamOf = func(input, subject string) (string, bool) { return jetstream.StreamFor(logs, input, subject) }
}

// settle ends the batches that a process before began and did not end: the streams tell which
// of their letters they have, and the others are published.
func (r *Retry) settle(ctx context.Context) error {
	for _, b := range r.office.pending {
		there := map[string]bool{}
		for stream, after := range b.After {
			found, err := r.headers(ctx, stream, after)
			if err != nil {
				return err
			}
			maps.Copy(there, found)
		}
		var out []events.Outgoing
		for l, err := range r.office.archive.DeadLetters() {
			if err != nil {
				return err
			}
			if id := l.ID(); slices.Contains(b.Letters, id) && !there[id] {
				f := r.office.judge.of(l)
				if m, ok := r.message(l); ok && f.Fate != fateRefused {
					out = append(out, m)
					r.sum.Published[f.Fate]++
				}
			}
		}
		if _, err := r.log.Append(ctx, out); err != nil {
			return fmt.Errorf("publish the rest of batch %d: %w; run the command again", b.Number, err)
		}
		if err := r.ledger.End(b.Number); err != nil {
			return err
		}
	}
	return nil
}

// publishAll publishes what is wanted, can be read, and was not published before.
func (r *Retry) publishAll(ctx context.Context) error {
	var ids []string
	var out []events.Outgoing
	flush := func() error {
		if len(out) == 0 || r.DryRun {
			return nil
		}
		err := r.publish(ctx, ids, out)
		ids, out = nil, nil
		return err
	}
	seen := map[string]bool{}
	err := r.office.letters(r.Wanted, func(l *export.Letter) error {
		seen[l.Input] = true
		r.sum.Wanted++
		if r.office.retried[l.ID()] {
			r.sum.Before++
			return nil
		}
		f := r.office.judge.of(l)
		if f.Fate == fateRefused {
			r.sum.Refused[f.Reason]++
			return nil
		}
		r.sum.Published[f.Fate]++
		if r.DryRun {
			return nil
		}
		m, ok := r.message(l)
		if !ok {
			return fmt.Errorf("dead letter %s: no stream that is read holds subject %q of input %s, or it gets its messages from elsewhere",
				l.ID(), m.Subject, r.office.judge.nameOf(l))
		}
		ids, out = append(ids, l.ID()), append(out, m)
		if len(out) < batchSize {
			return nil
		}
		return flush()
	})
	return cmp.Or(err, flush(), r.office.known(r.Wanted, seen))
}

// publish publishes a batch, which is written down before and after.
func (r *Retry) publish(ctx context.Context, ids []string, out []events.Outgoing) error {
	b := export.RetryBatch{Letters: ids, After: map[string]uint64{}}
	for i := range out {
		if _, known := b.After[out[i].Stream]; known {
			continue
		}
		last, err := r.last(ctx, out[i].Stream)
		if err != nil {
			return err
		}
		b.After[out[i].Stream] = last
	}
	if err := r.ledger.Begin(&b); err != nil {
		return err
	}
	if _, err := r.log.Append(ctx, out); err != nil {
		return fmt.Errorf("publish dead letters again: %w; run the command again, and each is published once", err)
	}
	return r.ledger.End(b.Number)
}

// message makes a message of a letter; ok is false if no stream takes it.
func (r *Retry) message(l *export.Letter) (m events.Outgoing, ok bool) {
	input := r.office.judge.input(l)
	if input < 0 {
		return m, false
	}
	in := &r.Config.Inputs.List[input]
	m = events.Outgoing{Subject: l.Subject, ID: "dead-letter-" + r.Config.Name + "-" + l.ID(), Data: l.Data, Events: 1,
		Header: map[string][]string{RetryHeader: {l.ID()}}}
	for name, values := range headerOf(l) {
		if name != nats.MsgIdHdr && name != nats.ExpectedStreamHdr {
			m.Header[name] = values
		}
	}
	if m.Subject == "" {
		m.Subject = (&config.Ingest{}).SubjectOf(in)
	}
	m.Stream, ok = r.streamOf(in.Name, m.Subject)
	return m, ok
}

// tell says what became of the letters.
func (r *Retry) tell() error {
	if r.JSON {
		return json.NewEncoder(r.Out).Encode(r.sum)
	}
	out := &terminal.LineWriter{To: r.Out}
	published := "published again"
	if r.DryRun {
		published = "would be published again"
	}
	total := 0
	for _, n := range r.sum.Published {
		total += n
	}
	out.Line("%d of %d dead letters %s; %d had been before", total, r.sum.Wanted, published, r.sum.Before)
	for _, fate := range []struct{ name, text string }{
		{fateJoins, "come in time"},
		{fateCorrect, "come late: rows that they change are written again"},
		{fateBeyond, "are beyond corrections: no row of this output changes, and only a replay of the stream can use them"},
	} {
		if n := r.sum.Published[fate.name]; n > 0 {
			out.Line("  %d %s", n, fate.text)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(r.sum.Refused)) {
		out.Line("  %d cannot be read still: %s", r.sum.Refused[reason], reason)
	}
	return out.Err
}
