package events

// Hold is why something waits: rows of a source whose silence proves nothing,
// reading that pauses, a label stream that cannot be written. The zero value is
// that nothing waits. What is said of it is the same in the log, in the status
// and in the metrics.
type Hold struct {
	Reason string // a short code of a fixed set: the value of a metric's label
	Detail string // for people: what is wrong, and the way out
}

// On reports whether there is a hold.
func (h Hold) On() bool { return h.Reason != "" }
