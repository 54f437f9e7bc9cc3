package columnar

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// cursor reads a row group, a value after the other in each of its leaves. After an error
// all values are null, so that what reads on comes to an end.
type cursor struct {
	file    io.ReaderAt
	leaves  []leafCursor
	scratch scratch
	null    parquet.Value
	err     error
}

// leafCursor is where reading stands in a leaf.
type leafCursor struct {
	values leafValues      // nil: the leaf is not read
	some   []parquet.Value // read and not used, which lie in a page
	buf    []parquet.Value
	bools  *boolValues // memory for the next row group
	rows   int64       // that have begun
}

// valuesAtOnce is how many values of a leaf are decoded at a time.
const valuesAtOnce = 256

// peek is the next value of a leaf.
func (c *cursor) peek(leaf int) *parquet.Value {
	l := &c.leaves[leaf]
	if len(l.some) == 0 {
		if c.err == nil {
			c.err = l.fill()
		}
		if c.err != nil {
			return &c.null
		}
	}
	return &l.some[0]
}

// next is the next value of a leaf, which is used.
func (c *cursor) next(leaf int) *parquet.Value {
	v := c.peek(leaf)
	if c.err == nil {
		l := &c.leaves[leaf]
		l.some = l.some[1:]
		if v.RepetitionLevel() == 0 {
			l.rows++
		}
	}
	return v
}

// skip goes over a value of each of the leaves from first to end.
func (c *cursor) skip(first, end int) {
	for leaf := first; leaf < end; leaf++ {
		c.next(leaf)
	}
}

// repeats reports whether the next value of a leaf belongs to another element of a list
// at the level rep.
func (c *cursor) repeats(leaf, rep int) bool {
	l := &c.leaves[leaf]
	if len(l.some) == 0 && c.err == nil {
		if err := l.fill(); !errors.Is(err, io.EOF) {
			c.err = err
		}
	}
	return c.err == nil && len(l.some) > 0 && l.some[0].RepetitionLevel() == rep
}

// fill decodes more values; io.EOF if there are none.
func (l *leafCursor) fill() error {
	n, err := l.values.ReadValues(l.buf)
	l.some = l.buf[:n]
	return err
}

// open begins to read the leaves of a group below the fields.
func (c *cursor) open(group parquet.RowGroup, meta *format.RowGroup, root *tree) {
	chunks := group.ColumnChunks()
	for _, f := range root.fields {
		for leaf := f.first; leaf < f.end; leaf++ {
			l := &c.leaves[leaf]
			if l.buf == nil {
				l.buf = make([]parquet.Value, valuesAtOnce)
			}
			*l = leafCursor{buf: l.buf, bools: l.bools}
			if t := root.at(leaf); t.isBool() && canRead(&meta.Columns[leaf], parquet.Boolean) {
				l.openBools(c, t, &meta.Columns[leaf].MetaData)
			} else {
				l.values = &libraryValues{pages: chunks[leaf].Pages()}
			}
		}
	}
}

// openBools begins to read truth values.
func (l *leafCursor) openBools(c *cursor, t *tree, meta *format.ColumnMetaData) {
	if l.bools == nil {
		own := chunk{kind: parquet.Boolean, most: byte(t.def), lists: byte(t.rep), scratch: &c.scratch}
		if t.optional || t.repeated {
			own.most++
		}
		if t.repeated {
			own.lists++
		}
		l.bools = &boolValues{leaf: t.first, chunk: own}
	}
	l.bools.left = 0
	l.bools.chunk.open(c.file, meta)
	l.values = l.bools
}

// close ends reading a group.
func (c *cursor) close() (err error) {
	for i := range c.leaves {
		l := &c.leaves[i]
		if l.values != nil {
			err = errors.Join(err, l.values.Close())
		}
		*l = leafCursor{buf: l.buf, bools: l.bools}
	}
	return err
}

// aligned looks whether all leaves have come to the end of the n-th row.
func (c *cursor) aligned(n int64) error {
	if c.err != nil {
		if errors.Is(c.err, io.EOF) {
			return fmt.Errorf("a column has fewer values than its row group has rows: %w", io.ErrUnexpectedEOF)
		}
		return c.err
	}
	for i := range c.leaves {
		l := &c.leaves[i]
		if l.values == nil {
			continue
		}
		if l.rows != n || len(l.some) > 0 && l.some[0].RepetitionLevel() > 0 {
			return errors.New("a list has more elements in one column than in another")
		}
	}
	return nil
}

// rows are what is made of the rows of a file.
type rows interface {
	// begin is given the tree of the file's schema, without what is not wanted.
	begin(t *tree)
	// assemble uses the next value of each field.
	assemble(c *cursor)
	// take is called when the row was found to be whole.
	take() error
}

// eachRow reads the rows of a file in order: the fields that are named, or all if none
// is. The error names the row at which the file is damaged.
func eachRow(ctx context.Context, file io.ReaderAt, size int64, wanted []string, to rows) (err error) {
	n := int64(0)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("record %d: the file is damaged: %v", n+1, p)
		}
	}()
	if err := checkFooter(file, size); err != nil {
		return err
	}
	f, err := parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("the footer is damaged: %w", err)
	}
	t, leaves := treeOf(f)
	c := &cursor{file: file, leaves: make([]leafCursor, leaves)}
	t.only(wanted)
	to.begin(t)
	for i, group := range f.RowGroups() {
		c.open(group, &f.Metadata().RowGroups[i], t)
		if err := eachRowOf(ctx, group, c, to, &n); err != nil {
			return fmt.Errorf("record %d: %w", n+1, err)
		}
	}
	return nil
}

// eachRowOf reads the rows of a group, and counts them in n.
func eachRowOf(ctx context.Context, group parquet.RowGroup, c *cursor, to rows, n *int64) (err error) {
	defer func() { err = errors.Join(err, c.close()) }()
	for i := range group.NumRows() {
		if *n%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		to.assemble(c)
		if err := c.aligned(i + 1); err != nil {
			return err
		}
		if err := to.take(); err != nil {
			return err
		}
		*n++
	}
	return nil
}
