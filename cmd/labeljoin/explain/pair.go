package explain

import (
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// whyOfPairs says in a sentence why a label of pairs is what it is.
func (t *describer) whyOfPairs(row *joiner.Row, trace *joiner.Trace, label int) string {
	l, cell := &t.rules.Labels[label], &row.Cells[label]
	what, ends := "pair of "+oneLine(t.cfg.Labels[label].Says()), t.report.Request.TS.Add(l.Window)
	came := fmt.Sprintf("; outcomes that open one: %d, that close one: %d", trace.Opens, trace.Closes)
	if trace.Pairs > 0 && cell.TS != events.MinTime {
		opened, closed := &t.report.Outcomes[trace.Decider.Open].Outcome, &t.report.Outcomes[trace.Decider.Close].Outcome
		came += fmt.Sprintf("; the pair that decides was opened at %s, %s, and closed %s later", opened.TS,
			after(opened.TS.Sub(t.report.Request.TS)), closed.TS.Sub(opened.TS))
	}
	switch {
	case t.open(row, label):
		return fmt.Sprintf("is not decided: %s came so far%s; its window ends at %s.", plural(trace.Pairs, what), came, ends)
	case trace.Pairs == 0:
		return fmt.Sprintf("is %s: no %s was whole before the outcome watermark passed %s%s%s.", shownValue(cell), what, ends,
			came, t.missed(trace, label))
	}
	return fmt.Sprintf("is %s: %s %s%s.", shownValue(cell), plural(trace.Pairs, what), windowOf(l), came)
}
