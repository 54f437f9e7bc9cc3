package gathered_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

func value(rng *rand.Rand, kind events.ValueKind) (v events.Value) {
	switch v.Kind = kind; kind {
	case events.ValueInt:
		v.Int = rng.Int64()
	case events.ValueDouble:
		v.Float = rng.NormFloat64()
	case events.ValueString:
		v.Str = strings.Repeat("x", rng.IntN(3))
	}
	return v
}

// features are some whose names, and mostly kinds, are those of a shape.
func features(rng *rand.Rand, shape int) (fields []events.Field) {
	for i := range 1 + shape%4 {
		kinds := [][]events.ValueKind{{events.ValueDouble, events.ValueInt}, {events.ValueString}, {events.ValueInt},
			{events.ValueDouble, events.ValueNull, events.ValueString}}[i]
		f := events.Field{Name: strings.Clone(fmt.Sprint("f", shape/4, i)), Value: value(rng, kinds[0])}
		if rng.IntN(9) == 0 {
			f.Value = value(rng, kinds[rng.IntN(len(kinds))])
		}
		fields = append(fields, f)
	}
	return fields
}

func names(fields []events.Field) string {
	text := ""
	for i := range fields {
		text += fields[i].Name + " "
	}
	return text
}

// TestColumnsAreValues: the columns have the values of all rows that are like the first, and of no fewer.
func TestColumnsAreValues(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	var rows gathered.Rows
	most := 0
	for range 300 {
		rows.Begin()
		list, shapes := rng.IntN(4) > 0, 1+rng.IntN(2)
		for range 1 + rng.IntN(20) {
			req := &events.Request{Features: features(rng, 2)}
			if rng.IntN(30) == 0 {
				req.Features = features(rng, rng.IntN(8))
			}
			if !list {
				rows.List = append(rows.List, joiner.Labeled{Request: req, Row: &joiner.Row{Item: -1}})
				continue
			}
			for i := range 1 + rng.IntN(5) {
				req.Items = append(req.Items, events.Item{Features: features(rng, rng.IntN(60)/59*shapes)})
				rows.List = append(rows.List, joiner.Labeled{Request: req, Row: &joiner.Row{Item: i}})
			}
		}
		rows.Gather()
		most = max(most, rows.Alike)
		for i := range rows.List {
			if like := likeFirst(&rows, i); like != (i < rows.Alike) {
				if i > rows.Alike {
					break // it comes after one that is not
				}
				t.Fatalf("seed %d: row %d of %d is like the first: %v; %d are gathered", seed, i, len(rows.List), like, rows.Alike)
			}
		}
		for i := range rows.List[:rows.Alike] {
			check(t, seed, rows.Columns(false), rows.List[i].Request.Features, i)
			if item := gathered.ItemOf(&rows.List[i]); item != nil {
				check(t, seed, rows.Columns(true), item.Features, i)
			}
		}
	}
	if most < 40 {
		t.Errorf("seed %d: at most %d rows are alike", seed, most)
	}
}

func likeFirst(rows *gathered.Rows, i int) bool {
	a, b := &rows.List[0], &rows.List[i]
	x, y := gathered.ItemOf(a), gathered.ItemOf(b)
	return names(a.Request.Features) == names(b.Request.Features) && (x == nil) == (y == nil) &&
		(x == nil || names(x.Features) == names(y.Features))
}

// check compares a row with the columns.
func check(t *testing.T, seed uint64, columns []events.FeatureColumn, fields []events.Field, row int) {
	t.Helper()
	for i := range fields {
		c, v := &columns[i], &fields[i].Value
		switch {
		case c.Name != fields[i].Name || c.Kinds>>v.Kind&1 == 0:
			t.Fatalf("seed %d: column %+v has no %+v", seed, c, fields[i])
		case c.Only(events.ValueString):
			if got := string(c.Text[c.Offsets[row]:c.Offsets[row+1]]); got != v.Str {
				t.Fatalf("seed %d: row %d is %q, want %q", seed, row, got, v.Str)
			}
		case c.Numbers():
			got := events.Value{Kind: c.KindOf(row), Int: int64(c.Words[row])}
			if got.Kind == events.ValueDouble {
				got.Int, got.Float = 0, math.Float64frombits(c.Words[row])
			}
			if got.Kind != v.Kind || got.Int != v.Int || got.Float != v.Float {
				t.Fatalf("seed %d: row %d is %+v, want %+v", seed, row, got, v)
			}
		}
	}
}

// TestLargeIsBounded: texts of a request are not repeated for its items without bounds.
func TestLargeIsBounded(t *testing.T) {
	req := &events.Request{Items: make([]events.Item, 5000), Features: []events.Field{
		{Name: "text", Value: events.Value{Kind: events.ValueString, Str: strings.Repeat("x", 5000)}}}}
	rows := gathered.Rows{}
	for i := range req.Items {
		rows.List = append(rows.List, joiner.Labeled{Request: req, Row: &joiner.Row{Item: i}})
	}
	rows.Gather()
	if n := len(rows.Columns(false)[0].Text); n > 5<<20 {
		t.Errorf("%d bytes are gathered", n)
	}
}

// TestCompleteIsWhatWasThere: rows whose columns are attached get the features that the columns were made of.
func TestCompleteIsWhatWasThere(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	attached := 0
	for range 300 {
		var rows gathered.Rows
		var want [][]events.Field
		for range 1 + rng.IntN(20) {
			want = append(want, features(rng, 2))
			rows.List = append(rows.List, joiner.Labeled{Request: &events.Request{Features: want[len(want)-1]}, Row: &joiner.Row{Item: -1}})
		}
		rows.Gather()
		odd := func(c events.FeatureColumn) bool { return !c.Numbers() && !c.Only(events.ValueString) }
		if columns := slices.Clone(rows.Columns(false)); !slices.ContainsFunc(columns, odd) {
			attached++
			for i := range rows.List {
				rows.List[i].Request = &events.Request{}
			}
			rows.Attach(columns)
			rows.Complete(0, len(rows.List))
		}
		for i := range rows.List {
			if got := rows.List[i].Request.Features; !reflect.DeepEqual(got, want[i]) {
				t.Fatalf("seed %d: row %d has %+v, want %+v", seed, i, got, want[i])
			}
		}
	}
	if attached < 30 {
		t.Errorf("seed %d: %d were attached", seed, attached)
	}
}
