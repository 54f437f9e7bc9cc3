package rowfile

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func integer(v int64) events.Value { return events.Value{Kind: events.ValueInt, Int: v} }
func text(s string) events.Value   { return events.Value{Kind: events.ValueString, Str: s} }

// with is a row of request features, and of item features if there are any.
func with(request map[string]events.Value, item map[string]events.Value) sample {
	s := sample{req: events.Request{ID: "r"}, row: joiner.Row{Item: -1}}
	for name, v := range request {
		s.req.Features = append(s.req.Features, events.Field{Name: name, Value: v})
	}
	if item != nil {
		s.req.Items, s.row.Item = []events.Item{{ID: "i"}}, 0
		for name, v := range item {
			s.req.Items[0].Features = append(s.req.Items[0].Features, events.Field{Name: name, Value: v})
		}
	}
	return s
}

type values = map[string]events.Value

func first(data []byte, _ Summary) []byte { return data }

func TestConfigClashes(t *testing.T) {
	for name, c := range map[string]Config{
		"label is a column":          {Labels: []joiner.Label{{Name: "score"}}},
		"label is another's time":    {Labels: []joiner.Label{{Name: "a_ts"}, {Name: "a"}}},
		"label twice":                {Labels: []joiner.Label{{Name: "a"}, {Name: "a"}}},
		"declared feature is taken":  {Features: []Feature{{"model", "string"}}},
		"declared twice":             {Features: []Feature{{"a", "string"}, {"a", "int64"}}},
		"unknown type":               {Features: []Feature{{"a", "text"}}},
		"unknown list":               {Features: []Feature{{"a", "list<text>"}}},
		"list not closed":            {Features: []Feature{{"a", "list<int64"}}},
		"name that cannot be":        {Features: []Feature{{"a\n", "int64"}}},
		"renamed onto an own column": {Rename: map[string]string{"a": "Reason"}},
		"label differs in case only": {Labels: []joiner.Label{{Name: "Score"}}},
		"declared in two cases":      {Features: []Feature{{"a", "string"}, {"A", "string"}}},
		"declared like a label":      {Labels: []joiner.Label{{Name: "a"}}, Features: []Feature{{"A", "string"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewLayout(c); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestDeclaredFeatures(t *testing.T) {
	l := newLayout(t, Config{Labels: []joiner.Label{}, Features: []Feature{
		{"b", "bool"}, {"i", "int64"}, {"d", "double"}, {"s", "string"}, {"li", "list<int64>"}, {"item_ls", "list<string>"}, {"never", "double"},
		{"j", "json"},
	}})
	double := func(f float64) events.Value { return events.Value{Kind: events.ValueDouble, Float: f} }
	list := func(vs ...events.Value) events.Value { return events.Value{Kind: events.ValueList, List: vs} }
	yes, null, raw := events.Value{Kind: events.ValueBool, Int: 1}, events.Value{}, events.Value{Kind: events.ValueJSON, Str: "[{}]"}
	b := l.NewTable(nil).NewBuilder()
	for i, c := range []struct {
		name  string
		v     events.Value
		want  any
		unfit int64
	}{
		{"b", yes, true, 0}, {"b", integer(1), nil, 1}, {"b", text("true"), nil, 1}, {"b", null, nil, 0},
		{"i", integer(5), int64(5), 0}, {"i", double(5), int64(5), 0}, {"i", double(5.5), nil, 1}, {"i", double(1e18), nil, 1},
		{"i", double(math.NaN()), nil, 1}, {"i", yes, nil, 1}, {"i", list(integer(1)), nil, 1},
		{"d", integer(5), 5.0, 0}, {"d", double(0.5), 0.5, 0}, {"d", text("0.5"), nil, 1},
		{"s", text("x"), "x", 0}, {"s", integer(5), "5", 0}, {"s", list(integer(1), text("a")), `[1,"a"]`, 0}, {"s", raw, "[{}]", 0},
		{"li", list(integer(1), null, text("a"), double(2)), []any{int64(1), nil, nil, int64(2)}, 1}, {"li", integer(1), nil, 1},
		{"li", raw, nil, 1}, {"li", list(), []any{}, 0},
		{"j", raw, "[{}]", 0}, {"j", text("x"), `"x"`, 0}, {"j", integer(5), "5", 0}, {"j", list(integer(1), yes), "[1,true]", 0},
		{"j", double(math.NaN()), `"NaN"`, 0}, {"j", null, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := with(values{c.name: c.v}, nil)
			unfit, err := b.Add(&s.req, &s.row)
			if err != nil || unfit != c.unfit {
				t.Fatalf("case %d: %d unfit, want %d: %v", i, unfit, c.unfit, err)
			}
			one := l.NewTable(nil).NewBuilder()
			if _, err := one.Add(&s.req, &s.row); err != nil {
				t.Fatal(err)
			}
			rows, columns := readAll(t, first(encode(t, one)))
			if !same(rows[0][c.name], c.want) {
				t.Fatalf("case %d: column %s holds %#v, want %#v", i, c.name, rows[0][c.name], c.want)
			}
			if want := []string{"b", "d", "i", "j", "li", "never", "s", "item_ls"}; !slices.Equal(columns[8:16], want) {
				t.Fatalf("columns %q, want %q: what is declared is always there", columns[8:16], want)
			}
		})
	}
}

// A key of every kind, and readers that still get a file.
func TestStrangeNamesAndValues(t *testing.T) {
	long := strings.Repeat("é", 1<<19)
	s := with(values{
		"": integer(1), "a.b": integer(2), "a\x00b\nc": integer(3), long: integer(4), long + "x": integer(5), "x\xff": integer(6), " ": integer(7),
		"bad": text("a\xffb"), "nan": {Kind: events.ValueDouble, Float: math.NaN()}, "inf": {Kind: events.ValueDouble, Float: math.Inf(-1)},
	}, nil)
	s.req.ID = "r\xff"
	other := with(values{"nan": text("x"), "inf": text("x")}, nil)
	other.req.ID = "s"
	l := newLayout(t, Config{Labels: []joiner.Label{}})
	data, sum := encode(t, build(t, l, []sample{s, other}))
	if err := Verify(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
		t.Fatal(err)
	}
	rows, columns := readAll(t, data)
	got := map[string]any{}
	numbers := 0
	for _, name := range columns {
		if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\n") {
			t.Errorf("column %q", name)
		}
		if v, ok := rows[0][name].(float64); ok && v > 0 && v < 8 {
			numbers++
		}
		got[name] = rows[0][name]
	}
	if numbers != 7 {
		t.Errorf("%d of 7 numbers are there, in columns %.40q", numbers, columns)
	}
	for name, want := range map[string]any{"request_id": "r\uFFFD", "bad": "a\uFFFDb", "inf": math.Inf(-1), "_": 1.0, "a.b": 2.0, "a_b_c": 3.0} {
		t.Run(name, func(t *testing.T) {
			if got[name] != want {
				t.Errorf("column %q holds %#v, want %#v", name, got[name], want)
			}
		})
	}
	if f, ok := rows[0]["nan"].(float64); !ok || !math.IsNaN(f) {
		t.Errorf("NaN came back as %#v", rows[0]["nan"])
	}
	if rows[1]["nan"] != nil {
		t.Errorf("a text in a column of doubles came back as %#v", rows[1]["nan"])
	}
}

func TestTooManyColumns(t *testing.T) {
	l := newLayout(t, Config{Labels: []joiner.Label{}})
	const most = 50
	l.maxFeatures = most
	wide := func(from, n int) sample {
		s := with(nil, nil)
		for i := range n {
			s.req.Features = append(s.req.Features, events.Field{Name: fmt.Sprintf("f%05d", from+i), Value: integer(int64(i))})
		}
		return s
	}
	b := l.NewTable(nil).NewBuilder()
	s := wide(0, most-1)
	if unfit, err := b.Add(&s.req, &s.row); err != nil || unfit != 0 {
		t.Fatal(unfit, err)
	}
	s = wide(most, 2)
	if unfit, err := b.Add(&s.req, &s.row); err != nil || unfit != 1 {
		t.Fatalf("%d unfit, want 1, which the table has no room for: %v", unfit, err)
	}
	data, _ := encode(t, b)
	if rows, columns := readAll(t, data); len(rows) != 2 || len(columns) != 10+most {
		t.Fatalf("%d rows, %d columns", len(rows), len(columns))
	}
	// No table has room for this one: the excess is null, and counted, each time.
	b = l.NewTable(nil).NewBuilder()
	for range 3 {
		s = wide(0, most+10)
		if unfit, err := b.Add(&s.req, &s.row); err != nil || unfit != 10 {
			t.Fatalf("%d unfit, want 10: %v", unfit, err)
		}
	}
}

func TestRowsThatCannotBe(t *testing.T) {
	l := newLayout(t, Config{})
	cells := make([]joiner.Cell, len(testLabels))
	for name, row := range map[string]joiner.Row{
		"item": {Item: 0, Cells: cells}, "negative item": {Item: -2, Cells: cells},
		"labels": {Item: -1}, "reason": {Item: -1, Cells: cells, Reason: 99},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := l.NewTable(nil).NewBuilder().Add(&events.Request{ID: "r"}, &row); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
	}
}
