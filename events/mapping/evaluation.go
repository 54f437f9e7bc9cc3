package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/vm"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// evaluation is what one goroutine needs to evaluate.
//
// A value is what Decoder.Record makes of a record, or of a kind that makes less garbage
// and is unknown to the machine of expr: a *jsonevent.Node, which is a number, a text, a list
// or an object of a record that is read as a tree, an *object, or a list. plain makes of
// them what the machine knows.
type evaluation struct {
	vm     vm.VM
	budget budget
	zones  *zones
	reader reader

	event, it any // the record, and the element of each
	kind      string
	subject   string
	headers   any
	stored    any

	env        map[string]any // of the machine
	eventKnown bool           // env says what event is
	// itKnown says that env says what it is.
	itKnown bool

	objects []object // that quick evaluations have made of the record at hand
	values  []any    // of objects and lists
	buf     []byte   // in which events are written
	left    leftover // of records
	leftIt  leftover // of elements of each
}

// list is a list that a quick evaluation makes.
type list []any

// object is an object that a quick evaluation makes: the names are in the expression.
type object struct {
	*shape
	values []any
}

// shape is the names of an object.
type shape struct {
	names []string
	heads []string // the names as they are written
	order []int    // in which they are written
}

func shapeOf(names []string) *shape {
	s := &shape{names: names, heads: make([]string, len(names)), order: make([]int, len(names))}
	for i, name := range names {
		s.heads[i], s.order[i] = string(append(appendText(nil, name), ':')), i
	}
	slices.SortFunc(s.order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	return s
}

// member is the member of an object by its name.
func (o *object) member(name string) (v any, given bool) {
	for i := range o.names {
		if o.names[i] == name {
			return o.values[i], true
		}
	}
	return nil, false
}

func newEvaluation(zones *zones) *evaluation {
	e := &evaluation{zones: zones}
	e.vm.MemoryBudget = mostSteps
	e.env = map[string]any{nameBudget: &e.budget}
	return e
}

// run evaluates an expression. Its value is good until the next record.
func (e *evaluation) run(p *program) (any, error) {
	if p.quick != nil {
		if v, how := p.quick(e, nil, 0); how == outcomeGood {
			return v, nil
		}
	}
	if !e.eventKnown {
		e.eventKnown = true
		e.env[nameEvent], e.env[nameSubject], e.env[nameHeaders] = plain(e.event), e.subject, e.headers
		e.env[nameStored] = e.stored
	}
	if !e.itKnown {
		e.itKnown = true
		e.env[nameIt] = plain(e.it)
	}
	e.env[nameKind] = e.kind
	return e.vm.Run(p.code, e.env)
}

// begin takes what expressions may ask about a message, with its headers if they do.
func (e *evaluation) begin(msg *events.Message, headers bool) {
	e.subject, e.headers, e.stored = "", nil, nil
	if msg.Envelope != nil {
		e.subject = msg.Envelope.Subject
	}
	if headers {
		e.headers = map[string]any(nil)
		if msg.Envelope != nil {
			e.headers = headersOf(msg.Envelope.Header)
		}
	}
	if msg.Stored != events.MinTime {
		e.stored = msg.Stored
	}
}

// next takes the next record.
func (e *evaluation) next(record any) {
	e.event, e.eventKnown = record, false
	e.element(nil)
	clear(e.values)
	e.objects, e.values = e.objects[:0], e.values[:0]
}

// element takes the next element of each.
func (e *evaluation) element(it any) { e.it, e.kind, e.itKnown = it, "", false }

// So many values and bytes are kept, so that one large record does not cost memory for good.
const (
	valuesKept = 1 << 12
	bytesKept  = 64 << 10
)

// end lets go of what was decoded.
func (e *evaluation) end() {
	if e.eventKnown {
		clear(e.env)
		e.env[nameBudget] = &e.budget
	}
	e.next(nil)
	e.headers, e.stored = nil, nil
	if cap(e.values) > valuesKept || cap(e.objects) > valuesKept {
		e.values, e.objects = nil, nil
	}
	if cap(e.buf) > bytesKept {
		e.buf = nil
	}
	if cap(e.left.room) > bytesKept || cap(e.leftIt.room) > bytesKept {
		e.left, e.leftIt = leftover{}, leftover{}
	}
}

// room is room for n values.
func (e *evaluation) room(n int) []any {
	from := len(e.values)
	e.values = slices.Grow(e.values, n)[:from+n]
	return e.values[from : from+n : from+n]
}

// object makes an object, the values of which are to be filled in.
func (e *evaluation) object(of *shape) *object {
	if len(e.objects) == cap(e.objects) {
		// Those that were made keep their place, since they are pointed to.
		e.objects = make([]object, 0, max(16, 2*cap(e.objects)))
	}
	e.objects = append(e.objects, object{of, e.room(len(of.names))})
	return &e.objects[len(e.objects)-1]
}

// plain is a value as the machine knows it.
func plain(v any) any {
	switch v := v.(type) {
	case *jsonevent.Node:
		return v.Plain()
	case *object:
		made := make(map[string]any, len(v.names))
		for i, name := range v.names {
			made[name] = plain(v.values[i])
		}
		return made
	case list:
		made := make([]any, len(v))
		for i := range v {
			made[i] = plain(v[i])
		}
		return made
	}
	return v
}

// simple is a value, of which a text and a number are as the machine knows them.
func simple(v any) any {
	if n, ok := v.(*jsonevent.Node); ok && n.Kind() != jsonevent.NodeList && n.Kind() != jsonevent.NodeObject {
		return n.Plain()
	}
	return v
}

// valueOf is a node as a value: what is no number, text, list or object is plain.
func valueOf(n *jsonevent.Node) any {
	if n == nil {
		return nil
	}
	switch n.Kind() {
	case jsonevent.NodeNull:
		return nil
	case jsonevent.NodeFalse:
		return false
	case jsonevent.NodeTrue:
		return true
	}
	return n
}

// headersOf are headers by their names in small letters, since producers differ in how
// they write them. One that is given several times has its first value.
func headersOf(header map[string][]string) map[string]any {
	out := make(map[string]any, len(header))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if values := header[name]; len(values) > 0 && out[strings.ToLower(name)] == nil {
			out[strings.ToLower(name)] = values[0]
		}
	}
	return out
}
