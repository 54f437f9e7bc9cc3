package health

import (
	"slices"
	"time"
)

// WindowRow is what a shorter window would find of the positives.
type WindowRow struct {
	Window time.Duration
	// Lost is the part of the positives that come later, of those that the
	// window now in use finds.
	Lost float64
}

// Sufficiency says whether the window of a label is long enough.
type Sufficiency struct {
	Label     string
	Window    time.Duration // in use, or the longest delay where it is not known
	Positives uint64
	Censored  uint64 // rows whose label is not known: their windows were cut short
	// LastTenth is the part of the positives that comes in the last tenth of
	// the window. Where it is not small the window cuts off more.
	LastTenth float64
	Median    time.Duration
	Rows      []WindowRow
	// Suggested is the shortest of the rows that loses at most 1 %; 0: none.
	Suggested time.Duration
}

// windows are those that the table has.
func windows() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, day, 2 * day, 3 * day, 7 * day, 14 * day, 30 * day,
	}
}

// suggestedLoss is what part of the positives a window may lose that is
// suggested.
const suggestedLoss = 0.01

// Windows looks at the delays of a label's positives. window is what is in use,
// 0 where that is not known. cut are delays up to which rows were watched whose
// label is not known, by milliseconds: the estimate is that of Kaplan and Meier
// (1958), so that days that are not over do not make delays look short.
func (t *Table) Windows(label int, window time.Duration, cut map[int64]uint64) Sufficiency {
	s := Sufficiency{Label: t.Labels[label], Window: window}
	delays := t.Delays[label]
	var at []int64
	for d, n := range delays {
		s.Positives += n
		at = append(at, d)
	}
	for d, n := range cut {
		s.Censored += n
		if delays[d] == 0 {
			at = append(at, d)
		}
	}
	slices.Sort(at)
	if s.Positives == 0 {
		return s
	}
	for i := len(at) - 1; i >= 0 && s.Window == 0; i-- {
		if delays[at[i]] > 0 {
			s.Window = time.Duration(at[i]+1) * time.Millisecond
		}
	}
	rows := uint64(0)
	for k, c := range t.Cells {
		if k.Slice == All {
			rows += c.Labels[label].Known
		}
	}
	curve := kaplanMeier(at, delays, cut, rows+s.Censored)
	whole := curve(s.Window)
	if whole == 0 {
		return s
	}
	s.LastTenth = 1 - curve(s.Window-s.Window/10)/whole
	for _, d := range at {
		if delay := time.Duration(d) * time.Millisecond; curve(delay) >= whole/2 {
			s.Median = max(delay, 0)
			break
		}
	}
	for _, w := range windows() {
		if w > s.Window {
			break
		}
		lost := max(0, 1-curve(w)/whole)
		s.Rows = append(s.Rows, WindowRow{w, lost})
		if lost <= suggestedLoss && s.Suggested == 0 {
			s.Suggested = w
		}
	}
	return s
}

// kaplanMeier is the probability that a row is positive within a delay. rows is
// how many rows are watched at first.
func kaplanMeier(at []int64, positive, cut map[int64]uint64, rows uint64) func(time.Duration) float64 {
	survival, watched := 1.0, float64(rows)
	steps := make([]float64, len(at))
	for i, d := range at {
		if watched > 0 {
			survival *= 1 - float64(positive[d])/watched
		}
		watched -= float64(positive[d]) + float64(cut[d])
		steps[i] = 1 - survival
	}
	return func(delay time.Duration) float64 {
		i, _ := slices.BinarySearchFunc(at, delay, func(d int64, delay time.Duration) int {
			if time.Duration(d)*time.Millisecond <= delay {
				return -1
			}
			return 1
		})
		if i == 0 {
			return 0
		}
		return steps[i-1]
	}
}
