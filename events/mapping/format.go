package mapping

import (
	"fmt"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// format is how the records of a message are read.
type format struct {
	name string
	// records calls each for every record of a message: its value, or why it is none, and
	// the bytes it was read from, for the dead letters. The error is about all of the
	// message.
	records func(limits *jsonevent.Decoder, r *reader, m *events.Message, each eachRecord) *events.RejectError
	// body names the members of a record whose fields are named when nothing uses them;
	// nil: all of them.
	body []string
}

// eachRecord takes a record: a *jsonevent.Node if it is read as a tree, which then is good
// until the next record.
type eachRecord func(record any, raw []byte, reject *events.RejectError) bool

// Formats lists the formats of records, sorted.
func Formats() []string { return []string{"cloudevents", "csv", "json", "otlp"} }

func formatOf(name string) (format, error) {
	switch name {
	case "json":
		return format{name, jsonRecords, nil}, nil
	case "csv":
		return format{name, csvRecords, nil}, nil
	case "cloudevents":
		return format{name, cloudEvents, []string{"data"}}, nil
	case "otlp":
		return format{name, otlpLogs, []string{"attributes", "body"}}, nil
	}
	return format{}, fmt.Errorf("there is no format %q: it is one of %s", name, strings.Join(Formats(), ", "))
}

// jsonRecords reads JSON: one record, a list of them, or one on each line.
func jsonRecords(limits *jsonevent.Decoder, r *reader, m *events.Message, each eachRecord) *events.RejectError {
	data, reject := r.unpacked(m)
	if reject != nil {
		return reject
	}
	for _, raw := range limits.Split(data) {
		if root := r.tree.Read(limits, raw); root != nil {
			if !each(valueOf(root), raw, nil) {
				break
			}
			continue
		}
		record, reject := limits.Record(raw)
		if !each(record, raw, reject) {
			break
		}
	}
	return nil
}
