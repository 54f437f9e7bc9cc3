package scenario

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// The inputs of the configuration come as the feeds of the options' inputs. A case reads
// all its messages as one input of both kinds, so that their order is that of the test.

// feedOf is the feed that a message is of; nil if the configuration has no such input.
func feedOf(o *engine.Options, name string) *engine.Feed {
	for i := range o.Inputs {
		for j := range o.Inputs[i].Feeds {
			if f := &o.Inputs[i].Feeds[j]; f.Name == name {
				return f
			}
		}
	}
	return nil
}

// checkInputs reports inputs that the configuration does not have.
func (r *reader) checkInputs(f *File, o *engine.Options) {
	var known []string
	for i := range o.Inputs {
		for _, feed := range o.Inputs[i].Feeds {
			known = append(known, feed.Name)
		}
	}
	for i := range f.Cases {
		for _, s := range f.Cases[i].steps {
			if s.input != nil && !slices.Contains(known, s.input.name) {
				r.unknown(s.input.node, s.input.name, known)
			}
		}
	}
}

// codecs read the messages of a case: those of inputs by their mappings, the others as
// labeljoin's own format. It implements events.Codec.
type codecs struct {
	own [events.Kinds]jsonevent.Decoder
	by  map[uint64]events.Codec // by sequence
}

// Decode implements events.Codec.
func (c *codecs) Decode(m *events.Message, yield func(index uint32, d events.Decoded) bool) {
	jsonevent.EachOf(c.by[m.Seq], &c.own[m.Kind], m, yield)
}

// inputs reports whether a case has messages of inputs of the configuration.
func (c *Case) inputs() bool {
	return slices.ContainsFunc(c.steps, func(s step) bool { return s.input != nil })
}

// of remembers what reads a message that is about to arrive, and says of which kind it is.
func (w *world) of(name *inputName, m *events.Message) {
	if name == nil {
		return
	}
	if f := feedOf(&w.o, name.name); f != nil {
		m.Kind = f.Kinds[0]
		if f.Codec != nil {
			w.codecs.by[w.seq+1] = f.Codec
		}
	}
}
