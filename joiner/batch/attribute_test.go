package batch_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// unnamed has two requests of one user and two clicks that name the user only.
func unnamed(user string) *enginetest.History {
	h := enginetest.Lines(joiner.Rules{
		Labels: []joiner.Label{{Name: "clicked", Window: 30 * time.Minute,
			When: func(o *events.Outcome) bool { return o.Type == "click" }}},
		Lateness: time.Minute, Corrections: time.Hour,
		Attribute: &joiner.Attribution{To: joiner.ToAll, Within: time.Hour, Keys: []joiner.AttributeKey{{
			OfRequest: func(req *events.Request) string { return req.UserID },
			OfOutcome: func(*events.Outcome) string { return user },
		}}},
	})
	for _, id := range []string{"r1", "r2"} {
		h.Event(events.KindRequest, 0, `{"request_id":%q,"ts":%d,"user_id":"u"}`, id, h.At(0))
	}
	for _, id := range []string{"a", "b"} {
		h.Event(events.KindOutcome, time.Minute, `{"ts":%d,"type":"click","outcome_id":%q}`, h.At(time.Minute), id)
	}
	return &h
}

// TestLimitOfUnnamed: an outcome that names no request and is one too many for those that have
// its key is not given to them. It is counted once, as what no request has, and is no dead letter.
func TestLimitOfUnnamed(t *testing.T) {
	h := unnamed("u")
	h.Limit = 1
	logs := logsOf(h, rand.New(rand.NewPCG(1, 1)))
	got, result := byBatch(t, options(h, logs, true))
	tally := &result.Ledger.Kinds[events.KindOutcome]
	if !result.Ledger.Balanced() || tally.Disposed[joiner.DispositionJoined] != 1 ||
		tally.Disposed[joiner.DispositionOrphan] != 1 {
		t.Errorf("the books say %+v, want one joined and one orphan", tally)
	}
	if len(got.letters) > 0 {
		t.Errorf("dead letters %q", got.letters)
	}
}

// TestUnnamedMatch: whether an outcome of the log matches a label does not ask whether it
// has a request.
func TestUnnamedMatch(t *testing.T) {
	h := unnamed("another")
	_, result := byBatch(t, options(h, logsOf(h, rand.New(rand.NewPCG(1, 1))), true))
	if c := &result.Coverage; !c.Labels[0].Matched || len(c.Types) == 0 {
		t.Errorf("coverage %+v, want that a click matches", c)
	}
}
