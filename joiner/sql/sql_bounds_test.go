package sql_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/rule"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

// logOf has events that are written as "request ID TIME" and "outcome ID TIME VALUE
// OUTCOME_ID", with times in nanoseconds.
func logOf(t *testing.T, name string, d sql.Definition, lines ...string) logs {
	t.Helper()
	l := logs{name: name, def: d, decoders: [events.Kinds]jsonevent.Decoder{{Unit: events.UnitNS}, {Unit: events.UnitNS}}}
	l.def.Name = name
	for i := range d.Rules.Labels {
		c, err := rule.Compile(d.When[i])
		if err != nil {
			t.Fatal(err)
		}
		l.def.Rules.Labels[i].When = c.Holds
	}
	for _, line := range lines {
		f := strings.Fields(line)
		m := events.Message{Kind: events.KindRequest, Data: fmt.Appendf(nil, `{"request_id":%q,"ts":%s}`, f[1], f[2])}
		if f[0] == "outcome" {
			m.Kind, m.Data = events.KindOutcome, fmt.Appendf(nil,
				`{"request_id":%q,"ts":%s,"type":"click","value":%s,"outcome_id":%q}`,
				f[1], f[2], f[3], f[4])
		}
		l.messages = append(l.messages, m)
	}
	return l
}

// TestBounds: what generated histories meet too seldom.
func TestBounds(t *testing.T) {
	define := func(agg joiner.Agg, window time.Duration) sql.Definition {
		d := sql.Definition{When: []string{`type == "click"`}, Complete: true}
		d.Rules.Labels = []joiner.Label{{Name: "clicked", Window: window, Agg: agg}}
		return d
	}
	again := define(joiner.AggAny, 10)
	again.Rules.Corrections = 30 // so an id is used again beyond 40
	gap := define(joiner.AggAny, 100)
	gap.Rules.Labels = append(gap.Rules.Labels, joiner.Label{Name: "n", Window: 20, Agg: joiner.AggCount})
	gap.When = append(gap.When, `type == "click"`)
	gap.Rules.Gaps = []events.Gap{{From: 1050, To: 1060, Since: 500}, {From: 2050, To: 2060, Since: 500, Until: 2000}}
	for i := range gap.Rules.Gaps {
		gap.Rules.Gaps[i].Kinds[events.KindOutcome] = true
	}
	compare(t, []logs{
		logOf(t, "ids used again", again,
			"request a 100", "request a 140", "outcome a 105 1 o1",
			"request b 100", "request b 141", "outcome b 105 1 o1", "outcome b 145 1 o1",
			"request c 100", "request c 141", "request c 181", "request c 182", "outcome c 183 1 o1",
			"request d 100", "outcome d 60 1 o1", "outcome d 105 1 o1", // the copy before is within reach, and counts
			"request e 100", "outcome e 59 1 o1", "outcome e 105 1 o1", // beyond it, it is none
			"request f 100", "request f 200", "outcome f 150 1 o1", "outcome f 205 1 o1",
			// Between two uses: of the older within its reach, else of the younger within its reach, else of the older.
			"request g 100", "request g 200", "outcome g 160 1 o1", "outcome g 205 1 o1",
			"request h 100", "request h 200", "outcome h 159 1 o1", "outcome h 205 1 o1",
			"request i 100", "request i 170", "outcome i 140 1 o1", "outcome i 175 1 o1",
			"request j 100", "request j 170", "outcome j 141 1 o1", "outcome j 175 1 o1",
			"request k 100", "request k 170", "request k 300", "outcome k 141 1 o1", "outcome k 175 1 o1",
			"outcome k 270 1 o2", "outcome k 305 1 o2"),
		logOf(t, "sums", define(joiner.AggSum, 100),
			"request a 0", "outcome a 1 0.1 o3", "outcome a 2 1e16 o2", "outcome a 3 -1e16 o1", "outcome a 4 0.3 o0",
			"request b 0", "outcome b 4 0.1 o3", "outcome b 3 1e16 o2", "outcome b 2 -1e16 o1", "outcome b 1 0.3 o0",
			"request c 0", "outcome c 1 0.1 o3", "outcome c 1 0.2 o2", "outcome c 1 0.3 o1",
			"request d 0", "outcome d 1 0.3 o3", "outcome d 1 0.2 o2", "outcome d 1 0.1 o1"),
		logOf(t, "gaps", gap,
			"request a 949", "request b 950", "request c 1060", "request d 1061", "request e 1000", "outcome e 1001 1 o1",
			"request f 1030", "outcome f 1031 1 o1", "request g 1029", "request h 400",
			"request i 1949", "request j 1950", "request k 1999", "request l 2000", "request m 2050"),
		logOf(t, "windows", define(joiner.AggLatency, 10),
			"request a 0", "outcome a 0 1 o1", "request b 0", "outcome b 10 1 o1", "request c 0", "outcome c 11 1 o1",
			"request d 0", "outcome d -1 1 o1"),
		stopped(logOf(t, "far away", define(joiner.AggAny, 10), "request a 4611686018427387905"), "before 1824 or after 2116"),
	})
}

// stopped is a log for which the query has to end with an error.
func stopped(l logs, text string) logs {
	l.stops = text
	return l
}
