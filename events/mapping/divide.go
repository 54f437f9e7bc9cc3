package mapping

import (
	"bytes"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/labeljoin/labeljoin/events"
)

// Divide implements events.Divider for CSV and OTLP, of which a message has something
// around its records.
func (m *Mapping) Divide(msg *events.Message, most int) [][]byte {
	data, reject := new(reader).unpacked(msg)
	if reject != nil {
		return nil
	}
	switch m.format.name {
	case "csv":
		return divideCSV(data, most)
	case "otlp":
		return divideLogs(data, most)
	}
	return nil
}

// divideCSV puts the line of names before each part.
func divideCSV(data []byte, most int) (parts [][]byte) {
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	table, reject := openCSV(data)
	if reject != nil {
		return nil
	}
	if len(table.head) > most/2 {
		return nil // each part would be names above all, and all parts many times the body
	}
	begin := len(table.head)
	add := func(end int) {
		if end > begin {
			parts = append(parts, append(bytes.Clone(table.head), data[begin:end]...))
		}
		begin = end
	}
	for end := begin; ; {
		_, err := table.reader.Read()
		if err != nil { // the end, or what follows is no CSV
			add(end)
			add(len(data))
			return parts
		}
		next := int(table.reader.InputOffset())
		if len(table.head)+next-begin > most {
			add(end)
		}
		end = next
	}
}

// divideLogs puts records together as long as they fit, each with its resource and scope.
func divideLogs(data []byte, most int) (parts [][]byte) {
	logs, err := readLogs(data)
	if err != nil {
		return nil
	}
	marshal := (&plog.ProtoMarshaler{}).MarshalLogs
	if isJSON(data) {
		marshal = (&plog.JSONMarshaler{}).MarshalLogs
	}
	part, size, total := plog.NewLogs(), 0, 0
	add := func() {
		if size > 0 {
			text, err := marshal(part)
			if err != nil {
				return // it was decoded a moment ago
			}
			parts = append(parts, text)
		}
		part, size = plog.NewLogs(), 0
	}
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				one := oneLog(resource, scope, record)
				text, err := marshal(one)
				if err != nil {
					return nil
				}
				// A large resource is told with each of its records.
				if total += len(text); total > mostUnpacked {
					return nil
				}
				// Several together are no larger than each alone and a comma.
				if size+len(text)+1 > most {
					add()
				}
				size += len(text) + 1
				one.ResourceLogs().MoveAndAppendTo(part.ResourceLogs())
			}
		}
	}
	add()
	return parts
}
