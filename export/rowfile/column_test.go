package rowfile

import (
	"strings"
	"testing"
)

// TestTextsAreUTF8: whatever bytes a text has and wherever they are, what a column gets of it is
// what the library makes of it.
func TestTextsAreUTF8(t *testing.T) {
	for size := range 40 {
		text := strings.Repeat("a\x00~", 14)[:size]
		if !isASCII([]byte(text)) || valid(text) != text {
			t.Fatalf("%q is not taken for ASCII", text)
		}
		for at := range size {
			for _, one := range []string{"\x80", "\xff", "é", "\u2028"} {
				other := text[:at] + one + text[at+1:]
				if isASCII([]byte(other)) {
					t.Fatalf("%q is taken for ASCII", other)
				}
				if want := strings.ToValidUTF8(other, "\uFFFD"); valid(other) != want {
					t.Fatalf("%q becomes %q, want %q", other, valid(other), want)
				}
			}
		}
	}
}

// TestNothingIsForeseenOfAnEmptyColumn: one whose first value comes late doubles, as others do, and does not copy
// all it has for every eighth that comes.
func TestNothingIsForeseenOfAnEmptyColumn(t *testing.T) {
	c := &column{}
	c.foresee(20)
	copies := 0
	for i := range 10_000 {
		before := cap(c.nums)
		if c.addInt(int64(i)); cap(c.nums) != before {
			copies++
		}
	}
	if copies > 12 {
		t.Errorf("it grew %d times", copies)
	}
}
