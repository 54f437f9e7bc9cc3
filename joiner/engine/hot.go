package engine

import (
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// mostHot is how many requests with many outcomes are kept at hand. One takes some
// 5 MB at the default limit of outcomes, and where it has many items and labels some 10 MB more.
const mostHot = 16

// stepHot takes in an outcome of a request that is kept at hand, or of one that has not come: nothing
// has to be read, so that its cost does not grow with what its request has had before.
//
// Invariant: an entry of e.hot is what the state and the batch together hold of its
// request, but for what a commit in flight disposes of, and nothing else is held of its id.
// What changes that in another way than by an outcome of the id lets go of it.
func (e *Engine) stepHot(m *events.Message, x *joiner.Entry, ev *joiner.Event, now joiner.Now) (*events.RejectError,
	error) {
	fx, err := e.machine.Step(x, ev, now)
	if err == nil {
		err = e.save(m, x, ev, &fx)
	}
	if err != nil || !x.Lasting() {
		delete(e.hot, x.Key.ID)
	}
	return fx.Reject, err
}

// isOf reports whether an event is an outcome that an entry which is kept at hand takes in: one of its
// request, as find would say, or one of an id whose request has not come.
func (e *Engine) isOf(x *joiner.Entry, ev *joiner.Event, now joiner.Now) bool {
	if ev.Outcome == nil || !x.Known {
		return ev.Outcome != nil
	}
	return x.Key.TS >= now.Forgotten && e.rules.OfOutcome([]joiner.RequestKey{x.Key}, ev.Outcome.TS) == 0
}

// isAlone reports, after find, whether no other request of the id is held. One that is forgotten counts as
// well: in a rebuild time may go back, and then it is known again.
func (e *Engine) isAlone(found *joiner.Found) bool {
	return e.stored == 0 || e.stored == 1 && found != nil
}

// keepHot keeps an entry at hand for the next event of its id.
func (e *Engine) keepHot(x *joiner.Entry) {
	if len(e.hot) >= mostHot {
		e.cool()
	}
	if e.hot == nil {
		e.hot = make(map[string]*joiner.Entry, mostHot)
	}
	e.hot[x.Key.ID] = x
}

// cool lets go of all that is kept at hand.
func (e *Engine) cool() { clear(e.hot) }
