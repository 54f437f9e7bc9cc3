package partition

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// openRows opens the place of the output. An object store is probed first. Once it has
// answered, the joiner waits for it however long it is away, until ctx ends.
func (s *Service) openRows(ctx context.Context) (bucket.Bucket, error) {
	ctx, cancel := context.WithCancel(ctx)
	unwatch := s.unwatch
	s.unwatch = func() { cancel(); unwatch() } // else what watches would wait on for the store
	return place.Lasting(ctx, s.disks.Output, s.Config, s.Config.Output.Dir, func(cause error) {
		s.away.Store(cause != nil)
		if cause == nil {
			s.holds.Set(monitor.WhatCommits, events.Hold{})
			return
		}
		s.holds.Set(monitor.WhatCommits, events.Hold{Reason: monitor.HoldByStore,
			Detail: "the object store is waited for, and nothing is lost meanwhile: " + cause.Error()})
	})
}

// lookDeclared is how often an object store is asked for declared gaps.
const lookDeclared = 10 * time.Second

// declared are the gaps that were declared, as a store told last.
type declared struct {
	gaps []events.Gap
	err  error
}

// watchDeclared asks an object store for declared gaps in the background, until close: the
// loop looks for them every second, and must not wait for a store that is away.
func (s *Service) watchDeclared(ctx context.Context) {
	if !s.rows.Direct() {
		return
	}
	var last atomic.Pointer[declared]
	ask := func() {
		gaps, err := s.Partition.Output.Output.Declared()
		last.Store(&declared{gaps, err})
	}
	ask()
	s.Partition.Output.declared = last.Load
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unwatch := s.unwatch
	s.unwatch = func() { cancel(); unwatch() }
	s.watching.Go(func() { // ended by close
		for watching.Err() == nil {
			select {
			case <-watching.Done():
			case <-time.After(lookDeclared):
				ask()
			}
		}
	})
}
