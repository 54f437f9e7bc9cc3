package events

// Batch is what a source hands over at once: messages in log order, and what
// the log's keeper says about its end.
type Batch struct {
	Messages []Message
	// Memory is what the data of all messages lies in, if the source can use it again; nil
	// from others.
	Memory []byte
	// Records, if not nil, hold what the messages are: the i-th message is the i-th record,
	// and has no data.
	Records Records
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

// Records are used with decoders that allow events of so many bytes, and so deep.
const (
	RecordBytes = 1 << 20
	RecordDepth = 8
)

// Records are requests in labeljoin's own format that did not come as JSON. One goroutine
// uses them.
type Records interface {
	// ID is the request_id of a record; false if only its JSON says what it is.
	ID(i int) (id []byte, ok bool)
	// Request makes *req what decoding a record's JSON does, in the memory that it has, and
	// counts the fields that nothing here knows; false if only the JSON says what it is. The
	// strings are good as long as the batch is.
	Request(i int, unit Unit, req *Request) (unknown int, ok bool)
	// Columns are the features of all records, in the memory of others; false if they are not all there, or if some are
	// neither numbers nor texts. They are good as long as the batch is.
	Columns(memory []FeatureColumn) (columns []FeatureColumn, ok bool)
	// Head is Request without the features, where Columns has them.
	Head(i int, unit Unit, req *Request) (unknown int, ok bool)
	// Unknown lists the fields of a record that nothing here knows.
	Unknown(i int) []string
	// JSON is the record as the data of a message.
	JSON(i int) []byte
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
