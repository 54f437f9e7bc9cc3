package jsonevent

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/labeljoin/labeljoin/events"
)

// Scan is what a first look at a request tells.
type Scan struct {
	// ID is the request_id, empty for a heartbeat. It is part of the bytes that
	// were scanned unless it had to be unescaped.
	ID        []byte
	TS        events.Time // of the request, or of the heartbeat
	Heartbeat bool        // it is a heartbeat and no request
	Unknown   int         // fields, of the request and its items, that nothing here knows
	Unheld    int         // values that nothing here can hold, which count as null
}

// ScanRequest validates a request and finds its id and time, in one pass and
// as a rule without allocating. It accepts and rejects exactly what
// DecodeRequest does; the error is a *RejectError.
func (d *Decoder) ScanRequest(raw []byte) (Scan, error) { return d.scanRequest(raw, nil) }

// Stamp is when an event of a kind is stamped, or a heartbeat. It decodes no more than it has to. The
// error is a *events.RejectError.
func (d *Decoder) Stamp(kind events.Kind, raw []byte) (ts events.Time, heartbeat bool, err error) {
	if kind == events.KindRequest {
		scan, err := d.ScanRequest(raw)
		return scan.TS, scan.Heartbeat, err
	}
	o, info, err := d.DecodeOutcome(raw)
	if info.Heartbeat {
		return info.HeartbeatTS, true, err
	}
	return o.TS, false, err
}

func (d *Decoder) scanRequest(raw []byte, names *unknownNames) (Scan, error) {
	s := scanner{data: raw, names: names}
	found, err := s.event(d, inRequest)
	if err != nil {
		return Scan{}, err
	}
	return found, nil
}

// scanner validates one event. Its methods take the index where something
// begins and return the index after it, or -1 once the event is rejected.
type scanner struct {
	data      []byte
	maxDepth  int
	separator int                 // length of Decoder.Separator
	syntax    *events.RejectError // why it is no JSON; ends the scan
	content   *events.RejectError // the first thing wrong with what it says
	unknown   int
	strict    bool // values that cannot be held end the scan
	unheld    int  // how many were met
	names     *unknownNames
	escaped   bool // the last string had escapes
	broken    bool // the last string is no text: see holdsText
	leaves    int  // features met, of the request and all items
	items     int  // items met
	spans     [fields]span
	keys      keyStack
}

// span is where a known field's value stands.
type span struct{ start, end int }

func (p span) given() bool { return p.end > 0 }

// event scans the whole of data. Whether it is JSON is decided before what it
// says, and what is missing comes last.
func (s *scanner) event(d *Decoder, in shape) (Scan, *events.RejectError) {
	if len(s.data) > d.maxBytes() {
		return Scan{}, reject(events.ReasonTooLarge, fmt.Sprintf("%d bytes, at most %d are read", len(s.data), d.maxBytes()))
	}
	s.maxDepth, s.separator = d.maxDepth(), len(d.separator())
	start := s.space(0)
	if start == len(s.data) {
		return Scan{}, reject(events.ReasonEmpty, nothingInIt)
	}
	var end int
	isObject := s.data[start] == '{'
	if hint := hintOfFormat(s.data[start:]); hint != "" {
		return Scan{}, reject(events.ReasonNotJSON, hint)
	}
	if isObject {
		end = s.object(start, 1, in, 0)
	} else {
		end = s.value(start, 0)
	}
	if end >= 0 && s.space(end) < len(s.data) {
		s.fail(events.ReasonNotJSON, end, "more follows the end of the event")
	}
	switch {
	case s.syntax != nil:
		return Scan{}, s.syntax
	case !isObject:
		return Scan{}, reject(events.ReasonNotObject, "an event is an object, this is "+typeOf(s.data[start]).String())
	case s.content != nil:
		return Scan{}, s.content
	}
	return s.conclude(d, in)
}

// conclude looks at the fields once all of them are known.
func (s *scanner) conclude(d *Decoder, in shape) (Scan, *events.RejectError) {
	found := Scan{Unknown: s.unknown, Unheld: s.unheld}
	beat := s.spans[fieldHeartbeat]
	unnamed := in == inOutcome && d.Unnamed && !s.spans[fieldRequestID].given() && !beat.given()
	if !s.spans[fieldRequestID].given() && !unnamed {
		if !beat.given() {
			return Scan{}, reject(events.ReasonMissingRequestID, "request_id is not given")
		}
		found.Heartbeat = true
		return s.at(found, beat, fieldHeartbeat, d.Unit)
	}
	if beat.given() {
		found.Unknown++ // to an event it means nothing
		s.names.note(in, []byte(schema[fieldHeartbeat].name))
	}
	found.ID = s.text(s.spans[fieldRequestID])
	switch n := len(found.ID); {
	case n == 0 && !unnamed:
		return Scan{}, reject(events.ReasonEmptyRequestID, "request_id is empty")
	case n > events.MaxID:
		return Scan{}, reject(events.ReasonLongRequestID, fmt.Sprintf("request_id has %d bytes, at most %d are allowed", n,
			events.MaxID))
	}
	ts := s.spans[fieldTS]
	if !ts.given() {
		return Scan{}, reject(events.ReasonMissingTS, "ts is not given")
	}
	if in == inOutcome {
		if r := s.outcome(); r != nil {
			return Scan{}, r
		}
	}
	return s.at(found, ts, fieldTS, d.Unit)
}

// outcome checks what only an outcome has.
func (s *scanner) outcome() *events.RejectError {
	if len(s.text(s.spans[fieldType])) == 0 {
		return reject(events.ReasonMissingType, "type is not given, or empty")
	}
	if n := len(s.text(s.spans[fieldOutcomeID])); n > events.MaxID {
		return reject(events.ReasonLongOutcomeID, fmt.Sprintf("outcome_id has %d bytes, at most %d are allowed", n,
			events.MaxID))
	}
	if at := s.spans[fieldItemID]; at.given() {
		if complaint := complainOfID(s.text(at)); complaint != "" {
			return reject(events.ReasonBadItem, "item_id "+complaint)
		}
	}
	return nil
}

// at completes a Scan with its time.
func (s *scanner) at(found Scan, p span, f field, unit events.Unit) (Scan, *events.RejectError) {
	raw := s.data[p.start:p.end]
	var ok bool
	switch typeOf(raw[0]) {
	case jsonString:
		found.TS, ok = events.ParseRFC3339(s.text(p))
	case jsonNumber:
		if n, whole := integral(raw); whole {
			found.TS, ok = unit.Time(n)
		}
	}
	if !ok {
		return Scan{}, reject(events.ReasonBadTS,
			schema[f].name+" "+asWritten(raw)+": want RFC 3339 or an integer epoch, between 1678 and 2262"+hintOfTime(raw))
	}
	return found, nil
}

// text is the string that stands at p, nothing if p is not given. It is part
// of the data unless it has to be unescaped.
func (s *scanner) text(p span) []byte {
	if !p.given() {
		return nil
	}
	return unquoted(s.data[p.start:p.end])
}

// unquoted is the content of a valid JSON string, and any other value as it stands.
func unquoted(quoted []byte) []byte {
	if quoted[0] != '"' {
		return quoted
	}
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return unescaped(inner)
}

func unescaped(inner []byte) []byte {
	return appendUnescaped(make([]byte, 0, len(inner)), inner)
}

// complainOfID says what is wrong with an id, or nothing.
func complainOfID(id []byte) string {
	switch {
	case len(id) == 0:
		return "is empty"
	case len(id) > events.MaxID:
		return fmt.Sprintf("has %d bytes, at most %d are allowed", len(id), events.MaxID)
	}
	return ""
}

func reject(reason, detail string) *events.RejectError {
	return &events.RejectError{Reason: reason, Detail: detail}
}

// fail ends the scan: what stands at i is not JSON, or breaks a limit.
func (s *scanner) fail(reason string, i int, detail string) int {
	if s.syntax == nil {
		s.syntax = reject(reason, "at byte "+strconv.Itoa(i)+": "+detail)
	}
	return -1
}

// note records that what the event says is wrong. The scan goes on, since it
// may turn out not to be JSON at all.
func (s *scanner) note(reason, detail string) {
	if s.content == nil {
		s.content = reject(reason, detail)
	}
}

// excerpt quotes the beginning of untrusted bytes.
func excerpt(b []byte) string {
	if len(b) > mostOfExcerpt {
		return strconv.Quote(string(b[:mostOfExcerpt])) + "..."
	}
	return strconv.Quote(string(b))
}

// asWritten shows the beginning of a valid JSON value as it stands: a text in its quotes, and a
// number without any.
func asWritten(raw []byte) string {
	text, more := raw, ""
	if len(raw) > mostOfExcerpt {
		text, more = raw[:mostOfExcerpt], "..."
	}
	return string(bytes.ToValidUTF8(text, []byte("\ufffd"))) + more
}

// nothingInIt is said of what has no bytes but white space.
const nothingInIt = "there is nothing in it: if the client of a key-value bucket left it where it deleted a key (a delete marker), " +
	"nothing is wrong"

// mostOfExcerpt is how many bytes of a value are shown.
const mostOfExcerpt = 48
