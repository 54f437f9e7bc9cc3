package rowfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/colfile"
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

// Encode writes the rows as a Parquet file to w, with meta in its footer. Columns that
// Table.Settle has not decided are decided by these rows, unless Finish was called.
func (b *Builder) Encode(w io.Writer, meta map[string]string) (sum Summary, err error) {
	defer guard(&err)
	if b.finished == nil {
		b.Finish()
	}
	cols := b.finished
	dict, repeats := make([]bool, len(cols)), Repeats{}
	for i, c := range cols {
		t := c.typ.stored()
		dict[i] = repeats.ofColumn(c, b.layout.groupRows)
		sum.Columns = append(sum.Columns, Column{Name: c.name, Type: t})
	}
	out, err := colfile.NewWriter(w, schema(cols, dict, b.rows),
		colfile.Options{CreatedBy: createdBy, Metadata: meta, Codec: b.layout.codec, Memory: &b.layout.encoding})
	if err != nil {
		return sum, fmt.Errorf("beginning the file: %w", err)
	}
	digests, err := b.writeColumns(out, cols)
	if err != nil {
		return sum, fmt.Errorf("writing rows: %w", err)
	}
	if err := out.Close(); err != nil {
		return sum, fmt.Errorf("writing the footer: %w", err)
	}
	b.summarize(&sum, digests)
	return sum, nil
}

// summarize fills in what is known of the rows besides their columns.
func (b *Builder) summarize(sum *Summary, digests []*digest) {
	sum.Rows, sum.MinTS, sum.MaxTS = int64(b.rows), b.minTS, b.maxTS
	sum.MaxRevision, sum.Early = b.maxRevision, b.early
	sum.Hash = rowsHash(sum.Columns, digests)
}

// Digest is the summary that Encode gives of the rows, without a file. Finish has to be called before.
func (b *Builder) Digest() (sum Summary, err error) {
	digests, errs := make([]*digest, len(b.finished)), make([]error, len(b.finished))
	for i, c := range b.finished {
		digests[i] = newDigest(c.typ.stored(), c.required)
		sum.Columns = append(sum.Columns, Column{Name: c.name, Type: c.typ.stored()})
	}
	workers := newWorkers(len(b.finished))
	workers.start(func(next func() (int, bool)) {
		made := new(colfile.Column)
		for i, ok := next(); ok; i, ok = next() {
			errs[i] = b.digest(b.finished[i], digests[i], made)
		}
	})
	workers.wait()
	b.summarize(&sum, digests)
	return sum, errors.Join(errs...)
}

// digest adds a column's values, cut as Encode cuts them.
func (b *Builder) digest(col *column, into *digest, made *colfile.Column) (err error) {
	defer guard(&err)
	values := newChunker(col)
	for end := 0; end < b.rows; {
		end = min(b.rows, end+b.layout.groupRows)
		c := values.next(end, made)
		into.add(&c)
	}
	return nil
}

func (b *Builder) writeColumns(out *colfile.Writer, cols []*column) ([]*digest, error) {
	parts := make([]part, len(cols))
	digests := make([]*digest, len(cols))
	for i, c := range cols {
		digests[i] = newDigest(c.typ.stored(), c.required)
		parts[i] = part{chunker: newChunker(c), digest: digests[i], done: make(chan encoded, 1)}
	}
	for end := 0; end < b.rows; {
		end = min(b.rows, end+b.layout.groupRows)
		if err := b.writeGroup(out, parts, end); err != nil {
			return nil, err
		}
	}
	return digests, nil
}

// part is a column on its way into the file.
type part struct {
	chunker *chunker
	digest  *digest
	done    chan encoded
}

type encoded struct {
	chunk *colfile.Chunk
	err   error
}

// encode takes the column's rows up to end.
func (p *part) encode(number, end int, e *colfile.Encoder, made *colfile.Column) (result encoded) {
	defer guard(&result.err)
	c := p.chunker.next(end, made)
	p.digest.add(&c)
	result.chunk, result.err = e.Encode(number, &c)
	return result
}

// writeGroup writes a row group. Its columns are encoded side by side, and
// written in their order.
func (b *Builder) writeGroup(out *colfile.Writer, parts []part, end int) error {
	workers := newWorkers(len(parts))
	defer workers.stop()
	workers.start(func(next func() (int, bool)) {
		e, made := out.NewEncoder(), b.layout.takeColumn()
		defer e.Release()
		defer b.layout.columns.Put(made)
		for i, ok := next(); ok; i, ok = next() {
			parts[i].done <- parts[i].encode(i, end, e, made)
		}
	})
	for i := range parts {
		r := <-parts[i].done
		if r.err != nil {
			return r.err
		}
		if err := out.Column(r.chunk); err != nil {
			return err
		}
	}
	return out.EndGroup()
}

// rowsHash sums the columns' hashes up.
func rowsHash(cols []Column, digests []*digest) string {
	h := sha256.New()
	for i, c := range cols {
		fmt.Fprintf(h, "%q %s %016x\n", c.Name, c.Type, digests[i].sum())
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
