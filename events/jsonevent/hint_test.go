package jsonevent_test

import (
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestHints holds what is said of common mistakes.
func TestHints(t *testing.T) {
	var d jsonevent.Decoder
	for raw, want := range map[string]string{
		`{"request_id":"r","ts":"2026-11-29T03:58:58"}`:        "its offset from UTC is missing",
		`{"request_id":"r","ts":"2026-11-29 03:58:58Z"}`:       "write T between date and time",
		`{"request_id":"r","ts":"2026-11-29 03:58:58.123456"}`: "write T between date and time, and Z",
		`{"request_id":"r","ts":1764388738.25}`:                "an epoch is a whole number",
		`{"request_id":"r","ts":"1764388738"}`:                 "write an epoch as a number",
		`{"request_id":"r","ts":1764388738000000000}`:          "time_unit",
		``:                                    "(a delete marker), nothing is wrong",
		`not json`:                            `"not" is no value`,
		`None`:                                "Python's word",
		`{"a":True}`:                          "Python's word",
		`{'request_id':'r'}`:                  "double quotes",
		"\xff\xfe{\x00":                       "UTF-16",
		"\x1f\x8b\x08\x00":                    "gzip",
		`{"request_id":1.0,"ts":1}`:           "request_id 1.0 is a number with a fraction or an exponent",
		`{"request_id":"r","ts":"yesterday"}`: `bad_ts: ts "yesterday": want`,
		`{"request_id":"r","ts":1.5}`:         `bad_ts: ts 1.5: want`,
		`{"request_id":"r","ts":"` + strings.Repeat("9", 60) + `"}`:              `bad_ts: ts "` + strings.Repeat("9", 47) + `...: want`,
		`{"request_id":"r","ts":1,"items":[{"item_id":"a","position":"first"}]}`: `position is the string "first"`,
		`{"request_id":"r","ts":1,"items":[{"item_id":"a","position":1.5}]}`:     "position 1.5: want an integer",
		`{"request_id":"r","ts":1,"score":"1,5"}`:                                `score is the string "1,5"`,
	} {
		t.Run(raw, func(t *testing.T) {
			_, err := d.ScanRequest([]byte(raw))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want something about %q", raw, err, want)
			}
		})
	}
}

// TestOtherUnit finds the unit in which a timestamp would be near.
func TestOtherUnit(t *testing.T) {
	near := func(at events.Time) bool { return at > 1764000000e9 && at < 1765000000e9 }
	for raw, want := range map[string]string{
		`{"request_id":"r","ts":1764388738}`:             "s",
		`{"request_id":"r","ts":1764388738000}`:          "",
		`{"request_id":"r","ts":"1970-01-21T10:06:28Z"}`: "",
		`{"request_id":"r","ts":17}`:                     "",
	} {
		t.Run(raw, func(t *testing.T) {
			var d jsonevent.Decoder
			if got, _ := d.OtherUnit([]byte(raw), near); got != want {
				t.Errorf("%s: %q, want %q", raw, got, want)
			}
		})
	}
	right := jsonevent.Decoder{Unit: events.UnitS}
	if got, _ := right.OtherUnit([]byte(`{"request_id":"r","ts":1764388738,"type":"t"}`), near); got != "" {
		t.Errorf("%q for what is right already", got)
	}
}
