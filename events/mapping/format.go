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
	records func(limits *jsonevent.Decoder, m *events.Message, each eachRecord) *events.RejectError
	// body is the part of a record whose fields are named when nothing uses them.
	body func(record any) any
}

type eachRecord func(record any, raw []byte, reject *events.RejectError) bool

// Formats lists the formats of records, sorted.
func Formats() []string { return []string{"cloudevents", "csv", "json", "otlp"} }

func formatOf(name string) (format, error) {
	whole := func(record any) any { return record }
	of := func(names ...string) func(any) any {
		return func(record any) any {
			object, ok := record.(map[string]any)
			if !ok {
				return nil
			}
			body := make(map[string]any, len(names))
			for _, name := range names {
				body[name] = object[name]
			}
			return body
		}
	}
	switch name {
	case "json":
		return format{name, jsonRecords, whole}, nil
	case "csv":
		return format{name, csvRecords, whole}, nil
	case "cloudevents":
		return format{name, cloudEvents, of("data")}, nil
	case "otlp":
		return format{name, otlpLogs, of("attributes", "body")}, nil
	}
	return format{}, fmt.Errorf("there is no format %q: it is one of %s", name, strings.Join(Formats(), ", "))
}

// jsonRecords reads JSON: one record, a list of them, or one on each line.
func jsonRecords(limits *jsonevent.Decoder, m *events.Message, each eachRecord) *events.RejectError {
	data, reject := unpacked(m)
	if reject != nil {
		return reject
	}
	for _, raw := range limits.Split(data) {
		record, reject := limits.Record(raw)
		if !each(record, raw, reject) {
			break
		}
	}
	return nil
}
