package sql

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

func (t *translator) binary(n *ast.BinaryNode) operand {
	switch n.Operator {
	case "in":
		return t.membership(n)
	case "matches":
		return t.refuse("regular expressions differ between labeljoin (RE2) and SQL engines")
	case "%", "**", "^":
		return t.refuse("the operator %s may differ between labeljoin and SQL", n.Operator)
	}
	a, b := t.operand(n.Left), t.operand(n.Right)
	if t.refused != "" {
		return t.refuse("")
	}
	switch n.Operator {
	case "&&", "and":
		o := t.choose(a.truth, &b, &a)
		if b.kind == kindBool {
			o = boolean(always, and(a.truth, b.truth))
		}
		o.ok = and(a.ok, a.is(kindBool), or(not(a.truth), b.ok))
		return o
	case "||", "or":
		o := t.choose(a.truth, &a, &b)
		if b.kind == kindBool {
			o = boolean(always, or(a.truth, b.truth))
		}
		o.ok = and(a.ok, a.is(kindBool), or(a.truth, b.ok))
		return o
	case "==", "!=":
		holds := t.equal(&a, &b)
		if n.Operator == "!=" {
			holds = not(holds)
		}
		return boolean(and(a.ok, b.ok), holds)
	case "<", "<=", ">", ">=":
		return ordered(n.Operator, &a, &b)
	case "contains", "startsWith", "endsWith":
		return t.search(n.Operator, &a, &b)
	case "??":
		o := t.choose(a.isNil(), &b, &a)
		o.ok = and(a.ok, or(not(a.isNil()), b.ok))
		return o
	case "+", "-", "*", "/":
		return t.arithmetic(n, &a, &b)
	}
	return t.refuse("the query does not know the operator %s", n.Operator)
}

// search looks for one text in another. Where either is nil, it is not found.
func (t *translator) search(operator string, a, b *operand) operand {
	texts := and(a.is(kindText), b.is(kindText))
	return boolean(and(a.ok, b.ok, or(a.isNil(), b.isNil(), texts)),
		and(texts, truth(t.dialect.search(operator, a.text, b.text))))
}

// arithmetic calculates with numbers; + also joins texts.
func (t *translator) arithmetic(n *ast.BinaryNode, a, b *operand) operand {
	numbers, texts := and(a.is(kindNumber), b.is(kindNumber)), never
	o := operand{kind: kindNumber}
	if n.Operator == "+" {
		texts = and(a.is(kindText), b.is(kindText))
	}
	if numbers != never {
		o.number, o.nan = t.dialect.withoutNaN("("+a.number+" "+n.Operator+" "+b.number+")"), true
		switch {
		case n.Operator != "/":
			o.whole = and(a.isWhole(), b.isWhole())
			o.number = t.calculated(o.number, o.whole)
		case !divisor(n.Right):
			o.number = t.dialect.divided(a.number, b.number, o.number)
		}
	}
	if texts != never {
		o.kind, o.kinds = "", "CASE WHEN "+string(numbers)+" THEN 'number' ELSE 'text' END"
		o.text = "concat(" + a.text + ", " + b.text + ")"
		if numbers == never {
			o.kind, o.kinds = kindText, ""
		}
	}
	o.ok = and(a.ok, b.ok, or(numbers, texts))
	return o
}

// calculated is the result of a calculation, which is in integers where whole holds. These have no minus zero, and what
// is in no double exactly stops the query.
func (t *translator) calculated(result string, whole truth) string {
	if whole == never {
		return result
	}
	return fmt.Sprintf("CASE WHEN %s AND %s = 0 THEN %s WHEN %s AND abs(%s) > 9007199254740991 THEN %s ELSE %s END",
		whole, result, t.dialect.number(0), whole, result,
		t.dialect.stop("a condition calculates with whole numbers beyond 2^53"), result)
}

// divided is a quotient whose divisor may be 0. Then engines have NULL or an error, and the language has what IEEE 754
// says: NaN, or infinity with the signs of both.
func (d Dialect) divided(a, b, quotient string) string {
	minusZero, infinity := "signbit("+b+")", "'inf'::DOUBLE"
	if d == DialectSpark {
		minusZero, infinity = "CAST("+b+" AS STRING) = '-0.0'", "double('Infinity')"
	}
	return fmt.Sprintf("CASE WHEN %[2]s = 0 THEN CASE WHEN %[1]s <> 0 THEN CASE WHEN (%[1]s > 0) = (%[3]s) THEN - %[4]s "+
		"ELSE %[4]s END END ELSE %[5]s END", a, b, minusZero, infinity, quotient)
}

// divisor reports whether a node is a number that is not 0.
func divisor(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return n.Value != 0
	case *ast.FloatNode:
		return n.Value != 0
	}
	return false
}

// membership is `a in list`, `"key" in attrs` and `"name" in request.features`.
func (t *translator) membership(n *ast.BinaryNode) operand {
	if m, ok := n.Right.(*ast.MemberNode); ok {
		return t.inFeatures(n, m)
	}
	if id, ok := n.Right.(*ast.IdentifierNode); ok && id.Value == "attrs" {
		key, ok := n.Left.(*ast.StringNode)
		if !ok {
			return t.refuse("a key that is not written out is looked for in attrs")
		}
		of := t.attribute([]string{key.Value})
		return boolean(always, not(truth("("+of.kinds+" = '"+kindAbsent+"')")))
	}
	a := t.operand(n.Left)
	var elements []operand
	switch list := n.Right.(type) {
	case *ast.ArrayNode:
		for _, e := range list.Nodes {
			elements = append(elements, t.operand(e))
		}
	case *ast.ConstantNode:
		switch values := list.Value.(type) {
		case map[string]struct{}:
			return t.amongTexts(&a, slices.Sorted(maps.Keys(values)))
		case []any:
			for _, v := range values {
				elements = append(elements, t.constant(v))
			}
		default:
			return t.refuse("in looks into a %T", values)
		}
	default:
		return t.refuse("in looks into something that is not written out as a list")
	}
	o := boolean(a.ok, never)
	for i := range elements {
		o.ok, o.truth = and(o.ok, elements[i].ok), or(o.truth, t.equal(&elements[i], &a))
	}
	return o
}

// amongTexts is `a in ["x", "y"]` as the machine runs it: what is nil is looked up as the
// empty text, and what is neither nil nor a text cannot be looked up.
func (t *translator) amongTexts(a *operand, words []string) operand {
	if t.refused != "" {
		return t.refuse("")
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = t.dialect.text(w)
	}
	holds := and(a.is(kindText), truth("("+a.text+" IN ("+strings.Join(quoted, ", ")+"))"))
	if slices.Contains(words, "") {
		holds = or(holds, a.isNil())
	}
	return boolean(and(a.ok, or(a.isNil(), a.is(kindText))), holds)
}

// constant is an element of a list of constants.
func (t *translator) constant(value any) operand {
	switch v := value.(type) {
	case string:
		return textOf(t.dialect.text(v))
	case bool:
		if v {
			return boolean(always, always)
		}
		return boolean(always, never)
	case int:
		return t.operand(&ast.IntegerNode{Value: v})
	case float64:
		return t.operand(&ast.FloatNode{Value: v})
	}
	return t.refuse("a list holds a %T", value)
}
