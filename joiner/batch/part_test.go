package batch_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/batch"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// TestEndOfLogInParts: up to when outcomes are known is said by the whole log, also in a part
// that has none of its last outcomes.
func TestEndOfLogInParts(t *testing.T) {
	const (
		parts  = 2
		window = 30 * time.Minute
		other  = `{"request_id":"r0","ts":%d,"type":"click"}`
	)
	for name, c := range map[string]struct {
		outcome string
		at      time.Duration
		known   bool
	}{
		"it is of another part":           {other, window, true},
		"it is before the windows end":    {other, window - 1, false},
		"it is rejected":                  {`{"request_id":"r0","ts":%d}`, window, false},
		"its request never came":          {`{"request_id":"nobody","ts":%d,"type":"click"}`, window, true},
		"it names no request":             {`{"ts":%d,"type":"click"}`, window, true},
		"it names none, and is too early": {`{"ts":%d,"type":"click"}`, window - 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := enginetest.Lines(joiner.Rules{
				Labels: []joiner.Label{{Name: "clicks", Window: window, Agg: joiner.AggCount,
					When: func(*events.Outcome) bool { return true }}},
				Attribute: &joiner.Attribution{Within: window, Keys: []joiner.AttributeKey{{
					OfRequest: func(req *events.Request) string { return req.UserID },
					OfOutcome: func(*events.Outcome) string { return "u" },
				}}},
			})
			for i := range 8 {
				h.Event(events.KindRequest, 0, `{"request_id":"r%d","ts":%d}`, i, h.At(0))
			}
			h.Event(events.KindOutcome, c.at, c.outcome, h.At(c.at))
			logs := logsOf(&h, rand.New(rand.NewPCG(1, 1)))
			var got []string
			for part := range parts {
				o := options(&h, logs, false)
				o.Keep = func(id []byte) bool { return batch.Part(id, parts) == part }
				some, _ := byBatch(t, o)
				if len(some.rows) == 0 {
					t.Fatalf("part %d has no rows", part)
				}
				got = append(got, some.rows...)
			}
			whole, _ := byEngine(t, &h, logs, false)
			sameLines(t, "rows of the parts", got, whole.rows)
			if known := !strings.Contains(strings.Join(got, "\n"), "incomplete"); known != c.known {
				t.Errorf("labels are known: %v, want %v", known, c.known)
			}
		})
	}
}
