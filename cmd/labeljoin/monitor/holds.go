package monitor

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/diskspace"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// holdByGuard is the reason of a hold that the stall guard makes.
const holdByGuard = "guard"

// HoldByNATS is the reason when NATS is away, or was not found yet.
const HoldByNATS = "nats"

// HoldByStore is the reason when commits wait for an object store.
const HoldByStore = "store"

// WhatCommits is what is held when the object store of the output does not answer.
const WhatCommits = "commits"

// WhatLabels is what is held when the label stream takes no labels.
const WhatLabels = "labels"

// holdReasons lists every reason for which anything waits. They are the values of
// a metric's label.
func holdReasons() []string {
	return append(jetstream.HoldReasons(), jetstream.HoldUnreadable, jetstream.HoldLabelStream, HoldByNATS, HoldByStore,
		holdByGuard,
		holdBySilence, diskspace.ShortOfDisk, diskspace.ShortOfState)
}

// Holds knows everything that waits now, and why. The log says it once when a
// hold begins, when its reason changes, and when it ends.
type Holds struct {
	Log *slog.Logger

	mu  sync.Mutex
	now map[string]events.Hold // by what is held
}

// Set says why something is held; the zero Hold ends it. What is named as the log
// and the status show it, "stream outcomes" for one.
func (h *Holds) Set(what string, why events.Hold) {
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
		h.Log.Warn(waiting(what)+" wait: "+why.Detail, "what", what, "reason", why.Reason)
	case !why.On() && before.On():
		h.Log.Info(waiting(what)+" wait no more", "what", what, "reason", before.Reason)
	}
}

// waiting is what waits when something is held: rows, but for labels.
func waiting(what string) string {
	if what == WhatLabels {
		return what
	}
	return "rows"
}

// Wait is one hold, as the status shows it.
type Wait struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// List is everything that waits, those of the guard and of the disks included.
func (h *Holds) List(s *engine.Stats, short diskspace.Shortage) []Wait {
	var list []Wait
	if short.Reason != "" {
		list = append(list, Wait{What: "reading", Reason: short.Reason, Detail: short.Detail})
	}
	if g := GuardStatusOf(&s.Progress.Guard); g != nil && g.Held {
		list = append(list, Wait{What: "label " + g.Label, Reason: holdByGuard, Detail: g.String()})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, what := range slices.SortedFunc(maps.Keys(h.now), strings.Compare) {
		list = append(list, Wait{What: what, Reason: h.now[what].Reason, Detail: h.now[what].Detail})
	}
	return list
}
