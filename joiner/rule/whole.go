package rule

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
	"github.com/expr-lang/expr/vm/runtime"

	"github.com/labeljoin/labeljoin/events"
)

// compiled is an expression that was compiled.
type compiled struct {
	program *vm.Program
	tree    ast.Node // checked, and with constants folded where that was allowed
}

// compile compiles an expression so that no whole number in it goes round beyond 64 bits: it cannot be evaluated then.
// An expression for which that is always so is refused. The error is as of Compile.
func compile(source string, options ...expr.Option) (compiled, error) {
	program, err := expr.Compile(source, options...)
	if err != nil {
		return compiled{}, explain(source, err)
	}
	c := compiled{program: program, tree: program.Node()}
	w := whole{}
	options = slices.Concat(options, wholeFunctions(), []expr.Option{expr.Patch(&w)})
	if program, err = expr.Compile(source, options...); err != nil {
		return compiled{}, explain(source, err)
	}
	if w.beyond != nil {
		message := &file.Error{Location: w.beyond.Location(), Message: errBeyond(w.operator).Error()}
		return compiled{}, explain(source, message.Bind(file.NewSource(source)))
	}
	if w.patched {
		c.program = program
	}
	return c, nil
}

// The functions that calculate in the place of expr's machine. No expression can have such names.
const (
	nameSum        = "checked +"
	nameDifference = "checked -"
	nameProduct    = "checked *"
	nameNegative   = "checked negative"
	nameAbs        = "checked abs"
	nameInt        = "checked int"
	nameIndex      = "checked index"
)

func wholeFunctions() []expr.Option {
	return []expr.Option{
		expr.Function(nameSum, of2("+", events.WholeSum, runtime.Add), new(func(any, any) any)),
		expr.Function(nameDifference, of2("-", events.WholeDifference, runtime.Subtract), new(func(any, any) any)),
		expr.Function(nameProduct, of2("*", events.WholeProduct, runtime.Multiply), new(func(any, any) any)),
		expr.Function(nameNegative, of1("-", runtime.Negate), new(func(any) any)),
		expr.Function(nameAbs, of1("abs", builtin.Abs), new(func(any) any)),
		expr.Function(nameInt, func(p ...any) (any, error) { return intOf(p[0]) }, new(func(any) int)),
		expr.Function(nameIndex, func(p ...any) (any, error) { return p[0], indexFault(p[0]) }, new(func(any) any)),
	}
}

func errBeyond(operator string) error {
	return fmt.Errorf("the result of %s has more than 64 bits: calculate with float(...)", operator)
}

// of2 calculates with two whole numbers as checked says, and with anything else as expr's machine does.
func of2(operator string, checked func(a, b int) (int, bool), otherwise func(a, b any) any) func(...any) (any, error) {
	return func(p ...any) (any, error) {
		a, whole := p[0].(int)
		b, both := p[1].(int)
		if !whole || !both {
			return otherwise(p[0], p[1]), nil
		}
		c, ok := checked(a, b)
		if !ok {
			return nil, errBeyond(operator)
		}
		return c, nil
	}
}

// of1 is a function that only of the least whole number gives what has more than 64 bits.
func of1(name string, otherwise func(any) any) func(...any) (any, error) {
	return func(p ...any) (any, error) {
		if p[0] == math.MinInt {
			return nil, errBeyond(name)
		}
		return otherwise(p[0]), nil
	}
}

// fits reports whether a float is within 64 bits.
func fits(x float64) bool { return x >= math.MinInt64 && x < math.MaxInt64 }

// intOf is the function int. What Go makes of a float that does not fit depends on the processor.
func intOf(v any) (any, error) {
	switch x, ok := v.(float64); {
	case ok && math.IsNaN(x):
		return nil, errors.New("int of a number that is not given")
	case ok && !fits(x):
		return nil, errBeyond("int")
	}
	return builtin.Int(v), nil
}

// indexFault says why a value is no place in a list; of other values than floats expr's machine does. As in intOf, it
// must not depend on the processor.
func indexFault(v any) error {
	switch x, ok := v.(float64); {
	case ok && math.IsNaN(x):
		return errors.New("a place in a list that is not given")
	case ok && !fits(x):
		return errors.New("a place in a list is out of range")
	}
	return nil
}

// whole is a patch that has functions calculate which notice what has more than 64 bits, wherever both sides may be
// whole numbers. The rest stays with expr's machine, which is faster.
type whole struct {
	patched  bool
	beyond   ast.Node // the first calculation with constants whose result has more than 64 bits
	operator string   // of it
}

// Visit implements ast.Visitor.
func (w *whole) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		w.binary(node, n)
	case *ast.UnaryNode:
		if n.Operator == "-" && mayBeWhole(n.Node) && !w.constant(n) {
			w.call(node, nameNegative, n.Node)
		}
	case *ast.BuiltinNode:
		switch n.Name {
		case "abs":
			if mayBeWhole(n.Arguments[0]) {
				w.call(node, nameAbs, n.Arguments...)
			}
		case "int":
			if n.Arguments[0].Type().Kind() != reflect.Int {
				w.call(node, nameInt, n.Arguments...)
			}
		}
	case *ast.MemberNode:
		w.index(&n.Property)
	case *ast.SliceNode:
		w.index(&n.From)
		w.index(&n.To)
	}
}

func (w *whole) binary(node *ast.Node, n *ast.BinaryNode) {
	name := ""
	switch n.Operator {
	case "+":
		name = nameSum
	case "-":
		name = nameDifference
	case "*":
		name = nameProduct
	default:
		return
	}
	if mayBeWhole(n.Left) && mayBeWhole(n.Right) && !w.constant(n) {
		w.call(node, name, n.Left, n.Right)
	}
}

// index has a place in a list checked that may be a float.
func (w *whole) index(node *ast.Node) {
	if *node == nil {
		return
	}
	if kind := (*node).Type().Kind(); kind == reflect.Float64 || kind == reflect.Interface {
		w.call(node, nameIndex, *node)
	}
}

func (w *whole) call(node *ast.Node, name string, arguments ...ast.Node) {
	ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: arguments})
	w.patched = true
}

// constant reports whether a node is a whole number that is written out, or calculated of such. It notes a calculation
// whose result has more than 64 bits.
func (w *whole) constant(n ast.Node) bool {
	_, operator, is := constantOf(n)
	if is && operator != "" && w.beyond == nil {
		w.beyond, w.operator = n, operator
	}
	return is
}

// constantOf is the whole number that a node is without any event, if it is one. The operator is that of a calculation
// in it whose result has more than 64 bits.
func constantOf(node ast.Node) (value int, operator string, is bool) {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return n.Value, "", true
	case *ast.UnaryNode:
		if n.Operator != "-" && n.Operator != "+" {
			return 0, "", false
		}
		if value, operator, is = constantOf(n.Node); n.Operator == "+" || !is || operator != "" {
			return value, operator, is
		}
		value, ok := events.WholeDifference(0, value)
		return value, unless(ok, n.Operator), true
	case *ast.BinaryNode:
		calculate := map[string]func(a, b int) (int, bool){
			"+": events.WholeSum, "-": events.WholeDifference, "*": events.WholeProduct,
		}[n.Operator]
		a, left, whole := constantOf(n.Left)
		b, right, both := constantOf(n.Right)
		if calculate == nil || !whole || !both {
			return 0, "", false
		}
		if left+right != "" {
			return 0, left + right, true
		}
		value, ok := calculate(a, b)
		return value, unless(ok, n.Operator), true
	}
	return 0, "", false
}

func unless(ok bool, operator string) string {
	if ok {
		return ""
	}
	return operator
}

// mayBeWhole reports whether a part of an expression may be a whole number of 64 bits. The numbers of attrs are floats.
func mayBeWhole(node ast.Node) bool {
	switch node.Type().Kind() {
	case reflect.Int:
		return true
	case reflect.Interface:
		return !ofAttrs(node)
	}
	return false
}

// ofAttrs reports whether a node is something in attrs.
func ofAttrs(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.ChainNode:
		return ofAttrs(n.Node)
	case *ast.MemberNode:
		return ofAttrs(n.Node)
	case *ast.IdentifierNode:
		return n.Value == "attrs"
	}
	return false
}
