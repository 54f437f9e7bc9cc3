package mapping

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// otlpLogs reads logs of OpenTelemetry, as JSON or protobuf: every log record is a
// record, with the attributes of its resource and scope beside its own. The dead letters
// keep a record as OTLP JSON.
func otlpLogs(_ *jsonevent.Decoder, r *reader, m *events.Message, each eachRecord) (reject *events.RejectError) {
	data, reject := r.unpacked(m)
	if reject != nil {
		return reject
	}
	logs, err := readLogs(data)
	if err != nil {
		return &events.RejectError{Reason: ReasonFormat, Detail: "it is no OTLP of logs, neither JSON nor protobuf: " +
			clip(err.Error())}
	}
	if logs.ResourceLogs().Len() == 0 {
		for _, other := range []string{"resourceSpans", "resourceMetrics"} {
			if bytes.Contains(data, []byte(`"`+other+`"`)) {
				return &events.RejectError{Reason: ReasonFormat, Detail: "it has " + other + ": of OTLP, logs alone are read"}
			}
		}
	}
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				raw, err := (&plog.JSONMarshaler{}).MarshalLogs(oneLog(resource, scope, record))
				if err != nil {
					raw = nil // it was decoded a moment ago
				}
				if !each(logRecord(resource, scope, record), raw, nil) {
					return nil
				}
			}
		}
	}
	return nil
}

// isJSON reports whether OTLP is in JSON, and not in protobuf.
func isJSON(data []byte) bool {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{'
}

func readLogs(data []byte) (plog.Logs, error) {
	if isJSON(data) {
		return unmarshal((&plog.JSONUnmarshaler{}).UnmarshalLogs, data)
	}
	return unmarshal((&plog.ProtoUnmarshaler{}).UnmarshalLogs, data)
}

// unmarshal calls a decoder of others, whose panics must not end the program.
func unmarshal(decode func([]byte) (plog.Logs, error), data []byte) (logs plog.Logs, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be decoded (%v)", p)
		}
	}()
	return decode(data)
}

// logRecord is a log record as expressions see it.
func logRecord(resource plog.ResourceLogs, scope plog.ScopeLogs, r plog.LogRecord) map[string]any {
	out := map[string]any{
		"resource": attributesOf(resource.Resource().Attributes()),
		"scope": map[string]any{"name": scope.Scope().Name(), "version": scope.Scope().Version(),
			"attributes": attributesOf(scope.Scope().Attributes())},
		"attributes": attributesOf(r.Attributes()),
		"body":       attributeOf(r.Body()),
	}
	at := r.Timestamp()
	if at == 0 {
		at = r.ObservedTimestamp()
	}
	if at > math.MaxInt64 {
		out["time"] = jsonevent.Digits(strconv.FormatUint(uint64(at), 10)) // which no unit makes a time
	} else if at != 0 {
		out["time"] = events.Time(at)
	}
	give := func(name, text string) {
		if text != "" {
			out[name] = text
		}
	}
	give("event_name", r.EventName())
	give("severity", r.SeverityText())
	if id := r.TraceID(); !id.IsEmpty() {
		give("trace_id", hex.EncodeToString(id[:]))
	}
	if id := r.SpanID(); !id.IsEmpty() {
		give("span_id", hex.EncodeToString(id[:]))
	}
	return out
}

// attributesOf is a map of attributes.
func attributesOf(attributes pcommon.Map) map[string]any {
	out := make(map[string]any, attributes.Len())
	for name, v := range attributes.All() {
		out[name] = attributeOf(v)
	}
	return out
}

func attributeOf(v pcommon.Value) any {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeInt:
		return int(v.Int())
	case pcommon.ValueTypeDouble:
		return v.Double()
	case pcommon.ValueTypeBytes:
		return string(v.Bytes().AsRaw())
	case pcommon.ValueTypeMap:
		return attributesOf(v.Map())
	case pcommon.ValueTypeSlice:
		list := make([]any, v.Slice().Len())
		for i := range list {
			list[i] = attributeOf(v.Slice().At(i))
		}
		return list
	}
	return nil
}

// oneLog is one log record alone, with its resource and scope.
func oneLog(resource plog.ResourceLogs, scope plog.ScopeLogs, record plog.LogRecord) plog.Logs {
	one := plog.NewLogs()
	r := one.ResourceLogs().AppendEmpty()
	resource.Resource().CopyTo(r.Resource())
	s := r.ScopeLogs().AppendEmpty()
	scope.Scope().CopyTo(s.Scope())
	record.CopyTo(s.LogRecords().AppendEmpty())
	return one
}
