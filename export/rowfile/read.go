package rowfile

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/export/colfile"
)

// The definition levels of a column of lists: below ListEmpty the list is null.
const (
	ListEmpty   = listEmpty
	ElementNull = elementNull
	ElementSet  = elementSet
)

// Reader reads the columns of a file of ours, row group by row group. Several
// goroutines may read at once. Check the file's checksum first: the Parquet library
// can exhaust memory on foreign bytes.
type Reader struct {
	groups   []parquet.RowGroup
	columns  []Column
	required []bool
}

// NewReader opens a file.
func NewReader(r io.ReaderAt, size int64) (reader *Reader, err error) {
	defer guard(&err)
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, err
	}
	fields := f.Schema().Fields()
	columns, err := columnsOf(fields)
	if err != nil {
		return nil, err
	}
	reader = &Reader{groups: f.RowGroups(), columns: columns, required: make([]bool, len(columns))}
	for i := range fields {
		reader.required[i] = fields[i].Required()
	}
	return reader, nil
}

// Columns are the file's columns, in its order.
func (r *Reader) Columns() []Column { return r.columns }

// Groups is how many row groups there are.
func (r *Reader) Groups() int { return len(r.groups) }

// Rows is how many rows a row group has.
func (r *Reader) Rows(group int) int { return int(r.groups[group].NumRows()) }

// Read calls visit with the parts of a column of a row group, in order. Which field
// of a part has the values follows from the column's type; the part is good until
// visit returns.
func (r *Reader) Read(group, column int, visit func(*colfile.Column) error) (err error) {
	defer guard(&err)
	d := newPageDecoder(r.columns[column].Type, r.required[column])
	var part colfile.Column
	err = eachPage(r.groups[group].ColumnChunks()[column], func(page parquet.Page) error {
		if err := d.decode(page, &part); err != nil {
			return err
		}
		return visit(&part)
	})
	if err != nil {
		return fmt.Errorf("column %q: %w", r.columns[column].Name, err)
	}
	return nil
}

// NewSchema is the Parquet schema of columns, each of which is required or optional,
// and with a dictionary or without one. Numbers are PLAIN, which all readers read.
func NewSchema(columns []Column, required, dictionary []bool) *parquet.Schema {
	var r record
	for i, c := range columns {
		node := leaf(c.Type.Scalar, dictionary[i], false)
		switch {
		case c.Type.List:
			node = parquet.Optional(parquet.List(parquet.Optional(node)))
		case !required[i]:
			node = parquet.Optional(node)
		}
		r.fields = append(r.fields, field{Node: node, name: c.Name})
	}
	return parquet.NewSchema("row", r)
}
