package explain

import (
	"fmt"

	"github.com/labeljoin/labeljoin/joiner"
)

// provisional tells of a label that is not decided what its value is so far in the row of an item, as it
// was written last, or when a row with one is written.
func (t *describer) provisional(row *joiner.Row, item string, label int) string {
	l := &t.rules.Labels[label]
	if l.Provisional == 0 || !t.open(row, label) {
		return ""
	}
	last, from := t.newest(item), t.report.Request.TS.Add(l.Provisional)
	switch {
	case t.report.Stats.Watermark <= from:
		return fmt.Sprintf(" A row with its provisional value is written when the watermark passes %s.", from)
	case last == nil || last.Labels[label].Null:
		return fmt.Sprintf(" It has been provisional since %s, and no row with a value is written yet.", from)
	}
	return fmt.Sprintf(" Its provisional value is %s, in revision %d.", shownValue(&last.Labels[label]), last.Revision)
}
