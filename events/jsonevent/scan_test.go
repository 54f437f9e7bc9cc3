package jsonevent_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestEpochUnits: a time that is a number counts in the unit that is declared.
func TestEpochUnits(t *testing.T) {
	perUnit := map[events.Unit]int64{events.UnitAuto: 1e6, events.UnitS: 1e9, events.UnitMS: 1e6, events.UnitUS: 1e3, events.UnitNS: 1}
	for unit, nanos := range perUnit {
		d := jsonevent.Decoder{Unit: unit}
		most := math.MaxInt64 / nanos
		for _, n := range []int64{0, 1, -1, 999, -999, 1000, -1000, 1001, -1001, 1717527761, -1717527761, most, -most, most - 1, 1 - most, most + 1, -most - 1, math.MaxInt64, math.MinInt64} {
			scan, err := d.ScanRequest(fmt.Appendf(nil, `{"request_id":"r","ts":%d}`, n))
			want := new(big.Int).Mul(big.NewInt(n), big.NewInt(nanos))
			fits := want.IsInt64() && want.Int64() != math.MaxInt64 && want.Int64() != math.MinInt64
			if fits != (err == nil) || fits && int64(scan.TS) != want.Int64() {
				t.Errorf("unit %d: %d became %d, %v; want %v", unit, n, scan.TS, err, want)
			}
		}
	}
	for text, want := range map[string]events.Time{"1e3": 1e9, "1.5e3": 15e8, "1000.0": 1e9, "10000e-1": 1e9, "-1e0": -1e6, "0e99": 0, "-0.0": 0, "0.1e1": 1e6, "100000000000000000000000e-20": 1e9} {
		t.Run(text, func(t *testing.T) {
			scan, err := new(jsonevent.Decoder).ScanRequest([]byte(`{"request_id":"r","ts":` + text + `}`))
			if err != nil || scan.TS != want {
				t.Errorf("%s: %d, %v; want %d", text, scan.TS, err, want)
			}
		})
	}
}
