package rule

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
)

func aRequest() *events.Request {
	number := func(n int64) events.Value { return events.Value{Kind: events.ValueInt, Int: n} }
	return &events.Request{
		ID: "r", Model: "m1", UserID: "u1", Score: 0.5, HasScore: true,
		Features: []events.Field{
			{Name: "n", Value: number(9007199254740993)},
			{Name: "tags", Value: events.Value{Kind: events.ValueList, List: []events.Value{{Kind: events.ValueString, Str: "new"}}}},
			{Name: "deep", Value: events.Value{Kind: events.ValueJSON, Str: `[{"a": 1}]`}},
			{Name: "gone", Value: events.Value{}},
		},
		Items: []events.Item{
			{ID: "a", Position: 7, HasPosition: true, Features: []events.Field{{Name: "price", Value: number(5)}}},
			{ID: "b"},
		},
	}
}

func TestWhatTheRowSays(t *testing.T) {
	for _, c := range []struct {
		expr string
		item int
		want bool
	}{
		{`request.user_id == "u1" && request.model == "m1" && request.request_id == "r"`, -1, true},
		{`request.model_version == "" && request.score == 0.5`, -1, true},
		{`request.features.n == 9007199254740993 && string(request.features.n) == "9007199254740993"`, -1, true},
		{`"new" in request.features.tags`, -1, true},
		{`request.features.deep[0].a == 1`, -1, true},
		{`request.features.gone == nil && request.features["none"] == nil`, -1, true},
		{`let f = request.features; f.n > 0`, -1, true},
		{`request.features[type] == nil`, -1, true},
		{`item.item_id == "a" && item.position == 7 && item.features.price == 5`, 0, true},
		{`item.item_id == "b" && item.position == 1 && item.features.price == nil`, 1, true},
		{`item.score > 0 || item.score <= 0`, 0, false},
		{`item.item_id == "" && !(item.position <= 100) && !(item.position > 100)`, -1, true},
		{`type == "click" && request.user_id == "u1"`, -1, true},
		{`type == "buy" && request.user_id == "u1"`, -1, false},
		{`type == "buy" || request.user_id == "u1"`, -1, true},
		{`attrs.ms > 3 && request.user_id == "u1"`, -1, false},
		{`request.features.n < 3 && attrs.ms > "3"`, -1, false},
	} {
		t.Run(c.expr, func(t *testing.T) {
			condition, err := Compile(c.expr)
			if err != nil {
				t.Errorf("%s: %v", c.expr, err)
				return
			}
			o := &events.Outcome{Type: "click"}
			yes, err := condition.InRow(o, aRequest(), c.item)
			if got := condition.Holds(o) && yes && err == nil; got != c.want {
				t.Errorf("%s is %v (%v), want %v", c.expr, got, err, c.want)
			}
		})
	}
}

// TestPartsSayWhatTheWholeSays: what is asked of the outcome alone, and what of the row,
// is together what the whole expression says.
func TestPartsSayWhatTheWholeSays(t *testing.T) {
	part := rapid.SampledFrom([]string{
		`type == "click"`, `attrs.ms > 3`, `has_value`, `(attrs.ms ?? 0) < 9 || item.position > 1`, `item.position <= 1`,
		`request.user_id == attrs.user`, `not (request.features.n > value)`, `attrs.ms`, `attrs?.user == "u1"`,
		`(type == "click" && request.model == "m1")`, `item.features.price < 9`, `true`,
	})
	rapid.Check(t, func(t *rapid.T) {
		source := strings.Join(rapid.SliceOfN(part, 1, 5).Draw(t, "parts"),
			rapid.SampledFrom([]string{" && ", " and "}).Draw(t, "and"))
		condition, err := Compile(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		tree, err := parse(source)
		if err != nil {
			t.Fatal(err)
		}
		row, err := compileRow(source, nil)
		if err != nil {
			t.Fatal(err)
		}
		whole := inRow(row.program, looksOf(tree))
		for range 10 {
			o := &events.Outcome{Type: rapid.SampledFrom([]string{"click", "buy"}).Draw(t, "type"),
				HasValue: rapid.Bool().Draw(t, "has value")}
			o.Attrs = map[string]any{}
			if rapid.Bool().Draw(t, "ms") {
				o.Attrs["ms"] = rapid.SampledFrom([]any{1.0, 5.0, "5", true}).Draw(t, "how many")
			}
			if rapid.Bool().Draw(t, "user") {
				o.Attrs["user"] = rapid.SampledFrom([]any{"u1", "u2", 1.0}).Draw(t, "which")
			}
			item := rapid.IntRange(-1, 1).Draw(t, "item")
			out, err := whole(o, aRequest(), item)
			want := err == nil && out == true
			got := condition.Holds(o)
			if condition.InRow != nil {
				few := *o
				if !condition.AllAttrs { // what it does not look at is not there
					few.Attrs = map[string]any{}
					for name, value := range o.Attrs {
						if slices.Contains(condition.Attrs, name) {
							few.Attrs[name] = value
						}
					}
				}
				yes, err := condition.InRow(&few, aRequest(), item)
				got = got && err == nil && yes
			}
			if got != want {
				t.Fatalf("%s of %+v, item %d: the parts say %v, the whole %v (%v)", source, o, item, got, out, err)
			}
		}
	})
}

func TestAttributesThatAreLookedAt(t *testing.T) {
	for expr, want := range map[string]string{
		`type == "a" && attrs.x > 1 && item.position < 3`: "",
		`attrs.x == request.user_id && attrs?.y.z > 1`:    "x",
		`attrs.x == request.user_id || attrs["y"].z > 1`:  "x y",
		`"x" in attrs && request.model == ""`:             "",
		`"x" in attrs || request.model == ""`:             "all",
		`attrs[request.model] == 1`:                       "all",
		`let a = attrs; a.x == request.model`:             "all",
	} {
		t.Run(expr, func(t *testing.T) {
			condition, err := Compile(expr)
			if err != nil {
				t.Errorf("%s: %v", expr, err)
				return
			}
			got := strings.Join(condition.Attrs, " ")
			if condition.AllAttrs {
				got = "all"
			}
			if got != want {
				t.Errorf("%s looks at %q, want %q", expr, got, want)
			}
		})
	}
}

func TestWhatIsNotInARow(t *testing.T) {
	for expr, want := range map[string]string{
		`position <= 3`:                `the row's item has it: item.position (at column 1 of the expression)`,
		`features.x == 1`:              `request.features or item.features`,
		`user_id == "a"`:               `the request has it: request.user_id`,
		`request.userid == "a"`:        `unknown name of the request "userid"; did you mean "user_id"? (at column 9 of the expression)`,
		`item.colour == "a"`:           `unknown name of the item "colour"; there are features, item_id, position, score`,
		`request.user_id == 3`:         `stands between text and a number`,
		`request.features.f() == true`: `cannot be called`,
	} {
		t.Run(expr, func(t *testing.T) {
			_, err := Compile(expr)
			var known *Error
			if !errors.As(err, &known) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", expr, err, want)
			}
		})
	}
}

func TestFaultsOfRows(t *testing.T) {
	condition, err := Compile(`type == "click" && item.features.price < attrs.max`)
	if err != nil {
		t.Fatal(err)
	}
	o := &events.Outcome{Type: "click"}
	_, err = condition.InRow(o, aRequest(), 0)
	if want := "number < nil is not possible (at column 40 of the expression)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		expr string
		want Number
		err  string
	}{
		{`value`, Number{9, true}, ""},
		{`attrs.ms / 1000`, Number{1.5, true}, ""},
		{`attrs.none`, Number{}, ""},
		{`attrs.none / 2`, Number{}, "nil / number is not possible"},
		{`attrs.name`, Number{}, "it is no number"},
		{`1 / 0`, Number{}, ""},
		{`value > 3`, Number{1, true}, ""},
		{`value > 30`, Number{0, true}, ""},
		{`value / item.features.price`, Number{1.8, true}, ""},
		{`request.score * 2`, Number{1, true}, ""},
		{`len(type)`, Number{5, true}, ""},
	} {
		t.Run(c.expr, func(t *testing.T) {
			v, err := CompileValue(c.expr)
			if err != nil {
				t.Errorf("%s: %v", c.expr, err)
				return
			}
			o := &events.Outcome{Type: "click", Value: 9, HasValue: true, Attrs: map[string]any{"ms": 1500.0, "name": "x"}}
			got, err := v.Of(o, aRequest(), 0)
			if math.Abs(got.Value-c.want.Value) > 1e-15 || got.Has != c.want.Has || (err == nil) != (c.err == "") ||
				err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s is %v (%v), want %v (%s)", c.expr, got, err, c.want, c.err)
			}
		})
	}
	for expr, want := range map[string]string{
		`type`:        "the value must be a number, but this is text",
		`attrs`:       "but this is an object",
		`attrs.ms /`:  "ends too early",
		`secs / 1000`: `unknown name "secs"`,
	} {
		t.Run(expr, func(t *testing.T) {
			if _, err := CompileValue(expr); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", expr, err, want)
			}
		})
	}
}
