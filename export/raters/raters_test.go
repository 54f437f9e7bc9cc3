package raters

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/export/stats"
)

// krippendorff is the worked example C of Krippendorff 2011: four observers, twelve units, and
// values that are missing.
var krippendorff = []string{
	"1 2 3 3 2 1 4 1 2 . . .",
	"1 2 3 3 2 2 4 1 2 5 . 3",
	". 3 3 3 2 3 4 2 2 5 1 .",
	"1 2 3 3 2 4 4 1 2 5 1 .",
}

// votesOf are the votes of raters, a line for each.
func votesOf(t *testing.T, lines ...string) *Votes {
	t.Helper()
	v := &Votes{}
	for unit := range strings.Fields(lines[0]) {
		said := map[string]any{}
		for i, line := range lines {
			x := 0.0
			if _, err := fmt.Sscan(strings.Fields(line)[unit], &x); err == nil {
				said[string(rune('a'+i))] = x
			}
		}
		if err := v.Add(said); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func near(got *float64, want float64) bool { return got != nil && math.Abs(*got-want) < 0.0005 }

// TestAlpha: the figures of Krippendorff 2011, of examples A (two observers, a binary variable), B (two
// observers, names) and C.
func TestAlpha(t *testing.T) {
	a := votesOf(t, krippendorff...).Agreement().Alpha
	if !near(a.Nominal, 0.743) || !near(a.Ordinal, 0.815) || !near(a.Interval, 0.849) {
		t.Errorf("example C: %s %s %s, published are 0.743, 0.815 and 0.849", Figure(a.Nominal), Figure(a.Ordinal),
			Figure(a.Interval))
	}
	if a := votesOf(t, "0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0").Agreement().Alpha; !near(a.Nominal, 0.095) {
		t.Errorf("example A: %s, published is 0.095", Figure(a.Nominal))
	}
	if a := votesOf(t, "1 1 2 2 4 3 3 3 5 4 4 1", "2 1 2 2 2 3 3 3 5 4 4 4").Agreement().Alpha; !near(a.Nominal, 0.692) {
		t.Errorf("example B: %s, published is 0.692", Figure(a.Nominal))
	}
	for name, lines := range map[string][]string{"one rater": {"1 2 3"}, "all the same": {"1 1", "1 1"},
		"nothing in common": {"1 .", ". 1"}} {
		t.Run(name, func(t *testing.T) {
			if a := votesOf(t, lines...).Agreement().Alpha; a.Nominal != nil || a.Ordinal != nil || a.Interval != nil {
				t.Errorf("%s: there is an alpha: %v", name, a)
			}
		})
	}
}

// TestKappa: 50 proposals and two readers, of whom both say yes to 20 and both no to 15: chance gives
// 0.5, and kappa is 0.4.
func TestKappa(t *testing.T) {
	a := strings.Repeat("1 ", 25) + strings.Repeat("0 ", 25)
	b := strings.Repeat("1 ", 20) + strings.Repeat("0 ", 5) + strings.Repeat("1 ", 10) + strings.Repeat("0 ", 15)
	got := votesOf(t, a, b).Agreement()
	if p := got.Pairs[0]; p.Common != 50 || !near(&p.Agree, 0.7) || !near(p.Kappa, 0.4) {
		t.Errorf("the pair is %+v with kappa %s", p, Figure(p.Kappa))
	}
	if p := votesOf(t, "1 1", "1 1").Agreement().Pairs[0]; p.Kappa != nil || p.Agree != 1 {
		t.Errorf("two who always say the same: %+v", p)
	}
}

// TestCarelessRater: of four raters one guesses. It is the first of the list, its kappa is about 0, and
// the others agree better without it.
func TestCarelessRater(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	v := &Votes{}
	for range 400 {
		truth := []string{"bad", "fair", "good"}[r.IntN(3)]
		said := map[string]any{"guesses": []string{"bad", "fair", "good"}[r.IntN(3)]}
		for _, name := range []string{"ann", "bob", "cy"} {
			if said[name] = truth; r.IntN(10) == 0 {
				said[name] = "fair"
			}
		}
		if err := v.Add(said); err != nil {
			t.Fatal(err)
		}
	}
	a := v.Agreement()
	first := a.Raters[0]
	if first.Name != "guesses" || math.Abs(*first.Kappa) > 0.1 || *first.Without < *a.Alpha.Nominal+0.3 {
		t.Errorf("the first is %q, kappa %s, alpha without %s, with all %s", first.Name, Figure(first.Kappa),
			Figure(first.Without), Figure(a.Alpha.Nominal))
	}
	if a.Alpha.Interval != nil || len(a.Pairs) != 6 || *a.Raters[1].Kappa < 0.5 {
		t.Errorf("texts have no numbers, and there are six pairs: %+v", a)
	}
}

// TestAnyOrderOfRows: the figures are the same, to the last bit, in whatever order rows come.
func TestAnyOrderOfRows(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	rows := make([]map[string]any, 200)
	for i := range rows {
		rows[i] = map[string]any{}
		for _, name := range []string{"a", "b", "c", "d", "e"}[:1+r.IntN(5)] {
			rows[i][name] = math.Round(r.Float64()*10) / 10
		}
	}
	add := func() Agreement {
		v := Votes{}
		for _, row := range rows {
			if err := v.Add(row); err != nil {
				t.Fatal(err)
			}
		}
		return v.Agreement()
	}
	want := add()
	for range 5 {
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		if got := add(); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\nis not\n%+v", got, want)
		}
	}
}

func TestWrongText(t *testing.T) {
	for _, text := range []string{"", "[1]", `{"a":[1]}`, `{"a":null}`} {
		if err := new(Votes).AddText(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestCollect: of a file, the votes of every label of votes, and of no column that only has such a name.
func TestCollect(t *testing.T) {
	type row struct {
		Good       *float64 `parquet:"good,optional"`
		GoodTS     *int64   `parquet:"good_ts,optional,timestamp(microsecond)"`
		GoodVotes  *int32   `parquet:"good_votes,optional"`
		GoodRaters *string  `parquet:"good_raters,optional"`
		BadRaters  *string  `parquet:"bad_raters,optional"`
	}
	path := filepath.Join(t.TempDir(), "rows.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[row](f)
	if _, err := w.Write([]row{
		{GoodRaters: new(`{"ann":"yes","bob":"yes"}`), BadRaters: new("a feature")}, {},
		{GoodRaters: new(`{"ann":"no","bob":"yes","cy":"no"}`)},
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := stats.OpenFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := files.Close(); err != nil {
			t.Error(err)
		}
	}()
	all, err := Collect(t.Context(), files.Sources)
	if err != nil || len(all) != 1 || all[0].Label != "good" || all[0].Rows != 2 || all[0].Votes != 5 ||
		len(all[0].Raters) != 3 {
		t.Fatalf("%+v (%v)", all, err)
	}
	var out strings.Builder
	if err := all[0].Print(&out); err != nil {
		t.Fatal(err)
	}
	want := `label "good": 2 rows with 5 votes of 3 raters; Krippendorff's alpha 0.333
rater  votes  agrees with others  kappa  alpha without
"bob"  2      0.333               0.000  -
"cy"   1      0.500               0.000  0.000
"ann"  2      0.667               0.000  0.000
`
	if !strings.HasPrefix(out.String(), want) {
		t.Errorf("printed is\n%s\nwant\n%s", out.String(), want)
	}
}
