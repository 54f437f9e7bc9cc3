package joiner

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// Fact is an outcome as far as labels are concerned: which label's condition it
// meets, and not the attributes that conditions read. So what is in memory of a
// request with many outcomes is bounded by their number, not by their size, but for the
// attributes that a label looks at together with the request.
type Fact struct {
	Outcome events.Outcome // without Attrs; a long type is shortened, see factType
	Origin  events.Origin
	LateSeq uint32 // as of a StoredOutcome
	// Until is, of an outcome that waits for its request, the largest timestamp of
	// it and its copies that wait: they wait as long as that one does.
	Until events.Time

	Booked, Gone bool // as of a StoredOutcome
	Given        bool // it named no request, and was given to this one

	qualifies  set  // of labels
	ends       set  // of labels: it ends their windows
	impression bool // it matches Rules.Impression
	view       *rowView
}

// rowView is what labels look at in a row, and a Fact does not have otherwise. It is kept
// of an outcome that may count for a label that looks at its row, or is made of pairs.
type rowView struct {
	kind  string         // the whole type
	attrs map[string]any // those that the labels look at
	roles []labelRole    // in pairs
}

// Fact evaluates every condition of the rules for an outcome, as far as the outcome
// alone can say.
func (r *Rules) Fact(o *events.Outcome) Fact {
	f := Fact{Outcome: *o, Until: events.MinTime}
	for i := range r.Labels {
		l := &r.Labels[i]
		if l.Until != nil && l.Until(o) {
			f.ends.add(i)
		}
		if l.Pair != nil {
			f.noteRole(i, l, o)
			continue
		}
		if !l.When(o) {
			continue
		}
		f.qualifies.add(i)
		if l.looks() {
			f.see(l, o)
		}
	}
	f.impression = r.Negatives == NegativesSeen && r.Impression(o)
	f.Outcome.Attrs = nil
	f.Outcome.Type = factType(o.Type)
	return f
}

// see keeps what a label looks at.
func (f *Fact) see(l *Label, o *events.Outcome) {
	if f.view == nil {
		f.view = &rowView{kind: o.Type}
	}
	keep := func(name string, value any) {
		if f.view.attrs == nil {
			f.view.attrs = make(map[string]any, len(l.Attrs))
		}
		f.view.attrs[name] = value
	}
	if l.AllAttrs {
		for name, value := range o.Attrs {
			keep(name, value)
		}
		return
	}
	for _, name := range l.Attrs {
		if value, given := o.Attrs[name]; given {
			keep(name, value)
		}
	}
}

// whole is the outcome as far as labels look at it.
func (f *Fact) whole() *events.Outcome {
	if f.view == nil {
		return &f.Outcome
	}
	o := f.Outcome
	o.Type, o.Attrs = f.view.kind, f.view.attrs
	return &o
}

// owned is a view whose texts last.
func (s *rowView) owned() *rowView {
	if s == nil {
		return nil
	}
	attrs, _ := ownedValue(s.attrs).(map[string]any)
	roles := slices.Clone(s.roles)
	for i := range roles {
		roles[i].role.Key = strings.Clone(roles[i].role.Key)
	}
	return &rowView{kind: strings.Clone(s.kind), attrs: attrs, roles: roles}
}

// ownedValue copies a value of JSON, so that its texts last.
func ownedValue(v any) any {
	switch x := v.(type) {
	case string:
		return strings.Clone(x)
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = ownedValue(x[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(x))
		for name, value := range x {
			object[strings.Clone(name)] = ownedValue(value)
		}
		return object
	}
	return v
}

// stored is the fact as the state holds it, without its data.
func (f *Fact) stored() StoredOutcome {
	o := &f.Outcome
	return StoredOutcome{Origin: f.Origin, LateSeq: f.LateSeq, Booked: f.Booked, Gone: f.Gone, Until: f.Until, TS: o.TS,
		ID:   o.ID,
		Hash: o.Hash}
}

// Qualifies reports whether the condition of a label, by its index, holds.
func (f *Fact) Qualifies(label int) bool { return f.qualifies.has(label) }

// mostType is how many bytes of an outcome's type are kept as they are. Types are
// words; what is longer is told apart by its hash.
const mostType = 128

// factType is a type that is equal for equal types, and short.
func factType(kind string) string {
	if len(kind) <= mostType {
		return kind
	}
	sum := sha256.Sum256([]byte(kind))
	return kind[:mostType-2*sha256.Size] + hex.EncodeToString(sum[:])
}

// set is a set of small numbers; the first 64 cost no memory of their own.
type set struct {
	low  uint64
	high []uint64
}

func (s *set) add(n int) {
	if n < 64 {
		s.low |= 1 << n
		return
	}
	at := n/64 - 1
	for len(s.high) <= at {
		s.high = append(s.high, 0)
	}
	s.high[at] |= 1 << (n % 64)
}

func (s *set) has(n int) bool {
	if n < 64 {
		return s.low>>n&1 == 1
	}
	at := n/64 - 1
	return at < len(s.high) && s.high[at]>>(n%64)&1 == 1
}
