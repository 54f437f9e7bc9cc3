package partition

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The garbage collector is given room by what it has to do, and not, as it comes,
// by what is alive: nearly all that is alive of a large state is its index, which
// holds no pointers and costs the collector nothing. So the room is the same for
// a small state, where it saves a fifth of the CPU, and for one of gigabytes,
// where the collector's own measure would double them. With 160 MiB it takes one or two
// percent of the CPU of a joiner at work (bench live); twice as much saves less than it costs
// to get the memory from the system.
const (
	gcRoom = 160 << 20 // bytes of garbage, at about which it collects
	// gcLeast and gcMost bound the percentage: below, it would never rest, and
	// above there is nothing to gain.
	gcLeast = 20
	gcMost  = 400
	// gcLook is how often what is alive is looked at. A percentage that was right for a tenth
	// of it lasts no longer: with a second, a burst of large messages made hundreds of
	// megabytes of garbage by one that was chosen when nothing was to be done.
	gcLook = 100 * time.Millisecond
)

// TuneGC keeps the collector's percentage at the room until the function it
// returns is called.
func TuneGC() (stop func()) { return TuneGCTo(gcRoom) }

// TuneGCTo is TuneGC with a room of so many bytes.
func TuneGCTo(room uint64) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ended by stop
		defer close(done)
		keepRoom(ctx, room)
	}()
	return func() {
		cancel()
		<-done
	}
}

// keepRoom does it until ctx ends. A user who sets GOGC or GOMEMLIMIT has decided
// otherwise.
func keepRoom(ctx context.Context, room uint64) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	ticker := time.NewTicker(gcLook)
	defer ticker.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for now := 100; ; {
		metrics.Read(live)
		if want := gcPercent(live[0].Value.Uint64(), room); want != now {
			now = want
			debug.SetGCPercent(now)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// gcPercent is how much garbage there may be, in percent of what is alive.
func gcPercent(alive, room uint64) int {
	percent := min(room*100/max(alive, 1), gcMost)
	return max(gcLeast, int(percent)/10*10)
}

// Of the memory that a process may take, this share is for what the collector does not know: the program itself.
// Below limitLeast it would collect all the time, and keep no bound: that is what reading and writing take at least.
const (
	limitShare = 12
	limitLeast = 192 << 20
)

// BoundMemory has the collector keep the process within so many bytes, however much garbage TuneGCTo leaves room for,
// until the function it returns is called. A user who sets GOMEMLIMIT has decided otherwise.
func BoundMemory(bytes int64) (stop func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(memoryLimit(bytes))
	return func() { debug.SetMemoryLimit(before) }
}

// memoryLimit is the collector's limit of a process that may take so many bytes.
func memoryLimit(bytes int64) int64 { return max(bytes-bytes/limitShare, limitLeast) }
