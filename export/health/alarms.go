package health

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Kind is what an alarm is about.
type Kind string

// The kinds of alarms. A step happens within an hour, a trend over weeks.
const (
	KindRate        Kind = "rate"        // a label is positive more or less often, suddenly
	KindTrend       Kind = "trend"       // the same, slowly
	KindVolume      Kind = "volume"      // there are more or fewer rows
	KindCalibration Kind = "calibration" // scores say something else about a label than before
	KindFeature     Kind = "feature"     // a column of the model has other values
)

// Kinds are all kinds.
func Kinds() []Kind { return []Kind{KindRate, KindTrend, KindVolume, KindCalibration, KindFeature} }

// Alarm is a change that is both certain and large.
type Alarm struct {
	Kind     Kind
	Label    string `json:",omitempty"`
	Slice    string `json:",omitempty"`
	Feature  string `json:",omitempty"` // the column, of KindFeature
	From, To Hour   // To is the first hour after it
	// Was and Is are the rate, rows an hour, or what happens by what scores predict; of KindFeature, Is is
	// the Jensen-Shannon divergence between the values before and now, in bits.
	Was, Is float64
	P       float64 // how likely so large a difference is by chance
	// Explains are the slices that the change is in most, of a change of all
	// rows.
	Explains []string `json:",omitempty"`
	// Says is more about the values of a column, in words.
	Says string `json:",omitempty"`
}

// Rules are the bounds of alarms.
type Rules struct {
	P float64 // an alarm needs a smaller probability
	// An alarm needs a larger relative change of a rate, of a number of rows,
	// of the ratio of what happens to what is predicted; or a larger divergence of the values of a column.
	Rate, Volume, Calibration, Feature float64
	// History is how many days the same hour of which is compared; Trend is
	// over how many days a slow change is looked for.
	History, Trend int
}

// DefaultRules ask for a change by 20 % that chance makes once in a million.
func DefaultRules() Rules {
	return Rules{P: 1e-6, Rate: 0.2, Volume: 0.5, Calibration: 0.2, Feature: 0.2, History: 7, Trend: 28}
}

// GTest is the probability that two groups differ as much as they do by chance:
// the G-test of independence with one degree of freedom (Sokal and Rohlf,
// Biometry, 17.4). 1 if a group is empty.
func GTest(positive1, known1, positive2, known2 float64) float64 {
	n := known1 + known2
	positive := positive1 + positive2
	if known1 <= 0 || known2 <= 0 || positive <= 0 || positive >= n {
		return 1
	}
	g := 0.0
	for _, c := range [][2]float64{
		{positive1, known1 * positive / n}, {known1 - positive1, known1 * (n - positive) / n},
		{positive2, known2 * positive / n}, {known2 - positive2, known2 * (n - positive) / n},
	} {
		if c[0] > 0 {
			g += 2 * c[0] * math.Log(c[0]/c[1])
		}
	}
	return math.Erfc(math.Sqrt(max(g, 0) / 2))
}

// poisson is the probability that a number of rows in one hour differs as much
// by chance from the number in others: the G-test of two Poisson counts.
func poisson(now, before, hours float64) float64 {
	total := now + before
	if total == 0 || hours == 0 {
		return 1
	}
	g := 0.0
	for _, c := range [][2]float64{{now, total / (1 + hours)}, {before, total * hours / (1 + hours)}} {
		if c[0] > 0 {
			g += 2 * c[0] * math.Log(c[0]/c[1])
		}
	}
	return math.Erfc(math.Sqrt(max(g, 0) / 2))
}

// Alarms judges the hours from one to before another by the hours before each.
// Hours of which there is no history are not judged.
func (t *Table) Alarms(r Rules, from, to Hour) []Alarm {
	var out []Alarm
	for _, s := range t.Slices() {
		for h := from; h < to; h++ {
			out = append(out, t.judgeHour(r, s, h)...)
			if s == All {
				out = append(out, t.judgeFeatures(r, h)...)
			}
		}
		for day := from.Day(); day < to; day += 24 {
			out = append(out, t.judgeDay(r, s, day)...)
		}
	}
	out = withoutEchoes(joinHours(out))
	t.explain(out)
	return out
}

// before are the same hours of the days before that have rows, and how many.
func (t *Table) before(r Rules, slice string, h Hour) (sum Cell, hours int) {
	sum = t.Sum(slice, h, h)
	for d := 1; d <= r.History; d++ {
		at := h - Hour(24*d)
		if t.Cells[Key{All, at}] == nil || t.odd[Key{slice, at}] {
			continue
		}
		hours++
		if c := t.Cells[Key{slice, at}]; c != nil {
			sum.add(c)
		}
	}
	return sum, hours
}

func (t *Table) judgeHour(r Rules, slice string, h Hour) (out []Alarm) {
	past, hours := t.before(r, slice, h)
	if hours == 0 || t.Cells[Key{All, h}] == nil && slice != All {
		return nil
	}
	now := t.Sum(slice, h, h+1)
	expected := float64(past.Rows) / float64(hours)
	if p := poisson(float64(now.Rows), float64(past.Rows), float64(hours)); p < r.P &&
		math.Abs(change(expected, float64(now.Rows))) > r.Volume {
		out = append(out, Alarm{Kind: KindVolume, Slice: slice, From: h, To: h + 1, Was: expected, Is: float64(now.Rows),
			P: p})
	}
	for i, name := range t.Labels {
		a, b := past.Labels[i], now.Labels[i]
		was, is := RateOf(a.Positive, a.Known).Value, RateOf(b.Positive, b.Known).Value
		if p := GTest(float64(a.Positive), float64(a.Known), float64(b.Positive), float64(b.Known)); p < r.P &&
			math.Abs(change(was, is)) > r.Rate {
			out = append(out, Alarm{Kind: KindRate, Label: name, Slice: slice, From: h, To: h + 1, Was: was, Is: is, P: p})
		}
	}
	return out
}

// change is the relative change from one number to another.
func change(was, is float64) float64 {
	if was == 0 {
		if is == 0 {
			return 0
		}
		return math.Inf(1)
	}
	return is/was - 1
}

// joinHours makes one alarm of those of hours that follow each other.
func joinHours(alarms []Alarm) []Alarm {
	var out []Alarm
	last := map[string]int{}
	for _, a := range alarms {
		key := fmt.Sprint(a.Kind, "\x00", a.Label, "\x00", a.Slice, "\x00", a.Feature)
		if i, ok := last[key]; ok && (a.Kind == KindRate || a.Kind == KindVolume || a.Kind == KindFeature) {
			b := &out[i]
			sameWay := (b.Is > b.Was) == (a.Is > a.Was)
			if b.To == a.From && sameWay {
				b.To = a.To
				if a.P < b.P {
					b.P, b.Was, b.Is, b.Says = a.P, a.Was, a.Is, a.Says
				}
				continue
			}
		}
		last[key] = len(out)
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b Alarm) int { return int(a.From - b.From) })
	return out
}

// withoutEchoes drops changes of calibration that a sudden change of the rate
// explains.
func withoutEchoes(alarms []Alarm) []Alarm {
	return slices.DeleteFunc(slices.Clone(alarms), func(a Alarm) bool {
		return a.Kind == KindCalibration && slices.ContainsFunc(alarms, func(b Alarm) bool {
			return b.Kind == KindRate && b.Label == a.Label && b.Slice == a.Slice && b.From < a.To && b.To > a.From
		})
	})
}

// explain names the slices that a change of all rows is in.
func (t *Table) explain(alarms []Alarm) {
	for i := range alarms {
		a := &alarms[i]
		if a.Slice != All {
			continue
		}
		for _, b := range alarms {
			if b.Slice != All && b.Kind == a.Kind && b.Label == a.Label && b.From < a.To && b.To > a.From &&
				!slices.Contains(a.Explains, b.Slice) {
				a.Explains = append(a.Explains, b.Slice)
			}
		}
	}
}

// Text says an alarm in words.
func (a *Alarm) Text() string {
	of := "all rows"
	if a.Slice != All {
		of = strconv.Quote(a.Slice)
	}
	percent := func(x float64) string { return strconv.FormatFloat(100*x, 'g', 3, 64) + " %" }
	text := ""
	switch a.Kind {
	case KindRate:
		text = fmt.Sprintf("label %q of %s: positive in %s instead of %s", a.Label, of, percent(a.Is), percent(a.Was))
	case KindTrend:
		text = fmt.Sprintf("label %q of %s: slowly from %s to %s", a.Label, of, percent(a.Was), percent(a.Is))
	case KindVolume:
		text = fmt.Sprintf("%.0f rows an hour instead of %.0f, of %s", a.Is, a.Was, of)
	case KindCalibration:
		text = fmt.Sprintf("label %q of %s: %.2f times what scores predict, instead of %.2f", a.Label, of, a.Is, a.Was)
	}
	if a.Kind == KindFeature {
		text = fmt.Sprintf("feature %q has other values than in the same hours before: divergence %.2f", a.Feature, a.Is)
		if a.Says != "" {
			text += "; " + a.Says
		}
	}
	if len(a.Explains) > 0 {
		text += fmt.Sprintf("; above all in %q", a.Explains)
	}
	return text
}
