package packed_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats/columnar"
	"github.com/labeljoin/labeljoin/events/formats/packed"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

type features struct {
	Price *float64 `parquet:"price,optional"`
	Brand *string  `parquet:"brand,optional"`
	Count *int32   `parquet:"count,optional"`
	Flag  *bool    `parquet:"flag,optional"`
	Ratio *float32 `parquet:"ratio,optional"`
	Must  int64    `parquet:"must"`
}

type item struct {
	ID       *string   `parquet:"item_id,optional"`
	Position *int64    `parquet:"position,optional"`
	Score    *float64  `parquet:"score,optional"`
	Features *features `parquet:"features,optional"`
}

// request has all that is packed, and nulls everywhere.
type request struct {
	ID       *string   `parquet:"request_id,optional,dict"`
	TS       *int64    `parquet:"ts,optional"`
	Model    *string   `parquet:"model,optional,dict"`
	Version  *string   `parquet:"model_version,optional"`
	User     *string   `parquet:"user_id,optional"`
	Score    *float64  `parquet:"score,optional"`
	Features *features `parquet:"features,optional"`
	Items    []item    `parquet:"items,list"`
	Extra    *string   `parquet:"extra,optional"`
	Bytes    []byte    `parquet:"bytes,optional"`
	More     *float64  `parquet:"more,optional"`
}

// plain is a request without nulls, with a time.
type plain struct {
	ID       string   `parquet:"request_id"`
	TS       int64    `parquet:"ts,timestamp(microsecond)"`
	Features features `parquet:"features"`
}

// whole is a request whose features can come as columns.
type whole struct {
	ID       string        `parquet:"request_id"`
	TS       int64         `parquet:"ts,timestamp(microsecond)"`
	Model    *string       `parquet:"model,optional"`
	Features wholeFeatures `parquet:"features"`
}

type wholeFeatures struct {
	Price float64  `parquet:"price"`
	Brand string   `parquet:"brand,dict"`
	None  *float64 `parquet:"none,optional"`
	Count int32    `parquet:"count"`
	Some  *int64   `parquet:"some,optional"`
	Ratio float32  `parquet:"ratio"`
}

// other has a column that is not packed.
type other struct {
	ID   string   `parquet:"request_id"`
	TS   int64    `parquet:"ts"`
	Tags []string `parquet:"tags,list"`
}

type generator struct{ *rand.Rand }

func maybe[T any](g generator, v T) *T {
	if g.IntN(6) == 0 {
		return nil
	}
	return &v
}

func (g generator) text() string {
	return []string{"", "a", "é", "x\"y\\\n\x01", "\xff", "12", strings.Repeat("z", 300), fmt.Sprint(g.IntN(9)),
		strings.Repeat("long", g.IntN(200))}[g.IntN(9)]
}

func (g generator) float() float64 {
	return []float64{0, math.Copysign(0, -1), 5, -3, 1e6, 999999, 1234567, 123456.789, 1e-7, 1e300, math.NaN(),
		math.Inf(-1), g.NormFloat64(), math.Round(g.Float64()*1e6) / 1e6, 5e-324, 1 << 53}[g.IntN(16)]
}

func (g generator) int() int64 {
	return []int64{0, -1, 7, math.MaxInt64, math.MinInt64, 1_700_000_000_000 + g.Int64N(1e9), g.Int64()}[g.IntN(7)]
}

func (g generator) features() features {
	return features{Price: maybe(g, g.float()), Brand: maybe(g, g.text()), Count: maybe(g, int32(g.int())),
		Flag: maybe(g, g.IntN(2) == 0), Ratio: maybe(g, float32(g.float())), Must: g.int()}
}

// wholes are requests whose features are mostly all there.
func (g generator) wholes(n int) (rows []whole) {
	odd, some := g.IntN(3) == 0, g.IntN(2) == 0
	for range n {
		r := whole{ID: fmt.Sprint("r", g.IntN(90)), TS: g.int(), Model: maybe(g, "m")}
		r.Features = wholeFeatures{Price: []float64{5, 0.25, -7, 1e6, g.NormFloat64()}[g.IntN(5)], Count: int32(g.int()),
			Brand: []string{"", "a", "é", strings.Repeat("z", g.IntN(300))}[g.IntN(4)], Ratio: float32(g.IntN(9)) / 4}
		if odd && g.IntN(40) == 0 {
			r.Features.Price, r.Features.Brand = g.float(), g.text()
		}
		if one := int64(1); some || odd && g.IntN(40) == 0 {
			r.Features.Some = &one
		}
		if odd && g.IntN(40) == 0 {
			r.Features.Brand = strings.Repeat("long", 20_000)
		}
		rows = append(rows, r)
	}
	return rows
}

func (g generator) request() request {
	r := request{TS: maybe(g, 1_700_000_000_000+g.Int64N(1e9)), Model: maybe(g, g.text()), Version: maybe(g, "v1"), User: maybe(g, "u"),
		Score: maybe(g, g.float()), Features: maybe(g, g.features()), Extra: maybe(g, "e"), More: maybe(g, g.float())}
	if g.IntN(9) == 0 {
		r.Bytes = []byte(g.text())
	}
	id := fmt.Sprint("r", g.Int())
	if r.ID = &id; g.IntN(8) == 0 {
		r.ID = maybe(g, g.text())
	}
	if g.IntN(20) == 0 { // more than are looked through, and nothing odd in them
		for range 70 {
			id := fmt.Sprint("i", g.IntN(100))
			r.Items = append(r.Items, item{ID: &id, Position: maybe(g, g.int())})
		}
		return r
	}
	for range g.IntN(4) {
		i := item{Position: maybe(g, g.int()), Score: maybe(g, g.float()), Features: maybe(g, g.features())}
		id := fmt.Sprint("i", g.IntN(5))
		if i.ID = &id; g.IntN(30) == 0 {
			i.ID = maybe(g, g.text())
		}
		r.Items = append(r.Items, i)
	}
	return r
}

// encoded are pages of one of the ways that there are to write the same values.
func (g generator) encoded() []parquet.WriterOption {
	options := []parquet.WriterOption{
		parquet.DataPageVersion(1 + g.IntN(2)),
		parquet.Compression([]compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Zstd, newBareZstd()}[g.IntN(4)]),
	}
	if g.IntN(2) == 0 { // else each kind as the library likes
		options = append(options, parquet.DefaultEncoding(&parquet.Plain))
	}
	return options
}

// bareZstd compresses without a checksum, as others do.
type bareZstd struct{ *zstd.Encoder }

func newBareZstd() bareZstd {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(64<<10))
	if err != nil {
		panic(err) // an option is wrong
	}
	return bareZstd{e}
}

func (bareZstd) String() string                            { return "ZSTD" }
func (bareZstd) CompressionCodec() format.CompressionCodec { return format.Zstd }

func (bareZstd) Decode(dst, src []byte) ([]byte, error)   { return parquet.Zstd.Decode(dst, src) }
func (z bareZstd) Encode(dst, src []byte) ([]byte, error) { return z.EncodeAll(src, dst[:0]), nil }

// file writes rows of one of the shapes, in a few row groups, and small pages.
func (g generator) file(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	n := g.IntN(120)
	options := append(g.encoded(), parquet.MaxRowsPerRowGroup(int64(1+g.IntN(80))), parquet.PageBufferSize(64+g.IntN(4000)))
	var err error
	switch g.IntN(8) {
	case 6, 7:
		w := parquet.NewGenericWriter[whole](&out, options...)
		_, err = w.Write(g.wholes(n))
		err = errors.Join(err, w.Close())
	case 0:
		w := parquet.NewGenericWriter[plain](&out, options...)
		for range n {
			_, e := w.Write([]plain{{ID: fmt.Sprint(g.IntN(90)), TS: g.int(), Features: g.features()}})
			err = errors.Join(err, e)
		}
		err = errors.Join(err, w.Close())
	case 1:
		w := parquet.NewGenericWriter[other](&out, options...)
		for range n {
			_, e := w.Write([]other{{ID: "r", TS: 1, Tags: []string{"a"}}})
			err = errors.Join(err, e)
		}
		err = errors.Join(err, w.Close())
	default:
		w := parquet.NewGenericWriter[request](&out, options...)
		for range n {
			_, e := w.Write([]request{g.request()})
			err = errors.Join(err, e)
		}
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	data := out.Bytes()
	if g.IntN(3) == 0 && len(data) > 0 { // damaged
		for range 1 + g.IntN(3) {
			data[g.IntN(len(data))] ^= byte(1 + g.IntN(255))
		}
	}
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unpack is the lines that packed rows stand for, each checked against the request that it
// is, how many rows were requests without a look at their JSON, and how many blocks had columns.
func unpack(t *testing.T, seed uint64, data []byte, room *packed.Room) (lines string, rows, columns int) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(data))
	p, err := packed.NewReader(r, room)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if p == nil {
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text), 0, 0
	}
	var all strings.Builder
	var memory []byte
	var spare *packed.Block
	var same events.Request
	for {
		payload, block, err := p.Next(memory, spare)
		if errors.Is(err, io.EOF) {
			return all.String(), rows, columns
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if memory = payload; block == nil {
			spare = nil
			all.Write(payload)
			continue
		}
		if spare = block; columnsAgree(t, seed, block) {
			columns++
		}
		for i := range block.Rows {
			line := block.JSON(i)
			all.Write(append(line, '\n'))
			if agrees(t, seed, block, i, &same, line[:len(line):len(line)]) {
				rows++
			}
		}
		block.Release()
	}
}

// agrees checks that a row is the request that its JSON is, if it says what it is.
func agrees(t *testing.T, seed uint64, b *packed.Block, i int, req *events.Request, line []byte) bool {
	t.Helper()
	d := jsonevent.Decoder{Unit: events.UnitMS}
	want, wantErr := d.DecodeRequest(line)
	scan, _ := d.ScanRequest(line)
	if id, ok := b.ID(i); ok && wantErr == nil && string(id) != want.ID {
		t.Fatalf("seed %d: the id is %q, of %s", seed, id, line)
	}
	unknown, ok := b.Request(i, events.UnitMS, req)
	if !ok {
		return false
	}
	if wantErr != nil || unknown != scan.Unknown || plainText(req) != plainText(&want) {
		t.Fatalf("seed %d: %s\nis %s, %d unknown\nwant %s, %d, %v", seed, line, plainText(req), unknown, plainText(&want),
			scan.Unknown, wantErr)
	}
	return true
}

// columnsAgree checks that the columns of a block, if it has some, and the heads of its requests are its requests.
func columnsAgree(t *testing.T, seed uint64, b *packed.Block) bool {
	t.Helper()
	columns, ok := b.Columns(nil)
	if !ok {
		return false
	}
	var want, got events.Request
	for i := range b.Rows {
		unknown, ok := b.Request(i, events.UnitMS, &want)
		headUnknown, headOK := b.Head(i, events.UnitMS, &got)
		got.Features = events.AppendFeatures(got.Features[:0], columns, i)
		if headOK && (!ok || headUnknown != unknown || plainText(&got) != plainText(&want)) {
			t.Fatalf("seed %d: by columns %v %d %s\nwant %v %d %s", seed, headOK, headUnknown, plainText(&got), ok, unknown,
				plainText(&want))
		}
	}
	return true
}

// plainText is a request whole; empty lists are like none.
func plainText(r *events.Request) string {
	c := *r
	c.Features, c.Items = nil, nil
	text := fmt.Sprintf("%+v %x", c, math.Float64bits(r.Score))
	fields := func(list []events.Field) {
		for _, f := range list {
			text += fmt.Sprintf(" %s=%+v %x", f.Name, f.Value, math.Float64bits(f.Value.Float))
		}
	}
	fields(r.Features)
	for _, i := range r.Items {
		c := i
		c.Features = nil
		text += fmt.Sprintf(" item %+v %x", c, math.Float64bits(i.Score))
		fields(i.Features)
	}
	return text
}

// Packed rows are the lines that are written otherwise, up to where a file is damaged, and
// the requests that these lines are.
func TestPackedRowsAreLines(t *testing.T) {
	total, withColumns := 0, 0
	for seed := range uint64(351) {
		if seed == 350 {
			seed = 3501 // a page says that it has more nulls than values
		}
		g := generator{rand.New(rand.NewPCG(seed, 71))}
		path := g.file(t)
		only := [][]string{nil, nil, {"request_id"}}[g.IntN(3)]
		var plain, some bytes.Buffer
		wantErr := columnar.Write(context.Background(), path, &plain, only...)
		err := columnar.Pack(context.Background(), path, &some, nil, only...)
		if !reflect.DeepEqual(fmt.Sprint(err), fmt.Sprint(wantErr)) {
			t.Fatalf("seed %d: packing says %v, writing lines %v", seed, err, wantErr)
		}
		lines, rows, columns := unpack(t, seed, some.Bytes(), nil)
		withColumns += columns
		if total += rows; lines != plain.String() {
			t.Fatalf("seed %d: packed\n%.3000s\nlines\n%.3000s", seed, lines, plain.String())
		}
	}
	if total < 2500 {
		t.Errorf("only %d rows were requests as they came", total)
	}
	if withColumns < 100 {
		t.Errorf("only %d blocks had columns", withColumns)
	}
}

// TestPackedLargePages: rows of pages that are decompressed by and by are those of pages that are read whole. If such a
// page is damaged, those of its rows are there that were read before.
func TestPackedLargePages(t *testing.T) {
	for name, write := range map[string]func(t *testing.T, g generator, options []parquet.WriterOption) []byte{
		"lists": func(t *testing.T, g generator, options []parquet.WriterOption) []byte {
			rows := make([]request, 8000)
			for i := range rows {
				rows[i] = g.request()
			}
			return largePages(t, options, rows)
		},
		"plain": func(t *testing.T, g generator, options []parquet.WriterOption) []byte {
			return largePages(t, options, g.prices())
		},
		"damaged": func(t *testing.T, g generator, options []parquet.WriterOption) []byte {
			data := largePages(t, options, g.prices())
			f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range f.Metadata().RowGroups[0].Columns {
				if slices.Contains(c.MetaData.PathInSchema, "price") {
					from, size := c.MetaData.DataPageOffset, c.MetaData.TotalCompressedSize
					clear(data[from+size/2 : from+size])
				}
			}
			return data
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := generator{rand.New(rand.NewPCG(0, 73))}
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, write(t, g, append(g.encoded(), parquet.DefaultEncoding(&parquet.Plain),
				parquet.DataPageVersion(1))), 0o600); err != nil {
				t.Fatal(err)
			}
			var plain, some bytes.Buffer
			wantErr := columnar.Write(context.Background(), path, &plain)
			err := columnar.Pack(context.Background(), path, &some, nil)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) || (err != nil) != (name == "damaged") {
				t.Fatalf("packing says %v, writing lines %v", err, wantErr)
			}
			lines, rows, _ := unpack(t, 0, some.Bytes(), nil)
			if n := strings.Count(lines, "\n"); rows < n/2 { // the others have odd texts
				t.Errorf("of %d rows %d came in columns", n, rows)
			}
			if before, after, _ := strings.Cut(lines, plain.String()); before != "" || (after != "") != (err != nil) {
				t.Error("the lines are others")
			}
		})
	}
}

// prices are rows of which one column is most of the file.
func (g generator) prices() []whole {
	rows := g.wholes(1000)
	for len(rows) < 60_000 {
		r := rows[g.IntN(1000)]
		r.Features.Price = float64(g.IntN(1e6)) / 64
		rows = append(rows, r)
	}
	return rows
}

// largePages is a file of one row group, with a page for each column, that have no checksums.
func largePages[T any](t *testing.T, options []parquet.WriterOption, rows []T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[T](&out, append(options, parquet.PageBufferSize(4<<20), parquet.Compression(newBareZstd()))...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	forgetChecksums(t, out.Bytes())
	return out.Bytes()
}

// forgetChecksums makes the checksum of each page 0, which says that there is none. The library always writes them.
func forgetChecksums(t *testing.T, data []byte) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Metadata().RowGroups[0].Columns {
		from := c.MetaData.DataPageOffset
		if c.MetaData.DictionaryPageOffset != 0 {
			from = c.MetaData.DictionaryPageOffset
		}
		for rest := data[from : from+c.MetaData.TotalCompressedSize]; len(rest) > 0; {
			var head format.PageHeader
			r := bytes.NewReader(rest)
			if err := thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(r)).Decode(&head); err != nil {
				t.Fatal(err)
			}
			at := 0
			for range 3 { // type and sizes stand before it, each after a byte that says what it is
				_, n := binary.Uvarint(rest[at+1:])
				at += 1 + n
			}
			_, n := binary.Uvarint(rest[at+1:])
			for i := range rest[at+1 : at+n] {
				rest[at+1+i] = 0x80 // a digit of 0 that is not the last
			}
			rest[at+n] = 0
			rest = rest[len(rest)-r.Len()+int(head.CompressedPageSize):]
		}
	}
}

// TestPackedBools packs truth values in runs, which the library does not read. See bools.py there.
func TestPackedBools(t *testing.T) {
	const path = "../columnar/testdata/boolrequests.parquet"
	var some bytes.Buffer
	if err := columnar.Pack(context.Background(), path, &some, nil); err != nil {
		t.Fatal(err)
	}
	flags := func(i int) string {
		text := fmt.Sprintf(`{"flag":%t`, i/40%2 == 0)
		if i%5 != 0 {
			text += fmt.Sprintf(`,"odd":%t`, i%3 == 0)
		}
		return text + "}"
	}
	want := ""
	for i := range 300 {
		var items []string
		for k := range i % 3 {
			items = append(items, fmt.Sprintf(`{"item_id":"i%d","features":%s}`, k, flags(i+k)))
		}
		want += fmt.Sprintf(`{"request_id":"r%d","ts":%d,"features":%s,"items":[%s]}`+"\n", i, 1796000000000+i, flags(i),
			strings.Join(items, ","))
	}
	lines, rows, _ := unpack(t, 0, some.Bytes(), nil)
	if lines != want || rows != 300 {
		t.Errorf("%d rows are packed, and lines are\n%.1000s\nwant\n%.1000s", rows, lines, want)
	}
}
