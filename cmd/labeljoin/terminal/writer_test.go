package terminal_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

func TestSafeWriter(t *testing.T) {
	for _, c := range []struct{ name, write, want string }{
		{"plain text", "a label\tis\nüber 日本 👍🏽", "a label\tis\nüber 日本 👍🏽"},
		{"control characters", "\x1b[2J\r\a\x00", `\u001b[2J\u000d\u0007\u0000`},
		{"C1 and DEL", "\u009b\u0085\x7f", `\u009b\u0085\u007f`},
		{"marks of direction", "a\u202eb\u2066c\u200f", `a\u202eb\u2066c\u200f`},
		{"separators", "a\u2028b\u2029", `a\u2028b\u2029`},
		{"bytes that are no text", "a\x9b\xffb", "a\ufffd\ufffdb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, at := range []int{0, 1, 2, len(c.write) / 2} {
				var out strings.Builder
				w := &terminal.SafeWriter{To: &out}
				for _, part := range []string{c.write[:at], c.write[at:], ""} {
					if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
						t.Fatal(n, err)
					}
				}
				if out.String() != c.want {
					t.Errorf("written in two parts at %d: %q, want %q", at, out.String(), c.want)
				}
			}
		})
	}
	t.Run("JSON stays JSON", func(t *testing.T) {
		const hostile = "\x1b]0;owned\x07\r\u202e\u2028\x7f\u009b31m"
		var out strings.Builder
		if err := json.NewEncoder(&terminal.SafeWriter{To: &out}).Encode(hostile); err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back != hostile || strings.ContainsFunc(strings.TrimSpace(out.String()), unicode.IsControl) {
			t.Errorf("%q is read as %q (%v)", out.String(), back, err)
		}
	})
	t.Run("a line stays a line", func(t *testing.T) {
		var out strings.Builder
		w := &terminal.LineWriter{To: &out}
		w.Line("id %s, %q", "a\nclicked is 1\tb", "c\nd")
		if want := `id a\u000aclicked is 1\u0009b, "c\\u000ad"` + "\n"; out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	})
}
