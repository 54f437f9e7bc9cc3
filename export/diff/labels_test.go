package diff_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/export/diff"
)

// judged is a row with what a program, people and outcomes say.
type judged struct {
	ID       string   `parquet:"request_id"`
	Item     *string  `parquet:"item_id,optional"`
	Revision int32    `parquet:"revision"`
	Reason   string   `parquet:"reason"`
	Weak     *int32   `parquet:"weak,optional"`
	WeakTS   *int64   `parquet:"weak_ts,optional"`
	People   *float64 `parquet:"people,optional"`
	PeopleTS *int64   `parquet:"people_ts,optional"`
	Class    *string  `parquet:"class,optional"`
	Sure     *bool    `parquet:"sure,optional"`
}

func labelsOf(t *testing.T, a, b string, o diff.Options, words ...string) *diff.LabelsResult {
	t.Helper()
	pairs, err := diff.PairsOf(words, b == "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := diff.CompareLabels(context.Background(), a, b, pairs, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCompareLabels: of one output at its newest revisions, with a table that says how often each pair
// of values comes.
func TestCompareLabels(t *testing.T) {
	yes, no, item, word := 1.0, 0.0, "i", "good"
	sure := true
	path := write(t,
		judged{ID: "a", Weak: one(1), People: &yes, Sure: &sure},
		judged{ID: "b", Weak: one(1), People: &yes},
		judged{ID: "b", Item: &item, Weak: one(1), People: &no},
		judged{ID: "c", Weak: one(0), People: &no},
		judged{ID: "d", Weak: one(0), People: &yes, Revision: 0},
		judged{ID: "d", Weak: one(0), People: &no, Revision: 1, Class: &word},
		judged{ID: "e", Weak: one(1)},
		judged{ID: "f"},
		judged{ID: "g", People: &yes},
		judged{ID: "h", Weak: one(1), People: &no},
		judged{ID: "h", Revision: 1, Reason: "withdrawn"},
	)
	r := labelsOf(t, path, "", diff.Options{Examples: 3}, "weak", "people")
	p := &r.Pairs[0]
	if r.Rows != 8 || p.Both != 5 || p.OnlyA != 1 || p.OnlyB != 1 || p.None != 1 {
		t.Errorf("%d rows, %d have both, %d only weak, %d only people, %d neither", r.Rows, p.Both, p.OnlyA, p.OnlyB, p.None)
	}
	if got := fmt.Sprint(p.Values, p.Table); got != "[0 1] [[2 0] [1 2]]" {
		t.Errorf("the table is %s", got)
	}
	// By hand: equal in 4 of 5; by chance 2/5*3/5 + 3/5*2/5 = 12/25, so kappa is (20-12)/(25-12).
	if got := fmt.Sprintf("%.4f %.4f %.4f %.4f", *p.Agree, *p.Kappa, *p.Precision, *p.Recall); got != "0.8000 0.6154 0.6667 1.0000" {
		t.Errorf("agreement, kappa, precision and recall are %s", got)
	}
	text := &strings.Builder{}
	if err := r.Print(text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"8 rows\n", "weak and people: both in 5 rows, 1 only weak, 1 only people, 1 neither",
		"equal 0.800; Cohen's kappa 0.615", `for one: request "b", item "i": 1 and 0`, "weak 1         1         2\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	if p := &labelsOf(t, path, "", diff.Options{}, "weak=sure", "people=class").Pairs[1]; p.Both != 1 || p.Kappa == nil || *p.Agree != 0 {
		t.Errorf("a number and a text: %+v", p)
	}
}

// TestCompareLabelsOfTwo: by the rows that both outputs have, and the same in many passes.
func TestCompareLabelsOfTwo(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 2))
	var a, b []judged
	want, rows := [2][2]int64{}, int64(0)
	for i := range 3000 {
		x, y := r.IntN(2), r.IntN(2)
		f := float64(y)
		inA, inB := r.IntN(10) > 0, r.IntN(10) > 0
		if inA {
			a = append(a, judged{ID: fmt.Sprint("r", i), Weak: one(int32(x))})
		}
		if inB {
			b = append(b, judged{ID: fmt.Sprint("r", i), People: &f})
		}
		if inA && inB {
			want[x][y]++
			rows++
		}
	}
	r.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
	pathA, pathB := write(t, a...), write(t, b...)
	for _, memory := range []int64{0, 20_000} {
		got := labelsOf(t, pathA, pathB, diff.Options{Memory: memory}, "weak=people")
		if table := fmt.Sprint(got.Pairs[0].Table); got.Rows != rows || table != fmt.Sprint(want) ||
			got.OnlyA != int64(len(a))-rows || got.OnlyB != int64(len(b))-rows {
			t.Errorf("seed %d, memory %d: %d rows, %d and %d in one, %s; want %d and %v", seed, memory, got.Rows, got.OnlyA, got.OnlyB,
				table, rows, want)
		}
	}
}

// What cannot be compared is refused, with the labels that there are.
func TestCompareLabelsRefused(t *testing.T) {
	path := write(t, judged{ID: "a"})
	_, err := diff.CompareLabels(context.Background(), path, "", []diff.LabelPair{{A: "weak", B: "gone"}}, diff.Options{})
	if err == nil || !strings.Contains(err.Error(), `no column "gone": its labels are weak, people`) {
		t.Errorf("a label that is not there: %v", err)
	}
	for _, words := range [][]string{{"weak"}, {"weak=weak"}, {"=weak"}, {"weak="}} {
		if pairs, err := diff.PairsOf(words, true); err == nil {
			t.Errorf("%q are %v", words, pairs)
		}
	}
	if pairs, err := diff.PairsOf([]string{"a", "b", "c", "c=d"}, true); err != nil || len(pairs) != 4 {
		t.Errorf("%v, %v", pairs, err)
	}
	other := filepath.Join(t.TempDir(), "x.parquet")
	if err := parquet.WriteFile(other, []struct{ X int64 }{{1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := diff.CompareLabels(context.Background(), other, "", nil, diff.Options{}); err == nil {
		t.Error("a file without request_id is compared")
	}
}
