package store

import (
	"fmt"
	"log/slog"
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
// its log and must not go on; the process ends here, and the next one reads
// again what was not synced.
func (l logger) Fatalf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	l.log.Error("the state cannot be written; stopping", "say", msg)
	if l.fatal != nil {
		l.fatal()
	}
	panic("labeljoin: the state cannot be written: " + msg)
}
