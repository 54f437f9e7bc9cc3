package events

// Position is how far one input log has been read: everything before message
// Next, and the first Skip events of that message.
type Position struct {
	Input   string `json:"input"`             // stream (or file) name
	Created Time   `json:"created,omitempty"` // when the stream was created: its identity
	Next    uint64 `json:"next"`              // sequence of the next message, from 1
	Skip    uint32 `json:"skip,omitempty"`    // events of it already consumed
	Mark    Mark   `json:"mark,omitzero"`     // of the last message read whole
}

// Before reports whether less was read than at another position of the same log.
func (p *Position) Before(q *Position) bool {
	return p.Next < q.Next || p.Next == q.Next && p.Skip < q.Skip
}
