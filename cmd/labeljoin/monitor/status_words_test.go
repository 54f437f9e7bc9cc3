package monitor

import "testing"

func TestOffInWords(t *testing.T) {
	for seconds, want := range map[float64]string{
		-498372.86 * 3600: "20766 days before it", 400: "6m40s after it", -90000: "25h0m0s before it", 300000: "3 days after it", 0: "0s after it",
	} {
		t.Run(want, func(t *testing.T) {
			if got := offInWords(seconds); got != want {
				t.Errorf("%g s: %q, want %q", seconds, got, want)
			}
		})
	}
}

func TestReadUpTo(t *testing.T) {
	for next, want := range map[uint64]string{0: "nothing is read yet", 1: "nothing is read yet", 2: "read up to message 1"} {
		t.Run(want, func(t *testing.T) {
			if got := ReadUpTo(next); got != want {
				t.Errorf("%d: %q, want %q", next, got, want)
			}
		})
	}
}
