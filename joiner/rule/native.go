package rule

import (
	"math"
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/labeljoin/labeljoin/events"
)

// condition is a compiled expression, or a part of one.
type condition = func(*events.Outcome) bool

// native compiles the forms that nearly every label is made of to plain
// closures: comparisons of a text variable or of value with constants, and
// and, or, not of those. They run some twenty times faster than expr's machine,
// and each must say exactly what the machine says; a test holds them to that.
// It reports false for every other form.
func native(node ast.Node) (condition, bool) {
	switch n := node.(type) {
	case *ast.BoolNode:
		yes := n.Value
		return func(*events.Outcome) bool { return yes }, true
	case *ast.IdentifierNode:
		if n.Value == "has_value" {
			return func(o *events.Outcome) bool { return o.HasValue }, true
		}
	case *ast.UnaryNode:
		if inner, ok := native(n.Node); ok && (n.Operator == "!" || n.Operator == "not") {
			return func(o *events.Outcome) bool { return !inner(o) }, true
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and", "||", "or":
			return junction(n)
		case "in":
			return membership(n)
		}
		return comparison(n)
	}
	return nil, false
}

// junction compiles "and" and "or" of two native parts.
func junction(n *ast.BinaryNode) (condition, bool) {
	left, ok := native(n.Left)
	if !ok {
		return nil, false
	}
	right, ok := native(n.Right)
	if !ok {
		return nil, false
	}
	if n.Operator == "&&" || n.Operator == "and" {
		return func(o *events.Outcome) bool { return left(o) && right(o) }, true
	}
	return func(o *events.Outcome) bool { return left(o) || right(o) }, true
}

// membership compiles `type in ["a", "b"]`.
func membership(n *ast.BinaryNode) (condition, bool) {
	text, ok := textVariable(n.Left)
	if !ok {
		return nil, false
	}
	array, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return nil, false
	}
	var words []string
	for _, element := range array.Nodes {
		word, ok := element.(*ast.StringNode)
		if !ok {
			return nil, false
		}
		words = append(words, word.Value)
	}
	const few = 8 // up to which comparing one after the other beats hashing
	if len(words) <= few {
		return func(o *events.Outcome) bool { return slices.Contains(words, *text(o)) }, true
	}
	set := make(map[string]struct{}, len(words))
	for _, word := range words {
		set[word] = struct{}{}
	}
	return func(o *events.Outcome) bool { _, in := set[*text(o)]; return in }, true
}

// comparison compiles a variable compared with a constant, either way round.
func comparison(n *ast.BinaryNode) (condition, bool) {
	variable, constant, operator := n.Left, n.Right, n.Operator
	if _, ok := variable.(*ast.IdentifierNode); !ok {
		variable, constant, operator = constant, variable, mirrored(operator)
	}
	if text, ok := textVariable(variable); ok {
		word, ok := constant.(*ast.StringNode)
		if !ok {
			return nil, false
		}
		return compareText(text, operator, word.Value)
	}
	id, ok := variable.(*ast.IdentifierNode)
	if !ok || id.Value != "value" {
		return nil, false
	}
	x, ok := number(constant)
	if !ok {
		return nil, false
	}
	return compareValue(operator, x)
}

// mirrored is the operator that holds with its sides exchanged.
func mirrored(operator string) string {
	switch operator {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return operator
}

// textVariable is the field that a node names, if it names one that holds text.
func textVariable(node ast.Node) (func(*events.Outcome) *string, bool) {
	id, ok := node.(*ast.IdentifierNode)
	if !ok {
		return nil, false
	}
	switch id.Value {
	case "type":
		return func(o *events.Outcome) *string { return &o.Type }, true
	case "item_id":
		return func(o *events.Outcome) *string { return &o.ItemID }, true
	case "outcome_id":
		return func(o *events.Outcome) *string { return &o.ID }, true
	}
	return nil, false
}

func compareText(text func(*events.Outcome) *string, operator, word string) (condition, bool) {
	switch operator {
	case "==":
		return func(o *events.Outcome) bool { return *text(o) == word }, true
	case "!=":
		return func(o *events.Outcome) bool { return *text(o) != word }, true
	}
	return nil, false
}

func compareValue(operator string, x float64) (condition, bool) {
	switch operator {
	case "==":
		return func(o *events.Outcome) bool { return valueOf(o) == x }, true
	case "!=":
		return func(o *events.Outcome) bool { return valueOf(o) != x }, true
	case "<":
		return func(o *events.Outcome) bool { return valueOf(o) < x }, true
	case "<=":
		return func(o *events.Outcome) bool { return valueOf(o) <= x }, true
	case ">":
		return func(o *events.Outcome) bool { return valueOf(o) > x }, true
	case ">=":
		return func(o *events.Outcome) bool { return valueOf(o) >= x }, true
	}
	return nil, false
}

// number is the constant that a node spells, with its sign.
func number(node ast.Node) (float64, bool) {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, !math.IsNaN(n.Value)
	case *ast.UnaryNode:
		x, ok := number(n.Node)
		switch n.Operator {
		case "-":
			return -x, ok
		case "+":
			return x, ok
		}
	}
	return 0, false
}
