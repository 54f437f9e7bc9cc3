package tablelog

import (
	"errors"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// guardState is a guard.Guard without what is counted by slot: the log has that.
type guardState struct {
	Slot     string  `json:"slot"`
	Active   bool    `json:"active"`
	Released instant `json:"released"`
	Complete int64   `json:"complete"`
	Beat     instant `json:"heartbeat"`
	Held     *hold   `json:"held,omitzero"`
	Filling  float64 `json:"filling"`
	OnTime   float64 `json:"on_time"`
	Rates    []rate  `json:"rates"`
}

type hold struct {
	Label    string  `json:"label"`
	From     instant `json:"from"`
	Expected float64 `json:"expected"`
	Seen     float64 `json:"seen"`
	Cleared  int64   `json:"cleared"`
}

type rate struct {
	Label    string  `json:"label"`
	Requests float64 `json:"requests"`
	Outcomes float64 `json:"outcomes"`
	Slots    int64   `json:"slots"`
}

// toGuard is nil for a joiner that guards nothing.
func toGuard(g *guard.Guard) *guardState {
	if g.Width == 0 {
		return nil
	}
	out := &guardState{
		Slot: g.Width.String(), Active: g.Active, Released: instant(g.Released), Complete: g.Complete,
		Beat: instant(g.LastHeartbeat), Filling: g.Backfilled, OnTime: g.OnTime, Rates: []rate{},
	}
	if h := &g.Held; h.On() {
		out.Held = &hold{Label: h.Label, From: instant(h.From), Expected: h.Expected, Seen: h.Seen, Cleared: h.Cleared}
	}
	for _, q := range g.Rates {
		out.Rates = append(out.Rates, rate(q))
	}
	return out
}

func fromGuard(g *guardState) guard.Guard {
	if g == nil {
		return guard.Guard{}
	}
	width, _ := time.ParseDuration(g.Slot) // check has seen it
	out := guard.Guard{
		Width: width, Active: g.Active, Released: events.Time(g.Released), Complete: g.Complete,
		LastHeartbeat: events.Time(g.Beat), Backfilled: g.Filling, OnTime: g.OnTime,
	}
	if h := g.Held; h != nil {
		out.Held = guard.Hold{Label: h.Label, From: events.Time(h.From), Expected: h.Expected, Seen: h.Seen,
			Cleared: h.Cleared}
	}
	for _, q := range g.Rates {
		out.Rates = append(out.Rates, guard.Rate(q))
	}
	return out
}

func (g *guardState) check() error {
	if g == nil {
		return nil
	}
	if width, err := time.ParseDuration(g.Slot); err != nil || width <= 0 {
		return errors.New("the slot of its guard is no duration")
	}
	if g.Held != nil && g.Held.Label == "" {
		return errors.New("its guard holds no label")
	}
	return nil
}
