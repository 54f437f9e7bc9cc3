package rule

import (
	"fmt"
	"regexp"
	"strings"
)

// Error says what is wrong with an expression, and where.
type Error struct {
	Source  string // the expression
	Line    int    // within the expression, from 1
	Column  int    // in characters, from 1
	Message string // what is wrong and, where there is one, the way out
}

// Error is the message with its place, on one line.
func (e *Error) Error() string {
	if strings.ContainsRune(e.Source, '\n') {
		return fmt.Sprintf("%s (at line %d, column %d of the expression)", e.Message, e.Line, e.Column)
	}
	return fmt.Sprintf("%s (at column %d of the expression)", e.Message, e.Column)
}

// Within is the expression, and the line and the column in it of what is wrong.
func (e *Error) Within() (expression string, line, column int) { return e.Source, e.Line, e.Column }

// Misuse reports that the expression has to be changed.
func (e *Error) Misuse() bool { return true }

// reword says in the language's own terms what expr said in Go's.
func reword(source, message string) string {
	if name, ok := strings.CutPrefix(message, "unknown name "); ok {
		switch name {
		case "position":
			return `unknown name "position": the row's item has it: item.position`
		case "score", "features":
			return fmt.Sprintf("unknown name %q: the request and the row's item have it: request.%s or item.%s", name, name,
				name)
		case "user_id", "model", "model_version", "request_id":
			return fmt.Sprintf("unknown name %q: the request has it: request.%s", name, name)
		}
		if known := Variables(); nearest(name, known) == "" {
			return fmt.Sprintf("unknown name %q: a text is written in quotes, %q; of names there are %s", name, name,
				strings.Join(known, ", "))
		}
		return unknown("name", name, Variables())
	}
	if rest, ok := strings.CutPrefix(message, "type "); ok {
		if of, field, ok := strings.Cut(rest, " has no field "); ok && members[of] != nil {
			what := "name of the request"
			if of == "rule.itemEnv" {
				what = "name of the item"
			}
			return unknown(what, field, members[of])
		}
	}
	if kind, ok := strings.CutPrefix(message, "expected bool, but got "); ok {
		return fmt.Sprintf("the condition must be true or false, but this is %s: compare it with something", kindOf(kind))
	}
	mixture := regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (\w+) and (\w+)\)$`)
	if mixed := mixture.FindStringSubmatch(message); mixed != nil {
		return fmt.Sprintf("%s stands between %s and %s, which do not go together", mixed[1], kindOf(mixed[2]),
			kindOf(mixed[3]))
	}
	if token := regexp.MustCompile(`^unexpected token (\w+)(?:\("(.*)"\))?`).FindStringSubmatch(message); token != nil {
		if said := unexpected(source, token[1], token[2]); said != "" {
			return said
		}
	}
	return strings.ToLower(message[:min(1, len(message))]) + message[min(1, len(message)):]
}

// unexpected says what to write in place of what other languages have; empty if it is nothing of that.
func unexpected(source, kind, token string) string {
	switch {
	case kind == "EOF":
		return "the expression ends too early"
	case strings.Contains(source, "=~"):
		return `a pattern is matched with matches: type matches "^a"`
	case token == "=":
		return "a single = is no comparison: write =="
	case token == ">" && strings.Contains(source, "<>"):
		return `"not equal" is written !=`
	case token == ",":
		return "a list stands in brackets: type in [\"a\", \"b\"]"
	}
	switch strings.ToLower(token) {
	case "and", "or":
		return "AND and OR are written in small letters: and, or; or as && and ||"
	case "like":
		return token + " is not part of the language: write startsWith, endsWith, contains or matches"
	case "is":
		return token + " is not part of the language: compare with nil, as in attrs.x != nil, or ask has_value"
	}
	if kind == "Identifier" && strings.Contains(source, "NOT ") {
		return "NOT is written in small letters"
	}
	if token == "" {
		return ""
	}
	return fmt.Sprintf("%q is not expected here", token)
}

// kindOf names a Go type as a reader of a configuration would.
func kindOf(goType string) string {
	switch goType {
	case "string":
		return "text"
	case "float64", "int":
		return "a number"
	case "unknown":
		return "nil"
	case "map":
		return "an object"
	case "slice":
		return "a list"
	}
	return "neither"
}

// unknown says that a name is not known and which one was probably meant.
func unknown(what, name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("unknown %s %q; did you mean %q?", what, name, near)
	}
	return fmt.Sprintf("unknown %s %q; there are %s", what, name, strings.Join(known, ", "))
}

// nearest is the known name that is fewest edits away, or empty when none is
// near enough to be meant: a third of the name may be wrong, and one letter of
// any name.
func nearest(name string, known []string) string {
	best, near := max(1, len(name)/3)+1, ""
	for _, candidate := range known {
		if d := edits(strings.ToLower(name), candidate); d < best {
			best, near = d, candidate
		}
	}
	return near
}

// edits is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours.
func edits(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
