package diff_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/export/diff"
)

type row struct {
	ID       string    `parquet:"request_id"`
	Item     *string   `parquet:"item_id,optional"`
	TS       time.Time `parquet:"request_ts,timestamp(microsecond)"`
	Revision int32     `parquet:"revision"`
	Reason   string    `parquet:"reason"`
	Clicked  *int32    `parquet:"clicked,optional"`
	Price    float64   `parquet:"price"`
	Tags     []string  `parquet:"tags,list"`
}

type wideRow struct {
	ID      string    `parquet:"request_id"`
	TS      time.Time `parquet:"request_ts,timestamp(microsecond)"`
	Clicked *float64  `parquet:"clicked,optional"`
	Price   int64     `parquet:"price"`
	Tags    []string  `parquet:"tags,list"`
}

func one(v int32) *int32 { return &v }

func at(second int) time.Time { return time.Unix(int64(1767225600+second), 0) }

func write[T any](t *testing.T, rows ...T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.parquet")
	if err := parquet.WriteFile(path, rows); err != nil {
		t.Fatal(err)
	}
	return path
}

func compare(t *testing.T, a, b string, o diff.Options) *diff.Result {
	t.Helper()
	r, err := diff.Compare(context.Background(), a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// found is a result in short.
func found(r *diff.Result) string {
	s := fmt.Sprintf("both %d onlyA %d onlyB %d differ %d", r.Both, r.OnlyA, r.OnlyB, r.Differ)
	for i := range r.Columns {
		if c := &r.Columns[i]; !c.Same() {
			s += fmt.Sprintf(" %s=%d/%d/%d/%d", c.Name, c.Matches, c.OnlyA, c.OnlyB, c.Differ)
		}
	}
	return s
}

func TestCompare(t *testing.T) {
	i, j := "i", "j"
	for name, c := range map[string]struct {
		a, b []row
		want string
	}{
		"the same":            {[]row{{ID: "a", Item: &i}, {ID: "b"}}, []row{{ID: "b"}, {ID: "a", Item: &i, Revision: 4, Reason: "corrected"}}, "both 2 onlyA 0 onlyB 0 differ 0"},
		"an item":             {[]row{{ID: "a", Item: &i}}, []row{{ID: "a", Item: &j}}, "both 0 onlyA 1 onlyB 1 differ 0"},
		"a value":             {[]row{{ID: "a", Price: 1}}, []row{{ID: "a", Price: 2}}, "both 1 onlyA 0 onlyB 0 differ 1 price=0/0/0/1"},
		"a null":              {[]row{{ID: "a", Clicked: one(0)}, {ID: "b"}}, []row{{ID: "a"}, {ID: "b", Clicked: one(1)}}, "both 2 onlyA 0 onlyB 0 differ 2 clicked=0/1/1/0"},
		"a list":              {[]row{{ID: "a", Tags: []string{"x"}}}, []row{{ID: "a", Tags: []string{"x", "y"}}}, "both 1 onlyA 0 onlyB 0 differ 1 tags=0/0/0/1"},
		"the newest revision": {[]row{{ID: "a", Price: 1}, {ID: "a", Price: 2, Revision: 1}}, []row{{ID: "a", Price: 2}}, "both 1 onlyA 0 onlyB 0 differ 0"},
		"withdrawn":           {[]row{{ID: "a"}, {ID: "a", Revision: 1, Reason: "withdrawn"}}, []row{}, "both 0 onlyA 0 onlyB 0 differ 0"},
		"a moved request":     {[]row{{ID: "a", TS: at(1)}, {ID: "a", TS: at(0), Revision: 1}}, []row{{ID: "a", TS: at(0)}}, "both 1 onlyA 0 onlyB 0 differ 0"},
		"an id used again":    {[]row{{ID: "a", TS: at(1)}, {ID: "a", TS: at(9)}}, []row{{ID: "a", TS: at(9)}, {ID: "a", TS: at(5)}}, "both 1 onlyA 1 onlyB 1 differ 0"},
	} {
		t.Run(name, func(t *testing.T) {
			if len(c.b) == 0 {
				c.b = []row{{ID: "other"}}
				c.a = append(c.a, c.b...)
				c.want = strings.Replace(c.want, "both 0", "both 1", 1)
			}
			if got := found(compare(t, write(t, c.a...), write(t, c.b...), diff.Options{})); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestOtherTypes: a number is its value whatever the type of its column.
func TestOtherTypes(t *testing.T) {
	clicked := 1.0
	a := write(t, row{ID: "a", TS: at(0), Clicked: one(1), Price: 3})
	b := write(t, wideRow{ID: "a", TS: at(0), Clicked: &clicked, Price: 3})
	if got := found(compare(t, a, b, diff.Options{})); got != "both 1 onlyA 0 onlyB 0 differ 0" {
		t.Error(got)
	}
}

// TestExamples names what differs.
func TestExamples(t *testing.T) {
	r := compare(t, write(t, row{ID: "a", Price: 1.5}, row{ID: "x"}), write(t, row{ID: "a", Price: 2}), diff.Options{})
	for _, want := range []string{`only in A: request "x"`, `for one: request "a": 1.5 in A, 2.0 in B`, "price: 0 match, 1 differ"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("%q is not in\n%s", want, r)
		}
	}
}

// TestManyPasses: with memory for a few rows at a time the result is the same.
func TestManyPasses(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	var a, b []row
	for i := range 3000 {
		x := row{ID: fmt.Sprint("r", i), TS: at(i), Price: float64(r.IntN(5))}
		if r.IntN(10) > 0 {
			a = append(a, x)
		}
		if r.IntN(10) == 0 {
			x.Price++
		}
		if r.IntN(10) > 0 {
			b = append(b, x)
		}
	}
	r.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
	pathA, pathB := write(t, a...), write(t, b...)
	want := found(compare(t, pathA, pathB, diff.Options{}))
	if got := found(compare(t, pathA, pathB, diff.Options{Memory: 20_000})); got != want {
		t.Errorf("seed %d: in passes %s, at once %s", seed, got, want)
	}
	if back := found(compare(t, pathA, pathA, diff.Options{Memory: 20_000})); !strings.HasSuffix(back, "onlyA 0 onlyB 0 differ 0") {
		t.Errorf("seed %d: with itself %s", seed, back)
	}
}

func TestNothingToCompare(t *testing.T) {
	for name, at := range map[string]string{"no files": t.TempDir(), "nothing": filepath.Join(t.TempDir(), "gone"), "other columns": write(t, struct{ X int64 }{1})} {
		t.Run(name, func(t *testing.T) {
			if _, err := diff.Compare(context.Background(), write(t, row{ID: "a"}), at, diff.Options{}); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestSkew has TFDV's counters: those of pairs, where neither having a feature is a match.
func TestSkew(t *testing.T) {
	a := write(t, row{ID: "a", Clicked: one(1)}, row{ID: "b", Clicked: one(0)}, row{ID: "c"}, row{ID: "d", Clicked: one(1)}, row{ID: "x"})
	b := write(t, row{ID: "a", Clicked: one(1)}, row{ID: "b", Clicked: one(1)}, row{ID: "c"}, row{ID: "d"})
	s := compare(t, a, b, diff.Options{}).Skew()
	if want := (diff.MatchStats{Base: 5, Test: 4, Identifiers: 5, MissingInBase: 0, MissingInTest: 1, Pairs: 4}); s.Match != want {
		t.Errorf("got %+v, want %+v", s.Match, want)
	}
	want := diff.FeatureSkew{Name: "clicked", Base: 3, Test: 2, Match: 2, BaseOnly: 1, Mismatch: 1, Diff: 2}
	for _, f := range s.Features {
		if f.Name == "clicked" && f != want {
			t.Errorf("got %+v, want %+v", f, want)
		}
	}
}
