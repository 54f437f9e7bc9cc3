package explain

import (
	"fmt"
	"testing"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// TestWhyOfPairs: the sentence about a label of pairs names the pair that decides, or what came
// of one.
func TestWhyOfPairs(t *testing.T) {
	cfg, err := config.Decode("labeljoin.yaml", []byte(`
labels:
  dwell: {pair: {open: 'type == "open"', close: 'type == "close"', by: attrs.session}, value: max}
`))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := wire.Rules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	decoder := jsonevent.Decoder{Unit: events.UnitNS}
	m := joiner.Machine{Rules: &rules, Decoders: &[events.Kinds]jsonevent.Decoder{decoder, decoder}}
	const second = 1_000_000_000
	why := func(outcomes ...string) string {
		x := joiner.Entry{Known: true, Key: joiner.RequestKey{TS: 0, ID: "r"}}
		x.Request.Pieces = []joiner.StoredPiece{{Data: `{"request_id":"r","ts":0}`}}
		report := engine.RequestReport{Known: true, Phase: joiner.PhaseCorrectable}
		for i, data := range outcomes {
			held := joiner.StoredOutcome{Origin: events.Origin{Seq: uint64(i)}, Data: []byte(data)}
			if err := x.AddOutcome(&m, &held); err != nil {
				t.Fatal(err)
			}
		}
		ex, err := m.Explain(&x, joiner.Now{Closed: second, Final: 0})
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Outcomes {
			report.Outcomes = append(report.Outcomes, engine.OutcomeReport{Outcome: x.Outcomes[i].Outcome})
		}
		report.Request, report.Rows, report.Labels = ex.Request, ex.Rows, ex.Labels
		d := describer{cfg: cfg, rules: &rules, report: &report}
		return d.why(0, 0)
	}
	outcome := func(kind string, at int64, session string) string {
		return fmt.Sprintf(`{"request_id":"r","type":%q,"ts":%d,"attrs":{"session":%q}}`, kind, at*second, session)
	}
	for name, c := range map[string]struct{ got, want string }{
		"a pair decides": {why(outcome("open", 10, "a"), outcome("open", 12, "b"), outcome("close", 20, "a"),
			outcome("close", 17, "b"), outcome("open", 30, "a")),
			`is 10: 2 pairs of type == "open", then type == "close", by attrs.session within 30m0s; outcomes that open one: 3, ` +
				`that close one: 2; the pair that decides was opened at 1970-01-01T00:00:10Z, 10s after the request, and closed 10s later.`},
		"none is whole": {why(outcome("open", 10, "a"), outcome("close", 20, "b")),
			`is null: no pair of type == "open", then type == "close", by attrs.session was whole before the outcome watermark ` +
				`passed 1970-01-01T00:30:00Z; outcomes that open one: 1, that close one: 1.`},
	} {
		t.Run(name, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("it says\n%s\nand should say\n%s", c.got, c.want)
			}
		})
	}
}
