package joiner_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

// TestEntryGoesOn: an entry that has taken in the events before says of an event what one says that
// was read from the state, which has to look at all outcomes for it.
func TestEntryGoesOn(t *testing.T) {
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
			anew := &joiner.Entry{Key: kept.Key, Known: kept.Known, Outcomes: slices.Clone(kept.Outcomes)}
			for _, w := range kept.Waiting {
				copied := *w
				anew.Waiting = append(anew.Waiting, &copied)
			}
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

// TestFirstsAreOfTheFold: what is said at once of an open request is what a fold of all its outcomes in
// Order says of it, under any rules and whatever the order in which they come.
func TestFirstsAreOfTheFold(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(400) {
		h := enginetest.Generate(seed, enginetest.Shape{Hot: true, Early: seed%2 == 0})
		m := machine(&h.Rules)
		m.Watched, m.Early = true, h.Rules.Early && h.Rules.SameID == joiner.SameFirst
		if seed%3 == 0 {
			m.Outcomes = h.Limit
		}
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(h.Events), func(i, j int) {
			h.Events[i], h.Events[j] = h.Events[j], h.Events[i]
		})
		requests := map[string]*foldedAnew{}
		for i := range h.Events {
			ev, ok := eventOf(m, &h.Events[i], uint64(i+1))
			if !ok {
				continue
			}
			r := requests[ev.Key.ID]
			if r == nil {
				r = &foldedAnew{entry: joiner.Entry{Key: joiner.RequestKey{ID: ev.Key.ID}}}
				requests[ev.Key.ID] = r
			}
			r.step(t, m, ev, seen)
			if t.Failed() {
				t.Fatalf("seed %d, event %d: %s", seed, i, ev.Data)
			}
		}
	}
	for _, kind := range []string{"positive", "taken back", "row"} {
		if seen[kind] < 50 {
			t.Errorf("%s: %d, want many", kind, seen[kind])
		}
	}
}

func eventOf(m *joiner.Machine, a *enginetest.Arrival, seq uint64) (*joiner.Event, bool) {
	ev := &joiner.Event{Origin: events.Origin{Seq: seq}, Data: a.Data}
	if a.Kind == events.KindRequest {
		scan, err := m.Decoders[a.Kind].ScanRequest(a.Data)
		ev.Key = joiner.RequestKey{TS: scan.TS, ID: string(scan.ID)}
		return ev, err == nil && !scan.Heartbeat
	}
	o, info, err := m.Decoders[a.Kind].DecodeOutcome(a.Data)
	ev.Key, ev.Outcome = joiner.RequestKey{TS: o.TS, ID: o.RequestID}, &o
	return ev, err == nil && !info.Heartbeat && o.RequestID != ""
}

// foldedAnew is a request of which all outcomes are folded after each event, and what was said of it.
type foldedAnew struct {
	entry     joiner.Entry
	positives map[joiner.LabelRef]bool
	back      map[joiner.LabelRef]bool // they were positive and are so no more
	written   map[string]bool          // the items of rows
}

func (r *foldedAnew) step(t *testing.T, m *joiner.Machine, ev *joiner.Event, seen map[string]int) {
	t.Helper()
	x := &r.entry
	fx, err := m.Step(x, ev, joiner.Never())
	if err != nil {
		t.Error(err)
		return
	}
	if !x.Known {
		return
	}
	req, err := x.At(m, joiner.LateSeqAny)
	if err != nil {
		t.Error(err)
		return
	}
	d := joiner.Decide(m.Rules, &req)
	for _, f := range x.Outcomes {
		d.AddFact(f)
	}
	itemOf := func(row int) string {
		if m.Rules.PerRequest || len(req.Items) == 0 {
			return ""
		}
		return req.Items[row].ID
	}
	positives, back := map[joiner.LabelRef]bool{}, map[joiner.LabelRef]bool{}
	for _, at := range d.Positives() {
		positives[joiner.LabelRef{Item: itemOf(at.Row), Label: at.Label}] = true
	}
	for _, before := range []map[joiner.LabelRef]bool{r.positives, r.back} {
		for ref := range before {
			if !positives[ref] {
				back[ref] = true
			}
		}
	}
	var updates, said []string
	for i, row := range d.RowsToPublish(joiner.ReasonEarly) {
		for j, cell := range row.Cells {
			ref := joiner.LabelRef{Item: itemOf(i), Label: j}
			if positives[ref] && !r.positives[ref] && m.Rules.Labels[j].Agg == joiner.AggAny {
				updates = append(updates, fmt.Sprint(ref, cell))
			}
		}
	}
	for _, u := range fx.Updates {
		said = append(said, fmt.Sprint(joiner.LabelRef{Item: u.Item, Label: u.Labels[0]}, u.Cells[u.Labels[0]]))
	}
	if !slices.Equal(said, updates) {
		t.Errorf("said is %v, want %v", said, updates)
	}
	retracted := map[joiner.LabelRef]bool{}
	for _, ref := range x.History.Retracted {
		retracted[ref] = true
	}
	if !maps.Equal(retracted, back) {
		t.Errorf("taken back is %v, want %v", retracted, back)
	}
	r.checkRows(t, m, &fx, d.Decided(), itemOf)
	r.positives, r.back = positives, back
	seen["positive"] += len(said)
	seen["taken back"] += len(back)
	seen["row"] += len(fx.Rows)
}

// checkRows compares the rows that are written early with those that are decided and were not written.
func (r *foldedAnew) checkRows(t *testing.T, m *joiner.Machine, fx *joiner.Effects, decided []joiner.Row,
	itemOf func(row int) string) {
	t.Helper()
	var want []joiner.Row
	if r.written == nil {
		r.written = map[string]bool{}
	}
	for _, row := range decided {
		if item := itemOf(max(row.Item, 0)); m.Early && !r.written[item] {
			r.written[item] = true
			want = append(want, row)
		}
	}
	var got []joiner.Row
	for i := range fx.Rows {
		got = append(got, fx.Rows[i].Row)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("rows are %+v, want %+v", got, want)
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

// manyOutcomes are outcomes of one request that come by the thousand.
type manyOutcomes struct {
	name  string
	rules joiner.Rules
	items int
	// fields are those of the outcome that is the i-th in time, beside its request and its time.
	fields func(i int) string
}

func hotOutcomes() []manyOutcomes {
	kind := func(list ...string) func(i int) string {
		return func(i int) string {
			return fmt.Sprintf(`"type":%q,"outcome_id":"o%d","value":%d`, list[i%len(list)], i, i%7)
		}
	}
	named := func(name func(i int) int, kinds ...string) func(i int) string {
		return func(i int) string { return fmt.Sprintf(`"type":%q,"outcome_id":"o%d"`, kinds[i/2%len(kinds)], name(i)) }
	}
	var aggregates joiner.Rules
	for agg := joiner.AggAny; agg <= joiner.AggLatency; agg++ {
		aggregates.Labels = append(aggregates.Labels, clicks(time.Minute, agg))
	}
	ended := clicks(time.Minute, joiner.AggAny)
	ended.Until = is("end")
	pair := func(key func(*events.Outcome) string) joiner.Rules {
		return joiner.Rules{Labels: []joiner.Label{{Name: "read", Window: time.Minute,
			When: func(o *events.Outcome) bool { return o.Type == "open" || o.Type == "close" },
			Pair: &joiner.Pair{Role: func(o *events.Outcome) joiner.PairRole {
				return joiner.PairRole{Key: key(o), Opens: o.Type == "open", Closes: o.Type == "close"}
			}}}}}
	}
	oneKey := pair(func(*events.Outcome) string { return "" })
	clicked := joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}}
	seen, edits := clicked, clicked
	seen.Negatives, seen.Impression, edits.SameID = joiner.NegativesSeen, is("view"), joiner.SameLast
	all := func(int) int { return 0 }
	twice := func(i int) int { return i / 2 }
	far := func(i int) int { return i % 5000 }
	return []manyOutcomes{
		{"aggregates", aggregates, 0, kind("click", "view")},
		{"items", clicked, 20, func(i int) string { return fmt.Sprintf(`"type":"click","outcome_id":"o%d","item_id":"%d"`, i, i%20) }},
		{"until", joiner.Rules{Labels: []joiner.Label{ended}}, 0, kind("view", "click", "end")},
		{"until, of which nothing counts", joiner.Rules{Labels: []joiner.Label{ended}}, 0, kind("end", "view")},
		{"pairs", oneKey, 0, kind("open", "close")},
		{"pairs that are not closed", oneKey, 0, kind("open")},
		{"pairs of many keys", pair(func(o *events.Outcome) string { return o.ID }), 0, named(twice, "open", "close")},
		{"votes", joiner.Rules{Labels: []joiner.Label{votes(time.Minute)}}, 0, kind("a", "b", "c")},
		{"seen", seen, 20, kind("view", "open")},
		{"copies", clicked, 0, named(twice, "click", "view")},
		{"copies that are far apart", clicked, 0, named(far, "click", "view")},
		{"copies of one", clicked, 0, named(all, "click")},
		{"copies that say something else", clicked, 0, func(i int) string {
			return fmt.Sprintf(`"type":%q,"outcome_id":"o%d"`, []string{"view", "click"}[i%2], i/2)
		}},
		{"edits", edits, 0, named(func(i int) int { return i % 100 }, "click", "view")},
		{"edits of one", edits, 0, named(all, "click", "view")},
		{"edits that take back", edits, 0, func(i int) string {
			return fmt.Sprintf(`"type":"click","outcome_id":"o%d"%s`, i%3, []string{"", `,"value":1`}[i%2])
		}},
	}
}

// orders are orders in which n outcomes come.
func orders(n int) map[string][]int {
	up, down, ends := make([]int, n), make([]int, n), make([]int, n)
	for i := range n {
		up[i], down[i], ends[i] = i, n-1-i, i/2
		if i%2 == 1 {
			ends[i] = n - 1 - i/2
		}
	}
	return map[string][]int{"ascending": up, "descending": down, "from both ends": ends,
		"shuffled": rand.New(rand.NewPCG(1, 2)).Perm(n)}
}

// TestOutcomeCostsTheSame: what an outcome of an open request costs does not grow with what the request
// has had before, in whatever order outcomes come.
func TestOutcomeCostsTheSame(t *testing.T) {
	const outcomes = 10_000
	for _, many := range hotOutcomes() {
		for order, list := range orders(outcomes) {
			t.Run(many.name+"/"+order, func(t *testing.T) {
				m, now := machine(&many.rules), many.rules.At(t0, events.MinTime)
				m.Watched, m.Early, m.Outcomes = true, many.rules.SameID == joiner.SameFirst, outcomes
				x := hotEntry(t, m, many.items, now)
				for seq, i := range list {
					if _, err := m.Step(x, oneOfMany(m, uint64(2+seq), i, many.fields(i)), now); err != nil {
						t.Fatal(err)
					}
				}
				if folded := x.Work().Folded; folded > 3*outcomes {
					t.Errorf("%d outcomes were folded %d times in all", outcomes, folded)
				}
			})
		}
	}
}

// TestWaitingOutcomeCostsTheSame: so it is with outcomes that come before their request, and with copies
// of them when as many wait as may.
func TestWaitingOutcomeCostsTheSame(t *testing.T) {
	const outcomes, limit = 3000, 1000
	rules := &joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}}
	asked := 0
	rules.Labels[0].When = func(o *events.Outcome) bool { asked++; return o.Type == "click" }
	m, now := machine(rules), rules.At(t0, events.MinTime)
	m.Outcomes = limit
	x := &joiner.Entry{Key: joiner.RequestKey{ID: "r"}}
	pending, duplicates := int64(0), int64(0)
	for seq := range uint64(outcomes) {
		i := int(outcomes - 1 - seq)
		fx, err := m.Step(x, oneOfMany(m, 2+seq, i, fmt.Sprintf(`"type":"click","outcome_id":"o%d"`, i%limit)), now)
		if err != nil || fx.Reject != nil {
			t.Fatal(err, fx.Reject)
		}
		if fx.Pending {
			pending++
		}
		duplicates += fx.Disposed[joiner.DispositionDuplicate]
	}
	if len(x.Waiting) != limit || pending != outcomes || duplicates != outcomes-limit {
		t.Errorf("%d wait, %d came to wait, %d were duplicates", len(x.Waiting), pending, duplicates)
	}
	fx, err := m.Step(x, requestEvent(1, t0, ""), now)
	if err != nil || len(fx.Adopt) != limit || len(x.Outcomes) != limit || asked != outcomes {
		t.Errorf("%d became its request's, %d conditions were asked (%v)", len(fx.Adopt), asked, err)
	}
}

// TestCopyBeyondTheLimitCostsTheSame: so it is with copies that come when as many outcomes are held as may be.
func TestCopyBeyondTheLimitCostsTheSame(t *testing.T) {
	const outcomes, limit = 20_000, 2000
	rules := &joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}}
	m, now := machine(rules), rules.At(t0, events.MinTime)
	m.Watched, m.Outcomes = true, limit
	x := hotEntry(t, m, 0, now)
	for seq := range uint64(outcomes) {
		i := int(outcomes - 1 - seq)
		fields := fmt.Sprintf(`"type":"click","outcome_id":"o%d"`, i%limit)
		if fx, err := m.Step(x, oneOfMany(m, 2+seq, i, fields), now); err != nil || fx.Reject != nil {
			t.Fatal(err, fx.Reject)
		}
	}
	if folded := x.Work().Folded; len(x.Outcomes) != limit || folded > 3*outcomes {
		t.Errorf("%d outcomes were folded %d times in all, and %d are held", outcomes, folded, len(x.Outcomes))
	}
}

// hotEntry is an open request.
func hotEntry(t *testing.T, m *joiner.Machine, items int, now joiner.Now) *joiner.Entry {
	t.Helper()
	list := make([]string, items)
	for i := range list {
		list[i] = fmt.Sprintf(`{"item_id":"%d"}`, i)
	}
	x := &joiner.Entry{Key: joiner.RequestKey{ID: "r"}}
	if _, err := m.Step(x, requestEvent(1, t0, `,"items":[`+strings.Join(list, ",")+"]"), now); err != nil {
		t.Fatal(err)
	}
	return x
}

func oneOfMany(m *joiner.Machine, seq uint64, after int, fields string) *joiner.Event {
	ts := t0.Add(time.Duration(after) * time.Microsecond)
	data := fmt.Appendf(nil, `{"request_id":"r","ts":%d,%s}`, ts, fields)
	o, _, err := m.Decoders[events.KindOutcome].DecodeOutcome(data)
	if err != nil {
		panic(err) // it is one of ours
	}
	return &joiner.Event{Origin: events.Origin{Seq: seq}, Key: joiner.RequestKey{TS: ts, ID: "r"}, Outcome: &o, Data: data}
}

// TestLargeDecisionIsNotKept: what is folded of a request with very many items and labels is folded anew,
// as it would fill the memory.
func TestLargeDecisionIsNotKept(t *testing.T) {
	rules := &joiner.Rules{}
	for range 101 {
		rules.Labels = append(rules.Labels, clicks(time.Minute, joiner.AggAny))
	}
	m, now := machine(rules), rules.At(t0, events.MinTime)
	m.Watched = true
	x := hotEntry(t, m, 1000, now)
	for i := range uint64(3) {
		if _, err := m.Step(x, outcomeEvent(m, 2+i, t0.Add(time.Duration(i)), "click"), now); err != nil {
			t.Fatal(err)
		}
	}
	if folded := x.Work().Folded; folded != 1+2+3 {
		t.Errorf("3 outcomes were folded %d times in all", folded)
	}
}
