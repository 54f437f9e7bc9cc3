package config

import (
	"strings"
	"testing"
)

// TestMappedInputs: what the settings of a mapping mean, and what is wrong with them.
func TestMappedInputs(t *testing.T) {
	for _, c := range []struct{ name, inputs, want string }{
		{"a mapping is json", "requests: {map: {request_id: event.id}}\n  outcomes: {}", ""},
		{"a preset that is changed", "search: {subject: ubi.>, format: ubi, map: {user_id: event.user, attrs: \"\"}}", ""},
		{"a format that is none", "clicks: {subject: a, kind: outcome, format: cvs}\n  requests: {}",
			`there is no format "cvs": did you mean csv?`},
		{"a format without a mapping", "clicks: {subject: a, kind: outcome, format: csv}\n  requests: {}",
			"inputs.clicks.map: is missing"},
		{"native with a mapping", "clicks: {subject: a, kind: outcome, format: native, only: event.x}\n  requests: {}",
			"format native has no mapping"},
		{"an expression as the kind of native events", "clicks: {subject: a, kind: event.k}\n  requests: {}\n  outcomes: {}",
			"an expression needs a map beside it"},
		{"a mapping without a kind", "clicks: {subject: a, map: {ts: event.t}}\n  requests: {}\n  outcomes: {}",
			"inputs.clicks.kind: is missing"},
		{"another unit", "requests: {time_unit: s, map: {ts: event.t}}\n  more: {subject: more, kind: request, time_unit: us}\n  outcomes: {}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode("", []byte("labels: {x: 'true'}\ninputs:\n  "+c.inputs+"\n"))
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("it says %v, want %q", err, c.want)
			}
		})
	}
	c, err := Decode("", []byte("labels: {x: 'true'}\ninputs:\n  search: {subject: ubi.>, format: ubi, map: {user_id: event.user, attrs: \"\"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	in := c.Inputs.Named("search")
	if _, attrs := in.Map["attrs"]; attrs || in.Map["user_id"] != "event.user" ||
		in.Map["request_id"] != "event.query_id" || in.Format != "json" {
		t.Errorf("a preset that is changed is %+v", in)
	}
	if !in.Brings(KindRequest) || !in.Brings(KindOutcome) {
		t.Error("a kind that is an expression may be both")
	}
	again, err := Decode("", c.Print())
	if err != nil || again.Fingerprint() != c.Fingerprint() {
		t.Errorf("printed and read again it is another one: %v", err)
	}
	plain, err := Decode("", []byte("labels: {x: 'true'}\n"))
	if err != nil || plain.Fingerprint() == c.Fingerprint() {
		t.Errorf("a mapping is not in the fingerprint: %v", err)
	}
}
