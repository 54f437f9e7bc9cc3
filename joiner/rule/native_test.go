package rule

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
)

// both compiles an expression for the machine and natively.
func both(t interface{ Fatalf(string, ...any) }, expr string) (slow, fast condition) {
	tree, err := parse(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	alone, err := compileAlone(expr, nil)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	fast, ok := native(tree)
	if !ok {
		t.Fatalf("%s has no native form", expr)
	}
	run := interpret(alone.program)
	return func(o *events.Outcome) bool { yes, err := run(o); return yes && err == nil }, fast
}

// term draws an expression that has a native form.
func term(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := rapid.SampledFrom([]string{"type", "item_id", "outcome_id"})
		word := rapid.SampledFrom([]string{`"click"`, `"purchase"`, `""`, `'a'`, "`b`", `"\u00e9"`})
		number := rapid.SampledFrom([]string{"0", "1", "-1", "2.5", "-2.5", "1e300", "+3", "9007199254740993", "0x10",
			"-(-1)"})
		order := rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="})
		most := 8
		if depth == 0 {
			most = 5
		}
		switch rapid.IntRange(0, most).Draw(t, "form") {
		case 0:
			return fmt.Sprintf("%s %s %s", text.Draw(t, "variable"),
				rapid.SampledFrom([]string{"==", "!="}).Draw(t, "operator"), word.Draw(t, "word"))
		case 1:
			return fmt.Sprintf("%s == %s", word.Draw(t, "word"), text.Draw(t, "variable"))
		case 2:
			words := rapid.SliceOfN(word, 0, 12).Draw(t, "words")
			return fmt.Sprintf("%s %s [%s]", text.Draw(t, "variable"),
				rapid.SampledFrom([]string{"in", "not in"}).Draw(t, "operator"), strings.Join(words, ", "))
		case 3:
			return fmt.Sprintf("value %s %s", order.Draw(t, "operator"), number.Draw(t, "number"))
		case 4:
			return fmt.Sprintf("%s %s value", number.Draw(t, "number"), order.Draw(t, "operator"))
		case 5:
			return rapid.SampledFrom([]string{"has_value", "true", "false"}).Draw(t, "truth")
		case 6:
			return rapid.SampledFrom([]string{"!", "not "}).Draw(t, "not") + "(" + term(depth-1).Draw(t, "inner") + ")"
		}
		operator := rapid.SampledFrom([]string{"&&", "||", "and", "or"}).Draw(t, "operator")
		return fmt.Sprintf("(%s) %s (%s)", term(depth-1).Draw(t, "left"), operator, term(depth-1).Draw(t, "right"))
	})
}

// TestNativeSaysWhatTheMachineSays compares the two on drawn expressions and
// outcomes.
func TestNativeSaysWhatTheMachineSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := term(3).Draw(t, "expression")
		slow, fast := both(t, expr)
		words := rapid.SampledFrom([]string{"click", "purchase", "", "a", "b", "é", "other"})
		values := rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, -1, 2.5, 1e300, 3, 16, 9007199254740992,
			math.Inf(1), math.NaN()})
		for range 20 {
			o := &events.Outcome{
				Type: words.Draw(t, "type"), ItemID: words.Draw(t, "item"), ID: words.Draw(t, "id"),
				HasValue: rapid.Bool().Draw(t, "has value"), Value: values.Draw(t, "value"),
			}
			if a, b := slow(o), fast(o); a != b {
				t.Fatalf("%s: the machine says %v and the native form %v of %+v", expr, a, b, o)
			}
		}
	})
}

// TestEveryComparisonAgrees goes through all operators, both ways round, at and
// around the constants, where drawn outcomes seldom fall.
func TestEveryComparisonAgrees(t *testing.T) {
	values := []float64{-2.5, -1, 0, 1, 2.5, 3, math.Inf(1), math.NaN()}
	for _, operator := range []string{"==", "!=", "<", "<=", ">", ">="} {
		for _, number := range []string{"-2.5", "-1", "0", "+1", "3"} {
			for _, expr := range []string{"value " + operator + " " + number, number + " " + operator + " value"} {
				slow, fast := both(t, expr)
				for _, value := range values {
					for _, has := range []bool{true, false} {
						o := &events.Outcome{Value: value, HasValue: has}
						if a, b := slow(o), fast(o); a != b {
							t.Errorf("%s: the machine says %v and the native form %v of %+v", expr, a, b, o)
						}
					}
				}
			}
		}
	}
}

// TestCommonFormsAreNative holds the forms that configurations are made of to
// the fast path, so that it is not lost unnoticed.
func TestCommonFormsAreNative(t *testing.T) {
	for expr, want := range map[string]bool{
		`type == "click"`:                               true,
		`type in ["a", "b"]`:                            true,
		`type == "purchase" && value > 0`:               true,
		`type in ["a", "b"] and value <= -1.5`:          true,
		`type == "a" || type == "b" && !(value == 3.0)`: true,
		`has_value && item_id != ""`:                    true,
		`attrs.x == "y"`:                                false,
		`type contains "a"`:                             false,
		`value + 1 > 2`:                                 false,
		`type == item_id`:                               false,
		`value in [1, 2]`:                               false,
		`"a" < type`:                                    false,
	} {
		t.Run(expr, func(t *testing.T) {
			tree, err := parse(expr)
			if err != nil {
				t.Errorf("%s: %v", expr, err)
				return
			}
			if _, got := native(tree); got != want {
				t.Errorf("%s is native: %v, want %v", expr, got, want)
			}
		})
	}
}

func BenchmarkNative(b *testing.B) {
	for _, expr := range []string{`type == "click"`, `type in ["purchase", "order"] && value > 0`} {
		slow, fast := both(b, expr)
		o := &events.Outcome{Type: "order", Value: 3, HasValue: true}
		for name, f := range map[string]condition{"native": fast, "machine": slow} {
			b.Run(name+"/"+expr, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f(o)
				}
			})
		}
	}
}

func BenchmarkAttrs(b *testing.B) {
	f, err := Compile(`type == "view" && attrs.dwell_ms >= 3000`)
	if err != nil {
		b.Fatal(err)
	}
	o := &events.Outcome{Type: "view", Attrs: map[string]any{"dwell_ms": 4000.0}}
	b.ReportAllocs()
	for b.Loop() {
		f.Holds(o)
	}
}
