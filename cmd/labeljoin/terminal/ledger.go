package terminal

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// PrintLedger shows what became of every event.
func PrintLedger(w io.Writer, l *joiner.Ledger) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	for k := range l.Kinds {
		kind, tally := events.Kind(k), &l.Kinds[k]
		fmt.Fprintf(t, "%ss read\t%d\n", kind, tally.Read)
		for d, n := range tally.Disposed {
			if n > 0 {
				fmt.Fprintf(t, "  %s\t%d\n", joiner.Disposition(d), n)
			}
		}
		if tally.Pending > 0 {
			fmt.Fprintf(t, "  pending\t%d\n", tally.Pending)
		}
	}
	fmt.Fprintf(t, "rows written\t%d\n", l.Rows)
	for _, more := range []struct {
		name string
		n    int64
	}{
		{"heartbeats", l.Heartbeats}, {"rows left out as unseen", l.Unseen}, {"rows left out by sampling", l.SampledOut},
		{"feature values that did not fit", l.Unfit}, {"unknown fields ignored", l.UnknownFields},
	} {
		if more.n > 0 {
			fmt.Fprintf(t, "%s\t%d\n", more.name, more.n)
		}
	}
}
