package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// valueVersion is the first byte of every value. A layout that changes gets a
// new number, and a state with a number this program does not know is rebuilt
// from the log.
const valueVersion = 2

// rulesVersion is that of what the rules of the join remember: histories and outcomes.
const rulesVersion = 3

var (
	errShort   = errors.New("state value ends too early: the state is damaged; delete its directory and it is rebuilt from the log")
	errVersion = errors.New("state value of an unknown version: the state was written by another version of labeljoin; delete its directory and it is rebuilt from the log")
)

const (
	flagLate = 1 << iota // the request arrived after it should have closed
	flagGone             // there is no such request any more, whatever a group has
)

// storedSingle is a request that stands by itself.
type storedSingle struct {
	joiner.StoredRequest
	gone bool
}

// goneValue is the record of a request that was moved elsewhere.
var goneValue = []byte{valueVersion, flagGone, 0, 0}

func appendRequest(v []byte, r *joiner.StoredRequest) []byte {
	flags := byte(0)
	if r.Late {
		flags |= flagLate
	}
	v = append(v, valueVersion, flags)
	v = binary.AppendUvarint(v, uint64(len(r.Copies)))
	for i := range r.Copies {
		v = append(v, r.Copies[i][:]...)
	}
	v = binary.AppendUvarint(v, uint64(len(r.Pieces)))
	for i := range r.Pieces {
		p := &r.Pieces[i]
		v = appendOrigin(v, p.Origin)
		v = binary.AppendUvarint(v, uint64(p.LateSeq))
		v = append(binary.AppendUvarint(v, uint64(len(p.Data))), p.Data...)
	}
	return v
}

func decodeSingle(v []byte) (storedSingle, error) {
	d := decoder{rest: v}
	d.version()
	flags := d.byte()
	r := storedSingle{joiner.StoredRequest{Late: flags&flagLate != 0}, flags&flagGone != 0}
	for n := d.count(32); n > 0; n-- {
		r.Copies = append(r.Copies, [32]byte(d.bytes(32)))
	}
	n := d.count(originLen + 2)
	r.Pieces = make([]joiner.StoredPiece, 0, n)
	for ; n > 0; n-- {
		r.Pieces = append(r.Pieces, joiner.StoredPiece{Origin: d.origin(), LateSeq: uint32(d.uvarint()),
			Data: string(d.sized())})
	}
	return r, d.done()
}

func appendOutcomeValue(v []byte, o *joiner.StoredOutcome) []byte {
	v = append(v, rulesVersion)
	v = append(v, o.Hash[:]...)
	v = binary.AppendUvarint(v, uint64(boolByte(o.Gone))<<33|uint64(o.LateSeq)<<1|uint64(boolByte(o.Booked)))
	return append(v, o.Data...)
}

// decodeOutcome fills in what the key does not hold. Data is a view of v.
func decodeOutcome(o *joiner.StoredOutcome, v []byte) error {
	d := decoder{rest: v}
	d.versionOf(rulesVersion)
	o.Hash = [32]byte(d.bytes(32))
	lateSeq := d.uvarint()
	o.LateSeq, o.Booked, o.Gone = uint32(lateSeq>>1), lateSeq&1 != 0, lateSeq>>33&1 != 0
	o.Data, d.rest = d.rest, nil
	return d.done()
}

// An outcome that waits has no LateSeq, and stands under another time than its own: in
// place of the one is how much later the other is.
func appendWaitingValue(v []byte, o *joiner.StoredOutcome) []byte {
	v = append(v, rulesVersion)
	v = append(v, o.Hash[:]...)
	v = append(v, boolByte(o.Booked))
	v = binary.AppendUvarint(v, uint64(o.Until-o.TS))
	return append(v, o.Data...)
}

// decodeWaiting is decodeOutcome for an outcome that waits. Until is set already.
func decodeWaiting(o *joiner.StoredOutcome, v []byte) error {
	d := decoder{rest: v}
	d.versionOf(rulesVersion)
	o.Hash = [32]byte(d.bytes(32))
	o.Booked = d.byte() != 0
	o.TS = o.Until - events.Time(d.uvarint())
	o.Data, d.rest = d.rest, nil
	return d.done()
}

const (
	standsWritten = 1 << iota
	standsEarly
	standsWithdrawn
	standsUnknown
)

func appendHistory(v []byte, h *joiner.History) []byte {
	v = append(v, rulesVersion, boolByte(h.Closed))
	v = binary.AppendUvarint(v, uint64(h.LateSeq))
	v = binary.AppendUvarint(v, uint64(h.Base))
	v = binary.AppendUvarint(v, uint64(len(h.Rows)))
	for i := range h.Rows {
		s := &h.Rows[i]
		v = appendBytes(v, []byte(s.Item))
		v = append(v, standsWritten*boolByte(s.Written)|standsEarly*boolByte(s.Early)|
			standsWithdrawn*boolByte(s.Withdrawn)|standsUnknown*boolByte(s.Unknown))
		v = binary.AppendUvarint(v, uint64(s.Revision))
		v = binary.BigEndian.AppendUint64(v, math.Float64bits(s.Weight))
		v = append(v, s.Columns[:]...)
		v = appendCells(v, s.Cells)
	}
	v = binary.AppendUvarint(v, uint64(len(h.Retracted)))
	for i := range h.Retracted {
		v = appendBytes(v, []byte(h.Retracted[i].Item))
		v = binary.AppendUvarint(v, uint64(h.Retracted[i].Label))
	}
	return v
}

func decodeHistory(v []byte) (joiner.History, error) {
	const leastRow, leastSpot = 28, 2 // bytes
	d := decoder{rest: v}
	d.versionOf(rulesVersion)
	h := joiner.History{Closed: d.byte() != 0, LateSeq: uint32(d.uvarint()), Base: uint32(d.uvarint())}
	for n := d.count(leastRow); n > 0; n-- {
		s := joiner.RowState{Item: string(d.sized())}
		flags := d.byte()
		s.Written, s.Early = flags&standsWritten != 0, flags&standsEarly != 0
		s.Withdrawn, s.Unknown = flags&standsWithdrawn != 0, flags&standsUnknown != 0
		s.Revision, s.Weight = uint32(d.uvarint()), math.Float64frombits(d.uint64())
		s.Columns = joiner.Columns(d.bytes(len(s.Columns)))
		s.Cells = d.cells()
		h.Rows = append(h.Rows, s)
	}
	for n := d.count(leastSpot); n > 0; n-- {
		h.Retracted = append(h.Retracted, joiner.LabelRef{Item: string(d.sized()), Label: int(d.uvarint())})
	}
	return h, d.done()
}

func appendQueuedRow(v []byte, u *joiner.QueuedRow) []byte {
	v = append(v, valueVersion)
	v = binary.BigEndian.AppendUint64(v, uint64(u.Key.TS))
	v = appendBytes(v, []byte(u.Key.ID))
	v = binary.AppendUvarint(v, uint64(u.LateSeq))
	v = appendBytes(v, []byte(u.Item))
	v = binary.AppendUvarint(v, uint64(u.Row.Revision))
	reason := byte(u.Row.Reason)
	if len(u.Row.Extra) > 0 {
		reason |= extraFollows
	}
	v = append(v, reason)
	v = binary.BigEndian.AppendUint64(v, math.Float64bits(u.Row.Weight))
	return appendExtra(appendCells(v, u.Row.Cells), u.Row.Extra)
}

// extraFollows is a flag beside the reason of a row: the values of labels' columns stand behind
// its cells. Rows of before there were such columns have none.
const extraFollows = 0x80

// appendExtra adds the values of labels' columns.
func appendExtra(v []byte, extra []events.Value) []byte {
	if len(extra) == 0 {
		return v
	}
	v = binary.AppendUvarint(v, uint64(len(extra)))
	for i := range extra {
		x := &extra[i]
		v = append(v, byte(x.Kind))
		switch x.Kind {
		case events.ValueBool:
			v = append(v, byte(x.Int))
		case events.ValueInt:
			v = binary.BigEndian.AppendUint64(v, uint64(x.Int))
		case events.ValueDouble:
			v = binary.BigEndian.AppendUint64(v, math.Float64bits(x.Float))
		case events.ValueString:
			v = appendBytes(v, []byte(x.Str))
		}
	}
	return v
}

// extra is what appendExtra added.
func (d *decoder) extra() []events.Value {
	n := d.count(1)
	if n == 0 {
		if d.err == nil {
			d.err = errShort
		}
		return nil
	}
	out := make([]events.Value, n)
	for i := range out {
		x := &out[i]
		switch x.Kind = events.ValueKind(d.byte()); x.Kind {
		case events.ValueNull:
		case events.ValueBool:
			x.Int = int64(d.byte())
		case events.ValueInt:
			x.Int = int64(d.uint64())
		case events.ValueDouble:
			x.Float = math.Float64frombits(d.uint64())
		case events.ValueString:
			x.Str = string(d.sized())
		default:
			d.err = errVersion
		}
	}
	return out
}

func decodeQueuedRow(v []byte) (joiner.QueuedRow, error) {
	d := decoder{rest: v}
	d.version()
	u := joiner.QueuedRow{
		Key:     joiner.RequestKey{TS: events.Time(d.uint64()), ID: string(d.sized())},
		LateSeq: uint32(d.uvarint()), Item: string(d.sized()),
	}
	revision, reason := uint32(d.uvarint()), d.byte()
	u.Row = joiner.Row{
		Revision: revision, Reason: joiner.Reason(reason &^ extraFollows),
		Weight: math.Float64frombits(d.uint64()), Cells: d.cells(),
	}
	if reason&extraFollows != 0 {
		u.Row.Extra = d.extra()
	}
	if u.Row.Reason >= joiner.Reasons {
		d.err = errVersion
	}
	return u, d.done()
}

func appendCells(v []byte, cells []joiner.Cell) []byte {
	v = binary.AppendUvarint(v, uint64(len(cells)))
	for _, c := range cells {
		v = append(v, boolByte(c.Null))
		v = binary.BigEndian.AppendUint64(v, math.Float64bits(c.Value))
		v = binary.BigEndian.AppendUint64(v, uint64(c.TS))
	}
	return v
}

// Dead letters are few and read by people: JSON, behind the version.
func appendDeadLetter(v []byte, l *events.DeadLetter) ([]byte, error) {
	text, err := json.Marshal(l)
	return append(append(v, valueVersion), text...), err
}

func decodeDeadLetter(v []byte) (*events.DeadLetter, error) {
	d := decoder{rest: v}
	d.version()
	if d.err != nil {
		return nil, d.err
	}
	l := new(events.DeadLetter)
	return l, json.Unmarshal(d.rest, l)
}

func appendBytes(v, b []byte) []byte {
	return append(binary.AppendUvarint(v, uint64(len(b))), b...)
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
