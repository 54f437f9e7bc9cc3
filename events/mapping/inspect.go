package mapping

import (
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// Inspected is what one field of an event came to, for a person who writes a mapping.
type Inspected struct {
	Field      string // its name
	Expression string
	JSON       string // its value in the event; empty: it is not given
	Problem    string // why it has none; empty: nothing is wrong
}

// Inspect is Decode for a person: beside each event it says what every field came to,
// also behind the first one that failed. It costs twice as much.
func (m *Mapping) Inspect(msg *events.Message, yield func(index uint32, d events.Decoded, fields []Inspected) bool) {
	e := newEvaluation(m.canon.zones)
	m.decode(e, msg, func(index uint32, d events.Decoded) bool {
		return yield(index, d, m.inspect(e, d.Kind))
	})
}

// inspect evaluates all fields of the event at hand. Without a record there are none.
func (m *Mapping) inspect(e *evaluation, kind events.Kind) (list []Inspected) {
	if e.event == nil {
		return nil
	}
	e.kind = kind.String()
	for i := range m.fields[kind] {
		f := &m.fields[kind][i]
		one := Inspected{Field: f.name, Expression: f.program.source}
		v, err := e.run(f.program)
		var data []byte
		switch {
		case err == nil && v == nil && f.required:
			one.Problem = missing(f).Detail
		case err == nil && v != nil:
			data, err = f.append(&m.canon, nil, v)
		}
		if err != nil {
			one.Problem = failed("map."+f.name, f.program, err).Detail
		} else {
			one.JSON = string(data)
		}
		list = append(list, one)
	}
	return list
}

// Lacks reports whether the mapping of a kind neither gives a field nor uses an expression
// anywhere.
func (m *Mapping) Lacks(kind events.Kind, field, expression string) bool {
	return !slices.ContainsFunc(m.fields[kind], func(have mapped) bool {
		return have.name == field || strings.Contains(have.program.source, expression)
	})
}
