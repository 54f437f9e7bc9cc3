package health

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/export/tally"
)

// MaxFeatures bounds how many columns of an hour are judged: the first by name. So many keep the history of a
// joiner within some megabytes.
const MaxFeatures = 200

// featureKey is a column in an hour.
type featureKey struct {
	name string
	hour Hour
}

// FeatureDrift is how far the values of a column in an hour are from those of the same hours of the days before.
type FeatureDrift struct {
	Feature string
	tally.Difference

	days      []int64 // the hours before that it is compared with, the newest first
	past, now *tally.Hour
}

// FeatureDrifts compares the columns of an hour with the same hours of the days before, the farthest first. A
// column is left out that cannot be compared.
func (t *Table) FeatureDrifts(r Rules, h Hour) (out []FeatureDrift) {
	now := t.Features.Hours[int64(h)]
	if now == nil {
		return nil
	}
	names := now.Names()
	for d := 1; d <= r.History; d++ {
		if before := t.Features.Hours[int64(h)-int64(24*d)]; before != nil {
			names = append(names, before.Names()...)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range names[:min(len(names), MaxFeatures)] {
		f := FeatureDrift{Feature: name, now: now}
		for d := 1; d <= r.History; d++ {
			at := h - Hour(24*d)
			if t.Features.Hours[int64(at)] != nil && !t.oddFeatures[featureKey{name, at}] {
				f.days = append(f.days, int64(at))
			}
		}
		f.past = t.Features.SumOf(name, f.days...)
		var ok bool
		if f.Difference, ok = tally.Compare(f.past, now, name); ok {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b FeatureDrift) int { return cmp.Compare(b.Divergence, a.Divergence) })
	return out
}

// judgeFeatures says which columns of an hour have other values than usual, for certain and by much. A column
// is judged whose values were alike on the days before: one that is another every day, like a date, is none.
func (t *Table) judgeFeatures(r Rules, h Hour) (out []Alarm) {
	for _, f := range t.FeatureDrifts(r, h) {
		if len(f.days) < leastDays || f.P >= r.P || f.Divergence <= r.Feature {
			continue
		}
		newest, others := t.Features.SumOf(f.Feature, f.days[0]), t.Features.SumOf(f.Feature, f.days[1:]...)
		if between, ok := tally.Compare(others, newest, f.Feature); !ok || between.Divergence > r.Feature/2 {
			continue
		}
		out = append(out, Alarm{Kind: KindFeature, Feature: f.Feature, From: h, To: h + 1, Is: f.Divergence, P: f.P,
			Says: says(f.past, f.now, f.Feature)})
	}
	slices.SortFunc(out, func(a, b Alarm) int { return cmp.Compare(a.Feature, b.Feature) })
	return out
}

// leastDays is how many days there must be to say what is usual of a column.
const leastDays = 2

// says is what is to be said of a column whose values changed.
func says(before, now *tally.Hour, name string) string {
	if unit := tally.Unit(before, now, name); unit != "" {
		return unit
	}
	a, b := before.Columns[name], now.Columns[name]
	if a == nil {
		a = &tally.Column{}
	}
	if b == nil {
		b = &tally.Column{}
	}
	was := 1 - float64(a.Present)/float64(before.Rows)
	is := 1 - float64(b.Present)/float64(now.Rows)
	const much = 0.1
	if is-was > much || was-is > much {
		return fmt.Sprintf("missing in %s of rows instead of %s", Percent(is), Percent(was))
	}
	if a.Numbers() > 0 && b.Numbers() > 0 {
		return fmt.Sprintf("median %.4g instead of %.4g", b.Median(), a.Median())
	}
	return ""
}
