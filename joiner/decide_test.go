package joiner_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/enginetest"
)

const t0 = events.Time(1_700_000_000_000_000_000)

func is(kind string) func(*events.Outcome) bool {
	return func(o *events.Outcome) bool { return o.Type == kind }
}

func clicks(window time.Duration, agg joiner.Agg) joiner.Label {
	return joiner.Label{Name: "clicked", Window: window, Agg: agg, When: is("click")}
}

// click is an outcome so long after t0.
func click(id string, after time.Duration, item string) events.Outcome {
	o := events.Outcome{RequestID: "r", ID: id, Type: "click", TS: t0.Add(after), ItemID: item}
	o.Hash = sha256.Sum256(fmt.Appendf(nil, "%+v", o))
	return o
}

func valued(id string, after time.Duration, value float64) events.Outcome {
	o := click(id, after, "")
	o.Value, o.HasValue = value, true
	return o
}

func request(items ...string) *events.Request {
	req := &events.Request{ID: "r", TS: t0}
	for _, id := range items {
		req.Items = append(req.Items, events.Item{ID: id})
	}
	return req
}

// decide folds outcomes in Order and says what became of each.
func decide(rules *joiner.Rules, req *events.Request, list ...events.Outcome) (*joiner.Decision, []joiner.Disposition) {
	slices.SortFunc(list, func(a, b events.Outcome) int { return joiner.Order(&a, &b) })
	d := joiner.Decide(rules, req)
	var fates []joiner.Disposition
	for i := range list {
		fates = append(fates, d.Add(&list[i]))
	}
	return d, fates
}

func TestWindowEdges(t *testing.T) {
	const window, skew = time.Minute, time.Second
	for i, c := range []struct {
		after time.Duration
		fate  joiner.Disposition
		value float64
	}{
		{-skew - 1, joiner.DispositionOutsideWindow, 0}, {-skew, joiner.DispositionJoined, 1}, {0, joiner.DispositionJoined, 1},
		{window, joiner.DispositionJoined, 1}, {window + 1, joiner.DispositionJoined, 0}, // in the other label's window
		{2 * window, joiner.DispositionJoined, 0}, {2*window + 1, joiner.DispositionOutsideWindow, 0},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rules := joiner.Rules{ClockSkew: skew, Labels: []joiner.Label{clicks(window, joiner.AggAny), {Window: 2 * window, When: is("buy")}}}
			d, fates := decide(&rules, request(), click("o", c.after, ""))
			cell := d.Rows(events.MaxTime, joiner.ReasonClosed)[0].Cells[0]
			if fates[0] != c.fate || cell.Value != c.value || cell.Null {
				t.Errorf("an outcome %v after its request is %v and gives %+v, want %v and %v", c.after, fates[0], cell, c.fate, c.value)
			}
		})
	}
}

func TestItems(t *testing.T) {
	rules := joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}}
	whole := rules
	whole.PerRequest = true
	for _, c := range []struct {
		name  string
		rules *joiner.Rules
		req   *events.Request
		item  string
		fate  joiner.Disposition
		rows  []float64
	}{
		{"its item", &rules, request("a", "b"), "b", joiner.DispositionJoined, []float64{0, 1}},
		{"every item", &rules, request("a", "b"), "", joiner.DispositionJoined, []float64{1, 1}},
		{"unknown item", &rules, request("a", "b"), "c", joiner.DispositionUnknownItem, []float64{0, 0}},
		{"no items are listed", &rules, request(), "c", joiner.DispositionJoined, []float64{1}},
		{"a row for the request", &whole, request("a", "b"), "b", joiner.DispositionJoined, []float64{1}},
		{"a row for the request, unknown item", &whole, request("a", "b"), "c", joiner.DispositionUnknownItem, []float64{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, fates := decide(c.rules, c.req, click("o", 1, c.item))
			var got []float64
			for i, row := range d.Rows(events.MaxTime, joiner.ReasonClosed) {
				if got = append(got, row.Cells[0].Value); row.Item != i && (row.Item != -1 || len(c.rows) != 1) {
					t.Errorf("%s: row %d is of item %d", c.name, i, row.Item)
				}
			}
			if fates[0] != c.fate || !slices.Equal(got, c.rows) {
				t.Errorf("%s: %v, %v, want %v, %v", c.name, fates[0], got, c.fate, c.rows)
			}
		})
	}
}

func TestAggregates(t *testing.T) {
	null := joiner.Cell{Null: true, TS: events.MinTime}
	none := joiner.Cell{TS: events.MinTime}
	at := func(value float64, after time.Duration) joiner.Cell {
		return joiner.Cell{Value: value, TS: t0.Add(after)}
	}
	list := []events.Outcome{click("-", 1, ""), valued("a", 2, 3), valued("b", 3, 5), valued("c", 4, 5), valued("d", 5, 3), click("e", 6, "")}
	for agg, want := range map[joiner.Agg]struct{ of, unvalued, nothing joiner.Cell }{
		joiner.AggAny: {at(1, 1), at(1, 1), none}, joiner.AggCount: {at(6, 6), at(1, 1), none}, joiner.AggSum: {at(16, 5), none, none},
		joiner.AggMean: {at(4, 5), null, null}, joiner.AggMax: {at(5, 3), null, null}, joiner.AggMin: {at(3, 2), null, null},
		joiner.AggFirst: {at(3, 2), null, null}, joiner.AggLast: {at(3, 5), null, null}, joiner.AggLatency: {at(1e-9, 1), at(1e-9, 1), null},
	} {
		rules := joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, agg)}}
		for name, c := range map[string]struct {
			list []events.Outcome
			want joiner.Cell
		}{"some": {list, want.of}, "one without a value": {list[:1], want.unvalued}, "none": {nil, want.nothing}} {
			d, _ := decide(&rules, request(), slices.Clone(c.list)...)
			if got := d.Rows(events.MaxTime, joiner.ReasonClosed)[0].Cells[0]; got != c.want {
				t.Errorf("aggregate %d of %s is %+v, want %+v", agg, name, got, c.want)
			}
		}
	}
}

// TestCopies holds identity against its definition, and that of copies the
// smallest counts, in whatever order they are given.
func TestCopies(t *testing.T) {
	rules := joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggLast)}}
	a, b := valued("o", 2, 1), valued("o", 1, 2)
	zero, negative := valued("", 1, 0), valued("", 1, 0)
	negative.Value = -negative.Value
	negative.Hash[0]++
	for name, c := range map[string]struct {
		list  []events.Outcome
		fates []joiner.Disposition
		value float64
	}{
		"one id":              {[]events.Outcome{a, b}, []joiner.Disposition{joiner.DispositionJoined, joiner.DispositionDuplicate}, 2},
		"two ids":             {[]events.Outcome{valued("x", 1, 1), valued("y", 1, 2)}, []joiner.Disposition{joiner.DispositionJoined, joiner.DispositionJoined}, 2},
		"no id, equal":        {[]events.Outcome{valued("", 1, 1), valued("", 1, 1)}, []joiner.Disposition{joiner.DispositionJoined, joiner.DispositionDuplicate}, 1},
		"no id, another time": {[]events.Outcome{valued("", 1, 1), valued("", 2, 3)}, []joiner.Disposition{joiner.DispositionJoined, joiner.DispositionJoined}, 3},
		"no id, no value":     {[]events.Outcome{valued("", 1, 0), click("", 1, "")}, []joiner.Disposition{joiner.DispositionJoined, joiner.DispositionJoined}, 0},
		"zero and minus zero": {[]events.Outcome{zero, negative}, []joiner.Disposition{joiner.DispositionJoined, joiner.DispositionDuplicate}, 0},
		"smallest is outside": {[]events.Outcome{valued("o", -1, 7), valued("o", 1, 8), valued("p", 2, 9)}, []joiner.Disposition{joiner.DispositionOutsideWindow, joiner.DispositionDuplicate, joiner.DispositionJoined}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				slices.Reverse(c.list)
				d, fates := decide(&rules, request(), slices.Clone(c.list)...)
				cell := d.Rows(events.MaxTime, joiner.ReasonClosed)[0].Cells[0]
				if !slices.Equal(fates, c.fates) || cell.Value != c.value || cell.Null {
					t.Errorf("%s: %v, %+v, want %v, %v", name, fates, cell, c.fates, c.value)
				}
			}
		})
	}
}

// TestDecideIsReference holds decisions over random outcomes against the naive
// join.
func TestDecideIsReference(t *testing.T) {
	for seed := range uint64(3000) {
		h := enginetest.Generate(seed, enginetest.Shape{})
		reference := h.Reference()
		want := reference.Join(h.Set())
		got := map[enginetest.Key]joiner.Row{}
		decoder := enginetest.Decoder()
		pieces, outcomes := map[string][]joiner.Piece{}, map[string][]events.Outcome{}
		for _, e := range h.Events {
			if e.Kind == events.KindRequest {
				if req, err := decoder.DecodeRequest(e.Data); err == nil && req.ID != "" {
					pieces[req.ID] = append(pieces[req.ID], joiner.Piece{Request: req, Hash: sha256.Sum256(e.Data)})
				}
			} else if o, info, err := decoder.DecodeOutcome(e.Data); err == nil && !info.Heartbeat {
				outcomes[o.RequestID] = append(outcomes[o.RequestID], o)
			}
		}
		for id, of := range pieces {
			rand.New(rand.NewPCG(seed, 1)).Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
			req := h.Rules.Assemble(of)
			d, _ := decide(&h.Rules, &req, outcomes[id]...)
			for _, row := range d.Rows(events.MaxTime, joiner.ReasonClosed) {
				key := enginetest.Key{RequestID: id}
				if row.Item >= 0 {
					key.ItemID = req.Items[row.Item].ID
				}
				if got[key] = row; row.LeftOut != want.LeftOut[key] {
					t.Errorf("%q is left out as %v, want %v", key, row.LeftOut, want.LeftOut[key])
				}
				if w, ok := want.Rows[key]; ok && (!slices.Equal(row.Cells, w.Cells) || row.Weight != w.Weight) {
					t.Errorf("%q: %+v, want %+v", key, row, w)
				}
			}
		}
		for key := range want.Rows {
			if _, ok := got[key]; !ok {
				t.Errorf("%q is missing", key)
			}
		}
		if t.Failed() {
			t.Fatalf("history %d", seed)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	rules := joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny), clicks(time.Hour, joiner.AggSum)}}
	req := request("a", "b", "c")
	one, ten := []events.Outcome{valued("o", 1, 1)}, []events.Outcome{}
	for i := range 10 {
		ten = append(ten, valued(fmt.Sprint("o", i), time.Duration(i), 1))
	}
	for name, list := range map[string][]events.Outcome{"none": nil, "one": one, "ten": ten} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d := joiner.Decide(&rules, req)
				for i := range list {
					d.Add(&list[i])
				}
				if rows := d.Rows(events.MaxTime, joiner.ReasonClosed); len(rows) != 3 {
					b.Fatal(rows)
				}
			}
		})
	}
}
