package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// SpecError is what is wrong with a part of a Spec.
type SpecError struct {
	Part    string // format, kind, each, only or map.FIELD
	Message string
	// Unknown is a name that is not known; empty: it is something else that is wrong. Known
	// are the names that could have been meant.
	Unknown string
	Known   []string

	expression string
	column     int // in the expression, in characters, from 1; 0: not known
}

// Error names the part.
func (e *SpecError) Error() string { return e.Part + ": " + e.Message }

// Misuse reports that the mapping has to be changed.
func (e *SpecError) Misuse() bool { return true }

// Within is the expression, and the line and the column in it of what is wrong; the line is
// 0 if that is not known.
func (e *SpecError) Within() (expression string, line, column int) {
	return e.expression, min(e.column, 1), e.column
}

// specError makes an error of a part of what compile says.
func specError(part string, err error) *SpecError {
	e := &SpecError{Part: part, Message: err.Error()}
	if of, ok := errors.AsType[*expressionError](err); ok {
		e.Unknown, e.Known, e.expression, e.column = of.unknown, of.known, of.source, of.column
	}
	return e
}

// expressionError is what is wrong with an expression.
type expressionError struct {
	message string
	source  string
	column  int // from 1; 0: not known
	unknown string
	known   []string
}

// Error is on one line.
func (e *expressionError) Error() string {
	if e.column == 0 {
		return e.message
	}
	return fmt.Sprintf("%s (at column %d of the expression)", e.message, e.column)
}

// columnOf is the column in an expression, from 1, of the character with an index in its
// rewritten text; 0 if there are several lines.
func columnOf(source string, index int) int {
	if strings.Contains(source, "\n") {
		return 0
	}
	_, inserted := rewrite(source)
	before := 0
	for _, i := range inserted {
		if i.at < index {
			before += min(i.size, index-i.at)
		}
	}
	return index - before + 1
}

// reworded says what is wrong with an expression.
func reworded(source string, err error) error {
	e := &expressionError{source: source, message: err.Error()}
	if at, ok := errors.AsType[*file.Error](err); ok {
		e.message, e.column = at.Message, columnOf(source, at.Column)
	}
	e.message, _, _ = strings.Cut(e.message, "\n")
	if name, ok := strings.CutPrefix(e.message, "unknown name "); ok {
		e.nameless(name)
		return e
	}
	unexpected := regexp.MustCompile(`^unexpected token (\w+)(?:\("(.*)"\))?`).FindStringSubmatch(e.message)
	switch {
	case strings.HasPrefix(e.message, "reflect: call of reflect.Value"):
		e.message = "a loop goes over what is no list; where it may be missing write x ?? []"
	case unexpected == nil:
	case unexpected[1] == "EOF":
		e.message = "the expression ends too early: a value or a closing bracket is missing"
	case unexpected[2] == "=":
		e.message = "a single = is no comparison: write =="
	case unexpected[2] == "if":
		e.message = "a choice is written condition ? this : that"
	case slices.Contains([]string{"AND", "OR", "NOT"}, unexpected[2]):
		e.message = fmt.Sprintf("%s is written in small letters", unexpected[2])
	case unexpected[2] != "":
		e.message = fmt.Sprintf("%q is not expected here", unexpected[2])
	}
	return e
}

// nameless says that a name is not known.
func (e *expressionError) nameless(name string) {
	e.unknown, e.known = name, Variables()
	switch {
	case slices.Contains([]string{"now", "date", "duration", "timezone"}, name):
		e.unknown = ""
		e.message = name + "() is not there: the same record must always give the same event; time(x, unit) reads a time"
	case isCalled(e.source, name):
		e.known = append(builtins(), Functions()...)
		e.message = fmt.Sprintf("there is no function %q", name)
	case slices.Contains([]string{"events", "evt", "record", "message", "msg", "this", "root", "data", "payload"}, name):
		e.unknown = ""
		e.message = fmt.Sprintf("unknown name %q: the record is called event", name)
	default:
		e.message = fmt.Sprintf("unknown name %q: a field of the record is event.%s; there are %s", name, name,
			strings.Join(Variables(), ", "))
	}
}

// unknownName finds a name that is none of the language's: expr does not look at what is
// handed to string().
func unknownName(source string, tree ast.Node) error {
	known := slices.Concat(Variables(), builtins(), Functions())
	names := &namesVisitor{}
	ast.Walk(&tree, names)
	for _, id := range names.used {
		if !slices.Contains(known, id.Value) && !slices.Contains(names.made, id.Value) {
			e := &expressionError{source: source, column: columnOf(source, id.Location().From)}
			e.nameless(id.Value)
			return e
		}
	}
	return nil
}

// namesVisitor collects the names that an expression uses, and those that it makes by let.
type namesVisitor struct {
	used []*ast.IdentifierNode
	made []string
}

// Visit implements ast.Visitor.
func (v *namesVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.used = append(v.used, n)
	case *ast.VariableDeclaratorNode:
		v.made = append(v.made, n.Name)
	}
}

// isCalled reports whether a name stands before a bracket that opens.
func isCalled(source, name string) bool {
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil {
		return false
	}
	for i := range tokens[1:] {
		if tokens[i].Is(lexer.Identifier, name) && tokens[i+1].Is(lexer.Bracket, "(") {
			return true
		}
	}
	return false
}
