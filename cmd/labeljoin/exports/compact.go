package exports

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// lookCompact is how often the running joiner looks whether a day can be merged.
const lookCompact = time.Minute

// Compactor merges the small files of past days by itself. Whatever happens to that, the
// joiner goes on.
type Compactor struct {
	cfg  *config.Config
	log  *slog.Logger
	part int    // the partition
	done string // days before it were merged
}

// NewCompactor merges what the numbered partition wrote. It is nil where no merging is configured.
func NewCompactor(c *config.Config, number int, log *slog.Logger) *Compactor {
	if c.Output.Compact == nil {
		return nil
	}
	return &Compactor{cfg: c, part: number, log: log}
}

// Watch merges until ctx ends, or until it is known that the file system cannot.
func (c *Compactor) Watch(ctx context.Context) {
	for ctx.Err() == nil {
		rest := lookCompact
		err := c.Look(ctx)
		if errors.Is(err, bucket.ErrNoExchange) {
			c.log.Error("small files are not merged; take output.compact out of the configuration", "error", err)
			return
		}
		if err != nil && ctx.Err() == nil {
			rest = restDaily
			c.log.Warn("small files were not merged; it is tried again", "error", err, "after", rest)
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
}

// Look merges the days that are old enough, once for each day that passes by event time:
// what late outcomes add to them later is merged then.
func (c *Compactor) Look(ctx context.Context) error {
	rows, _, last, err := newest(ctx, c.cfg, c.part)
	if err != nil || last == nil {
		return err
	}
	before := tablelog.DayName(last.MaxEvent.Add(-c.cfg.Output.Compact.After.Std()))
	if before <= c.done {
		return nil
	}
	k, err := export.OpenKeeper(rows, c.part, c.log)
	if err != nil {
		return err
	}
	_, err = k.Compact(ctx, export.CompactOptions{Before: before})
	if err = errors.Join(err, k.Close()); err == nil {
		c.done = before
	}
	return err
}
