package jsonevent_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestUnknownNames names fields that nothing knows, whether or not the Parser has
// seen them before.
func TestUnknownNames(t *testing.T) {
	var d jsonevent.Decoder
	p := d.NewParser()
	for round := range 4 {
		for raw, want := range map[string][]string{
			`{"request_id":"r","ts":1,"amount":2,"n\u0061me":{"a":1},"items":[{"item_id":"a","price":1},{"item_id":"b"}]}`: {"amount", "name", "items[].price"},
			`{"request_id":"r","ts":1,"features":{"amount":2}}`:                                                            nil,
			`{"request_id":7,"ts":1,"amount":2}`:                                                                           {"amount"},
			`{"request_id":"r","ts":1,"heartbeat":2}`:                                                                      {"heartbeat"},
		} {
			scan, err := p.ScanRequest([]byte(raw))
			if got := p.UnknownNames(); err != nil || !slices.Equal(got, want) || scan.Unknown != len(want) {
				t.Errorf("round %d: %s: %d unknown, %q, %v", round, raw, scan.Unknown, got, err)
			}
		}
		if _, info, err := p.Outcome([]byte(`{"request_id":"r","ts":1,"type":"t","amount":2}`)); err != nil || info.Unknown != 1 || !slices.Equal(p.UnknownNames(), []string{"amount"}) {
			t.Errorf("%+v, %v, %q", info, err, p.UnknownNames())
		}
	}
	var many strings.Builder
	for i := range 100 {
		many.WriteString(`,"` + strings.Repeat("x", i+1) + `":1`)
	}
	if _, err := p.ScanRequest([]byte(`{"request_id":"r","ts":1` + many.String() + `}`)); err != nil || len(p.UnknownNames()) > 10 {
		t.Errorf("%v, %d names", err, len(p.UnknownNames()))
	}
}
