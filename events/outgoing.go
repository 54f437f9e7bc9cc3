package events

// Outgoing is a message that is to be stored in a log of events.
type Outgoing struct {
	Subject string // without wildcards
	Stream  string // the only one that may store it; empty: any
	// ID tells a copy from another message: the log keeps one of several messages that
	// come with the same within a few minutes. Empty: it is never taken for a copy.
	ID     string
	Header map[string][]string // nil: it has none
	Data   []byte
	Events int // how many events it holds
}

// Fault is why a log did not store a message.
type Fault uint8

// The faults. Of FaultAway and FaultSlow it is not known whether the message was stored
// all the same: it can be sent again, and a copy is told apart by its bytes.
const (
	FaultAway     Fault = iota // the log cannot be reached
	FaultSlow                  // it did not answer in time, or too much is under way
	FaultRefused               // it answered that it does not store the message
	FaultTooLarge              // the message is larger than it ever takes
)

// StoreError says that a message was not stored.
type StoreError struct {
	Fault  Fault
	Reason string // what happened, in words, and the way out
}

// Error is the reason.
func (e *StoreError) Error() string { return e.Reason }
