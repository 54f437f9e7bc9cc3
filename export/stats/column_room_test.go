package stats

import (
	"strings"
	"testing"
)

// TestRoomOfAColumn: what a column holds is counted, long texts and whole numbers too.
func TestRoomOfAColumn(t *testing.T) {
	long := newTexts(false, 100)
	long.add([]byte(strings.Repeat("x", 10<<20)), 1, weightScale)
	if size := (&cells{texts: []*texts{long}}).size(); size < 10<<20 {
		t.Errorf("a text of 10 MB takes %d bytes", size)
	}
	long.overflow(1)
	if size := (&cells{texts: []*texts{long}}).size(); size > 1<<20 {
		t.Errorf("without its texts a column takes %d bytes", size)
	}
	few := newNumbers(false)
	few.small = new([smallNumbers]uint64)
	before := (&cells{numbers: []*numbers{few}}).size()
	few.powers = new(powers)
	if size := (&cells{numbers: []*numbers{few}}).size(); before < 8*smallNumbers || size-before < 32<<12 {
		t.Errorf("numbers take %d bytes, and %d with powers", before, size)
	}
}
