package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// deep replays the log that an output's commits have read and compares every
// row's labels.
type deep struct {
	cfg     *config.Config
	archive *export.Archive
	scratch string // a directory for the replay; it is removed
	talk    io.Writer

	began events.Time // requests from here on can be compared
}

// deepVerdict is what verify --deep says beside the verdict on the files.
type deepVerdict struct {
	From string `json:"from"` // requests stamped from here on are compared
	To   string `json:"to"`   // and before this: those had closed
	export.Comparison
	// Late and Expired are how many events came too late to count, which a replay
	// cannot know: that many requests may differ, and be right.
	Late    int64 `json:"late"`
	Expired int64 `json:"expired"`
}

// sound reports whether nothing is wrong, as far as that can be told.
func (v *deepVerdict) sound() bool {
	return v.Differ+v.Missing+v.Extra <= v.Late+v.Expired
}

func (d *deep) verify(ctx context.Context) (*deepVerdict, error) {
	last, ok, err := d.archive.Last()
	if err != nil || !ok {
		return &deepVerdict{Comparison: export.Comparison{Examples: []string{}}}, err
	}
	if err := d.replay(ctx, &last.Cut); err != nil {
		return nil, fmt.Errorf("reading the log again: %w", err)
	}
	replayed, err := export.OpenArchive(vfs.Default, filepath.Join(d.scratch, "rows"), partition)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(d.cfg.Labels))
	for i := range names {
		names[i] = d.cfg.Labels[i].Name
	}
	to := last.Cut.Progress.ClosedThrough
	l := &last.Cut.Progress.Ledger
	v := &deepVerdict{
		From: d.began.String(), To: to.String(),
		Late:    l.Kinds[events.KindOutcome].Disposed[joiner.Late],
		Expired: l.Kinds[events.KindRequest].Disposed[joiner.Expired],
	}
	v.Comparison, err = d.archive.Compare(ctx, replayed, export.CompareOptions{
		Labels: names, From: d.began, To: micro(to), RulesHash: d.cfg.Fingerprint(),
	})
	return v, err
}

// micro is the start of a time's microsecond, which is what files have.
func micro(t events.Time) events.Time { return t - t%1000 }

// replay joins what the commits have read, into the scratch directory.
func (d *deep) replay(ctx context.Context, cut *joiner.Cut) (err error) {
	rules, err := wire.Rules(d.cfg)
	if err != nil {
		return err
	}
	rules.Gaps = cut.Progress.Gaps
	s, err := d.connect(ctx)
	if err != nil {
		return err
	}
	quiet := s.log
	s.gaps = cut.Progress.Gaps
	defer func() { err = errors.Join(err, s.close()) }()
	inputs, err := s.inputs(ctx)
	if err != nil {
		return err
	}
	from, err := d.beginning(inputs)
	if err != nil {
		return err
	}
	if s.place, err = openPlace(vfs.Default, d.cfg, &rules, filepath.Join(d.scratch, "state"), filepath.Join(d.scratch, "rows"), quiet); err != nil {
		return err
	}
	o, err := engineOptions(d.cfg, rules, s.place, quiet)
	if err != nil {
		return err
	}
	o.Replay = &engine.Replay{Complete: true}
	for i := range inputs {
		until, open := cut.Progress.Inputs[i], inputs[i].Open
		if until.Input != inputs[i].Name || until.Created != inputs[i].Created {
			return fmt.Errorf("stream %q is not the one that was read: it was created at %s, the other at %s", inputs[i].Name, inputs[i].Created, until.Created)
		}
		inputs[i].First = from[i].Next
		inputs[i].Open = func(ctx context.Context, at joiner.Position) (engine.Source, error) {
			source, err := open(ctx, at)
			return &bounded{Source: source, until: until, decoders: &o.Decoders, ended: at.Next >= until.Next && until.Skip == 0}, err
		}
	}
	o.Inputs = inputs
	e := engine.New(o)
	stop := d.watch(e, cut)
	defer stop()
	if err := e.Run(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// connect connects to the log and changes nothing of it. An embedded server is
// started if no joiner runs that has it.
func (d *deep) connect(ctx context.Context) (*service, error) {
	reading := *d.cfg
	reading.Inputs.Create = false
	s := &service{cfg: &reading, log: slog.New(slog.DiscardHandler)}
	options, err := connOptions(&reading, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if reading.NATS.Embedded {
		if err := ownedByOther(reading.State.Dir); err != nil {
			return nil, err
		}
		if s.server, err = startServer(ctx, &reading, true, s.log); err == nil {
			options.InProcess = s.server
		} else {
			running, readErr := readEmbeddedURL(reading.State.Dir)
			if readErr != nil {
				return nil, errors.Join(err, readErr)
			}
			options.URL = running.String()
		}
	}
	if s.nc, err = jetstream.Connect(options, s.log); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// beginning is the first commit from which on the streams still hold what was
// read. Requests that may have events before it cannot be compared.
func (d *deep) beginning(inputs []engine.Input) ([]joiner.Position, error) {
	before := events.MinTime
	for c, err := range d.archive.Commits() {
		if err != nil {
			return nil, err
		}
		if len(c.Cut.From) != len(inputs) {
			return nil, fmt.Errorf("commit %d was made from %d streams, the configuration has %d", c.Cut.Number, len(c.Cut.From), len(inputs))
		}
		reaches := true
		for i, p := range c.Cut.From {
			reaches = reaches && inputs[i].First <= p.Next
		}
		if reaches {
			if d.began = events.MinTime; c.Cut.Number > 1 {
				d.began = before.Add(d.cfg.Join.ClockSkew.Std() + time.Microsecond)
			}
			return c.Cut.From, nil
		}
		before = c.Cut.MaxEvent
	}
	return nil, errors.New("the streams hold nothing any more of what the commits have read")
}

// watch shows how far the replay is.
func (d *deep) watch(e *engine.Engine, cut *joiner.Cut) (stop func()) {
	return watchProgress(d.talk, func() (string, float64) {
		share := readShare(e.Stats().Progress.Inputs, cut)
		return fmt.Sprintf("read %.0f%% of the log again", 100*share), share
	})
}

// readShare is how much of what a commit has read is read again, from 0 to 1.
func readShare(at []joiner.Position, cut *joiner.Cut) float64 {
	var read, all float64
	for i := range at {
		first := cut.Progress.Inputs[i].Next
		read, all = read+float64(min(at[i].Next, first)), all+float64(first)
	}
	if all == 0 {
		return 0
	}
	return read / all
}

// bounded is a source that ends where a commit was cut.
type bounded struct {
	engine.Source
	until    joiner.Position
	decoders *[events.Kinds]events.Decoder
	ended    bool
}

// Next implements engine.Source. The broker's word that nothing more is there
// ends it as well: what is not ours may stand before the end.
func (b *bounded) Next(ctx context.Context) (events.Batch, error) {
	if b.ended {
		return events.Batch{}, io.EOF
	}
	batch, err := b.Source.Next(ctx)
	if err != nil {
		return batch, err
	}
	for i := range batch.Messages {
		m := &batch.Messages[i]
		if m.Seq < b.until.Next {
			b.ended = m.Seq+1 == b.until.Next && b.until.Skip == 0
			continue
		}
		b.ended = true
		if m.Seq == b.until.Next && b.until.Skip > 0 {
			m.Data = b.beginningOf(m)
			i++
		}
		batch.Messages = batch.Messages[:i]
		break
	}
	b.ended = b.ended || len(batch.Messages) == 0
	batch.Proven = events.MinTime
	return batch, nil
}

// beginningOf is the events of a message that the commit had read.
func (b *bounded) beginningOf(m *events.Message) []byte {
	var read [][]byte
	for index, data := range b.decoders[m.Kind].Split(m.Data) {
		if index >= b.until.Skip {
			break
		}
		read = append(read, bytes.Clone(data))
	}
	return bytes.Join(read, []byte("\n"))
}
