package enginetest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// counted is an outcome of a request.
type counted struct {
	request string
	hash    [32]byte
}

// dispose counts an outcome of a request, unless it is counted with another one.
func (r *Reference) dispose(a *Answer, o *events.Outcome, d joiner.Disposition) {
	if !r.elsewhere[counted{o.RequestID, o.Hash}] {
		a.Disposed[events.KindOutcome][d]++
	}
}

// part is how much of an outcome its request has.
func part(o events.Outcome) float64 {
	if o.Share > 0 {
		return o.Share
	}
	return 1
}

// attribute gives the outcomes that name no request to requests, as if those had been named.
func (r *Reference) attribute(a *Answer, wholes map[string][]events.Request, outcomes map[string][]events.Outcome) {
	unnamed := outcomes[""]
	delete(outcomes, "")
	r.elsewhere = map[counted]bool{}
	alone := map[string][]events.Outcome{}
	for _, o := range unnamed {
		key, complete := r.keyOf(&o)
		if !complete {
			a.Disposed[events.KindOutcome][joiner.DispositionOrphan]++
			continue
		}
		owners := r.owners(wholes, &o)
		if len(owners) == 0 {
			key = fmt.Sprint(key, o.TS)
			alone[key] = append(alone[key], o)
		}
		for i, owner := range owners {
			mine := o
			mine.RequestID, mine.Share = owner.ID, r.portion(i, len(owners))
			mine.Hash = sha256.Sum256(events.AppendAssigned(nil, owner.ID, mine.Share, r.bytes[o.Hash]))
			outcomes[owner.ID] = append(outcomes[owner.ID], mine)
			r.elsewhere[counted{owner.ID, mine.Hash}] = i != r.booked(len(owners))
		}
	}
	for _, orphans := range alone {
		a.Disposed[events.KindOutcome][joiner.DispositionOrphan] += int64(len(r.distinct(a, orphans)))
	}
}

// booked is the place of the request with which an outcome is counted: the first that is
// looked at.
func (r *Reference) booked(n int) int { return n - 1 }

func (r *Reference) keyOf(o *events.Outcome) (key string, complete bool) {
	var parts []string
	complete = !r.Rules.Attribute.Item || o.ItemID != ""
	for _, k := range r.Rules.Attribute.Keys {
		parts = append(parts, k.OfOutcome(o))
		complete = complete && k.OfOutcome(o) != ""
	}
	return strings.Join(parts, "\x00"), complete
}

// owners are the requests that have an outcome, the earliest first.
func (r *Reference) owners(wholes map[string][]events.Request, o *events.Outcome) []*events.Request {
	var all []*events.Request
	for id := range wholes {
		for i := range wholes[id] {
			if r.matches(&wholes[id][i], o) {
				all = append(all, &wholes[id][i])
			}
		}
	}
	slices.SortFunc(all, func(x, y *events.Request) int {
		if x.TS != y.TS {
			return int(max(-1, min(1, x.TS-y.TS)))
		}
		return strings.Compare(x.ID, y.ID)
	})
	switch to := r.Rules.Attribute.To; {
	case len(all) == 0:
	case to == joiner.ToLast:
		return all[len(all)-1:]
	case to == joiner.ToFirst:
		return all[:1]
	}
	return all
}

func (r *Reference) matches(req *events.Request, o *events.Outcome) bool {
	rules := r.Rules.Attribute
	if age := time.Duration(o.TS - req.TS); age < 0 || age > rules.Within {
		return false
	}
	for _, k := range rules.Keys {
		if k.OfRequest(req) != k.OfOutcome(o) {
			return false
		}
	}
	return !rules.Item || slices.ContainsFunc(req.Items, func(i events.Item) bool { return i.ID == o.ItemID })
}

// portion is that of one of n requests.
func (r *Reference) portion(i, n int) float64 {
	switch to := r.Rules.Attribute.To; {
	case n == 1 || to < joiner.ToEven:
		return 0
	case to == joiner.ToEven || n == 2:
		return 1 / float64(n)
	case i == 0 || i == n-1:
		return 0.4
	}
	return 0.2 / float64(n-2)
}
