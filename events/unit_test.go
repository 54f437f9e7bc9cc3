package events_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

func TestParseUnit(t *testing.T) {
	for name, want := range map[string]events.Unit{"": events.UnitAuto, "auto": events.UnitAuto, "s": events.UnitS, "ms": events.UnitMS, "us": events.UnitUS, "ns": events.UnitNS} {
		t.Run(name, func(t *testing.T) {
			if got, err := events.ParseUnit(name); err != nil || got != want {
				t.Errorf("%q: %v, %v", name, got, err)
			}
		})
	}
	if _, err := events.ParseUnit("h"); err == nil || !strings.Contains(err.Error(), "ms") {
		t.Errorf("an unknown unit gives %v, want the known ones", err)
	}
}

// TestUnitTime compares with arithmetic that has no bounds.
func TestUnitTime(t *testing.T) {
	for unit, nanos := range map[events.Unit]int64{events.UnitAuto: 1e6, events.UnitS: 1e9, events.UnitNS: 1} {
		for _, n := range []int64{0, 1, -1, 1717527761, math.MaxInt64 / nanos, -math.MaxInt64 / nanos, math.MaxInt64, math.MinInt64} {
			got, ok := unit.Time(n)
			want := new(big.Int).Mul(big.NewInt(n), big.NewInt(nanos))
			fits := want.IsInt64() && want.Int64() != math.MaxInt64 && want.Int64() != math.MinInt64
			if ok != fits || ok && int64(got) != want.Int64() {
				t.Errorf("unit %d: %d became %d, %v; want %v", unit, n, got, ok, want)
			}
		}
	}
}
