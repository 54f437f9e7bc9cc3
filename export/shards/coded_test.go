package shards

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// TestCodedRowsAreTheSame sends random parts of columns through two exports' vectors, of which one has
// books and the other has none, with and without dictionaries, and through the scratch file: the
// rows, their sizes and the files are the same.
func TestCodedRowsAreTheSame(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= uint64(4**exportSeeds); seed++ {
		rng := newRand(seed)
		c := Column{Column: rowfile.Column{Name: "f", Type: rowfile.Type{Scalar: []rowfile.Scalar{
			rowfile.ScalarString, rowfile.ScalarDouble, rowfile.ScalarInt64, rowfile.ScalarFloat32}[rng.IntN(4)]}}}
		b := newBook(c.Type)
		var rows, pages [2][]*vector // with the book, and without
		var totals [2]int64
		for range 1 + rng.IntN(3) {
			x, y := newVector(c.Type, b), newVector(c.Type, nil)
			for range rng.IntN(5) {
				addRandomPart(t, rng, x, y)
			}
			rows[0], rows[1] = append(rows[0], x), append(rows[1], y)
			totals[0], totals[1] = totals[0]+x.size(), totals[1]+y.size()
		}
		if totals[0] != totals[1] {
			t.Fatalf("seed %d: coded rows have the size %d, others %d", seed, totals[0], totals[1])
		}
		for range 2 { // buckets, each of some rows of every portion
			var bucket [2]*vector
			order := rng.Uint64()
			for i, book := range []*book{b, nil} {
				bucket[i] = newVector(c.Type, book)
				for _, v := range rows[i] {
					if _, err := bucket[i].readRows(appendRows(nil, v, someRows(order, v.rows()))); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
				}
				pages[i] = append(pages[i], bucket[i])
			}
			if problem := differ(bucket[0], bucket[1]); problem != "" {
				t.Fatalf("seed %d: %s", seed, problem)
			}
		}
		group, order := 1+rng.IntN(300), rng.Uint64()
		if a, b := fileOf(t, &c, pages[0], group, order), fileOf(t, &c, pages[1], group, order); !bytes.Equal(a, b) {
			t.Fatalf("seed %d: coded rows give a file of %d bytes, others one of %d", seed, len(a), len(b))
		}
	}
}

// addRandomPart adds one part to both.
func addRandomPart(t *testing.T, rng *rand.Rand, coded, plain *vector) {
	t.Helper()
	dictionary, part := &colfile.Column{Offsets: []uint32{0}}, &rowfile.Part{}
	if coded.typ.Scalar != rowfile.ScalarString {
		dictionary.Offsets = nil
	}
	for i := range 1 + rng.IntN(400) {
		dictionary.Levels++
		switch coded.typ.Scalar {
		case rowfile.ScalarString:
			dictionary.Text = append(dictionary.Text, fmt.Sprint(rng.IntN(500)*i%7, "x")...)
			dictionary.Offsets = append(dictionary.Offsets, uint32(len(dictionary.Text)))
		case rowfile.ScalarDouble:
			dictionary.Doubles = append(dictionary.Doubles, []float64{0, math.Copysign(0, -1), math.NaN(),
				rng.Float64()}[rng.IntN(4)])
		case rowfile.ScalarFloat32:
			dictionary.Doubles = append(dictionary.Doubles, []float64{0, math.Copysign(0, -1), math.NaN(),
				float64(rng.Float32())}[rng.IntN(4)])
		default:
			dictionary.Int64s = append(dictionary.Int64s, rng.Int64N(400)-200)
		}
	}
	nulls := []float64{0, 0, 0.3, 1}[rng.IntN(4)]
	part.Levels = rng.IntN(300)
	if nulls > 0 {
		part.Def = make([]byte, part.Levels)
	}
	for i := range part.Levels {
		if rng.Float64() >= nulls {
			part.Indexes = append(part.Indexes, int32(rng.IntN(dictionary.Levels)))
			if nulls > 0 {
				part.Def[i] = 1
			}
		}
	}
	if rng.IntN(6) == 0 {
		coded.addNulls(3)
		plain.addNulls(3)
	}
	part.Dictionary = dictionary
	codes := coded.book.add(dictionary)
	if rng.IntN(4) == 0 { // a file without dictionaries
		codes = nil
	}
	if _, err := coded.addRead(part, coded.typ, codes); err != nil {
		t.Fatal(err)
	}
	c, err := part.Values()
	if err != nil {
		t.Fatal(err)
	}
	plain.addPart(c, plain.typ)
}

// someRows are about half of the rows, in a random order that a seed says.
func someRows(seed uint64, n int) (rows []int32) {
	for _, row := range newRand(seed).Perm(n) {
		if row%2 == int(seed%2) {
			rows = append(rows, int32(row))
		}
	}
	return rows
}

// differ says where the rows of two vectors are not the same.
func differ(x, y *vector) string {
	if x.rows() != y.rows() || x.size() != y.size() {
		return fmt.Sprintf("%d rows of %d bytes, and %d of %d", x.rows(), x.size(), y.rows(), y.size())
	}
	for row := range x.rows() {
		same := x.null[row] == y.null[row]
		switch {
		case x.typ.Scalar == rowfile.ScalarString:
			same = same && bytes.Equal(x.bytes(row), y.bytes(row))
		case same && !x.null[row]:
			same = x.num(row) == y.num(row)
		}
		if !same {
			return fmt.Sprintf("row %d is another", row)
		}
	}
	return ""
}

// fileOf is a Parquet file of rows of vectors, in an order that a seed says.
func fileOf(t *testing.T, c *Column, vectors []*vector, group int, seed uint64) []byte {
	t.Helper()
	var file bytes.Buffer
	e := &parquetEncoder{to: &file, columns: []Column{*c}, groupRows: group, workers: 1, shared: newParquetMemory()}
	for _, v := range vectors {
		if err := e.write([]*vector{v}, someRows(seed, v.rows())); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
