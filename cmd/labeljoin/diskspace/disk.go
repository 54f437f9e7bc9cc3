// Package diskspace watches the room for state and output: reading pauses before a disk is full, and a write that
// finds no room waits for it.
package diskspace

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// lookEvery is how often the room on the disks is looked at, and how often what
// waits for room tries again. In a second no disk that is worth the name takes
// more than the reserve.
const lookEvery = time.Second

// The areas of a joiner's files, as they stand in metrics.
const (
	AreaState  = "state"
	AreaOutput = "output"
)

// Shortage is why reading pauses; the zero value is that it does not.
type Shortage struct {
	Reason string // ShortOfDisk or one of the others; empty: reading does not pause
	Detail string // for people
	Held   [events.Kinds]bool
}

// The reasons to pause, as they stand in metrics.
const (
	ShortOfDisk  = "disk"
	ShortOfState = "max_bytes"
)

// Disks watches the room for state and output. It pauses reading while there is
// less than the reserve, or while the state is larger than it may be, and says
// so once.
type Disks struct {
	log      *slog.Logger
	reserve  uint64
	maxState uint64 // 0: no bound
	shared   bool   // one stream carries both kinds
	State    *FS
	Output   *FS
	Wait     *Waiter
	dirs     map[string]string // by area

	measure func() uint64       // size of the state's files; nil until it is open
	stats   func() engine.Stats // nil until there is an engine
	revive  func() error        // brings an embedded server back that had no room; nil: there is none

	mu     sync.Mutex // guards measure, stats, shared, revive
	now    atomic.Pointer[Shortage]
	Pauses atomic.Int64 // pauses begun
	since  time.Time    // when the pause began
}

// NewDisks returns the disks of a configuration, over a file system. Nothing
// waits for room any more when ctx has ended.
func NewDisks(ctx context.Context, fs vfs.FS, c *config.Config, log *slog.Logger) *Disks {
	wait := &Waiter{Stop: ctx.Done(), Pause: lookEvery}
	d := &Disks{
		log: log, reserve: uint64(c.State.Reserve), maxState: uint64(c.State.MaxBytes),
		State: &FS{FS: fs, Wait: wait}, Output: &FS{FS: fs, Wait: wait}, Wait: wait,
		dirs: map[string]string{AreaState: c.State.Dir, AreaOutput: c.Output.Dir},
	}
	d.now.Store(&Shortage{})
	return d
}

// SetTarget says whose state and engine to look at.
func (d *Disks) SetTarget(size func() uint64, stats func() engine.Stats, shared bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.measure, d.stats, d.shared = size, stats, shared
}

// SetRevive says what brings an embedded server back.
func (d *Disks) SetRevive(f func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.revive = f
}

// Watch looks until ctx ends.
func (d *Disks) Watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		d.Look()
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// Paused implements engine.Options.Held.
func (d *Disks) Paused() [events.Kinds]bool { return d.now.Load().Held }

// Short is why reading pauses now.
func (d *Disks) Short() Shortage { return *d.now.Load() }

// Look finds out how things stand, and says so when that has changed.
func (d *Disks) Look() {
	before, now := d.Short(), d.shortage()
	d.now.Store(&now)
	switch {
	case before.Reason == "" && now.Reason != "":
		d.Pauses.Add(1)
		d.since = time.Now()
		d.log.Warn("reading pauses: "+now.Detail, "reason", now.Reason)
	case before.Reason != "" && now.Reason == "":
		d.log.Info("reading goes on: there is room again", "paused", time.Since(d.since).Round(time.Second).String())
	}
	// Not at once: the server may still be at closing its streams.
	d.mu.Lock()
	revive := d.revive
	d.mu.Unlock()
	if before.Reason != ShortOfDisk && now.Reason != ShortOfDisk && revive != nil {
		if err := revive(); err != nil {
			d.log.Error("the embedded NATS server does not come back", "error", err)
		}
	}
}

func (d *Disks) shortage() Shortage {
	both := [events.Kinds]bool{true, true}
	if d.Wait.Waiting.Load() > 0 {
		return Shortage{Reason: ShortOfDisk, Held: both,
			Detail: "a write found no room (" + d.rooms() + "); free some, nothing is lost and nothing needs a restart"}
	}
	paused := d.Short()
	for _, area := range []string{AreaState, AreaOutput} {
		free, reserve, ok := d.Free(area)
		if ok && paused.Reason == ShortOfDisk {
			reserve += reserve / 4 // so that it does not go on and off
		}
		if ok && free < reserve {
			return Shortage{Reason: ShortOfDisk, Held: both, Detail: fmt.Sprintf(
				"the disk of %s (%s.dir) has %s left, less than the reserve of %s; free some, nothing is lost and nothing needs a restart",
				d.dirs[area], area, config.Size(free), config.Size(reserve))}
		}
	}
	return d.oversize(paused.Reason == ShortOfState)
}

// Free is the room on an area's disk and the reserve of it.
func (d *Disks) Free(area string) (free, reserve uint64, ok bool) {
	usage, err := d.State.FS.GetDiskUsage(d.dirs[area])
	if err != nil || usage.TotalBytes == 0 {
		return 0, 0, false // not made yet, or a file system that does not tell: writes will
	}
	return usage.AvailBytes, min(d.reserve, usage.TotalBytes/10), true
}

func (d *Disks) rooms() string {
	text := ""
	for _, area := range []string{AreaState, AreaOutput} {
		if free, _, ok := d.Free(area); ok {
			text += fmt.Sprintf(", %s has %s left", d.dirs[area], config.Size(free))
		}
	}
	return "on a disk or of a quota" + text
}

// oversize holds requests while the state is too large. Outcomes are read as
// long as they are behind requests, for that lets requests close; those after
// would only add to it.
func (d *Disks) oversize(paused bool) Shortage {
	d.mu.Lock()
	measure, stats := d.measure, d.stats
	d.mu.Unlock()
	if d.maxState == 0 || measure == nil {
		return Shortage{}
	}
	size, bound := measure(), d.maxState
	if paused {
		bound -= bound / 20
	}
	if size <= bound {
		return Shortage{}
	}
	s := stats()
	ahead := s.Sources[events.KindOutcome] >= s.Sources[events.KindRequest]
	way := "requests wait until outcomes have let enough of it close; if that does not happen, raise state.max_bytes or shorten windows"
	if d.shared {
		way = "requests and outcomes share a stream, so both wait: raise state.max_bytes, shorten windows, or publish them to streams of their own"
	}
	return Shortage{Reason: ShortOfState, Held: [events.Kinds]bool{events.KindRequest: true, events.KindOutcome: ahead},
		Detail: fmt.Sprintf("the state takes %s, more than state.max_bytes (%s); %s", config.Size(size),
			config.Size(d.maxState), way)}
}
