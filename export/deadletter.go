package export

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/labeljoin/labeljoin/events"
)

// deadLetter is one line of a dead letter file.
type deadLetter struct {
	Input  string `json:"input"`
	Seq    uint64 `json:"seq"`
	Index  uint32 `json:"index"`
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	Stored string `json:"stored,omitzero"` // left out if there is none
	// What the message was published to, and its headers; left out if they are not known.
	Subject string              `json:"subject,omitzero"`
	Headers map[string][]string `json:"headers,omitzero"`
	// The event's bytes: as a string if they are UTF-8, else in base64.
	Data   string `json:"data,omitzero"`
	Base64 string `json:"data_base64,omitzero"`
}

// EncodeDeadLetter renders an event that was rejected as a line of a dead letter file.
func EncodeDeadLetter(d *events.DeadLetter) ([]byte, error) {
	line := deadLetter{
		Input: valid(d.Input), Seq: d.Origin.Seq, Index: d.Origin.Index, Kind: d.Kind.String(),
		Reason: valid(d.Reason), Detail: valid(d.Detail), Subject: valid(d.Subject),
	}
	for name, values := range d.Header {
		if line.Headers == nil {
			line.Headers = map[string][]string{}
		}
		for _, value := range values {
			line.Headers[valid(name)] = append(line.Headers[valid(name)], valid(value))
		}
	}
	if d.Stored != events.MinTime {
		line.Stored = d.Stored.String()
	}
	if utf8.Valid(d.Data) {
		line.Data = string(d.Data)
	} else {
		line.Base64 = base64.StdEncoding.EncodeToString(d.Data)
	}
	data, err := json.Marshal(&line)
	if err != nil {
		return nil, fmt.Errorf("dead letter %s/%d: %w", d.Input, d.Origin.Seq, err)
	}
	return append(data, '\n'), nil
}

// valid replaces what is not UTF-8, which JSON cannot hold.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
