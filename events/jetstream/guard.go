package jetstream

import (
	"log/slog"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// clockGuard notices when the broker's clock jumps ahead. A proof carries the
// broker's time, and time closes requests: a clock set to next month would turn
// every pending request into a negative. So each answer is compared with a
// clock that cannot be set, the time elapsed here since earlier answers.
//
// It cannot tell that the very first answer is wrong, and it says nothing about
// a clock set back, which only delays.
type clockGuard struct {
	log    *slog.Logger
	set    bool
	offset time.Duration // the largest accepted difference between the broker's clock and elapsed time
	told   bool
}

// tolerated is how far ahead the broker's clock may jump: well above the
// difference between the clocks of a cluster's members.
const tolerated = time.Minute

// admit reports whether the broker's time t, received when elapsed stood at
// at, may be believed. The offset only grows, so that a clock set back and
// forth again is no jump, and it follows a slow drift, which is none either.
func (g *clockGuard) admit(t events.Time, at time.Duration) bool {
	offset := t.Sub(events.Time(at))
	if g.set && offset-g.offset > tolerated {
		if !g.told {
			g.told = true
			g.log.Error("the broker's clock jumped ahead; its time is not believed and idle logs close no requests until it is back; "+
				"if the clock is right now, restart", "ahead", (offset - g.offset).Round(time.Second), "broker time", t.String())
		}
		return false
	}
	if g.told {
		g.told = false
		g.log.Info("the broker's clock is back", "broker time", t.String())
	}
	if !g.set || offset > g.offset {
		g.set, g.offset = true, offset
	}
	return true
}
