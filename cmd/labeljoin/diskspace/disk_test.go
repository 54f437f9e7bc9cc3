package diskspace

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// gaugedFS tells how much room there is.
type gaugedFS struct {
	vfs.FS
	free uint64
}

func (f *gaugedFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: f.free, TotalBytes: 100 << 30}, nil
}

func testDisks(t *testing.T, maxState config.Size) (*Disks, *gaugedFS, *strings.Builder) {
	t.Helper()
	cfg := config.Default()
	cfg.State.MaxBytes = maxState
	said := &strings.Builder{}
	gauge := &gaugedFS{FS: vfs.NewMem(), free: 10 << 30}
	return NewDisks(t.Context(), gauge, &cfg, slog.New(slog.NewTextHandler(said, nil))), gauge, said
}

// TestReserve: pausing and going on are said once each, and there is a distance
// between their bounds.
func TestReserve(t *testing.T) {
	d, gauge, said := testDisks(t, 0)
	for _, step := range []struct {
		free   uint64
		paused bool
	}{{10 << 30, false}, {255 << 20, true}, {0, true}, {300 << 20, true}, {255 << 20, true}, {321 << 20, false}, {260 << 20, false}} {
		gauge.free = step.free
		d.Look()
		if got := d.Paused(); got != [events.Kinds]bool{step.paused, step.paused} {
			t.Errorf("with %d bytes left: held %v", step.free, got)
		}
	}
	if lines := strings.Count(said.String(), "\n"); lines != 2 || d.Pauses.Load() != 1 {
		t.Errorf("%d pauses, said:\n%s", d.Pauses.Load(), said)
	}
}

// TestMaxBytes: requests wait, outcomes only once they can no longer help.
func TestMaxBytes(t *testing.T) {
	d, _, said := testDisks(t, 1<<30)
	size, s := uint64(0), engine.Stats{}
	d.SetTarget(func() uint64 { return size }, func() engine.Stats { return s }, false)
	for _, step := range []struct {
		size             uint64
		request, outcome events.Time
		want             [events.Kinds]bool
	}{
		{1 << 30, 2, 1, [events.Kinds]bool{}},
		{1<<30 + 1, 2, 1, [events.Kinds]bool{true, false}},
		{1 << 30, 2, 2, [events.Kinds]bool{true, true}},
		{1 << 29, 2, 2, [events.Kinds]bool{}},
	} {
		size, s.Sources = step.size, [events.Kinds]events.Time{step.request, step.outcome}
		d.Look()
		if got := d.Paused(); got != step.want {
			t.Errorf("%+v: held %v", step, got)
		}
	}
	if lines := strings.Count(said.String(), "\n"); lines != 2 || !strings.Contains(said.String(), "state.max_bytes") {
		t.Errorf("said:\n%s", said)
	}
}
