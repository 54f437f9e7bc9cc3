package rule

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/expr-lang/expr/file"
)

// faultOf says in the language's own terms why an expression could not be evaluated;
// nothing of no error. It is one short line.
func faultOf(err error) string {
	if err == nil {
		return ""
	}
	var at *file.Error
	if errors.As(err, &at) {
		message := strings.ReplaceAll(at.Message, "interface {}", "any")
		if kind, ok := strings.CutPrefix(message, "invalid operation: bool("); ok {
			message = "it is neither true nor false, but " + typeName(strings.TrimSuffix(kind, ")"))
		} else if words, ok := strings.CutPrefix(message, "invalid operation: "); ok {
			if m := strings.Fields(words); len(m) == 3 {
				message = fmt.Sprintf("%s %s %s is not possible", typeName(m[0]), m[1], typeName(m[2]))
			}
		}
		return fmt.Sprintf("%s (at column %d of the expression)", firstLine(message), at.Column+1)
	}
	return firstLine(err.Error())
}

// faultError is an error of an evaluation, in the language's own terms.
type faultError struct{ err error }

// Error implements error.
func (e faultError) Error() string { return faultOf(e.err) }

// Unwrap is the error as expr's machine said it.
func (e faultError) Unwrap() error { return e.err }

// firstLine is the beginning of a text on one line, which may hold a piece of an event:
// so it has no control characters.
func firstLine(text string) string {
	const most = 200
	text, _, _ = strings.Cut(text, "\n")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text[:min(len(text), most)], "?"))
}

// typeName names a Go type of an attribute's value.
func typeName(goType string) string {
	switch strings.Trim(goType, "<>") {
	case "string":
		return "text"
	case "float64", "int", "int64":
		return "number"
	case "nil":
		return "nil"
	case "bool":
		return "true or false"
	case "map[string]any":
		return "object"
	case "[]any":
		return "list"
	}
	return goType
}
