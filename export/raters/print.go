package raters

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/labeljoin/labeljoin/events"
)

// Text is the agreement of all in a line.
func (a *Agreement) Text() string {
	text := fmt.Sprintf("%s with %s of %s; Krippendorff's alpha %s", events.Count(a.Rows, "row"),
		events.Count(a.Votes, "vote"), events.Count(len(a.Raters), "rater"),
		Figure(a.Alpha.Nominal))
	if a.Alpha.Interval != nil {
		text += fmt.Sprintf(" (as ranks %s, as numbers %s)", Figure(a.Alpha.Ordinal), Figure(a.Alpha.Interval))
	}
	return text
}

// Print writes the agreement for people.
func (a *Agreement) Print(w io.Writer) error {
	fmt.Fprintf(w, "label %q: %s\n", a.Label, a.Text())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "rater\tvotes\tagrees with others\tkappa\talpha without")
	for i := range a.Raters {
		r := &a.Raters[i]
		fmt.Fprintf(t, "%q\t%d\t%s\t%s\t%s\n", r.Name, r.Votes, Figure(r.Agree), Figure(r.Kappa), Figure(r.Without))
	}
	return t.Flush()
}

// Figure writes a number between -1 and 1, or a dash for one that is not there.
func Figure(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", *x)
}
