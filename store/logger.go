package store

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

// logger passes on what Pebble finds worth a word. Its info lines, one for
// every flush and compaction, are for debugging.
type logger struct {
	log   *slog.Logger
	fatal func()
}

// Infof implements pebble.Logger.
func (l logger) Infof(format string, args ...any) {
	l.log.Debug("pebble", "say", fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (l logger) Errorf(format string, args ...any) {
	l.log.Error("pebble", "say", fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. Pebble calls it when it can no longer write
// and must not go on; the process ends here, and the next one reads again what
// was not flushed.
func (l logger) Fatalf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	l.log.Error("the state cannot be written; stopping", "say", msg)
	if l.fatal != nil {
		l.fatal()
	}
	panic("labeljoin: the state cannot be written: " + msg)
}

// listen makes a flush that fails fatal. Pebble would try again, at once and
// without end, while the caller who waits for it learns nothing; and a disk that is full
// is waited for below the file system, so this is none. A compaction that fails is
// only said: nothing waits for it and nothing is lost.
func listen(l logger, d *damage) *pebble.EventListener {
	var flushing error // of the flush that ended last; both are called under one lock of Pebble's
	return &pebble.EventListener{
		FlushEnd: func(i pebble.FlushInfo) { flushing = i.Err },
		BackgroundError: func(err error) {
			if flushing != nil && errors.Is(err, flushing) {
				l.Fatalf("flushing a memory table: %s", err)
			}
			l.Errorf("background error: %s", err)
		},
		DataCorruption: d.found,
	}
}
