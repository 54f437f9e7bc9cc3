package partition

import "testing"

func TestGCPercent(t *testing.T) {
	for alive, want := range map[uint64]int{0: gcMost, 1 << 20: gcMost, gcRoom: 100, 2 * gcRoom: 50, 1 << 40: gcLeast} {
		if got := gcPercent(alive, gcRoom); got != want {
			t.Errorf("with %d bytes alive: %d percent, want %d", alive, got, want)
		}
	}
}
