package batch_test

import (
	"testing"

	"github.com/labeljoin/labeljoin/joiner/batch"
)

// The memory of outcomes goes with the last of them that is asked for, and what no request takes stays.
func TestOutcomesThatAreTakenLeaveNoMemory(t *testing.T) {
	const n = 30_000
	held, all := batch.LeaveOutcomes(n, func(int) bool { return true })
	if held != 0 || all < 5 {
		t.Errorf("of %d pages %d are held after all outcomes were taken, want 0 of some", all, held)
	}
	held, _ = batch.LeaveOutcomes(n, func(i int) bool { return i != n/2 })
	if held != 1 {
		t.Errorf("%d pages are held for one outcome, want 1", held)
	}
}
