package scenario

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/labeljoin/labeljoin/events"
)

// The keys of an entry among the events, and of the events themselves.
var (
	stepKeys = []string{
		"request", "outcome", "record", "raw", "heartbeat", "watermark", "caught_up", "end", "restart", "rebuild", "gap",
		"expect", "stored", "kind", "input", "subject", "headers",
	}
	besideKeys  = stepKeys[12:]
	requestKeys = []string{"request_id", "ts", "model", "model_version", "user_id", "features", "items", "score"}
	itemKeys    = []string{"item_id", "position", "score", "features"}
	outcomeKeys = []string{"request_id", "type", "ts", "outcome_id", "item_id", "value", "attrs"}
	kindNames   = []string{"request", "outcome"}
	gapKeys     = []string{"from", "to", "source", "quiet"}
	sourceNames = []string{"requests", "outcomes"}
)

// events reads the list of events.
func (r *reader) events(n ast.Node, replay bool) []step {
	var steps []step
	ended := false
	for _, one := range r.list(n) {
		s, end := r.step(one)
		if ended && (s.message != nil || s.proof != nil) {
			r.problem(one, "end: true says that nothing follows")
		}
		ended = ended || end
		if replay && s.message == nil {
			r.problem(one, "a replay has events only: it reads them all before anything closes")
		}
		steps = append(steps, s)
	}
	return steps
}

// step reads one entry: what it is, and what stands beside it.
func (r *reader) step(n ast.Node) (s step, end bool) {
	var what []entry
	beside := map[string]entry{}
	for e := range r.entries(n, stepKeys) {
		if slices.Contains(besideKeys, e.name) {
			beside[e.name] = e
			continue
		}
		what = append(what, e)
	}
	if len(what) != 1 {
		r.problem(n, "an entry is one of %v, with %v beside it where they apply", stepKeys[:12], besideKeys)
		return s, false
	}
	e := what[0]
	switch e.name {
	case "request", "outcome":
		s.message = r.event(e)
	case "heartbeat":
		s.message = r.heartbeat(e.value)
	case "raw", "record":
		s.message, s.input = r.raw(e, beside)
	case "watermark":
		s.proof = &proof{kinds: bothKinds(), at: r.time(e.value), exact: true}
	case "caught_up":
		s.proof = r.caughtUp(e.value)
	case "end":
		r.yes(e.value)
		s.proof, end = &proof{kinds: bothKinds(), at: events.MaxTime, exact: true}, true
	case "restart":
		r.yes(e.value)
		s.restart = true
	case "rebuild":
		r.yes(e.value)
		s.rebuild = true
	case "gap":
		s.gap = r.gap(e.value)
	case "expect":
		s.expect = r.expectations(e.value)
	}
	if stored, ok := beside["stored"]; ok && s.message != nil {
		s.message.Stored = r.time(stored.value)
		delete(beside, "stored")
	} else if s.message != nil {
		s.message.Stored = events.MinTime
	}
	for _, extra := range beside {
		r.problem(extra.key, "%s means nothing beside %s", extra.name, e.name)
	}
	return s, end
}

// gap reads a declaration, as of the command gap add.
func (r *reader) gap(n ast.Node) *events.Gap {
	g := &events.Gap{}
	g.Kinds[events.KindOutcome] = true
	for e := range r.entries(n, gapKeys) {
		switch e.name {
		case "from":
			g.From = r.time(e.value)
		case "to":
			g.To = r.time(e.value)
		case "source":
			g.Kinds = [events.Kinds]bool{}
			g.Kinds[r.oneOf(e.value, sourceNames)] = true
		case "quiet":
			r.yes(e.value)
			g.Quiet = true
		}
	}
	if g.From == 0 || g.To == 0 || g.From > g.To {
		r.problem(n, "a gap has from: and to:, in this order")
	}
	return g
}

func bothKinds() []events.Kind { return []events.Kind{events.KindRequest, events.KindOutcome} }

// raw is a message of bytes, or of a record that becomes JSON: of a kind, in labeljoin's
// own format, or of an input of the configuration, which has a mapping for it.
func (r *reader) raw(e entry, beside map[string]entry) (*events.Message, *inputName) {
	m := &events.Message{}
	if e.name == "raw" {
		m.Data = []byte(r.text(e.value))
	} else {
		var data bytes.Buffer
		r.json(&data, e.value)
		m.Data = data.Bytes()
	}
	input, of := beside["input"]
	if !of {
		m.Kind = r.kind(e, beside)
		delete(beside, "kind")
		return m, nil
	}
	m.Envelope = &events.Envelope{Header: map[string][]string{}}
	if subject, ok := beside["subject"]; ok {
		m.Envelope.Subject = r.text(subject.value)
	}
	if headers, ok := beside["headers"]; ok {
		for one := range r.entries(headers.value, nil) {
			m.Envelope.Header[one.name] = []string{r.text(one.value)}
		}
	}
	for _, name := range []string{"input", "subject", "headers"} {
		delete(beside, name)
	}
	return m, &inputName{name: r.text(input.value), node: input.value}
}

// kind is what a raw message was published as.
func (r *reader) kind(raw entry, beside map[string]entry) events.Kind {
	k, ok := beside["kind"]
	if !ok {
		r.problem(raw.key, "%s needs kind: request, kind: outcome or input: NAME beside it", raw.name)
		return 0
	}
	return r.oneOf(k.value, kindNames)
}

// oneOf is the kind that a name stands for.
func (r *reader) oneOf(n ast.Node, names []string) events.Kind {
	name := r.text(n)
	i := slices.Index(names, name)
	if i < 0 {
		r.unknown(n, name, names)
		return 0
	}
	return events.Kind(i)
}

func (r *reader) heartbeat(n ast.Node) *events.Message {
	m := &events.Message{Kind: events.KindOutcome}
	at, given := events.Time(0), false
	for e := range r.entries(n, []string{"source", "ts"}) {
		if e.name == "source" {
			m.Kind = r.oneOf(e.value, sourceNames)
			continue
		}
		at, given = r.time(e.value), true
	}
	if !given {
		r.problem(n, "a heartbeat needs its ts")
	}
	m.Data = []byte(`{"heartbeat":"` + at.String() + `"}`)
	return m
}

func (r *reader) caughtUp(n ast.Node) *proof {
	p := &proof{kinds: bothKinds(), at: events.MinTime}
	for e := range r.entries(n, []string{"source", "at"}) {
		if e.name == "source" {
			p.kinds = []events.Kind{r.oneOf(e.value, sourceNames)}
			continue
		}
		p.at = r.time(e.value)
	}
	if p.at == events.MinTime {
		r.problem(n, "caught_up needs at, the broker's time of its answer")
	}
	return p
}

// event is an event as its producer would write it, as JSON.
func (r *reader) event(e entry) *events.Message {
	m, keys := &events.Message{Kind: events.KindRequest}, requestKeys
	if e.name == "outcome" {
		m.Kind, keys = events.KindOutcome, outcomeKeys
	}
	var data bytes.Buffer
	data.WriteByte('{')
	for field := range r.entries(e.value, keys) {
		member(&data, field.name)
		switch field.name {
		case "ts":
			// As text with all its digits: every nanosecond counts.
			quote(&data, r.time(field.value).String())
		case "request_id", "outcome_id", "item_id", "type", "model", "model_version", "user_id":
			r.name(&data, field.value)
		case "items":
			r.items(&data, field.value)
		default:
			r.json(&data, field.value)
		}
	}
	data.WriteByte('}')
	m.Data = data.Bytes()
	return m
}

func (r *reader) items(out *bytes.Buffer, n ast.Node) {
	out.WriteByte('[')
	for i, item := range r.list(n) {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('{')
		for field := range r.entries(item, itemKeys) {
			member(out, field.name)
			if field.name == "item_id" {
				r.name(out, field.value)
				continue
			}
			r.json(out, field.value)
		}
		out.WriteByte('}')
	}
	out.WriteByte(']')
}

// name writes an id or another name: a number in YAML is text here, and null is
// a field that is not given.
func (r *reader) name(out *bytes.Buffer, n ast.Node) {
	if _, null := n.(*ast.NullNode); null {
		out.WriteString("null")
		return
	}
	quote(out, r.text(n))
}

// json writes any value as JSON.
func (r *reader) json(out *bytes.Buffer, n ast.Node) {
	switch v := n.(type) {
	case ast.MapNode:
		out.WriteByte('{')
		for e := range r.entries(n, nil) {
			member(out, e.name)
			r.json(out, e.value)
		}
		out.WriteByte('}')
	case *ast.SequenceNode:
		out.WriteByte('[')
		for i, one := range v.Values {
			if i > 0 {
				out.WriteByte(',')
			}
			r.json(out, one)
		}
		out.WriteByte(']')
	default:
		out.WriteString(r.scalar(n))
	}
}

// scalar is a scalar as JSON.
func (r *reader) scalar(n ast.Node) string {
	var value any
	switch v := n.(type) {
	case *ast.StringNode:
		value = v.Value
	case *ast.LiteralNode:
		value = v.Value.Value
	case *ast.IntegerNode:
		value = v.Value
	case *ast.FloatNode:
		if math.IsInf(v.Value, 0) || math.IsNaN(v.Value) {
			r.problem(n, "%s is not a value that JSON has", shown(n))
			return "null"
		}
		value = v.Value
	case *ast.BoolNode:
		value = v.Value
	case *ast.NullNode:
	default:
		r.problem(n, "%s is not a value that JSON has", shown(n))
	}
	text, err := json.Marshal(value)
	if err != nil {
		r.problem(n, "%s is not a value that JSON has", shown(n))
		return "null"
	}
	return string(text)
}

// member begins a member of a JSON object.
func member(out *bytes.Buffer, name string) {
	if last := out.Bytes()[out.Len()-1]; last != '{' {
		out.WriteByte(',')
	}
	quote(out, name)
	out.WriteByte(':')
}

func quote(out *bytes.Buffer, text string) {
	quoted, err := json.Marshal(text)
	if err != nil { // a string always encodes
		quoted = []byte(`""`)
	}
	out.Write(quoted)
}
