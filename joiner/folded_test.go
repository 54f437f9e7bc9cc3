package joiner_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestFoldGoesOn: an entry that has taken in the events before says of an event what one says that
// was read from the state, which has to fold all outcomes for it.
func TestFoldGoesOn(t *testing.T) {
	told, moved := 0, 0
	property := func(t *rapid.T) {
		long := clicks(20*time.Second, joiner.AggCount)
		long.Name = "clicks"
		rules := &joiner.Rules{
			Labels:    []joiner.Label{clicks(10*time.Second, joiner.AggAny), long},
			ClockSkew: time.Second, Merge: rapid.Bool().Draw(t, "merge"),
			SameID: rapid.SampledFrom([]joiner.SameID{joiner.SameFirst, joiner.SameLast}).Draw(t, "same id"),
		}
		m, now := machine(rules), rules.At(t0, events.MinTime)
		m.Outcomes = rapid.SampledFrom([]int{0, 3, 100}).Draw(t, "limit")
		m.Early, m.Watched = rapid.Bool().Draw(t, "early"), true
		kept := &joiner.Entry{Key: joiner.RequestKey{ID: "r"}}
		var said, meant []joiner.LabelUpdate
		last := t0
		for i := range uint64(rapid.IntRange(2, 30).Draw(t, "events")) {
			var ev *joiner.Event
			if i == 0 || rapid.IntRange(0, 9).Draw(t, "request") == 0 {
				ts := t0.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "begins")) * time.Second)
				ev = requestEvent(i+1, ts, fmt.Sprintf(`,"items":[{"item_id":"a"},{"item_id":"b"}],"user_id":"u%d"`, i))
			} else {
				last = last.Add(rapid.SampledFrom([]time.Duration{-1, 0, 1, 2, 3, 4, 5, 6}).Draw(t, "step") * time.Second / 2)
				ev = itemOutcome(m, i+1, last, rapid.IntRange(0, 20).Draw(t, "id"),
					rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "item"))
			}
			anew := &joiner.Entry{Key: kept.Key, Known: kept.Known, Waiting: slices.Clone(kept.Waiting),
				Outcomes: slices.Clone(kept.Outcomes)}
			anew.Request, anew.History = kept.Request, kept.History
			anew.Request.Pieces, anew.Request.Copies = slices.Clone(kept.Request.Pieces), slices.Clone(kept.Request.Copies)
			anew.History.Rows, anew.History.Retracted = slices.Clone(kept.History.Rows), slices.Clone(kept.History.Retracted)
			got, err := m.Step(kept, ev, now)
			want, failed := m.Step(anew, ev, now)
			if err != nil || failed != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("event %d: %+v (%v), want %+v (%v)", i, got, err, want, failed)
			}
			if !reflect.DeepEqual(kept.Outcomes, anew.Outcomes) || !reflect.DeepEqual(kept.History, anew.History) {
				t.Fatalf("after event %d: %+v, want %+v", i, kept, anew)
			}
			said, meant = append(said, got.Updates...), append(meant, want.Updates...)
			if got.Moved != nil {
				moved++
			}
		}
		if !reflect.DeepEqual(said, meant) {
			t.Fatalf("what was told has become %+v, want %+v", said, meant)
		}
		told += len(said)
	}
	for range 5 { // a hundred each
		rapid.Check(t, property)
	}
	if told == 0 || moved == 0 {
		t.Errorf("%d labels were told, and %d requests moved, want some", told, moved)
	}
}

func itemOutcome(m *joiner.Machine, seq uint64, ts events.Time, id int, item string) *joiner.Event {
	data := fmt.Appendf(nil, `{"request_id":"r","outcome_id":"o%d","item_id":%q,"type":"click","ts":%d}`, id, item, ts)
	o, _, err := m.Decoders[events.KindOutcome].DecodeOutcome(data)
	if err != nil {
		panic(err) // it is one of ours
	}
	return &joiner.Event{Origin: events.Origin{Seq: seq}, Key: joiner.RequestKey{TS: ts, ID: "r"}, Outcome: &o, Data: data}
}

// TestEachOutcomeIsFoldedOnce: what an outcome of an open request costs does not grow with what the
// request has had before.
func TestEachOutcomeIsFoldedOnce(t *testing.T) {
	rules := &joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}}
	m, now := machine(rules), rules.At(t0, events.MinTime)
	m.Watched = true
	x := &joiner.Entry{Key: joiner.RequestKey{ID: "r"}}
	if _, err := m.Step(x, requestEvent(1, t0, ""), now); err != nil {
		t.Fatal(err)
	}
	const outcomes = 1000
	var told []joiner.LabelUpdate
	for i := range uint64(outcomes) {
		fx, err := m.Step(x, outcomeEvent(m, 2+i, t0.Add(time.Duration(i)), "click"), now)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, fx.Updates...)
	}
	if folded := x.Work().Folded; folded != outcomes {
		t.Errorf("%d outcomes were folded %d times in all", outcomes, folded)
	}
	if len(told) != 1 || told[0].Cells[0].Value != 1 || told[0].Cells[0].TS != t0 {
		t.Errorf("told is %+v", told)
	}
}

// TestLargeDecisionIsNotKept: what is folded of a request with very many items and labels is folded anew,
// as it would fill the memory.
func TestLargeDecisionIsNotKept(t *testing.T) {
	rules := &joiner.Rules{}
	for range 101 {
		rules.Labels = append(rules.Labels, clicks(time.Minute, joiner.AggAny))
	}
	items := make([]string, 1000)
	for i := range items {
		items[i] = fmt.Sprintf(`{"item_id":"%d"}`, i)
	}
	m, now := machine(rules), rules.At(t0, events.MinTime)
	m.Watched = true
	x := &joiner.Entry{Key: joiner.RequestKey{ID: "r"}}
	if _, err := m.Step(x, requestEvent(1, t0, `,"items":[`+strings.Join(items, ",")+"]"), now); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(3) {
		if _, err := m.Step(x, outcomeEvent(m, 2+i, t0.Add(time.Duration(i)), "click"), now); err != nil {
			t.Fatal(err)
		}
	}
	if folded := x.Work().Folded; folded != 1+2+3 {
		t.Errorf("3 outcomes were folded %d times in all", folded)
	}
}
