package jsonevent

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/labeljoin/labeljoin/events"
)

// field is a field that events know.
type field uint8

const (
	fieldUnknown field = iota
	fieldRequestID
	fieldTS
	fieldHeartbeat
	fieldModel
	fieldModelVersion
	fieldUserID
	fieldScore
	fieldFeatures
	fieldItems
	fieldOutcomeID
	fieldType
	fieldItemID // of an outcome or of an item: neither holds the other
	fieldValue
	fieldAttrs
	fieldItemPosition
	fieldItemScore
	fieldItemFeatures
	fields = iota
)

// jsonType is what a value's first byte says it is.
type jsonType uint8

const (
	jsonAny jsonType = iota
	jsonNull
	jsonBool
	jsonNumber
	jsonString
	jsonList
	jsonObject
)

// String is the type in an error's words.
func (t jsonType) String() string {
	return [...]string{"no JSON value", "null", "a boolean", "a number", "a string", "a list", "an object"}[t]
}

// typeOf tells a value's type. What begins no value is jsonAny.
func typeOf(c byte) jsonType {
	switch c {
	case '"':
		return jsonString
	case '{':
		return jsonObject
	case '[':
		return jsonList
	case 't', 'f':
		return jsonBool
	case 'n':
		return jsonNull
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return jsonNumber
	}
	return jsonAny
}

// schema names the fields and their types.
var schema = [fields]struct {
	name string
	want jsonType
}{
	fieldRequestID:    {"request_id", jsonString},
	fieldTS:           {"ts", jsonAny}, // a string or a number
	fieldHeartbeat:    {"heartbeat", jsonAny},
	fieldModel:        {"model", jsonString},
	fieldModelVersion: {"model_version", jsonString},
	fieldUserID:       {"user_id", jsonString},
	fieldScore:        {"score", jsonNumber},
	fieldFeatures:     {"features", jsonObject},
	fieldItems:        {"items", jsonList},
	fieldOutcomeID:    {"outcome_id", jsonString},
	fieldType:         {"type", jsonString},
	fieldItemID:       {"item_id", jsonString},
	fieldValue:        {"value", jsonNumber},
	fieldAttrs:        {"attrs", jsonObject},
	fieldItemPosition: {"position", jsonNumber},
	fieldItemScore:    {"score", jsonNumber},
	fieldItemFeatures: {"features", jsonObject},
}

// shape says what an object's members mean.
type shape uint8

const (
	inAnything shape = iota
	inFeatures       // names are flattened into columns
	inRequest
	inOutcome
	inItem
)

// lookup finds the field that a member's name stands for.
func (in shape) lookup(key []byte) field {
	switch in {
	case inRequest:
		return requestField(key)
	case inOutcome:
		return outcomeField(key)
	case inItem:
		return itemField(key)
	}
	return fieldUnknown
}

func requestField(key []byte) field {
	switch string(key) {
	case "request_id":
		return fieldRequestID
	case "ts":
		return fieldTS
	case "heartbeat":
		return fieldHeartbeat
	case "model":
		return fieldModel
	case "model_version":
		return fieldModelVersion
	case "user_id":
		return fieldUserID
	case "score":
		return fieldScore
	case "features":
		return fieldFeatures
	case "items":
		return fieldItems
	}
	return fieldUnknown
}

func outcomeField(key []byte) field {
	switch string(key) {
	case "request_id":
		return fieldRequestID
	case "ts":
		return fieldTS
	case "heartbeat":
		return fieldHeartbeat
	case "outcome_id":
		return fieldOutcomeID
	case "type":
		return fieldType
	case "item_id":
		return fieldItemID
	case "value":
		return fieldValue
	case "attrs":
		return fieldAttrs
	}
	return fieldUnknown
}

func itemField[T string | []byte](key T) field {
	switch string(key) {
	case "item_id":
		return fieldItemID
	case "position":
		return fieldItemPosition
	case "score":
		return fieldItemScore
	case "features":
		return fieldItemFeatures
	}
	return fieldUnknown
}

// known scans the value of a known field. A value of the wrong type is noted
// and scanned like any other.
func (s *scanner) known(f field, in shape, i, depth int) int {
	if i >= len(s.data) {
		return s.value(i, depth)
	}
	got := typeOf(s.data[i])
	if n := s.wordAt(i, got); n > 0 || got == jsonNull {
		if n > 0 && events.IsJoiningID(schema[f].name) {
			s.noteNoID(f, in, s.data[i:i+n])
		}
		return s.value(i, depth) // not given
	}
	var end int
	switch fit := fits(f, got); {
	case !fit && !understood(f, got):
		s.noteType(f, in, got)
		return s.value(i, depth)
	case f == fieldFeatures || f == fieldItemFeatures:
		end = s.object(i, depth+1, inFeatures, 0)
	case f == fieldItems:
		end = s.itemList(i, depth+1)
	default:
		before := s.unheld
		if end = s.value(i, depth); end < 0 {
			return -1
		}
		at := span{i, end}
		switch {
		case got == jsonString && s.broken && !isOptionalText(f) && schema[f].want != jsonNumber:
			s.noteText(f, in)
			return end
		case s.unheld > before && f != fieldAttrs && f != fieldTS && !events.IsJoiningID(schema[f].name):
			return end // a text or a number that cannot be held is not given
		case !fit && !s.understand(f, in, &at):
			return end
		}
		s.spans[f] = at
		if f == fieldItemPosition {
			s.position(at)
		}
		return end
	}
	s.spans[f] = span{i, end}
	return end
}

// wordAt is the length of a word for a number that is none, where a value of this type
// begins; 0 if there is none.
func (s *scanner) wordAt(i int, got jsonType) int {
	if got != jsonAny && s.data[i] != '-' {
		return 0
	}
	return nonFinite(s.data[i:])
}

// position checks that an item's position is a whole number.
func (s *scanner) position(at span) {
	if _, ok := integral(s.data[at.start:at.end]); !ok {
		s.noteItem("position " + asWritten(s.data[at.start:at.end]) + ": want an integer")
	}
}

func fits(f field, got jsonType) bool {
	switch f {
	case fieldTS:
		return got == jsonString || got == jsonNumber
	case fieldHeartbeat:
		return true // its type matters only if it turns out to be one
	}
	return got == schema[f].want
}

// isOptionalText reports whether a field is text that stands for itself alone.
func isOptionalText(f field) bool {
	return f == fieldModel || f == fieldModelVersion || f == fieldUserID
}

// understood reports whether a value of another type than documented may yet be
// understood: an id that is written as a number, or a number that is written as text.
func understood(f field, got jsonType) bool {
	switch schema[f].want {
	case jsonString:
		return got == jsonNumber && f != fieldType
	case jsonNumber:
		return got == jsonString
	}
	return false
}

// understand makes of the place of such a value that of what it says. The digits of a
// whole number are an id. A text that is a JSON number, with nothing around it, is
// that number.
func (s *scanner) understand(f field, in shape, at *span) bool {
	raw := s.data[at.start:at.end]
	if raw[0] != '"' {
		if bytes.ContainsAny(raw, ".eE") && !isOptionalText(f) {
			s.noteNoID(f, in, raw)
			return false
		}
		return true
	}
	inner := raw[1 : len(raw)-1]
	number := scanner{data: inner, strict: true}
	if len(inner) == 0 || typeOf(inner[0]) != jsonNumber || number.number(0) != len(inner) {
		if isBeyond(inner) {
			s.unheld++
			return false
		}
		s.noteUnderstood(f, in, " is the string "+excerpt(inner)+": want a number")
		return false
	}
	at.start, at.end = at.start+1, at.end-1
	return true
}

// isBeyond reports whether a text is a JSON number that float64 cannot hold.
func isBeyond(text []byte) bool {
	lax := scanner{data: text}
	return len(text) > 0 && typeOf(text[0]) == jsonNumber && lax.number(0) == len(text) && lax.unheld > 0
}

// noteNoID records that an id is a number that no id is.
func (s *scanner) noteNoID(f field, in shape, raw []byte) {
	complaint := " is a number with a fraction or an exponent: want a string, or a whole number"
	if nonFinite(raw) > 0 {
		complaint = " is no number that an id can be: want a string, or a whole number"
	}
	s.noteUnderstood(f, in, " "+asWritten(raw)+complaint)
}

func (s *scanner) noteUnderstood(f field, in shape, complaint string) {
	if in == inItem {
		s.noteItem(schema[f].name + complaint)
		return
	}
	s.note(events.ReasonWrongType, schema[f].name+complaint)
}

// noteText records that a text that the event needs is none.
func (s *scanner) noteText(f field, in shape) {
	complaint := schema[f].name + " is no text: it is not UTF-8, or has half of an escaped surrogate pair"
	if in == inItem {
		s.noteItem(complaint)
		return
	}
	s.note(events.ReasonInvalidUTF8, complaint)
}

func (s *scanner) noteType(f field, in shape, got jsonType) {
	if got == jsonAny {
		return // it is not JSON, which says more
	}
	want := schema[f].want.String()
	if f == fieldTS {
		want = "a string or a number"
	}
	complaint := fmt.Sprintf("%s is %s, want %s", schema[f].name, got, want)
	if in == inItem {
		s.noteItem(complaint)
		return
	}
	s.note(events.ReasonWrongType, complaint)
}

// itemList scans the list of items that opens at i.
func (s *scanner) itemList(i, depth int) int {
	return s.elements(i, depth, true)
}

// item scans one item.
func (s *scanner) item(i, depth int) int {
	s.items++
	if i < len(s.data) && s.data[i] != '{' {
		got := typeOf(s.data[i])
		if nonFinite(s.data[i:]) > 0 {
			got = jsonNull
		}
		if got != jsonAny {
			s.noteItem("is " + got.String() + ", want an object")
		}
		return s.value(i, depth)
	}
	s.spans[fieldItemID] = span{}
	end := s.object(i, depth+1, inItem, 0)
	if end < 0 {
		return -1
	}
	if at := s.spans[fieldItemID]; !at.given() {
		s.noteItem("item_id is not given")
	} else if complaint := complainOfID(s.text(at)); complaint != "" {
		s.noteItem("item_id " + complaint)
	}
	return end
}

// noteItem records what is wrong with the item being scanned.
func (s *scanner) noteItem(complaint string) {
	if s.content == nil {
		s.note(events.ReasonBadItem, "items["+strconv.Itoa(s.items-1)+"] "+complaint)
	}
}
