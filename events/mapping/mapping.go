package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// The reasons for which a mapping makes no event of a record, beside those of decoding.
const (
	ReasonMapping = "mapping"      // an expression failed, or gave what the field cannot be
	ReasonBudget  = "mapping_cost" // the expressions would do too much for the record
	ReasonFormat  = "bad_format"   // the message is not in the input's format
)

// Spec says how events are made of the records of an input.
type Spec struct {
	Format string            // one of Formats
	Kind   string            // request, outcome, or an expression
	Each   string            // an expression that gives a list; empty: a record is one event
	Only   string            // a condition; empty: all are wanted
	Map    map[string]string // the expressions of fields; those that are empty are left out
	Unit   events.Unit       // of timestamps that are numbers
	Limits jsonevent.Decoder // of records
}

// Mapping makes events of records. It implements events.Codec.
type Mapping struct {
	spec       Spec
	format     format
	kinds      []events.Kind // that it may give
	kind       *program      // nil: kinds has one
	each, only *program      // nil: none
	fields     [events.Kinds][]mapped
	record, it uses // what is used of a record, and of an element of each
	headers    bool // some expression uses headers
	pool       sync.Pool
	canon      canon
}

// mapped is a field that is given.
type mapped struct {
	field
	program *program
}

// Compile compiles a mapping. The errors are SpecErrors.
func Compile(spec Spec) (*Mapping, []error) {
	zones := &zones{}
	m := &Mapping{it: uses{path: nameIt + "."}, spec: spec,
		canon: canon{unit: spec.Unit, zones: zones, most: maxBytesOf(&spec.Limits), item: itemFields()}}
	var problems []error
	compiled := func(part, source string) *program {
		if source == "" {
			return nil
		}
		p, err := compile(source, zones)
		if err != nil {
			problems = append(problems, specError(part, err))
			return nil
		}
		m.headers = m.headers || p.uses.members[nameHeaders] != nil
		m.record.add(p.uses.member(nameEvent))
		m.it.add(p.uses.member(nameIt))
		return p
	}
	var err error
	if m.format, err = formatOf(spec.Format); err != nil {
		problems = append(problems, &SpecError{Part: "format", Message: err.Error()})
	}
	switch spec.Kind {
	case "request":
		m.kinds = []events.Kind{events.KindRequest}
	case "outcome":
		m.kinds = []events.Kind{events.KindOutcome}
	case "":
		problems = append(problems, &SpecError{Part: "kind",
			Message: "is missing: it is request, outcome, or an expression that gives one of them"})
	default:
		m.kinds = []events.Kind{events.KindRequest, events.KindOutcome}
		m.kind = compiled("kind", spec.Kind)
	}
	m.each, m.only = compiled("each", spec.Each), compiled("only", spec.Only)
	problems = append(problems, m.mapFields(compiled)...)
	m.record.sort()
	m.it.sort()
	m.pool.New = func() any { return newEvaluation(zones) }
	return m, problems
}

// mapFields compiles the fields, and says what is wrong with their names.
func (m *Mapping) mapFields(compiled func(part, source string) *program) (problems []error) {
	known := map[string]bool{}
	for _, k := range m.kinds {
		for _, f := range fieldsOf(k) {
			known[f.name] = true
		}
	}
	programs := map[string]*program{}
	for _, name := range slices.Sorted(maps.Keys(m.spec.Map)) {
		if !known[name] && len(m.kinds) > 0 {
			problems = append(problems, &SpecError{Part: "map." + name, Unknown: name,
				Known: slices.Sorted(maps.Keys(known)), Message: fmt.Sprintf("an event has no field %q: it has %s", name,
					strings.Join(slices.Sorted(maps.Keys(known)), ", "))})
			continue
		}
		programs[name] = compiled("map."+name, m.spec.Map[name])
	}
	for _, k := range m.kinds {
		for _, f := range fieldsOf(k) {
			f.required = f.required && !(k == events.KindOutcome && f.name == "request_id" && m.spec.Limits.Unnamed)
			if p := programs[f.name]; p != nil {
				m.fields[k] = append(m.fields[k], mapped{f, p})
			} else if _, given := m.spec.Map[f.name]; f.required && (!given || m.spec.Map[f.name] == "") {
				problems = append(problems, &SpecError{Part: "map." + f.name,
					Message: fmt.Sprintf("is missing: every %s needs one", k)})
			}
		}
	}
	return problems
}

// Kinds are the kinds of events that the mapping may give.
func (m *Mapping) Kinds() []events.Kind { return m.kinds }

// Decode implements events.Codec.
func (m *Mapping) Decode(msg *events.Message, yield func(index uint32, d events.Decoded) bool) {
	e := m.pool.Get().(*evaluation)
	defer m.pool.Put(e)
	m.decode(e, msg, yield)
}

// decode calls yield while e still holds what the event was made of.
func (m *Mapping) decode(e *evaluation, msg *events.Message, yield func(index uint32, d events.Decoded) bool) {
	e.begin(msg, m.headers)
	index, on := uint32(0), true
	emit := func(d events.Decoded) bool {
		on = yield(index, d)
		index++
		return on
	}
	err := m.format.records(&m.spec.Limits, &e.reader, msg, func(record any, raw []byte, reject *events.RejectError) bool {
		if reject != nil {
			e.next(nil)
			return emit(events.Decoded{Kind: m.kinds[0], Record: raw, Reject: reject})
		}
		m.events(e, record, raw, emit)
		return on
	})
	if err != nil && on {
		emit(events.Decoded{Kind: m.kinds[0], Record: msg.Data, Reject: err})
	}
	e.end()
}

// events makes the events of one record.
func (m *Mapping) events(e *evaluation, record any, raw []byte, emit func(events.Decoded) bool) {
	e.budget.begin(len(raw))
	e.next(record)
	if beat, ok := heartbeatOf(record); ok {
		m.heartbeat(beat, raw, emit)
		return
	}
	left, unused := e.left.of(&m.record, record, m.format.body)
	one := func() bool {
		d, wanted := m.event(e)
		if !wanted {
			return true
		}
		d.Record, d.Left, d.Unused = raw, left, unused
		left, unused = nil, 0
		if m.each != nil && d.Reject == nil {
			names, n := e.leftIt.of(&m.it, e.it, nil)
			if d.Unused += n; len(d.Left) == 0 {
				d.Left = names
			} else {
				d.Left = append(slices.Clip(d.Left), names...)
			}
		}
		// What costs too much for one element does for all that follow.
		return emit(d) && (d.Reject == nil || d.Reject.Reason != ReasonBudget)
	}
	if m.each == nil {
		one()
		return
	}
	value, err := e.run(m.each)
	if value == nil && err == nil {
		return
	}
	elements, ok := listOf(value)
	if err == nil && !ok {
		err = fmt.Errorf("it gives %s, and no list", kindOf(value))
	}
	if err != nil {
		emit(events.Decoded{Kind: m.kinds[0], Record: raw, Reject: failed("each", m.each, err)})
		return
	}
	for _, element := range elements {
		e.element(element)
		if err := e.budget.step(false); err != nil {
			emit(events.Decoded{Kind: m.kinds[0], Record: raw, Reject: failed("each", m.each, err)})
			return
		}
		if !one() {
			return
		}
	}
}

// event makes one event of the record at hand; wanted is false if it is none that is
// wanted.
func (m *Mapping) event(e *evaluation) (d events.Decoded, wanted bool) {
	d.Kind = m.kinds[0]
	if m.only != nil {
		yes, err := e.run(m.only)
		if err == nil && yes == nil || yes == false {
			return d, false
		}
		if is, ok := yes.(bool); err == nil && !ok {
			err = fmt.Errorf("it gives %s, and not true or false", kindOf(yes))
		} else if err == nil && !is {
			return d, false
		}
		if err != nil {
			d.Reject = failed("only", m.only, err)
			return d, true
		}
	}
	if m.kind != nil {
		word, err := e.run(m.kind)
		word = simple(word)
		switch {
		case err != nil:
		case word == "request":
			d.Kind = events.KindRequest
		case word == "outcome":
			d.Kind = events.KindOutcome
		case word == nil || word == "":
			return d, false
		default:
			err = fmt.Errorf("it gives %v: it must give request, outcome, or nothing for records that are neither", word)
		}
		if err != nil {
			d.Reject = failed("kind", m.kind, err)
			return d, true
		}
	}
	e.kind = d.Kind.String()
	d.Data, d.Reject = m.write(e, d.Kind)
	return d, true
}

// write evaluates the fields and writes the event.
func (m *Mapping) write(e *evaluation, kind events.Kind) ([]byte, *events.RejectError) {
	dst, first := append(e.buf[:0], '{'), true
	for i := range m.fields[kind] {
		f := &m.fields[kind][i]
		v, err := e.run(f.program)
		if err != nil {
			return nil, failed("map."+f.name, f.program, err)
		}
		if v == nil && f.required {
			return nil, missing(f)
		}
		if v == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if dst, err = f.append(&m.canon, append(dst, f.head...), v); err != nil {
			return nil, failed("map."+f.name, f.program, err)
		}
	}
	e.buf = append(dst, '}')
	if err := e.budget.makes(len(e.buf)); err != nil {
		return nil, &events.RejectError{Reason: ReasonBudget, Detail: err.Error()}
	}
	return bytes.Clone(e.buf), nil
}

func missing(f *mapped) *events.RejectError {
	reason := map[string]string{"request_id": events.ReasonMissingRequestID, "ts": events.ReasonMissingTS,
		"type": events.ReasonMissingType}[f.name]
	return &events.RejectError{Reason: reason, Detail: fmt.Sprintf("map.%s: %s gives nothing", f.name,
		clip(f.program.source))}
}

// failed says which expression failed, and why.
func failed(part string, p *program, err error) *events.RejectError {
	reason := ReasonMapping
	if errors.Is(err, errTooLarge) {
		reason = events.ReasonTooLarge
	}
	if errors.Is(err, errBudget) || strings.Contains(err.Error(), "memory budget exceeded") {
		reason, err = ReasonBudget, errBudget
	}
	return &events.RejectError{Reason: reason, Detail: fmt.Sprintf("%s: %s: %s", part, clip(p.source),
		reworded(p.source, err))}
}

// heartbeatOf is the time of a record that is a heartbeat and nothing else.
func heartbeatOf(record any) (any, bool) {
	if n, ok := record.(*jsonevent.Node); ok {
		if n.Kind() != jsonevent.NodeObject || n.Len() != 1 || string(n.First().Name()) != "heartbeat" {
			return nil, false
		}
		return n.First().Plain(), true
	}
	object, ok := record.(map[string]any)
	if !ok || len(object) != 1 {
		return nil, false
	}
	beat, ok := object["heartbeat"]
	return beat, ok
}

// heartbeat passes a heartbeat on, for every kind that the input may bring.
func (m *Mapping) heartbeat(beat any, raw []byte, emit func(events.Decoded) bool) {
	for _, kind := range m.kinds {
		d := events.Decoded{Kind: kind, Record: raw}
		data, err := m.canon.time([]byte(`{"heartbeat":`), beat)
		if err != nil {
			d.Reject = &events.RejectError{Reason: events.ReasonBadTS, Detail: "heartbeat: " + err.Error()}
		}
		d.Data = append(data, '}')
		if !emit(d) {
			return
		}
	}
}
