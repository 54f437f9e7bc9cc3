package events

// Label is one message of the label stream.
type Label struct {
	ID   string // deterministic: the Nats-Msg-Id
	Data []byte // JSON
}
