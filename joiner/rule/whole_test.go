package rule

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

func wholeField(name string, n int64) events.Field {
	return events.Field{Name: name, Value: events.Value{Kind: events.ValueInt, Int: n}}
}

// wholeRow is a request whose features are as large as whole numbers can be, and an outcome of it.
func wholeRow() (*events.Outcome, *events.Request) {
	list := events.Value{Kind: events.ValueList, List: []events.Value{{Kind: events.ValueInt, Int: math.MaxInt64}}}
	return &events.Outcome{Type: "buy", Attrs: map[string]any{
			"big": 1e19, "list": []any{1.0, 2.0, 3.0}, "n": 3.0, "text": "9223372036854775807",
		}}, &events.Request{Features: []events.Field{
			wholeField("n", 4_000_000_000), wholeField("most", math.MaxInt64), wholeField("least", math.MinInt64),
			wholeField("one", 1), {Name: "list", Value: list},
		}}
}

// TestWholeNumbers calculates with whole numbers up to their 64 bits, and says of all that goes beyond that it cannot
// be evaluated: it never goes round to a wrong number.
func TestWholeNumbers(t *testing.T) {
	const beyond = "has more than 64 bits"
	for _, c := range []struct {
		expr, fault string
		want        float64
	}{
		{expr: `request.features.n * request.features.n`, fault: beyond},
		{expr: `request.features.n * 2`, want: 8e9},
		{expr: `request.features.n * -2305843010`, fault: beyond},
		{expr: `request.features.n * -2305843009 < 0 ? 1 : 0`, want: 1},
		{expr: `request.features.most + request.features.one`, fault: "the result of + has more than 64 bits: calculate with float(...) (at column 23"},
		{expr: `request.features.most + 0`, want: math.MaxInt64},
		{expr: `request.features.least + -1`, fault: beyond},
		{expr: `request.features.least - 1`, fault: beyond},
		{expr: `request.features.most - -1`, fault: beyond},
		{expr: `0 - request.features.least`, fault: beyond},
		{expr: `-1 - request.features.least`, want: math.MaxInt64},
		{expr: `-request.features.least`, fault: beyond},
		{expr: `-request.features.most`, want: -math.MaxInt64},
		{expr: `request.features.least * -1`, fault: beyond},
		{expr: `-1 * request.features.least`, fault: beyond},
		{expr: `request.features.least * 1`, want: math.MinInt64},
		{expr: `request.features.least * 0`, want: 0},
		{expr: `0 * request.features.least`, want: 0},
		{expr: `abs(request.features.least)`, fault: beyond},
		{expr: `abs(request.features.least + 1)`, want: math.MaxInt64},
		{expr: `int(attrs.big)`, fault: beyond},
		{expr: `int(-attrs.big)`, fault: beyond},
		{expr: `int(value)`, fault: "int of a number that is not given"},
		{expr: `int(value / 0)`, fault: "int of a number that is not given"},
		{expr: `int(1 / 0)`, fault: beyond},
		{expr: `int(attrs.n)`, want: 3},
		{expr: `int(attrs.text) + 1`, fault: beyond},
		{expr: `int("9223372036854775808")`, fault: "int(9223372036854775808)"},
		{expr: `int(request.features.most)`, want: math.MaxInt64},
		{expr: `float(request.features.n) * request.features.n`, want: 16e18},
		{expr: `request.features.n * 4e9`, want: 16e18},
		{expr: `request.features.n ** 2`, want: 16e18},
		{expr: `request.features.most / request.features.n > 2 ? 1 : 0`, want: 1},
		{expr: `attrs.big * attrs.big`, want: 1e38},
		{expr: `attrs.n * 2 + 1`, want: 7},
		{expr: `(attrs.gone ?? 4000000000) * request.features.n`, fault: beyond},
		{expr: `let x = request.features.n; x * x`, fault: beyond},
		{expr: `request.features.list[0] + 1`, fault: beyond},
		{expr: `count(request.features.list, # + 1 > 0)`, fault: beyond},
		{expr: `all(request.features.list, # - 1 > 0)`, want: 1},
		{expr: `request.features.n % 7`, want: 4_000_000_000 % 7},
		{expr: `request.features.least % -1`, want: 0},
		{expr: `request.features.n % 0`, fault: "divide by zero"},
		{expr: `len(type) * request.features.most`, fault: beyond},
		{expr: `attrs.list[value]`, fault: "a place in a list that is not given"},
		{expr: `attrs.list[attrs.big]`, fault: "out of range"},
		{expr: `attrs.list[1.0]`, want: 2},
		{expr: `attrs.list[len(attrs.list) - 1]`, want: 3},
		{expr: `len(attrs.list[value:])`, fault: "a place in a list that is not given"},
		{expr: `len(attrs.list[:value])`, fault: "a place in a list that is not given"},
		{expr: `len(attrs.list[1:attrs.big])`, fault: "out of range"},
		{expr: `"a" + type == "abuy" ? request.features.n + 0 : 0`, want: 4e9},
		{expr: `attrs.gone + request.features.n`, fault: "nil + number is not possible"},
		{expr: `-attrs.text`, fault: "- string"},
	} {
		t.Run(c.expr, func(t *testing.T) {
			o, req := wholeRow()
			v, err := CompileValue(c.expr)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Of(o, req, -1)
			switch {
			case c.fault == "" && (err != nil || !got.Has || got.Value != c.want):
				t.Errorf("%v, %v, want %v", got, err, c.want)
			case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
				t.Errorf("%v, %v, want %q", got, err, c.fault)
			}
		})
	}
}

// TestWholeNumbersEverywhere looks at each kind of expression: a condition and what of it the outcome alone can say, a
// column, a key, a label of labels, and what `labeljoin try` shows.
func TestWholeNumbersEverywhere(t *testing.T) {
	o, req := wholeRow()
	const beyond, product = "has more than 64 bits", `request.features.n * request.features.n`
	run := map[string]func() (error, error){
		"condition": func() (error, error) {
			c, err := Compile(`type == "buy" && ` + product + ` < 0`)
			if err != nil {
				return nil, err
			}
			yes, fault := c.InRow(o, req, -1)
			if yes {
				t.Error("it holds")
			}
			return fault, nil
		},
		"condition of the outcome": func() (error, error) {
			c, err := Compile(`int(attrs.text) + 1 < 0`)
			if err != nil {
				return nil, err
			}
			if c.Holds(o) {
				t.Error("it holds")
			}
			return errors.New(c.Fault(o)), nil
		},
		"condition in two parts": func() (error, error) {
			c, err := Compile(`int(attrs.text) + 1 < 0 && request.features.n > 1`)
			if err != nil {
				return nil, err
			}
			if c.Holds(o) {
				t.Error("it holds")
			}
			return errors.New(c.Fault(o)), nil
		},
		"column": func() (error, error) {
			c, err := CompileColumn(product, "")
			if err != nil {
				return nil, err
			}
			_, fault := c.Of(o, req, -1)
			return fault, nil
		},
		"key": func() (error, error) {
			key, err := CompileKey(`int(attrs.text) + 1`)
			if err != nil {
				return nil, err
			}
			_, fault := key(o)
			return fault, nil
		},
		"label of labels": func() (error, error) {
			of, err := CompileOf(`bought_ts * 4000000000 > 1h`, []string{"bought"})
			if err != nil {
				return nil, err
			}
			_, fault := of.Eval(func(string) (float64, bool) { return 1, true },
				func(string) (int64, bool) { return 4_000_000_000, true }, req, -1)
			return fault, nil
		},
		"try": func() (error, error) {
			trial, err := Try(product + ` > 1`)
			if err != nil {
				return nil, err
			}
			whole, _, _ := trial.Of(o, req, -1)
			return errors.New(whole.Fault), nil
		},
	}
	for name, eval := range run {
		t.Run(name, func(t *testing.T) {
			fault, err := eval()
			if err != nil {
				t.Fatal(err)
			}
			if fault == nil || !strings.Contains(fault.Error(), beyond) {
				t.Errorf("%v, want %q", fault, beyond)
			}
		})
	}
}

// TestWholeConstants refuses an expression that could never be evaluated, for SQL as well.
func TestWholeConstants(t *testing.T) {
	for _, c := range []struct {
		expr  string
		place string // of the operator; nothing if it is accepted
	}{
		{`value > 4000000000 * 4000000000`, "column 20"},
		{`value > 9223372036854775807 + 1`, "column 29"},
		{`value > -9223372036854775807 - 2`, "column 30"},
		{`value > -(-9223372036854775807 - 1)`, "column 9"},
		{`type == "a" || 2 * (4000000000 * 4000000000) > 1`, "column 32"},
		{`request.features.n > 4000000000 * 4000000000`, "column 33"},
		{`value > 4000000000 * 2000000000`, ""},
		{`value > -9223372036854775807 - 1`, ""},
		{`value > 4000000000.0 * 4000000000`, ""},
	} {
		t.Run(c.expr, func(t *testing.T) {
			_, err := Compile(c.expr)
			_, sql := Trees(c.expr)
			if c.place == "" {
				if err != nil || sql != nil {
					t.Errorf("%v, %v", err, sql)
				}
				return
			}
			for _, err := range []error{err, sql} {
				var e *Error
				if !errors.As(err, &e) || !strings.Contains(err.Error(), "has more than 64 bits") ||
					!strings.Contains(err.Error(), c.place) {
					t.Errorf("%v, want one at %s", err, c.place)
				}
			}
		})
	}
}

// BenchmarkWhole is a condition that multiplies two features.
func BenchmarkWhole(b *testing.B) {
	o, req := wholeRow()
	for _, expr := range []string{`request.features.n * 2 > 10`, `request.features.n > 10`, `value * 2 > 10 && request.features.n > 1`} {
		b.Run(expr, func(b *testing.B) {
			c, err := Compile(expr)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = c.InRow(o, req, -1)
			}
		})
	}
}
