package jetstream

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/events"
)

// HoldUnreadable is the reason of a hold when a stream cannot be read, though NATS
// is there.
const HoldUnreadable = "unreadable"

// HoldLabelStream is the reason when the label stream does not take labels.
const HoldLabelStream = "label_stream"

// unreadable says that a stream cannot be read, and why.
func unreadable(nc *nats.Conn, stream string, cause error) events.Hold {
	return events.Hold{Reason: HoldUnreadable, Detail: fmt.Sprintf(
		"stream %q cannot be read: %v; labeljoin doctor says what the joiner must be allowed and offered", stream,
		refusal(nc, cause))}
}

// refusal is why a request failed. What NATS has refused is not in the error of the
// request, which just is not answered.
func refusal(nc *nats.Conn, cause error) error {
	if last := nc.LastError(); errors.Is(last, nats.ErrPermissionViolation) {
		return last
	}
	return cause
}

// silences counts requests that NATS did not answer, though it is connected. A server
// that has refused the subscription for answers does not say so again when it is
// allowed, and no answer comes any more: only a new connection has it anew.
type silences int

// So many requests may stay without an answer, of five seconds each: the first time,
// and again if a new connection was of no use.
const mostSilences, moreSilences = 3, 10

// count takes in the outcome of a request, and connects anew when too many stayed
// without an answer.
func (n *silences) count(nc *nats.Conn, silent bool) {
	if !silent || !nc.IsConnected() {
		*n = 0
		return
	}
	if *n++; *n >= mostSilences {
		*n = mostSilences - moreSilences
		_ = nc.ForceReconnect() // fails only if the connection is closed
	}
}
