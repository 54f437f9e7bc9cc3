package colfile

// Column is a column of a row group: its levels, and those values that are
// there, densely. Which of the value fields is used follows from the column's
// type in the schema.
type Column struct {
	// Levels is how many levels the column has: its rows, or, in a column of
	// lists, their elements and the lists that have none.
	Levels int
	// Rep are the repetition levels; nil: there are no lists.
	Rep []byte
	// Def are the definition levels; nil: every value is there.
	Def []byte

	Bools   []bool
	Int32s  []int32
	Int64s  []int64
	Doubles []float64 // of doubles, and of floats, which files have with single precision
	// Text are the bytes of all texts. The i-th is from Offsets[i] to
	// Offsets[i+1], and Offsets is one longer than there are texts.
	Text    []byte
	Offsets []uint32

	// Book has the values, and Codes say which ones, of a column that does not have them itself.
	// It has a dictionary in the schema, and no lists.
	Book  *Book
	Codes []uint32
}

// Book is values that columns name by their numbers: numbers, as their bits, or texts.
type Book struct {
	Words []uint64
	// The i-th text is from Offsets[i] to Offsets[i+1]. Offsets is empty if these are numbers.
	Text    []byte
	Offsets []uint32
}

// TextAt is the text of a number.
func (b *Book) TextAt(code uint32) []byte { return b.Text[b.Offsets[code]:b.Offsets[code+1]] }

// Len is how many values there are.
func (b *Book) Len() int { return len(b.Words) + max(len(b.Offsets), 1) - 1 }

// textAt is the i-th text.
func (c *Column) textAt(i int) []byte { return c.Text[c.Offsets[i]:c.Offsets[i+1]] }
