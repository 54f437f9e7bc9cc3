package mapping

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// csvRecords reads CSV (RFC 4180) with a line of names, which tell the separator too. Every value is a text; an empty
// one is not given. The dead letters keep a record below the names, so that it can be
// read again.
//
// A message without an envelope is a record of a file, which is an object of such texts
// already.
func csvRecords(limits *jsonevent.Decoder, r *reader, m *events.Message, each eachRecord) *events.RejectError {
	if m.Envelope == nil {
		return jsonRecords(limits, r, m, each)
	}
	data, reject := r.unpacked(m)
	if reject != nil {
		return reject
	}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	table, reject := openCSV(data)
	if reject != nil {
		return reject
	}
	lines, names, head := table.reader, table.names, table.head
	for {
		from := lines.InputOffset()
		values, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		raw := bytes.TrimRight(data[from:lines.InputOffset()], "\r\n")
		raw = append(bytes.Clone(head), raw...)
		switch {
		case err != nil: // where the next record begins is not known
			raw = append(bytes.Clone(head), data[from:]...)
			each(nil, raw, &events.RejectError{Reason: ReasonFormat, Detail: "from here on it is not CSV: " + err.Error()})
			return nil
		case len(values) != len(names):
			reject = &events.RejectError{Reason: ReasonFormat,
				Detail: fmt.Sprintf("it has %d values, and %d columns have names", len(values), len(names))}
		case len(raw) > maxBytesOf(limits):
			reject = &events.RejectError{Reason: events.ReasonTooLarge, Detail: fmt.Sprintf("%d bytes", len(raw))}
		default:
			reject = nil
		}
		record := map[string]any{}
		if reject == nil {
			for i, name := range names {
				if values[i] != "" {
					record[name] = values[i]
				}
			}
		}
		if !each(record, raw, reject) {
			return nil
		}
	}
}

// byteOrderMark is what some tools of Windows write before text.
const byteOrderMark = "\xef\xbb\xbf"

// csvTable is CSV whose line of names has been read.
type csvTable struct {
	reader *csv.Reader
	names  []string
	head   []byte // the line of names
}

func openCSV(data []byte) (*csvTable, *events.RejectError) {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	header, _, _ := bytes.Cut(data, []byte("\n"))
	if separator := formats.Separator(bytes.TrimRight(header, "\r")); separator != 0 {
		r.Comma = separator
	}
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, &events.RejectError{Reason: events.ReasonEmpty, Detail: "there is nothing in it"}
	}
	if err != nil {
		return nil, &events.RejectError{Reason: ReasonFormat, Detail: "it is not CSV: " + err.Error()}
	}
	formats.NameColumns(names)
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return nil, &events.RejectError{Reason: events.ReasonDuplicateKey,
				Detail: fmt.Sprintf("two columns have the name %q", clip(name))}
		}
		seen[name] = true
	}
	return &csvTable{reader: r, names: names, head: data[:r.InputOffset()]}, nil
}

func maxBytesOf(limits *jsonevent.Decoder) int {
	if limits.MaxBytes <= 0 {
		return 1 << 20
	}
	return limits.MaxBytes
}
