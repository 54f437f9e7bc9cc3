package explain

import (
	"fmt"
	"strings"

	"github.com/labeljoin/labeljoin/joiner"
)

// whyOfOthers says in a sentence why a label that is made of others is what it is.
func (t *describer) whyOfOthers(row *joiner.Row, label int) string {
	l := &t.rules.Labels[label]
	var of []string
	for _, n := range l.Needs {
		text := t.rules.Labels[n].Name + " is " + shownValue(&row.Cells[n])
		if t.open(row, n) {
			text = t.rules.Labels[n].Name + " is not decided"
		}
		of = append(of, text)
	}
	from := "it is " + oneLine(t.cfg.Labels[label].Says())
	if len(of) > 0 {
		from += ", and " + strings.Join(of, ", ")
	}
	if t.open(row, label) {
		return fmt.Sprintf("is not decided: %s; the last of these windows ends at %s.", from,
			t.report.Request.TS.Add(l.Window))
	}
	return fmt.Sprintf("is %s: %s.", shownValue(&row.Cells[label]), from)
}
