package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
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

	since events.Time // requests before it are left out: their files may have been deleted; 0: none
	began events.Time // requests from here on can be compared
	late  *lateness
	gone  []goneMessages
	// damaged says that the streams may lack messages that the server does not know of.
	damaged bool

	former events.Time // requests before it closed under another configuration

	limited *limited
	notices bool // what limits rejected is noticed, and read all the same
}

// deepReport is what verify --deep says beside the verdict on the files.
type deepReport struct {
	From string `json:"from"` // requests stamped from here on are compared
	To   string `json:"to"`   // and before this: those had closed
	// Gone says which messages that were read the streams do not hold any more, and of
	// which requests rows may differ therefore.
	Gone []string `json:"gone,omitempty"`
	// Limited is what limits rejected when it was read; nil: nothing.
	Limited *rejectedByLimit `json:"limited,omitempty"`
	// BeyondLimit is how many rows differ, and may, because a replay rejects events by a limit that live accepted.
	BeyondLimit int64 `json:"beyond_limit,omitempty"`
	export.Comparison
}

// sound reports whether nothing is wrong, as far as that can be told.
func (v *deepReport) sound() bool { return v.Same() }

func (d *deep) verify(ctx context.Context) (*deepReport, error) {
	last, ok, err := d.archive.Last()
	if err != nil || !ok {
		return &deepReport{Comparison: export.Comparison{Examples: []string{}}}, err
	}
	if d.limited, err = limitedOf(d.archive); err != nil {
		return nil, err
	}
	replayed, err := d.replayed(ctx, &last.Cut)
	if err != nil {
		return nil, err
	}
	itself, err := limitedOf(replayed)
	if err != nil {
		return nil, err
	}
	v, doubted := &deepReport{}, map[uint64]int64{}
	v.Comparison, err = d.compare(ctx, &last.Cut, replayed, func(request uint64, ts events.Time) bool {
		if d.excuse(request, ts) {
			return true
		}
		if len(d.limited.met)+len(itself.events) == 0 {
			return false
		}
		doubted[request]++
		return true
	})
	if n := len(d.limited.requests); n > 0 {
		v.Limited = &rejectedByLimit{n, d.limited.met}
	}
	if len(doubted) > 0 && err == nil {
		err = d.doubt(ctx, &last.Cut, v, itself, doubted)
	}
	from, to := d.bounds(&last.Cut)
	v.From, v.To = from.String(), to.String()
	for i := range d.gone {
		v.Gone = append(v.Gone, d.gone[i].say())
	}
	return v, err
}

// bounds are the times of the requests that can be compared: from the first on, and before the second.
func (d *deep) bounds(last *joiner.Cut) (from, to events.Time) {
	if from = d.began; d.since != 0 {
		from = max(from, d.since)
	}
	return from, last.Progress.ClosedThrough
}

// replayed replays what is there of the log.
func (d *deep) replayed(ctx context.Context, last *joiner.Cut) (*export.Archive, error) {
	if err := d.replayWhatIsThere(ctx, last); err != nil {
		return nil, fmt.Errorf("reading the log again: %w", err)
	}
	d.boundGone(last.Progress.Gaps)
	return export.OpenArchive(bucket.NewDir(vfs.Default, filepath.Join(d.scratch, "rows")), partition.Default)
}

// compare compares the rows with those of a replay.
func (d *deep) compare(ctx context.Context, last *joiner.Cut, replayed *export.Archive,
	excuse func(request uint64, ts events.Time) bool) (export.Comparison, error) {
	names := make([]string, len(d.cfg.Labels))
	for i := range names {
		names[i] = d.cfg.Labels[i].Name
	}
	from, to := d.bounds(last)
	return d.archive.Compare(ctx, replayed, export.CompareOptions{
		Labels: names, From: from, To: to.Microsecond(), Through: last.Number,
		RulesHash: d.cfg.Fingerprint(), Former: d.former,
		Reach: d.cfg.Longest() + d.cfg.Retention(), Excuse: excuse,
	})
}

// replay joins what the commits have read, into the scratch directory. What was there goes.
func (d *deep) replay(ctx context.Context, cut *joiner.Cut) (err error) {
	for _, made := range []string{"state", "rows"} {
		if err := os.RemoveAll(filepath.Join(d.scratch, made)); err != nil {
			return err
		}
	}
	rules, err := wire.Rules(d.cfg)
	if err != nil {
		return err
	}
	rules.Gaps = cut.Progress.Gaps
	s, err := partition.ConnectReading(ctx, d.cfg)
	if err != nil {
		return err
	}
	quiet := s.Log
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := d.findGone(ctx, s, cut); err != nil {
		return err
	}
	s.Before = cut.Progress.Inputs
	s.Gaps = append(slices.Clip(cut.Progress.Gaps), passOver(d.gone)...)
	inputs, err := s.Inputs(ctx)
	if err != nil {
		return err
	}
	known, err := d.names(ctx, s, inputs, cut)
	if err != nil {
		return err
	}
	from, err := d.beginning(inputs, known)
	if err != nil {
		return err
	}
	left, after, err := d.leftOut(inputs)
	if err != nil {
		return err
	}
	d.began = max(d.began, after)
	for _, name := range left {
		fmt.Fprintf(d.talk, "input %s is left out of the configuration and is not read: only requests are compared that came when it was\n", name)
	}
	if s.Partition, err = partition.Open(vfs.Default, partition.ID{}, d.cfg, &rules, filepath.Join(d.scratch, "state"),
		bucket.NewDir(vfs.Default, filepath.Join(d.scratch, "rows")), quiet); err != nil {
		return err
	}
	o, err := partition.EngineOptions(d.cfg, rules, s.Partition, quiet)
	if err != nil {
		return err
	}
	o.Replay = &engine.Replay{Complete: true}
	if err := d.cuts(&rules, &o.Decoders, len(inputs)); err != nil {
		return err
	}
	d.limited.limit(inputs, &o.Decoders, d.notices)
	for i := range inputs {
		until, open := cut.Progress.Inputs[i], inputs[i].Open
		inputs[i].First = from[i].Next
		inputs[i].Open = func(ctx context.Context, at events.Position) (engine.Source, error) {
			source, err := open(ctx, at)
			return &bounded{
				Source: source, input: &inputs[i], until: until, decoders: &o.Decoders, ended: at.Next >= until.Next &&
					until.Skip == 0,
				see: func(m *events.Message) { d.late.see(i, inputs[i].CodecOf(m), m) },
			}, err
		}
	}
	o.Inputs = inputs
	e := engine.New(o)
	stop := d.Watch(e, cut)
	defer stop()
	if err := e.Run(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// cuts reads where the commits were cut, and which watermark they had.
func (d *deep) cuts(rules *joiner.Rules, decoders *[events.Kinds]jsonevent.Decoder, inputs int) error {
	d.late, d.former = newLateness(rules, decoders, inputs), events.MinTime
	anotherBefore := false
	for c, err := range d.archive.Commits() {
		if err != nil {
			return err
		}
		another := c.Cut.RulesHash != d.cfg.Fingerprint()
		if another {
			d.former = max(d.former, c.Cut.Progress.ClosedThrough.Microsecond())
		}
		if leapt(&c.Cut) {
			d.late.cuts = d.late.cuts[:0] // sequences of before are of other messages
		}
		// What it read last, another configuration may leave to the next commit.
		d.late.Add(&c.Cut, rules.Lateness, another || anotherBefore)
		anotherBefore = another
	}
	return nil
}

// Watch shows how far the replay is.
func (d *deep) Watch(e *engine.Engine, cut *joiner.Cut) (stop func()) {
	return terminal.WatchProgress(d.talk, func() (string, float64) {
		share := readShare(e.Stats().Progress.Inputs, cut)
		return fmt.Sprintf("read %.0f%% of the log again", 100*share), share
	})
}

// readShare is how much of what a commit has read is read again, from 0 to 1.
func readShare(at []events.Position, cut *joiner.Cut) float64 {
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
	input    *engine.Input
	until    events.Position
	decoders *[events.Kinds]jsonevent.Decoder
	ended    bool
	see      func(*events.Message) // is told of every message that the commits have read
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
	for i := range batch.Messages {
		b.see(&batch.Messages[i])
	}
	batch.ReadThrough = events.MinTime
	return batch, nil
}

// beginningOf is the events of a message that the commit had read. What a codec reads
// cannot be cut; there commits are cut between messages only.
func (b *bounded) beginningOf(m *events.Message) []byte {
	if codecOf(b.input, m) != nil {
		return m.Data
	}
	var read [][]byte
	for index, data := range b.decoders[m.Kind].Split(m.Data) {
		if index >= b.until.Skip {
			break
		}
		read = append(read, bytes.Clone(data))
	}
	return bytes.Join(read, []byte("\n"))
}
