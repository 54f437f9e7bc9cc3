package enginetest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
)

// Key names a row. Where an id was used again, Use is the time of the row's own
// request; else it is 0.
type Key struct {
	RequestID, ItemID string
	Use               events.Time
}

// Row is what the reference says of a row: every column of it.
type Row struct {
	TS      events.Time // of its request
	Columns string      // those from its request and its item: see Columns
	Cells   []joiner.Cell
	Extra   string // what labels keep of the outcomes that decided them: see Extra
	Weight  float64
	// Undecided says that a label is null because the log ends before its window,
	// Gap that one is because its window touches a declared gap.
	Undecided, Gap bool
}

// Fits reports whether a reason is right for a row that was written last for
// it. How a row came to be depends on when its events arrived; what is not known
// of it does not.
func (r *Row) Fits(reason joiner.Reason) bool {
	switch {
	case r.Gap: // one that was corrected since has the later reason
		return reason <= joiner.ReasonGap
	case r.Undecided:
		return reason == joiner.ReasonIncomplete
	}
	return reason <= joiner.ReasonLateRequest
}

// Answer is what a batch join over a whole set of events says.
type Answer struct {
	Rows    map[Key]Row
	LeftOut map[Key]joiner.LeftOut
	// Again are the ids that were used again, and OutcomesAgain counts their outcomes.
	Again         map[string]bool
	OutcomesAgain int64
	// Disposed counts the events by kind and disposition, if all of them were
	// timely: nothing came after its request had closed.
	Disposed [events.Kinds][joiner.Dispositions]int64
	// Heartbeats counts those.
	Heartbeats int64
}

// Key is the key of a row of a request.
func (a *Answer) Key(requestID, itemID string, ts events.Time) Key {
	key := Key{RequestID: requestID, ItemID: itemID}
	if a.Again[requestID] {
		key.Use = ts
	}
	return key
}

// Reach is how far apart two events of one id are stamped that are of two requests:
// further than a request is remembered.
func Reach(r *joiner.Rules) time.Duration {
	longest := time.Duration(0)
	for _, l := range r.Labels {
		longest = max(longest, l.Window)
	}
	return longest + max(r.Corrections, longest+r.ClockSkew)
}

// Reference joins sets of events.
type Reference struct {
	Rules    joiner.Rules
	Decoders [events.Kinds]jsonevent.Decoder
	// MaxFuture and MaxAge quarantine as they do in the engine; 0 is no bound.
	MaxFuture, MaxAge time.Duration
	// Limit bounds the different outcomes of an id: of more, the first to arrive
	// count. 0 is no bound.
	Limit int
	// Age is how old requests are, if it is not 0: labels with longer windows are null then, or
	// provisional.
	Age time.Duration
	// Known bounds what is known of the outcomes: a label whose window reaches
	// past it is null. MaxTime knows everything.
	Known events.Time

	bytes     map[[32]byte][]byte // of events that name no request, by their hashes
	elsewhere map[counted]bool    // outcomes that are counted with another request
}

// Event is one event as it was read.
type Event struct {
	Kind   events.Kind
	Stored events.Time // MinTime: no broker stored it
	Data   []byte
}

type request struct {
	events.Request
	hash [32]byte
}

// Join gives the answer. The order of the set matters to the limit alone.
func (r *Reference) Join(set []Event) Answer {
	a := Answer{Rows: map[Key]Row{}, LeftOut: map[Key]joiner.LeftOut{}, Again: map[string]bool{}}
	requests, outcomes := r.decode(&a, set)
	uses, wholes := map[string][][]request{}, map[string][]events.Request{}
	for id, pieces := range requests {
		uses[id] = r.uses(pieces)
		if a.Again[id] = len(uses[id]) > 1; a.Again[id] {
			a.OutcomesAgain += int64(len(outcomes[id]))
		}
		for _, use := range uses[id] {
			wholes[id] = append(wholes[id], r.request(&a, use))
		}
	}
	r.attribute(&a, wholes, outcomes)
	for id := range requests {
		shares, orphans := r.share(uses[id], outcomes[id])
		for i, all := range shares {
			r.rows(&a, &wholes[id][i], all)
		}
		outcomes[id] = orphans
	}
	for _, orphans := range outcomes {
		a.Disposed[events.KindOutcome][joiner.DispositionOrphan] += int64(len(r.distinct(&a, orphans)))
	}
	return a
}

// uses sorts the request events of one id, and parts them where one is stamped
// further from the first of its request than a request is remembered.
func (r *Reference) uses(all []request) [][]request {
	slices.SortFunc(all, func(x, y request) int {
		if x.TS != y.TS {
			return cmp.Compare(x.TS, y.TS)
		}
		return bytes.Compare(x.hash[:], y.hash[:])
	})
	var uses [][]request
	for _, e := range all {
		last := len(uses) - 1
		if last < 0 || e.TS.Sub(uses[last][0].TS) > Reach(&r.Rules) {
			uses = append(uses, nil)
			last++
		}
		uses[last] = append(uses[last], e)
	}
	return uses
}

// share gives each use of an id its outcomes: those stamped from when it began,
// the skew before it included, until the next one began. What is further after it
// than a request is remembered, and no further before the next one, is of the next one.
// What is stamped before the first is the first one's, unless it is further away than
// that: then it has none.
func (r *Reference) share(uses [][]request, all []events.Outcome) (shares [][]events.Outcome,
	orphans []events.Outcome) {
	shares = make([][]events.Outcome, len(uses))
	for _, o := range all {
		if uses[0][0].TS.Sub(o.TS) > Reach(&r.Rules) {
			orphans = append(orphans, o)
			continue
		}
		at := 0
		for i := range uses {
			if uses[i][0].TS <= o.TS.Add(r.Rules.ClockSkew) {
				at = i
			}
		}
		reach := Reach(&r.Rules)
		if next := at + 1; next < len(uses) && o.TS.Add(r.Rules.ClockSkew).Sub(uses[at][0].TS) > reach &&
			uses[next][0].TS.Sub(o.TS) <= reach {
			at = next
		}
		shares[at] = append(shares[at], o)
	}
	return shares, orphans
}

// decode sorts the events by the id of their request. What is no event, or
// quarantined, is counted and gone.
func (r *Reference) decode(a *Answer, set []Event) (map[string][]request, map[string][]events.Outcome) {
	requests, outcomes := map[string][]request{}, map[string][]events.Outcome{}
	r.bytes = map[[32]byte][]byte{}
	for _, e := range set {
		var req events.Request
		var out events.Outcome
		var info jsonevent.Info
		var err error
		if e.Kind == events.KindRequest {
			req, err = r.Decoders[e.Kind].DecodeRequest(e.Data)
			info = jsonevent.Info{Heartbeat: req.ID == "", HeartbeatTS: req.TS}
		} else {
			out, info, err = r.Decoders[e.Kind].DecodeOutcome(e.Data)
		}
		ts := req.TS
		if e.Kind == events.KindOutcome {
			ts = out.TS
		}
		if info.Heartbeat {
			ts = info.HeartbeatTS
		}
		switch {
		case err != nil:
			a.Disposed[e.Kind][joiner.DispositionRejected]++
		case r.quarantined(ts, e.Stored):
			a.Disposed[e.Kind][joiner.DispositionQuarantined]++
		case info.Heartbeat:
			a.Heartbeats++
		case e.Kind == events.KindRequest:
			requests[req.ID] = append(requests[req.ID], request{req, sha256.Sum256(e.Data)})
		case r.full(outcomes[out.RequestID], &out):
			a.Disposed[e.Kind][joiner.DispositionRejected]++
		default:
			outcomes[out.RequestID] = append(outcomes[out.RequestID], out)
			if out.RequestID == "" {
				r.bytes[out.Hash] = e.Data
			}
		}
	}
	return requests, outcomes
}

// full reports whether an outcome is one more than its id may have: it is no copy
// of those before it, and there are as many different ones as are allowed.
func (r *Reference) full(before []events.Outcome, o *events.Outcome) bool {
	var distinct []events.Outcome
	for _, b := range before {
		if !slices.ContainsFunc(distinct, func(d events.Outcome) bool { return r.same(d, b) }) {
			distinct = append(distinct, b)
		}
	}
	known := slices.ContainsFunc(distinct, func(d events.Outcome) bool { return r.same(d, *o) })
	return r.Limit > 0 && !known && len(distinct) >= r.Limit
}

func (r *Reference) quarantined(ts, stored events.Time) bool {
	if stored == events.MinTime {
		return false
	}
	ahead := time.Duration(ts - stored)
	return r.MaxFuture > 0 && ahead > r.MaxFuture || r.MaxAge > 0 && -ahead > r.MaxAge
}

// request makes one request of all its events, which are sorted.
func (r *Reference) request(a *Answer, all []request) events.Request {
	pieces := []request{}
	for _, e := range all {
		if !slices.ContainsFunc(pieces, func(p request) bool { return p.hash == e.hash }) {
			pieces = append(pieces, e)
		}
	}
	d := &a.Disposed[events.KindRequest]
	d[joiner.DispositionAccepted]++
	d[joiner.DispositionDuplicate] += int64(len(all) - len(pieces))
	whole := pieces[0].Request
	if !r.Rules.Merge {
		d[joiner.DispositionConflict] += int64(len(pieces) - 1)
		return whole
	}
	d[joiner.DispositionMerged] += int64(len(pieces) - 1)
	for _, p := range pieces[1:] {
		merge(&whole, p.Request)
	}
	return whole
}

// merge adds to a request what it lacks.
func merge(whole *events.Request, piece events.Request) {
	first := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	whole.Model = first(whole.Model, piece.Model)
	whole.ModelVersion = first(whole.ModelVersion, piece.ModelVersion)
	whole.UserID = first(whole.UserID, piece.UserID)
	if !whole.HasScore && piece.HasScore {
		whole.Score, whole.HasScore = piece.Score, true
	}
	have := map[string]bool{}
	for _, f := range whole.Features {
		have["f"+f.Name] = true
	}
	for _, i := range whole.Items {
		have["i"+i.ID] = true
	}
	features, items := slices.Clone(whole.Features), slices.Clone(whole.Items)
	for _, f := range piece.Features {
		if !have["f"+f.Name] {
			features = append(features, f)
		}
	}
	for _, i := range piece.Items {
		if !have["i"+i.ID] {
			items = append(items, i)
		}
	}
	whole.Features, whole.Items = features, items
}

// before is the order of outcomes: ts, outcome_id, hash.
func before(x, y events.Outcome) int {
	switch {
	case x.TS < y.TS:
		return -1
	case x.TS > y.TS:
		return 1
	case x.ID != y.ID:
		return strings.Compare(x.ID, y.ID)
	}
	return bytes.Compare(x.Hash[:], y.Hash[:])
}

// same reports whether two outcomes of one request are copies. Where an outcome can be edited,
// only the same bytes are copies of one that has an id.
func (r *Reference) same(x, y events.Outcome) bool {
	if r.Rules.SameID == joiner.SameLast && (x.ID != "" || y.ID != "") {
		return x.ID == y.ID && x.Hash == y.Hash
	}
	if x.ID != "" || y.ID != "" {
		return x.ID == y.ID
	}
	return x.Type == y.Type && x.TS == y.TS && x.ItemID == y.ItemID && x.HasValue == y.HasValue && x.Value == y.Value
}

// distinct sorts outcomes and drops copies: the smallest of them stays.
func (r *Reference) distinct(a *Answer, all []events.Outcome) []events.Outcome {
	slices.SortFunc(all, before)
	var kept []events.Outcome
	for _, o := range all {
		if slices.ContainsFunc(kept, func(k events.Outcome) bool { return r.same(k, o) }) {
			r.dispose(a, &o, joiner.DispositionDuplicate)
			continue
		}
		kept = append(kept, o)
	}
	return kept
}
