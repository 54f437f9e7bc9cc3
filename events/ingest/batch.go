package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// input is an input with what checks its events.
type input struct {
	*Input
	maxFuture, maxAge time.Duration
	parsers           [events.Kinds]sync.Pool // of *jsonevent.Parser
	gather            gather
}

func newInput(from *Input, o *Options) *input {
	in := &input{Input: from, maxFuture: o.MaxFuture, maxAge: o.MaxAge}
	for k := range in.parsers {
		in.parsers[k].New = func() any { return in.Own.NewParser() }
	}
	return in
}

// check says why an event would be rejected or quarantined if it were stored now; nil if
// it would not.
func (in *input) check(kind events.Kind, data []byte, now events.Time) *events.RejectError {
	p := in.parsers[kind].Get().(*jsonevent.Parser)
	defer in.parsers[kind].Put(p)
	var ts events.Time
	var err error
	if kind == events.KindRequest {
		var scan jsonevent.Scan
		scan, err = p.ScanRequest(data)
		ts = scan.TS
	} else {
		var o events.Outcome
		var info jsonevent.Info
		o, info, err = p.Outcome(data)
		if ts = o.TS; info.Heartbeat {
			ts = info.HeartbeatTS
		}
	}
	if err != nil {
		if reject, ok := err.(*events.RejectError); ok {
			return reject
		}
		return &events.RejectError{Reason: events.ReasonNotJSON, Detail: err.Error()}
	}
	return in.bounds(ts, data, now)
}

// bounds says whether an event is stamped too far from now. The joiner judges by the time
// at which the broker stores the event, a moment later.
func (in *input) bounds(ts events.Time, data []byte, now events.Time) *events.RejectError {
	fits := func(ts events.Time) bool {
		return (in.maxFuture <= 0 || ts <= now.Add(in.maxFuture)) && (in.maxAge <= 0 || ts >= now.Add(-in.maxAge))
	}
	if fits(ts) {
		return nil
	}
	reject := &events.RejectError{Reason: events.ReasonMaxAge,
		Detail: fmt.Sprintf("it is stamped %s, more than %s before now", ts, in.maxAge)}
	if ts > now {
		reject = &events.RejectError{Reason: events.ReasonMaxFuture,
			Detail: fmt.Sprintf("it is stamped %s, more than %s after now", ts, in.maxFuture)}
	}
	if unit, ok := in.Own.OtherUnit(data, fits); ok {
		reject.Detail += "; as time_unit: " + unit + " it would be in order (inputs." + in.Name + ".time_unit)"
	}
	return reject
}

// Sizes of messages. Larger ones than packed cost the broker no less for each byte, and
// what is under way is bounded more coarsely.
const packed = 256 << 10

// batch is the events of one request.
type batch struct {
	in     *input
	form   form
	header http.Header
	key    string // Idempotency-Key
	most   int    // bytes of a message
	stream string
	now    events.Time

	good   [][]byte // events that go into the next message
	size   int      // of the message that they make
	made   int      // events that a codec makes of them
	out    []events.Outgoing
	result result
	// joinable says that the messages are JSON and have no headers but its content type.
	joinable bool
}

// sort decides of each event whether it is taken, and makes messages of those that are.
func (b *batch) sort(body []byte) *failure {
	if len(bytes.TrimSpace(body)) == 0 {
		return fail(http.StatusBadRequest, "the body is empty: it holds one event, an array of events, or one a line")
	}
	if b.in.Codec != nil {
		return b.sortCoded(body)
	}
	index := 0
	add := func(data []byte) {
		b.own(index, data)
		index++
	}
	switch b.form {
	case formCloudEvent, formCloudEvents:
		if failed := unwrap(body, b.form == formCloudEvents, add); failed != nil {
			return failed
		}
	default:
		for _, data := range b.in.Own.Split(body) {
			add(data)
		}
	}
	b.flush()
	return nil
}

// own takes an event in labeljoin's own format.
func (b *batch) own(index int, data []byte) {
	if len(data) > b.most {
		b.result.refuse(index, &events.RejectError{Reason: events.ReasonTooLarge,
			Detail: fmt.Sprintf("it has %d bytes, and a message of the broker has at most %d", len(data), b.most)})
		return
	}
	if reject := b.in.check(b.in.Kind, data, b.now); reject != nil {
		b.result.refuse(index, reject)
		return
	}
	b.result.accepted++
	if len(b.good) > 0 && b.size+len(data)+2 > min(packed, b.most) {
		b.flush()
	}
	b.good = append(b.good, data)
	b.size += len(data) + 1
}

// flush makes a message of the events that wait.
func (b *batch) flush() {
	if len(b.good) == 0 {
		return
	}
	data := joined(b.good, b.size)
	b.joinable = true
	b.add(data, nil, len(b.good), copyID(b.in.Name, b.key, data))
	b.good, b.size = b.good[:0], 0
}

// joined is a message of some values in JSON: of one its own bytes, of several an array with
// the bytes of each as they came. One that is an array itself is put into one, so that it is
// not taken for several.
func joined(values [][]byte, size int) []byte {
	if len(values) == 1 && values[0][0] != '[' {
		return values[0]
	}
	data := make([]byte, 0, size+2)
	for i, one := range values {
		data = append(append(data, "[,"[min(i, 1)]), one...)
	}
	return append(data, ']')
}

func (b *batch) add(data []byte, header map[string][]string, n int, id string) {
	b.out = append(b.out, events.Outgoing{Subject: b.in.Subject, Stream: b.stream, ID: id, Header: header, Data: data,
		Events: n})
}

// store returns when the messages are stored. One whose producer gave it no id, and that has
// no headers of its own, may be stored together with others.
func (b *batch) store(ctx context.Context, log Log) (copies int, err error) {
	if len(b.out) == 1 && b.joinable && b.key == "" {
		return b.in.gather.store(ctx, b.in.Name, log, &b.out[0])
	}
	return log.Append(ctx, b.out)
}

// copyID is the id of a message: the same for the same bytes with the same key, and no other.
// So a key or the id of an event that was used for something else before drops nothing.
func copyID(parts ...any) string {
	h := sha256.New()
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			writePart(h, []byte(part))
		case []byte:
			writePart(h, part)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func writePart(h hash.Hash, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	h.Write(length[:])
	h.Write(part)
}

// sortCoded takes the records of an input with a codec. Records in JSON are told apart here,
// and those of which nothing can be made are not stored. Of other formats only the codec knows
// where a record ends: the body is one message, as it is, unless it is too large for one.
func (b *batch) sortCoded(body []byte) *failure {
	header := carried(b.header, b.form)
	if b.form == formEvents && header["ce-specversion"] == nil {
		index := 0
		for _, data := range b.in.Own.Split(body) {
			b.record(index, data, header)
			index++
		}
		b.flushRecords(header)
		return nil
	}
	parts := [][]byte{body}
	if len(body) > b.most {
		divider, ok := b.in.Codec.(events.Divider)
		if !ok {
			return b.tooLong(body)
		}
		if parts = divider.Divide(b.message(body, header), b.most); len(parts) == 0 {
			return b.tooLong(body)
		}
	}
	index := 0
	for _, part := range parts {
		index += b.part(index, part, header)
	}
	return nil
}

func (b *batch) tooLong(body []byte) *failure {
	return fail(http.StatusRequestEntityTooLarge,
		"the body has %d bytes decompressed, and a message of the broker has at most %d: send fewer records at a time",
		len(body), b.most)
}

// part takes a message that only the codec can take apart, whose first event is the index-th
// of the body. It returns how many events it holds.
func (b *batch) part(index int, data []byte, header map[string][]string) (n int) {
	if len(data) > b.most {
		b.result.refuse(index, &events.RejectError{Reason: events.ReasonTooLarge,
			Detail: fmt.Sprintf("it has %d bytes, and a message of the broker has at most %d", len(data), b.most)})
		return 1
	}
	accepted, refused := b.decode(data, header, func(i int, reject *events.RejectError) {
		b.result.refuse(index+i, reject)
	})
	if b.result.accepted += accepted; accepted > 0 {
		b.result.kept = b.result.kept || refused > 0
		b.add(data, header, accepted, b.recordID(data, header))
	}
	return accepted + refused
}

// message is a message that the joiner would read.
func (b *batch) message(data []byte, header map[string][]string) *events.Message {
	return &events.Message{Kind: b.in.Kind, Seq: 1, Stored: b.now, Subject: b.in.Subject, Data: data,
		Envelope: &events.Envelope{Subject: b.in.Subject, Header: header}}
}

// record takes one record in JSON.
func (b *batch) record(index int, data []byte, header map[string][]string) {
	if len(data) > b.most {
		b.result.refuse(index, &events.RejectError{Reason: events.ReasonTooLarge,
			Detail: fmt.Sprintf("it has %d bytes, and a message of the broker has at most %d", len(data), b.most)})
		return
	}
	accepted, refused := b.decode(data, header, func(_ int, reject *events.RejectError) { b.result.refuse(index, reject) })
	if accepted == 0 {
		return
	}
	b.result.accepted += accepted
	b.result.kept = b.result.kept || refused > 0
	if len(b.good) > 0 && b.size+len(data)+2 > min(packed, b.most) {
		b.flushRecords(header)
	}
	b.good = append(b.good, data)
	b.size += len(data) + 1
	b.made += accepted
}

// flushRecords makes a message of the records that wait.
func (b *batch) flushRecords(header map[string][]string) {
	if len(b.good) == 0 {
		return
	}
	data := joined(b.good, b.size)
	b.joinable = len(header) == 1
	b.add(data, header, b.made, b.recordID(data, header))
	b.good, b.size, b.made = b.good[:0], 0, 0
}

// decode asks the codec what becomes of records: how many events are taken, and how many are
// refused.
func (b *batch) decode(data []byte, header map[string][]string, refuse func(int, *events.RejectError)) (accepted,
	refused int) {
	b.in.Codec.Decode(b.message(data, header), func(index uint32, d events.Decoded) bool {
		reject := d.Reject
		if reject == nil {
			reject = b.in.check(d.Kind, d.Data, b.now)
		}
		if reject != nil {
			refused++
			refuse(int(index), reject)
		} else {
			accepted++
		}
		return true
	})
	return accepted, refused
}

// recordID is the id of a message of records. A mapping may stamp an event with the time at
// which the broker stores it. So two records of the same bytes may be two events, unless their
// sender gives them an id. A request and its response may have one id, as KServe's have: the
// bytes tell them apart.
func (b *batch) recordID(data []byte, header map[string][]string) string {
	if b.key == "" && header["ce-id"] == nil {
		return ""
	}
	attribute := func(name string) string { return strings.Join(header[name], ",") }
	return copyID(b.in.Name, b.key, attribute("ce-source"), attribute("ce-id"), attribute("ce-type"), data)
}

// unwrap calls add for the data of a CloudEvent in structured mode, or of each of an array
// of them (CloudEvents 1.0, JSON format).
func unwrap(body []byte, several bool, add func([]byte)) *failure {
	type envelope struct {
		SpecVersion string         `json:"specversion"`
		Data        jsontext.Value `json:"data"`
		Base64      []byte         `json:"data_base64"`
	}
	var list []envelope
	var err error
	if several {
		err = json.Unmarshal(body, &list)
	} else {
		list = make([]envelope, 1)
		err = json.Unmarshal(body, &list[0])
	}
	if err != nil {
		return fail(http.StatusBadRequest, "the body is no CloudEvent in JSON: %v", err)
	}
	if len(list) == 0 {
		return fail(http.StatusBadRequest, "the batch has no CloudEvent")
	}
	for i := range list {
		if list[i].SpecVersion != "1.0" {
			return fail(http.StatusBadRequest, "CloudEvent %d has specversion %q: it is 1.0", i, clip(list[i].SpecVersion))
		}
		data := []byte(list[i].Data)
		if len(data) == 0 {
			data = list[i].Base64
		}
		add(bytes.TrimSpace(data))
	}
	return nil
}
