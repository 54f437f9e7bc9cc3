package events

// Codec makes events of the records of an input whose producers do not write
// labeljoin's own format. It is a function of the message: the same message gives the
// same events, whenever and wherever it is read. Several goroutines may use it.
type Codec interface {
	// Decode calls yield for every event that a message holds, in order, and for every
	// record that is no event; index is its position, from 0. It stops when yield says
	// false. A message of which nothing is wanted may give none.
	Decode(m *Message, yield func(index uint32, d Decoded) bool)
}

// Divider is a Codec of a format in which a message has something around its records, like
// the names of columns, so that one that is too large cannot be cut.
type Divider interface {
	// Divide gives messages that hold the records of a message, in order, each of at most so
	// many bytes unless one record has more. It gives none if the message is not in the
	// format.
	Divide(m *Message, most int) [][]byte
}

// Decoded is what a record became: an event, or the reason why it is none.
type Decoded struct {
	Kind   Kind
	Data   []byte       // the event in labeljoin's own format; it does not change later
	Record []byte       // what it was made of, which the dead letters keep
	Reject *RejectError // not nil: it is no event
	// Left are the names of some fields of the record that nothing uses, and Unused is
	// how many there are.
	Left   []string
	Unused int
}

// Envelope is what a message carries beside its data. A record of a file has none: what
// was around it, like the header of a table, is no part of its data.
type Envelope struct {
	Subject string
	Header  map[string][]string // nil: it has none
}
