package joiner

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/labeljoin/labeljoin/events"
)

// Fact is an outcome as far as labels are concerned: which label's condition it
// meets, and not the attributes that conditions read. So what is in memory of a
// request with many outcomes is bounded by their number, not by their size.
type Fact struct {
	Outcome events.Outcome // without Attrs; a long type is shortened, see factType
	Origin  events.Origin
	Round   uint32 // as of a HeldOutcome
	// Until is, of an outcome that waits for its request, the largest timestamp of
	// it and its copies that wait: they wait as long as that one does.
	Until events.Time

	Booked bool // as of a HeldOutcome

	qualifies  set  // of labels
	impression bool // it matches Rules.Impression
}

// Fact evaluates every condition of the rules for an outcome.
func (r *Rules) Fact(o *events.Outcome) Fact {
	f := Fact{Outcome: *o, Until: events.MinTime}
	for i := range r.Labels {
		if r.Labels[i].When(o) {
			f.qualifies.add(i)
		}
	}
	f.impression = r.Negatives == NegativesSeen && r.Impression(o)
	f.Outcome.Attrs = nil
	f.Outcome.Type = factType(o.Type)
	return f
}

// held is the fact as the state holds it, without its data.
func (f *Fact) held() HeldOutcome {
	o := &f.Outcome
	return HeldOutcome{Origin: f.Origin, Round: f.Round, Booked: f.Booked, Until: f.Until, TS: o.TS, ID: o.ID,
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
