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
	Doubles []float64
	// Text are the bytes of all texts. The i-th is from Offsets[i] to
	// Offsets[i+1], and Offsets is one longer than there are texts.
	Text    []byte
	Offsets []uint32
}

// textAt is the i-th text.
func (c *Column) textAt(i int) []byte { return c.Text[c.Offsets[i]:c.Offsets[i+1]] }
