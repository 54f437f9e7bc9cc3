package health

import (
	"cmp"
	"maps"
	"slices"

	"github.com/labeljoin/labeljoin/export/tally"
)

// KeepDays is how many days of counts a Watch keeps: as many as a trend is looked for over.
const KeepDays = 28

// KeepFeatureDays is the same of the counts of other columns: as many as an hour is compared with, and a day.
const KeepFeatureDays = 8

// Watch judges each hour once, when all its rows are written. It is a function of the counts that it
// is given and of nothing else. Hours with an alarm are left out when later ones are compared, so
// that the end of a fault is no alarm; a change that stays is usual after Rules.History days.
type Watch struct {
	Rules Rules
	t     *Table
	by    []string
	next  Hour // the first hour that was not judged
	began bool
	now   map[alarmKey]Alarm
}

// alarmKey is what an alarm is about.
type alarmKey struct {
	Kind                  Kind
	Label, Slice, Feature string
}

// NewWatch is a watch over rows of these labels that has seen none.
func NewWatch(labels, by []string) *Watch {
	t := NewTable(labels)
	t.odd, t.oddFeatures = map[Key]bool{}, map[featureKey]bool{}
	return &Watch{Rules: DefaultRules(), t: t, by: by, now: map[alarmKey]Alarm{}}
}

// Add takes in the counts of rows. Those of other labels or slices are left out: they cannot be
// compared.
func (w *Watch) Add(t *Table, by []string) {
	if slices.Equal(t.Labels, w.t.Labels) && slices.Equal(by, w.by) {
		w.t.Join(t)
		w.t.Orphans = nil // of a day they are asked for, and not of an hour
	}
}

// Forget leaves out the hours up to and with one, which are not there whole.
func (w *Watch) Forget(through Hour) {
	maps.DeleteFunc(w.t.Cells, func(k Key, _ *Cell) bool { return k.Hour <= through })
	maps.DeleteFunc(w.t.Features.Hours, func(h int64, _ *tally.Hour) bool { return Hour(h) <= through })
}

// Table are the counts of the hours that are kept.
func (w *Watch) Table() *Table { return w.t }

// Judged is the first hour that was not judged; ok is false before the first.
func (w *Watch) Judged() (h Hour, ok bool) { return w.next, w.began }

// Begin says that the hours before one are not judged any more: they were when they ended.
func (w *Watch) Begin(at Hour) { w.next, w.began = at, true }

// Change is an alarm that begins or ends.
type Change struct {
	Alarm
	Ended bool
	Hour  Hour // that was judged
}

// Through judges the hours before one, and returns which alarms began and which ended, hour after hour, so that what
// is said last of an alarm is how it stands. Those of one hour are in a fixed order.
func (w *Watch) Through(end Hour) (changes []Change) {
	if !w.began {
		w.Begin(end)
		return nil
	}
	const atOnce = 24 * KeepDays
	w.next = max(w.next, end-atOnce) // a clock that jumps
	for ; w.next < end; w.next++ {
		var raised, ended []Alarm
		found := map[alarmKey]Alarm{}
		for _, a := range w.t.Alarms(w.Rules, w.next, w.next+1) {
			found[alarmKey{a.Kind, a.Label, a.Slice, a.Feature}] = a
			if a.Kind == KindRate || a.Kind == KindVolume {
				w.t.odd[Key{a.Slice, w.next}] = true
			}
			if a.Kind == KindFeature {
				w.t.oddFeatures[featureKey{a.Feature, w.next}] = true
			}
		}
		for k, a := range found {
			if before, goesOn := w.now[k]; goesOn {
				a.From = before.From
			} else {
				raised = append(raised, a)
			}
			w.now[k] = a
		}
		for k, a := range w.now {
			if _, goesOn := found[k]; !goesOn {
				ended = append(ended, a)
				delete(w.now, k)
			}
		}
		changes = w.changed(w.changed(changes, raised, false), ended, true)
	}
	maps.DeleteFunc(w.t.Cells, func(k Key, _ *Cell) bool { return k.Hour < w.next-atOnce })
	maps.DeleteFunc(w.t.odd, func(k Key, _ bool) bool { return k.Hour < w.next-atOnce })
	const features = 24 * KeepFeatureDays
	maps.DeleteFunc(w.t.Features.Hours, func(h int64, _ *tally.Hour) bool { return Hour(h) < w.next-features })
	maps.DeleteFunc(w.t.oddFeatures, func(k featureKey, _ bool) bool { return k.hour < w.next-features })
	return changes
}

// changed adds alarms that begin or end with the hour at hand.
func (w *Watch) changed(to []Change, alarms []Alarm, ended bool) []Change {
	sortAlarms(alarms)
	for _, a := range alarms {
		to = append(to, Change{Alarm: a, Ended: ended, Hour: w.next})
	}
	return to
}

// Now are the alarms that go on, in a fixed order.
func (w *Watch) Now() []Alarm {
	out := slices.Collect(maps.Values(w.now))
	sortAlarms(out)
	return out
}

func sortAlarms(alarms []Alarm) {
	slices.SortFunc(alarms, func(a, b Alarm) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Label, b.Label),
			cmp.Compare(a.Slice, b.Slice), cmp.Compare(a.Feature, b.Feature))
	})
}

// FeatureDrifts are those of an hour that is kept.
func (w *Watch) FeatureDrifts(h Hour) []FeatureDrift { return w.t.FeatureDrifts(w.Rules, h) }

// Hour are the counts of an hour of all rows, and those of the same hour on the days before that it
// is compared with.
func (w *Watch) Hour(h Hour) (now, before Cell) {
	before, _ = w.t.before(w.Rules, All, h)
	return w.t.Sum(All, h, h+1), before
}
