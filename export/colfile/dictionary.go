package colfile

import "bytes"

// dictionary numbers the distinct texts of a column in the order in which they
// come. The memory is used again for the next column.
type dictionary struct {
	numbers map[string]int32
	text    []byte
	offsets []uint32
	indexes []int32 // of the column's texts

	used   []uint32 // per number: the page, counted from 1, that had it last
	page   uint32
	ranked []int32 // numbers of the page at hand
}

func (d *dictionary) len() int { return len(d.offsets) - 1 }

func (d *dictionary) at(n int32) []byte { return d.text[d.offsets[n]:d.offsets[n+1]] }

func (d *dictionary) build(c *Column) {
	if d.numbers == nil {
		d.numbers = map[string]int32{}
	}
	clear(d.numbers)
	d.text, d.offsets, d.indexes = d.text[:0], append(d.offsets[:0], 0), d.indexes[:0]
	var last []byte
	number := int32(-1)
	for i := 1; i < len(c.Offsets); i++ {
		// Neighbours are often the same: one model, one reason.
		text := c.Text[c.Offsets[i-1]:c.Offsets[i]]
		if number < 0 || !bytes.Equal(text, last) {
			number = d.number(text)
			last = text
		}
		d.indexes = append(d.indexes, number)
	}
	d.used = append(d.used[:0], make([]uint32, d.len())...)
	d.page = 0
}

func (d *dictionary) number(text []byte) int32 {
	if n, known := d.numbers[string(text)]; known {
		return n
	}
	n := int32(d.len())
	d.numbers[string(text)] = n
	d.text = append(d.text, text...)
	d.offsets = append(d.offsets, uint32(len(d.text)))
	return n
}

// distinct are the numbers of a page's texts, each once.
func (d *dictionary) distinct(indexes []int32) []int32 {
	d.page++
	d.ranked = d.ranked[:0]
	for _, n := range indexes {
		if d.used[n] != d.page {
			d.used[n] = d.page
			d.ranked = append(d.ranked, n)
		}
	}
	return d.ranked
}
