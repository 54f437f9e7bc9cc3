package store

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func cells() *rapid.Generator[[]joiner.Cell] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) joiner.Cell {
		return joiner.Cell{Null: rapid.Bool().Draw(t, "null"), Value: rapid.Float64().Draw(t, "value"), TS: times().Draw(t, "ts")}
	}), 1, 4)
}

func requests() *rapid.Generator[joiner.StoredRequest] {
	return rapid.Custom(func(t *rapid.T) joiner.StoredRequest {
		r := joiner.StoredRequest{Late: rapid.Bool().Draw(t, "late")}
		for range rapid.IntRange(0, 3).Draw(t, "copies") {
			r.Copies = append(r.Copies, [32]byte{rapid.Byte().Draw(t, "copy")})
		}
		for range rapid.IntRange(1, 3).Draw(t, "pieces") {
			o := outcomes().Draw(t, "piece")
			r.Pieces = append(r.Pieces, joiner.StoredPiece{Origin: o.Origin, LateSeq: o.LateSeq, Data: string(o.Data)})
		}
		return r
	})
}

func histories() *rapid.Generator[joiner.History] {
	return rapid.Custom(func(t *rapid.T) joiner.History {
		h := joiner.History{
			LateSeq: rapid.Uint32().Draw(t, "round"), Base: rapid.Uint32().Draw(t, "base"), Closed: rapid.Bool().Draw(t, "settled"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "taken back") {
			h.Retracted = append(h.Retracted, joiner.LabelRef{Item: ids().Draw(t, "item"), Label: rapid.IntRange(0, 1000).Draw(t, "label")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "rows") {
			h.Rows = append(h.Rows, joiner.RowState{
				Item: ids().Draw(t, "item"), Written: rapid.Bool().Draw(t, "written"), Early: rapid.Bool().Draw(t, "early"),
				Withdrawn: rapid.Bool().Draw(t, "withdrawn"), Unknown: rapid.Bool().Draw(t, "unknown"),
				Revision: rapid.Uint32().Draw(t, "revision"), Cells: cells().Draw(t, "cells"),
				Weight: rapid.Float64().Draw(t, "weight"), Columns: joiner.Columns{rapid.Byte().Draw(t, "columns")},
			})
		}
		return h
	})
}

func extras() *rapid.Generator[[]events.Value] {
	return rapid.SliceOfN(rapid.SampledFrom([]events.Value{{}, {Kind: events.ValueDouble, Float: 1.5}, {Kind: events.ValueBool, Int: 1},
		{Kind: events.ValueString, Str: "feed"}, {Kind: events.ValueString}}), 1, 4)
}

func unwrittens() *rapid.Generator[joiner.QueuedRow] {
	return rapid.Custom(func(t *rapid.T) joiner.QueuedRow {
		var extra []events.Value
		if rapid.Bool().Draw(t, "has extra") {
			extra = extras().Draw(t, "extra")
		}
		return joiner.QueuedRow{
			Key: placesOf().Draw(t, "place"), LateSeq: rapid.Uint32().Draw(t, "round"), Item: ids().Draw(t, "item"),
			Row: joiner.Row{
				Revision: rapid.Uint32().Draw(t, "revision"), Reason: joiner.Reason(rapid.IntRange(0, joiner.Reasons-1).Draw(t, "reason")),
				Weight: rapid.Float64().Draw(t, "weight"), Cells: cells().Draw(t, "cells"),
				Extra: extra,
			},
		}
	})
}

// roundTrip holds decoding against encoding, and every shortened value and
// every other version against an error.
func roundTrip[T any](t *rapid.T, v T, encode func([]byte, *T) []byte, decode func([]byte) (T, error), tailed bool) {
	value := encode(nil, &v)
	got, err := decode(value)
	if err != nil || !reflect.DeepEqual(got, v) {
		t.Fatalf("%+v is read as %+v, %v", v, got, err)
	}
	value[0]++
	if _, err := decode(value); !errors.Is(err, errVersion) {
		t.Fatalf("another version is read with %v", err)
	}
	value[0]--
	if cut := rapid.IntRange(0, len(value)-1).Draw(t, "cut"); !tailed {
		if _, err := decode(value[:cut]); err == nil {
			t.Fatalf("%d of %d bytes are read as a whole", cut, len(value))
		}
	}
}

// decodeHeld decodes a request that is not gone.
func decodeHeld(v []byte) (joiner.StoredRequest, error) {
	r, err := decodeSingle(v)
	return r.StoredRequest, err
}

func TestValuesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, requests().Draw(t, "request"), appendRequest, decodeHeld, false)
		roundTrip(t, histories().Draw(t, "history"), appendHistory, decodeHistory, false)
		roundTrip(t, unwrittens().Draw(t, "unwritten"), appendQueuedRow, decodeQueuedRow, false)
		o := outcomes().Draw(t, "outcome")
		roundTrip(t, o, appendOutcomeValue, func(v []byte) (joiner.StoredOutcome, error) {
			got := joiner.StoredOutcome{TS: o.TS, ID: o.ID, Origin: o.Origin}
			err := decodeOutcome(&got, v)
			return got, err
		}, true)
		w := o
		w.LateSeq = 0
		w.Until = max(w.TS, times().Draw(t, "until"))
		roundTrip(t, w, appendWaitingValue, func(v []byte) (joiner.StoredOutcome, error) {
			got := joiner.StoredOutcome{Until: w.Until, ID: w.ID, Origin: w.Origin}
			err := decodeWaiting(&got, v)
			return got, err
		}, true)
	})
	l := events.DeadLetter{
		Origin: events.Origin{Input: 1, Seq: 1 << 60, Index: 3}, Input: "é", Kind: events.KindOutcome,
		Reason: "max_future", Detail: "it is stamped", Stored: events.MinTime, Data: []byte{0, 0xFF, '"'},
	}
	value, err := appendDeadLetter(nil, &l)
	got, err2 := decodeDeadLetter(value)
	if err := errors.Join(err, err2); err != nil || !reflect.DeepEqual(*got, l) {
		t.Errorf("%+v is read as %+v, %v", l, got, err)
	}
	if _, err := decodeDeadLetter(nil); err == nil {
		t.Error("nothing is read as a dead letter")
	}
}

// FuzzValues reads values of any bytes: none panics or allocates more than its
// size warrants, and what is read is written so that it reads the same.
func FuzzValues(f *testing.F) {
	f.Add(appendRequest(nil, &joiner.StoredRequest{Late: true, Copies: make([][32]byte, 2), Pieces: []joiner.StoredPiece{{Data: "{}"}}}))
	f.Add(appendHistory(nil, &joiner.History{LateSeq: 1, Rows: []joiner.RowState{{Item: "a", Written: true, Cells: make([]joiner.Cell, 2)}}}))
	f.Add(appendQueuedRow(nil, &joiner.QueuedRow{Key: joiner.RequestKey{ID: "r"}, Item: "a", Row: joiner.Row{Cells: make([]joiner.Cell, 1)}}))
	f.Add(appendOutcomeValue(nil, &joiner.StoredOutcome{Data: []byte("{}")}))
	f.Add([]byte{valueVersion, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F})
	f.Fuzz(func(t *testing.T, value []byte) {
		rewritten(t, value, appendRequest, decodeHeld)
		rewritten(t, value, appendHistory, decodeHistory)
		rewritten(t, value, appendQueuedRow, decodeQueuedRow)
		rewritten(t, value, appendOutcomeValue, func(v []byte) (o joiner.StoredOutcome, err error) {
			err = decodeOutcome(&o, v)
			return o, err
		})
		if _, err := decodeDeadLetter(value); err == nil && value[0] != valueVersion {
			t.Fatalf("%x is read as a dead letter", value)
		}
	})
}

func rewritten[T any](t *testing.T, value []byte, encode func([]byte, *T) []byte, decode func([]byte) (T, error)) {
	v, err := decode(value)
	if err != nil {
		return
	}
	first := encode(nil, &v)
	again, err := decode(first)
	if err != nil || !bytes.Equal(encode(nil, &again), first) {
		t.Fatalf("%x is read as %+v, written, and read as %+v, %v", value, v, again, err)
	}
}
