package health

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/raters"
)

// Report is the health of the labels of a day.
type Report struct {
	Day         string
	Rows        uint64
	Coverage    Rate    // rows with any outcome
	Events      *Events `json:",omitempty"` // nil: not known
	Labels      []LabelReport
	Slices      []SliceReport
	Calibration []Calibration
	Alarms      []Alarm
	// Raters is how far raters agree, of each label of votes; nil: not looked at, or there are none.
	Raters []raters.Agreement `json:",omitempty"`
	// Small are slices that have too few rows to be shown.
	Small int
}

// LabelReport is a label over all rows.
type LabelReport struct {
	Label   string
	Rate    Rate
	Unknown uint64 // rows whose label is null
	// Gap and Unfinished are those of them that touch a declared gap, and those whose window the log
	// ended before. The others have nothing to aggregate.
	Gap, Unfinished uint64
	Delay           time.Duration
	Hours           []HourRate
}

// HourRate is the rate of an hour.
type HourRate struct {
	Hour Hour
	Rate Rate
}

// SliceReport are the rows of a slice.
type SliceReport struct {
	Slice    string
	Rows     uint64
	Share    float64 // of all rows
	Coverage Rate    // rows with any outcome
	Parity   Parity
	Labels   []LabelReport
}

// NewReport says how the labels of the hours of a table are, leaving out slices
// of fewer rows than least: they tell about persons more than about labels.
func NewReport(day string, t *Table, alarms []Alarm, least uint64) *Report {
	r := &Report{Day: day, Alarms: alarms}
	hours := t.Hours()
	if len(hours) == 0 {
		return r
	}
	from, to := hours[0], hours[len(hours)-1]+1
	all := t.Sum(All, from, to)
	r.Rows, r.Coverage = all.Rows, RateOf(all.Covered, all.Rows)
	for i, name := range t.Labels {
		l := labelReport(name, &all, i)
		for h := from; h < to; h++ {
			if c := t.Cells[Key{All, h}]; c != nil {
				l.Hours = append(l.Hours, HourRate{h, RateOf(c.Labels[i].Positive, c.Labels[i].Known)})
			}
		}
		r.Labels = append(r.Labels, l)
		if c, ok := t.CalibrationOf(i); ok {
			r.Calibration = append(r.Calibration, c)
		}
	}
	for _, name := range t.Slices() {
		if name == All {
			continue
		}
		sum := t.Sum(name, from, to)
		if sum.Rows < least {
			r.Small++
			continue
		}
		s := SliceReport{Slice: name, Rows: sum.Rows, Share: float64(sum.Rows) / float64(max(all.Rows, 1)),
			Coverage: RateOf(sum.Covered, sum.Rows), Parity: parityOf(&sum, &all)}
		for i, label := range t.Labels {
			s.Labels = append(s.Labels, labelReport(label, &sum, i))
		}
		r.Slices = append(r.Slices, s)
	}
	return r
}

func labelReport(name string, c *Cell, i int) LabelReport {
	l := c.Labels[i]
	out := LabelReport{Label: name, Rate: RateOf(l.Positive, l.Known), Unknown: c.Rows - l.Known, Gap: l.Gap,
		Unfinished: l.Unfinished}
	if l.Positive > 0 {
		out.Delay = time.Duration(float64(l.Delay) / float64(l.Positive) * float64(time.Millisecond))
	}
	return out
}

// Percent writes a part of a whole.
func Percent(x float64) string { return strconv.FormatFloat(100*x, 'g', 4, 64) + " %" }

// Print writes a report for people.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n\n", r.Day, events.Count(r.Rows, "row"))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(where string, l *LabelReport, coverage string) {
		rate, interval := "", ""
		if l.Rate.Known > 0 {
			rate, interval = Percent(l.Rate.Value), Percent(l.Rate.Low)+" to "+Percent(l.Rate.High)
		}
		fmt.Fprintf(t, "%s\t%q\t%s\t%s\t%d\t%d\t%s\t%s\n", where, l.Label, rate, interval, l.Rate.Positive, l.Unknown,
			l.Delay.Round(10*time.Millisecond), coverage)
	}
	fmt.Fprintln(t, "rows\tlabel\trate\t95 % interval\tpositive\tunknown\tmean delay\tany outcome")
	for i := range r.Labels {
		line("all", &r.Labels[i], "")
	}
	for _, s := range r.Slices {
		for i := range s.Labels {
			line(strconv.Quote(s.Slice), &s.Labels[i], Percent(s.Coverage.Value))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Small > 0 {
		fmt.Fprintf(w, "%d slices with fewer rows are not shown\n", r.Small)
	}
	if err := r.printCompleteness(w); err != nil {
		return err
	}
	if err := r.printCalibration(w); err != nil {
		return err
	}
	for i := range r.Raters {
		fmt.Fprintln(w)
		if err := r.Raters[i].Print(w); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	for i := range r.Alarms {
		a := &r.Alarms[i]
		fmt.Fprintf(w, "%s  %s to %s  %s\n", a.Kind, a.From, a.To, a.Text())
	}
	if len(r.Alarms) == 0 {
		fmt.Fprintln(w, "no alarms")
	}
	return nil
}

func (r *Report) printCalibration(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Calibration {
		fmt.Fprintf(t, "\nlabel %q: scores predict %s, and %s happen; expected calibration error %.4f\n", c.Label,
			Percent(c.Predicted), Percent(c.Actual), c.Error)
		fmt.Fprintln(t, "score\tpredicted\tactual\trows")
		for _, d := range c.Deciles {
			fmt.Fprintf(t, "%.4f to %.4f\t%s\t%s\t%d\n", d.Low, d.High, Percent(d.Predicted), Percent(d.Actual.Value),
				d.Actual.Known)
		}
	}
	return t.Flush()
}

// Time is the start of the hour.
func (h Hour) Time() time.Time { return time.Unix(int64(h)*3600, 0).UTC() }

// MaxHour is after every hour.
const MaxHour = Hour(1<<63 - 1)

// MarshalText writes the start of the hour.
func (h Hour) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

func (h Hour) String() string { return h.Time().Format(hourLayout) }

const hourLayout = "2006-01-02T15:04Z"

func parseHour(text string) (Hour, error) {
	t, err := time.Parse(hourLayout, text)
	return Hour(t.Unix() / 3600), err
}

// Span writes a length of time for people: whole seconds from 10 s on, and no units that are zero
// at its end, like 30m or 1h30m.
func Span(d time.Duration) string {
	if d >= 10*time.Second {
		d = d.Round(time.Second)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Print writes what shorter windows would find.
func (s *Sufficiency) Print(w io.Writer) error {
	if s.Positives == 0 {
		_, err := fmt.Fprintf(w, "label %q has no positive rows: nothing can be said of its window\n", s.Label)
		return err
	}
	fmt.Fprintf(w, "label %q, window %s: %s, half of them within %s; %s come in the last tenth of the window\n", s.Label, Span(s.Window), events.Count(s.Positives, "positive row"), Span(s.Median), Percent(s.LastTenth))
	if s.Censored > 0 {
		fmt.Fprintf(w, "rows whose label is not known, counted up to where they were watched: %d\n", s.Censored)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "with a window of\tyou lose")
	for _, r := range s.Rows {
		fmt.Fprintf(t, "%s\t%s\n", Span(r.Window), Percent(r.Lost))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	switch {
	case s.LastTenth > suggestedLoss:
		fmt.Fprintf(w, "outcomes still come when the window ends: a longer one would find more\n")
	case s.Suggested > 0:
		fmt.Fprintf(w, "%s would do: it loses at most 1 %% of the positives\n", Span(s.Suggested))
	}
	return nil
}
