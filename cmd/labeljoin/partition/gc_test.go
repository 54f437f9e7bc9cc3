package partition

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestGCPercent(t *testing.T) {
	for alive, want := range map[uint64]int{0: gcMost, 1 << 20: gcMost, gcRoom: 100, 2 * gcRoom: 50, 1 << 40: gcLeast} {
		if got := gcPercent(alive, gcRoom); got != want {
			t.Errorf("with %d bytes alive: %d percent, want %d", alive, got, want)
		}
	}
}

// TestBoundMemory sets the collector's limit, and the one before it again.
func TestBoundMemory(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	stop := BoundMemory(math.MaxInt32)
	if got := debug.SetMemoryLimit(-1); got >= math.MaxInt32 || got < math.MaxInt32*9/10 {
		t.Errorf("the limit is %d of %d bytes", got, math.MaxInt32)
	}
	if stop(); debug.SetMemoryLimit(-1) != before {
		t.Errorf("the limit stays at %d, and was %d", debug.SetMemoryLimit(-1), before)
	}
	if got := memoryLimit(1 << 20); got != limitLeast {
		t.Errorf("of a megabyte the limit is %d, want %d", got, limitLeast)
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	defer BoundMemory(1 << 30)()
	if debug.SetMemoryLimit(-1) != before {
		t.Error("the limit is set, and the user has set another")
	}
}
