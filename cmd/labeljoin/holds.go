package main

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// holdByGuard is the reason of a hold that the stall guard makes.
const holdByGuard = "guard"

// holdByNATS is the reason when NATS is away, or was not found yet.
const holdByNATS = "nats"

// whatLabels is what is held when the label stream takes no labels.
const whatLabels = "labels"

// holdReasons lists every reason for which anything waits. They are the values of
// a metric's label.
func holdReasons() []string {
	return append(jetstream.HoldReasons(), jetstream.HoldUnreadable, jetstream.HoldLabelStream, holdByNATS, holdByGuard, shortOfDisk, shortOfState)
}

// holds knows everything that waits now, and why. The log says it once when a
// hold begins, when its reason changes, and when it ends.
type holds struct {
	log *slog.Logger

	mu  sync.Mutex
	now map[string]events.Hold // by what is held
}

// set says why something is held; the zero Hold ends it. What is named as the log
// and the status show it, "stream outcomes" for one.
func (h *holds) set(what string, why events.Hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.now[what]
	if !why.On() {
		delete(h.now, what)
	} else {
		if h.now == nil {
			h.now = map[string]events.Hold{}
		}
		h.now[what] = why
	}
	switch {
	case why.On() && why.Reason != before.Reason:
		h.log.Warn(waiting(what)+" wait: "+why.Detail, "what", what, "reason", why.Reason)
	case !why.On() && before.On():
		h.log.Info(waiting(what)+" wait no more", "what", what, "reason", before.Reason)
	}
}

// waiting is what waits when something is held: rows, but for labels.
func waiting(what string) string {
	if what == whatLabels {
		return what
	}
	return "rows"
}

// wait is one hold, as the status shows it.
type wait struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// list is everything that waits, those of the guard and of the disks included.
func (h *holds) list(s *engine.Stats, short shortage) []wait {
	var list []wait
	if short.Reason != "" {
		list = append(list, wait{What: "reading", Reason: short.Reason, Detail: short.Detail})
	}
	if g := guardStatusOf(&s.Progress.Guard); g != nil && g.Held {
		list = append(list, wait{What: "label " + g.Label, Reason: holdByGuard, Detail: g.String()})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, what := range slices.SortedFunc(maps.Keys(h.now), strings.Compare) {
		list = append(list, wait{What: what, Reason: h.now[what].Reason, Detail: h.now[what].Detail})
	}
	return list
}
