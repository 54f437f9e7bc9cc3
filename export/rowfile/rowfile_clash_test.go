package rowfile

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// listed is a row whose features stand in the order given: names, and their
// numbers as values. "item:" before a name makes it the item's.
func listed(names ...string) sample {
	s := with(nil, nil)
	for i, name := range names {
		f := events.Field{Name: name, Value: integer(int64(i + 1))}
		if of, ok := strings.CutPrefix(name, "item:"); ok {
			if s.req.Items == nil {
				s.req.Items, s.row.Item = []events.Item{{ID: "i"}}, 0
			}
			f.Name = of
			s.req.Items[0].Features = append(s.req.Items[0].Features, f)
			continue
		}
		s.req.Features = append(s.req.Features, f)
	}
	s.row.Cells = make([]joiner.Cell, 1)
	return s
}

// featuresOf is where a row's features stand in a file, by their values.
func featuresOf(row record1) map[int64]string {
	out := map[int64]string{}
	for name, v := range row {
		n, ok := v.(int64) // of a declared one
		if f, double := v.(float64); double {
			n, ok = int64(f), true
		}
		if ok && n > 0 {
			out[n] = name
		}
	}
	return out
}

// TestNamesOfReusedMemory: a row is the caller's, and so are the names of its features, also where two of them clash.
func TestNamesOfReusedMemory(t *testing.T) {
	table := newLayout(t, Config{Labels: []joiner.Label{{Name: "clicked"}}}).NewTable(nil)
	b := table.NewBuilder()
	for _, names := range []string{"Age age n y", "age lo n y", "Age age n y"} {
		memory := []byte(names)
		row := listed(strings.Fields(unsafe.String(unsafe.SliceData(memory), len(memory)))...)
		if _, err := b.Add(&row.req, &row.row); err != nil {
			t.Fatal(err)
		}
		for i := range memory {
			memory[i] = 'x'
		}
	}
	table.Settle(b)
	var columns []string
	for _, c := range table.Columns() {
		if c.Kind == KindFeature {
			columns = append(columns, c.Name)
		}
	}
	if want := []string{"Age", "feature_age", "lo", "n", "y"}; !slices.Equal(columns, want) {
		t.Errorf("the columns are %q, want %q", columns, want)
	}
}

// TestOtherNameInTheSamePlace: a row whose names lie where those of a row before lay has its own columns.
func TestOtherNameInTheSamePlace(t *testing.T) {
	table := newLayout(t, Config{Labels: []joiner.Label{{Name: "clicked"}}}).NewTable(nil)
	b := table.NewBuilder()
	memory := []byte("lo n")
	for _, names := range []string{"lo n", "lo n", "hi n"} {
		copy(memory, names)
		row := listed(strings.Fields(unsafe.String(unsafe.SliceData(memory), len(memory)))...)
		if _, err := b.Add(&row.req, &row.row); err != nil {
			t.Fatal(err)
		}
	}
	table.Settle(b)
	var columns []string
	for _, c := range table.Columns() {
		if c.Kind == KindFeature {
			columns = append(columns, c.Name)
		}
	}
	if want := []string{"hi", "lo", "n"}; !slices.Equal(columns, want) {
		t.Errorf("the columns are %q, want %q", columns, want)
	}
}

// A feature whose column is taken has another one, which depends on its name and
// its request alone.
func TestFeaturesThatClash(t *testing.T) {
	long := strings.Repeat("a", 300)
	for name, c := range map[string]struct {
		config Config
		row    sample
		want   []string // the columns of the features, in order
	}{
		"own column":                 {row: listed("model"), want: []string{"feature_model"}},
		"own column in other case":   {row: listed("Model", "REASON"), want: []string{"feature_Model", "feature_REASON"}},
		"own column of an item":      {row: listed("item:id"), want: []string{"item_feature_id"}},
		"weight, though not kept":    {row: listed("weight"), want: []string{"feature_weight"}},
		"partition column":           {row: listed("dt", "DT"), want: []string{"feature_dt_2", "feature_DT"}},
		"label":                      {row: listed("clicked", "clicked_ts"), want: []string{"feature_clicked", "feature_clicked_ts"}},
		"label in other case":        {row: listed("Clicked"), want: []string{"feature_Clicked"}},
		"prefix of items":            {row: listed("item_x", "item:x"), want: []string{"feature_item_x", "item_x"}},
		"prefix of items, alone":     {row: listed("Item_x"), want: []string{"feature_Item_x"}},
		"item_id of both":            {row: listed("item_id", "item:id"), want: []string{"feature_item_id", "item_feature_id"}},
		"twice in one request":       {row: listed("a_b", "a_b", "a_b"), want: []string{"a_b", "feature_a_b", "feature_a_b_2"}},
		"twice in one item":          {row: listed("item:a", "item:a"), want: []string{"item_a", "item_feature_a"}},
		"case":                       {row: listed("age", "Age"), want: []string{"feature_age", "Age"}},
		"the Kelvin sign":            {row: listed("\u212Aey", "key"), want: []string{"feature_\u212Aey", "key"}},
		"the long s":                 {row: listed("\u017Fize", "size"), want: []string{"\u017Fize", "size"}},
		"case, the other way round":  {row: listed("Age", "age"), want: []string{"Age", "feature_age"}},
		"the other name is a name":   {row: listed("score", "feature_score"), want: []string{"feature_score", "feature_feature_score"}},
		"the other name, alone":      {row: listed("feature_score"), want: []string{"feature_feature_score"}},
		"the other name of an item":  {row: listed("item:id", "item:feature_id"), want: []string{"item_feature_id", "item_feature_feature_id"}},
		"the other name is taken":    {row: listed("a", "a", "feature_a"), want: []string{"a", "feature_a_2", "feature_a"}},
		"the other name is a label":  {config: Config{Labels: []joiner.Label{{Name: "feature_score"}}}, row: listed("score"), want: []string{"feature_score_2"}},
		"empty and underscore":       {row: listed("", "_"), want: []string{"feature_", "_"}},
		"control characters":         {row: listed("a\x01b", "a\u009bb", "a_b"), want: []string{"feature_a_b", "feature_a_b_2", "a_b"}},
		"bytes that are not UTF-8":   {row: listed("a\xff", "a\xfe"), want: []string{"feature_a_", "a_"}},
		"long":                       {row: listed(long, long), want: []string{columnName(long), columnName("feature_" + long)}},
		"renamed onto another":       {config: Config{Rename: map[string]string{"a": "b"}}, row: listed("b", "a"), want: []string{"feature_b", "b"}},
		"renamed out of the way":     {config: Config{Rename: map[string]string{"score": "sc", "features.dt": "day"}}, row: listed("score", "dt"), want: []string{"sc", "day"}},
		"renamed, both parts":        {config: Config{Rename: map[string]string{"item_x": "y"}}, row: listed("item_x", "item:x"), want: []string{"y", "item_feature_x"}},
		"left out":                   {config: Config{Rename: map[string]string{"features.score": "", "item_id": ""}}, row: listed("score", "b", "item:id"), want: []string{"", "b", ""}},
		"declared and renamed":       {config: Config{Rename: map[string]string{"score": "sc"}, Features: []Feature{{"score", "int64"}}}, row: listed("score"), want: []string{"sc"}},
		"declared in other case":     {config: Config{Features: []Feature{{"Age", "int64"}}}, row: listed("age"), want: []string{"Age"}},
		"declared for a taken name":  {config: Config{Features: []Feature{{"feature_dt", "int64"}}}, row: listed("dt"), want: []string{"feature_dt"}},
		"declared, left out":         {config: Config{Rename: map[string]string{"age": ""}, Features: []Feature{{"age", "int64"}}}, row: listed("age"), want: []string{""}},
		"an item's onto a request's": {config: Config{Rename: map[string]string{"items.x": "y"}}, row: listed("y", "item:x"), want: []string{"feature_y", "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.config.Labels == nil {
				c.config.Labels = []joiner.Label{{Name: "clicked"}}
			}
			b := newLayout(t, c.config).NewTable(nil).NewBuilder()
			// A row before and after, so that nothing depends on being the first.
			for range 3 {
				if unfit, err := b.Add(&c.row.req, &c.row.row); err != nil || unfit != 0 {
					t.Fatalf("%d do not fit: %v", unfit, err)
				}
			}
			moved := int64(0)
			for _, m := range b.Moved() {
				moved += m.Values
			}
			rows, columns := readAll(t, first(encode(t, b)))
			for i := range rows {
				got, others := featuresOf(rows[i]), 0
				for n, want := range c.want {
					if got[int64(n+1)] != want {
						t.Errorf("row %d: feature %d is in column %q, want %q, of %q", i, n+1, got[int64(n+1)], want, columns)
					}
					if strings.HasPrefix(want, "feature_") || strings.HasPrefix(want, "item_feature_") {
						others++
					}
				}
				if strings.HasPrefix(name, "declared for") || strings.HasPrefix(name, "the other name is taken") {
					others = int(moved) / 3 // one is called so by itself
				}
				if moved != int64(3*others) {
					t.Errorf("%d values were counted as moved, want %d", moved, 3*others)
				}
			}
			distinct(t, columns)
		})
	}
}

// distinct checks that no two columns are the same for a reader that ignores case.
func distinct(t *testing.T, columns []string) {
	t.Helper()
	seen := map[string]string{}
	for _, name := range columns {
		if other, ok := seen[strings.ToLower(name)]; ok {
			t.Fatalf("columns %q and %q differ in case at most", name, other)
		}
		seen[strings.ToLower(name)] = name
	}
}

// Whichever rows share a file, and in which order, each has its features in the
// same columns, and loses none.
func TestColumnsDoNotDependOnNeighbours(t *testing.T) {
	names := []string{
		"a", "A", "a_b", "A_B", "score", "Score", "feature_score", "feature_a", "item_x", "ITEM_x", "item:x", "item:X", "item:id",
		"item:feature_id", "dt", "clicked", "Clicked_ts", "", "_", "\x01", "feature_a_2", "k", "\u212a", "ä", "Ä",
	}
	seeds := uint64(60)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			l := newLayout(t, Config{Labels: []joiner.Label{{Name: "clicked"}}})
			var rows []sample
			for i := range 12 {
				var of []string
				for range rng.IntN(8) {
					of = append(of, names[rng.IntN(len(names))])
				}
				rows = append(rows, listed(of...))
				rows[i].req.ID = fmt.Sprint("r", i)
			}
			alone := make([]map[int64]string, len(rows))
			for i := range rows {
				data, _ := encode(t, build(t, l, rows[i:i+1]))
				got, columns := readAll(t, data)
				distinct(t, columns)
				alone[i] = lowered(featuresOf(got[0]))
				n := len(rows[i].req.Features)
				if rows[i].row.Item >= 0 {
					n += len(rows[i].req.Items[0].Features)
				}
				if len(alone[i]) != n {
					t.Fatalf("row %d has %d features, the file %d: %v", i, n, len(alone[i]), alone[i])
				}
			}
			order := rng.Perm(len(rows))
			var shuffled []sample
			for _, i := range order {
				shuffled = append(shuffled, rows[i])
			}
			data, sum := encode(t, build(t, l, shuffled))
			got, columns := readAll(t, data)
			distinct(t, columns)
			for at, i := range order {
				if together := lowered(featuresOf(got[at])); !maps.Equal(together, alone[i]) {
					t.Fatalf("row %d has its features in %v among others, alone in %v", i, together, alone[i])
				}
			}
			slices.Reverse(shuffled)
			if _, again := encode(t, build(t, l, shuffled)); !slices.Equal(again.Columns, sum.Columns) {
				t.Fatalf("columns %v in one order, %v in the other", sum.Columns, again.Columns)
			}
		})
	}
}

func lowered(columns map[int64]string) map[int64]string {
	for n, name := range columns {
		columns[n] = strings.ToLower(name)
	}
	return columns
}

// A row keeps as many features as the table has columns: the first ones, beside any other
// rows that bring no columns of their own.
func TestTooManyFeaturesOfARequest(t *testing.T) {
	l := newLayout(t, Config{Labels: []joiner.Label{{Name: "clicked"}}, Features: []Feature{{"f00003", "int64"}, {"f00059", "int64"}}})
	l.maxFeatures = 50
	wide := func(n int, more ...string) sample {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("f%05d", i))
		}
		return listed(append(names, more...)...)
	}
	for name, c := range map[string]struct {
		row   sample
		unfit int64
	}{
		"exactly":                {wide(49), 0},
		"one too many":           {wide(50), 1},
		"declared ones fit":      {wide(60), 10},
		"the request's first":    {wide(49, "item:x", "item:y"), 2},
		"a name twice among all": {wide(48, "f00000", "item:x"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			var want map[int64]string
			for _, before := range [][]sample{nil, {wide(40)}, {c.row, wide(3)}} {
				b := build(t, l, before)
				unfit, err := b.Add(&c.row.req, &c.row.row)
				if err != nil {
					t.Fatal(err)
				}
				rows, _ := readAll(t, first(encode(t, b)))
				got := featuresOf(rows[len(rows)-1])
				if want == nil {
					want = got
				}
				if unfit != c.unfit || !maps.Equal(got, want) {
					t.Fatalf("%d do not fit, want %d; kept %v, want %v", unfit, c.unfit, got, want)
				}
			}
		})
	}
}

// A name that an event repeats very often costs no more than as many names.
func TestAFeatureNameVeryOften(t *testing.T) {
	l := newLayout(t, Config{Labels: []joiner.Label{{Name: "clicked"}}})
	names := make([]string, 100_000)
	for i := range names {
		names[i] = "a"
	}
	s := listed(names...)
	b := l.NewTable(nil).NewBuilder()
	if unfit, err := b.Add(&s.req, &s.row); err != nil || unfit != int64(len(names)-MaxFeatures) {
		t.Fatalf("%d do not fit: %v", unfit, err)
	}
	if got := b.Moved(); len(got) > mostMoved+1 {
		t.Fatalf("%d features are counted one by one", len(got))
	}
}

// The memory of columns that few rows have is counted, or files would be
// finished too late.
func TestSizeOfSparseColumns(t *testing.T) {
	l := newLayout(t, Config{Labels: []joiner.Label{{Name: "clicked"}}})
	b := l.NewTable(nil).NewBuilder()
	for range 20_000 {
		s := listed()
		if _, err := b.Add(&s.req, &s.row); err != nil {
			t.Fatal(err)
		}
	}
	before := b.Size()
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprint("f", i))
	}
	s := listed(names...)
	if _, err := b.Add(&s.req, &s.row); err != nil {
		t.Fatal(err)
	}
	if grown := b.Size() - before; grown < 20_000*1000 {
		t.Fatalf("1,000 columns of 20,000 rows count for %d bytes", grown)
	}
}
