package sql

import (
	"fmt"
	"math"
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/labeljoin/labeljoin/joiner/rule"
)

// translator makes SQL of conditions. Every part of a condition becomes an operand, so
// that a condition which cannot be evaluated for an outcome does not hold as a whole, as
// in the join.
type translator struct {
	dialect    Dialect
	attributes []attribute        // that some condition reads
	fields     []PlanField        // of rows, that some condition reads
	features   []rule.Feature     // of rows, that some condition reads
	perRequest bool               // a row is a request
	looked     bool               // something of the row was read
	scope      map[string]operand // variables of let
	refused    string             // why the condition cannot be said; the first reason
}

// mostSQL bounds the SQL of a condition and of its parts, in bytes: parts are repeated in
// what is made of them.
const mostSQL = 64 << 10

// condition makes SQL of a condition: a boolean that is never NULL.
func (t *translator) condition(what, source string) (string, error) {
	trees, err := rule.Trees(source)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	holds := always
	for _, tree := range trees {
		o, err := t.expression(what, tree)
		if err != nil {
			return "", err
		}
		holds = and(holds, o.ok, o.is(kindBool), o.truth)
	}
	return string(holds), nil
}

// expression translates the tree of an expression.
func (t *translator) expression(what string, tree ast.Node) (operand, error) {
	t.refused, t.scope = "", map[string]operand{}
	o := t.operand(tree)
	if t.refused != "" {
		return o, &RefusedError{What: what, Reason: t.refused}
	}
	return o, nil
}

// value translates an expression that gives a value.
func (t *translator) value(what, source string) (operand, error) {
	tree, err := rule.ValueTree(source)
	if err != nil {
		return operand{}, fmt.Errorf("%s: %w", what, err)
	}
	return t.expression(what, tree)
}

// refuse notes why a condition cannot be said, and gives something of any kind.
func (t *translator) refuse(format string, args ...any) operand {
	if t.refused == "" {
		t.refused = fmt.Sprintf(format, args...)
	}
	return operand{kind: kindBool, ok: always, truth: never}
}

func boolean(ok, holds truth) operand { return operand{kind: kindBool, ok: ok, truth: holds} }

func textOf(sql string) operand { return operand{kind: kindText, ok: always, text: sql} }

// operand translates a node of the tree that the join itself runs.
func (t *translator) operand(node ast.Node) operand {
	if t.refused != "" {
		return t.refuse("")
	}
	o := t.node(node)
	if size := len(o.ok) + len(o.kinds) + len(o.number) + len(o.text) + len(o.truth) + len(o.whole); size > mostSQL {
		return t.refuse("its parts depend on each other so much that its SQL would be too long; write it shorter")
	}
	return o
}

func (t *translator) node(node ast.Node) operand {
	switch n := node.(type) {
	case *ast.NilNode:
		return operand{kind: kindNull, ok: always}
	case *ast.BoolNode:
		if n.Value {
			return boolean(always, always)
		}
		return boolean(always, never)
	case *ast.IntegerNode:
		if n.Value > 1<<53 || n.Value < -1<<53 {
			return t.refuse("the whole number %d is beyond 2^53", n.Value)
		}
		return operand{kind: kindNumber, ok: always, number: t.dialect.number(float64(n.Value)), whole: always}
	case *ast.FloatNode:
		if math.IsNaN(n.Value) || math.IsInf(n.Value, 0) {
			return t.refuse("a number is not finite")
		}
		if n.Value == 0 && math.Signbit(n.Value) {
			return t.refuse("engines take minus zero, where it is written out, for zero; write 0")
		}
		return operand{kind: kindNumber, ok: always, number: t.dialect.number(n.Value)}
	case *ast.StringNode:
		return textOf(t.dialect.text(n.Value))
	case *ast.IdentifierNode:
		return t.variable(n.Value)
	case *ast.ChainNode:
		return t.operand(n.Node)
	case *ast.MemberNode:
		return t.member(n)
	case *ast.UnaryNode:
		return t.unary(n)
	case *ast.BinaryNode:
		return t.binary(n)
	case *ast.ConditionalNode:
		return t.conditional(n)
	case *ast.VariableDeclaratorNode:
		return t.let(n)
	case *ast.BuiltinNode:
		return t.function(n)
	}
	return t.refuse("it uses a part of the language (%T) that the query does not know", node)
}

// variable is one of the names that a condition sees.
func (t *translator) variable(name string) operand {
	if o, ok := t.scope[name]; ok {
		return o
	}
	switch name {
	case "type", "outcome_id":
		return textOf(t.dialect.name(name))
	case "item_id":
		return textOf("coalesce(item_id, '')")
	case "value":
		return operand{kind: kindNumber, ok: always, number: t.dialect.name(name), nan: true}
	case "has_value":
		return boolean(always, truth("("+t.dialect.name("value")+" IS NOT NULL)"))
	case "attrs":
		return t.refuse("attrs is used as a whole; name one of its keys")
	case "request", "item":
		return t.inRow(name, nil)
	}
	return t.refuse("the query does not know the name %q", name)
}

// let is `let name = value; expression`: the value is evaluated even if it is not used.
func (t *translator) let(n *ast.VariableDeclaratorNode) operand {
	value := t.operand(n.Value)
	outer, shadowed := t.scope[n.Name]
	ok := value.ok
	value.ok = always
	t.scope[n.Name] = value
	o := t.operand(n.Expr)
	delete(t.scope, n.Name)
	if shadowed {
		t.scope[n.Name] = outer
	}
	o.ok = and(ok, o.ok)
	return o
}

// conditional is `c ? a : b`.
func (t *translator) conditional(n *ast.ConditionalNode) operand {
	c, a, b := t.operand(n.Cond), t.operand(n.Exp1), t.operand(n.Exp2)
	if t.refused != "" {
		return t.refuse("")
	}
	o := t.choose(c.truth, &a, &b)
	o.ok = and(c.ok, c.is(kindBool), or(and(c.truth, a.ok), and(not(c.truth), b.ok)))
	return o
}

func (t *translator) unary(n *ast.UnaryNode) operand {
	if i, ok := n.Node.(*ast.IntegerNode); ok && n.Operator == "-" {
		return t.operand(&ast.IntegerNode{Value: -i.Value})
	}
	o := t.operand(n.Node)
	if t.refused != "" {
		return t.refuse("")
	}
	switch n.Operator {
	case "!", "not":
		return boolean(and(o.ok, o.is(kindBool)), not(o.truth))
	case "-":
		return operand{kind: kindNumber, ok: and(o.ok, o.is(kindNumber)),
			number: t.calculated("(- "+o.number+")", o.isWhole()), nan: o.nan, whole: o.whole}
	case "+":
		return o // the machine does nothing
	}
	return t.refuse("the query does not know the operator %s", n.Operator)
}

// function translates the few functions that SQL has alike.
func (t *translator) function(n *ast.BuiltinNode) operand {
	var args []operand
	switch n.Name {
	case "abs", "hasPrefix", "hasSuffix":
		for _, a := range n.Arguments {
			args = append(args, t.operand(a))
		}
	case "all", "any", "none", "one", "count":
		return t.refuse("%s loops over a list, which a query over rows cannot do alike", n.Name)
	default:
		return t.refuse("the function %s may differ between labeljoin and SQL", n.Name)
	}
	switch {
	case t.refused != "":
	case n.Name == "abs" && len(args) == 1:
		o := args[0]
		return operand{kind: kindNumber, ok: and(o.ok, o.is(kindNumber)), number: "abs(" + o.number + ")", nan: o.nan,
			whole: o.whole}
	case len(args) == 2 && args[0].kind == kindText && args[1].kind == kindText:
		operator := "startsWith"
		if n.Name == "hasSuffix" {
			operator = "endsWith"
		}
		return t.search(operator, &args[0], &args[1])
	}
	return t.refuse("%s of something that may be no text; write startsWith or endsWith", n.Name)
}

// member is a path into attrs.
func (t *translator) member(n *ast.MemberNode) operand {
	var path []string
	var optional []bool
	for node := ast.Node(n); ; {
		m, ok := node.(*ast.MemberNode)
		if !ok {
			id, ok := node.(*ast.IdentifierNode)
			if ok && (id.Value == "request" || id.Value == "item") {
				slices.Reverse(path)
				return t.inRow(id.Value, path)
			}
			if !ok || id.Value != "attrs" {
				return t.refuse("a key is taken of something that is not attrs")
			}
			break
		}
		key, ok := m.Property.(*ast.StringNode)
		if !ok {
			return t.refuse("an element of a list is looked at, or a key that is not written out")
		}
		path, optional = append(path, key.Value), append(optional, m.Optional)
		node = m.Node
	}
	slices.Reverse(path)
	slices.Reverse(optional)
	o := t.attribute(path)
	// What a key is taken of has to be an object; behind ?. it may also be nil, and then
	// all that follows is.
	skipped := never
	for i := 1; i < len(path); i++ {
		of := t.attribute(path[:i])
		if optional[i] {
			skipped = or(skipped, of.isNil())
		}
		o.ok = and(o.ok, or(skipped, of.is("object")))
	}
	return o
}

// attribute is what stands at a path in attrs.
func (t *translator) attribute(path []string) operand {
	at := slices.IndexFunc(t.attributes, func(a attribute) bool { return slices.Equal(a.path, path) })
	if at < 0 {
		at = len(t.attributes)
		t.attributes = append(t.attributes, attribute{path: slices.Clone(path), name: fmt.Sprintf("attr_%d", at+1)})
	}
	name := t.attributes[at].name
	return operand{
		kinds: name + "_kind", ok: always, number: name + "_number", text: name + "_text", truth: truth(name + "_truth"),
	}
}
