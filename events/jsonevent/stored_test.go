package jsonevent

import (
	"reflect"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// StoredView is Stored, once it has the hash.
func TestHeldViewIsHeld(t *testing.T) {
	usual := []byte(`{"request_id":"r","outcome_id":"o","type":"click","ts":1700000000000,"value":2,"attrs":{"a":[1,"x"]}}`)
	for name, held := range map[string][]byte{
		"usual":    usual,
		"escapes":  []byte(`{"request_id":"r\u0041","type":"cl\"ick","ts":"2026-01-01T00:00:00Z","item_id":"\\"}`),
		"slow":     []byte(`{"request_id":7,"type":"click","ts":1.7e12}`),
		"assigned": events.AppendAssigned(nil, "other", 0.5, usual),
		"wrong":    []byte(`{"request_id":"r","ts":1}`),
	} {
		t.Run(name, func(t *testing.T) {
			p := new(Decoder).NewParser()
			want, wrong := p.Stored(held)
			got, err := p.StoredView(held)
			if got.Hash = want.Hash; !reflect.DeepEqual(got, want) || (err == nil) != (wrong == nil) {
				t.Fatalf("%+v, %v; Held gives %+v, %v", got, err, want, wrong)
			}
			if wrong == nil && want.Hash != HashOfStored(held) {
				t.Fatal("the hash is another one")
			}
		})
	}
}
