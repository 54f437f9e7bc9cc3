package tablelog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
)

// gap is a joiner.Gap as it stands in a manifest, and in a declaration, where
// it is not known yet from when on it applies.
type gap struct {
	ID      uint64   `json:"id"`
	From    instant  `json:"from"`
	To      instant  `json:"to"`
	Sources []string `json:"sources"`
	Quiet   bool     `json:"quiet"`
	Since   instant  `json:"since"`
	Until   instant  `json:"until,omitzero"`
	Note    string   `json:"note"`
	Removes uint64   `json:"removes,omitzero"`
	Log     *logGap  `json:"log,omitzero"`
}

type logGap struct {
	Input   string  `json:"input"`
	Created instant `json:"created"`
	From    uint64  `json:"from"`
	Next    uint64  `json:"next"`
	Anew    bool    `json:"anew,omitzero"`
	Decided instant `json:"decided,omitzero"`
}

func toGaps(gaps []events.Gap) []gap {
	var out []gap
	for i := range gaps {
		g := &gaps[i]
		to := gap{ID: g.ID, From: instant(g.From), To: instant(g.To), Sources: []string{}, Quiet: g.Quiet,
			Since: instant(g.Since), Until: instant(g.Until), Note: g.Note, Removes: g.Removes}
		for k, has := range g.Kinds {
			if has {
				to.Sources = append(to.Sources, events.Kind(k).String())
			}
		}
		if l := g.Log; l != nil {
			to.Log = &logGap{Input: l.Input, Created: instant(l.Created), From: l.From, Next: l.Next, Anew: l.Anew,
				Decided: instant(l.Decided)}
		}
		out = append(out, to)
	}
	return out
}

func fromGaps(gaps []gap) []events.Gap {
	var out []events.Gap
	for i := range gaps {
		g := &gaps[i]
		to := events.Gap{
			ID: g.ID, From: events.Time(g.From), To: events.Time(g.To), Quiet: g.Quiet, Since: events.Time(g.Since), Until: events.Time(g.Until), Note: g.Note, Removes: g.Removes,
		}
		for k := range to.Kinds {
			to.Kinds[k] = slices.Contains(g.Sources, events.Kind(k).String())
		}
		if l := g.Log; l != nil {
			to.Log = &events.LogGap{
				Input: l.Input, Created: events.Time(l.Created), From: l.From, Next: l.Next, Anew: l.Anew, Decided: events.Time(l.Decided),
			}
		}
		out = append(out, to)
	}
	return out
}

func (g *gap) check() error {
	known := 0
	for k := range events.Kind(events.Kinds) {
		if slices.Contains(g.Sources, k.String()) {
			known++
		}
	}
	switch {
	case g.ID == 0:
		return errors.New("gaps are numbered from 1")
	case g.From > g.To:
		return fmt.Errorf("gap %d ends before it begins", g.ID)
	case g.Removes != 0 && (len(g.Sources) > 0 || g.Log != nil || g.Removes >= g.ID):
		return fmt.Errorf("gap %d takes gap %d back, and can be nothing else", g.ID, g.Removes)
	case g.Removes != 0:
	case known == 0 || known != len(g.Sources):
		return fmt.Errorf("gap %d names the sources %q: request, outcome or both are possible", g.ID, g.Sources)
	case g.Log != nil && (g.Log.Input == "" || g.Log.Next == 0):
		return fmt.Errorf("gap %d names no messages of a log", g.ID)
	}
	return nil
}

// EncodeGap renders the declaration of a gap, as a line.
func EncodeGap(g *events.Gap) ([]byte, error) {
	to := toGaps([]events.Gap{*g})[0]
	if err := to.check(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(&to, json.Deterministic(true), jsontext.SpaceAfterColon(true),
		jsontext.SpaceAfterComma(true))
	if err != nil {
		return nil, fmt.Errorf("encode gap %d: %w", g.ID, err)
	}
	return append(data, '\n'), nil
}

// DecodeGap reads what EncodeGap gives, strictly.
func DecodeGap(data []byte) (events.Gap, error) {
	var d gap
	if err := json.Unmarshal(data, &d, json.RejectUnknownMembers(true)); err != nil {
		return events.Gap{}, fmt.Errorf("it is not the declaration of a gap: %w", err)
	}
	if err := d.check(); err != nil {
		return events.Gap{}, err
	}
	return fromGaps([]gap{d})[0], nil
}
