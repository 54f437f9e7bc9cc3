package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/labeljoin/labeljoin/events"
)

// The bounds of one expression. They are far above what a person writes.
const (
	mostBytes = 16 << 10
	mostNodes = 4000
)

// The names that expressions may use.
const (
	nameEvent   = "event"
	nameIt      = "it"
	nameKind    = "kind"
	nameSubject = "subject"
	nameHeaders = "headers"
	nameStored  = "stored"
	nameBudget  = "budget__" // is put in by the compiler
	nameTick    = "tick__"
	nameMade    = "made__"
	namePlus    = "plus__"
	nameMinus   = "minus__"
	nameTimes   = "times__"
	nameAbs     = "abs__"
)

// Variables lists the names of values that an expression may use, sorted.
func Variables() []string {
	return []string{nameEvent, nameHeaders, nameIt, nameKind, nameStored, nameSubject}
}

// builtins are the functions of expr that are left in. What goes through an object in the
// order of a hash table is not among them: the same record has to give the same event.
func builtins() []string {
	return append(loops(),
		"abs", "ceil", "first", "float", "floor", "get", "hasPrefix", "hasSuffix", "indexOf", "last",
		"lastIndexOf", "len", "lower", "max", "min", "reverse", "round", "sort", "split", "trim", "trimPrefix",
		"trimSuffix", "type", "upper")
}

// program is a compiled expression.
type program struct {
	source string
	code   *vm.Program
	quick  quick // nil: there is only the code
	uses   uses
}

// compile compiles an expression.
func compile(source string, zones *zones) (*program, error) {
	if len(source) > mostBytes {
		return nil, fmt.Errorf("the expression is %d bytes long; %d are allowed", len(source), mostBytes)
	}
	text := rewritten(source)
	tree, err := parser.Parse(text)
	if err != nil {
		return nil, reworded(source, err)
	}
	g := &gate{zones: zones}
	ast.Walk(&tree.Node, g)
	if g.refused != "" {
		return nil, &expressionError{message: g.refused, source: source, column: columnOf(source, g.at)}
	}
	if err := unknownName(source, tree.Node); err != nil {
		return nil, err
	}
	p := &program{source: source, quick: quickOf(tree.Node)}
	p.uses.collect(tree.Node)
	options := []expr.Option{
		expr.Env(types.Map{
			nameEvent: types.Any, nameIt: types.Any, nameKind: types.String, nameSubject: types.String, nameHeaders: types.Any,
			nameStored: types.Any, nameBudget: types.TypeOf(&budget{}),
		}),
		expr.MaxNodes(mostNodes), expr.DisableAllBuiltins(), expr.Patch(&guarding{}),
	}
	for _, name := range builtins() {
		options = append(options, expr.EnableBuiltin(name))
	}
	options = append(options, functions(zones)...)
	if p.code, err = expr.Compile(text, options...); err != nil {
		return nil, reworded(source, err)
	}
	return p, nil
}

// gate is a visitor that finds what the language leaves out.
type gate struct {
	zones   *zones
	refused string
	at      int // of the node, in characters of the text that was parsed, from 0
}

// Visit implements ast.Visitor.
func (g *gate) Visit(node *ast.Node) {
	before := g.refused
	defer func() {
		if g.refused != before {
			g.at = (*node).Location().From
		}
	}()
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" || strings.HasSuffix(n.Value, "__") {
			g.refused = fmt.Sprintf("unknown name %q: there are %s", n.Value, strings.Join(Variables(), ", "))
		}
	case *ast.BinaryNode:
		if _, written := n.Right.(*ast.StringNode); n.Operator == "matches" && !written {
			g.refused = `the pattern of matches is a text in quotes, like "^[0-9]+$": it may not come from the record`
		}
		if n.Operator == ".." {
			g.refused = "ranges (..) are not part of the language: compare with >= and <="
		}
	case *ast.CallNode:
		switch callee := n.Callee.(type) {
		case *ast.IdentifierNode:
			if callee.Value == "time" {
				g.time(n.Arguments)
			}
		case *ast.MemberNode:
			if name, ok := callee.Property.(*ast.StringNode); ok {
				g.refused = fmt.Sprintf("a value has no functions of its own: write %s(value) for value.%s()", name.Value,
					name.Value)
			}
		}
	}
}

// time refuses units, layouts and zones that are none, where they are written out.
func (g *gate) time(arguments []ast.Node) {
	written := func(i int) (string, bool) {
		if i >= len(arguments) {
			return "", false
		}
		text, ok := arguments[i].(*ast.StringNode)
		if !ok {
			return "", false
		}
		return text.Value, true
	}
	if how, ok := written(1); ok && !isHow(how) {
		g.refused = fmt.Sprintf("time: %q is no unit and no layout: units are s, ms, us and ns, \"iso\" is ISO 8601, "+
			"and layouts are like \"%%d.%%m.%%Y %%H:%%M\"", clip(how))
	}
	if zone, ok := written(2); ok {
		if _, err := g.zones.load(zone); err != nil {
			g.refused = err.Error()
		}
	}
}

// isHow reports whether a text may say how a time is read.
func isHow(how string) bool {
	unit, err := events.ParseUnit(how)
	return how == "" || how == "iso" || err == nil && unit != events.UnitAuto || strings.Contains(how, "%") ||
		strings.Contains(how, "06") || strings.Contains(how, "15") // of a layout as Go writes it
}

// guarding is a visitor that makes an expression count what it does.
type guarding struct{}

// Visit implements ast.Visitor.
func (guarding) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		if !isCallOf(n.Node, nameTick) {
			n.Node = callOf(nameTick, &ast.BoolNode{Value: isCostly(n.Node)}, n.Node)
		}
	case *ast.BuiltinNode:
		if slices.Contains(builtinMakers(), n.Name) {
			ast.Patch(node, callOf(nameMade, n))
			return
		}
		calculating(node)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && slices.Contains(makers(), id.Value) {
			ast.Patch(node, callOf(nameMade, n))
		}
	default:
		calculating(node)
	}
}

// builtinMakers are the functions of expr that make something as large as what they get.
func builtinMakers() []string {
	return []string{"filter", "lower", "map", "reverse", "sort", "split", "upper"}
}

// makers are those among Functions.
func makers() []string {
	return []string{"base64", "flatten", "fromPairs", "join", "json", "keys", "rename", "replace", "subtree", "toPairs",
		"values", "without"}
}

// isCostly reports whether what a loop does for one element may take as long as the
// record is large: a comparison of two things that are both unknown, or a function that
// looks at all of its text or list.
func isCostly(node ast.Node) bool {
	v := &costs{}
	ast.Walk(&node, v)
	return v.found
}

type costs struct{ found bool }

// Visit implements ast.Visitor.
func (v *costs) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "in", "contains", "startsWith", "endsWith", "matches", "==", "!=":
			v.found = v.found || !isLiteral(n.Left) && !isLiteral(n.Right)
		}
	case *ast.BuiltinNode:
		cheap := append(loops(), "len", "int", "float", "abs", "ceil", "floor", "round", "type", "get", "first", "last")
		v.found = v.found || !slices.Contains(cheap, n.Name)
	case *ast.CallNode:
		id, ok := n.Callee.(*ast.IdentifierNode)
		cheap := []string{nameTick, namePlus, nameMinus, nameTimes, nameAbs, nameMade, "string", "default", "time", "int"}
		v.found = v.found || !ok || !slices.Contains(cheap, id.Value)
	}
}

func isLiteral(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StringNode, *ast.BoolNode, *ast.NilNode, *ast.ConstantNode:
		return true
	case *ast.ArrayNode:
		return !slices.ContainsFunc(n.Nodes, func(e ast.Node) bool { return !isLiteral(e) })
	}
	return isNumber(n)
}

func callOf(name string, arguments ...ast.Node) ast.Node {
	return &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: name},
		Arguments: append([]ast.Node{&ast.IdentifierNode{Value: nameBudget}}, arguments...),
	}
}

func isCallOf(n ast.Node, name string) bool {
	call, ok := n.(*ast.CallNode)
	if !ok {
		return false
	}
	id, ok := call.Callee.(*ast.IdentifierNode)
	return ok && id.Value == name
}

func isNumber(n ast.Node) bool {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	}
	return false
}
