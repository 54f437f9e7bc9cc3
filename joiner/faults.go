package joiner

import "github.com/labeljoin/labeljoin/events"

// Faults are the outcomes of a request for which a label could not be evaluated in a row
// or, of a label that is made of others, the rows in which it could not. They decide nothing.
type Faults struct {
	Count  int64
	Reason string // of the first of them
	Fact   *Fact  // the first of them, if it was added as one
	last   [32]byte
}

// fault notes that a label cannot be evaluated for an outcome, once if that is so in
// several rows.
func (d *Decision) fault(label int, o *events.Outcome, f *Fact, err error) {
	if err == nil {
		return
	}
	if d.faults == nil {
		d.faults = map[int]*Faults{}
	}
	switch known := d.faults[label]; {
	case known == nil:
		d.faults[label] = &Faults{Count: 1, Reason: err.Error(), Fact: f, last: o.Hash}
	case known.last != o.Hash:
		known.Count, known.last = known.Count+1, o.Hash
	}
}

// faultOfRow notes that a label cannot be made of others in a row.
func (d *Decision) faultOfRow(label int, err error) {
	if d.faults == nil {
		d.faults = map[int]*Faults{}
	}
	if f := d.faults[label]; f != nil {
		f.Count++
		return
	}
	d.faults[label] = &Faults{Count: 1, Reason: err.Error()}
}

// Faults says for how many outcomes labels could not be evaluated in a row, by label;
// nil if there are none. No outcome can be added afterwards.
func (d *Decision) Faults() map[int]*Faults {
	d.foldEdits()
	d.countCopies()
	return d.faults
}
