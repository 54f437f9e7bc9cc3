package enginetest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
)

// Arrival is an event, when it happened, and when the log's keeper stored it.
type Arrival struct {
	Kind events.Kind
	TS   events.Time // of the event; MinTime if it has none that counts
	At   events.Time // when it was stored: the order of arrival
	Data []byte
}

// History is a generated set of events and the rules to join them by.
type History struct {
	Rules     joiner.Rules
	MaxFuture time.Duration
	MaxAge    time.Duration
	Limit     int       // of different outcomes per request; 0 is no bound
	When      []string  // the condition of each label, as configurations write it
	Events    []Arrival // in order of arrival
}

// Shape says what histories to generate.
type Shape struct {
	// Timely histories have every event arrive, at the latest, when one stamped
	// its lateness later does. In others events come in any order, within a
	// correction horizon that holds them all.
	Timely bool
	// Late histories, if they are not timely, have every event arrive, at the latest, when one stamped its
	// lateness and its corrections later does: the horizon within which what comes
	// late still corrects, with little of it to spare. Meanwhile requests are
	// forgotten, and outcomes without one.
	Late bool
	// Hot histories have few requests with very many events, and a limit of outcomes.
	Hot bool
	// Again histories use ids again, further apart than requests are remembered.
	Again bool
	// Near histories, with Again, have uses that are just out of reach of each other. Their requests have one
	// event each: which use an event is of must not depend on the order in which logs are read.
	Near bool
	// Wild histories have values at the ends of float64, whose sums lie beyond, and values that are no finite numbers,
	// unless they are Finite: then all are finite, and written as numbers.
	Wild, Finite bool
	// Early histories have the rules write rows early, and labels that allow it.
	Early bool
	// Each histories have rows written before their request closes, when the windows of some
	// labels have ended, and keep all rows.
	Each bool
	// Unnamed histories have outcomes that name no request, and rules that give them to
	// requests. Of timely ones no request has several pieces: a piece may come when other
	// requests have closed that have its outcomes.
	Unnamed bool
	// Clean histories have neither conflicting copies nor policies that leave
	// rows out.
	Clean bool
}

// Decoder is the decoder of generated events: their times are in nanoseconds.
func Decoder() jsonevent.Decoder { return jsonevent.Decoder{Unit: events.UnitNS} }

// start is the earliest time of a request.
const start = events.Time(1_700_000_000_000_000_000)

type generator struct {
	*rand.Rand
	later *rand.Rand // see windowsLater
	rows  *rand.Rand // see labelsInRows
	edits *rand.Rand // see edit
	named *rand.Rand // see attribution
	kept  *rand.Rand // see labelsKeep
	ends  *rand.Rand // see windowsEnd
	votes *rand.Rand // see labelsOfVotes
	pairs *rand.Rand // see labelsOfPairs
	each  *rand.Rand // see rowsDoNotWait
	early *rand.Rand // see labelsAreProvisional
	many  *rand.Rand // see crowds
	shape Shape
	h     History
	span  time.Duration
	now   events.Time // the latest timestamp so far
}

// Generate makes the history of a seed.
func Generate(seed uint64, shape Shape) History {
	g := generator{Rand: rand.New(rand.NewPCG(seed, 0x6a6f696e)), later: rand.New(rand.NewPCG(seed, 0x66726f6d)),
		rows: rand.New(rand.NewPCG(seed, 0x726f7773)), edits: rand.New(rand.NewPCG(seed, 0x65646974)),
		named: rand.New(rand.NewPCG(seed, 0x6e616d65)), kept: rand.New(rand.NewPCG(seed, 0x6b657074)),
		ends: rand.New(rand.NewPCG(seed, 0x656e6473)), votes: rand.New(rand.NewPCG(seed, 0x766f7465)),
		pairs: rand.New(rand.NewPCG(seed, 0x70616972)),
		each:  rand.New(rand.NewPCG(seed, 0x65616368)),
		early: rand.New(rand.NewPCG(seed, 0x70726f76)), many: rand.New(rand.NewPCG(seed, 0x6d616e79)), shape: shape}
	g.rules()
	g.span = time.Duration(1+g.IntN(12)) * g.h.Rules.Longest()
	if shape.Hot {
		g.h.Limit = 2 + g.IntN(8)
	}
	for i := range 1 + g.IntN(12) {
		if shape.Hot && i >= 2 {
			break
		}
		g.request(i)
	}
	for i := range g.IntN(4) {
		g.orphan(i)
	}
	g.crowds()
	for range g.IntN(4) {
		g.noise()
	}
	g.arrange()
	g.h.End()
	return g.h
}

// one picks from a list.
func one[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

// within picks a duration from 0 to d, both included.
func (g *generator) within(d time.Duration) time.Duration {
	return time.Duration(g.Int64N(int64(d) + 1))
}

func (g *generator) rules() {
	r := &g.h.Rules
	for i := range 1 + g.IntN(3) {
		agg := one(g, joiner.AggAny, joiner.AggAny, joiner.AggCount, joiner.AggSum, joiner.AggMean, joiner.AggMax,
			joiner.AggMin, joiner.AggFirst,
			joiner.AggLast, joiner.AggLatency)
		if g.shape.Early && g.chance(80) {
			agg = joiner.AggAny
		}
		window := time.Duration(10+g.IntN(90)) * time.Second
		when := one(g, condition{`type == "click"`, ofType("click")}, condition{`type == "buy"`, ofType("buy")},
			condition{"value > 0", valued})
		r.Labels = append(r.Labels, joiner.Label{
			Name: fmt.Sprint("label", i), Window: window, Agg: agg,
			When: when.holds,
		})
		g.h.When = append(g.h.When, when.text)
	}
	g.windowsLater()
	g.labelsInRows()
	g.labelsKeep()
	g.windowsEnd()
	g.labelsOfVotes()
	g.labelsOfPairs()
	g.labelsOfOthers()
	g.labelsAreProvisional()
	if g.edits.IntN(4) == 0 {
		r.SameID = joiner.SameLast
	}
	g.attribution()
	r.Early = g.shape.Early
	r.ClockSkew = one(g, 0, 0, 5*time.Second)
	r.Lateness = one(g, 0, 3*time.Second, 20*time.Second)
	r.Corrections = one(g, 0, 10*time.Second, 300*time.Second)
	r.PerRequest = g.chance(20)
	r.Merge = g.chance(30)
	if !g.shape.Clean {
		r.Negatives = one(g, joiner.NegativesAll, joiner.NegativesAll, joiner.NegativesSeen,
			joiner.NegativesAboveLastPositive)
		r.Impression = ofType("view")
		r.SampleRate = one(g, 0, 0, 0.5)
		r.SampleHash = one(g, joiner.SampleFNV1a, joiner.SampleSHA256)
	}
	g.rowsDoNotWait()
	switch {
	case g.shape.Timely:
		g.h.MaxFuture, g.h.MaxAge = one(g, 0, time.Hour), one(g, 0, 24*time.Hour)
	case g.shape.Late:
		r.Corrections = one(g, 30*time.Second, 100*time.Second, 300*time.Second)
	default:
		r.Corrections = 1000 * time.Hour
	}
}

// windowsLater has some labels begin to count some time after the request. It picks by
// itself, so that all else in the history of a seed is what it would be without.
func (g *generator) windowsLater() {
	for i := range g.h.Rules.Labels {
		if l := &g.h.Rules.Labels[i]; g.later.IntN(5) == 0 {
			l.From = time.Duration(1 + g.later.Int64N(int64(l.Window)-1))
		}
	}
}

// labelsInRows has some labels look at the request and the item, and at attributes.
func (g *generator) labelsInRows() {
	for i := range g.h.Rules.Labels {
		l := &g.h.Rules.Labels[i]
		if g.rows.IntN(4) == 0 {
			l.InRow = []joiner.RowFunc[bool]{userIs("u1"), sameUser, itemAbove(2), featureIs("g", 4),
				itemFeatureIs("h0", 5)}[g.rows.IntN(5)]
			l.AllAttrs = g.rows.IntN(2) == 0
			l.Attrs = []string{"user"}
		}
		if g.rows.IntN(6) == 0 {
			l.Number, l.NumberInRow, l.Attrs = perPosition, true, append(l.Attrs, "ms")
		}
	}
}

// labelsOfOthers adds labels that are made of others.
func (g *generator) labelsOfOthers() {
	r := &g.h.Rules
	for i := 0; len(r.Labels) < 6 && g.rows.IntN(3) == 0; i++ {
		needs := g.rows.Perm(len(r.Labels))[:1+g.rows.IntN(min(2, len(r.Labels)))]
		l := joiner.Label{Name: fmt.Sprint("of", i), Agg: joiner.AggFormula, Needs: needs, Of: sumOf(needs),
			When: func(*events.Outcome) bool { return false }}
		for _, n := range needs {
			l.Window = max(l.Window, r.Labels[n].Window)
		}
		r.Labels = append(r.Labels, l)
	}
}

// sumOf adds labels, the seconds from the request to the last of them, and for one user
// the place of the item. Where one is null it cannot.
func sumOf(needs []int) func([]joiner.Cell, *events.Request, int) (joiner.Cell, error) {
	return func(cells []joiner.Cell, req *events.Request, item int) (joiner.Cell, error) {
		sum := joiner.Cell{TS: events.MinTime}
		for _, n := range needs {
			if cells[n].Null {
				return sum, errNoUser
			}
			sum.Value, sum.TS = sum.Value+cells[n].Value, max(sum.TS, cells[n].TS)
		}
		if sum.TS != events.MinTime {
			sum.Value += sum.TS.Sub(req.TS).Seconds()
		}
		if req.UserID == "u1" && item >= 0 {
			sum.Value += float64(item)
		}
		if math.IsInf(sum.Value, 0) || math.IsNaN(sum.Value) {
			return joiner.Undecided(), nil
		}
		return sum, nil
	}
}

func userIs(user string) joiner.RowFunc[bool] {
	return func(_ *events.Outcome, req *events.Request, _ int) (bool, error) { return req.UserID == user, nil }
}

// sameUser cannot be evaluated for an outcome that names no user.
func sameUser(o *events.Outcome, req *events.Request, _ int) (bool, error) {
	user, ok := o.Attrs["user"].(string)
	if !ok {
		return true, errNoUser
	}
	return user == req.UserID, nil
}

var errNoUser = errors.New("there is no user")

func itemAbove(position int64) joiner.RowFunc[bool] {
	return func(_ *events.Outcome, req *events.Request, item int) (bool, error) {
		if item < 0 {
			return false, nil
		}
		at := int64(item)
		if req.Items[item].HasPosition {
			at = req.Items[item].Position
		}
		return at <= position, nil
	}
}

// perPosition is an attribute by the position of the item: nothing where either is not
// given, and no number where the attribute is a text.
func perPosition(o *events.Outcome, req *events.Request, item int) (joiner.Number, error) {
	switch ms := o.Attrs["ms"].(type) {
	case float64:
		if item < 0 {
			return joiner.Number{}, nil
		}
		return joiner.Number{Value: ms / float64(1+item), Has: true}, nil
	case nil:
		return joiner.Number{}, nil
	}
	return joiner.Number{}, errNoUser
}

// condition is a label's, as text and compiled.
type condition struct {
	text  string
	holds func(*events.Outcome) bool
}

// Impression is the condition of negatives that are kept when they were seen.
const Impression = `type == "view"`

func ofType(kind string) func(*events.Outcome) bool {
	return func(o *events.Outcome) bool { return o.Type == kind }
}

func valued(o *events.Outcome) bool { return o.HasValue && o.Value > 0 }

// add puts an event into the history, with copies now and then.
func (g *generator) add(kind events.Kind, ts events.Time, data string) {
	for n := one(g, 1, 1, 1, 2, 3); n > 0; n-- {
		g.h.Events = append(g.h.Events, Arrival{Kind: kind, TS: ts, At: ts, Data: []byte(data)})
	}
	g.now = max(g.now, ts)
}

// request adds a request, its other pieces and its outcomes, once or as often as
// its id is used.
func (g *generator) request(i int) {
	id, ts := fmt.Sprint(one(g, "r", "r", `\u0000`, "é"), i), start.Add(g.within(g.span))
	uses := 1
	if g.shape.Again {
		uses += g.IntN(3)
	}
	for range uses {
		g.use(id, ts)
		ts = ts.Add(g.apart())
	}
}

// apart picks how far apart two uses of an id are.
func (g *generator) apart() time.Duration {
	reach := Reach(&g.h.Rules)
	if g.shape.Near {
		return reach + one(g, 1, 2, 1+g.within(reach))
	}
	return 2*reach + g.within(2*reach)
}

// use adds one request of an id.
func (g *generator) use(id string, ts events.Time) {
	first := ts
	g.add(events.KindRequest, ts, g.requestJSON(id, ts))
	if whole := g.shape.Near || g.shape.Unnamed && g.shape.Timely; !g.shape.Clean && g.chance(30) && !whole {
		for range 1 + g.IntN(2) {
			piece := ts.Add(one[time.Duration](g, 0, 1, g.within(time.Second), g.within(g.h.Rules.Longest())))
			g.add(events.KindRequest, piece, g.requestJSON(id, piece))
			first = min(first, piece)
		}
	}
	most := 5
	if g.shape.Hot {
		most = 40
	}
	for j := range g.IntN(most) {
		g.outcome(id, j, first)
	}
	g.parts(id, first)
}

func (g *generator) outcome(id string, j int, request events.Time) {
	ts := g.near(request)
	name := one(g, "", fmt.Sprint("o", j), fmt.Sprint("o", j))
	g.add(events.KindOutcome, ts, g.outcomeJSON(id, name, ts))
	if g.shape.Clean || name == "" || !g.chance(20) {
		g.edit(id, name, ts, request)
		return
	}
	other := ts.Add(one[time.Duration](g, 0, 1, -1, g.within(10*time.Second)))
	if g.chance(30) {
		other = g.near(request)
	}
	if g.shape.Again { // what is of no use is counted by whether the use before is known still
		other = max(other, request.Add(-Reach(&g.h.Rules)))
	}
	// In late histories copies must not be so far apart that the one is forgotten
	// before the other comes.
	if apart := max(ts, other).Sub(min(ts, other)); !g.shape.Late || apart <= g.h.Rules.Longest() {
		g.add(events.KindOutcome, other, g.outcomeJSON(id, name, other))
	}
}

// edit adds edits of an outcome, if outcomes can be edited. It picks by itself when they are
// stamped.
func (g *generator) edit(id, name string, ts, request events.Time) {
	if g.h.Rules.SameID != joiner.SameLast || name == "" || g.edits.IntN(3) > 0 {
		return
	}
	for range 1 + g.edits.IntN(3) {
		at := request.Add(time.Duration(g.edits.Int64N(int64(g.h.Rules.Longest()))))
		if l := &g.h.Rules.Labels[g.edits.IntN(len(g.h.Rules.Labels))]; g.edits.IntN(3) == 0 {
			at = request.Add(l.Window + time.Duration(g.edits.IntN(3)-1))
		}
		if apart := max(ts, at).Sub(min(ts, at)); g.shape.Late && apart > g.h.Rules.Longest() {
			continue
		}
		g.add(events.KindOutcome, at, g.outcomeJSON(id, name, at))
	}
}

// near picks when an outcome of a request is stamped. Where ids are used again, it may be as long
// before the request as it can be of it: the use before need not be known any more.
func (g *generator) near(request events.Time) events.Time {
	if reach := Reach(&g.h.Rules); g.shape.Again && g.named.IntN(6) == 0 {
		return request.Add(-one(g, reach, reach-1, g.within(reach)))
	}
	return request.Add(g.delay())
}

// delay picks how long after its request an outcome is stamped: mostly at an
// edge, or beside it.
func (g *generator) delay() time.Duration {
	r := &g.h.Rules
	label := one(g, r.Labels...)
	if label.From > 0 && g.later.IntN(4) == 0 {
		return label.From + time.Duration(g.later.IntN(3)-1)
	}
	window := label.Window
	edge := one(g, 0, -r.ClockSkew, window, r.Longest(), -1)
	if a := r.Attribute; a != nil && g.named.IntN(6) == 0 {
		edge = a.Within
	}
	switch g.IntN(3) {
	case 0:
		return edge + one[time.Duration](g, 0, 1, -1)
	case 1:
		return g.within(window)
	}
	return g.within(r.Longest()*3/2) - r.Longest()/4
}

func (g *generator) orphan(i int) {
	ts := start.Add(g.within(g.span))
	g.add(events.KindOutcome, ts, g.outcomeJSON(fmt.Sprint("x", i), one(g, "", "o"), ts))
}

// noise adds heartbeats and what is no event, or none that counts.
func (g *generator) noise() {
	kind, ts := one(g, events.KindRequest, events.KindOutcome), start.Add(g.within(g.span))
	event := g.requestJSON
	if kind == events.KindOutcome {
		event = func(id string, ts events.Time) string { return g.outcomeJSON(id, "q", ts) }
	}
	switch n := g.IntN(5); {
	case n == 0 && g.h.MaxFuture > 0:
		g.h.Events = append(g.h.Events, Arrival{Kind: kind, TS: events.MinTime, At: ts,
			Data: []byte(event("f", ts.Add(1000*time.Hour)))})
	case n == 1 && g.h.MaxAge > 0:
		g.h.Events = append(g.h.Events, Arrival{Kind: kind, TS: events.MinTime, At: ts,
			Data: []byte(event("a", ts.Add(-1000*time.Hour)))})
	case n == 2:
		data := one(g, `{}`, `nonsense`, `17`, `{"request_id":"r1"}`, `{"request_id":"","ts":1}`,
			`{"request_id":"r","ts":"soon","type":"x"}`)
		g.h.Events = append(g.h.Events, Arrival{Kind: kind, TS: events.MinTime, At: ts, Data: []byte(data)})
	default:
		g.h.Events = append(g.h.Events, heartbeat(kind, ts))
	}
}

func heartbeat(kind events.Kind, ts events.Time) Arrival {
	return Arrival{Kind: kind, TS: ts, At: ts, Data: fmt.Appendf(nil, `{"heartbeat":%d}`, ts)}
}

// arrange puts the events into their order of arrival.
func (g *generator) arrange() {
	if g.shape.Late && !g.shape.Timely {
		g.h.Events = Shuffled(g.h.Events, g.h.Rules.Lateness+g.h.Rules.Corrections, g.Rand)
		return
	}
	if !g.shape.Timely {
		g.Shuffle(len(g.h.Events), func(i, j int) { g.h.Events[i], g.h.Events[j] = g.h.Events[j], g.h.Events[i] })
		for i := range g.h.Events {
			g.h.Events[i].At = g.now.Add(time.Duration(i))
		}
		return
	}
	g.h.Events = Shuffled(g.h.Events, g.h.Rules.Lateness, g.Rand)
}

// Shuffled gives a timely order of arrival: each event comes some time after
// it happened, up to the lateness.
func Shuffled(set []Arrival, lateness time.Duration, r *rand.Rand) []Arrival {
	out := slices.Clone(set)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	for i := range out {
		if e := &out[i]; e.TS != events.MinTime {
			late := time.Duration(r.Int64N(int64(lateness) + 1))
			if r.IntN(4) == 0 {
				late = lateness
			}
			e.At = e.TS.Add(late)
		}
	}
	slices.SortStableFunc(out, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
	return out
}
