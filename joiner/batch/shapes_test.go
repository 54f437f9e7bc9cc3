package batch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/joiner/batch"
)

// Texts come out as they were, whatever they are.
func TestShapesKeepTexts(t *testing.T) {
	for seed := range uint64(300) {
		g := rand.New(rand.NewPCG(seed, 11))
		texts := make([]string, g.IntN(300))
		for i := range texts {
			texts[i] = oddText(g)
		}
		if kept, _ := batch.Keep(texts); !slices.Equal(kept, texts) {
			for i := range texts {
				if kept[i] != texts[i] {
					t.Fatalf("seed %d: text %d is\n%q\nwant\n%q", seed, i, kept[i], texts[i])
				}
			}
		}
	}
}

// oddText is mostly one of a few objects, with values of all kinds, and sometimes no object.
func oddText(g *rand.Rand) string {
	value := func() string {
		return []string{`"a"`, `""`, `"a\"b"`, `"x:y,{}"`, `"\\\\"`, "0", "00", "7", "-1", "007", "12.50", "1e9", "999999999999999999",
			"1000000000000000000", "99999999999999999999999", "true", "null", `["a",1,"b"]`, `{"k":"v"}`, "", `"request`,
			fmt.Sprintf(`"%08d"`, g.IntN(3)), fmt.Sprintf(`"%s"`, strings.Repeat("é", g.IntN(300)))}[g.IntN(23)]
	}
	switch g.IntN(12) {
	case 0:
		return strings.Repeat("no object", g.IntN(3))
	case 1:
		return "{" + value() + value() + "}" + value()
	case 2:
		return fmt.Sprintf(`{ "request_id" : "%d", "ts" : %d }`, g.IntN(9), g.IntN(9))
	case 3:
		return fmt.Sprintf(`{"a%d":%s}`, g.IntN(40), value())
	case 4:
		return fmt.Sprintf(`{"request_id":"%08d","outcome_id":%s,"ts":%d}x`, g.IntN(9), value(), g.Int64())
	}
	return fmt.Sprintf(`{"request_id":"%08d","outcome_id":%s,"ts":%d}`, g.IntN(9), value(), g.Int64())
}

// Of texts that are alike only the values are kept, and one that comes again is not.
func TestShapesAreKeptOnce(t *testing.T) {
	var texts []string
	for i := range 1000 {
		texts = append(texts, fmt.Sprintf(`{"request_id":"%032d","outcome_id":"o-%06d","type":"click","ts":%d,"value":%d}`, i/2, i,
			1767225607327+i, i%100))
	}
	kept, size := batch.Keep(texts)
	if !slices.Equal(kept, texts) {
		t.Fatal("the texts are others")
	}
	if most := int64(1000 * 50); size > most {
		t.Errorf("%d bytes are kept, want no more than %d", size, most)
	}
}

// A text that is like a shape at its beginning only is kept as it is. What was noted of its values on the way does not
// serve the next text: other bytes stand there by then, which may look like a value of it.
func TestShapesForgetWhatDidNotFit(t *testing.T) {
	const number, digits = "111111111111111111", "11111111" // a value that is part of the number before it
	for name, c := range map[string]struct{ shape, unlike string }{
		"a text":          {`{%s,"%s","x"}`, `{%s,"%s","x"\`},
		"a number":        {`{%s,"%s",5}`, `{%s,"%s",\`},
		"more at the end": {`{%s,"%s","x"}`, `{%s,"%s","x"}\`},
	} {
		t.Run(name, func(t *testing.T) {
			texts := []string{
				fmt.Sprintf(c.shape, number, "aaaaaaaa"),
				fmt.Sprintf(c.unlike, number, "bbbbbbbb"),
				fmt.Sprintf(c.shape, number, digits),
			}
			if kept, _ := batch.Keep(texts); !slices.Equal(kept, texts) {
				t.Errorf("the texts are\n%q\nwant\n%q", kept, texts)
			}
		})
	}
	t.Run("another page", func(t *testing.T) {
		var texts []string
		for i := range 20_000 { // several pages
			texts = append(texts, fmt.Sprintf(`{"request_id":"%032d","outcome_id":"%06d"}`, i/3, i))
		}
		if kept, _ := batch.Keep(texts); !slices.Equal(kept, texts) {
			t.Error("the texts are others")
		}
	})
}
