package rule

import (
	"errors"

	"github.com/labeljoin/labeljoin/events"
)

// CompileKey checks an expression over the outcome alone that gives what outcomes share which
// belong together: a text or a number, or nil. The error is as of Compile; the
// one of the function says why the expression cannot be evaluated for an outcome.
func CompileKey(source string) (func(*events.Outcome) (any, error), error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	of, err := compileRow(source, nil)
	if err != nil {
		return nil, err
	}
	if typ, ok := columnTypeOf(of.tree); !ok || typ == ColumnBool {
		return nil, &Error{Source: source, Line: 1, Column: 1,
			Message: "outcomes are told apart by a text or a number, and this is neither"}
	}
	l := looksOf(tree)
	if l.row {
		return nil, ErrOutcomeAlone
	}
	run := inRow(of.program, l)
	return func(o *events.Outcome) (any, error) { return run(o, nil, -1) }, nil
}

// ErrOutcomeAlone says that an expression looks at the request, where only the outcome is known.
var ErrOutcomeAlone = errors.New("it looks at the request or the item, and may look at the outcome alone")
