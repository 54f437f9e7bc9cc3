package rowfile

import (
	"io"
	"math"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// NewLabel is a label whose two columns a file gets, or gets anew.
type NewLabel struct {
	Name string
	Type Type // of its value
}

// Relabel writes the rows of a file into another, in their order, with other values of some
// labels. Columns are those of the new file, in their order; each that is no column of the
// labels has the values of before. Cells are those of a row by its number, from 0, in the order
// of labels; nil: they are null.
func (l *Layout) Relabel(w io.Writer, source *Reader, columns []Column, labels []NewLabel,
	cells func(row int64) []joiner.Cell, meta map[string]string) (Summary, error) {
	m := &merger{cells: cells, relabelled: map[int]int{}}
	for i, c := range columns {
		for n, label := range labels {
			switch c.Name {
			case label.Name:
				m.relabelled[i] = 2 * n
			case label.Name + "_ts":
				m.relabelled[i] = 2*n + 1
			}
		}
	}
	return l.merge(w, m, []*Reader{source}, columns, meta)
}

// relabel gathers a column of labels.
func (m *merger) relabel(i, part int, to *colfile.Column) {
	for row := range m.rows {
		cells := m.cells(m.sum.Rows + int64(row))
		to.Levels++
		var c joiner.Cell
		if cells != nil {
			c = cells[part/2]
		}
		time := part%2 == 1
		null := c.Null || math.IsNaN(c.Value) // as column.addCell has it
		if cells == nil || null && !time || time && c.TS == events.MinTime {
			to.Def = append(to.Def, 0)
			continue
		}
		to.Def = append(to.Def, 1)
		switch t := m.columns[i].Type; {
		case time:
			to.Int64s = append(to.Int64s, c.TS.Micros())
		case t.Scalar == ScalarInt32:
			to.Int32s = append(to.Int32s, int32(min(max(c.Value, math.MinInt32), math.MaxInt32)))
		default:
			to.Doubles = append(to.Doubles, c.Value)
		}
	}
}
