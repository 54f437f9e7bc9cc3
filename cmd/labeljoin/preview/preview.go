// Package preview shows what an input makes of records: the events, the fields that
// nothing uses, what fails and why, and what a mapping could be made of.
package preview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/events/mapping"
)

// Preview is one run of the command.
type Preview struct {
	Config *config.Config // nil: there is none, and what records look like is shown
	Input  string         // empty: the one that has a mapping
	Kind   string         // what the records are where no input says it; empty: a guess
	Files  []string
	NATS   bool // the newest messages of the input's subjects
	Last   int  // how many messages are looked at
	JSON   bool
	Out    io.Writer
	// Columns reads Parquet and Avro files, see logfile.Options.
	Columns func(ctx context.Context, path string) (io.ReadCloser, error)
}

// reading is an input whose records are shown.
type reading struct {
	input   *config.Input // nil: of no configuration
	mapping *mapping.Mapping
	own     jsonevent.Decoder
	kinds   []events.Kind
}

// sample is a message, and where it comes from.
type sample struct {
	from    string
	message events.Message
}

// Run looks at the records.
func (p *Preview) Run(ctx context.Context) error {
	var found *RejectedError
	if p.NATS == (len(p.Files) > 0) {
		return &terminal.UsageError{Err: errors.New("name files with records, or give --nats for the newest messages of the input")}
	}
	chosen, err := p.choose()
	if err != nil {
		return err
	}
	for i, r := range chosen {
		var samples []sample
		if p.NATS {
			samples, err = p.newest(ctx, r)
		} else {
			samples, err = p.ofFiles(ctx, r)
		}
		if err != nil {
			return err
		}
		t := &telling{reading: r, json: p.JSON, out: p.Out, unused: map[string]int{}}
		if len(chosen) > 1 && !p.JSON {
			if i > 0 {
				fmt.Fprintln(p.Out)
			}
			fmt.Fprintf(p.Out, "input %s\n\n", r.input.Name)
		}
		for j := range samples {
			if err := t.message(&samples[j]); err != nil {
				return err
			}
		}
		if err := t.end(p.Kind); err != nil {
			return err
		}
		// Where several inputs are tried on the same records, those of one are none of the others.
		if found == nil || t.rejected < found.Rejected {
			found = &RejectedError{Records: t.messages, Rejected: t.rejected}
		}
	}
	if found == nil || found.Rejected == 0 {
		return nil
	}
	return found
}

// RejectedError says that records were shown, and that some make no event.
type RejectedError struct{ Records, Rejected int }

// Error implements error.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("%s shown: %d rejected, which a joiner would put into the dead letters", terminal.Count(e.Records, "record"),
		e.Rejected)
}

// Anomalies reports that the command did its work, and events are not as they should be.
func (e *RejectedError) Anomalies() bool { return true }

// choose finds the inputs that the records are of.
func (p *Preview) choose() ([]*reading, error) {
	if p.Config == nil {
		return []*reading{{own: jsonevent.Decoder{}}}, nil
	}
	var names, mapped []string
	for i := range p.Config.Inputs.List {
		in := &p.Config.Inputs.List[i]
		names = append(names, in.Name)
		if !in.Native() {
			mapped = append(mapped, in.Name)
		}
	}
	wanted := []string{p.Input}
	switch {
	case p.Input != "" && !slices.Contains(names, p.Input):
		hint := "there are " + strings.Join(names, ", ")
		if near := config.Nearest(p.Input, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, &terminal.UsageError{Err: fmt.Errorf("--input %s: there is no such input: %s", p.Input, hint)}
	case p.Input != "":
	case p.NATS:
		wanted = names
	case len(mapped) == 0 || p.Kind != "": // records of another shape, for which there is no mapping yet
		return []*reading{{own: jsonevent.Decoder{}}}, nil
	case len(mapped) == 1:
		wanted = mapped
	default:
		return nil, &terminal.UsageError{Err: fmt.Errorf("say which input the records are of: --input %s; "+
			"or let --kind request or --kind outcome suggest a mapping", strings.Join(names, ", --input "))}
	}
	var chosen []*reading
	for _, name := range wanted {
		r, err := p.reading(p.Config.Inputs.Named(name))
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, r)
	}
	return chosen, nil
}

// reading is how an input is read.
func (p *Preview) reading(in *config.Input) (*reading, error) {
	spec := wire.Spec(p.Config, in)
	r := &reading{input: in, own: spec.Limits}
	r.own.Unit, r.own.Separator = spec.Unit, p.Config.Features.Separator
	for _, kind := range []events.Kind{events.KindRequest, events.KindOutcome} {
		if in.Brings(kind.String()) {
			r.kinds = append(r.kinds, kind)
		}
	}
	if in.Native() {
		return r, nil
	}
	m, wrong := mapping.Compile(spec)
	r.mapping = m
	return r, errors.Join(wrong...)
}

// each calls yield for the events of a message, and for what is none.
func (r *reading) each(m *events.Message, yield func(d events.Decoded, fields []mapping.Inspected)) {
	if r.mapping != nil {
		r.mapping.Inspect(m, func(_ uint32, d events.Decoded, fields []mapping.Inspected) bool {
			if d.Reject == nil {
				d.Reject = r.decoded(&d)
			}
			yield(d, fields)
			return true
		})
		return
	}
	for _, data := range r.own.Split(m.Data) {
		d := events.Decoded{Kind: m.Kind, Data: data, Record: data}
		d.Reject = r.decoded(&d)
		yield(d, nil)
	}
}

// decoded says why an event is none to the joiner; nil if it is one.
func (r *reading) decoded(d *events.Decoded) *events.RejectError {
	if r.input == nil { // any record of an object will do: a mapping is suggested
		_, reject := r.own.Record(d.Data)
		return reject
	}
	var err error
	if d.Kind == events.KindRequest {
		_, err = r.own.DecodeRequest(d.Data)
	} else {
		_, _, err = r.own.DecodeOutcome(d.Data)
	}
	if err == nil {
		return nil
	}
	if reject, ok := errors.AsType[*events.RejectError](err); ok {
		return reject
	}
	return &events.RejectError{Reason: "undecodable", Detail: err.Error()}
}
