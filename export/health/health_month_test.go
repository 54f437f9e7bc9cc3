package health_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/labeljoin/labeljoin/export/health"
)

// monthSeed is fixed in the ordinary run: of random months, one in some hundred has a slow loss
// that chance makes look sudden.
var monthSeed = flag.Uint64("monthseed", 1, "seed of the simulated months")

// month is simulated traffic: 30 days of hours, two devices, two models; rates
// and volumes go up and down with the hour and the day of the week.
type month struct {
	rng *rand.Rand
	t   *health.Table
	// fault changes an hour of a device before its rows are drawn.
	fault func(at health.Hour, device string, h *hourly)
}

// hourly is what an hour of a device is drawn from.
type hourly struct {
	rows, rate, scored float64 // scored is the mean of the scores
	model              string
}

const monthHours = 30 * 24

// firstHour is a Monday.
const firstHour = health.Hour(20000/7*7*24 + 4*24)

func (m *month) run() {
	m.t = health.NewTable([]string{"clicked"})
	for h := range health.Hour(monthHours) {
		day, hour := int(h/24), int(h%24)
		for _, device := range []string{"phone", "desktop"} {
			d := hourly{rows: 20000 * (1 + 0.6*math.Sin(float64(hour)/24*2*math.Pi)), rate: 0.03 * (1 + 0.1*math.Sin(float64(hour)/24*2*math.Pi)), model: "v1"}
			if device == "desktop" {
				d.rows /= 2
			}
			if day%7 >= 5 {
				d.rows *= 0.8
			}
			d.scored = d.rate
			if m.fault != nil {
				m.fault(h, device, &d)
			}
			m.draw(firstHour+h, device, d)
		}
	}
}

// draw adds the rows of an hour. Counts are normal, which they nearly are.
func (m *month) draw(at health.Hour, device string, d hourly) {
	n := max(0, math.Round(d.rows+m.rng.NormFloat64()*math.Sqrt(d.rows)))
	k := min(n, max(0, math.Round(n*d.rate+m.rng.NormFloat64()*math.Sqrt(n*d.rate*(1-d.rate)))))
	for _, slice := range []string{health.All, "device=" + device, "model=" + d.model} {
		c := m.t.Cell(health.Key{Slice: slice, Hour: at})
		c.Rows += uint64(n)
		c.Labels[0].Known += uint64(n)
		c.Labels[0].Positive += uint64(k)
		c.Scored += uint64(n)
		c.Hits[0] += uint64(k)
		c.Expected[0] += int64(n * d.scored * (1 << 32))
	}
}

// alarms are those of the month from its second day on.
func (m *month) alarms() []health.Alarm {
	m.run()
	return m.t.Alarms(health.DefaultRules(), firstHour+24, firstHour+monthHours)
}

func TestQuietMonthsHaveNoAlarms(t *testing.T) {
	seed := *monthSeed
	for i := range uint64(3) {
		m := month{rng: rand.New(rand.NewPCG(seed, i))}
		for _, a := range m.alarms() {
			t.Errorf("seed %d %d: hour %d: %s (p %g)", seed, i, a.From-firstHour, a.Text(), a.P)
		}
	}
}

// TestFaultsAreFound has a fault begin at an hour of the third week: the alarm
// that is about it is there in that hour; a slow one by its end.
func TestFaultsAreFound(t *testing.T) {
	const begin = health.Hour(17*24 + 13)
	faults := map[string]struct {
		fault  func(at health.Hour, device string, h *hourly)
		want   health.Alarm // kind and slice
		within health.Hour
	}{
		"a dead pipeline for one device class": {func(_ health.Hour, device string, h *hourly) {
			if device == "phone" {
				h.rate = 0
			}
		}, health.Alarm{Kind: health.KindRate, Slice: "device=phone"}, 1},
		"most clicks of one device class are lost": {func(_ health.Hour, device string, h *hourly) {
			if device == "desktop" {
				h.rate *= 0.4
			}
		}, health.Alarm{Kind: health.KindRate, Slice: "device=desktop"}, 1},
		"requests are doubled": {func(_ health.Hour, _ string, h *hourly) { h.rows *= 2 }, health.Alarm{Kind: health.KindVolume, Slice: health.All}, 1},
		"a bot": {func(_ health.Hour, device string, h *hourly) {
			if device == "desktop" {
				h.rows, h.rate = 3*h.rows, h.rate/3
			}
		}, health.Alarm{Kind: health.KindVolume, Slice: "device=desktop"}, 1},
		"a holiday":          {func(at health.Hour, _ string, h *hourly) { h.rows *= 0.4 }, health.Alarm{Kind: health.KindVolume, Slice: health.All}, 1},
		"a renamed category": {func(_ health.Hour, device string, h *hourly) { h.model = "v1-renamed" }, health.Alarm{Kind: health.KindVolume, Slice: "model=v1"}, 1},
		"a model that is replaced by one that says too much": {func(_ health.Hour, _ string, h *hourly) {
			h.model, h.scored = "v2", 2*h.scored
		}, health.Alarm{Kind: health.KindCalibration, Slice: health.All}, 24},
	}
	seed := *monthSeed
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			m := month{rng: rand.New(rand.NewPCG(seed, 1)), fault: func(at health.Hour, device string, h *hourly) {
				if at >= begin {
					f.fault(at, device, h)
				}
			}}
			alarms := m.alarms()
			found := slices.ContainsFunc(alarms, func(a health.Alarm) bool {
				return a.Kind == f.want.Kind && a.Slice == f.want.Slice && a.To > firstHour+begin && a.From < firstHour+begin+f.within
			})
			if !found {
				t.Errorf("seed %d: no alarm %s of %q within %d hours; there are %v", seed, f.want.Kind, f.want.Slice, f.within, texts(alarms))
			}
			for _, a := range alarms {
				if a.To <= firstHour+begin {
					t.Errorf("seed %d: an alarm before the fault: %s", seed, a.Text())
				}
			}
		})
	}
	t.Run("a slow loss of 1 % a day", func(t *testing.T) {
		m := month{rng: rand.New(rand.NewPCG(seed, 2)), fault: func(at health.Hour, _ string, h *hourly) {
			h.rate *= math.Pow(0.99, float64(at/24))
		}}
		alarms := m.alarms()
		if !slices.ContainsFunc(alarms, func(a health.Alarm) bool { return a.Kind == health.KindTrend && a.Slice == health.All }) {
			t.Errorf("seed %d: no trend; there are %v", seed, texts(alarms))
		}
		for _, a := range alarms {
			if a.Kind == health.KindRate {
				t.Errorf("seed %d: a slow loss is called sudden: %s", seed, a.Text())
			}
		}
	})
}

func texts(alarms []health.Alarm) []string {
	var out []string
	for _, a := range alarms {
		out = append(out, string(a.Kind)+": "+a.Text())
	}
	return out
}

// TestSuddenLossIsNoTrend keeps the two apart.
func TestSuddenLossIsNoTrend(t *testing.T) {
	seed := *monthSeed
	m := month{rng: rand.New(rand.NewPCG(seed, 3)), fault: func(at health.Hour, _ string, h *hourly) {
		if at >= 15*24 {
			h.rate *= 0.5
		}
	}}
	for _, a := range m.alarms() {
		if a.Kind == health.KindTrend {
			t.Errorf("seed %d: a step is called slow: %s", seed, a.Text())
		}
	}
}
