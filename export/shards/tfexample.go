package shards

import (
	"io"
	"math"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tfrecord"
)

// exampleEncoder writes a file of tf.Example in gzip. A value that is null is a feature
// that is missing. Integers, booleans and times (in microseconds) are int64, doubles are
// floats of 32 bits, which is all that tf.Example has.
type exampleEncoder struct {
	columns []Column // by name
	zip     *gzip.Writer
	out     *tfrecord.Writer
	example tfrecord.Example

	ints   []int64
	floats []float32
	texts  [][]byte
}

func newExampleEncoder(to io.Writer, columns []Column) (*exampleEncoder, error) {
	zip, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	e := &exampleEncoder{columns: slices.Clone(columns), zip: zip, out: tfrecord.NewWriter(zip)}
	slices.SortFunc(e.columns, func(x, y Column) int { return strings.Compare(x.Name, y.Name) })
	return e, nil
}

func (e *exampleEncoder) write(vectors []*vector, rows []int32) error {
	for _, row := range rows {
		e.example.Reset()
		for i := range e.columns {
			e.add(e.columns[i].Name, vectors[e.columns[i].at], int(row))
		}
		if err := e.out.Write(e.example.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// add adds a column of a row.
func (e *exampleEncoder) add(name string, v *vector, row int) {
	if v.null[row] {
		return
	}
	from, to := row, row+1
	if v.typ.List {
		from, to = int(v.start(row)), int(v.ends[row])
		v = v.elems
	}
	e.ints, e.floats, e.texts = e.ints[:0], e.floats[:0], e.texts[:0]
	for i := from; i < to; i++ {
		if v.null[i] {
			continue // a list of tf.Example has no nulls
		}
		switch v.typ.Scalar {
		case rowfile.ScalarString:
			e.texts = append(e.texts, v.bytes(i))
		case rowfile.ScalarDouble, rowfile.ScalarFloat32:
			e.floats = append(e.floats, float32(math.Float64frombits(v.num(i))))
		default:
			e.ints = append(e.ints, int64(v.num(i)))
		}
	}
	switch v.typ.Scalar {
	case rowfile.ScalarString:
		e.example.Texts(name, e.texts...)
	case rowfile.ScalarDouble, rowfile.ScalarFloat32:
		e.example.Floats(name, e.floats...)
	default:
		e.example.Ints(name, e.ints...)
	}
}

func (e *exampleEncoder) close() error { return e.zip.Close() }
