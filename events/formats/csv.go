package formats

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A record of a table spans lines if a quoted field has a line's end in it. A quote
// that is not closed must not swallow the rest of the file, so a record that goes on
// beyond these bounds is one bad line.
const (
	maxRecordLines = 1000
	maxRecordBytes = 4 << 20
)

// Table reads the records of a table as CSV (RFC 4180), with a comma, a semicolon, a
// tab or a bar between the fields. The header names them. An empty field is not given.
type Table struct {
	// Texts says that every cell is a text, and that a dot in a name is a part of it. Without
	// it a cell becomes what the event's field of that name has to be.
	Texts bool

	line      func() ([]byte, error) // the next line; its memory is the caller's
	separator rune
	columns   []column
	header    bool
	n         uint64 // lines read
	back      [][]byte
}

// column is a field of the header.
type column struct {
	name string
	kind cellKind
}

// cellKind says how a cell becomes JSON.
type cellKind uint8

const (
	cellAny    cellKind = iota // a number or a truth value if it looks like one, else a text
	cellText                   // a text, even if it is all digits
	cellTime                   // a whole number is an epoch, anything else a text
	cellNested                 // JSON
)

// kindOf says how the cells of a column are read.
func kindOf(name string) cellKind {
	switch name {
	case "request_id", "outcome_id", "item_id", "type", "model", "model_version", "user_id":
		return cellText
	case "ts", "heartbeat":
		return cellTime
	}
	if IsNested(name) {
		return cellNested
	}
	return cellAny
}

// NewTable reads a table. line gives its lines without their ends, and io.EOF at last.
func NewTable(line func() ([]byte, error)) *Table { return &Table{line: line} }

// Next returns the number of the line on which the next record begins, from 1 on, and
// its JSON in memory of its own. A record that cannot be read is its own bytes, which
// decoding rejects.
func (t *Table) Next() (line uint64, event []byte, err error) {
	for !t.header {
		text, err := t.next()
		if err != nil {
			return 0, nil, err
		}
		if text = bytes.Trim(bytes.TrimPrefix(text, byteOrderMark), " \r"); len(bytes.TrimSpace(text)) == 0 {
			continue // a tab would be of a column without a name
		}
		t.header = true
		if t.separator = separatorOf(text); t.separator == 0 {
			return t.n, text, nil
		}
		names, _ := splitRecord(text, t.separator)
		NameColumns(names)
		for _, name := range names {
			t.columns = append(t.columns, column{name, kindOf(name)})
		}
	}
	for {
		text, err := t.next()
		if err != nil {
			return 0, nil, err
		}
		if at := t.n; len(bytes.TrimSpace(text)) > 0 {
			record, err := t.whole(text)
			if err != nil {
				return 0, nil, err
			}
			return at, t.event(record), nil
		}
	}
}

// next is the next line: one that was put back, or one of the file.
func (t *Table) next() (text []byte, err error) {
	if len(t.back) > 0 {
		text, t.back = t.back[0], t.back[1:]
	} else if text, err = t.line(); err != nil {
		return nil, err
	}
	t.n++
	return text, nil
}

// whole adds the lines that a quoted field goes on over.
func (t *Table) whole(first []byte) ([]byte, error) {
	if bytes.Count(first, []byte{'"'})%2 == 0 {
		return first, nil
	}
	record, more := bytes.Clone(first), [][]byte(nil)
	for len(more) < maxRecordLines && len(record) < maxRecordBytes {
		text, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		more = append(more, text)
		record = append(append(record, '\n'), text...)
		if bytes.Count(text, []byte{'"'})%2 == 1 {
			return record, nil
		}
	}
	t.n -= uint64(len(more))
	t.back = append(more, t.back...)
	return first, nil
}

// event makes a record JSON.
func (t *Table) event(record []byte) []byte {
	cells, err := splitRecord(record, t.separator)
	if err != nil || len(cells) != len(t.columns) {
		why := fmt.Sprintf("the record has %d fields and the header %d: ", len(cells), len(t.columns))
		if err != nil {
			why = err.Error() + ": "
		}
		return append([]byte(why), record...)
	}
	var o Object
	for i, cell := range cells {
		switch {
		case cell == "":
		case t.Texts:
			o.AddPlain(t.columns[i].name, AppendText(nil, cell))
		default:
			o.Add(t.columns[i].name, t.columns[i].json(cell))
		}
	}
	return o.Append(nil)
}

// json is a cell as JSON.
func (c *column) json(cell string) []byte {
	switch c.kind {
	case cellText:
	case cellTime:
		if isWhole(cell) {
			return []byte(cell)
		}
	case cellNested:
		return AppendNested(nil, cell)
	case cellAny:
		if c := cell[0]; (c == '-' || c >= '0' && c <= '9' || cell == "true" || cell == "false") && json.Valid([]byte(cell)) {
			return []byte(cell)
		}
		if strings.Contains(c.name, ".") {
			return AppendNested(nil, cell)
		}
	}
	return AppendText(nil, cell)
}

// isWhole reports whether a text is a whole number as JSON writes it.
func isWhole(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == "" && (digits == "0" || digits[0] != '0')
}

// splitRecord parts a record. It is an error if it is more than one.
func splitRecord(record []byte, separator rune) ([]string, error) {
	r := csv.NewReader(bytes.NewReader(record))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = separator, -1, false
	cells, err := r.Read()
	if err != nil {
		return nil, err
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one record")
	}
	return cells, nil
}
