package config

import "bytes"

// The bounds on how a document is nested. The parser calls itself for each
// level and keeps what it made of it, so that a few kilobytes of brackets would
// take gigabytes of memory. Configurations nest four levels.
const (
	maxNesting = 100
	maxOnLine  = 2000 // keys, tags and anchors of one line
	maxKeys    = 6000 // of the document: a thousand labels with all their settings
	maxLabels  = 1000
)

// tooDeep finds the first place at which a source is nested deeper than any
// configuration. It looks at bytes only: brackets within quotes and comments
// do not count.
func tooDeep(src []byte) (at place, deep bool) {
	depth, keys := 0, 0
	var quote byte
	for number, line := range bytes.Split(src, []byte("\n")) {
		marks := 0
		before := byte(' ')
		if leadingMarks(line) > maxNesting {
			return place{number + 1, 1}, true
		}
		for column, c := range line {
			switch {
			case quote != 0:
				if c == quote && (c == '\'' || before != '\\') {
					quote = 0
				}
			case c == '#' && isSpace(before):
				line = nil // the rest is a comment
			case (c == '"' || c == '\'') && (isSpace(before) || bytes.IndexByte([]byte("[{,:"), before) >= 0):
				quote = c
			case c == '[' || c == '{':
				depth++
			case c == ']' || c == '}':
				depth = max(0, depth-1)
			case isSpace(c) && (before == ':' || before == '?'), (c == '&' || c == '!' || c == '*') && isSpace(before):
				marks, keys = marks+1, keys+1
			}
			if depth > maxNesting || marks > maxOnLine || keys > maxKeys {
				return place{number + 1, column + 1}, true
			}
			if before = c; line == nil {
				break
			}
		}
	}
	return place{}, false
}

// leadingMarks counts the marks of list entries and keys that a line begins with.
func leadingMarks(line []byte) (n int) {
	for {
		rest := bytes.TrimLeft(line, " ")
		if len(rest) < 2 || rest[0] != '-' && rest[0] != '?' || rest[1] != ' ' {
			return n
		}
		n, line = n+1, rest[1:]
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
