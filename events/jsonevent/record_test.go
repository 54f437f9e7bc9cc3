package jsonevent

import (
	"reflect"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// TestRecord: numbers keep their digits, and what cannot be held is nil.
func TestRecord(t *testing.T) {
	d := Decoder{}
	for _, c := range []struct {
		text string
		want any
	}{
		{`7`, 7}, {` -3 `, -3}, {`9007199254740993`, 9007199254740993}, {`7.0`, 7.0}, {`1e2`, 100.0},
		{`18446744073709551616`, Digits("18446744073709551616")}, {`-0`, Digits("-0")}, {`1e999`, nil}, {`NaN`, nil},
		{`"a\u00e9"`, "aé"}, {`null`, nil}, {`[1,[true],{}]`, []any{1, []any{true}, map[string]any{}}},
		{`{"a":{"b":-Infinity},"c":"x"}`, map[string]any{"a": map[string]any{"b": nil}, "c": "x"}},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, reject := d.Record([]byte(c.text))
			if reject != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("it is %#v (%v), want %#v", got, reject, c.want)
			}
		})
	}
	for text, reason := range map[string]string{
		``: events.ReasonEmpty, `{`: events.ReasonNotJSON, `{"a":1,"a":2}`: events.ReasonDuplicateKey, `1 2`: events.ReasonNotJSON, `[1,]`: events.ReasonNotJSON,
	} {
		t.Run("not "+text, func(t *testing.T) {
			if _, reject := d.Record([]byte(text)); reject == nil || reject.Reason != reason {
				t.Errorf("it is rejected with %v, want %s", reject, reason)
			}
		})
	}
}

// FuzzRecord: no bytes make it panic.
func FuzzRecord(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,"x"]}`, `NaN`, `[-Infinity,1e999]`, `"\ud800"`, `-`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := Decoder{}
		if v, reject := d.Record(raw); reject != nil && v != nil {
			t.Fatal("it is rejected, and there is a value")
		}
	})
}
