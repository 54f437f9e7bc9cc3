package store

import (
	"bytes"
	"cmp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// ids are strings of the bytes that encoding treats specially, and others.
func ids() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 0xFE, 0xFF, 'a', 'b'}), 0, 6).Draw(t, "id"))
	})
}

func times() *rapid.Generator[events.Time] {
	return rapid.Custom(func(t *rapid.T) events.Time { return events.Time(rapid.Int64().Draw(t, "time")) })
}

func placesOf() *rapid.Generator[joiner.RequestKey] {
	return rapid.Custom(func(t *rapid.T) joiner.RequestKey {
		return joiner.RequestKey{TS: times().Draw(t, "ts"), ID: ids().Draw(t, "id")}
	})
}

func outcomes() *rapid.Generator[joiner.StoredOutcome] {
	return rapid.Custom(func(t *rapid.T) joiner.StoredOutcome {
		o := joiner.StoredOutcome{
			TS: times().Draw(t, "ts"), ID: ids().Draw(t, "outcome"), LateSeq: rapid.Uint32().Draw(t, "round"), Booked: rapid.Bool().Draw(t, "booked"),
			Data:   rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "data"),
			Origin: events.Origin{Input: rapid.Byte().Draw(t, "input"), Seq: rapid.Uint64().Draw(t, "seq"), Index: rapid.Uint32().Draw(t, "index")},
		}
		o.Hash[0], o.Hash[31] = rapid.Byte().Draw(t, "hash"), rapid.Byte().Draw(t, "hash")
		return o
	})
}

// TestKeysSortAsPlacesDo is what range scans rely on.
func TestKeysSortAsPlacesDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := placesOf().Draw(t, "a"), placesOf().Draw(t, "b")
		if rapid.Bool().Draw(t, "at the same time") {
			b.TS = a.TS
		}
		want := cmp.Or(cmp.Compare(a.TS, b.TS), strings.Compare(a.ID, b.ID))
		x, y := appendKey(nil, spaceRequest, a), appendKey(nil, spaceRequest, b)
		if got := bytes.Compare(x, y); got != want {
			t.Fatalf("%v and %v sort %d, their keys %d", a, b, want, got)
		}
		if want != 0 && (bytes.HasPrefix(x, y) || bytes.HasPrefix(y, x)) {
			t.Fatalf("of %v and %v one key is a prefix of the other", a, b)
		}
		if after := bytes.Compare(x, bound(spaceRequest, b.TS)) >= 0; b.TS < events.MaxTime && after != (a.TS >= b.TS) {
			t.Fatalf("the bound of %v divides wrongly at %v", b.TS, a.TS)
		}
		if got, rest, err := readKey(x); err != nil || got != a || len(rest) != 0 {
			t.Fatalf("%v is read as %v, %x, %v", a, got, rest, err)
		}
	})
}

// TestOutcomeKeysSortInOrder is what deciding relies on: a scan yields outcomes
// in joiner.Order.
func TestOutcomeKeysSortInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := placesOf().Draw(t, "place")
		a, b := outcomes().Draw(t, "a"), outcomes().Draw(t, "b")
		if rapid.Bool().Draw(t, "at the same time") {
			b.TS = a.TS
		}
		if rapid.Bool().Draw(t, "the same id") {
			b.ID = a.ID
		}
		b.Hash[31] = a.Hash[31] // beyond what a key holds
		order := joiner.Order(
			&events.Outcome{TS: a.TS, ID: a.ID, Hash: a.Hash}, &events.Outcome{TS: b.TS, ID: b.ID, Hash: b.Hash})
		for _, key := range []func(o *joiner.StoredOutcome) []byte{
			func(o *joiner.StoredOutcome) []byte { return appendOutcome(nil, p, o) },
			func(o *joiner.StoredOutcome) []byte {
				w := *o
				w.Until = w.TS // it has no copies
				return appendWaiting(nil, p.ID, &w)
			},
		} {
			if got := bytes.Compare(key(&a), key(&b)); order != 0 && got != order {
				t.Fatalf("%+v and %+v are in order %d, their keys %d", a, b, order, got)
			}
		}
		got := joiner.StoredOutcome{TS: a.TS}
		place, rest, err := readKey(appendOutcome(nil, p, &a))
		if err == nil {
			err = readTail(&got, rest[8:])
		}
		if err != nil || place != p || readTime(rest) != a.TS || got.ID != a.ID || got.Origin != a.Origin {
			t.Fatalf("%v %+v is read as %v %+v, %v", p, a, place, got, err)
		}
	})
}

// FuzzKeys reads keys of any bytes. What can be read is written the same.
func FuzzKeys(f *testing.F) {
	o := joiner.StoredOutcome{TS: 5, ID: "o\x00"}
	f.Add(appendKey(nil, spaceRequest, joiner.RequestKey{TS: -1, ID: "r\x00\xff"}))
	f.Add(appendOutcome(nil, joiner.RequestKey{TS: 1, ID: "r"}, &o))
	f.Add(appendWaiting(nil, "r", &o))
	f.Add(numbered(spaceOutbox, 7))
	f.Add([]byte{spaceRequest})
	f.Fuzz(func(t *testing.T, key []byte) {
		p, rest, err := readKey(key)
		if err != nil {
			return
		}
		if again := appendKey(nil, key[0], p); !bytes.Equal(again, key[:len(key)-len(rest)]) {
			t.Fatalf("%x is read as %v and written %x", key, p, again)
		}
		var out joiner.StoredOutcome
		if len(rest) > 8 && readTail(&out, rest[8:]) == nil {
			copy(out.Hash[:], rest[len(rest)-originLen-hashLen:])
			out.TS = readTime(rest)
			if again := appendOutcome(nil, p, &out)[1:]; !bytes.Equal(again, key[1:]) {
				t.Fatalf("%x is read as %v %+v and written %x", key, p, out, again)
			}
		}
		if n, err := number(key); err == nil && !bytes.Equal(numbered(key[0], n), key) {
			t.Fatalf("%x is read as number %d", key, n)
		}
	})
}
