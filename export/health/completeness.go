package health

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Parity compares a slice with all other rows. Where outcomes of a slice are lost, or come after the
// window, its rows are labeled negative.
type Parity struct {
	// Coverage is the part of rows with any outcome, as a multiple of that of the other rows; nil where
	// the other rows have none.
	Coverage *float64 `json:",omitempty"`
	// Delay is the mean delay of positive labels in the same way; nil where there are none.
	Delay *float64 `json:",omitempty"`
	// Uneven says that the coverage differs by more than a fifth, and that chance makes such a
	// difference once in a million. A fifth is the bound of the four-fifths rule (29 CFR 1607.4).
	Uneven bool
}

// The bounds of Parity.Uneven.
const (
	unevenBy = 0.2
	unevenP  = 1e-6
)

// parityOf compares a slice with the rest of all rows.
func parityOf(slice, all *Cell) (p Parity) {
	rows, covered := all.Rows-slice.Rows, all.Covered-slice.Covered
	if rows > 0 && covered > 0 && slice.Rows > 0 {
		ratio := float64(slice.Covered) / float64(slice.Rows) * float64(rows) / float64(covered)
		p.Coverage = &ratio
		p.Uneven = math.Abs(ratio-1) > unevenBy && GTest(float64(slice.Covered), float64(slice.Rows), float64(covered),
			float64(rows)) < unevenP
	}
	here, n := slice.meanDelay()
	sum, m := all.meanDelay()
	if here > 0 && m > n && sum > here {
		ratio := here / float64(n) * float64(m-n) / (sum - here)
		p.Delay = &ratio
	}
	return p
}

// meanDelay is the sum of the delays of all labels, in milliseconds, and how many there are.
func (c *Cell) meanDelay() (sum float64, n uint64) {
	for i := range c.Labels {
		sum, n = sum+float64(c.Labels[i].Delay), n+c.Labels[i].Positive
	}
	return sum, n
}

// Events says what became of the events that were decided in some commits: those that closed the
// requests of a day. A commit that closed more is counted whole.
type Events struct {
	From, To uint64 // the commits, both included
	// Requests and Outcomes are events by what became of them, like orphan or rejected.
	Requests, Outcomes map[string]int64
	// Orphans are the outcomes that found no request, by who brought them; nil where no manifest says so.
	Orphans joiner.Orphans `json:",omitempty"`
}

// lost are the outcomes that are in no label, by what became of them.
func lost() []string {
	return []string{"orphan", "rejected", "quarantined", "unknown_item", "outside_window", "late"}
}

// Lines say it in words.
func (e *Events) Lines() []string {
	line := func(kind string, counts map[string]int64) string {
		total := int64(0)
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			total += counts[name]
			parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
		}
		return fmt.Sprintf("%d %s decided in commits %d to %d: %s", total, kind, e.From, e.To, strings.Join(parts, ", "))
	}
	out := []string{line("requests", e.Requests), line("outcomes", e.Outcomes)}
	total, missed := int64(0), int64(0)
	for _, n := range e.Outcomes {
		total += n
	}
	for _, name := range lost() {
		missed += e.Outcomes[name]
	}
	if total > 0 {
		out = append(out, fmt.Sprintf("%s of the outcomes are in no label (%s)",
			Percent(float64(missed)/float64(total)), strings.Join(lost(), ", ")))
	}
	return append(out, orphanLines(e.Orphans)...)
}

// mostOrphanLines is how many streams and producers are named: those with the most orphans.
const mostOrphanLines = 20

// orphanLines say in words who brought the outcomes that found no request, and why they did not.
func orphanLines(orphans joiner.Orphans) (out []string) {
	sorted := slices.Clone(orphans)
	slices.SortStableFunc(sorted, func(a, b joiner.OrphanCount) int { return cmp.Compare(b.Total(), a.Total()) })
	for i := range sorted[:min(len(sorted), mostOrphanLines)] {
		o := &sorted[i]
		of := fmt.Sprintf("stream %q", o.Stream)
		if o.Producer != "" {
			of += fmt.Sprintf(", producer %q", o.Producer)
		}
		var parts []string
		for _, p := range []struct {
			n   int64
			why string
		}{{o.Alone, "no request came for them"}, {o.Late, "they came too late"},
			{o.Keyless, "they name no request and have no key"}} {
			if p.n > 0 {
				parts = append(parts, fmt.Sprintf("%d because %s", p.n, p.why))
			}
		}
		out = append(out, fmt.Sprintf("orphans of %s: %d (%s)", of, o.Total(), strings.Join(parts, ", ")))
	}
	if n := len(sorted) - len(out); n > 0 {
		out = append(out, fmt.Sprintf("orphans of %d more streams and producers are not shown", n))
	}
	return out
}

// NullText says in words why a label is null.
func (l *LabelReport) NullText() string {
	if l.Unknown == 0 {
		return ""
	}
	var parts []string
	for _, p := range []struct {
		n   uint64
		why string
	}{{l.Gap, "in a declared gap"}, {l.Unfinished, "the log ended before the window"},
		{l.Unknown - min(l.Unknown, l.Gap+l.Unfinished), "nothing to make a value of"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.why))
		}
	}
	return strings.Join(parts, ", ")
}

// Text says in words how a slice compares with the other rows; empty where nothing can be said.
func (p *Parity) Text() string {
	var parts []string
	if p.Coverage != nil {
		parts = append(parts, fmt.Sprintf("%.2f times the outcomes", *p.Coverage))
	}
	if p.Delay != nil {
		parts = append(parts, fmt.Sprintf("%.2f times the delay", *p.Delay))
	}
	if p.Uneven {
		parts = append(parts, "uneven")
	}
	return strings.Join(parts, ", ")
}

// Completeness says in words what is missing.
func (r *Report) Completeness() (lines []string) {
	if r.Rows > 0 {
		lines = append(lines, fmt.Sprintf("%s of the rows have any outcome", Percent(r.Coverage.Value)))
	}
	for i := range r.Labels {
		l := &r.Labels[i]
		if text := l.NullText(); text != "" {
			lines = append(lines, fmt.Sprintf("label %q is null in %s: %s", l.Label, events.Count(l.Unknown, "row"), text))
		}
	}
	if r.Events != nil {
		lines = append(lines, r.Events.Lines()...)
	}
	return lines
}

// printCompleteness writes what is missing.
func (r *Report) printCompleteness(w io.Writer) error {
	fmt.Fprintln(w)
	for _, line := range r.Completeness() {
		fmt.Fprintln(w, line)
	}
	if len(r.Slices) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nslice\tof all rows\tany outcome\tmean delay\tagainst all others")
	for i := range r.Slices {
		s := &r.Slices[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", strconv.Quote(s.Slice), Percent(s.Share), Percent(s.Coverage.Value),
			Span(s.Delay()), s.Parity.Text())
	}
	return t.Flush()
}

// Delay is the mean delay of the positive labels of a slice.
func (s *SliceReport) Delay() time.Duration {
	sum, n := 0.0, uint64(0)
	for i := range s.Labels {
		l := &s.Labels[i]
		sum, n = sum+float64(l.Delay)*float64(l.Rate.Positive), n+l.Rate.Positive
	}
	if n == 0 {
		return 0
	}
	return time.Duration(sum / float64(n)).Round(10 * time.Millisecond)
}
