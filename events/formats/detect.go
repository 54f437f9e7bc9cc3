// Package formats reads the records of files in formats of others: JSON Lines, JSON
// arrays and CSV, compressed or not. A record becomes the JSON of one event. What a
// file is, its first bytes say, and not its name.
package formats

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Format is what a file holds.
type Format uint8

// The formats. What is nothing else is Lines: a bad line spoils no other, and each is
// rejected with its reason.
const (
	FormatLines   Format = iota // a JSON event on each line
	FormatArray                 // a JSON array of events, over one line or many
	FormatCSV                   // a header, and an event on each line
	FormatParquet               // see the package columnar
	FormatAvro                  // an object container file; see the package columnar
)

// String is the format's name.
func (f Format) String() string {
	return [...]string{"JSON Lines", "a JSON array", "CSV", "Parquet", "Avro"}[f]
}

// ParquetMagic is how a Parquet file begins and ends.
const ParquetMagic = "PAR1"

// Looked is how many bytes of a file Detect wants to see, at most.
const Looked = 32 << 10

// Detect says what a file is that begins with these bytes.
func Detect(begin []byte) Format {
	begin = begin[:min(len(begin), Looked)]
	switch {
	case bytes.HasPrefix(begin, []byte(ParquetMagic)):
		return FormatParquet
	case bytes.HasPrefix(begin, []byte("Obj\x01")):
		return FormatAvro
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(begin, byteOrderMark), " \t\r\n")
	line, rest, ended := bytes.Cut(text, []byte("\n"))
	line = bytes.TrimRight(line, " \t\r")
	switch {
	case isArray(text):
		if ended && bytes.HasSuffix(line, []byte("]")) && balanced(line) {
			return FormatLines // an array of events on each line
		}
		return FormatArray
	case bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("{")):
		return FormatLines // whatever the first line is
	case ended && separatorOf(line) != 0:
		return FormatCSV
	}
	return FormatLines
}

// isArray reports whether a text begins an array of objects.
func isArray(text []byte) bool {
	inside, ok := bytes.CutPrefix(text, []byte("["))
	inside = bytes.TrimLeft(inside, " \t\r\n")
	return ok && (len(inside) == 0 || inside[0] == '{' || inside[0] == ']')
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// balanced reports whether as many brackets are closed as are opened.
func balanced(line []byte) bool {
	var s scope
	for _, c := range line {
		s.take(c)
	}
	return s.depth == 0 && !s.quoted
}

// scope follows JSON by its brackets and quotes alone.
type scope struct {
	depth   int
	quoted  bool
	escaped bool
}

func (s *scope) take(c byte) {
	switch {
	case s.escaped:
		s.escaped = false
	case s.quoted:
		s.escaped, s.quoted = c == '\\', c != '"'
	case c == '"':
		s.quoted = true
	case c == '[' || c == '{':
		s.depth++
	case c == ']' || c == '}':
		s.depth--
	}
}

// element takes the text of an element of an array up to what ends it: a comma or the bracket that closes the array,
// if that is there.
func (s *scope) element(text []byte) (size int, ended bool) {
	for ; size < len(text); size++ {
		if s.quoted && !s.escaped {
			if size += plainText(text[size:]); size == len(text) {
				break
			}
		}
		c := text[size]
		s.take(c)
		if s.depth == 0 || s.depth == 1 && !s.quoted && c == ',' {
			return size, true
		}
	}
	return size, false
}

// plainText is how many bytes stand before the next quote or backslash. It looks a part at a time for the one and for
// the other, as either alone may be far away.
func plainText(text []byte) (size int) {
	const part = 256
	for size < len(text) {
		some := text[size:min(len(text), size+part)]
		at := bytes.IndexByte(some, '"')
		if at < 0 {
			at = len(some)
		}
		if escape := bytes.IndexByte(some[:at], '\\'); escape >= 0 {
			return size + escape
		}
		if size += at; at < len(some) {
			return size
		}
	}
	return size
}

// Separator is what separates the names in the header of a table: a comma, a semicolon, a
// tab or a bar; 0 if a line does not look like a header.
func Separator(header []byte) rune { return separatorOf(header) }

// separatorOf is what separates the names in a line, if it looks like the header of a
// table: two names at least, all different and none with anything in it that is in no
// name. Some columns may have no name. 0 says that it does not look so.
func separatorOf(line []byte) rune {
	for _, separator := range ",;\t|" {
		names, err := splitRecord(line, separator)
		if err == nil && len(names) > 1 && areNames(names) {
			return separator
		}
	}
	return 0
}

// NameColumns names the columns of a header that have no name, as the index has none that
// pandas writes: column_1 is the first column.
func NameColumns(names []string) {
	for i, name := range names {
		if name == "" {
			names[i] = "column_" + strconv.Itoa(i+1)
		}
	}
}

// areNames reports whether these may be the names of columns, of which two have one at least. It
// names the others.
func areNames(names []string) bool {
	given := 0
	for _, name := range names {
		if name != "" {
			given++
		}
	}
	NameColumns(names)
	known := map[string]bool{}
	for _, name := range names {
		if known[name] || !isName(name) {
			return false
		}
		known[name] = true
	}
	return given > 1
}

// isName reports whether a text may be a column's name.
func isName(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	if first != '_' && !unicode.IsLetter(first) {
		return false
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Sc, r) &&
			!strings.ContainsRune("_.-/ ()%#&+*?!°@'", r) {
			return false
		}
	}
	return true
}
