// Package rule compiles the conditions of label definitions: small expressions
// over one outcome that say whether it counts.
//
// CONDITIONS.md describes the language; it is that of github.com/expr-lang/expr
// without what would make a label depend on more than the outcome, or cost more
// than the outcome's size.
package rule

import (
	_ "embed" // for the page
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/labeljoin/labeljoin/events"
)

//go:embed CONDITIONS.md
var conditions string

// Conditions is the page, in Markdown, that describes the language.
func Conditions() string { return conditions }

// The bounds of an expression. They are far above what a person writes, and low
// enough that no expression makes a parser recurse deeply or a machine allocate
// much for one event.
const (
	maxBytes  = 4096
	maxNodes  = 1000
	maxMemory = 100_000 // elements an expression may allocate for one outcome
)

// env is what an expression sees of an outcome.
type env struct {
	Type      string         `expr:"type"`
	Value     float64        `expr:"value"`
	HasValue  bool           `expr:"has_value"`
	ItemID    string         `expr:"item_id"`
	OutcomeID string         `expr:"outcome_id"`
	Attrs     map[string]any `expr:"attrs"`
}

// Variables lists the names that an expression may use, sorted.
func Variables() []string {
	return []string{"attrs", "has_value", "item", "item_id", "outcome_id", "request", "type", "value"}
}

// Functions lists the functions that an expression may call, sorted.
func Functions() []string {
	return []string{
		"abs", "all", "any", "ceil", "count", "float", "floor", "hasPrefix", "hasSuffix", "indexOf", "int",
		"lastIndexOf", "len", "lower", "max", "min", "none", "one", "round", "split", "string", "trim",
		"trimPrefix", "trimSuffix", "upper",
	}
}

// Condition is a compiled expression. Its functions may be called by several
// goroutines at once.
type Condition struct {
	Holds func(*events.Outcome) bool
	// Fault says why the condition cannot be evaluated for an outcome, for which it
	// then does not hold; nothing if it can. It is nil where it always can.
	Fault func(*events.Outcome) string
	// InRow, if not nil, has to hold as well: the expression looks at the request or the
	// item. Holds is then what the outcome alone can say.
	InRow InRow[bool]
	// Attrs are the attributes that InRow looks at, or AllAttrs.
	Attrs    []string
	AllAttrs bool
}

// Compile checks an expression and returns the condition it stands for. The error is
// an *Error that says where in the expression the problem is.
func Compile(source string) (Condition, error) {
	tree, err := parse(source)
	if err != nil {
		return Condition{}, err
	}
	if _, err := compileRow(source, nil, expr.AsBool()); err != nil {
		return Condition{}, err
	}
	if l := looksOf(tree); l.row {
		return split(source, tree)
	}
	if fast, ok := native(tree); ok {
		return Condition{Holds: fast}, nil
	}
	alone, err := compileAlone(source, nil)
	if err != nil {
		return Condition{}, err
	}
	var c Condition
	c.interpreted(alone.program)
	return c, nil
}

// interpreted has the program say what the outcome alone can say.
func (c *Condition) interpreted(program *vm.Program) {
	run := interpret(program)
	c.Holds = func(o *events.Outcome) bool { yes, err := run(o); return err == nil && yes }
	c.Fault = func(o *events.Outcome) string { _, err := run(o); return faultOf(err) }
}

// Trees is a condition as expr's machine runs it: checked, and with constants folded where it is. All of
// them have to hold. One that looks at the request or the item is in two: what the outcome alone can
// say, and the rest. They are for those who say a condition in another language, and must not be
// changed. The error is an *Error.
func Trees(source string) ([]ast.Node, error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	alone, rest := parts(tree)
	var trees []ast.Node
	if len(alone) > 0 {
		of, err := compileAlone(source, rest)
		if err != nil {
			return nil, err
		}
		trees = append(trees, of.tree)
	}
	if len(rest) > 0 {
		of, err := compileRow(source, alone, expr.AsBool())
		if err != nil {
			return nil, err
		}
		trees = append(trees, of.tree)
	}
	return trees, nil
}

// ValueTree is an expression that gives something of an outcome in a row, as Trees is a condition.
func ValueTree(source string) (ast.Node, error) {
	if _, err := parse(source); err != nil {
		return nil, err
	}
	of, err := compileRow(source, nil)
	if err != nil {
		return nil, err
	}
	return of.tree, nil
}

// parse reads the expression and refuses what the language leaves out.
func parse(source string) (ast.Node, error) {
	if len(source) > maxBytes {
		return nil, &Error{Source: source, Line: 1, Column: 1,
			Message: fmt.Sprintf("the expression is %d bytes long; %d are allowed", len(source), maxBytes)}
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, explain(source, err)
	}
	v := gate{functions: Functions()}
	ast.Walk(&tree.Node, &v)
	if v.message != "" {
		return nil, explain(source, (&file.Error{Location: v.at, Message: v.message}).Bind(tree.Source))
	}
	return tree.Node, nil
}

// compileAlone compiles a condition for expr's machine, as far as it looks at the
// outcome alone: other parts are taken for true.
func compileAlone(source string, others without) (compiled, error) {
	options := []expr.Option{expr.Env(env{}), expr.AsBool(), expr.MaxNodes(maxNodes)}
	if len(others) > 0 {
		// Names are checked before parts are dropped. rowEnv begins with the fields of env, in
		// their order, by which expr's machine finds them.
		options[0] = expr.Env(rowEnv{})
		options = append(options, expr.Patch(others), expr.Optimize(false)) // see compileRow
	}
	return compile(source, options...)
}

// explain turns an error of expr into one of ours.
func explain(source string, err error) error {
	e := &Error{Source: source, Line: 1, Column: 1, Message: err.Error()}
	var at *file.Error
	if errors.As(err, &at) {
		e.Line, e.Column, e.Message = at.Line, at.Column+1, at.Message
	}
	e.Message = reword(source, e.Message)
	return e
}

// gate is a visitor that finds the first thing the language leaves out.
type gate struct {
	functions []string
	message   string
	at        file.Location
}

// Visit implements ast.Visitor.
func (g *gate) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BuiltinNode:
		if !slices.Contains(g.functions, n.Name) {
			g.refuse(n, unknown("function", n.Name, g.functions))
		}
		g.loop(n)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			g.refuse(n, unknown("function", id.Value, g.functions))
		}
		g.refuse(n, "an attribute cannot be called: only functions can, and an operator stands between: type startsWith \"a\"")
	case *ast.BinaryNode:
		switch n.Operator {
		case "..":
			g.refuse(n, "ranges (..) are not part of the language: compare with >= and <=")
		case "matches":
			g.pattern(n)
		}
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			g.refuse(n, "$env is not part of the language: name the variable itself")
		}
	}
}

// pattern refuses a pattern that is not written out: one that an event brings
// would be compiled for every event, and could be as long as the event.
func (g *gate) pattern(n *ast.BinaryNode) {
	if _, written := n.Right.(*ast.StringNode); !written {
		g.refuse(n.Right, `the pattern of matches must be text in quotes, like "^a+$": it may not come from the event`)
	}
}

// loop refuses a loop over a list within another: the lists come from outside,
// and one event must not cost the square of its size.
func (g *gate) loop(n *ast.BuiltinNode) {
	for i := range n.Arguments {
		body, ok := n.Arguments[i].(*ast.PredicateNode)
		if !ok {
			continue
		}
		inner := loops{}
		ast.Walk(&body.Node, &inner)
		if inner.first != nil {
			g.refuse(inner.first,
				inner.first.Name+" within another loop is not part of the language: events could make it run for ever")
		}
	}
}

// loops is a visitor that finds the first loop.
type loops struct{ first *ast.BuiltinNode }

// Visit implements ast.Visitor.
func (l *loops) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BuiltinNode)
	if !ok || l.first != nil {
		return
	}
	for _, argument := range n.Arguments {
		if _, ok := argument.(*ast.PredicateNode); ok {
			l.first = n
		}
	}
}

func (g *gate) refuse(n ast.Node, message string) {
	if g.message == "" {
		g.message, g.at = message, n.Location()
	}
}

// machine is what one evaluation needs; machines are reused.
type machine struct {
	vm  vm.VM
	env env
}

// What an expression turned out not to be.
var (
	errNotBoolean = errors.New("it is neither true nor false")
	errNoNumber   = errors.New("it is no number")
)

// interpret runs the program on expr's machine. The error says why it gave
// neither true nor false.
func interpret(program *vm.Program) func(*events.Outcome) (bool, error) {
	machines := &sync.Pool{New: func() any {
		return &machine{vm: vm.VM{MemoryBudget: maxMemory}}
	}}
	return func(o *events.Outcome) (bool, error) {
		m := machines.Get().(*machine)
		m.env = env{
			Type: o.Type, Value: valueOf(o), HasValue: o.HasValue,
			ItemID: o.ItemID, OutcomeID: o.ID, Attrs: o.Attrs,
		}
		out, err := m.vm.Run(program, &m.env)
		m.env = env{} // a pooled machine must not keep an event alive
		machines.Put(m)
		yes, ok := out.(bool)
		if err == nil && !ok {
			err = errNotBoolean
		}
		return yes, err
	}
}

// valueOf is the outcome's value as expressions see it.
func valueOf(o *events.Outcome) float64 {
	if !o.HasValue {
		return math.NaN()
	}
	return o.Value
}
