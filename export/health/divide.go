package health

import "slices"

// MaxSlices bounds the values of a column that rows are counted by one by one. Of more, the first by bytes have a
// slice of their own, and the others one together: so what is counted does not depend on the order of the rows. A
// commit bounds those of each hour instead, and takes them as they come.
const MaxSlices = 200

// division counts rows by the values of a column.
type division struct {
	column string
	labels int
	values []string // with a slice of their own, in order
	cells  map[string]map[Hour]*Cell
	others map[Hour]*Cell
}

func newDivision(column string, labels int) *division {
	return &division{column: column, labels: labels, cells: map[string]map[Hour]*Cell{}, others: map[Hour]*Cell{}}
}

// cell is where the rows of a value and an hour are counted.
func (d *division) cell(value string, hour Hour) *Cell {
	return d.in(d.of(value), hour)
}

func (d *division) in(cells map[Hour]*Cell, hour Hour) *Cell {
	c := cells[hour]
	if c == nil {
		c = &Cell{Labels: make([]Label, d.labels), Hits: make([]uint64, d.labels), Expected: make([]int64, d.labels)}
		cells[hour] = c
	}
	return c
}

// of are the cells of a value. One that is before others takes the place of the last of too many. A value that had to
// give way is behind all that have a slice, and stays there.
func (d *division) of(value string) map[Hour]*Cell {
	cells := d.cells[value]
	if cells != nil {
		return cells
	}
	if n := len(d.values); n == MaxSlices {
		last := d.values[n-1]
		if value > last {
			return d.others
		}
		d.addAll(d.others, d.cells[last])
		delete(d.cells, last)
		d.values = d.values[:n-1]
	}
	at, _ := slices.BinarySearch(d.values, value)
	d.values = slices.Insert(d.values, at, value)
	cells = map[Hour]*Cell{}
	d.cells[value] = cells
	return cells
}

func (d *division) addAll(to, from map[Hour]*Cell) {
	for hour, c := range from {
		d.in(to, hour).add(c)
	}
}

// join adds the rows of another division by the same column.
func (d *division) join(o *division) {
	for _, value := range o.values {
		d.addAll(d.of(value), o.cells[value])
	}
	d.addAll(d.others, o.others)
}

// addTo adds the slices to a table.
func (d *division) addTo(t *Table) {
	for _, value := range d.values {
		for hour, c := range d.cells[value] {
			t.Add(Key{d.column + "=" + value, hour}, c)
		}
	}
	for hour, c := range d.others {
		t.Add(Key{d.column + " (other)", hour}, c)
	}
}
