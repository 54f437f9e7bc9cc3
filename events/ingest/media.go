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
// for JSON.
func mediaOf(h http.Header) (form, *failure) {
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
		return formEvents, nil
	case "application/cloudevents+json":
		return formCloudEvent, nil
	case "application/cloudevents-batch+json":
		return formCloudEvents, nil
	case "application/x-www-form-urlencoded":
		return 0, fail(http.StatusUnsupportedMediaType,
			"the body is declared to be a form: send application/json (with curl: --json)")
	}
	return 0, fail(http.StatusUnsupportedMediaType,
		"%s is not understood: send application/json, application/x-ndjson, application/cloudevents+json or text/plain",
		clip(media))
}

// carried are the headers of a request that go with its message: what the body is, and the
// attributes of a CloudEvent in binary mode.
func carried(h http.Header, f form) map[string][]string {
	to := map[string][]string{"Content-Type": {"application/json"}}
	if media := h.Get("Content-Type"); media != "" && f != formEvents {
		to["Content-Type"] = []string{media}
	}
	for name, values := range h {
		if low := strings.ToLower(name); strings.HasPrefix(low, "ce-") {
			to[low] = values
		}
	}
	return to
}
