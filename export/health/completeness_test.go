package health_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestCompleteness: a slice that loses outcomes is uneven, one that is merely small is not shown, and
// null labels say why.
func TestCompleteness(t *testing.T) {
	c := health.NewCounter([]string{"clicked"}, []string{"device"})
	add := func(device string, n, positive int, delay events.Time, reason joiner.Reason) {
		for i := range n {
			req := &events.Request{TS: events.Time(i) * 1e9, Features: []events.Field{
				{Name: "device", Value: events.Value{Kind: events.ValueString, Str: device}}}}
			cell := joiner.Cell{TS: events.MinTime}
			switch {
			case i < positive:
				cell = joiner.Cell{Value: 1, TS: req.TS + delay}
			case reason != joiner.ReasonClosed:
				cell.Null = true
			}
			c.Row(req, &joiner.Row{Item: -1, Cells: []joiner.Cell{cell}, Reason: reason})
		}
	}
	const second = events.Time(1e9)
	add("phone", 1000, 100, 10*second, joiner.ReasonClosed)
	add("tablet", 1000, 100, 10*second, joiner.ReasonClosed)
	add("tv", 1000, 20, 60*second, joiner.ReasonClosed)
	add("phone", 30, 0, 0, joiner.ReasonGap)
	add("phone", 20, 0, 0, joiner.ReasonIncomplete)
	add("phone", 10, 0, 0, joiner.ReasonCorrected) // null for another reason
	add("one person", 3, 3, second, joiner.ReasonClosed)
	data, err := c.Statistics(&joiner.Cut{})
	if err != nil {
		t.Fatal(err)
	}
	table, _, err := health.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	r := health.NewReport("day", table, nil, 20)
	r.Events = &health.Events{From: 5, To: 9, Requests: map[string]int64{"accepted": 3063},
		Outcomes: map[string]int64{"joined": 220, "orphan": 20, "unknown_item": 10}}
	uneven := map[string]bool{}
	for _, s := range r.Slices {
		uneven[s.Slice] = s.Parity.Uneven
		if s.Slice == "device=tv" && (*s.Parity.Delay < 5.9 || *s.Parity.Delay > 6.2 || *s.Parity.Coverage > 0.22) {
			t.Errorf("of a slice that loses outcomes it says %s", s.Parity.Text())
		}
	}
	if len(uneven) != 3 || !uneven["device=tv"] || r.Small != 1 {
		t.Errorf("uneven are %v, %d are not shown", uneven, r.Small)
	}
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"7.280 % of the rows have any outcome",
		`label "clicked" is null in 60 rows: 30 in a declared gap, 20 the log ended before the window, 10 nothing to make a value of`,
		"250 outcomes decided in commits 5 to 9: 220 joined, 20 orphan, 10 unknown_item",
		"12 % of the outcomes are in no label",
	} {
		if !strings.Contains(out.String(), strings.Replace(want, "7.280", "7.28", 1)) {
			t.Errorf("the report has no %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "one person") {
		t.Errorf("a slice of three rows is shown:\n%s", &out)
	}
}
