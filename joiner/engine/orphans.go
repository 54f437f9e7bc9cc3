package engine

import (
	"cmp"
	"fmt"
	"maps"
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

// noteOrphans notices outcomes that are booked as orphans now, and not by a commit. The next commit says whose
// they were.
func (e *Engine) noteOrphans(from orphanSource, n joiner.OrphanCount) {
	if n.Total() == 0 || e.mode.rereads() {
		return
	}
	c := e.noted[from]
	if c == nil {
		c = &joiner.OrphanCount{}
		from.producer = strings.Clone(from.producer)
		e.noted[from] = c
	}
	c.Add(&n)
}

// bookNoted takes what was noticed into the checkpoint.
func (e *Engine) bookNoted() {
	for _, from := range slices.SortedFunc(maps.Keys(e.noted), byOrphanSource) {
		c := e.noted[from]
		c.Stream, c.Producer = e.o.Inputs[from.input].Name, from.producer
		e.checkpoint.Orphans = e.checkpoint.Orphans.Plus(joiner.Orphans{*c}, joiner.MostProducers)
		if c.Keyless = 0; c.Total() > 0 { // those without a key are told apart: see sightKeyless
			e.sightOrphans(joiner.Orphans{*c})
		}
	}
	clear(e.noted)
}

// sightOrphans notices outcomes that found no request.
func (e *Engine) sightOrphans(more joiner.Orphans) {
	if len(more) > 0 {
		e.sighted.stale = true
		e.sighted.now.Orphans = e.sighted.now.Orphans.Plus(more, joiner.MostProducers)
	}
}

// sightStep notices the orphans of a step. The outcomes of one request are taken to be of one stream and
// of one producer.
func (e *Engine) sightStep(ev *joiner.Event, fx *joiner.Effects) {
	if ev != nil && ev.Outcome != nil && fx.Disposition == joiner.DispositionOrphan && fx.Reject == nil && !fx.Pending {
		e.noteOrphans(e.sourceOf(ev), joiner.OrphanCount{Late: 1})
	}
	if n := fx.Disposed[joiner.DispositionOrphan]; n > 0 && len(fx.Drop) > 0 {
		e.noteOrphans(orphanSource{fx.Drop[0].Origin.Input, e.storedProducer(fx.Drop[0].Data)}, joiner.OrphanCount{Alone: n})
	}
}

// sourceOf is where an outcome came from.
func (e *Engine) sourceOf(ev *joiner.Event) orphanSource {
	return orphanSource{ev.Origin.Input, producerOf(ev.Outcome, e.o.Producer)}
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
		return joiner.ShortName(v)
	case nil, map[string]any, []any:
		return ""
	default:
		return joiner.ShortName(fmt.Sprint(v))
	}
}
