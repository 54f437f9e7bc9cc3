package rowfile

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// A declared float32 holds every number that is not too large, rounded to the nearest, and so do
// the elements of a list: in the file, read by the library, and read back by this package.
func TestSingles(t *testing.T) {
	whole := func(n int64) events.Value { return events.Value{Kind: events.ValueInt, Int: n} }
	number := func(x float64) events.Value { return events.Value{Kind: events.ValueDouble, Float: x} }
	list := func(of ...events.Value) events.Value { return events.Value{Kind: events.ValueList, List: of} }
	l := newLayout(t, Config{Labels: []joiner.Label{}, Features: []Feature{{Name: "x", Type: "float32"},
		{Name: "many", Type: "list<float32>"}}})
	table := l.NewTable(nil)
	b := table.NewBuilder()
	for i, step := range []struct {
		x, many events.Value
		unfit   int64
	}{
		{number(0.1), list(number(0.1), whole(1<<24+1), events.Value{}), 0},
		{whole(1<<24 + 1), list(), 0},
		{number(math.Copysign(0, -1)), events.Value{}, 0},
		{number(1e-46), list(number(3.4028235677973366e38)), 1}, // half a step above the largest rounds to infinity
		{number(3.4028235677973362e38), list(number(-1e39), number(2)), 1},
		{number(1e39), number(5), 2},
		{events.Value{Kind: events.ValueString, Str: "7"}, list(events.Value{Kind: events.ValueString, Str: "7"}), 2},
		{whole(math.MaxInt64), list(whole(math.MinInt64)), 0},
	} {
		s := with(values{"x": step.x, "many": step.many}, nil)
		if unfit, err := b.Add(&s.req, &s.row); err != nil || unfit != step.unfit {
			t.Errorf("row %d: %d values do not fit, want %d: %v", i, unfit, step.unfit, err)
		}
	}
	data, sum := encode(t, b)
	rows, _ := readAll(t, data)
	tenth, most := float32(0.1), float32(math.MaxFloat32)
	for i, step := range []struct{ x, many any }{
		{tenth, []any{tenth, float32(1 << 24), nil}},
		{float32(1 << 24), []any{}},
		{float32(math.Copysign(0, -1)), nil},
		{float32(0), []any{nil}},
		{most, []any{nil, float32(2)}},
		{nil, nil},
		{nil, []any{nil}},
		{float32(1 << 63), []any{float32(-1 << 63)}},
	} {
		if x, many := rows[i]["x"], rows[i]["many"]; !reflect.DeepEqual(x, step.x) || !reflect.DeepEqual(many, step.many) {
			t.Errorf("row %d: %#v and %#v, want %#v and %#v", i, x, many, step.x, step.many)
		}
	}
	if err := Verify(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
		t.Error(err)
	}
	if err := b.Reread(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
		t.Error(err)
	}
	if again, err := b.Digest(); err != nil || again.Hash != sum.Hash {
		t.Errorf("the digest is %s, the file's %s: %v", again.Hash, sum.Hash, err)
	}
	notes := table.Notes()
	if len(notes) != 2 || notes[0].Unfit != 4 || notes[0].Rounded+notes[1].Rounded != 0 {
		t.Errorf("notes %+v", notes)
	}
}

// Singles that repeat are in a dictionary, and read back the same.
func TestSinglesThatRepeat(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 32))
	l := newLayout(t, Config{Labels: []joiner.Label{}, Features: []Feature{{Name: "x", Type: "float32"}}})
	b := l.NewTable(nil).NewBuilder()
	want := make([]any, 5000)
	for i := range want {
		x := float64(rng.IntN(20)) / 10
		s := with(values{"x": {Kind: events.ValueDouble, Float: x}}, nil)
		if want[i] = float32(x); i%7 == 0 {
			s, want[i] = with(values{}, nil), nil
		}
		if _, err := b.Add(&s.req, &s.row); err != nil {
			t.Fatal(err)
		}
	}
	data, sum := encode(t, b)
	rows, _ := readAll(t, data)
	for i := range want {
		if rows[i]["x"] != want[i] {
			t.Fatalf("row %d is %#v, want %#v", i, rows[i]["x"], want[i])
		}
	}
	if err := b.Reread(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
		t.Error(err)
	}
	r := newReader(t, data)
	column := -1
	for i, c := range r.Columns() {
		if c.Name == "x" {
			column = i
		}
	}
	coded := false
	if err := r.ReadCoded(0, column, func(p *Part) error {
		coded = coded ||
			p.Dictionary != nil
		return nil
	}); err != nil || !coded {
		t.Errorf("the column has a dictionary: %v (%v)", coded, err)
	}
}

// Files with singles and files with doubles are merged to one with doubles, and files with singles
// alone to one with singles.
func TestSinglesAreMerged(t *testing.T) {
	file := func(typ string, x float64) []byte {
		l := newLayout(t, Config{Labels: []joiner.Label{}, Features: []Feature{{Name: "x", Type: typ},
			{Name: "many", Type: "list<" + typ + ">"}}})
		b := l.NewTable(nil).NewBuilder()
		v := events.Value{Kind: events.ValueDouble, Float: x}
		s := with(values{"x": v, "many": {Kind: events.ValueList, List: []events.Value{v, {}}}}, nil)
		if _, err := b.Add(&s.req, &s.row); err != nil {
			t.Fatal(err)
		}
		data, _ := encode(t, b)
		return data
	}
	for _, c := range []struct {
		other, merged string
		first, second any
	}{
		{"double", "double", float64(float32(0.1)), 0.1},
		{"float32", "float32", float32(0.1), float32(0.1)},
	} {
		t.Run(c.other, func(t *testing.T) {
			one, other := newReader(t, file("float32", 0.1)), newReader(t, file(c.other, 0.1))
			columns := slices.Clone(one.Columns())
			typ, err := ParseType(c.merged)
			if err != nil {
				t.Fatal(err)
			}
			for i := range columns {
				if columns[i].Name == "x" || columns[i].Name == "many" {
					columns[i].Type.Scalar = typ.Scalar
				}
			}
			var out bytes.Buffer
			l := newLayout(t, Config{Labels: []joiner.Label{}})
			sum, err := l.Merge(&out, []*Reader{one, other}, columns, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := Verify(bytes.NewReader(out.Bytes()), int64(out.Len()), &sum); err != nil {
				t.Error(err)
			}
			rows, _ := readAll(t, out.Bytes())
			want := fmt.Sprintf("%#v", []any{c.first, []any{c.first, nil}, c.second, []any{c.second, nil}})
			if got := fmt.Sprintf("%#v", []any{rows[0]["x"], rows[0]["many"], rows[1]["x"], rows[1]["many"]}); got != want {
				t.Errorf("merged %s, want %s", got, want)
			}
		})
	}
	if Converts("double", "float32") || Converts("int64", "float32") || !Converts("float32", "double") {
		t.Error("singles become doubles, and nothing becomes singles")
	}
}

func newReader(t *testing.T, data []byte) *Reader {
	t.Helper()
	r, err := NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
