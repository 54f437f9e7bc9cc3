package jetstream

import (
	"github.com/nats-io/nats.go"
)

// headerMarker is what a server gives to the messages that it leaves where it deleted others, if a stream has
// subject_delete_marker_ttl. They are no events: they hold nothing, and no producer sent them.
const headerMarker = "Nats-Marker-Reason"

// isMarker reports whether a message is such a delete marker. One with data is not, and neither is one without data
// that a producer sent, as the client of a key-value bucket does: that may be a mistake, and is said.
func isMarker(header nats.Header, data []byte) bool {
	if len(data) > 0 {
		return false
	}
	switch header.Get(headerMarker) {
	case "MaxAge", "Purge", "Remove":
		return true
	}
	return false
}
