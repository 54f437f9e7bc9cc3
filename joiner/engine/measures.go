package engine

import (
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Measures is what was measured of commits since the engine was made. It is no
// part of the books: it begins anew with the process, and nothing depends on it.
type Measures struct {
	Labels []LabelMeasure // in the rules' order
	// Delay is how long after its request the outcome came that decided a label,
	// in event time; Commit is how long commits took.
	Delay, Commit Histogram
	LastCommit    time.Time // when the last one was made; zero: none yet
}

// LabelMeasure counts the rows written by what a label says in them.
type LabelMeasure struct{ Positive, Negative, Null int64 }

// Histogram counts durations by the first of its bounds that is not below them;
// the last count is of those beyond all bounds.
type Histogram struct {
	Bounds []time.Duration
	Counts []int64
	Sum    time.Duration
}

var (
	delayBounds = []time.Duration{
		time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
		6 * time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
	}
	commitBounds = []time.Duration{
		10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute,
	}
)

func newMeasures(labels int) *Measures {
	return &Measures{Labels: make([]LabelMeasure, labels), Delay: newHistogram(delayBounds),
		Commit: newHistogram(commitBounds)}
}

func newHistogram(bounds []time.Duration) Histogram {
	return Histogram{Bounds: bounds, Counts: make([]int64, len(bounds)+1)}
}

func (h *Histogram) observe(d time.Duration) {
	at, _ := slices.BinarySearch(h.Bounds, d)
	h.Counts[at]++
	h.Sum += d
}

// plus is the sum of two histograms with the same bounds.
func (h *Histogram) plus(other *Histogram) Histogram {
	sum := Histogram{Bounds: h.Bounds, Counts: slices.Clone(h.Counts), Sum: h.Sum + other.Sum}
	for i, n := range other.Counts {
		sum.Counts[i] += n
	}
	return sum
}

// row counts a row that is written.
func (m *Measures) row(requested events.Time, row *joiner.Row) {
	for i := range row.Cells {
		switch c := &row.Cells[i]; {
		case c.Null:
			m.Labels[i].Null++
		case c.Value == 0:
			m.Labels[i].Negative++
		default:
			m.Labels[i].Positive++
			if c.TS != events.MinTime {
				m.Delay.observe(time.Duration(c.TS - requested))
			}
		}
	}
}

// plus adds a commit's measures, in a copy: others read what was reported.
func (m *Measures) plus(of *Measures, took time.Duration, at time.Time) *Measures {
	sum := &Measures{Labels: slices.Clone(m.Labels), Delay: m.Delay.plus(&of.Delay), Commit: m.Commit.plus(&Histogram{}),
		LastCommit: at}
	for i, l := range of.Labels {
		sum.Labels[i].Positive += l.Positive
		sum.Labels[i].Negative += l.Negative
		sum.Labels[i].Null += l.Null
	}
	sum.Commit.observe(took)
	return sum
}
