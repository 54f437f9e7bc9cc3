package jetstream

import (
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"pgregory.net/rapid"
)

// patterns draws subjects over a small alphabet, so that they meet often.
func patterns(tail ...string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*"}), 0, 3).Draw(t, "parts")
		parts = append(parts, rapid.SampledFrom(append(tail, "a", "b", "*")).Draw(t, "last"))
		return strings.Join(parts, ".")
	})
}

// The server decides what a filter matches, so it is the reference.
func TestSubjectsAreMatchedAsTheServerDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := patterns(">").Draw(t, "a"), patterns(">").Draw(t, "b")
		if got, want := Overlap(a, b), server.SubjectsCollide(a, b); got != want {
			t.Fatalf("Overlap(%q, %q) is %v, the server says %v", a, b, got, want)
		}
		if Overlap(a, b) != Overlap(b, a) {
			t.Fatalf("Overlap(%q, %q) is not symmetric", a, b)
		}
		literal := strings.NewReplacer("*", "c", ">", "d").Replace(b)
		if got, want := covers(a, literal), server.SubjectsCollide(a, literal); got != want {
			t.Fatalf("covers(%q, %q) is %v, the server says %v", a, literal, got, want)
		}
		if covers(a, b) && !covers(a, literal) {
			t.Fatalf("%q covers %q but not %q", a, b, literal)
		}
		if covers(a, b) && !Overlap(a, b) {
			t.Fatalf("%q covers %q without overlap", a, b)
		}
	})
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		pattern, subject string
		want             bool
	}{
		{"a.>", "a.b", true},
		{"a.>", "a", false},
		{"a.>", "a.>", true},
		{"a.*", "a.>", false},
		{"a.*", "a.*", true},
		{"a.b", "a.*", false},
		{">", "*", true},
		{"*", ">", false},
		{"a.b", "a.b.c", false},
	} {
		t.Run(c.pattern, func(t *testing.T) {
			if got := covers(c.pattern, c.subject); got != c.want {
				t.Errorf("covers(%q, %q) is %v", c.pattern, c.subject, got)
			}
		})
	}
}

// TestPatternsTogether compares what patterns have in common, and what escapes two of them, with all
// subjects of a small world, in which z is what no pattern names.
func TestPatternsTogether(t *testing.T) {
	subjects := wordsOf([]string{"a", "z"}, 4)
	patterns := wordsOf([]string{"a", "*"}, 3)
	for _, p := range wordsOf([]string{"a", "*"}, 2) {
		patterns = append(patterns, p+".>")
	}
	patterns = append(patterns, ">")
	for _, p := range patterns {
		for _, q := range patterns {
			both, ok := common(p, q)
			for _, s := range subjects {
				if got, want := ok && covers(both, s), covers(p, s) && covers(q, s); got != want {
					t.Fatalf("%q and %q have %q in common, which takes %q: %v", p, q, both, s, got)
				}
			}
			for _, r := range patterns {
				want := slices.ContainsFunc(subjects, func(s string) bool { return covers(p, s) && !covers(q, s) && !covers(r, s) })
				if got := escapes(p, []string{q, r}); got != want {
					t.Fatalf("a subject of %q escapes %q and %q: %v", p, q, r, got)
				}
			}
		}
	}
	if !escapes("a.>", nil) || escapes(">", []string{"*", "*.*", "*.*.>"}) || !escapes(">", []string{"*", "*.*", "*.*.*.>"}) {
		t.Error("none, or three, cover another thing than they do")
	}
}

// wordsOf are all subjects of up to so many parts.
func wordsOf(parts []string, most int) []string {
	all, longest := slices.Clone(parts), parts
	for range most - 1 {
		var longer []string
		for _, begin := range longest {
			for _, part := range parts {
				longer = append(longer, begin+"."+part)
			}
		}
		all, longest = append(all, longer...), longer
	}
	return all
}

func TestCheckSubject(t *testing.T) {
	for _, good := range []string{"a", "a.b", "a.*.b", "a.>", ">", "*"} {
		if err := checkSubject(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", "a.>.b", "a b", "a.b*", "a.>b", "a\n"} {
		if err := checkSubject(bad); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestStreamName(t *testing.T) {
	for subject, want := range map[string]string{
		"requests.>": "requests", "labels.feed": "labels_feed", "a.*.b": "a_b", ">": "events", "a/b": "a_b",
	} {
		t.Run(subject, func(t *testing.T) {
			if got := streamName(subject); got != want {
				t.Errorf("%q becomes %q, want %q", subject, got, want)
			}
		})
	}
}
