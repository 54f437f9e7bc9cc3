package stats

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// leaf is a column of a file.
type leaf struct {
	index int
	kind  tfmd.FeatureNameStatistics_Type
	// The definition levels of a value, of a list that is there, and whether
	// there are lists.
	most, there byte
	list        bool
}

// leaves are the columns of a schema by name, and those that no statistics are
// made of: structs, maps, lists of lists and types that hold neither numbers nor
// texts.
func leaves(schema *parquet.Schema) (found map[string]leaf, left []string) {
	found = map[string]leaf{}
	for _, path := range schema.Columns() {
		column, ok := schema.Lookup(path...)
		name := path[0]
		if !ok {
			continue
		}
		kind, known := kindOf(column.Node.Type())
		l := leaf{index: column.ColumnIndex, kind: kind, most: byte(column.MaxDefinitionLevel),
			list: column.MaxRepetitionLevel == 1}
		if !known || column.MaxRepetitionLevel > 1 || len(path) > 1 && !l.list {
			left = append(left, name)
			continue
		}
		if l.list {
			// The list is there from the level of its repeated node on, less
			// one where it is empty.
			l.there = l.most
			for _, f := range schema.Fields() {
				if f.Name() == name && f.Optional() {
					l.there = 1
				} else if f.Name() == name {
					l.there = 0
				}
			}
		}
		if _, twice := found[name]; twice {
			left = append(left, name)
			delete(found, name)
			continue
		}
		found[name] = l
	}
	for _, name := range left {
		delete(found, name)
	}
	slices.Sort(left)
	return found, slices.Compact(left)
}

// kindOf is what TFDV calls the type of a column.
func kindOf(t parquet.Type) (tfmd.FeatureNameStatistics_Type, bool) {
	switch t.Kind() {
	case parquet.Boolean, parquet.Int32, parquet.Int64:
		if isDecimal(t) {
			return 0, false
		}
		return tfmd.FeatureNameStatistics_INT, true
	case parquet.Float, parquet.Double:
		return tfmd.FeatureNameStatistics_FLOAT, true
	case parquet.ByteArray:
		if isDecimal(t) {
			return 0, false
		}
		return tfmd.FeatureNameStatistics_STRING, true
	}
	return 0, false
}

// isDecimal reports whether numbers are scaled, which this package does not read.
func isDecimal(t parquet.Type) bool {
	l := t.LogicalType()
	if l == nil {
		return false
	}
	_, ok := l.Value.(*format.DecimalType)
	return ok
}

// page is a part of a column: rows with their values.
type page struct {
	valency []int32 // per row, -1 where it is null; nil where every row has one value
	rows    int
	floats  []float64
	times   []uint64 // how often each of floats is there; nil: once
	text    []byte
	offsets []uint32
	// indexes say which of floats, or of the texts, the values are; nil: they follow each other.
	indexes []int32
}

// values is how many values a page has.
func (p *page) values() int {
	switch {
	case p.indexes != nil:
		return len(p.indexes)
	case p.offsets != nil:
		return max(len(p.offsets), 1) - 1
	}
	return len(p.floats)
}

// number is a value of a page of numbers.
func (p *page) number(i int) float64 {
	if p.indexes != nil {
		i = int(p.indexes[i])
	}
	return p.floats[i]
}

// at is a text of a page of texts.
func (p *page) at(i int) []byte {
	if p.indexes != nil {
		i = int(p.indexes[i])
	}
	return p.text[p.offsets[i]:p.offsets[i+1]]
}

// reader reads a column of a row group. It uses its memory again for the next
// page.
type reader struct {
	leaf   leaf
	want   tfmd.FeatureNameStatistics_Type // of the column over all files
	page   page
	conv   []byte
	floats []float64
}

// each calls visit with the pages of a column chunk.
func (r *reader) each(chunk parquet.ColumnChunk, visit func(*page) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the Parquet library cannot read it: %v", p)
		}
	}()
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	for {
		p, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = r.read(p)
		if err == nil {
			err = visit(&r.page)
		}
		parquet.Release(p)
		if err != nil {
			return err
		}
	}
}

// read takes a page in.
func (r *reader) read(p parquet.Page) error {
	r.levels(p)
	data, dict := p.Data(), p.Dictionary()
	var indexes []int32
	if dict != nil {
		indexes = data.Int32()
		data = dict.Page().Data()
	}
	if r.want == tfmd.FeatureNameStatistics_STRING {
		return r.texts(&data, indexes)
	}
	if indexes == nil && data.Kind() == encoding.Double {
		r.page.floats = data.Double() // they are read only while the page is there
		return nil
	}
	r.floats = r.floats[:0]
	if err := appendFloats(&r.floats, &data, p); err != nil {
		return err
	}
	r.page.floats, r.page.indexes = r.floats, indexes
	return checkIndexes(indexes, len(r.floats))
}

// checkIndexes reports an index beyond a dictionary of n values.
func checkIndexes(indexes []int32, n int) error {
	for _, i := range indexes {
		if uint(i) >= uint(n) {
			return fmt.Errorf("index %d of a dictionary of %d", i, n)
		}
	}
	return nil
}

// levels finds out how many values each row of a page has.
func (r *reader) levels(p parquet.Page) {
	def, rep := p.DefinitionLevels(), p.RepetitionLevels()
	r.page.rows, r.page.indexes, r.page.offsets, r.page.text = int(p.NumRows()), nil, nil, nil
	if !r.leaf.list {
		if len(def) == 0 || p.NumNulls() == 0 {
			r.page.valency = nil
			return
		}
		r.page.valency = r.page.valency[:0]
		for _, d := range def {
			n := int32(-1)
			if d == r.leaf.most {
				n = 1
			}
			r.page.valency = append(r.page.valency, n)
		}
		return
	}
	r.page.valency = r.page.valency[:0]
	for i, level := range rep {
		d := r.leaf.most
		if len(def) > 0 {
			d = def[i]
		}
		if level == 0 {
			n := int32(0)
			if d < r.leaf.there {
				n = -1
			}
			r.page.valency = append(r.page.valency, n)
		}
		if d == r.leaf.most {
			r.page.valency[len(r.page.valency)-1]++
		}
	}
	r.page.rows = len(r.page.valency)
}

// appendFloats appends numbers of any type as doubles.
func appendFloats(to *[]float64, data *encoding.Values, p parquet.Page) error {
	switch data.Kind() {
	case encoding.Boolean:
		bits, n := data.Boolean(), int(p.NumValues()-p.NumNulls())
		for i := range min(n, 8*len(bits)) {
			*to = append(*to, float64(bits[i/8]>>(i%8)&1))
		}
	case encoding.Int32:
		*to = slices.Grow(*to, len(data.Int32()))
		for _, v := range data.Int32() {
			*to = append(*to, float64(v))
		}
	case encoding.Int64:
		*to = slices.Grow(*to, len(data.Int64()))
		for _, v := range data.Int64() {
			*to = append(*to, float64(v))
		}
	case encoding.Float:
		for _, v := range data.Float() {
			*to = append(*to, float64(v))
		}
	case encoding.Double:
		*to = append(*to, data.Double()...)
	case encoding.Undefined: // a page of nulls
	default:
		return fmt.Errorf("it has values of type %s among numbers", data.Kind())
	}
	return nil
}

// texts takes in texts; numbers become their decimal text where the column has
// texts in another file.
func (r *reader) texts(data *encoding.Values, indexes []int32) error {
	switch data.Kind() {
	case encoding.ByteArray:
		r.page.text, r.page.offsets = data.ByteArray()
		r.page.indexes = indexes
		return checkIndexes(indexes, max(len(r.page.offsets), 1)-1)
	case encoding.Undefined:
		r.page.offsets = []uint32{0}
		return nil
	}
	r.conv, r.page.offsets = r.conv[:0], append(make([]uint32, 0, 1024), 0)
	put := func(text []byte) { r.conv, r.page.offsets = text, append(r.page.offsets, uint32(len(text))) }
	switch data.Kind() {
	case encoding.Int32:
		for _, v := range data.Int32() {
			put(strconv.AppendInt(r.conv, int64(v), 10))
		}
	case encoding.Int64:
		for _, v := range data.Int64() {
			put(strconv.AppendInt(r.conv, v, 10))
		}
	case encoding.Double:
		for _, v := range data.Double() {
			put(strconv.AppendFloat(r.conv, v, 'g', -1, 64))
		}
	case encoding.Float:
		for _, v := range data.Float() {
			put(strconv.AppendFloat(r.conv, float64(v), 'g', -1, 32))
		}
	case encoding.Boolean:
		for _, b := range data.Boolean() {
			for i := range 8 {
				put(strconv.AppendBool(r.conv, b>>i&1 == 1))
			}
		}
	default:
		return fmt.Errorf("it has values of type %s", data.Kind())
	}
	r.page.text, r.page.indexes = r.conv, indexes
	return nil
}

// fixed is a weight in units of 1/weightScale. NaN and what is below 0 is 0.
func fixed(weight float64) int64 {
	if !(weight > 0) {
		return 0
	}
	return int64(math.Round(min(weight, 1<<30) * weightScale))
}
