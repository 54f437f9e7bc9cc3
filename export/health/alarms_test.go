package health_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/labeljoin/labeljoin/export/health"
)

// TestGTest compares with scipy.stats.chi2_contingency(correction=False,
// lambda_="log-likelihood").
func TestGTest(t *testing.T) {
	for i, c := range []struct{ k1, n1, k2, n2, p float64 }{
		{10, 1000, 10, 1000, 1},
		{100, 10000, 0, 10000, 4.12143e-32},
		{20, 1000, 40, 1000, 0.00814118},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if p := health.GTest(c.k1, c.n1, c.k2, c.n2); math.Abs(p-c.p) > 1e-4*c.p {
				t.Errorf("%v of %v against %v of %v: p %g, want %g", c.k1, c.n1, c.k2, c.n2, p, c.p)
			}
		})
	}
}
