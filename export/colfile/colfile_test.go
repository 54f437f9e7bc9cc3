package colfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// kinds are the columns of the tests: every type with every encoding that is
// known here.
var kinds = []struct {
	name string
	node parquet.Node
}{
	{"bool", parquet.Leaf(parquet.BooleanType)},
	{"int32", parquet.Encoded(parquet.Leaf(parquet.Int32Type), &parquet.DeltaBinaryPacked)},
	{"int64", parquet.Encoded(parquet.Leaf(parquet.Int64Type), &parquet.DeltaBinaryPacked)},
	{"time", parquet.Encoded(parquet.Timestamp(parquet.Microsecond), &parquet.DeltaBinaryPacked)},
	{"plain_int32", parquet.Encoded(parquet.Leaf(parquet.Int32Type), &parquet.Plain)},
	{"plain_int64", parquet.Encoded(parquet.Leaf(parquet.Int64Type), &parquet.Plain)},
	{"double", parquet.Leaf(parquet.DoubleType)},
	{"float", parquet.Leaf(parquet.FloatType)},
	{"text", parquet.Encoded(parquet.String(), &parquet.Plain)},
	{"word", parquet.Encoded(parquet.String(), &parquet.RLEDictionary)},
	{"few_int32", parquet.Encoded(parquet.Leaf(parquet.Int32Type), &parquet.RLEDictionary)},
	{"few_int64", parquet.Encoded(parquet.Leaf(parquet.Int64Type), &parquet.RLEDictionary)},
	{"few_float", parquet.Encoded(parquet.Leaf(parquet.FloatType), &parquet.RLEDictionary)},
	{"few_double", parquet.Encoded(parquet.Leaf(parquet.DoubleType), &parquet.RLEDictionary)},
}

// shapes are what each of them comes as.
var shapes = []struct {
	name string
	of   func(parquet.Node) parquet.Node
}{
	{"required", func(n parquet.Node) parquet.Node { return n }},
	{"optional", parquet.Optional},
	{"list", func(n parquet.Node) parquet.Node { return parquet.Optional(parquet.List(parquet.Optional(n))) }},
}

func testSchema() *parquet.Schema {
	g := parquet.Group{}
	for _, k := range kinds {
		for _, s := range shapes {
			g[k.name+"_"+s.name] = s.of(k.node)
		}
	}
	return parquet.NewSchema("row", g)
}

// column makes a column of rows, in the form of both writers.
func column(rng *rand.Rand, l *leaf, index, rows int) (c Column, values []parquet.Value) {
	c.Offsets = []uint32{0}
	nulls := []float64{0, 0, 0.1, 0.9, 1}[rng.IntN(5)]
	add := func(rep, def byte) {
		v := parquet.Value{}
		if def == l.maxDef {
			v = value(rng, l, &c)
		}
		values = append(values, v.Level(int(rep), int(def), index))
		c.Rep, c.Def = append(c.Rep, rep), append(c.Def, def)
		c.Levels++
	}
	for range rows {
		switch {
		case l.maxDef == 0:
			add(0, 0)
		case rng.Float64() < nulls:
			add(0, 0)
		case l.maxRep == 0:
			add(0, 1)
		default:
			n := rng.IntN(4)
			if n == 0 {
				add(0, 1)
			}
			for i := range n {
				add(byte(min(i, 1)), byte(2+rng.IntN(2)))
			}
		}
	}
	if l.maxRep == 0 {
		c.Rep = nil
	}
	if l.maxDef == 0 || nulls == 0 && l.maxRep == 0 {
		c.Def = nil
	}
	return c, values
}

// value adds a value to the column.
func value(rng *rand.Rand, l *leaf, c *Column) parquet.Value {
	switch l.kind {
	case format.Boolean:
		c.Bools = append(c.Bools, rng.IntN(3) == 0)
		return parquet.BooleanValue(c.Bools[len(c.Bools)-1])
	case format.Int32:
		c.Int32s = append(c.Int32s, pick(rng, 0, 1, -1, math.MaxInt32, math.MinInt32, int32(rng.Uint32())))
		return parquet.Int32Value(c.Int32s[len(c.Int32s)-1])
	case format.Int64:
		c.Int64s = append(c.Int64s, pick(rng, 0, 1, -1, math.MaxInt64, math.MinInt64, int64(rng.Uint64())))
		return parquet.Int64Value(c.Int64s[len(c.Int64s)-1])
	case format.Float:
		x := pick(rng, 0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), math.MaxFloat32,
			math.SmallestNonzeroFloat32, float32(rng.NormFloat64()), float32(rng.NormFloat64()))
		c.Doubles = append(c.Doubles, float64(x))
		return parquet.FloatValue(x)
	case format.Double:
		c.Doubles = append(c.Doubles, pick(rng, 0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), rng.NormFloat64(), rng.NormFloat64()))
		return parquet.DoubleValue(c.Doubles[len(c.Doubles)-1])
	}
	text := pick(rng, "", "a", fmt.Sprint(rng.IntN(20)), fmt.Sprint("é", rng.Uint64()), strings.Repeat("ü", rng.IntN(60)),
		strings.Repeat(string(rune(0x10ffff)), rng.IntN(40)), strings.Repeat("long ", rng.IntN(200)))
	c.Text = append(c.Text, text...)
	c.Offsets = append(c.Offsets, uint32(len(c.Text)))
	return parquet.ByteArrayValue([]byte(text))
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// written is a file of random columns and what it should hold, per row group
// and column.
func written(t testing.TB, rng *rand.Rand, groups []int, small bool) (data []byte, want [][][]parquet.Value) {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, testSchema(), Options{CreatedBy: "test", Metadata: map[string]string{"k": "v"}, Codec: &zstd.Codec{Level: zstd.SpeedFastest}})
	if err != nil {
		t.Fatal(err)
	}
	if small {
		w.limits = limits{levels: 1 + rng.IntN(40), text: uint32(1 + rng.IntN(300))}
	}
	encoders := []*Encoder{w.NewEncoder(), w.NewEncoder()}
	for _, rows := range groups {
		var group [][]parquet.Value
		for i := range w.leaves {
			c, values := column(rng, &w.leaves[i], i, rows)
			k, err := encoders[rng.IntN(2)].Encode(i, &c)
			if err := errors.Join(err, w.Column(k)); err != nil {
				t.Fatal(err)
			}
			group = append(group, values)
		}
		if err := w.EndGroup(); err != nil {
			t.Fatal(err)
		}
		want = append(want, group)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), want
}

// byTheLibrary is the same file, written by the library value by value.
func byTheLibrary(t testing.TB, groups [][][]parquet.Value) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[any](&out, testSchema(), parquet.DataPageVersion(2), parquet.KeyValueMetadata("k", "v"),
		parquet.CreatedBy("test", "", ""), parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}))
	for _, columns := range groups {
		for i, cw := range w.ColumnWriters() {
			if _, err := cw.WriteRowValues(columns[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func open(t testing.TB, data []byte) *parquet.File {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// eachPage calls f with the pages of a chunk and their values.
func eachPage(t testing.TB, chunk parquet.ColumnChunk, f func(page parquet.Page, values []parquet.Value)) {
	t.Helper()
	pages := chunk.Pages()
	defer pages.Close()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		values := make([]parquet.Value, page.NumValues()+1)
		n, err := page.Values().ReadValues(values)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		f(page, values[:n])
		parquet.Release(page)
	}
}

func equal(x, y parquet.Value) bool {
	return x.RepetitionLevel() == y.RepetitionLevel() && x.DefinitionLevel() == y.DefinitionLevel() &&
		x.IsNull() == y.IsNull() && x.Kind() == y.Kind() && bytes.Equal(x.Bytes(), y.Bytes())
}

// check reads a file with the library: the values must be the wanted, and the
// page index and the statistics must be true of them.
func check(t testing.TB, data []byte, want [][][]parquet.Value) {
	t.Helper()
	f := open(t, data)
	if len(f.RowGroups()) != len(want) {
		t.Fatalf("%d row groups, want %d", len(f.RowGroups()), len(want))
	}
	for g, group := range f.RowGroups() {
		if m := f.Metadata().RowGroups[g]; int(m.Ordinal) != g || m.NumRows != group.NumRows() {
			t.Fatalf("row group %d says that it is number %d", g, m.Ordinal)
		}
		for i, chunk := range group.ColumnChunks() {
			name := fmt.Sprint("group ", g, " column ", strings.Join(f.Schema().Columns()[i], "."))
			meta := &f.Metadata().RowGroups[g].Columns[i].MetaData
			checkChunk(t, name, chunk, meta, want[g][i])
		}
	}
}

func checkChunk(t testing.TB, name string, chunk parquet.ColumnChunk, meta *format.ColumnMetaData, want []parquet.Value) {
	t.Helper()
	offsets, err := chunk.OffsetIndex()
	if err != nil {
		t.Fatal(err)
	}
	index, err := chunk.ColumnIndex()
	if err != nil {
		t.Fatal(err)
	}
	at, page, row, nulls := 0, 0, int64(0), int64(0)
	eachPage(t, chunk, func(p parquet.Page, values []parquet.Value) {
		if at+len(values) > len(want) {
			t.Fatalf("%s: more than %d values", name, len(want))
		}
		if got := offsets.FirstRowIndex(page); got != row {
			t.Fatalf("%s: page %d begins at row %d, want %d", name, page, got, row)
		}
		if len(values) > 0 && values[0].RepetitionLevel() != 0 {
			t.Fatalf("%s: page %d begins inside of a row", name, page)
		}
		pageNulls, bounded := int64(0), false
		for i, v := range values {
			w := want[at+i]
			if !equal(v, w) {
				t.Fatalf("%s: value %d is %+v, want %+v", name, at+i, v, w)
			}
			if v.RepetitionLevel() == 0 {
				row++
			}
			if v.IsNull() {
				pageNulls++
				continue
			}
			bounded = true
			if outside(v, index.MinValue(page), index.MaxValue(page)) {
				t.Fatalf("%s: value %+v of page %d is not between %+v and %+v", name, v, page, index.MinValue(page), index.MaxValue(page))
			}
			checkStatistics(t, name, v, meta)
		}
		if index.NullCount(page) != pageNulls || index.NullPage(page) == bounded {
			t.Fatalf("%s: page %d has %d nulls, and is it null: %v; want %d nulls", name, page, index.NullCount(page), index.NullPage(page), pageNulls)
		}
		at, page, nulls = at+len(values), page+1, nulls+pageNulls
	})
	if at != len(want) || page != offsets.NumPages() || meta.NumValues != int64(at) || meta.Statistics.NullCount != nulls {
		t.Fatalf("%s: %d values in %d pages with %d nulls, want %d in %d; the footer says %d with %d nulls",
			name, at, page, nulls, len(want), offsets.NumPages(), meta.NumValues, meta.Statistics.NullCount)
	}
}

func outside(v, least, greatest parquet.Value) bool {
	return order(v, least) < 0 || order(v, greatest) > 0
}

// order compares as readers do; NaN is nowhere.
func order(x, y parquet.Value) int {
	switch x.Kind() {
	case parquet.Boolean:
		return bytes.Compare(x.Bytes(), y.Bytes())
	case parquet.Int32:
		return cmp.Compare(x.Int32(), y.Int32())
	case parquet.Int64:
		return cmp.Compare(x.Int64(), y.Int64())
	case parquet.Float:
		if x.Float() != x.Float() || x.Float() == y.Float() {
			return 0
		}
		return cmp.Compare(x.Float(), y.Float())
	case parquet.Double:
		if math.IsNaN(x.Double()) || x.Double() == y.Double() {
			return 0
		}
		return cmp.Compare(x.Double(), y.Double())
	}
	return bytes.Compare(x.ByteArray(), y.ByteArray())
}

// checkStatistics checks that a value lies between the chunk's bounds, if it
// has some.
func checkStatistics(t testing.TB, name string, v parquet.Value, meta *format.ColumnMetaData) {
	t.Helper()
	s := &meta.Statistics
	if s.MinValue == nil && s.MaxValue == nil {
		return
	}
	least, greatest := v.Kind().Value(s.MinValue), v.Kind().Value(s.MaxValue)
	nan := v.Kind() == parquet.Double && math.IsNaN(v.Double()) || v.Kind() == parquet.Float && v.Float() != v.Float()
	if outside(v, least, greatest) || nan {
		t.Fatalf("%s: value %+v is not between the chunk's %+v and %+v", name, v, least, greatest)
	}
}

// The library reads what was meant, and the same from a file of its own.
func TestAgreesWithTheLibrary(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 41))
		groups := make([]int, rng.IntN(4))
		for i := range groups {
			groups[i] = 1 + rng.IntN(200)
		}
		data, want := written(t, rng, groups, seed%3 > 0)
		check(t, data, want)
		twin := open(t, byTheLibrary(t, want))
		f := open(t, data)
		if !reflect.DeepEqual(f.Metadata().Schema, twin.Metadata().Schema) || !reflect.DeepEqual(f.Metadata().ColumnOrders, twin.Metadata().ColumnOrders) {
			t.Fatalf("seed %d: the schema is not the library's", seed)
		}
		if f.NumRows() != twin.NumRows() || len(f.RowGroups()) != len(twin.RowGroups()) {
			t.Fatalf("seed %d: %d rows in %d groups, the library wrote %d in %d", seed, f.NumRows(), len(f.RowGroups()), twin.NumRows(), len(twin.RowGroups()))
		}
		if v, ok := f.Lookup("k"); !ok || v != "v" {
			t.Fatalf("seed %d: metadata %q", seed, v)
		}
	}
}

// Pages of the default size.
func TestManyRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 41))
	data, want := written(t, rng, []int{40_000, 3}, false)
	check(t, data, want)
}

// Every page's checksum is that of its bytes.
func TestChecksums(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 41))
	data, _ := written(t, rng, []int{100, 30}, true)
	pages := 0
	for _, group := range open(t, data).Metadata().RowGroups {
		for i := range group.Columns {
			m := &group.Columns[i].MetaData
			at := m.DataPageOffset
			if m.DictionaryPageOffset > 0 {
				at = m.DictionaryPageOffset
			}
			pages += checkSums(t, data[at:at+m.TotalCompressedSize])
		}
	}
	if pages < 2*len(kinds)*len(shapes) {
		t.Fatalf("only %d pages", pages)
	}
}

// checkSums checks the pages of a column chunk and returns how many there are.
func checkSums(t *testing.T, data []byte) (pages int) {
	t.Helper()
	protocol := new(thrift.CompactProtocol)
	for len(data) > 0 {
		var h format.PageHeader
		r := protocol.NewReaderFromBytes(data)
		if err := thrift.NewDecoder(r).Decode(&h); err != nil {
			t.Fatal(err)
		}
		body := data[r.BytesRead():][:h.CompressedPageSize]
		if got := int32(crc32.ChecksumIEEE(body)); got != h.CRC || got == 0 {
			t.Fatalf("page %d has checksum %08x, its bytes %08x", pages, h.CRC, got)
		}
		data = data[r.BytesRead()+len(body):]
		pages++
	}
	return pages
}

func TestMisuse(t *testing.T) {
	schema := parquet.NewSchema("row", parquet.Group{"a": parquet.Leaf(parquet.DoubleType), "b": parquet.Leaf(parquet.DoubleType)})
	encode := func(w *Writer, number, rows int) *Chunk {
		k, err := w.NewEncoder().Encode(number, &Column{Levels: rows, Doubles: make([]float64, rows)})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	for name, steps := range map[string]func(*Writer) error{
		"too few columns": func(w *Writer) error { return w.EndGroup() },
		"another column":  func(w *Writer) error { return w.Column(encode(w, 1, 1)) },
		"too many columns": func(w *Writer) error {
			return errors.Join(w.Column(encode(w, 0, 1)), w.Column(encode(w, 1, 1)), w.Column(encode(w, 1, 1)))
		},
		"other rows": func(w *Writer) error { return errors.Join(w.Column(encode(w, 0, 1)), w.Column(encode(w, 1, 2))) },
		"no such column": func(w *Writer) error {
			_, err := w.NewEncoder().Encode(2, &Column{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := NewWriter(io.Discard, schema, Options{Codec: &zstd.Codec{}})
			if err != nil {
				t.Fatal(err)
			}
			if err := steps(w); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
	}
	uuid := parquet.NewSchema("row", parquet.Group{"a": parquet.UUID()})
	w, err := NewWriter(io.Discard, uuid, Options{Codec: &zstd.Codec{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.NewEncoder().Encode(0, &Column{Levels: 1}); err == nil {
		t.Error("a column of a type without an encoding: accepted")
	}
}

// What is cut off a bound leaves it a bound.
func TestBoundsOfTexts(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 43))
		var text []byte
		for range rng.IntN(100) {
			text = append(text, string(pick(rng, 'a', 'é', '\u20ac', 0x10ffff, 0x10ffff, 0))...)
		}
		lo, hi := shortened(text), above(text)
		if bytes.Compare(lo, text) > 0 || bytes.Compare(hi, text) < 0 {
			t.Fatalf("seed %d: %q is not between %q and %q", seed, text, lo, hi)
		}
		if !bytes.Equal(bytes.ToValidUTF8(hi, nil), hi) || !bytes.Equal(bytes.ToValidUTF8(lo, nil), lo) || len(lo) > boundsLimit {
			t.Fatalf("seed %d: bounds %q and %q", seed, lo, hi)
		}
		if len(hi) > boundsLimit+2*utf8.UTFMax && !strings.Contains(string(text), "\U0010ffff\U0010ffff") {
			t.Fatalf("seed %d: %d bytes of bound", seed, len(hi))
		}
	}
}

func FuzzColumns(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint64(1))
	f.Fuzz(func(t *testing.T, sizes []byte, seed uint64) {
		var groups []int
		for _, n := range sizes[:min(len(sizes), 4)] {
			groups = append(groups, 1+int(n))
		}
		rng := rand.New(rand.NewPCG(seed, binary.LittleEndian.Uint64(append(make([]byte, 8), sizes...)[len(sizes):])))
		data, want := written(t, rng, groups, true)
		check(t, data, want)
	})
}

// The bounds of a page are its least and its greatest text, however they begin.
func TestBoundsOfPage(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 46))
		c := &Column{Offsets: []uint32{0}}
		for range 1 + rng.IntN(30) {
			for range rng.IntN(12) {
				c.Text = append(c.Text, "\x00ab\xff"[rng.IntN(4)])
			}
			c.Offsets = append(c.Offsets, uint32(len(c.Text)))
			c.Levels++
		}
		var texts []string
		for i := range c.Levels {
			texts = append(texts, string(c.textAt(i)))
		}
		k := &chunk{Encoder: new(Encoder), leaf: &leaf{kind: format.ByteArray, encoding: format.Plain}, values: c}
		if b := k.textBounds(0, c.Levels); string(b.min) != slices.Min(texts) || string(b.max) != slices.Max(texts) {
			t.Fatalf("seed %d: of %q the bounds are %q and %q", seed, texts, b.min, b.max)
		}
	}
}
