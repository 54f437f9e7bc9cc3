package joiner_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func machine(rules *joiner.Rules) *joiner.Machine {
	decoder := events.Decoder{Unit: events.UnitNS}
	return &joiner.Machine{Rules: rules, Decoders: &[events.Kinds]events.Decoder{decoder, decoder}}
}

func requestEvent(seq uint64, ts events.Time, rest string) *joiner.Event {
	data := fmt.Appendf(nil, `{"request_id":"r","ts":%d%s}`, ts, rest)
	return &joiner.Event{Origin: events.Origin{Seq: seq}, Place: joiner.Place{TS: ts, ID: "r"}, Data: data}
}

func outcomeEvent(t *testing.T, m *joiner.Machine, seq uint64, ts events.Time, rest string) *joiner.Event {
	t.Helper()
	data := fmt.Appendf(nil, `{"request_id":"r","type":"click","ts":%d%s}`, ts, rest)
	o, _, err := m.Decoders[events.KindOutcome].DecodeOutcome(data)
	if err != nil {
		t.Fatal(err)
	}
	return &joiner.Event{Origin: events.Origin{Seq: seq}, Place: joiner.Place{TS: ts, ID: "r"}, Outcome: &o, Data: data}
}

// TestAloneIsAStep: what is said of an event that needs nothing that is held is what a
// step says of an entry of which nothing else is known.
func TestAloneIsAStep(t *testing.T) {
	rules := &joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.Any)}, Corrections: time.Hour}
	m := machine(rules)
	for _, w := range []events.Time{events.MinTime, t0, t0.Add(2 * time.Minute), t0.Add(100 * time.Hour)} {
		now := rules.At(w, events.MinTime)
		place := &joiner.Found{Place: joiner.Place{TS: t0, ID: "r"}}
		for name, c := range map[string]struct {
			ev    *joiner.Event
			place *joiner.Found
		}{
			"request":                    {requestEvent(1, t0, ""), nil},
			"outcome of no request":      {outcomeEvent(t, m, 1, t0, ""), nil},
			"outcome of an open request": {outcomeEvent(t, m, 2, t0, ""), place},
		} {
			t.Run(fmt.Sprint(name, " at ", w), func(t *testing.T) {
				alone, ok := m.Alone(c.ev, c.place, 0, now)
				if !ok {
					t.Skip("it takes a step")
				}
				x := &joiner.Entry{Place: joiner.Place{ID: "r"}}
				if c.place != nil {
					x.Known, x.Place = true, c.place.Place
					x.Request.Pieces = []joiner.HeldPiece{{Data: string(requestEvent(1, t0, "").Data)}}
				}
				step, err := m.Step(x, c.ev, now)
				if err != nil || !reflect.DeepEqual(alone, step) {
					t.Errorf("alone it is %+v, a step %+v, %v", alone, step, err)
				}
			})
		}
	}
}

// TestPiecesAreBounded merges large pieces of one request: each is written anew with
// each that follows, so that there is an end to it. One that is rejected decodes nothing.
func TestPiecesAreBounded(t *testing.T) {
	rules := &joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.Any)}, Merge: true}
	m := machine(rules)
	for name, watermark := range map[string]events.Time{"open": t0, "closed": t0.Add(time.Minute + 1)} {
		t.Run(name, func(t *testing.T) {
			rules.Corrections = time.Hour
			x := &joiner.Entry{Known: true, Place: joiner.Place{TS: t0, ID: "r"}}
			x.Request.Pieces = []joiner.HeldPiece{{Data: string(requestEvent(1, t0, "").Data)}}
			text := strings.Repeat("x", 1<<20-1000)
			merged := 0
			for i := range 40 {
				before := x.Work()
				fx, err := m.Step(x, requestEvent(uint64(2+i), t0.Add(time.Duration(i+1)), fmt.Sprintf(`,"features":{"f%d":%q}`, i, text)), rules.At(watermark, events.MinTime))
				switch {
				case err != nil:
					t.Fatal(err)
				case fx.Fate == joiner.Merged && fx.Reject == nil:
					merged++
				case fx.Reject == nil || fx.Reject.Reason != "too_many_pieces" || fx.Request || fx.History || len(fx.Rows) > 0 || x.Work() != before:
					t.Fatalf("piece %d: %v %v, work %+v", i, fx.Fate, fx.Reject, x.Work())
				}
			}
			if merged != 17 || len(x.Request.Pieces) != 1+merged {
				t.Errorf("%d pieces of nearly 1 MiB are merged, %d are held, want 17", merged, len(x.Request.Pieces)-1)
			}
		})
	}
}

// TestCorrectionDecodesOnce: a first correction decodes its request once and each of
// its outcomes once.
func TestCorrectionDecodesOnce(t *testing.T) {
	rules := &joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.Count)}, Corrections: time.Hour}
	m := machine(rules)
	x := &joiner.Entry{Known: true, Place: joiner.Place{TS: t0, ID: "r"}}
	x.Request.Pieces = []joiner.HeldPiece{{Data: string(requestEvent(1, t0, "").Data)}}
	const held = 50
	for i := range uint64(held) {
		ev := outcomeEvent(t, m, 2+i, t0.Add(time.Duration(i)), "")
		o := ev.Outcome
		if err := x.AddOutcome(m, &joiner.HeldOutcome{Origin: ev.Origin, TS: o.TS, Hash: o.Hash, Data: ev.Data}); err != nil {
			t.Fatal(err)
		}
	}
	fx, err := m.Step(x, outcomeEvent(t, m, 100, t0.Add(time.Second), ""), rules.At(t0.Add(2*time.Minute), events.MinTime))
	if err != nil || fx.Fate != joiner.CorrectedLabel || len(fx.Rows) != 1 || fx.Rows[0].Row.Cells[0].Value != held+1 {
		t.Fatalf("a late outcome is %+v, %v", fx, err)
	}
	if w := x.Work(); w.Requests != 1 || w.Outcomes != held {
		t.Errorf("it decodes %d requests and %d outcomes, want 1 and %d", w.Requests, w.Outcomes, held)
	}
}
