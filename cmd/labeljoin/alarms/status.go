package alarms

import (
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/tally"
)

// Status is what the status says of labels.
type Status struct {
	Hour   string        `json:"hour,omitempty"` // the last one that is written whole; empty: none is known
	Labels []LabelStatus `json:"labels,omitempty"`
	Alarms []AlarmStatus `json:"alarms,omitempty"` // that go on
	// Features are the columns of that hour; nil: none were counted.
	Features *FeaturesStatus `json:"features,omitempty"`
}

// FeaturesStatus are the columns of an hour beside the labels.
type FeaturesStatus struct {
	Columns int    `json:"columns"`
	Rows    uint64 `json:"rows"`
	// Farthest is the column whose values are farthest from those of the same hours before, and Divergence how
	// far, from 0 to 1; empty: nothing can be compared yet.
	Farthest   string  `json:"farthest,omitempty"`
	Divergence float64 `json:"divergence,omitempty"`
}

// LabelStatus is a label in that hour.
type LabelStatus struct {
	Label    string   `json:"label"`
	Rows     uint64   `json:"rows"`
	Known    uint64   `json:"known"`
	Positive uint64   `json:"positive"`
	Rate     *float64 `json:"rate,omitempty"`  // absent where nothing is known
	Usual    *float64 `json:"usual,omitempty"` // of the same hour on the days before; absent: there were none
	// DayBefore and WeekBefore are the rates of the same hour then; absent: nothing is known of it.
	DayBefore  *float64 `json:"day_before,omitempty"`
	WeekBefore *float64 `json:"week_before,omitempty"`
}

// AlarmStatus is an alarm that goes on.
type AlarmStatus struct {
	Kind    string `json:"kind"`
	Label   string `json:"label,omitempty"`
	Slice   string `json:"slice,omitempty"`
	Feature string `json:"feature,omitempty"`
	From    string `json:"from"`
	Text    string `json:"text"`
	Says    string `json:"says,omitempty"` // more about the values of the feature
}

// Words are all that is said of an alarm.
func (a *AlarmStatus) Words() string {
	if a.Says == "" {
		return a.Text
	}
	return a.Text + "; " + a.Says
}

// Status is how the labels are; nil where they are not looked at, or nothing is known yet.
func (f *Follower) Status() *Status {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	next, began := f.watch.Judged()
	if !began {
		return nil
	}
	s := &Status{}
	hour := next - 1
	now, past := f.watch.Hour(hour)
	day, week := f.watch.Table().Sum(health.All, hour-24, hour-23), f.watch.Table().Sum(health.All, hour-7*24, hour-7*24+1)
	if now.Rows > 0 || past.Rows > 0 {
		s.Hour = hour.String()
		for i, label := range f.watch.Table().Labels {
			l := LabelStatus{Label: label, Rows: now.Rows, Known: now.Labels[i].Known, Positive: now.Labels[i].Positive}
			l.Rate, l.Usual, l.DayBefore, l.WeekBefore = rate(&now, i), rate(&past, i), rate(&day, i), rate(&week, i)
			s.Labels = append(s.Labels, l)
		}
	}
	s.Features = f.featuresOf(hour)
	for _, a := range f.watch.Now() {
		says := a.Says
		a.Says = ""
		s.Alarms = append(s.Alarms, AlarmStatus{string(a.Kind), a.Label, a.Slice, a.Feature, a.From.String(), a.Text(), says})
	}
	return s
}

// featuresOf are the columns of an hour. What was found is kept until there is another hour. mu is held.
func (f *Follower) featuresOf(hour health.Hour) *FeaturesStatus {
	now := f.watch.Table().Features.Hours[int64(hour)]
	if now == nil {
		return nil
	}
	if f.drifted.hour != hour || f.drifted.status.Rows != now.Rows {
		s := FeaturesStatus{Columns: len(now.Columns), Rows: now.Rows}
		if drifts := f.watch.FeatureDrifts(hour); len(drifts) > 0 {
			s.Farthest, s.Divergence = drifts[0].Feature, drifts[0].Divergence
		}
		f.drifted.hour, f.drifted.status = hour, s
	}
	s := f.drifted.status
	return &s
}

// Counts are the counts of all rows per hour, of the last so many hours that are written whole. It is
// nil where labels are not looked at, or nothing is known yet.
func (f *Follower) Counts(hours int) *health.Table {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	next, began := f.watch.Judged()
	if !began {
		return nil
	}
	whole := f.watch.Table()
	out := health.NewTable(whole.Labels)
	for h := next - health.Hour(hours); h < next; h++ {
		if k := (health.Key{Slice: health.All, Hour: h}); whole.Cells[k] != nil {
			out.Add(k, whole.Cells[k])
		}
	}
	return out
}

// Features are the counts of the columns of the rows of a day, as far as its commits were read; nil where
// columns are not counted, or nothing is known of the day.
func (f *Follower) Features(day health.Hour) *tally.Hour {
	if f == nil {
		return nil
	}
	hours := make([]int64, 24)
	for i := range hours {
		hours[i] = int64(day.Day()) + int64(i)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.watch.Table().Features.Sum(hours...); h.Rows > 0 {
		return h
	}
	return nil
}

func rate(c *health.Cell, label int) *float64 {
	l := c.Labels[label]
	if l.Known == 0 {
		return nil
	}
	r := float64(l.Positive) / float64(l.Known)
	return &r
}

// Print writes a status for people.
func (s *Status) Print(lines io.Writer) {
	for _, l := range s.Labels {
		if l.Rate == nil {
			continue
		}
		text := fmt.Sprintf("positive in %s of %s of the hour from %s", health.Percent(*l.Rate),
			events.Count(l.Rows, "row"), s.Hour)
		if l.Usual != nil {
			text += fmt.Sprintf("; usual is %s", health.Percent(*l.Usual))
		}
		if l.DayBefore != nil {
			text += fmt.Sprintf("; a day before %s", health.Percent(*l.DayBefore))
		}
		if l.WeekBefore != nil {
			text += fmt.Sprintf("; a week before %s", health.Percent(*l.WeekBefore))
		}
		fmt.Fprintf(lines, "label %s\t%s\n", l.Label, text)
	}
	if c := s.Features; c != nil {
		text := fmt.Sprintf("%s of %s of the hour from %s",
			events.Count(c.Columns, "column"), events.Count(c.Rows, "row"), s.Hour)
		if c.Farthest != "" {
			text += fmt.Sprintf("; farthest from usual: %q, divergence %.2f", c.Farthest, c.Divergence)
		}
		fmt.Fprintf(lines, "features\t%s\n", text)
	}
	for _, a := range s.Alarms {
		fmt.Fprintf(lines, "alarm\t%s, since %s: %s\n", a.Kind, a.From, a.Words())
	}
}

// Metrics are the metrics of labels. Slices are named by events, and names of events are no labels
// of metrics: alarms are counted by kind and label.
type Metrics struct{ rate, usual, rows, active, raised, unsent *prometheus.Desc }

// NewMetrics describes the metrics.
func NewMetrics(describe func(metric, help string, labels ...string) *prometheus.Desc) Metrics {
	return Metrics{
		rate: describe("label_rate",
			"The part of rows with a label that it is positive in, of the last hour that is written whole.",
			"label"),
		usual: describe("label_rate_usual", "The same of the same hour on up to seven days before.", "label"),
		rows: describe("label_hour_rows", "Rows of the last hour that is written whole, by what a label says in them.",
			"label",
			"value"),
		active: describe("label_alarms", "Alarms about labels that go on.", "kind", "label"),
		raised: describe("label_alarms_total", "Alarms about labels that have begun since the start.", "kind"),
		unsent: describe("label_alarms_unsent_total", "Alarms since the start that could not be published."),
	}
}

// Collect reports the metrics; nothing where labels are not looked at.
func (m *Metrics) Collect(f *Follower, gauge, counter func(*prometheus.Desc, float64, ...string)) {
	if f == nil {
		return
	}
	s := f.Status()
	if s == nil {
		s = &Status{}
	}
	for _, l := range s.Labels {
		for _, v := range []struct {
			desc  *prometheus.Desc
			value *float64
		}{{m.rate, l.Rate}, {m.usual, l.Usual}} {
			if v.value != nil {
				gauge(v.desc, *v.value, l.Label)
			}
		}
		gauge(m.rows, float64(l.Positive), l.Label, "positive")
		gauge(m.rows, float64(l.Known-l.Positive), l.Label, "negative")
		gauge(m.rows, float64(l.Rows-l.Known), l.Label, "null")
	}
	active := map[[2]string]float64{}
	for _, a := range s.Alarms {
		active[[2]string{a.Kind, a.Label}]++
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, kind := range health.Kinds() {
		labels := f.watch.Table().Labels
		if kind == health.KindVolume || kind == health.KindFeature {
			labels = []string{""} // it is about rows, or about columns, whose names are no labels of metrics
		}
		for _, label := range labels {
			gauge(m.active, active[[2]string{string(kind), label}], string(kind), label)
		}
		counter(m.raised, float64(f.raised[kind]), string(kind))
	}
	counter(m.unsent, float64(f.unsent))
}
