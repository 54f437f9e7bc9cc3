package joiner_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
)

func machine(rules *joiner.Rules) *joiner.Machine {
	decoder := jsonevent.Decoder{Unit: events.UnitNS}
	return &joiner.Machine{Rules: rules, Decoders: &[events.Kinds]jsonevent.Decoder{decoder, decoder}}
}

func requestEvent(seq uint64, ts events.Time, rest string) *joiner.Event {
	data := fmt.Appendf(nil, `{"request_id":"r","ts":%d%s}`, ts, rest)
	return &joiner.Event{Origin: events.Origin{Seq: seq}, Key: joiner.RequestKey{TS: ts, ID: "r"}, Data: data}
}

func outcomeEvent(m *joiner.Machine, seq uint64, ts events.Time, kind string) *joiner.Event {
	data := fmt.Appendf(nil, `{"request_id":"r","type":%q,"ts":%d}`, kind, ts)
	o, _, err := m.Decoders[events.KindOutcome].DecodeOutcome(data)
	if err != nil {
		panic(err) // it is one of ours
	}
	return &joiner.Event{Origin: events.Origin{Seq: seq}, Key: joiner.RequestKey{TS: ts, ID: "r"}, Outcome: &o, Data: data}
}

// TestAloneIsAStep: what is said of an event that needs nothing that is held is what a
// step says, under any rules and at any time, of an entry of which nothing else is known.
func TestAloneIsAStep(t *testing.T) {
	alone := map[string]int{}
	property := func(t *rapid.T) {
		seconds := func(most int, name string) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Second
		}
		window := time.Second + seconds(20, "window")
		rules := &joiner.Rules{
			Labels:    []joiner.Label{clicks(window, joiner.AggAny)},
			ClockSkew: seconds(5, "skew"), Corrections: seconds(40, "corrections"), Lateness: seconds(5, "lateness"),
			Merge: rapid.Bool().Draw(t, "merge"), PerRequest: rapid.Bool().Draw(t, "per request"),
		}
		m := machine(rules)
		m.Outcomes = rapid.IntRange(0, 2).Draw(t, "limit")
		m.Early, m.Watched = rapid.Bool().Draw(t, "early"), rapid.Bool().Draw(t, "watched")
		now := joiner.Never()
		if rapid.Bool().Draw(t, "time has come") {
			now = rules.At(t0.Add(seconds(200, "watermark")-time.Minute), t0.Add(seconds(100, "closed")-time.Minute))
		}
		x := &joiner.Entry{Key: joiner.RequestKey{ID: "r"}}
		var place *joiner.Found
		if rapid.Bool().Draw(t, "known") {
			place = &joiner.Found{Key: joiner.RequestKey{TS: t0, ID: "r"}, Late: rapid.IntRange(0, 3).Draw(t, "late") == 0}
			x.Known, x.Key, x.Request.Late = true, place.Key, place.Late
			x.Request.Pieces = []joiner.StoredPiece{{Data: string(requestEvent(1, t0, "").Data)}}
		}
		ts := t0.Add(seconds(20, "ts"))
		if rapid.IntRange(0, 2).Draw(t, "far") == 0 {
			ts = t0.Add(seconds(120, "ts") - time.Minute)
		}
		name, ev := "request", requestEvent(2, ts, "")
		if rapid.Bool().Draw(t, "outcome") {
			kind := rapid.SampledFrom([]string{"click", "view"}).Draw(t, "type")
			name, ev = "outcome", outcomeEvent(m, 2, ts, kind)
		}
		fx, ok := m.Alone(ev, place, 0, now)
		if !ok || place != nil && now.Phase(t0) == joiner.PhaseForgotten { // such a one is not found
			return
		}
		alone[fmt.Sprint(name, " known ", place != nil)]++
		step, err := m.Step(x, ev, now)
		if err != nil || !reflect.DeepEqual(fx, step) {
			t.Fatalf("alone it is %+v, a step %+v, %v", fx, step, err)
		}
	}
	for range 10 { // a hundred each
		rapid.Check(t, property)
	}
	for _, name := range []string{"request known false", "outcome known false", "outcome known true"} {
		if alone[name] == 0 {
			t.Errorf("no %s was taken in alone", name)
		}
	}
}

// TestPiecesAreBounded merges large pieces of one request: each is written anew with
// each that follows, so that there is an end to it. One that is rejected decodes nothing.
func TestPiecesAreBounded(t *testing.T) {
	rules := &joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}, Merge: true}
	m := machine(rules)
	for name, watermark := range map[string]events.Time{"open": t0, "closed": t0.Add(time.Minute + 1)} {
		t.Run(name, func(t *testing.T) {
			rules.Corrections = time.Hour
			x := &joiner.Entry{Known: true, Key: joiner.RequestKey{TS: t0, ID: "r"}}
			x.Request.Pieces = []joiner.StoredPiece{{Data: string(requestEvent(1, t0, "").Data)}}
			text := strings.Repeat("x", 1<<20-1000)
			merged := 0
			for i := range 40 {
				before := x.Work()
				fx, err := m.Step(x, requestEvent(uint64(2+i), t0.Add(time.Duration(i+1)), fmt.Sprintf(`,"features":{"f%d":%q}`, i, text)), rules.At(watermark, events.MinTime))
				switch {
				case err != nil:
					t.Fatal(err)
				case fx.Disposition == joiner.DispositionMerged && fx.Reject == nil:
					merged++
				case fx.Reject == nil || fx.Reject.Reason != "too_many_pieces" || fx.Request || fx.History || len(fx.Rows) > 0 || x.Work() != before:
					t.Fatalf("piece %d: %v %v, work %+v", i, fx.Disposition, fx.Reject, x.Work())
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
	rules := &joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggCount)}, Corrections: time.Hour}
	m := machine(rules)
	x := &joiner.Entry{Known: true, Key: joiner.RequestKey{TS: t0, ID: "r"}}
	x.Request.Pieces = []joiner.StoredPiece{{Data: string(requestEvent(1, t0, "").Data)}}
	const held = 50
	for i := range uint64(held) {
		ev := outcomeEvent(m, 2+i, t0.Add(time.Duration(i)), "click")
		o := ev.Outcome
		if err := x.AddOutcome(m, &joiner.StoredOutcome{Origin: ev.Origin, TS: o.TS, Hash: o.Hash, Data: ev.Data}); err != nil {
			t.Fatal(err)
		}
	}
	fx, err := m.Step(x, outcomeEvent(m, 100, t0.Add(time.Second), "click"), rules.At(t0.Add(2*time.Minute), events.MinTime))
	if err != nil || fx.Disposition != joiner.DispositionCorrected || len(fx.Rows) != 1 || fx.Rows[0].Row.Cells[0].Value != held+1 {
		t.Fatalf("a late outcome is %+v, %v", fx, err)
	}
	if w := x.Work(); w.Requests != 1 || w.Outcomes != held {
		t.Errorf("it decodes %d requests and %d outcomes, want 1 and %d", w.Requests, w.Outcomes, held)
	}
}

// BenchmarkLateOutcome is a late outcome of a closed request that has 8,000: all of them are folded again.
func BenchmarkLateOutcome(b *testing.B) {
	const outcomes, late = 8000, 500
	rules := &joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggCount)}, Corrections: time.Hour}
	m := machine(rules)
	var x *joiner.Entry
	seq := uint64(0)
	step := func(now joiner.Now) {
		seq++
		ev := oneOfMany(m, 1+seq, int(seq), `"type":"click"`)
		if fx, err := m.Step(x, ev, now); err != nil || fx.Reject != nil {
			b.Fatal(err, fx.Reject)
		}
	}
	open, shut := rules.At(t0, events.MinTime), rules.At(t0.Add(2*time.Minute), events.MinTime)
	for n := 0; b.Loop(); n++ {
		if n%late == 0 {
			b.StopTimer()
			x, seq = &joiner.Entry{Key: joiner.RequestKey{ID: "r"}}, 0
			if _, err := m.Step(x, requestEvent(1, t0, ""), open); err != nil {
				b.Fatal(err)
			}
			for range outcomes {
				step(open)
			}
			b.StartTimer()
		}
		step(shut)
	}
}

// TestLateEventsCountFromTheClose: how many late events a request takes in does not depend on
// whether a commit was cut, and wrote rows of a stage, before its pieces came.
func TestLateEventsCountFromTheClose(t *testing.T) {
	const most, pieces = 1000, 5
	rules := &joiner.Rules{
		Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny), clicks(time.Hour, joiner.AggAny)},
		Stages: []time.Duration{time.Minute}, Corrections: 24 * time.Hour, Merge: true,
	}
	for name, staged := range map[string]events.Time{
		"no row was written": events.MinTime, "a stage was written": t0 + 1,
	} {
		t.Run(name, func(t *testing.T) {
			m, now := machine(rules), rules.At(t0.Add(2*time.Minute), events.MinTime)
			now.Staged = staged
			x := &joiner.Entry{Key: joiner.RequestKey{ID: "r"}}
			step := func(ev *joiner.Event) joiner.Effects {
				t.Helper()
				fx, err := m.Step(x, ev, now)
				if err != nil {
					t.Fatal(err)
				}
				return fx
			}
			for i := range uint64(pieces) {
				step(requestEvent(i+1, t0, fmt.Sprintf(`,"user_id":"u%d"`, i)))
			}
			if remembered := x.History.LateSeq > 0; remembered != (staged > t0) {
				t.Fatalf("the history is %+v", x.History)
			}
			now = rules.At(t0.Add(2*time.Hour), events.MinTime)
			for i := range uint64(most) {
				fx := step(outcomeEvent(m, pieces+i+1, t0.Add(time.Duration(i)), "click"))
				if fx.Reject != nil {
					t.Fatalf("late event %d: %v", i+1, fx.Reject)
				}
			}
			if fx := step(outcomeEvent(m, most+pieces+1, t0.Add(most), "click")); fx.Reject == nil ||
				fx.Reject.Reason != "too_many_corrections" {
				t.Errorf("one more is not rejected: %+v", fx.Disposition)
			}
		})
	}
}
