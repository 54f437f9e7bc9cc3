package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// The formats of records that an input can be in, beside the presets.
const (
	FormatNative = "native" // labeljoin's own, which has no mapping
	FormatJSON   = "json"
)

// Formats lists the formats of records, labeljoin's own first.
func Formats() []string { return []string{FormatNative, "cloudevents", "csv", FormatJSON, "otlp"} }

// Inputs says where the events are. Beside create and retired, every key is the name of an input.
type Inputs struct {
	// Whether the joiner creates the streams that are missing. With nats.embedded it
	// always does.
	//
	// Default: a subject that was typed wrong must not create a stream.
	Create bool `yaml:"create"`
	// The streams that were inputs before and are none any more, by their names. What
	// was read of them stays, and nothing more of them is read.
	//
	// Default: a start without a stream that was read before is refused, because a
	// stream that is left out by mistake would make negatives of its outcomes.
	Retired Texts `yaml:"retired"`

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
	// What the events are: request or outcome. Where one input brings both, it is an
	// expression over the record that gives one of these words, or nothing for a record
	// that is neither.
	//
	// Default: request for the input requests, outcome for the input outcomes, and what
	// a preset says. Others need one.
	Kind string `yaml:"kind"`
	// The format of the records: native, which is labeljoin's own, json, csv, cloudevents
	// or otlp; or the name of a preset, which is a format with a mapping for one producer.
	// `labeljoin config presets` lists the presets.
	//
	// Default: native; json for an input that has a mapping.
	Format string `yaml:"format"`
	// An expression that gives a list. Each of its elements becomes an event. The other
	// expressions call the element it, or begin with a dot.
	//
	// Default: a record is one event.
	Each string `yaml:"each"`
	// A condition. Records, or elements of each, for which it is false or nothing become
	// no event.
	//
	// Default: all of them are wanted.
	Only string `yaml:"only"`
	// The fields of the event, by their names, and the expressions that give them.
	// `labeljoin help mapping` describes the language. Beside a preset, a field that is
	// given here replaces the preset's, and one that is "" is left out.
	//
	// Default: the fields of the preset, or none.
	Map map[string]string `yaml:"map"`
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

// Native reports whether the input is in labeljoin's own format.
func (in *Input) Native() bool { return in.Format == FormatNative }

// Brings reports whether events of a kind may come from the input. Where its kind is an
// expression, both may.
func (in *Input) Brings(kind string) bool {
	return in.Kind == kind || in.Kind != KindRequest && in.Kind != KindOutcome
}

// newInput is an input with its defaults.
func newInput(name string) Input {
	in := Input{Name: name, Format: FormatNative, TimeUnit: TimeAuto, Heartbeat: HeartbeatOptional}
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
		switch key {
		case "create":
			r.value(value, at, &in.Create)
			continue
		case "retired":
			r.value(value, at, &in.Retired)
			continue
		}
		one := newInput(key)
		if !isNull(value) {
			one.Format = ""
			r.value(value, at, &one)
			one.settle(r.source.has(join(at, "kind")))
		}
		in.List = append(in.List, one)
	}
	in.complete()
}

// settle finds the format of an input that was read, and takes over what its preset says.
// kind says that the input has a kind of its own.
func (in *Input) settle(kind bool) {
	if in.Format == "" {
		if in.Format = FormatNative; len(in.Map) > 0 || in.Each != "" || in.Only != "" {
			in.Format = FormatJSON
		}
		return
	}
	if slices.Contains(Formats(), in.Format) && (in.Native() || len(in.Map) > 0) {
		return
	}
	preset, ok := presetInputs()[in.Format]
	if !ok {
		return
	}
	if !kind {
		in.Kind = ""
	}
	in.adopt(&preset)
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
	if len(in.Retired) > 0 {
		p.entry("retired", &in.Retired)
	}
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
	return in.Name == name && in.Kind == kind && in.Native()
}

// canonical is what of an input decides rows.
func (in *Input) canonical() map[string]any {
	m := map[string]any{"name": in.Name, "kind": in.Kind, "format": in.Format, "time_unit": in.TimeUnit}
	for name, text := range map[string]string{"each": in.Each, "only": in.Only} {
		if text != "" {
			m[name] = text
		}
	}
	if len(in.Map) > 0 {
		m["map"] = maps.Clone(in.Map)
	}
	return m
}

// check reports what is wrong with the format, the kind and the mapping of an input, as
// far as that is known without the expressions.
func (in *Input) check(add func(key, format string, args ...any)) {
	if !slices.Contains(Formats(), in.Format) {
		hint := "it is " + strings.Join(Formats(), ", ") + ", or a preset: " + strings.Join(PresetFormats(), ", ")
		if near := Nearest(in.Format, slices.Concat(Formats(), PresetFormats())); near != "" {
			hint = "did you mean " + near + "?"
		}
		add("format", "there is no format %q: %s", clipped(in.Format), hint)
		return
	}
	if in.Kind == "" {
		add("kind", "is missing: it is request or outcome")
	}
	switch plain := in.Kind == KindRequest || in.Kind == KindOutcome; {
	case !in.Native() && len(in.Map) == 0:
		add("map", "is missing: format %s needs a mapping, the expressions that give the fields of an event "+
			"(labeljoin help mapping)", in.Format)
	case !in.Native():
	case in.Kind != "" && !plain:
		near := ""
		if kind := Nearest(in.Kind, []string{KindRequest, KindOutcome}); kind != "" {
			near = fmt.Sprintf("; did you mean %q?", kind)
		}
		add("kind", "%q is not known%s it is request or outcome; an expression needs a map beside it", clipped(in.Kind),
			cmp.Or(near, ":"))
	case len(in.Map) > 0 || in.Each != "" || in.Only != "":
		add("format", "format native has no mapping: remove it, or map, each and only")
	}
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
