package terminal

import "testing"

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0 rows", 1: "1 row", 2: "2 rows", 11: "11 rows"} {
		t.Run(want, func(t *testing.T) {
			if got := Count(n, "row"); got != want {
				t.Errorf("%d is %q", n, got)
			}
		})
	}
}
