package jetstream

import (
	"fmt"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// Fault is what happened to a log under its reader.
type Fault uint8

// The faults.
const (
	FaultMissing   Fault = iota // the stream is gone
	FaultRecreated              // another stream has its name
	FaultRewound                // it ends before what was already read
	FaultTrimmed                // it begins after what is to be read next
	FaultHole                   // messages were deleted out of its middle
	FaultChanged                // its configuration no longer holds what is read
	FaultForked                 // it was rewound, and others have the place of messages that were read
)

var faultNames = [...]string{"missing", "recreated", "rewound", "trimmed", "hole", "changed", "forked"}

// String is the fault's name in logs and metrics.
func (f Fault) String() string { return faultNames[f] }

// LogError says that an input log is not the log that was read before, or no
// longer holds what is to be read next. Going on would lose messages in
// silence, so nothing goes on until a person has decided.
type LogError struct {
	Stream string
	Fault  Fault
	Next   uint64      // sequence of the message wanted next
	First  uint64      // sequence of the oldest message the stream holds
	Last   uint64      // sequence of the newest
	Want   events.Time // when the stream that was read was created; 0 if not known
	Have   events.Time // when the stream there is now was created
	Detail string      // what changed; for FaultChanged
	Shared bool        // the stream holds other subjects too, and what is gone may have been of those; for a FaultHole
	Gone   int         // how many messages are gone; for a FaultHole of such a stream
}

// Error says what happened and what the choices are.
func (e *LogError) Error() string {
	const (
		restore = "restore the stream from a backup"
		anew    = "go on without what is lost, as labeljoin gap log explains, or start anew with empty state and output directories"
		choices = restore + ", " + anew
	)
	switch e.Fault {
	case FaultMissing:
		return e.What() + ": " + restore + ", or create it again and " + anew
	case FaultChanged:
		return e.What() + "; change it back, or configure the subject and the stream that have the events"
	case FaultTrimmed:
		return e.What() + "; " + choices + ", and give the stream limits that outlast an outage"
	case FaultHole:
		return e.What() + "; " + choices + ", and protect the stream with deny_delete and deny_purge"
	}
	return e.What() + "; " + choices
}

// What says what happened, and not what to do about it.
func (e *LogError) What() string {
	switch e.Fault {
	case FaultMissing:
		return fmt.Sprintf("stream %q is gone", e.Stream)
	case FaultRecreated:
		return fmt.Sprintf("stream %q was created at %s, but the one read before at %s, and it does not have the newest message that was read: "+
			"it is another log under the same name", e.Stream, e.Have, e.Want)
	case FaultRewound:
		return fmt.Sprintf("stream %q ends at sequence %d, but was already read through %d: the broker lost its newest messages", e.Stream, e.Last, e.Next-1)
	case FaultTrimmed:
		return fmt.Sprintf("stream %q begins at sequence %d, but %d is to be read next: messages expired or were purged unread", e.Stream, e.First, e.Next)
	case FaultChanged:
		return fmt.Sprintf("stream %q is not configured so that it can be read: %s", e.Stream, e.Detail)
	case FaultForked:
		return fmt.Sprintf("stream %q has another message %d than the one that was read: the broker lost its newest messages, or was restored from an older copy, "+
			"and gave their places to others", e.Stream, e.Next-1)
	default:
		if e.Shared {
			what := fmt.Sprintf("%d messages, %d the first of them, that may not have been read: they were deleted, purged by subject, "+
				"expired on their own, or are damaged. Whether they were", e.Gone, e.Next)
			if e.Gone == 1 {
				what = fmt.Sprintf("message %d, which may not have been read: it was deleted, purged by subject, "+
					"expired on its own, or is damaged. Whether it was", e.Next)
			}
			return fmt.Sprintf("stream %q no longer holds %s of the subjects that are read, the stream does not tell", e.Stream, what)
		}
		return fmt.Sprintf("stream %q no longer holds message %d, which is to be read: it was deleted, expired on its own, or is damaged", e.Stream, e.Next)
	}
}

// Refusal reports that a person has to decide.
func (e *LogError) Refusal() bool { return true }

// Incomplete says what the log lacks, if it is the one that was read and only lacks
// messages; else nothing.
func (e *LogError) Incomplete() string {
	switch e.Fault {
	case FaultTrimmed:
		return fmt.Sprintf("stream %q begins at message %d, and is needed from %d", e.Stream, e.First, e.Next)
	case FaultHole:
		return fmt.Sprintf("stream %q no longer holds message %d", e.Stream, e.Next)
	}
	return ""
}

// SpreadError says that several streams hold messages of a subject, and that none of
// them is named.
type SpreadError struct {
	Subject string
	Streams []string
}

// Error implements error.
func (e *SpreadError) Error() string {
	return fmt.Sprintf("subject %q is spread over the streams %s: name those to read as the input's stream, or publish into one stream",
		e.Subject, strings.Join(e.Streams, ", "))
}

// Misuse reports that the configuration has to say more.
func (e *SpreadError) Misuse() bool { return true }

// NoStreamError says that no stream holds a subject that is to be read.
type NoStreamError struct {
	Subject string
	Stream  string   // that should hold it; empty if any may
	Read    []string // the streams that were read so far; empty if this is the first start
}

// Error implements error.
func (e *NoStreamError) Error() string {
	switch {
	case len(e.Read) > 0:
		return fmt.Sprintf("no stream holds subject %q any more, and what was joined so far came from %q: give the subject back to its stream, "+
			"configure the subject that took its place, or restore the stream from a backup. Or create the stream again and go on "+
			"without what is lost, as labeljoin gap log explains; or begin anew with other state and output directories", e.Subject, e.Read)
	case e.Stream != "":
		return fmt.Sprintf("there is no stream %q, which should hold subject %q: write the name of one that there is, "+
			"leave out stream, or set inputs.create: true", e.Stream, e.Subject)
	default:
		return fmt.Sprintf("no stream holds subject %q: create one on the server, or set inputs.create: true", e.Subject)
	}
}

// Refusal reports that a person has to decide: the streams are not those that were read.
// At a first start, a stream may still be created by others.
func (e *NoStreamError) Refusal() bool { return len(e.Read) > 0 }
