package mapping

import (
	"fmt"
	"math"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/vm/runtime"

	"github.com/labeljoin/labeljoin/events"
)

// wholeFunctions calculate where both sides may be whole numbers. expr's machine would let a result that has more than
// 64 bits go round to a wrong number.
func wholeFunctions() []expr.Option {
	two := new(func(*budget, any, any) any)
	return []expr.Option{
		expr.Function(nameMinus, func(p ...any) (any, error) {
			return calculated("-", p[1], p[2], events.WholeDifference, runtime.Subtract)
		}, two),
		expr.Function(nameTimes, func(p ...any) (any, error) {
			return calculated("*", p[1], p[2], events.WholeProduct, runtime.Multiply)
		}, two),
		expr.Function(nameAbs, func(p ...any) (any, error) {
			if p[1] == math.MinInt {
				return nil, errBeyond("-", 0, math.MinInt)
			}
			return builtin.Abs(p[1]), nil
		}, new(func(*budget, any) any)),
	}
}

func errBeyond(operator string, a, b int) error {
	return fmt.Errorf("%d %s %d does not fit 64 bits", a, operator, b)
}

// calculated is what whole says of two whole numbers, and what expr's machine makes of anything else.
func calculated(operator string, x, y any, whole func(a, b int) (int, bool),
	otherwise func(x, y any) any) (any, error) {
	a, ok := x.(int)
	b, both := y.(int)
	if !ok || !both {
		return otherwise(x, y), nil
	}
	result, fits := whole(a, b)
	if !fits {
		return nil, errBeyond(operator, a, b)
	}
	return result, nil
}

// calculating puts functions in the place of calculations that may be beyond 64 bits.
func calculating(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		switch {
		case n.Operator == "+" && !isFolded(n.Left, n.Right, events.WholeSum):
			ast.Patch(node, callOf(namePlus, n.Left, n.Right))
		case n.Operator == "-" && !isFolded(n.Left, n.Right, events.WholeDifference):
			ast.Patch(node, callOf(nameMinus, n.Left, n.Right))
		case n.Operator == "*" && !isFolded(n.Left, n.Right, events.WholeProduct):
			ast.Patch(node, callOf(nameTimes, n.Left, n.Right))
		}
	case *ast.UnaryNode:
		if n.Operator == "-" && !isNumber(n.Node) {
			ast.Patch(node, callOf(nameTimes, n.Node, &ast.IntegerNode{Value: -1})) // of 0.0 that is -0.0, as of -x
		}
	case *ast.BuiltinNode:
		switch n.Name {
		case "abs":
			ast.Patch(node, callOf(nameAbs, n.Arguments[0]))
		case "sum":
			ast.Patch(node, summed(n))
		}
	}
}

// summed is sum(list) and sum(list, part) with an addition that is checked. The part counts as a step already.
func summed(n *ast.BuiltinNode) ast.Node {
	part := ast.Node(callOf(nameTick, &ast.BoolNode{}, &ast.PointerNode{}))
	if len(n.Arguments) > 1 {
		part = n.Arguments[1].(*ast.PredicateNode).Node
	}
	add := callOf(namePlus, &ast.PointerNode{Name: "acc"}, part)
	return &ast.BuiltinNode{Name: "reduce",
		Arguments: []ast.Node{n.Arguments[0], &ast.PredicateNode{Node: add}, &ast.IntegerNode{}}}
}

// isFolded reports whether two sides are numbers that are written out, whose result fits.
func isFolded(left, right ast.Node, whole func(a, b int) (int, bool)) bool {
	if !isNumber(left) || !isNumber(right) {
		return false
	}
	a, ok := left.(*ast.IntegerNode)
	b, both := right.(*ast.IntegerNode)
	if ok && both {
		_, ok = whole(a.Value, b.Value)
		return ok
	}
	return true
}
