package rowfile

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// Merge writes the rows of files into one, file after file, each in its order, with meta
// in its footer. Columns are those of all files, of which each has some, in the order
// that they are to have; a row of a file without one is null there, but its weight is 1.
// Integers and singles become doubles where the column has those: the error is ErrInexact
// if a double does not hold an integer. The summary has rows, columns and hash only.
func (l *Layout) Merge(w io.Writer, sources []*Reader, columns []Column, meta map[string]string) (Summary, error) {
	return l.merge(w, &merger{}, sources, columns, meta)
}

// merge does so by a merger, which says more of some columns.
func (l *Layout) merge(w io.Writer, m *merger, sources []*Reader, columns []Column,
	meta map[string]string) (sum Summary,
	err error) {
	defer guard(&err)
	m.layout, m.columns, m.required, m.places, m.sum = l, columns, make([]bool, len(columns)), map[*Reader][]int{}, &sum
	for i := range columns {
		m.required[i] = true
	}
	for _, s := range sources {
		if m.places[s], err = m.place(s); err != nil {
			return sum, err
		}
	}
	for i, c := range m.columns {
		m.digests = append(m.digests, newDigest(c.Type, m.required[i]))
	}
	for _, s := range sources {
		for g := range s.groups {
			m.parts, m.rows = append(m.parts, sourceGroup{s, g}), m.rows+s.Rows(g)
			if m.rows < l.groupRows {
				continue
			}
			if err := m.write(w, meta); err != nil {
				return sum, err
			}
		}
	}
	if len(m.parts) > 0 {
		if err := m.write(w, meta); err != nil {
			return sum, err
		}
	}
	if m.out == nil {
		return sum, errors.New("the files have no rows")
	}
	if err := m.out.Close(); err != nil {
		return sum, fmt.Errorf("writing the footer: %w", err)
	}
	sum.Columns = slices.Clone(m.columns)
	sum.Hash = rowsHash(sum.Columns, m.digests)
	return sum, nil
}

// place finds a file's columns among those of the merge: the number of each, or -1.
func (m *merger) place(r *Reader) ([]int, error) {
	places, found := make([]int, len(m.columns)), 0
	for i, c := range m.columns {
		places[i] = slices.IndexFunc(r.columns, func(x Column) bool { return x.Name == c.Name })
		at := places[i]
		if _, anew := m.relabelled[i]; anew {
			if m.required[i] = false; at >= 0 {
				found++
			}
			continue
		}
		if at < 0 {
			m.required[i] = m.required[i] && c.Name == weightColumn
			continue
		}
		found++
		if is := r.columns[at].Type; is != c.Type && !is.converts(c.Type) {
			return nil, fmt.Errorf("column %q is %s in one file and %s in another", c.Name, is, c.Type)
		}
		m.required[i] = m.required[i] && r.required[at]
	}
	if found != len(r.columns) {
		return nil, errors.New("a file has a column that the merged one has not")
	}
	return places, nil
}

// merger is a merge under way.
type merger struct {
	layout   *Layout
	columns  []Column
	required []bool
	digests  []*digest
	places   map[*Reader][]int // by file, where each column is in it
	out      *colfile.Writer   // begun with the first row group
	parts    []sourceGroup     // of the next row group
	rows     int               // in them
	sum      *Summary

	// Of columns that get other values than the files have: which of the cells, and whether
	// it is its time, see relabel.
	relabelled map[int]int
	cells      func(row int64) []joiner.Cell
}

// sourceGroup is a row group of a file.
type sourceGroup struct {
	reader *Reader
	group  int
}

// write writes the parts as one row group.
func (m *merger) write(w io.Writer, meta map[string]string) error {
	columns := make([]colfile.Column, len(m.columns))
	for i := range m.columns {
		if err := m.gather(i, &columns[i]); err != nil {
			return err
		}
	}
	if m.out == nil {
		dict, repeats := make([]bool, len(m.columns)), Repeats{}
		for i, c := range m.columns {
			dict[i] = repeats.OfStored(c.Type, &columns[i], m.layout.groupRows)
		}
		var err error
		m.out, err = colfile.NewWriter(w, NewSchema(m.columns, m.required, dict), colfile.Options{
			CreatedBy: createdBy, Metadata: meta, Codec: m.layout.codec, Memory: &m.layout.encoding,
		})
		if err != nil {
			return fmt.Errorf("beginning the file: %w", err)
		}
	}
	e := m.out.NewEncoder()
	defer e.Release()
	for i := range columns {
		m.digests[i].add(&columns[i])
		chunk, err := e.Encode(i, &columns[i])
		if err == nil {
			err = m.out.Column(chunk)
		}
		if err != nil {
			return fmt.Errorf("writing rows: %w", err)
		}
	}
	m.sum.Rows += int64(m.rows)
	m.parts, m.rows = m.parts[:0], 0
	return m.out.EndGroup()
}

// gather reads a column of all parts.
func (m *merger) gather(i int, to *colfile.Column) error {
	if part, anew := m.relabelled[i]; anew {
		m.relabel(i, part, to)
		return nil
	}
	t := m.columns[i].Type
	most := newPageDecoder(t, m.required[i]).most
	if t.Scalar == ScalarString {
		to.Offsets = []uint32{0}
	}
	for _, p := range m.parts {
		at := m.places[p.reader][i]
		if at < 0 && m.required[i] {
			for range p.reader.Rows(p.group) {
				to.Doubles = append(to.Doubles, 1)
			}
			to.Levels += p.reader.Rows(p.group)
			continue
		}
		if at < 0 {
			appendColumn(to, &colfile.Column{Levels: p.reader.Rows(p.group), Def: make([]byte, p.reader.Rows(p.group))}, most,
				t.List)
			continue
		}
		from := p.reader.columns[at].Type
		err := p.reader.Read(p.group, at, func(c *colfile.Column) error {
			if from != t && !from.Scalar.IsFloat() && !toDoubles(c) {
				return fmt.Errorf("column %q: %w", m.columns[i].Name, ErrInexact)
			}
			appendColumn(to, c, most, t.List)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ErrInexact says that a column has an integer that no double holds.
var ErrInexact = errors.New("it has an integer that no double holds")

// weightColumn is null in no row: where there is no such column, every weight is 1.
const weightColumn = "weight"

// converts reports whether values of one type can become those of another: integers and
// singles can become doubles.
func (t Type) converts(to Type) bool {
	return t.List == to.List && to.Scalar == ScalarDouble &&
		(t.Scalar == ScalarInt64 || t.Scalar == ScalarFloat32 || t.Scalar == ScalarInt32 && !t.List)
}

// Converts reports the same of types as they stand in manifests.
func Converts(from, to string) bool {
	f, err1 := ParseColumnType(from)
	t, err2 := ParseColumnType(to)
	return err1 == nil && err2 == nil && f.converts(t)
}

// toDoubles makes integers doubles. It is false if a double does not hold one.
func toDoubles(c *colfile.Column) bool {
	c.Doubles = c.Doubles[:0]
	for _, n := range c.Int32s {
		c.Doubles = append(c.Doubles, float64(n))
	}
	for _, n := range c.Int64s {
		if inexact(n) != 0 {
			return false
		}
		c.Doubles = append(c.Doubles, float64(n))
	}
	c.Int32s, c.Int64s = nil, nil
	return true
}

// appendColumn adds the values of a part. Levels that a part leaves out, because they
// are all the same, are written out.
func appendColumn(to, c *colfile.Column, most byte, list bool) {
	if most > 0 {
		to.Def = appendLevels(to.Def, c.Def, c.Levels, most)
	}
	if list {
		to.Rep = appendLevels(to.Rep, c.Rep, c.Levels, 0)
	}
	to.Levels += c.Levels
	to.Bools = append(to.Bools, c.Bools...)
	to.Int32s = append(to.Int32s, c.Int32s...)
	to.Int64s = append(to.Int64s, c.Int64s...)
	to.Doubles = append(to.Doubles, c.Doubles...)
	if len(c.Offsets) > 0 {
		base, begin := uint32(len(to.Text)), c.Offsets[0]
		for _, end := range c.Offsets[1:] {
			to.Offsets = append(to.Offsets, base+end-begin)
		}
		to.Text = append(to.Text, c.Text[begin:c.Offsets[len(c.Offsets)-1]]...)
	}
}

func appendLevels(to, levels []byte, n int, all byte) []byte {
	if levels != nil {
		return append(to, levels...)
	}
	for range n {
		to = append(to, all)
	}
	return to
}

// Metadata is a value of the key-value metadata in a file's footer; empty if it is not
// there. Check the file's checksum first.
func Metadata(r io.ReaderAt, size int64, key string) (value string, err error) {
	defer guard(&err)
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return "", err
	}
	value, _ = f.Lookup(key)
	return value, nil
}
