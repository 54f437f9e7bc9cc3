package config

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// The names of the two inputs that a configuration without any has.
const (
	InputRequests = "requests"
	InputOutcomes = "outcomes"
)

// The kinds that an input can be declared to be of.
const (
	KindRequest = "request"
	KindOutcome = "outcome"
)

// Inputs says where the events are. Beside create, every key is the name of an input.
type Inputs struct {
	// Whether the joiner creates the streams that are missing. With nats.embedded it
	// always does.
	//
	// Default: a subject that was typed wrong must not create a stream.
	Create bool `yaml:"create"`

	List []Input `yaml:"-"` // requests and outcomes first, the others as they are written
}

// Input is one input: what is read from some subjects, and how events are made of it.
type Input struct {
	Name string `yaml:"-"` // the key it stands under

	// The NATS subject of the messages, or a list of subjects. The wildcards * and > are
	// allowed. No message may match subjects of two inputs.
	//
	// Default: for the inputs requests and outcomes, requests.> and outcomes.>, to which
	// the examples and the demo publish. Others need one.
	Subject Texts `yaml:"subject"`
	// The name of the stream that holds the subjects, or a list of streams that all do.
	//
	// Default: the joiner asks the server which stream holds a subject. Name it
	// where several do, and where the stream transforms subjects.
	Stream Texts `yaml:"stream"` // empty: found by subject
	// What the events are: request or outcome.
	//
	// Default: request for the input requests, outcome for the input outcomes. Others
	// need one.
	Kind string `yaml:"kind"`
	// The unit of timestamps that are whole numbers. The unit is never guessed: auto
	// reads RFC 3339 text, and takes whole numbers for milliseconds.
	//
	// Default: JavaScript, Java and most event pipelines write milliseconds.
	TimeUnit TimeUnit `yaml:"time_unit"`
	// What may prove that no event of the input is missing. With optional, the server's answer
	// that nothing is pending proves it too. With required, only events and
	// heartbeats do: use it where a silent producer may be a broken one.
	//
	// Default: most producers send no heartbeats, and required would hold their rows
	// through every quiet hour.
	Heartbeat Heartbeat `yaml:"heartbeat"`
}

// Named is the input of a name; nil if there is none.
func (in *Inputs) Named(name string) *Input {
	for i := range in.List {
		if in.List[i].Name == name {
			return &in.List[i]
		}
	}
	return nil
}

// newInput is an input with its defaults.
func newInput(name string) Input {
	in := Input{Name: name, TimeUnit: TimeAuto, Heartbeat: HeartbeatOptional}
	switch name {
	case InputRequests:
		in.Subject, in.Kind = Texts{"requests.>"}, KindRequest
	case InputOutcomes:
		in.Subject, in.Kind = Texts{"outcomes.>"}, KindOutcome
	}
	return in
}

// read implements selfReader.
func (in *Inputs) read(r *reader, n ast.Node, path string) {
	in.List = nil
	for key, value := range r.entries(n, path) {
		at := join(path, key)
		if key == "create" {
			r.value(value, at, &in.Create)
			continue
		}
		one := newInput(key)
		if !isNull(value) {
			r.value(value, at, &one)
		}
		in.List = append(in.List, one)
	}
	in.complete()
}

// complete adds the inputs that are there by default, and puts them first.
func (in *Inputs) complete() {
	others := slices.ContainsFunc(in.List, func(one Input) bool {
		return one.Name != InputRequests &&
			one.Name != InputOutcomes
	})
	for _, name := range []string{InputRequests, InputOutcomes} {
		if in.Named(name) == nil && !others {
			in.List = append(in.List, newInput(name))
		}
	}
	rank := func(one Input) int {
		return max(0, slices.Index([]string{InputRequests, InputOutcomes, one.Name}, one.Name))
	}
	slices.SortStableFunc(in.List, func(a, b Input) int { return rank(a) - rank(b) })
}

// print implements selfPrinter.
func (in *Inputs) print(p *printer) {
	p.entry("create", &in.Create)
	for i := range in.List {
		p.entry(in.List[i].Name, &in.List[i])
	}
}

// isPlain reports whether the inputs are two in labeljoin's own format, one of each kind
// and called so, as all were in the first versions.
func (in *Inputs) isPlain() bool {
	return len(in.List) == 2 && in.List[0].plainAs(InputRequests, KindRequest) &&
		in.List[1].plainAs(InputOutcomes, KindOutcome)
}

func (in *Input) plainAs(name, kind string) bool {
	return in.Name == name && in.Kind == kind
}

// canonical is what of an input decides rows.
func (in *Input) canonical() map[string]any {
	return map[string]any{"name": in.Name, "kind": in.Kind, "format": "native", "time_unit": in.TimeUnit}
}

// unit is the unit of an input's timestamps; auto if there is no such input.
func (in *Inputs) unit(name string) TimeUnit {
	if one := in.Named(name); one != nil {
		return one.TimeUnit
	}
	return TimeAuto
}

// Texts is a list of texts; a single one may be written without the list.
type Texts []string

// read implements selfReader.
func (t *Texts) read(r *reader, n ast.Node, path string) {
	*t = nil
	if isText(n) {
		var one string
		r.value(n, path, &one)
		*t = Texts{one}
		return
	}
	var many []string
	r.value(n, path, &many)
	*t = many
}
