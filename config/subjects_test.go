package config

import "testing"

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a.b", "a", false}, {"a.>", "a", false}, {"a.>", "a.b.c", true}, {">", "x", true},
		{"*.b", "a.*", true}, {"a.*", "a.b.c", false}, {"a.*.c", "a.b.>", true}, {"a.b.>", "a.c.>", false}, {"*", ">", true}, {"a.>", "a.>", true},
	} {
		t.Run(c.a, func(t *testing.T) {
			if got := overlap(c.a, c.b); got != c.want {
				t.Errorf("%s and %s overlap: %v, want %v", c.a, c.b, got, c.want)
			}
			if got := overlap(c.b, c.a); got != c.want {
				t.Errorf("%s and %s overlap: %v, want %v", c.b, c.a, got, c.want)
			}
		})
	}
}
