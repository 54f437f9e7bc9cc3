package shards

import (
	"math"
	"slices"

	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// pending is a column of rows that wait to become a row group.
type pending struct {
	colfile.Column
	nulls int // rows without a value
}

func newPending(t rowfile.Type) *pending {
	p := &pending{}
	p.reset(t)
	return p
}

// reset forgets the rows and keeps the memory.
func (p *pending) reset(t rowfile.Type) {
	c := &p.Column
	p.nulls, c.Levels = 0, 0
	c.Rep, c.Def, c.Bools, c.Int32s, c.Int64s, c.Doubles, c.Text = c.Rep[:0], c.Def[:0], c.Bools[:0], c.Int32s[:0], c.Int64s[:0], c.Doubles[:0], c.Text[:0]
	c.Offsets, c.Book, c.Codes = c.Offsets[:0], nil, c.Codes[:0]
	if t.Scalar == rowfile.ScalarString {
		c.Offsets = append(c.Offsets, 0)
	}
}

// gather adds rows of a vector in the order given.
func (p *pending) gather(v *vector, rows []int32) {
	if v.typ.List {
		p.gatherLists(v, rows)
		return
	}
	if v.coded && p.gatherCodes(v, rows) {
		return
	}
	p.expand(v.typ)
	if nulls := p.addLevels(v, rows); nulls == 0 && !v.coded {
		p.gatherAll(v, rows)
		return
	}
	for _, row := range rows {
		if !v.null[row] {
			p.add(v, int(row))
		}
	}
}

// addLevels says which of the rows are null, and returns how many are.
func (p *pending) addLevels(v *vector, rows []int32) (nulls int) {
	c := &p.Column
	c.Levels += len(rows)
	def := grown(&c.Def, len(rows))
	for i := range def {
		def[i] = 1
	}
	if v.nulls {
		for i, row := range rows {
			if v.null[row] {
				def[i] = 0
				nulls++
			}
		}
	}
	p.nulls += nulls
	return nulls
}

// gatherAll adds the values of rows, each of which has one.
func (p *pending) gatherAll(v *vector, rows []int32) {
	c := &p.Column
	switch v.typ.Scalar {
	case rowfile.ScalarString:
		p.gatherTexts(v, rows)
	case rowfile.ScalarBool:
		for _, row := range rows {
			c.Bools = append(c.Bools, v.nums[row] != 0)
		}
	case rowfile.ScalarInt32:
		to := grown(&c.Int32s, len(rows))
		for i, row := range rows {
			to[i] = int32(v.nums[row])
		}
	case rowfile.ScalarDouble, rowfile.ScalarFloat32:
		to := grown(&c.Doubles, len(rows))
		for i, row := range rows {
			to[i] = math.Float64frombits(v.nums[row])
		}
	default:
		to := grown(&c.Int64s, len(rows))
		for i, row := range rows {
			to[i] = int64(v.nums[row])
		}
	}
}

// grown makes a slice n longer, and returns the new part.
func grown[T any](s *[]T, n int) []T {
	from := len(*s)
	*s = slices.Grow(*s, n)[:from+n]
	return (*s)[from:]
}

func (p *pending) gatherTexts(v *vector, rows []int32) {
	c := &p.Column
	total, end := 0, uint32(len(c.Text))
	ends := grown(&c.Offsets, len(rows))
	for i, row := range rows {
		size := v.ends[row] - v.start(int(row))
		total += int(size)
		end += size
		ends[i] = end
	}
	c.Text = slices.Grow(c.Text, total)
	for _, row := range rows {
		c.Text = append(c.Text, v.bytes(int(row))...)
	}
}

// add adds the value of a row, which has one.
func (p *pending) add(v *vector, row int) {
	c := &p.Column
	switch v.typ.Scalar {
	case rowfile.ScalarString:
		c.Text = append(c.Text, v.bytes(row)...)
		c.Offsets = append(c.Offsets, uint32(len(c.Text)))
	case rowfile.ScalarBool:
		c.Bools = append(c.Bools, v.num(row) != 0)
	case rowfile.ScalarInt32:
		c.Int32s = append(c.Int32s, int32(v.num(row)))
	case rowfile.ScalarDouble, rowfile.ScalarFloat32:
		c.Doubles = append(c.Doubles, math.Float64frombits(v.num(row)))
	default:
		c.Int64s = append(c.Int64s, int64(v.num(row)))
	}
}

func (p *pending) gatherLists(v *vector, rows []int32) {
	c := &p.Column
	level := func(rep, def byte) { c.Rep, c.Def = append(c.Rep, rep), append(c.Def, def) }
	for _, row := range rows {
		from, to := v.start(int(row)), v.ends[row]
		switch {
		case v.null[row]:
			level(0, 0)
			p.nulls++
			continue
		case from == to:
			level(0, rowfile.ListEmpty)
			continue
		}
		for i := from; i < to; i++ {
			rep, def := byte(1), byte(rowfile.ElementSet)
			if i == from {
				rep = 0
			}
			if v.elems.null[i] {
				def = rowfile.ElementNull
			} else {
				p.add(v.elems, int(i))
			}
			level(rep, def)
		}
	}
	c.Levels = len(c.Def)
}

// column is what the encoder takes. A column without nulls needs no levels.
func (p *pending) column(t rowfile.Type, required bool) *colfile.Column {
	c := p.Column
	if !t.List {
		if c.Rep = nil; required || p.nulls == 0 {
			c.Def = nil
		}
	}
	return &c
}
