package engine

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// acceptLost goes on behind messages that somebody has declared lost. Only a
// declaration that names exactly the message that is wanted next is followed, so
// it is followed once: from then on another message is wanted.
func (e *Engine) acceptLost() error {
	declared, err := e.o.Output.Declared()
	if err != nil {
		return err
	}
	inputs := e.saved.Progress.Inputs
	for i := range inputs {
		p := &inputs[i]
		at := slices.IndexFunc(declared, func(g joiner.Gap) bool {
			return g.Log != nil && g.Log.Input == p.Input && g.Log.From == p.Next && (g.Log.Next != p.Next || g.Log.Created != p.Created)
		})
		if at < 0 {
			continue
		}
		lost := declared[at].Log
		e.o.Log.Warn("messages were declared lost: reading goes on behind them", "stream", p.Input, "from", lost.From, "next", lost.Next, "gap", declared[at].ID)
		p.Created, p.Next, p.Skip, p.Mark = lost.Created, lost.Next, 0, events.Mark{}
	}
	return nil
}
