package events

// Batch is what a source hands over at once: messages in log order, and what
// the log's keeper says about its end.
type Batch struct {
	Messages []Message
	// Memory is what the data of all messages lies in, if the source can use it again; nil
	// from others.
	Memory []byte
	// ReadThrough, unless MinTime, is the broker's own time of an answer that said:
	// nothing is pending beyond the messages handed over so far. Every message
	// stored before it has been read.
	ReadThrough Time
	// Through, unless 0, is the sequence through which nothing more is to be
	// read: what the log has beyond the messages handed over is none of ours.
	Through uint64
	// Created, unless 0, is when the stream that is read was created: another time
	// than before if the stream was restored from a backup.
	Created Time
}

// DeadLetter is an event that was rejected or quarantined, kept for a person
// to look at.
type DeadLetter struct {
	Origin Origin
	Input  string // name of the stream or file
	Kind   Kind
	Reason string // a short code: not_json, empty_request_id, max_future, ...
	Detail string // what was wrong, in words
	Stored Time   // the broker's time of the message; MinTime if there is none
	Data   []byte // the event as it was read
	// Subject is what the message was published to, and Header are its headers, which only
	// inputs with a codec know. Empty: not known.
	Subject string              `json:",omitempty"`
	Header  map[string][]string `json:",omitempty"`
}
