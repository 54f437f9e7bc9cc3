package mapping

import (
	"encoding/base64"
	"mime"
	"net/url"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// cloudEvents reads CloudEvents 1.0: in binary mode if the headers have ce-id or its
// like, else structured, one or a batch. A record is the event with its attributes and
// extensions as members beside data, which is decoded if it is JSON.
func cloudEvents(limits *jsonevent.Decoder, r *reader, m *events.Message, each eachRecord) *events.RejectError {
	if headerOf(m, "ce-specversion") != "" || headerOf(m, "ce-id") != "" {
		return binaryCloudEvent(limits, r, m, each)
	}
	return jsonRecords(limits, r, m, func(record any, raw []byte, reject *events.RejectError) bool {
		if reject != nil {
			return each(nil, raw, reject)
		}
		if n, ok := record.(*jsonevent.Node); ok {
			if isCloudEvent(n) {
				return each(n, raw, nil)
			}
			record = n.Plain()
		}
		object, ok := record.(map[string]any)
		if _, beat := heartbeatOf(record); ok && !beat {
			reject = openCloudEvent(limits, object)
		} else if !ok {
			reject = &events.RejectError{Reason: events.ReasonNotObject, Detail: "a CloudEvent is an object"}
		}
		return each(record, raw, reject)
	})
}

// isCloudEvent reports whether a record is a CloudEvent with nothing to decode.
func isCloudEvent(n *jsonevent.Node) bool {
	for _, name := range []string{"specversion", "id", "source", "type"} {
		if m := n.Member(jsonevent.NodeNameOf(name)); m == nil || m.Kind() != jsonevent.NodeText || len(m.Raw()) == 0 {
			return false
		}
	}
	return n.Member(jsonevent.NodeNameOf("data_base64")) == nil
}

// openCloudEvent checks what every CloudEvent has, and decodes its data.
func openCloudEvent(limits *jsonevent.Decoder, object map[string]any) *events.RejectError {
	for _, name := range []string{"specversion", "id", "source", "type"} {
		if text, ok := object[name].(string); !ok || text == "" {
			return &events.RejectError{Reason: ReasonFormat, Detail: "it is no CloudEvent: " + name + " is not given"}
		}
	}
	if encoded, ok := object["data_base64"].(string); ok {
		data, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return &events.RejectError{Reason: ReasonFormat, Detail: "data_base64 is not in base64"}
		}
		contentType, _ := object["datacontenttype"].(string)
		object["data"] = dataOf(limits, data, contentType)
	}
	return nil
}

// binaryCloudEvent reads an event whose attributes are headers. They are encoded with
// percent signs.
func binaryCloudEvent(limits *jsonevent.Decoder, r *reader, m *events.Message, each eachRecord) *events.RejectError {
	data, reject := r.unpacked(m)
	if reject != nil {
		return reject
	}
	object := map[string]any{}
	for name, values := range m.Envelope.Header {
		name = strings.ToLower(name)
		if attribute, ok := strings.CutPrefix(name, "ce-"); ok && len(values) > 0 {
			value, err := url.PathUnescape(values[0])
			if err != nil {
				value = values[0]
			}
			object[attribute] = value
		}
	}
	contentType := headerOf(m, "content-type")
	if contentType != "" {
		object["datacontenttype"] = contentType
	}
	if len(data) > 0 {
		object["data"] = dataOf(limits, data, contentType)
	}
	reject = openCloudEvent(limits, object)
	each(object, m.Data, reject)
	return nil
}

// dataOf is data as what its content type says, JSON unless it says something else; a
// text if it is not that.
func dataOf(limits *jsonevent.Decoder, data []byte, contentType string) any {
	media, _, err := mime.ParseMediaType(contentType)
	if contentType == "" || err == nil && (media == "application/json" || media == "text/json" ||
		strings.HasSuffix(media, "+json")) {
		if v, reject := limits.Record(data); reject == nil {
			return v
		}
	}
	return string(data)
}
