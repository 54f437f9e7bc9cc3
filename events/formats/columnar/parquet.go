package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events/formats"
)

// The least that a Parquet file has beside its data: the magic twice and the length of
// the footer. https://parquet.apache.org/docs/file-format/
const leastParquet = 12

// rowsAtOnce is how many rows are held.
const rowsAtOnce = 64

// parquet writes the rows of a file.
func (w *writer) parquet(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := checkFooter(file, info.Size()); err != nil {
		return err
	}
	f, err := parquet.OpenFile(file, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("the footer is damaged: %w", err)
	}
	tree := treeOf(f.Schema())
	for _, group := range f.RowGroups() {
		if err := w.group(group, tree); err != nil {
			return err
		}
	}
	return nil
}

// checkFooter looks whether the file has room for the footer that it says it has.
func checkFooter(file io.ReaderAt, size int64) error {
	if size < leastParquet {
		return errors.New("it begins like Parquet and is too short")
	}
	var end [8]byte
	if _, err := file.ReadAt(end[:], size-8); err != nil {
		return err
	}
	if string(end[4:]) != "PAR1" {
		return fmt.Errorf("it begins like Parquet and has no footer, so it is not complete: %w", io.ErrUnexpectedEOF)
	}
	if n := int64(binary.LittleEndian.Uint32(end[:4])); n == 0 || n > size-leastParquet {
		return fmt.Errorf("its footer is said to have %d bytes, and the file has %d", n, size)
	}
	return nil
}

// group writes the rows of a row group.
func (w *writer) group(group parquet.RowGroup, t *tree) error {
	err := eachRow(group, func(row parquet.Row) error {
		o, err := t.object(row)
		if err != nil {
			return err
		}
		return w.record(o)
	})
	if err != nil {
		return fmt.Errorf("record %d: %w", w.n+1, err)
	}
	return nil
}

// tree is the schema with what it takes to put rows together (Dremel, as in the Parquet
// format's documentation of nested encoding).
type tree struct {
	name       string
	node       parquet.Node
	first, end int // its leaves
	fields     []*tree
	rep, def   int // levels above it
	wrapped    *tree
	isMap      bool
	leaf       func(dst []byte, v parquet.Value) []byte
}

func treeOf(schema *parquet.Schema) *tree {
	t := &tree{node: schema}
	t.grow(0, 0, 0)
	return t
}

// grow fills in the levels below a node and returns the number of the next leaf.
func (t *tree) grow(leaf, rep, def int) int {
	t.first, t.rep, t.def = leaf, rep, def
	if t.node.Optional() || t.node.Repeated() {
		def++
	}
	if t.node.Repeated() {
		rep++
	}
	if t.node.Leaf() {
		t.end, t.leaf = leaf+1, leafOf(t.node, t.name)
		return t.end
	}
	for _, f := range t.node.Fields() {
		child := &tree{name: f.Name(), node: f}
		leaf = child.grow(leaf, rep, def)
		t.fields = append(t.fields, child)
	}
	t.end = leaf
	if logical := t.node.Type().LogicalType(); logical != nil && len(t.fields) == 1 && t.fields[0].node.Repeated() {
		t.wrap(logical.String())
	}
	return leaf
}

// wrap knows the lists and maps of the format, which have a group between them and their
// elements.
func (t *tree) wrap(logical string) {
	inner := t.fields[0]
	switch {
	case logical == "LIST":
		t.wrapped = inner
	case logical == "MAP" && len(inner.fields) == 2:
		t.wrapped, t.isMap = inner, true
	}
}

// split parts the values of a row, which are in the order of the leaves.
func (t *tree) split(row parquet.Row) ([][]parquet.Value, error) {
	columns := make([][]parquet.Value, t.end)
	for i := 0; i < len(row); {
		column, begin := row[i].Column(), i
		for i++; i < len(row) && row[i].Column() == column; i++ {
		}
		if column < 0 || column >= t.end {
			return nil, fmt.Errorf("there is a value of column %d, and the schema has %d", column, t.end)
		}
		columns[column] = row[begin:i]
	}
	for i := range columns {
		if len(columns[i]) == 0 {
			return nil, fmt.Errorf("there is no value of column %d", i)
		}
	}
	return columns, nil
}

// object is a row as an object.
func (t *tree) object(row parquet.Row) (*formats.Object, error) {
	columns, err := t.split(row)
	if err != nil {
		return nil, err
	}
	o := &formats.Object{}
	for _, f := range t.fields {
		if value := f.json(nil, columns[f.first:f.end]); string(value) != "null" {
			o.Add(f.name, value)
		}
	}
	return o, nil
}

// json appends the value of a node.
func (t *tree) json(dst []byte, columns [][]parquet.Value) []byte {
	present := columns[0][0].DefinitionLevel() > t.def
	switch {
	case t.node.Repeated():
		dst = append(dst, '[')
		if present {
			for i, part := range elements(columns, t.rep+1) {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = t.value(dst, part)
			}
		}
		return append(dst, ']')
	case t.node.Optional() && !present:
		return append(dst, "null"...)
	}
	return t.value(dst, columns)
}

// value appends one value of a node that is there.
func (t *tree) value(dst []byte, columns [][]parquet.Value) []byte {
	switch {
	case t.leaf != nil:
		return t.leaf(dst, columns[0][0])
	case t.isMap:
		return t.mapValue(dst, columns)
	case t.wrapped != nil && len(t.wrapped.fields) == 1:
		return t.list(dst, columns)
	case t.wrapped != nil:
		return t.wrapped.json(dst, columns)
	}
	var o formats.Object
	for _, f := range t.fields {
		if value := f.json(nil, columns[f.first-t.first:f.end-t.first]); string(value) != "null" {
			o.Add(f.name, value)
		}
	}
	return o.Append(dst)
}

// list appends the elements of a list without the group around each.
func (t *tree) list(dst []byte, columns [][]parquet.Value) []byte {
	dst = append(dst, '[')
	if columns[0][0].DefinitionLevel() > t.wrapped.def {
		for i, part := range elements(columns, t.wrapped.rep+1) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = t.wrapped.fields[0].json(dst, part)
		}
	}
	return append(dst, ']')
}

// mapValue appends a map as an object.
func (t *tree) mapValue(dst []byte, columns [][]parquet.Value) []byte {
	var o formats.Object
	key, value := t.wrapped.fields[0], t.wrapped.fields[1]
	if columns[0][0].DefinitionLevel() > t.wrapped.def {
		for _, part := range elements(columns, t.wrapped.rep+1) {
			name := part[0][0].String()
			if key.end-key.first == 1 {
				o.Add(name, value.json(nil, part[value.first-t.first:value.end-t.first]))
			}
		}
	}
	return o.Append(dst)
}

// elements parts the values of each column where an element of a list begins: at the
// first, and at each that is repeated at the list's level or above.
func elements(columns [][]parquet.Value, rep int) [][][]parquet.Value {
	var parts [][][]parquet.Value
	for c, values := range columns {
		n, begin := 0, 0
		for i := 1; i <= len(values); i++ {
			if i < len(values) && values[i].RepetitionLevel() > rep {
				continue
			}
			if n == len(parts) {
				if c > 0 {
					panic(fmt.Sprintf("a list has %d elements in one column and more in another", n))
				}
				parts = append(parts, make([][]parquet.Value, len(columns)))
			}
			parts[n][c] = values[begin:i]
			n, begin = n+1, i
		}
		if n < len(parts) {
			panic(fmt.Sprintf("a list has %d elements in one column and %d in another", len(parts), n))
		}
	}
	return parts
}
