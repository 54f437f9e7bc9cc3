package ingest

import (
	"mime"
	"net/http"
	"strings"
)

// form is how a body holds events.
type form uint8

// The forms.
const (
	formEvents      form = iota // one event, an array, or one a line
	formCloudEvent              // a CloudEvent in structured mode
	formCloudEvents             // an array of them
	formOther                   // what only a codec reads
)

// mediaOf says how a body holds events, by its Content-Type. A body without one is taken
// for JSON. The data of a CloudEvent in binary mode may be anything that the input's format
// makes sense of.
func (in *input) mediaOf(h http.Header) (form, *failure) {
	text := h.Get("Content-Type")
	if text == "" {
		return formEvents, nil
	}
	media, params, err := mime.ParseMediaType(text)
	if err != nil {
		return 0, fail(http.StatusUnsupportedMediaType, "the Content-Type %q is malformed: it is application/json",
			clip(text))
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") &&
		!strings.EqualFold(charset, "us-ascii") {
		return 0, fail(http.StatusUnsupportedMediaType, "the charset is %s: JSON is UTF-8", clip(charset))
	}
	switch media {
	case "application/json", "text/json", "text/plain", "application/x-ndjson", "application/ndjson",
		"application/jsonl", "application/x-jsonlines", "application/jsonlines", "application/json-lines":
		if in.Format == formatCSV || in.Format == formatOTLP {
			return formOther, nil
		}
		return formEvents, nil
	case "application/cloudevents+json", "application/cloudevents-batch+json":
		if in.Codec != nil {
			return formEvents, nil // records in JSON: the mapping says what they are
		}
		if media == "application/cloudevents+json" {
			return formCloudEvent, nil
		}
		return formCloudEvents, nil
	case "application/x-www-form-urlencoded":
		return 0, fail(http.StatusUnsupportedMediaType,
			"the body is declared to be a form: send application/json (with curl: --json)")
	}
	if in.Format == formatCSV && media == "text/csv" || in.Format == formatOTLP && media == mediaProtobuf ||
		in.Format == formatCloudEvents && h.Get("ce-specversion") != "" {
		return formOther, nil
	}
	return 0, fail(http.StatusUnsupportedMediaType, "%s is not understood: send %s", clip(media), in.understood())
}

// The formats of records that have a Content-Type of their own, as configurations call them.
const (
	formatCSV         = "csv"
	formatOTLP        = "otlp"
	formatCloudEvents = "cloudevents"
)

// mediaProtobuf is how OTLP in protobuf is declared (OTLP 1.0, OTLP/HTTP).
const mediaProtobuf = "application/x-protobuf"

// understood lists the Content-Types of an input.
func (in *input) understood() string {
	switch in.Format {
	case formatCSV:
		return "text/csv"
	case formatOTLP:
		return "application/json or " + mediaProtobuf
	case formatCloudEvents:
		return "application/cloudevents+json, or the headers ce-specversion, ce-id, ce-source and ce-type"
	}
	return "application/json, application/x-ndjson, application/cloudevents+json or text/plain"
}

// carried are the headers of a request that go with its message: what the body is, and the
// attributes of a CloudEvent in binary mode.
func carried(h http.Header, f form) map[string][]string {
	to := map[string][]string{"Content-Type": {"application/json"}}
	if media := h.Get("Content-Type"); media != "" && (f != formEvents || h.Get("ce-specversion") != "") {
		to["Content-Type"] = []string{media}
	}
	for name, values := range h {
		if low := strings.ToLower(name); strings.HasPrefix(low, "ce-") {
			to[low] = values
		}
	}
	return to
}
