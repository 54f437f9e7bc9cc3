// Package deadletter looks at what the joiner rejected or quarantined: how much and why, what
// would become of it now, and publishes again what can be read now.
package deadletter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// Wanted says which dead letters are meant. The zero value is all of them.
type Wanted struct {
	Reason string      // a code, like not_json
	Input  string      // an input of the configuration, or a stream
	Since  events.Time // stored then or later; 0: whenever
	ID     string      // one letter, like 17/3
}

// ParseSince reads a time, or how long ago it was.
func ParseSince(text string, now time.Time) (events.Time, error) {
	if text == "" {
		return 0, nil
	}
	if ago, err := config.ParseDuration(text); err == nil {
		return events.At(now.Add(-ago.Std())), nil
	}
	t, err := events.ParseTimeOrDay(text)
	if err != nil {
		return 0, &terminal.UsageError{Err: fmt.Errorf("--since %w, or as a length of time, like 2h", err)}
	}
	return t, nil
}

// office is the output of a configuration, opened to look at its dead letters.
type office struct {
	cfg     *config.Config
	rows    bucket.Bucket
	archive *export.Archive
	judge   *judge
	retried map[string]bool     // letters that were published again
	pending []export.RetryBatch // batches of which that is not known of every letter
}

// open opens the output of a configuration. It takes no lock.
func open(ctx context.Context, cfg *config.Config, now time.Time) (*office, error) {
	rows, err := place.Of(ctx, cfg, cfg.Output.Dir)
	if err != nil {
		return nil, err
	}
	archive, err := export.OpenArchive(rows, partition.Default)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &terminal.UsageError{Err: fmt.Errorf("there is no output at %s yet, and so no dead letters: %w",
			cfg.Output.Dir, err)}
	}
	if err == nil {
		err = archive.Begun()
	}
	if err != nil {
		return nil, err
	}
	o := &office{cfg: cfg, rows: rows, archive: archive}
	last, _, err := archive.Last()
	if err != nil {
		return nil, err
	}
	clock := &last.Cut.Progress.Clock
	if o.judge, err = newJudge(cfg, clock.Watermark(cfg.Join.Lateness.Std()), events.At(now)); err != nil {
		return nil, err
	}
	return o, o.remember()
}

// remember reads which letters were published again.
func (o *office) remember() error {
	batches, err := export.OpenRetried(o.rows).List()
	if err != nil {
		return err
	}
	o.retried, o.pending = map[string]bool{}, nil
	for _, b := range batches {
		for _, id := range b.Letters {
			o.retried[id] = true
		}
		if !b.Ended {
			o.pending = append(o.pending, b)
		}
	}
	return nil
}

// letters lists the dead letters that are wanted.
func (o *office) letters(w Wanted, each func(*export.Letter) error) error {
	for l, err := range o.archive.DeadLetters() {
		if err != nil {
			return err
		}
		if w.Reason != "" && l.Reason != w.Reason || w.Since != 0 && l.Stored < w.Since || w.ID != "" && l.ID() != w.ID ||
			w.Input != "" && w.Input != l.Input && w.Input != o.judge.nameOf(l) {
			continue
		}
		if err := each(l); err != nil {
			return err
		}
	}
	return nil
}

// known checks that what is wanted can be there at all.
func (o *office) known(w Wanted, seen map[string]bool) error {
	if w.Input == "" || seen[w.Input] || o.cfg.Inputs.Named(w.Input) != nil {
		return nil
	}
	var names []string
	for i := range o.cfg.Inputs.List {
		names = append(names, o.cfg.Inputs.List[i].Name)
	}
	return &terminal.UsageError{Err: fmt.Errorf("there is no input %q: it is one of %s", w.Input,
		strings.Join(names, ", "))}
}
