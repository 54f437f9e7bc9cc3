package mapping

import (
	"github.com/expr-lang/expr/ast"

	"github.com/labeljoin/labeljoin/events"
)

// Most expressions are members of the record, with a function or a loop around them. They
// are evaluated here, without the machine of expr, which asks reflection for each member.
// What is not written here, and whatever does not go well, is left to the machine: so what
// an expression means, and what is wrong with it, is said in one place.

// quick evaluates an expression; element and index are those of the loop around it.
type quick func(e *evaluation, element any, index int) (any, outcome)

// outcome says how a quick evaluation ended.
type outcome uint8

const (
	outcomeGood   outcome = iota
	outcomeNone           // something that may be missing is missing
	outcomeUnable         // the machine has to evaluate it
)

// quickOf is an expression's quick evaluation; nil if it has none.
func quickOf(node ast.Node) quick {
	switch n := node.(type) {
	case *ast.StringNode:
		return constant(n.Value)
	case *ast.IntegerNode:
		return constant(n.Value)
	case *ast.NilNode:
		return constant(nil)
	case *ast.ArrayNode:
		return quickList(n)
	case *ast.IdentifierNode:
		return quickName(n.Value)
	case *ast.PointerNode:
		switch n.Name {
		case "":
			return func(_ *evaluation, element any, _ int) (any, outcome) { return element, outcomeGood }
		case "index":
			return func(_ *evaluation, _ any, index int) (any, outcome) { return index, outcomeGood }
		}
	case *ast.MemberNode:
		return quickMember(n)
	case *ast.ChainNode:
		return quickChain(n)
	case *ast.BinaryNode:
		return quickBinary(n)
	case *ast.ConditionalNode:
		return quickChoice(n)
	case *ast.MapNode:
		return quickObject(n)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			return quickCall(id.Value, n.Arguments)
		}
	case *ast.BuiltinNode:
		if n.Name == "map" {
			return quickLoop(n)
		}
		return quickCall(n.Name, n.Arguments)
	}
	return nil
}

func constant(v any) quick {
	return func(*evaluation, any, int) (any, outcome) { return v, outcomeGood }
}

func quickName(name string) quick {
	switch name {
	case nameEvent, nameIt, nameKind, nameSubject, nameStored:
		return func(e *evaluation, _ any, _ int) (any, outcome) { return e.env[name], outcomeGood }
	}
	return nil
}

func quickMember(n *ast.MemberNode) quick {
	of := quickOf(n.Node)
	name, ok := n.Property.(*ast.StringNode)
	if of == nil || !ok {
		return nil
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		v, how := of(e, element, index)
		if how != outcomeGood {
			return nil, how
		}
		if object, ok := v.(map[string]any); ok {
			return object[name.Value], outcomeGood
		}
		if v == nil && n.Optional {
			return nil, outcomeNone
		}
		return nil, outcomeUnable
	}
}

// quickChain is where a chain ends that something on its way may be missing of.
func quickChain(n *ast.ChainNode) quick {
	of := quickOf(n.Node)
	if of == nil {
		return nil
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		v, how := of(e, element, index)
		if how == outcomeNone {
			return nil, outcomeGood
		}
		return v, how
	}
}

func quickBinary(n *ast.BinaryNode) quick {
	left, right := quickOf(n.Left), quickOf(n.Right)
	if left == nil || right == nil {
		return nil
	}
	var join func(e *evaluation, a, b any) (any, outcome)
	switch n.Operator {
	case "??":
		return func(e *evaluation, element any, index int) (any, outcome) {
			if v, how := left(e, element, index); how != outcomeGood || v != nil {
				return v, how
			}
			return right(e, element, index)
		}
	case "==", "!=":
		want := n.Operator == "=="
		join = func(_ *evaluation, a, b any) (any, outcome) {
			same, ok := quickSame(a, b)
			if !ok {
				return nil, outcomeUnable
			}
			return same == want, outcomeGood
		}
	case "+":
		join = func(e *evaluation, a, b any) (any, outcome) {
			v, err := plus(&e.budget, a, b)
			if err != nil {
				return nil, outcomeUnable
			}
			return v, outcomeGood
		}
	default:
		return nil
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		a, how := left(e, element, index)
		if how != outcomeGood {
			return nil, how
		}
		b, how := right(e, element, index)
		if how != outcomeGood {
			return nil, how
		}
		return join(e, a, b)
	}
}

// quickSame compares texts, and with nothing; ok is false for what is left to the machine.
func quickSame(a, b any) (same, ok bool) {
	if a == nil || b == nil {
		return a == nil && b == nil, true
	}
	x, isX := a.(string)
	y, isY := b.(string)
	return x == y, isX && isY
}

func quickChoice(n *ast.ConditionalNode) quick {
	when, yes, no := quickOf(n.Cond), quickOf(n.Exp1), quickOf(n.Exp2)
	if when == nil || yes == nil || no == nil {
		return nil
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		v, how := when(e, element, index)
		is, ok := v.(bool)
		switch {
		case how != outcomeGood:
			return nil, how
		case !ok:
			return nil, outcomeUnable
		case is:
			return yes(e, element, index)
		}
		return no(e, element, index)
	}
}

func quickList(n *ast.ArrayNode) quick {
	elements := make([]quick, len(n.Nodes))
	for i, one := range n.Nodes {
		if elements[i] = quickOf(one); elements[i] == nil {
			return nil
		}
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		list := make([]any, len(elements))
		for i := range elements {
			v, how := elements[i](e, element, index)
			if how != outcomeGood {
				return nil, how
			}
			list[i] = v
		}
		return list, outcomeGood
	}
}

func quickObject(n *ast.MapNode) quick {
	type member struct {
		name  string
		value quick
	}
	members := make([]member, len(n.Pairs))
	for i, one := range n.Pairs {
		pair, ok := one.(*ast.PairNode)
		if !ok {
			return nil
		}
		name, ok := pair.Key.(*ast.StringNode)
		if !ok {
			return nil
		}
		members[i] = member{name.Value, quickOf(pair.Value)}
		if members[i].value == nil {
			return nil
		}
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		object := make(map[string]any, len(members))
		for i := range members {
			v, how := members[i].value(e, element, index)
			if how != outcomeGood {
				return nil, how
			}
			object[members[i].name] = v
		}
		return object, outcomeGood
	}
}

// quickCall is a call of a function that does nothing in which the machine could differ.
func quickCall(name string, arguments []ast.Node) quick {
	if len(arguments) == 0 {
		return nil
	}
	of := quickOf(arguments[0])
	if of == nil {
		return nil
	}
	var call func(v any) (any, error)
	switch {
	case name == "string" && len(arguments) == 1:
		call = func(v any) (any, error) { return textOf(v) }
	case name == "time" && len(arguments) == 2:
		how, ok := arguments[1].(*ast.StringNode)
		if !ok {
			return nil
		}
		unit, err := events.ParseUnit(how.Value)
		if err != nil || how.Value == "" || how.Value == "auto" {
			return nil
		}
		call = func(v any) (any, error) { return epoch(v, unit) }
	default:
		return nil
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		v, how := of(e, element, index)
		if how != outcomeGood {
			return nil, how
		}
		made, err := call(v)
		if err != nil {
			return nil, outcomeUnable
		}
		return made, outcomeGood
	}
}

// quickLoop is map(list, value).
func quickLoop(n *ast.BuiltinNode) quick {
	if len(n.Arguments) != 2 {
		return nil
	}
	body, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return nil
	}
	of, each := quickOf(n.Arguments[0]), quickOf(body.Node)
	if of == nil || each == nil {
		return nil
	}
	costly := isCostly(body.Node)
	return func(e *evaluation, element any, index int) (any, outcome) {
		v, how := of(e, element, index)
		list, ok := v.([]any)
		if how != outcomeGood {
			return nil, how
		}
		if !ok {
			return nil, outcomeUnable
		}
		out := make([]any, len(list))
		for i, one := range list {
			if e.budget.step(costly) != nil {
				return nil, outcomeUnable
			}
			if out[i], how = each(e, one, i); how != outcomeGood {
				return nil, outcomeUnable
			}
		}
		if e.budget.made(out) != nil {
			return nil, outcomeUnable
		}
		return out, outcomeGood
	}
}
