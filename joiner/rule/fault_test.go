package rule

import (
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// TestFaults says of outcomes why a condition cannot be evaluated, and nothing where
// it can be, whether it holds or not.
func TestFaults(t *testing.T) {
	attrs := map[string]any{"ms": "31000", "n": 5.0, "list": []any{1.0}, "map": map[string]any{}, "yes": true, "nothing": nil, "secret": "s3cret", "escape": "\x1b[31m"}
	for _, c := range []struct{ expr, want string }{
		{`attrs.ms >= 30000`, "text >= number is not possible"},
		{`type == "dwell" && attrs.ms >= 30000`, "text >= number is not possible (at column 29 of the expression)"},
		{`type == "click" && attrs.ms >= 30000`, ""},
		{`attrs.gone > 3`, "nil > number is not possible"},
		{`attrs.nothing > 3`, "nil > number is not possible"},
		{`attrs.list > 3`, "list > number is not possible"},
		{`attrs.yes > 3`, "true or false > number is not possible"},
		{`attrs.n > 30000`, ""},
		{`attrs.n > 3`, ""},
		{`attrs.ms == "31000"`, ""},
		{`attrs.secret`, "it is neither true nor false, but text"},
		{`attrs.gone`, ""}, // nil is as good as false
		{`attrs.gone.more == 1`, "cannot fetch more from"},
		{`(attrs.gone ?? 0) > 3`, ""},
		{`int(attrs.secret) > 3`, "s"},
		{`int(attrs.escape) > 3`, "?[31m"},
		{`len(attrs.n) > 3`, "invalid argument for len"},
	} {
		t.Run(c.expr, func(t *testing.T) {
			f, err := Compile(c.expr)
			if err != nil {
				t.Fatal(err)
			}
			o := &events.Outcome{Type: "dwell", Attrs: attrs}
			got := f.Fault(o)
			if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got != "" && f.Holds(o) {
				t.Error("and yet it holds")
			}
			if len(got) > 300 || strings.ContainsRune(got, '\n') {
				t.Errorf("%q is no short line", got)
			}
		})
	}
	if f, err := Compile(`type == "click" && value > 3`); err != nil || f.Fault != nil {
		t.Errorf("a condition that can always be evaluated has a fault, or %v", err)
	}
}
