// Package events is the vocabulary of the two kinds of things that happen, a
// model being asked (Request) and what followed (Outcome): what they are, where
// they stand in a log, and why one is rejected. How they are decoded from JSON is
// in jsonevent. It is pure: no I/O, no clock.
package events

// Kind says what a message was published as.
type Kind uint8

// The kinds. A heartbeat arrives among either kind and is told apart by its
// content, so it has no kind of its own here.
const (
	KindRequest Kind = iota
	KindOutcome
	Kinds = 2 // how many there are
)

// String is the kind's name in metrics, manifests and dead letters.
func (k Kind) String() string {
	if k == KindRequest {
		return "request"
	}
	return "outcome"
}

// Limits of what an event may hold, in bytes after unescaping. Names are
// bounded because a flattened name repeats the names of the objects around it:
// without a bound, a small event could ask for gigabytes of names.
const (
	MaxID   = 256 // request_id, outcome_id, item_id
	MaxName = 256 // a feature's name, once flattened
)

// IsJoiningID reports whether events are joined, or copies told apart, by a field. One
// that cannot be held costs the event: without its item, an outcome would count for every
// item, and without its own id it would be a copy of others.
func IsJoiningID(field string) bool {
	return field == "request_id" || field == "outcome_id" || field == "item_id"
}

// Origin is where an event was read: the sequence of its message in the input's
// log (or its line in the input's file) and its index within that message.
type Origin struct {
	Input uint8  // index of the input log it came from
	Seq   uint64 // stream sequence or line number, from 1
	Index uint32 // position in the message, from 0
}

// Message is one record of an input log, not yet decoded. It may hold several
// events.
type Message struct {
	Kind   Kind   // of its events; where a Codec reads them, it says of each
	Input  uint8  // index of the input log it came from
	Feed   uint16 // which of the log's feeds it is of, from 0
	Seq    uint64
	Stored Time // when the broker stored it; MinTime where there is no broker
	// Subject is what it was published to; empty where there is no broker.
	Subject string
	Data    []byte
	// Envelope is what a Codec needs beside the data; nil where none reads the message.
	Envelope *Envelope
}

// Request is a model being asked: an inference log record, an impression, an
// exposure.
type Request struct {
	ID           string
	TS           Time
	Model        string // empty: not given
	ModelVersion string
	UserID       string
	Score        float64
	HasScore     bool
	Features     []Field // nested objects flattened with '_', in order of appearance
	Items        []Item  // distinct item ids, in listed order
}

// Item is one of the things a request listed.
type Item struct {
	ID          string
	Position    int64
	Score       float64
	HasPosition bool
	HasScore    bool
	Features    []Field
}

// Field is one named feature. Names are flattened: {"a":{"b":1}} is "a_b".
type Field struct {
	Name  string
	Value Value
}

// ValueKind is the type of a feature's value.
type ValueKind uint8

// The kinds of values, in the order in which a column widens.
const (
	ValueNull   ValueKind = iota
	ValueBool             // Int is 0 or 1
	ValueInt              // Int; a JSON number with neither fraction nor exponent that fits int64
	ValueDouble           // Float; every other JSON number
	ValueString           // Str
	ValueList             // List, of scalars only
	ValueJSON             // Str holds JSON text: a list that holds objects or lists
)

// Value is one feature value. Only the field its Kind names is set.
type Value struct {
	Kind  ValueKind
	Int   int64
	Float float64
	Str   string
	List  []Value
}

// Outcome is something that happened after a request: a click, a purchase, a
// rating.
type Outcome struct {
	RequestID string
	ID        string // outcome_id; empty: not given
	Type      string
	TS        Time
	ItemID    string // empty: it concerns the whole request
	Value     float64
	HasValue  bool
	Attrs     map[string]any // as encoding/json would decode them; nil: not given
	// Share is how much of it is its request's, where several share it: above 0 and
	// below 1. 0: all of it.
	Share float64
	Hash  [32]byte // SHA-256 of the event's bytes: the last tie-break
}
