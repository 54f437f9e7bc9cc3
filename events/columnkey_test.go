package events

import "testing"

// TestColumnKey: names that readers take for one have one key.
func TestColumnKey(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Age", "age", true}, {"age", "aged", false}, {"\u212Aey", "key", true}, {"\u212Aey", "KEY", true},
		{"\u017Fize", "size", false}, {"\u017Fize", "SIZE", false}, {"\u00C9t\u00E9", "\u00E9t\u00E9", true},
		{"\u212Bngstrom", "\u00E5ngstrom", true}, {"\u0131d", "id", false}, {"\u0130d", "id", true}, {"\u03C2", "\u03A3", false},
		{"stra\u00DFe", "strasse", false}, {"a\xff", "A\xff", true}, {"a\xff", "a", false},
	} {
		t.Run(c.a+" "+c.b, func(t *testing.T) {
			if got := SameColumn(c.a, c.b); got != c.same {
				t.Errorf("%q and %q are one column: %v, want %v", c.a, c.b, got, c.same)
			}
			if one := ColumnKey(c.a) == ColumnKey(c.b); one != c.same {
				t.Errorf("%q and %q have one key: %v, want %v", c.a, c.b, one, c.same)
			}
		})
	}
}
