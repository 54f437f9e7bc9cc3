package rowfile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// alikeSamples are samples of which many have the features of the one before.
func alikeSamples(rng *rand.Rand, n int) []sample {
	out := samples(rng, n)
	again := func(before []events.Field) (now []events.Field) {
		for _, f := range before {
			if rng.IntN(20) == 0 {
				f.Value = value(rng, events.ValueKind(rng.IntN(int(events.ValueJSON)+1)))
			} else {
				f.Value = value(rng, f.Value.Kind)
			}
			now = append(now, f)
		}
		return now
	}
	for i := 1; i < n; i++ {
		if rng.IntN(10) == 0 {
			continue
		}
		s, before := &out[i], &out[i-1]
		s.row.Item = before.row.Item
		s.req.Items = slices.Clone(before.req.Items)
		s.req.Features = again(before.req.Features)
		for j := range s.req.Items {
			s.req.Items[j].Features = again(before.req.Items[j].Features)
		}
	}
	return out
}

// plainSamples are samples without items, whose features are numbers and texts, and mostly those of the one before.
func plainSamples(rng *rand.Rand, n int) []sample {
	out := samples(rng, n)
	kinds := [][]events.ValueKind{{events.ValueInt}, {events.ValueDouble}, {events.ValueInt, events.ValueDouble}, {events.ValueString}}
	var names []string
	var of [][]events.ValueKind
	for i := range out {
		s := &out[i]
		if s.row.Item, s.req.Items, s.req.Features = -1, nil, nil; i == 0 || rng.IntN(40) == 0 {
			names, of = nil, nil
			for _, k := range rng.Perm(8)[:1+rng.IntN(7)] {
				names, of = append(names, fmt.Sprint("f", k)), append(of, kinds[rng.IntN(len(kinds))])
			}
		}
		for k := range names {
			v := value(rng, of[k][rng.IntN(len(of[k]))])
			s.req.Features = append(s.req.Features, events.Field{Name: names[k], Value: v})
		}
	}
	return out
}

// Rows that are added together make the file that they make one by one.
func TestRunsAreRows(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 15
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 33))
		in := alikeSamples(rng, 1+rng.IntN(300))
		if seed%3 == 0 {
			in = plainSamples(rng, len(in))
		}
		l := newLayout(t, Config{Labels: testLabels, Features: []Feature{{Name: "f0", Type: "double"},
			{Name: "f1", Type: "int64"}, {Name: "f2", Type: "string"}, {Name: "f5", Type: "float32"},
			{Name: "f6", Type: "list<float32>"}, {Name: "item_item0",
				Type: "float32"}}, Rename: map[string]string{"features.f3": "other", "features.f4": ""}})
		cut, files := rng.IntN(len(in)), [2][]byte{}
		var told [2]string
		for way := range files {
			table := l.NewTable(nil)
			var unfit int64
			for _, part := range [][]sample{in[:cut], in[cut:]} { // in the second file, columns have types
				b := table.NewBuilder()
				unfit += addParts(t, b, part, way == 1, rng)
				unfit += table.Settle(b)
				told[way] += fmt.Sprint(b.Size(), b.Rows(), b.Moved(), b.dropped, b.tooWide)
				if b.Rows() > 0 {
					if b.Finish(); way == 1 && rng.IntN(2) == 0 {
						b.CodeTexts()
					}
					data, sum := encode(t, b)
					if err := b.Reread(bytes.NewReader(data), int64(len(data)), &sum); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					files[way] = append(files[way], data...)
				}
			}
			told[way] += fmt.Sprint(unfit, table.Notes(), reflect.ValueOf(table.Mistaken()).IsNil())
		}
		if told[0] != told[1] {
			t.Fatalf("seed %d: one by one\n%s\ntogether\n%s", seed, told[0], told[1])
		}
		if !bytes.Equal(files[0], files[1]) {
			t.Fatalf("seed %d: the files differ", seed)
		}
	}
}

// TestLargeRequestIsGatheredOnce: of a request whose text is too large to be there for each item, the rows are added
// one by one, and not gathered again for those that are left.
func TestLargeRequestIsGatheredOnce(t *testing.T) {
	const items = 500
	b := newLayout(t, Config{Labels: testLabels}).NewTable(nil).NewBuilder()
	for n := range 2 {
		req := events.Request{ID: fmt.Sprint("r", n), Features: []events.Field{
			{Name: "n", Value: events.Value{Kind: events.ValueInt, Int: 7}},
			{Name: "text", Value: events.Value{Kind: events.ValueString, Str: strings.Repeat("x", 10_000)}}}}
		rows := &gathered.Rows{}
		for i := range items {
			req.Items = append(req.Items, events.Item{ID: fmt.Sprint("i", i)})
			rows.List = append(rows.List, joiner.Labeled{Request: &req, Row: &joiner.Row{Item: i,
				Cells: make([]joiner.Cell, len(testLabels))}})
		}
		if _, err := b.AddAll(rows, 0, items); err != nil {
			t.Fatal(err)
		}
	}
	if b.Rows() != 2*items {
		t.Errorf("%d rows", b.Rows())
	}
	if last := len(b.gathered.Columns(false)[0].Words); last != items {
		t.Errorf("the last time, %d rows were gathered: they were gathered again and again", last)
	}
}

// attached are the rows, if all are alike and have no items: their requests have their features in columns alone.
func attached(rows *gathered.Rows) (*gathered.Rows, bool) {
	list := rows.List
	odd := func(c events.FeatureColumn) bool { return !c.Numbers() && !c.Only(events.ValueString) }
	columns := slices.Clone(rows.Columns(false))
	if rows.Alike < len(list) || gathered.ItemOf(&list[0]) != nil || len(columns) == 0 || slices.ContainsFunc(columns, odd) {
		return rows, false
	}
	out := &gathered.Rows{}
	for _, l := range list {
		bare := *l.Request
		bare.Features = nil
		out.List = append(out.List, joiner.Labeled{Request: &bare, Row: l.Row})
	}
	out.Attach(columns)
	return out, true
}

// coded gives some columns of texts a book, which has texts too that are in no row.
func coded(rows *gathered.Rows, rng *rand.Rand) {
	columns := rows.Columns(false)
	for i := range columns {
		c := &columns[i]
		if !rows.Attached() || !c.Only(events.ValueString) || rng.IntN(3) == 0 {
			continue
		}
		texts := []string{"no row has it", "\xff"}
		for row := range rows.List {
			texts = append(texts, c.Value(row).Str)
		}
		rng.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		book := &events.Book{Offsets: []uint32{0}}
		for _, text := range texts { // one that is there twice has two codes
			book.Text = append(book.Text, text...)
			book.Offsets = append(book.Offsets, uint32(len(book.Text)))
		}
		var codes []uint32
		for row := range rows.List {
			codes = append(codes, uint32(slices.Index(texts, c.Value(row).Str)))
		}
		c.Text, c.Offsets, c.Book, c.Codes = nil, nil, book, codes
	}
}

// TestAttachedRowsOfAll: most rows of plain samples can be attached, so that TestRunsAreRows is about those too.
func TestAttachedRowsOfAll(t *testing.T) {
	some := 0
	for seed := range uint64(50) {
		in := plainSamples(rand.New(rand.NewPCG(seed, 1)), 20)
		rows := &gathered.Rows{}
		for i := range in {
			rows.List = append(rows.List, joiner.Labeled{Request: &in[i].req, Row: &in[i].row})
		}
		rows.Gather()
		if _, ok := attached(rows); ok {
			some++
		}
	}
	if some < 20 {
		t.Errorf("of 50 samples %d can be attached", some)
	}
}

// addAll adds rows at once, gathered before or not, or in two parts of what was gathered.
func addAll(b *Builder, list []joiner.Labeled, rng *rand.Rand) (unfit int64, err error) {
	rows := &gathered.Rows{List: list}
	if rng.IntN(4) > 0 {
		rows.Gather()
	}
	if rng.IntN(2) == 0 {
		rows, _ = attached(rows)
		coded(rows, rng)
	}
	cut := rng.IntN(len(list) + 1)
	unfit, err = b.AddAll(rows, 0, cut)
	if err != nil {
		return unfit, err
	}
	more, err := b.AddAll(rows, cut, len(list))
	return unfit + more, err
}

// addParts adds rows one by one, or in parts of any size.
func addParts(t *testing.T, b *Builder, rows []sample, together bool, rng *rand.Rand) (unfit int64) {
	t.Helper()
	for len(rows) > 0 {
		var list []joiner.Labeled
		for i := range rows[:1+rng.IntN(len(rows))] {
			list = append(list, joiner.Labeled{Request: &rows[i].req, Row: &rows[i].row})
		}
		rows = rows[len(list):]
		if together {
			if rng.IntN(3) == 0 {
				b.Foresee(3 * rng.Float64()) // which makes no other file
			}
			bad, err := addAll(b, list, rng)
			if unfit += bad; err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, r := range list {
			bad, err := b.Add(r.Request, r.Row)
			if unfit += bad; err != nil {
				t.Fatal(err)
			}
		}
	}
	return unfit
}

// A part of a character is no text, even if the rest of it is the next one.
func TestTextsAreValidOneByOne(t *testing.T) {
	texts := []string{"a", "\xc3", "\xa9", "\u00e9", "b\xff"}
	var c column
	c.addStrings([]int{2, 1, 1, 3, 1}, func(i int) string { return texts[i] })
	var got []string
	for i := range c.texts() {
		got = append(got, string(c.textAt(i)))
	}
	if want := []string{"a", "a", "\uFFFD", "\uFFFD", "é", "é", "é", "b\uFFFD"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A file whose size is foreseen takes hardly more memory than its values.
func TestForeseenMemoryIsFull(t *testing.T) {
	const first, rows = 1000, 20_000
	rng := rand.New(rand.NewPCG(1, 1))
	in := samples(rng, 1)[0]
	b := newLayout(t, Config{Labels: testLabels}).NewTable(nil).NewBuilder()
	for n := range rows {
		if n == first {
			b.Foresee(rows / first)
		}
		if _, err := b.Add(&in.req, &in.row); err != nil {
			t.Fatal(err)
		}
	}
	used, room := 0, 0
	b.eachFixed(func(c *column) {
		used += 8*len(c.nums) + len(c.text) + 4*len(c.offsets)
		room += 8*cap(c.nums) + cap(c.text) + 4*cap(c.offsets)
	})
	if room > used+used/8 {
		t.Errorf("there is room for %d bytes, and %d are used", room, used)
	}
}
