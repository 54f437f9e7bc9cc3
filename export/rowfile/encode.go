package rowfile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"

	"github.com/cespare/xxhash/v2"
	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
)

// Column is a column as the file has it.
type Column struct {
	Name string
	Type Type
}

// Summary is what is known of a file besides its bytes.
type Summary struct {
	Rows         int64
	MinTS, MaxTS events.Time // of the requests; exact, where the file has microseconds
	MaxRevision  uint32
	Early        int64 // rows written before their close
	Columns      []Column
	// Hash is over the names, types and values of all rows: two files with the
	// same rows in the same order have the same, however they are encoded.
	Hash string
}

// rowGroupRows bounds a row group, which is what readers hold in memory and
// skip by statistics.
const rowGroupRows = 128 << 10

// createdBy is constant so that the same rows give the same bytes.
const createdBy = "labeljoin version 1 (build parquet-go)"

// Encode writes the rows as a Parquet file to w, with meta in its footer.
func (b *Builder) Encode(w io.Writer, meta map[string]string) (sum Summary, err error) {
	defer guard(&err)
	cols := b.columns()
	shapes := make([]shape, len(cols))
	dict := make([]bool, len(cols))
	for i, c := range cols {
		shapes[i], _ = c.shape()
		dict[i] = shapes[i].typ.Scalar == String && c.repetitive()
		sum.Columns = append(sum.Columns, Column{Name: c.name, Type: shapes[i].typ})
	}
	out := parquet.NewWriter(w, schema(cols, shapes, dict), &parquet.WriterConfig{
		CreatedBy: createdBy, Compression: b.layout.codec,
		KeyValueMetadata: meta, DataPageStatistics: true, DataPageVersion: 2,
		ColumnPageBuffers: parquet.DefaultWriterConfig().ColumnPageBuffers,
		PageBufferSize:    parquet.DefaultPageBufferSize, WriteBufferSize: parquet.DefaultWriteBufferSize,
		MaxRowsPerRowGroup: math.MaxInt64, ColumnIndexSizeLimit: boundsLimit,
	})
	digests, err := b.writeColumns(out, cols, shapes)
	if err != nil {
		return sum, fmt.Errorf("writing rows: %w", err)
	}
	if err := out.Close(); err != nil {
		return sum, fmt.Errorf("writing the footer: %w", err)
	}
	sum.Rows, sum.MinTS, sum.MaxTS = int64(b.rows), b.minTS, b.maxTS
	sum.MaxRevision, sum.Early = b.maxRevision, b.early
	sum.Hash = rowsHash(sum.Columns, digests)
	return sum, nil
}

// boundsLimit is how many bytes of a text the page index keeps.
func boundsLimit([]string) int { return 64 }

//lint:ignore SA1019 the writer that replaces it wants a Go type for the rows, which are columns here
func (b *Builder) writeColumns(out *parquet.Writer, cols []*column, shapes []shape) ([]*xxhash.Digest, error) {
	cursors := make([]*cursor, len(cols))
	digests := make([]*xxhash.Digest, len(cols))
	for i, c := range cols {
		cursors[i] = newCursor(c, shapes[i], i)
		digests[i] = xxhash.New()
	}
	var batch []parquet.Value
	var scratch []byte
	for end := 0; end < b.rows; {
		end = min(b.rows, end+b.layout.groupRows)
		for i, writer := range out.ColumnWriters() {
			for cursors[i].row < end {
				batch = cursors[i].next(batch[:0], end)
				scratch = hashValues(digests[i], scratch, batch)
				if _, err := writer.WriteRowValues(batch); err != nil {
					return nil, fmt.Errorf("column %q: %w", cols[i].name, err)
				}
			}
		}
		if err := out.Flush(); err != nil {
			return nil, err
		}
	}
	return digests, nil
}

// dictionarySample is how many of a column's texts decide on a dictionary.
const dictionarySample = 8192

// repetitive reports whether a dictionary pays for the column's texts: whether
// at most a quarter of an even sample is distinct. It depends on nothing but
// the values.
func (c *column) repetitive() bool {
	step := len(c.ends)/dictionarySample + 1
	limit := len(c.ends) / step / 4
	distinct := map[string]struct{}{}
	for i := 0; i < len(c.ends); i += step {
		text := c.textAt(i)
		if _, known := distinct[string(text)]; known {
			continue
		}
		if len(distinct) == limit {
			return false
		}
		distinct[string(text)] = struct{}{}
	}
	return len(c.ends) > 0
}

// hashValues adds values with their levels to a column's hash. It returns
// scratch for the next call.
func hashValues(d *xxhash.Digest, scratch []byte, values []parquet.Value) []byte {
	scratch = scratch[:0]
	for i := range values {
		v := &values[i]
		scratch = append(scratch, byte(v.RepetitionLevel()), byte(v.DefinitionLevel()))
		if v.IsNull() {
			continue
		}
		switch v.Kind() {
		case parquet.ByteArray:
			text := v.ByteArray()
			scratch = binary.LittleEndian.AppendUint32(scratch, uint32(len(text)))
			scratch = append(scratch, text...)
		case parquet.Boolean:
			bit := byte(0)
			if v.Boolean() {
				bit = 1
			}
			scratch = append(scratch, bit)
		case parquet.Int32:
			scratch = binary.LittleEndian.AppendUint64(scratch, uint64(v.Int32()))
		case parquet.Double:
			scratch = binary.LittleEndian.AppendUint64(scratch, math.Float64bits(v.Double()))
		default:
			scratch = binary.LittleEndian.AppendUint64(scratch, v.Uint64())
		}
	}
	_, _ = d.Write(scratch) // never fails
	return scratch
}

// rowsHash sums the columns' hashes up.
func rowsHash(cols []Column, digests []*xxhash.Digest) string {
	h := sha256.New()
	for i, c := range cols {
		fmt.Fprintf(h, "%q %s %016x\n", c.Name, c.Type, digests[i].Sum64())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// guard turns a panic of the Parquet library, which has several on bad bytes,
// into an error.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the Parquet library panicked: %v", r)
	}
}
