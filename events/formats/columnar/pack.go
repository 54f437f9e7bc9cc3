package columnar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/labeljoin/labeljoin/events/formats"
	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// packFields are the fields of a tree as they are packed; false if a value of one is not.
func packFields(trees []*tree) (fields []packed.Field, ok bool) {
	for _, t := range trees {
		f := packed.Field{Name: t.name, Def: byte(t.def)}
		if t.optional {
			f.Def++
		}
		switch {
		case t.repeated || t.isMap:
			return nil, false
		case t.leaf != nil:
			f.Kind, f.Per, ok = packKind(t)
			f.Bytes = f.Kind == packed.KindText && !isText(t.node)
		case t.wrapped == nil:
			f.Kind = packed.KindGroup
			f.Fields, ok = packFields(t.fields)
		case len(t.wrapped.fields) == 1 && t.wrapped.fields[0].leaf == nil:
			f.Kind, f.Each = packed.KindList, byte(t.wrapped.def+1)
			f.Fields, ok = packFields(t.wrapped.fields)
		default:
			return nil, false
		}
		if !ok {
			return nil, false
		}
		fields = append(fields, f)
	}
	return fields, true
}

// packKind is the kind of a leaf, if its values are what leafOf makes of them without a look
// at what they mean.
func packKind(t *tree) (k packed.Kind, per int64, ok bool) {
	kind := t.node.Type().Kind()
	if kind == parquet.ByteArray && formats.IsNested(t.name) {
		return 0, 0, false
	}
	if l := t.node.Type().LogicalType(); l != nil {
		switch l := l.Value.(type) {
		case *format.StringType:
			return packed.KindText, 0, kind == parquet.ByteArray
		case *format.TimestampType:
			return packed.KindTime, nanosPer(&l.Unit), kind == parquet.Int64
		case *format.IntType:
			return packed.KindInt, 0, l.IsSigned && (kind == parquet.Int32 || kind == parquet.Int64)
		}
		return 0, 0, false
	}
	switch kind {
	case parquet.Boolean:
		return packed.KindBool, 0, true
	case parquet.Int32, parquet.Int64:
		return packed.KindInt, 0, true
	case parquet.Float, parquet.Double:
		return packed.KindDouble, 0, true
	case parquet.ByteArray:
		return packed.KindText, 0, true
	}
	return 0, 0, false
}

// A block has as many rows as make so many bytes, within bounds.
const (
	packBytes = 96 << 10
	packLeast = 16
	packMost  = 1000
	packText  = 16 << 20 // of a column of a block: rows that are much larger than those before
)

// pack writes the rows of a file in blocks. It reports false, and has written nothing, if
// they are not packed. Where a row group is damaged, its rows are written as lines, up to
// the one where it is.
func (w *writer) pack(file *os.File) (done bool, err error) {
	info, err := file.Stat()
	if err != nil || checkFooter(file, info.Size()) != nil {
		return false, err
	}
	f, err := parquet.OpenFile(file, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return false, nil // reading its lines says why
	}
	t, _ := treeOf(f)
	t.only(w.only)
	fields, ok := packFields(t.fields)
	if !ok {
		return false, nil
	}
	schema, err := packed.NewSchema(fields)
	if err != nil {
		return false, nil
	}
	p := &packer{ctx: w.ctx, file: file, rows: packLeast}
	for _, field := range t.fields {
		for leaf := field.first; leaf < field.end; leaf++ {
			p.leaves = append(p.leaves, packLeaf{number: leaf})
		}
	}
	p.columns = make([]packed.Column, len(p.leaves))
	if p.out, err = packed.NewWriter(w.blocks, schema, w.room); err != nil {
		return true, err
	}
	p.schema = schema
	for i, group := range f.RowGroups() {
		if err := p.group(group, &f.Metadata().RowGroups[i]); err != nil && !errors.Is(err, errWrite) && w.ctx.Err() == nil {
			return true, w.restAsLines(file, info.Size(), p)
		} else if err != nil {
			return true, err
		}
	}
	return true, nil
}

// errWrite says that it is the output that failed, and not the file.
var errWrite = errors.New("writing")

// restAsLines writes the rows after those that were packed as lines, as far as there are.
func (w *writer) restAsLines(file *os.File, size int64, p *packer) error {
	rows := &restRows{lineRows: lineRows{writer: w}, skip: p.written, out: p.out}
	err := eachRow(w.ctx, file, size, w.only, rows)
	return errors.Join(err, rows.flush())
}

// restRows makes lines of rows, but for the first.
type restRows struct {
	lineRows
	skip  int64
	out   *packed.Writer
	lines []byte
	rows  int
}

func (r *restRows) take() error {
	if r.n++; r.n <= r.skip {
		return nil
	}
	r.lines = append(r.lines, r.line...)
	if r.rows++; r.rows < packMost && len(r.lines) < packBytes {
		return nil
	}
	return r.flush()
}

func (r *restRows) flush() error {
	if r.rows == 0 {
		return nil
	}
	err := r.out.Lines(r.lines)
	r.lines, r.rows = r.lines[:0], 0
	return err
}

// packer packs row groups.
type packer struct {
	ctx     context.Context
	file    io.ReaderAt
	out     *packed.Writer
	leaves  []packLeaf
	columns []packed.Column
	schema  *packed.Schema
	rows    int // of the next block
	written int64
	scratch scratch
}

// group packs a row group.
func (p *packer) group(group parquet.RowGroup, meta *format.RowGroup) (err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics on some damaged files
			err = fmt.Errorf("damaged: %v", r)
		}
		for i := range p.leaves {
			p.leaves[i].close()
		}
	}()
	for i := range p.leaves {
		l := &p.leaves[i]
		*l = packLeaf{number: l.number, most: p.schema.Most(i), own: l.own}
		l.open(p, group.ColumnChunks()[l.number], &meta.Columns[l.number], p.schema.Listed(i))
	}
	if err := p.firstPages(); err != nil {
		return err
	}
	for left := group.NumRows(); left > 0; {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		n := int(min(left, int64(p.rows)))
		if err := p.block(n); err != nil {
			return err
		}
		left -= int64(n)
	}
	for i := range p.leaves {
		if err := p.leaves[i].atEnd(); err != nil {
			return err
		}
	}
	return nil
}

// firstPages reads the first page of each leaf, several at a time: some programs write one page for all rows of a
// group, and then nothing follows before all of them are decoded.
func (p *packer) firstPages() error {
	var taken atomic.Int64
	failed := make([]error, len(p.leaves))
	var reading sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(p.leaves)) {
		reading.Go(func() {
			for i := taken.Add(1) - 1; i < int64(len(p.leaves)); i = taken.Add(1) - 1 {
				failed[i] = p.leaves[i].first()
			}
		})
	}
	reading.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// block packs so many rows.
func (p *packer) block(rows int) error {
	first := -1 // of the list's leaves
	for i := range p.leaves {
		c := &p.columns[i]
		c.Clear()
		if err := p.leaves[i].take(c, rows, p.schema.Listed(i)); err != nil {
			return err
		}
		if !p.schema.Listed(i) {
			continue
		}
		if first >= 0 && !bytes.Equal(c.Rep, p.columns[first].Rep) {
			return errors.New("a list has more elements in one column than in another")
		}
		first = i
	}
	size, err := p.out.Block(rows, p.columns)
	if err != nil {
		return errors.Join(errWrite, err)
	}
	p.written += int64(rows)
	p.rows = min(max(p.rows*packBytes/size, packLeast), packMost)
	return nil
}

// errTooLarge says that rows come as lines.
var errTooLarge = errors.New("the rows are too large for a block")
