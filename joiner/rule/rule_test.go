package rule

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

func outcome(change func(*events.Outcome)) *events.Outcome {
	o := &events.Outcome{RequestID: "r", ID: "o1", Type: "click", ItemID: "a"}
	change(o)
	return o
}

func TestWhatQualifies(t *testing.T) {
	plain := outcome(func(*events.Outcome) {})
	priced := outcome(func(o *events.Outcome) { o.Type, o.Value, o.HasValue = "purchase", 9.5, true })
	zero := outcome(func(o *events.Outcome) { o.HasValue = true })
	rich := outcome(func(o *events.Outcome) {
		o.Attrs = map[string]any{
			"stars": 4.0, "tags": []any{"liked", "new"}, "cart": map[string]any{"total": 12.0}, "gift": true, "a b": "c",
		}
	})
	for _, c := range []struct {
		expr string
		o    *events.Outcome
		want bool
	}{
		{`type == "click"`, plain, true},
		{`type == "click"`, priced, false},
		{`"click" == type`, plain, true},
		{`type in ["purchase", "order"]`, priced, true},
		{`type not in ["purchase", "order"]`, plain, true},
		{`type in []`, plain, false},
		{`type == "purchase" && value > 0`, priced, true},
		{`type == "purchase" and value > 9.5`, priced, false},
		{`0 < value`, priced, true},
		{`value >= -1`, zero, true},
		{`has_value`, zero, true},
		{`has_value`, plain, false},
		{`value == 0`, zero, true},
		{`value == 0`, plain, false},
		{`value < 1 || value >= 1`, plain, false},
		{`value != 0`, plain, true},
		{`not (value > 0)`, plain, true},
		{`item_id == "a" && outcome_id != ""`, plain, true},
		{`attrs.stars >= 4`, rich, true},
		{`attrs.stars >= 4`, plain, false},
		{`not (attrs.stars >= 4)`, plain, false}, // it cannot be evaluated, so it does not qualify
		{`(attrs.stars ?? 0) < 4`, plain, true},
		{`attrs.stars > 3 || type == "click"`, plain, false},
		{`type == "click" || attrs.stars > 3`, plain, true},
		{`any(attrs.tags, # == "liked")`, rich, true},
		{`"new" in attrs.tags`, rich, true},
		{`"stars" in attrs`, rich, true},
		{`"stars" in attrs`, plain, false},
		{`attrs.cart.total > 10`, rich, true},
		{`attrs?.cart?.total > 10`, plain, false},
		{`attrs["a b"] == "c"`, rich, true},
		{`attrs.gift`, rich, true},
		{`attrs.stars`, rich, false}, // not a truth value
		{`attrs.nothing == nil`, plain, true},
		{`type matches "^cl"`, plain, true},
		{`upper(type) == "CLICK" && len(type) == 5`, plain, true},
		{`let x = attrs.stars; x > 3`, rich, true},
		{`int(attrs.tags) > 1`, rich, false},
		{`true`, plain, true},
	} {
		t.Run(c.expr, func(t *testing.T) {
			f, err := Compile(c.expr)
			if err != nil {
				t.Errorf("%s: %v", c.expr, err)
				return
			}
			if got := f.Holds(c.o); got != c.want {
				t.Errorf("%s is %v for %+v, want %v", c.expr, got, c.o, c.want)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{``, `the expression ends too early (at column 1 of the expression)`},
		{`type == `, `the expression ends too early`},
		{`typ == "x"`, `unknown name "typ"; did you mean "type"? (at column 1 of the expression)`},
		{`type == "a" && Valeu > 1`, `unknown name "Valeu"; did you mean "value"? (at column 16 of the expression)`},
		{"type == \"a\" &&\n  foo", `unknown name "foo": a text is written in quotes, "foo"; of names there are attrs, has_value, item, item_id, outcome_id, request, type, value (at line 2, column 3 of the expression)`},
		{`type in ("a", "b")`, `a list stands in brackets: type in ["a", "b"] (at column 13 of the expression)`},
		{`type = "click"`, `a single = is no comparison: write == (at column 6 of the expression)`},
		{`value`, `this is a number: compare it with something`},
		{`type`, `this is text: compare it with something`},
		{`type == 3`, `== stands between text and a number, which do not go together (at column 6`},
		{`value > "a"`, `> stands between a number and text, which do not go together`},
		{`type <> "a"`, `"not equal" is written !=`},
		{`type =~ "^a"`, `a pattern is matched with matches: type matches "^a"`},
		{`type like "a%"`, `like is not part of the language: write startsWith, endsWith, contains or matches`},
		{`value is not null`, `is is not part of the language: compare with nil, as in attrs.x != nil, or ask has_value`},
		{`NOT has_value`, `NOT is written in small letters`},
		{`value 3`, `"3" is not expected here (at column 7`},
		{`type.startswith("a")`, `only functions can, and an operator stands between: type startsWith "a"`},
		{`hasPrefx(type, "x")`, `unknown function "hasPrefx"; did you mean "hasPrefix"?`},
		{`now() > 3`, `unknown function "now"`},
		{`date("2020-01-01").Unix() > 3`, `unknown function "date"`},
		{`keys(attrs)[0] == "a"`, `unknown function "keys"`},
		{`toJSON(attrs) == ""`, `unknown function "toJSON"`},
		{`attrs.f()`, `an attribute cannot be called`},
		{`any(1..1000000, true)`, `ranges (..) are not part of the language`},
		{`any(attrs.x, any(attrs.y, # == 1))`, `any within another loop`},
		{`$env.type == "x"`, `$env is not part of the language`},
		{`type matches "["`, `error parsing regexp`},
		{`type matches attrs.pattern`, `must be text in quotes`},
		{`type matches (attrs.pattern ?? "a")`, `must be text in quotes`},
		{`not (type matches lower("A"))`, `must be text in quotes`},
		{`any(attrs.list, # matches item_id)`, `must be text in quotes`},
		{`let p = attrs.p; type matches p`, `must be text in quotes`},
		{`type == "` + strings.Repeat("x", maxBytes) + `"`, `4096 are allowed`},
		{strings.Repeat("!", 2000) + `true`, `exceeds`},
	} {
		t.Run(c.expr, func(t *testing.T) {
			_, err := Compile(c.expr)
			var known *Error
			if !errors.As(err, &known) {
				t.Errorf("%.60s: error %v is not ours", c.expr, err)
				return
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.60s: %q does not say %q", c.expr, err, c.want)
			}
			if known.Line < 1 || known.Column < 1 {
				t.Errorf("%.60s: no place: %+v", c.expr, known)
			}
		})
	}
}

func TestConcurrentCallsKeepApart(t *testing.T) {
	f, err := Compile(`attrs.n == value`) // runs on the machine
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 2000 {
				n := float64(worker*10_000 + i)
				o := &events.Outcome{HasValue: true, Value: n, Attrs: map[string]any{"n": n}}
				if !f.Holds(o) {
					t.Errorf("%v does not equal itself", n)
					return
				}
				if o.Value++; f.Holds(o) {
					t.Errorf("%v equals its successor", n)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestAnOutcomeIsNotChanged(t *testing.T) {
	f, err := Compile(`let tags = attrs.tags; count(tags, # == "b") == 1`)
	if err != nil {
		t.Fatal(err)
	}
	o := &events.Outcome{Attrs: map[string]any{"tags": []any{"a", "b"}}}
	for range 3 {
		if !f.Holds(o) {
			t.Fatal("the same outcome is judged differently the second time")
		}
	}
	if tags := o.Attrs["tags"].([]any); len(tags) != 2 || tags[0] != "a" || tags[1] != "b" {
		t.Errorf("attrs became %v", o.Attrs)
	}
}

func TestMemoryOfOneEvaluationIsBounded(t *testing.T) {
	if _, err := Compile(`all(attrs.s, len(map(attrs.s, [#, #, #, #])) > 0)`); err == nil {
		t.Fatal("map is not in the language, and yet it compiles")
	}
	f, err := Compile(`all(attrs.s, len([1, value, 3, 4]) == 4)`)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		n    int
		want bool
	}{{10, true}, {100_000, false}} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			o := &events.Outcome{Attrs: map[string]any{"s": make([]any, c.n)}}
			if got := f.Holds(o); got != c.want {
				t.Errorf("with %d elements it is %v, want %v", c.n, got, c.want)
			}
		})
	}
}

// FuzzCompile holds that no expression makes the compiler or a condition panic,
// and that a condition is a function: the same for the same outcome.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`type == "click"`, `type in ["a", "b"] && value >= -1.5e3`, `attrs.a.b > 3 ?? true`, `any(attrs.x, {# > 1})`,
		`let a = 1; a == value`, `type matches "a+" ? has_value : false`, `attrs["x"][0] == nil`, `1 in [1,2] | len()`,
		`{"a": 1}.a == 1`, `[1][:1] == [1]`, `"a" + "b" == type`, `-value ** 2 < 1`, `if true {true} else {false}`,
	} {
		f.Add(seed, "click", 1.5)
	}
	f.Fuzz(func(t *testing.T, expr, kind string, value float64) {
		cond, err := Compile(expr)
		if err != nil {
			return
		}
		o := &events.Outcome{Type: kind, Value: value, HasValue: !math.IsNaN(value),
			Attrs: map[string]any{"x": []any{1.0, "a"}, "a": map[string]any{"b": kind}}}
		if once, again := cond.Holds(o), cond.Holds(o); once != again {
			t.Errorf("%q says two things of %+v", expr, o)
		}
		if cond.Fault != nil && cond.Holds(o) && cond.Fault(o) != "" {
			t.Errorf("%q holds for %+v, and cannot be evaluated: %s", expr, o, cond.Fault(o))
		}
		if once, again := cond.Holds(&events.Outcome{}), cond.Holds(&events.Outcome{}); once != again {
			t.Errorf("%q says two things of an empty outcome", expr)
		}
	})
}
