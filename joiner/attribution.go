package joiner

import (
	"encoding/binary"
	"errors"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// Attribution says to which requests an outcome belongs that names none: to those that
// had the same key, at most Within before it, as To says.
type Attribution struct {
	To     AttributeTo
	Keys   []AttributeKey // what is equal, one at least
	Item   bool           // the request has to list the outcome's item
	Within time.Duration  // how long before the outcome a request may be stamped; both ends included
}

// AttributeTo says which of the requests that match have an outcome.
type AttributeTo uint8

// The policies. The last request is the one with the largest (ts, id). The shares of
// ToEven are equal; with ToPosition the first and the last request have two fifths each, and
// those between share the rest, or, where there are two, half each.
const (
	ToLast AttributeTo = iota
	ToFirst
	ToAll      // each of them has the whole outcome
	ToEven     // they share it
	ToPosition // they share it
)

// Splits reports whether outcomes are shared, so that what is counted is no whole number.
func (t AttributeTo) Splits() bool { return t == ToEven || t == ToPosition }

// AttributeKey is a pair of fields that have to be equal. Either gives the text of its
// value, which is empty if there is none: then nothing matches.
type AttributeKey struct {
	OfRequest func(*events.Request) string
	OfOutcome func(*events.Outcome) string
}

const (
	// MaxShares is how many requests have one outcome at most: the last of those that match.
	MaxShares = 100
	// MaxLooked is how many requests with the key of an outcome are looked at, whether they
	// list its item.
	MaxLooked = 1000
)

// Assigned is a request that has an outcome that named none.
type Assigned struct {
	ID    string
	Share float64 // as of events.Outcome
}

// unnamedMark begins what stands in the place of a request's id where outcomes wait that
// name none. It is no UTF-8, so that no request has such an id.
const unnamedMark = "\xff"

// IsUnnamed reports whether what stands in the place of a request's id is a key of
// outcomes that name none.
func IsUnnamed(id string) bool { return strings.HasPrefix(id, unnamedMark) }

// KeyOfOutcome is where an outcome waits that names no request; ok is false if it lacks
// something that has to be equal.
func (a *Attribution) KeyOfOutcome(o *events.Outcome) (key string, ok bool) {
	if a.Item && o.ItemID == "" {
		return "", false
	}
	return a.key(func(k *AttributeKey) string { return k.OfOutcome(o) })
}

// KeyOfRequest is the key of the outcomes that a request may have.
func (a *Attribution) KeyOfRequest(req *events.Request) (key string, ok bool) {
	return a.key(func(k *AttributeKey) string { return k.OfRequest(req) })
}

func (a *Attribution) key(text func(*AttributeKey) string) (string, bool) {
	b := make([]byte, 0, 64)
	b = append(b, unnamedMark...)
	for i := range a.Keys {
		t := text(&a.Keys[i])
		if t == "" {
			return "", false
		}
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	return string(b), true
}

// Lists reports whether a request has the item that an outcome asks for.
func (a *Attribution) Lists(req *events.Request, o *events.Outcome) bool {
	return !a.Item || slices.ContainsFunc(req.Items, func(i events.Item) bool { return i.ID == o.ItemID })
}

// FromFirst reports whether requests are looked at from the first one on, and not from the
// last one back.
func (a *Attribution) FromFirst() bool { return a.To == ToFirst }

// Choose picks, among the requests that have the key of an outcome and are stamped within
// the window before it, those that have it. They come in order, see FromFirst; lists says
// whether one lists the item.
func (a *Attribution) Choose(matching iter.Seq2[RequestKey, error], lists func(RequestKey) (bool, error)) ([]Assigned,
	error) {
	var chosen []Assigned
	looked := 0
	for p, err := range matching {
		if err != nil {
			return nil, err
		}
		yes, err := lists(p)
		if err != nil {
			return nil, err
		}
		if looked++; yes {
			chosen = append(chosen, Assigned{ID: p.ID})
		}
		most := MaxShares
		if a.To == ToLast || a.To == ToFirst {
			most = 1
		}
		if looked == MaxLooked || len(chosen) == most {
			break
		}
	}
	for i := range chosen {
		chosen[i].Share = a.share(i, len(chosen))
	}
	return chosen, nil
}

// share is that of one of n requests, the first and the last being the ends.
func (a *Attribution) share(i, n int) float64 {
	switch {
	case n == 1 || !a.To.Splits():
		return 0
	case a.To == ToEven || n == 2:
		return 1 / float64(n)
	case i == 0 || i == n-1:
		return 0.4
	}
	return 0.2 / float64(n-2)
}

// AppendUnnamed appends what the state holds of an outcome that named no request: who has
// it, and its bytes.
func AppendUnnamed(b []byte, has []Assigned, data []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(has)))
	for i := range has {
		b = binary.AppendUvarint(b, uint64(len(has[i].ID)))
		b = append(b, has[i].ID...)
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(has[i].Share))
	}
	return append(b, data...)
}

// errUnnamed says that the state holds something else.
var errUnnamed = errors.New("an outcome that names no request is not as it was written: the state is damaged; delete its directory and it is rebuilt from the log")

// ReadUnnamed parts what AppendUnnamed has written.
func ReadUnnamed(stored []byte) (has []Assigned, data []byte, err error) {
	n, size := binary.Uvarint(stored)
	if size <= 0 || n > MaxShares {
		return nil, nil, errUnnamed
	}
	rest := stored[size:]
	for range n {
		length, size := binary.Uvarint(rest)
		if size <= 0 || length > events.MaxID || uint64(len(rest)-size) < length+8 {
			return nil, nil, errUnnamed
		}
		rest = rest[size:]
		has = append(has, Assigned{ID: string(rest[:length]),
			Share: math.Float64frombits(binary.BigEndian.Uint64(rest[length:]))})
		rest = rest[length+8:]
	}
	return has, rest, nil
}

// KeyText is a number of an event as a key has it: a whole number is its digits, as an id
// would be. A number from 2^53 on, or below -2^53, has no text: it may have been another one
// before it became a float64, and two different ids must not be one key.
func KeyText(f float64) string {
	switch {
	case !(math.Abs(f) < 1<<53):
		return ""
	case f == math.Trunc(f):
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
