package rowfile

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Verify reads the file back and compares its columns, its number of rows and
// every value with what Encode meant to write. Check the file's checksum
// first: the Parquet library can exhaust memory on foreign bytes.
func Verify(r io.ReaderAt, size int64, want *Summary) (err error) {
	defer guard(&err)
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	if f.NumRows() != want.Rows {
		return fmt.Errorf("read back %d rows, wrote %d", f.NumRows(), want.Rows)
	}
	fields := f.Schema().Fields()
	if len(fields) != len(want.Columns) {
		return fmt.Errorf("read back %d columns, wrote %d", len(fields), len(want.Columns))
	}
	for i := range fields {
		if fields[i].Name() != want.Columns[i].Name {
			return fmt.Errorf("read back column %q, wrote %q", fields[i].Name(), want.Columns[i].Name)
		}
	}
	digests := make([]*digest, len(fields))
	for i, c := range want.Columns {
		digests[i] = newDigest(c.Type, fields[i].Required())
	}
	for _, group := range f.RowGroups() {
		for i, chunk := range group.ColumnChunks() {
			if err := digests[i].addChunk(chunk); err != nil {
				return fmt.Errorf("reading back column %q: %w", want.Columns[i].Name, err)
			}
		}
	}
	if got := rowsHash(want.Columns, digests); got != want.Hash {
		return fmt.Errorf("read back other values than were written: rows hash %s, want %s", got, want.Hash)
	}
	return nil
}

// eachValue calls f with the values of a column chunk, batch by batch.
func eachValue(chunk parquet.ColumnChunk, batch []parquet.Value, f func([]parquet.Value) error) error {
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
		err = eachValueOf(page, batch, f)
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
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
