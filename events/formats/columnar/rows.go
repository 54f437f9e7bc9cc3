package columnar

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Row is a row of a Parquet file by its top columns.
type Row struct {
	Names []string
	// Values are JSON, null where there is none. They are good until the next row.
	Values [][]byte
}

// Rows reads the rows of a Parquet file of ours, in order. The error names the row at
// which the file is damaged.
func Rows(ctx context.Context, file io.ReaderAt, size int64, visit func(*Row) error) (err error) {
	n := int64(0)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("row %d: the file is damaged: %v", n+1, p)
		}
	}()
	if err := checkFooter(file, size); err != nil {
		return err
	}
	f, err := parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("the footer is damaged: %w", err)
	}
	t := treeOf(f.Schema())
	row := &Row{}
	for _, c := range t.fields {
		row.Names, row.Values = append(row.Names, c.name), append(row.Values, nil)
	}
	for _, group := range f.RowGroups() {
		err := eachRow(group, func(values parquet.Row) error {
			if n++; n%1000 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			columns, err := t.split(values)
			if err != nil {
				return err
			}
			for i, c := range t.fields {
				row.Values[i] = c.json(row.Values[i][:0], columns[c.first:c.end])
			}
			return visit(row)
		})
		if err != nil {
			return fmt.Errorf("row %d: %w", n, err)
		}
	}
	return nil
}

// eachRow reads the rows of a group.
func eachRow(group parquet.RowGroup, visit func(parquet.Row) error) (err error) {
	rows := group.Rows()
	defer func() { err = errors.Join(err, rows.Close()) }()
	buf := make([]parquet.Row, rowsAtOnce)
	left := group.NumRows()
	for {
		n, err := rows.ReadRows(buf)
		for _, row := range buf[:n] {
			if err := visit(row); err != nil {
				return err
			}
		}
		left -= int64(n)
		switch {
		case errors.Is(err, io.EOF) && left == 0:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("a row group has %d rows less than its footer says", left)
		case err != nil:
			return err
		case n == 0:
			return errors.New("reading stands still")
		}
	}
}
