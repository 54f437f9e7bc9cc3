package rowfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/labeljoin/labeljoin/export/colfile"
)

// addChunk adds a column chunk as the library reads it, page by page.
func (d *digest) addChunk(chunk parquet.ColumnChunk) error {
	var c colfile.Column
	return eachPage(chunk, func(page parquet.Page) error { return d.addPage(page, &c) })
}

// addPage adds a page. c is memory that is used again.
func (d *digest) addPage(page parquet.Page, c *colfile.Column) error {
	if err := d.decode(page, c); err != nil {
		return err
	}
	d.add(c)
	return nil
}

// pageDecoder makes pages of a column whole columns of values.
type pageDecoder struct {
	scalar Scalar
	most   byte // the definition level of what is there
	// The values of a page with a dictionary.
	text    []byte
	offsets []uint32
	int32s  []int32
	int64s  []int64
	doubles []float64
}

// decode makes c a page: its levels and its values, which are good until the page is
// released and decode is called again.
func (d *pageDecoder) decode(page parquet.Page, c *colfile.Column) error {
	values, err := d.levels(page, c)
	if err != nil {
		return err
	}
	got, err := d.fill(c, page, values)
	if err == nil && got < values {
		err = fmt.Errorf("a page holds %d of %d values that are not null", got, values)
	}
	return err
}

// levels gives c the levels of a page, and says how many values there are.
func (d *pageDecoder) levels(page parquet.Page, c *colfile.Column) (values int, err error) {
	c.Levels, c.Rep, c.Def = int(page.NumValues()), page.RepetitionLevels(), page.DefinitionLevels()
	if len(c.Rep) == 0 {
		c.Rep = nil
	}
	if len(c.Def) == 0 {
		c.Def = nil
	}
	if c.Rep != nil && len(c.Rep) != c.Levels || c.Def != nil && len(c.Def) != c.Levels {
		return 0, fmt.Errorf("a page of %d values has %d and %d levels", c.Levels, len(c.Rep), len(c.Def))
	}
	if c.Def == nil {
		return c.Levels, nil
	}
	return bytes.Count(c.Def, []byte{d.most}), nil
}

// fill makes c the values of a page and returns how many there are. A file that
// was written by something else can have another type than its column should.
func (d *pageDecoder) fill(c *colfile.Column, page parquet.Page, values int) (got int, err error) {
	data := page.Data()
	if dict := page.Dictionary(); dict != nil {
		return d.lookUp(c, dict, data.Int32())
	}
	if kind := data.Kind(); kind != d.scalar.physical() && values > 0 {
		return 0, fmt.Errorf("it has values of type %s, want %s", kind, d.scalar.physical())
	} else if kind == encoding.Undefined {
		return 0, nil
	}
	switch d.scalar {
	case ScalarString:
		c.Text, c.Offsets = data.ByteArray()
		return max(len(c.Offsets), 1) - 1, nil
	case ScalarBool:
		bits := data.Boolean()
		c.Bools = slices.Grow(c.Bools[:0], values)
		for i := range min(values, 8*len(bits)) {
			c.Bools = append(c.Bools, bits[i/8]>>(i%8)&1 == 1)
		}
		return len(c.Bools), nil
	case ScalarInt32:
		c.Int32s = data.Int32()
		return len(c.Int32s), nil
	case ScalarDouble:
		c.Doubles = data.Double()
		return len(c.Doubles), nil
	case ScalarFloat32:
		d.doubles = appendDoubles(d.doubles[:0], data.Float())
		c.Doubles = d.doubles
		return len(c.Doubles), nil
	}
	c.Int64s = data.Int64()
	return len(c.Int64s), nil
}

// lookUp makes c the values of a dictionary that a page's indexes stand for.
func (d *pageDecoder) lookUp(c *colfile.Column, dict parquet.Dictionary, indexes []int32) (got int, err error) {
	var values colfile.Column
	if err := d.dictionary(dict, &values); err != nil {
		return 0, err
	}
	return len(indexes), d.lookUpIn(c, &values, indexes)
}

// dictionary makes c the values of a dictionary.
func (d *pageDecoder) dictionary(dict parquet.Dictionary, c *colfile.Column) error {
	data := dict.Page().Data()
	if data.Kind() != d.scalar.physical() {
		return fmt.Errorf("it has a dictionary of type %s", data.Kind())
	}
	switch d.scalar {
	case ScalarString:
		c.Text, c.Offsets = data.ByteArray()
		c.Levels = max(len(c.Offsets), 1) - 1
	case ScalarInt32:
		c.Int32s = data.Int32()
		c.Levels = len(c.Int32s)
	case ScalarDouble:
		c.Doubles = data.Double()
		c.Levels = len(c.Doubles)
	case ScalarFloat32:
		c.Doubles = appendDoubles(nil, data.Float())
		c.Levels = len(c.Doubles)
	case ScalarBool:
		return errors.New("it has a dictionary of Booleans")
	default:
		c.Int64s = data.Int64()
		c.Levels = len(c.Int64s)
	}
	return nil
}

// lookUpIn makes c the values that indexes stand for.
func (d *pageDecoder) lookUpIn(c, values *colfile.Column, indexes []int32) (err error) {
	switch {
	case values.Offsets != nil:
		return d.lookUpTexts(c, values, indexes)
	case values.Int32s != nil:
		d.int32s, err = lookUp(d.int32s[:0], values.Int32s, indexes)
		c.Int32s = d.int32s
	case values.Doubles != nil:
		d.doubles, err = lookUp(d.doubles[:0], values.Doubles, indexes)
		c.Doubles = d.doubles
	default:
		d.int64s, err = lookUp(d.int64s[:0], values.Int64s, indexes)
		c.Int64s = d.int64s
	}
	return err
}

func appendDoubles(to []float64, singles []float32) []float64 {
	to = slices.Grow(to, len(singles))
	for _, x := range singles {
		to = append(to, float64(x))
	}
	return to
}

// lookUp appends the values of a dictionary that indexes stand for.
func lookUp[T any](to, values []T, indexes []int32) ([]T, error) {
	to = slices.Grow(to, len(indexes))
	for _, i := range indexes {
		if uint(i) >= uint(len(values)) {
			return to, fmt.Errorf("index %d of a dictionary of %d", i, len(values))
		}
		to = append(to, values[i])
	}
	return to, nil
}

func (d *pageDecoder) lookUpTexts(c, values *colfile.Column, indexes []int32) error {
	text, offsets := values.Text, values.Offsets
	d.text, d.offsets = d.text[:0], append(d.offsets[:0], 0)
	for _, i := range indexes {
		if i < 0 || int(i)+1 >= len(offsets) {
			return fmt.Errorf("index %d of a dictionary of %d", i, len(offsets)-1)
		}
		d.text = append(d.text, text[offsets[i]:offsets[i+1]]...)
		d.offsets = append(d.offsets, uint32(len(d.text)))
	}
	c.Text, c.Offsets = d.text, d.offsets
	return nil
}

// physical is the type that values of s have in the file.
func (s Scalar) physical() encoding.Kind {
	switch s {
	case ScalarBool:
		return encoding.Boolean
	case ScalarInt32:
		return encoding.Int32
	case ScalarDouble:
		return encoding.Double
	case ScalarFloat32:
		return encoding.Float
	case ScalarString:
		return encoding.ByteArray
	}
	return encoding.Int64
}
