package jetstream

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
)

// moment is one answer of a broker, as the clock guard meets it. Times are from
// the base, in the true time.
type moment struct {
	at    time.Duration // elapsed here, which is the true time
	ahead time.Duration // of the broker's clock
	known time.Duration // the newest time that an event bears out; 0: as before
	want  time.Duration // how far the broker is believed; none: nothing is
	why   string
}

const none = -1 << 62

// TestTheBrokersClockIsAClock: what a wrong clock says is believed only as far as
// something else bears it out, forward and back, at a start and later.
func TestTheBrokersClockIsAClock(t *testing.T) {
	t.Parallel()
	const hour, minute, second = time.Hour, time.Minute, time.Second
	for name, moments := range map[string][]moment{
		"a right clock is believed":              {{0, 0, 0, 0, ""}, {hour, 0, 0, hour, ""}, {10 * hour, 0, 0, 10 * hour, ""}},
		"nothing is known, and nothing believed": {{0, 0, none, none, ""}, {hour, 0, none, none, ""}, {2 * hour, 0, 2 * hour, 2 * hour, ""}},
		"three hours ahead at a start":           {{0, 3 * hour, 0, 0, holdClockAhead}, {8 * second, 3 * hour, 0, 8 * second, holdClockAhead}, {9 * second, 0, 0, 9 * second, ""}},
		"ahead while it runs, and back": {
			{0, 0, 0, 0, ""}, {hour, 3 * hour, 0, hour, holdClockAhead}, {2 * hour, 3 * hour, 0, 2 * hour, holdClockAhead}, {3 * hour, 0, 0, 3 * hour, ""},
		},
		"a start after a night away waits for an event": {
			{8 * hour, 0, 0, 0, holdClockAhead}, {8*hour + minute, 0, 0, minute, holdClockAhead}, {9 * hour, 0, 9*hour - second, 9*hour - second, ""},
			{10 * hour, 0, 0, 10*hour - second, ""},
		},
		"an event of a fast producer is worth what the broker says": {{0, 0, 0, 0, ""}, {hour, 0, hour, hour, ""}},
		"set back an hour": {
			{0, 0, 0, 0, ""}, {2 * hour, -hour, 0, hour, holdClockBehind}, {2*hour + minute, -hour, 0, hour + minute, holdClockBehind}, {3 * hour, 0, 0, 3 * hour, ""},
		},
		"one server of a cluster is ahead":     {{0, 0, 0, 0, ""}, {second, 2 * hour, 0, second, holdClockAhead}, {2 * second, 0, 0, 2 * second, ""}, {3 * second, 2 * hour, 0, 3 * second, holdClockAhead}},
		"members of a cluster differ a little": {{0, 0, 0, 0, ""}, {second, 300 * time.Millisecond, 0, second, ""}, {2 * second, -300 * time.Millisecond, 0, 1700 * time.Millisecond, ""}},
		"a drift is followed by events":        {{0, 0, 0, 0, ""}, {10 * hour, 40 * second, 0, 10 * hour, ""}, {20 * hour, 80 * second, 20*hour + 79*second, 20*hour + 79*second, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			base := events.At(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
			known := base
			if moments[0].known == none {
				known = events.MinTime
			}
			const started = 77 * time.Hour // what elapsed says is no time of day
			g := clockGuard{known: func() events.Time { return known }, synced: unsynchronised, bound: events.MinTime}
			for i, m := range moments {
				if m.known > 0 {
					known = base.Add(m.known)
				}
				got, hold := g.admit(base.Add(m.at+m.ahead), started+m.at-moments[0].at)
				if want := base.Add(m.want); m.want == none && got != events.MinTime || m.want != none && got != want {
					t.Errorf("answer %d is believed up to %s, want %v after %s", i, got, m.want, base)
				}
				if hold.Reason != m.why || hold.On() && hold.Detail == "" {
					t.Errorf("answer %d: the hold is %+v, want reason %q", i, hold, m.why)
				}
			}
		})
	}
}

func unsynchronised() (events.Time, bool) { return events.MinTime, false }

// TestASynchronisedClockBearsTheBrokerOut: after a night away the machine's own
// clock is enough, if its kernel says that it is synchronised; and it shows a
// broker that is ahead.
func TestASynchronisedClockBearsTheBrokerOut(t *testing.T) {
	t.Parallel()
	base := events.At(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	morning := base.Add(8 * time.Hour)
	g := clockGuard{known: func() events.Time { return base }, bound: events.MinTime,
		synced: func() (events.Time, bool) { return morning.Add(-50 * time.Millisecond), true }}
	if got, hold := g.admit(morning, time.Second); got != morning.Add(-50*time.Millisecond) || hold.On() {
		t.Errorf("believed up to %s with hold %+v", got, hold)
	}
	if got, hold := g.admit(morning.Add(3*time.Hour), time.Second); got != morning.Add(-50*time.Millisecond) || hold.Reason != holdClockAhead {
		t.Errorf("three hours ahead it is believed up to %s with hold %+v", got, hold)
	}
}

// TestNoClockReleasesTooEarly lets brokers' clocks jump forward and back, producers
// be fast or slow, and joiners stop and start. As long as no producer is fast while
// the broker is, no time is believed that has not come; and where all clocks are
// right and events come, it is believed to the second.
func TestNoClockReleasesTooEarly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		jump := rapid.SampledFrom([]time.Duration{0, 0, 0, 3 * time.Hour, -time.Hour, 20 * time.Minute, -15 * time.Minute, 24 * time.Hour})
		base := events.At(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
		now, ahead := time.Duration(0), jump.Draw(rt, "ahead")
		known := events.MinTime
		var g *clockGuard
		begun := time.Duration(0) // when the process began, of which elapsed knows
		start := func() {
			begun = now
			g = &clockGuard{known: func() events.Time { return known }, synced: unsynchronised, bound: events.MinTime}
		}
		start()
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			now += time.Duration(rapid.IntRange(1, 600).Draw(rt, "seconds")) * time.Second
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0: // an event: it moves the clock to its own time, or the broker's if that is earlier
				off := rapid.SampledFrom([]time.Duration{0, -time.Second, -10 * time.Minute, 4 * time.Minute}).Draw(rt, "producer")
				if off > 0 && ahead > 0 {
					off = 0
				}
				known = max(known, base.Add(now+min(off, ahead)))
			case 1:
				ahead = jump.Draw(rt, "jump")
			case 2:
				now += time.Duration(rapid.IntRange(0, 36000).Draw(rt, "away")) * time.Second
				start()
			default:
				got, hold := g.admit(base.Add(now+ahead), 77*time.Hour+now-begun)
				if got > base.Add(now) {
					rt.Fatalf("%s is believed, %v before it has come", got, got.Sub(base.Add(now)))
				}
				known = max(known, got) // it was proven
				if far := base.Add(now + ahead).Sub(got); got != events.MinTime && far > tolerated && hold.Reason != holdClockAhead {
					rt.Fatalf("the broker is believed %v less than it says, with hold %+v", far, hold)
				}
			}
		}
		// At the end all is right: an event comes, and silence is silence again.
		now += 25 * time.Hour // past whatever a broker that was ahead has shown
		known = max(known, base.Add(now-time.Second))
		if got, hold := g.admit(base.Add(now), 77*time.Hour+now-begun); got < base.Add(now-time.Second) || hold.On() {
			rt.Fatalf("with right clocks %s is believed at %s, hold %+v", got, base.Add(now), hold)
		}
	})
}
