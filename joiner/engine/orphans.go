package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// orphanSource is where an outcome came from that found no request.
type orphanSource struct {
	input    uint8
	producer string
}

func byOrphanSource(a, b orphanSource) int {
	return cmp.Or(cmp.Compare(a.input, b.input), cmp.Compare(a.producer, b.producer))
}

// mostProducers is how many producers are told apart, of all streams.
const mostProducers = 64

// otherProducers is what the others are called.
const otherProducers = "(other)"

// sightOrphans notices outcomes that found no request.
func (e *Engine) sightOrphans(from orphanSource, alone, late int64) {
	if alone+late == 0 || e.mode.rereads() {
		return
	}
	s, name := &e.sighted, e.o.Inputs[from.input].Name
	s.stale = true
	list := &s.now.Orphans
	of := func(producer string) int {
		return slices.IndexFunc(*list, func(o OrphanCount) bool { return o.Stream == name && o.Producer == producer })
	}
	at := of(from.producer)
	if at < 0 && len(*list) >= mostProducers {
		from.producer = otherProducers
		at = of(otherProducers)
	}
	if at < 0 {
		at = len(*list)
		*list = append(*list, OrphanCount{Stream: name, Producer: strings.Clone(from.producer)})
	}
	(*list)[at].Alone += alone
	(*list)[at].Late += late
}

// sightStep notices the orphans of a step. The outcomes of one request are taken to be of one stream and
// of one producer.
func (e *Engine) sightStep(ev *joiner.Event, fx *joiner.Effects) {
	if ev != nil && ev.Outcome != nil && fx.Disposition == joiner.DispositionOrphan && fx.Reject == nil && !fx.Pending {
		e.sightOrphans(orphanSource{ev.Origin.Input, producerOf(ev.Outcome, e.o.Producer)}, 0, 1)
	}
	if n := fx.Disposed[joiner.DispositionOrphan]; n > 0 && len(fx.Drop) > 0 {
		e.sightOrphans(orphanSource{fx.Drop[0].Origin.Input, e.storedProducer(fx.Drop[0].Data)}, n, 0)
	}
}

// storedProducer is the producer of an outcome that is stored.
func (e *Engine) storedProducer(data []byte) string {
	if e.o.Producer == "" {
		return ""
	}
	o, _, err := e.machine.Decoders[events.KindOutcome].DecodeOutcome(data)
	if err != nil {
		return "" // it names no request: its key stands before it
	}
	return producerOf(&o, e.o.Producer)
}

// producerOf is what an outcome's attribute says of its producer; empty: nothing.
func producerOf(o *events.Outcome, attribute string) string {
	if attribute == "" {
		return ""
	}
	switch v := o.Attrs[attribute].(type) {
	case string:
		return shortName(v)
	case nil, map[string]any, []any:
		return ""
	default:
		return shortName(fmt.Sprint(v))
	}
}
