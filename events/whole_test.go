package events_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// TestWhole holds calculations with whole numbers against numbers without an end.
func TestWhole(t *testing.T) {
	for _, c := range []struct {
		name  string
		whole func(a, b int) (int, bool)
		plain func(z, x, y *big.Int) *big.Int
	}{
		{"sum", events.WholeSum, (*big.Int).Add}, {"difference", events.WholeDifference, (*big.Int).Sub},
		{"product", events.WholeProduct, (*big.Int).Mul},
	} {
		t.Run(c.name, func(t *testing.T) {
			numbers := []int{0, 1, -1, 2, -2, 3, 4_000_000_000, -4_000_000_000, 3_037_000_499, 3_037_000_500, 1 << 31, -1 << 31,
				1 << 62, -1 << 62, math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1}
			for _, a := range numbers {
				for _, b := range numbers {
					want := c.plain(new(big.Int), big.NewInt(int64(a)), big.NewInt(int64(b)))
					got, ok := c.whole(a, b)
					if ok != want.IsInt64() || ok && int64(got) != want.Int64() {
						t.Errorf("of %d and %d: %d, %v; want %v", a, b, got, ok, want)
					}
				}
			}
		})
	}
}
