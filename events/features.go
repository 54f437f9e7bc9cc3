package events

import (
	"math"
	"math/bits"
	"unsafe"
)

// FeatureColumn is a feature of requests, or of items, that follow each other. It has as many values as they are, or
// more.
type FeatureColumn struct {
	Name string
	// Kinds are those of all values, a bit for each ValueKind. Of other kinds than numbers and texts, and where numbers
	// and texts are mixed, the values are not here.
	Kinds uint16
	// Words are numbers: integers, and doubles as their bits. Tags say which, where there are both; else it is empty.
	Words []uint64
	Tags  []ValueKind
	// Text has texts, the i-th from Offsets[i] to Offsets[i+1]. With a Book it has none: Codes are the numbers that
	// they have there.
	Text    []byte
	Offsets []uint32
	Book    *Book
	Codes   []uint32
}

// Book is texts that columns name by their numbers. It does not change.
type Book struct {
	// The i-th text is from Offsets[i] to Offsets[i+1].
	Text    []byte
	Offsets []uint32
}

// Len is how many texts there are.
func (b *Book) Len() int { return len(b.Offsets) - 1 }

// At is the text of a number.
func (b *Book) At(code uint32) []byte {
	from, to := b.Offsets[code], b.Offsets[code+1]
	return b.Text[from:to:to]
}

// Numbers reports whether the values are numbers, all of them here.
func (c *FeatureColumn) Numbers() bool { return c.Kinds&^(1<<ValueInt|1<<ValueDouble) == 0 }

// Only reports whether all values are of a kind.
func (c *FeatureColumn) Only(kind ValueKind) bool { return c.Kinds == 1<<kind }

// KindOf is the kind of a value, where all are numbers.
func (c *FeatureColumn) KindOf(i int) ValueKind {
	if len(c.Tags) > 0 {
		return c.Tags[i]
	}
	return ValueKind(bits.TrailingZeros16(c.Kinds))
}

// Value is the i-th value, where all are numbers or all are texts. A text is good as long as the column is.
func (c *FeatureColumn) Value(i int) Value {
	if c.Only(ValueString) {
		text := c.textAt(i)
		return Value{Kind: ValueString, Str: unsafe.String(unsafe.SliceData(text), len(text))}
	}
	if c.KindOf(i) == ValueInt {
		return Value{Kind: ValueInt, Int: int64(c.Words[i])}
	}
	return Value{Kind: ValueDouble, Float: math.Float64frombits(c.Words[i])}
}

func (c *FeatureColumn) textAt(i int) []byte {
	if c.Book != nil {
		return c.Book.At(c.Codes[i])
	}
	return c.Text[c.Offsets[i]:c.Offsets[i+1]]
}

// AppendFeatures appends the i-th values of columns whose values are all here.
func AppendFeatures(fields []Field, columns []FeatureColumn, i int) []Field {
	for k := range columns {
		fields = append(fields, Field{Name: columns[k].Name, Value: columns[k].Value(i)})
	}
	return fields
}
