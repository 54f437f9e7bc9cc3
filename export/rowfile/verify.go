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
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	if f.NumRows() != want.Rows {
		return fmt.Errorf("read back %d rows, wrote %d", f.NumRows(), want.Rows)
	}
	fields, columns := f.Schema().Fields(), want.Columns
	if columns == nil {
		if columns, err = columnsOf(fields); err != nil {
			return err
		}
	}
	if len(fields) != len(columns) {
		return fmt.Errorf("read back %d columns, wrote %d", len(fields), len(columns))
	}
	for i := range fields {
		if fields[i].Name() != columns[i].Name {
			return fmt.Errorf("read back column %q, wrote %q", fields[i].Name(), columns[i].Name)
		}
	}
	digests := make([]*digest, len(fields))
	for i, c := range columns {
		digests[i] = newDigest(c.Type, fields[i].Required())
	}
	if err := readColumns(f.RowGroups(), columns, digests); err != nil {
		return err
	}
	if got := rowsHash(columns, digests); got != want.Hash {
		return fmt.Errorf("read back other values than were written: rows hash %s, want %s", got, want.Hash)
	}
	return nil
}

// readColumns reads the columns side by side, each from the first row group to
// the last.
func readColumns(groups []parquet.RowGroup, columns []Column, digests []*digest) error {
	workers := newWorkers(len(columns))
	errs := make([]error, len(columns))
	workers.start(func(next func() (int, bool)) {
		for i, ok := next(); ok; i, ok = next() {
			errs[i] = readColumn(groups, i, digests[i])
		}
	})
	workers.wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("reading back column %q: %w", columns[i].Name, err)
		}
	}
	return nil
}

func readColumn(groups []parquet.RowGroup, i int, d *digest) (err error) {
	defer guard(&err)
	for _, group := range groups {
		if err := d.addChunk(group.ColumnChunks()[i]); err != nil {
			return err
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
