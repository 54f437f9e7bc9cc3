package packed

import (
	"slices"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/events"
)

// Columns implements events.Records.
func (b *Block) Columns(memory []events.FeatureColumn) (columns []events.FeatureColumn, ok bool) {
	p := &b.schema.plan
	if p.features == nil || p.items != nil {
		return memory, false
	}
	fields := p.features.Fields
	columns = slices.Grow(memory[:0], len(fields))[:len(fields)]
	n := 0
	b.featureText = 0
	for i := range fields {
		l := &b.leaves[fields[i].leaf]
		if len(l.words) == 0 && l.texts() == 0 {
			continue // no row has the feature
		}
		if !b.column(&fields[i], l, &columns[n]) {
			return columns, false
		}
		b.featureText += l.length
		n++
	}
	return columns[:n], n > 0 && b.featureText <= mostText // a row of more text is left to its JSON
}

// column makes c a feature, if all its values are there and say what they are without the JSON.
func (b *Block) column(f *Field, l *leaf, c *events.FeatureColumn) bool {
	c.Name, c.Kinds, c.Words, c.Tags, c.Text, c.Offsets, c.Book, c.Codes = f.Name, 0, nil, nil, nil, nil, nil, nil
	switch {
	case l.def != nil:
		return false
	case f.Kind == KindInt:
		c.Kinds, c.Words = 1<<events.ValueInt, l.words
		return true
	case f.Kind == KindDouble:
		c.Kinds, c.Words = 1<<events.ValueDouble, l.words
		return allFinite(l.words)
	case f.Kind == KindText && l.book != nil:
		c.Kinds, c.Book, c.Codes = 1<<events.ValueString, &l.book.Book, l.codes
		return l.book.valid
	case f.Kind == KindText:
		c.Kinds, c.Text, c.Offsets = 1<<events.ValueString, l.text, l.offsets
		return l.ascii || b.allUTF8(l)
	}
	return false
}

// allUTF8 reports whether each text is UTF-8.
func (b *Block) allUTF8(l *leaf) bool {
	for i := range b.Rows {
		if !utf8.Valid(l.textAt(i)) {
			return false
		}
	}
	return true
}

// infinite is infinity as its bits; those of NaN are larger, but for the sign.
const infinite = 0x7ff << 52

// allFinite reports whether JSON has a number for each double.
func allFinite(words []uint64) bool {
	for _, word := range words {
		if word<<1 >= infinite<<1 {
			return false
		}
	}
	return true
}
