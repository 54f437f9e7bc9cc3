package joiner

import (
	"math"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// Order is the total order in which outcomes are folded: by timestamp, then
// outcome_id, then hash. Arrival takes no part in it.
func Order(a, b *events.Outcome) int {
	switch {
	case a.TS != b.TS:
		if a.TS < b.TS {
			return -1
		}
		return 1
	case a.ID != b.ID:
		return strings.Compare(a.ID, b.ID)
	}
	return strings.Compare(string(a.Hash[:]), string(b.Hash[:]))
}

// identity tells outcomes of one request apart. With an outcome_id that is all
// there is to it; without one, every field that means something counts.
type identity struct {
	id, kind, item string
	ts             events.Time
	value          uint64
	hasValue       bool
}

// identify says which outcome of its request an event is. An edit of an outcome is one of
// its own.
func identify(o *events.Outcome, same SameID) identity {
	if o.ID != "" && same == SameLast {
		return identity{id: o.ID, kind: string(o.Hash[:])}
	}
	if o.ID != "" {
		return identity{id: o.ID}
	}
	return identity{kind: o.Type, item: o.ItemID, ts: o.TS, value: math.Float64bits(o.Value + 0), hasValue: o.HasValue}
}

// Same reports whether two outcomes of one request are the same one.
func (r *Rules) Same(a, b *events.Outcome) bool {
	return identify(a, r.SameID) == identify(b, r.SameID)
}

// Distinct tells an outcome of a request from copies of those before it. Its
// zero value knows none. A few outcomes, the common case, cost no map.
type Distinct struct {
	SameID SameID // says what copies are; it does not change once an outcome is added

	few  []identity
	many map[identity]struct{} // nil while they are few
}

// fewOutcomes are looked through faster than a map is made of them.
const fewOutcomes = 8

// Add reports whether no outcome that is the Same was added before.
func (d *Distinct) Add(o *events.Outcome) bool {
	id := identify(o, d.SameID)
	if d.many == nil {
		if slices.Contains(d.few, id) {
			return false
		}
		if len(d.few) < fewOutcomes {
			d.few = append(d.few, id)
			return true
		}
		d.many = make(map[identity]struct{}, 4*fewOutcomes)
		for _, known := range d.few {
			d.many[known] = struct{}{}
		}
	}
	if _, ok := d.many[id]; ok {
		return false
	}
	d.many[id] = struct{}{}
	return true
}

// Has reports whether an outcome that is the Same was added.
func (d *Distinct) Has(o *events.Outcome) bool {
	id := identify(o, d.SameID)
	if d.many == nil {
		return slices.Contains(d.few, id)
	}
	_, ok := d.many[id]
	return ok
}

func (d *Distinct) reset() {
	clear(d.few) // their texts are not ours to keep
	d.few, d.many = d.few[:0], nil
}

// Decision folds the outcomes of one request into its rows.
type Decision struct {
	rules *Rules
	req   *events.Request
	items map[string]int // by id; nil while the items are few or not asked for
	cells [][]fold       // by row, by label
	seen  []bool         // by row: an impression was found; nil when the policy does not ask
	added Distinct
	edits []edit                      // that are not folded yet; none but with SameLast
	extra map[RowLabel][]events.Value // what columns keep, by where; nil while they keep nothing
	ends  map[RowLabel]events.Time    // when an outcome ended the window; nil while none did

	ballots       map[RowLabel]*ballot // the votes, of labels that have some; nil while there are none
	copies        []copiedVote         // outcomes that are votes and were taken for copies
	opened        map[pairKey]openPair // pairs that are not closed; nil while there are none
	votesAndPairs int                  // votes and pairs that are not closed, at most maxVotesAndPairs
	name          string               // of the rater or the key that was held last

	counted []countedOutcomes // by label; empty while no outcome counts
	folded  uint64            // how many outcomes were folded

	trace []Trace // by row and label; nil unless it is to be explained
	at    int     // index of the outcome that is added, for the trace

	faults map[int]*Faults // by label; nil while there are none

	folds []fold // memory of cells, and of what RowsReuse returned last
	rows  []Row
	flat  []Cell
}

// Decide begins a decision. The request and the rules are read until its end.
func Decide(rules *Rules, req *events.Request) *Decision {
	d := new(Decision)
	d.Begin(rules, req)
	return d
}

// Begin makes d a decision about another request, in the memory that it has.
func (d *Decision) Begin(rules *Rules, req *events.Request) {
	n, labels := max(1, len(req.Items)), len(rules.Labels)
	if rules.PerRequest {
		n = 1
	}
	d.rules, d.req, d.items, d.seen, d.trace, d.faults = rules, req, nil, nil, nil, nil
	d.added.reset()
	d.added.SameID, d.edits, d.extra = rules.SameID, d.edits[:0], nil
	d.ends, d.ballots, d.copies, d.opened, d.votesAndPairs, d.name = nil, nil, nil, nil, 0, ""
	d.counted, d.folded = d.counted[:0], 0
	d.folds = slices.Grow(d.folds[:0], n*labels)[:n*labels]
	clear(d.folds)
	d.cells = slices.Grow(d.cells[:0], n)[:n]
	for i := range d.cells {
		d.cells[i] = d.folds[i*labels : (i+1)*labels : (i+1)*labels]
	}
	if rules.Negatives == NegativesSeen {
		d.seen = make([]bool, n)
	}
}

// Add folds in an outcome and says what became of it, as long as its request
// was open: DispositionDuplicate, UnknownItem, OutsideWindow or Joined. Outcomes must come
// in Order, so that of several copies it is always the same one that counts.
func (d *Decision) Add(o *events.Outcome) Disposition { return d.add(o, nil) }

// AddFact is Add for an outcome whose conditions were evaluated before.
func (d *Decision) AddFact(f *Fact) Disposition { return d.add(&f.Outcome, f) }

func (d *Decision) add(o *events.Outcome, f *Fact) Disposition {
	if !d.added.Add(o) {
		d.sightCopy(o, f)
		return DispositionDuplicate
	}
	row, known := d.row(o)
	if !known {
		if d.rules.SameID == SameLast {
			d.edit(o, f, unlisted)
		}
		return DispositionUnknownItem
	}
	delay := o.TS.Sub(d.req.TS)
	if delay < -d.rules.ClockSkew || delay > d.rules.Longest() {
		if d.trace != nil {
			d.traceBeyond(o, f)
		}
		return DispositionOutsideWindow
	}
	if d.rules.SameID == SameLast {
		d.edit(o, f, row)
		return DispositionJoined
	}
	d.foldInto(row, o, f, nil)
	return DispositionJoined
}

// foldInto counts an outcome for a row, or with -1 for every row.
func (d *Decision) foldInto(row int, o *events.Outcome, f *Fact, e *edit) {
	d.folded++
	if row >= 0 {
		d.fold(row, o, f, e)
		return
	}
	for row := range d.cells {
		d.fold(row, o, f, e)
	}
}

// judge says what Add would say of an outcome that is no copy, and adds nothing.
func (d *Decision) judge(o *events.Outcome) Disposition {
	if _, known := d.row(o); !known {
		return DispositionUnknownItem
	}
	if delay := o.TS.Sub(d.req.TS); delay < -d.rules.ClockSkew || delay > d.rules.Longest() {
		return DispositionOutsideWindow
	}
	return DispositionJoined
}

// row finds the row an outcome labels: -1 means every row.
func (d *Decision) row(o *events.Outcome) (row int, known bool) {
	if o.ItemID == "" || len(d.req.Items) == 0 {
		return -1, true
	}
	i, listed := d.item(o.ItemID)
	if d.rules.PerRequest {
		i = -1
	}
	return i, listed
}

// fewItems are looked through faster than a map is made of them.
const fewItems = 32

// item finds a listed item.
func (d *Decision) item(id string) (index int, listed bool) {
	if len(d.req.Items) <= fewItems {
		index = slices.IndexFunc(d.req.Items, func(i events.Item) bool { return i.ID == id })
		return index, index >= 0
	}
	if d.items == nil {
		d.items = make(map[string]int, len(d.req.Items))
		for i := range d.req.Items {
			d.items[d.req.Items[i].ID] = i
		}
	}
	index, listed = d.items[id]
	return index, listed
}

// fold counts an outcome for a row. What f knows is not evaluated again. e is not nil if the
// outcome may have been edited.
func (d *Decision) fold(row int, o *events.Outcome, f *Fact, e *edit) {
	delay := o.TS.Sub(d.req.TS)
	for i := range d.rules.Labels {
		l := &d.rules.Labels[i]
		if l.Until != nil && d.ended(RowLabel{row, i}, o, f, e) {
			continue
		}
		if !l.within(delay) || f != nil && !f.qualifies.has(i) || f == nil && !l.When(o) || e != nil && e.gone(l.Window) {
			continue
		}
		value := Number{o.Value, o.HasValue}
		if l.Pair != nil {
			if value = d.pair(RowLabel{row, i}, o, f); !value.Has {
				continue
			}
		}
		if l.looks() && !d.look(row, i, o, f, &value) {
			continue
		}
		d.count(i)
		if l.Votes != nil {
			d.vote(row, i, o, f, value)
			continue
		}
		if !d.cells[row][i].add(l.Agg, o, value) {
			continue
		}
		if len(l.Columns) > 0 {
			d.keep(row, i, o, f)
		}
		if d.trace != nil {
			d.trace[row*len(d.rules.Labels)+i].decided()
		}
	}
	if d.trace != nil {
		d.traceFolded(row, delay, f, e)
	}
	if d.seen != nil && (e == nil || !e.gone(d.rules.Longest())) &&
		(f != nil && f.impression || f == nil && d.rules.Impression(o)) {
		d.seen[row] = true
	}
}

// look reports whether an outcome that may count for a label does so in a row, and sets
// what its value is there.
func (d *Decision) look(row, label int, o *events.Outcome, f *Fact, value *Number) bool {
	l, item := &d.rules.Labels[label], d.itemOf(row, o)
	if f != nil {
		o = f.whole()
	}
	if l.InRow != nil {
		if yes, err := l.InRow(o, d.req, item); err != nil || !yes {
			d.fault(label, o, f, err)
			return false
		}
	}
	if l.Number == nil {
		return true
	}
	v, err := l.Number(o, d.req, item)
	d.fault(label, o, f, err)
	*value = v
	return true
}

// itemOf is the item that labels look at in a row: its own or, where all items of a
// request have one row, that of the outcome.
func (d *Decision) itemOf(row int, o *events.Outcome) int {
	switch {
	case len(d.req.Items) == 0:
		return -1
	case !d.rules.PerRequest:
		return row
	case o.ItemID == "":
		return -1
	}
	item, _ := d.item(o.ItemID)
	return item
}

// decided reports whether nothing that may still come can change a label's
// value in a row, so that it may be written early. Only an AggAny that is 1 is
// ever decided before its window ends, unless an edit may take it back.
func (d *Decision) decided(row int) bool {
	if d.rules.SameID == SameLast {
		return false
	}
	some := false
	for i := range d.rules.Labels {
		l := &d.rules.Labels[i]
		if l.Of != nil {
			continue // it is what the others, or the request, make it
		}
		if some = true; l.Agg != AggAny || d.cells[row][i].n == 0 || l.Until != nil {
			return false
		}
	}
	return some
}

// RowLabel is one label of one row.
type RowLabel struct{ Row, Label int }

// Positives lists where a label has something that may have been told before the close.
// An outcome counts for it, and it is an AggAny, which is told at once, or is provisional
// before, or its window ends before the longest one. Or it is made of others, has such a
// window, and its row is kept. It uses the memory of RowsReuse.
func (d *Decision) Positives() []RowLabel {
	d.foldEdits()
	var spots []RowLabel
	longest := d.rules.Longest()
	if d.rules.ofOthersEarly() {
		for _, row := range d.RowsToPublish(ReasonEarly) {
			for label := range d.rules.Labels {
				if l := &d.rules.Labels[label]; l.Of != nil && l.Window < longest && row.LeftOut == LeftOutNo {
					spots = append(spots, RowLabel{max(row.Item, 0), label})
				}
			}
		}
	}
	for row := range d.cells {
		for label := range d.rules.Labels {
			l := &d.rules.Labels[label]
			if d.cells[row][label].n > 0 && (l.Window < longest || l.Agg == AggAny || l.Provisional > 0) {
				spots = append(spots, RowLabel{row, label})
			}
		}
	}
	return spots
}

// positive reports whether any outcome qualified for any label of a row.
func (d *Decision) positive(row int) bool {
	for i := range d.cells[row] {
		if d.cells[row][i].n > 0 {
			return true
		}
	}
	return false
}
