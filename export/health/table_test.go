package health_test

import (
	"math"
	"testing"

	"github.com/labeljoin/labeljoin/export/health"
)

// TestWilson has figures of statsmodels, proportion_confint(method='wilson').
func TestWilson(t *testing.T) {
	r := health.RateOf(10, 100)
	if math.Abs(r.Low-0.0552291) > 1e-6 || math.Abs(r.High-0.1743657) > 1e-6 || r.Value != 0.1 {
		t.Errorf("10 of 100 is %v from %v to %v", r.Value, r.Low, r.High)
	}
	if r := health.RateOf(0, 0); !math.IsNaN(r.Value) || r.Low != 0 || r.High != 1 {
		t.Errorf("nothing has the rate %v from %v to %v", r.Value, r.Low, r.High)
	}
}
