package rowfile

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Verify reads the file back and compares its columns, its number of rows and
// every value with what Encode meant to write. Where the summary has no columns
// they are the file's own, whose names and types are part of the hash. Check the
// file's checksum first: the Parquet library can exhaust memory on foreign bytes.
func Verify(r io.ReaderAt, size int64, want *Summary) (err error) {
	defer guard(&err)
	w, err := openWritten(r, size, want)
	if err != nil {
		return err
	}
	digests := make([]*digest, len(w.columns))
	for i, c := range w.columns {
		digests[i] = newDigest(c.Type, w.required[i])
	}
	err = w.each(func(i int, chunks []parquet.ColumnChunk) error {
		for _, chunk := range chunks {
			if err := digests[i].addChunk(chunk); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if got := rowsHash(w.columns, digests); got != want.Hash {
		return fmt.Errorf("read back other values than were written: rows hash %s, want %s", got, want.Hash)
	}
	return nil
}

// written is a file that is read back.
type written struct {
	groups   []parquet.RowGroup
	columns  []Column
	required []bool
}

// openWritten opens a file that should have the rows and the columns of a summary.
func openWritten(r io.ReaderAt, size int64, want *Summary) (*written, error) {
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	if f.NumRows() != want.Rows {
		return nil, fmt.Errorf("read back %d rows, wrote %d", f.NumRows(), want.Rows)
	}
	fields := f.Schema().Fields()
	w := &written{groups: f.RowGroups(), columns: want.Columns, required: make([]bool, len(fields))}
	if w.columns == nil {
		if w.columns, err = columnsOf(fields); err != nil {
			return nil, err
		}
	}
	if len(fields) != len(w.columns) {
		return nil, fmt.Errorf("read back %d columns, wrote %d", len(fields), len(w.columns))
	}
	for i := range fields {
		if fields[i].Name() != w.columns[i].Name {
			return nil, fmt.Errorf("read back column %q, wrote %q", fields[i].Name(), w.columns[i].Name)
		}
		w.required[i] = fields[i].Required()
	}
	return w, nil
}

// each calls read with the chunks of every column, of several columns side by side.
func (w *written) each(read func(i int, chunks []parquet.ColumnChunk) error) error {
	workers := newWorkers(len(w.columns))
	errs := make([]error, len(w.columns))
	guarded := func(i int, chunks []parquet.ColumnChunk) (err error) {
		defer guard(&err)
		return read(i, chunks)
	}
	workers.start(func(next func() (int, bool)) {
		for i, ok := next(); ok; i, ok = next() {
			chunks := make([]parquet.ColumnChunk, len(w.groups))
			for g := range w.groups {
				chunks[g] = w.groups[g].ColumnChunks()[i]
			}
			errs[i] = guarded(i, chunks)
		}
	})
	workers.wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("reading back column %q: %w", w.columns[i].Name, err)
		}
	}
	return nil
}

// eachPage calls f with the pages of a column chunk. A page is good until f
// returns.
func eachPage(chunk parquet.ColumnChunk, f func(parquet.Page) error) error {
	pages := chunk.Pages()
	defer pages.Close()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = f(page)
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
}

// eachValue calls f with the values of a column chunk, batch by batch.
func eachValue(chunk parquet.ColumnChunk, batch []parquet.Value, f func([]parquet.Value) error) error {
	return eachPage(chunk, func(page parquet.Page) error { return eachValueOf(page, batch, f) })
}

func eachValueOf(page parquet.Page, batch []parquet.Value, f func([]parquet.Value) error) error {
	values := page.Values()
	for {
		n, err := values.ReadValues(batch)
		if n > 0 {
			if err := f(batch[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == 0:
			return io.ErrNoProgress
		}
	}
}
