package mapping

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
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
	case *ast.BoolNode:
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
	case *ast.UnaryNode:
		return quickNot(n)
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
	case nameEvent:
		return func(e *evaluation, _ any, _ int) (any, outcome) { return e.event, outcomeGood }
	case nameIt:
		return func(e *evaluation, _ any, _ int) (any, outcome) { return e.it, outcomeGood }
	case nameKind:
		return func(e *evaluation, _ any, _ int) (any, outcome) { return e.kind, outcomeGood }
	case nameSubject:
		return func(e *evaluation, _ any, _ int) (any, outcome) { return e.subject, outcomeGood }
	case nameStored:
		return func(e *evaluation, _ any, _ int) (any, outcome) { return e.stored, outcomeGood }
	}
	return nil
}

func quickMember(n *ast.MemberNode) quick {
	of := quickOf(n.Node)
	name, ok := n.Property.(*ast.StringNode)
	if of == nil || !ok {
		return nil
	}
	key := jsonevent.NodeNameOf(name.Value)
	return func(e *evaluation, element any, index int) (any, outcome) {
		v, how := of(e, element, index)
		if how != outcomeGood {
			return nil, how
		}
		switch v := v.(type) {
		case *jsonevent.Node:
			if v.Kind() == jsonevent.NodeObject {
				return valueOf(v.Member(key)), outcomeGood
			}
		case map[string]any:
			return v[name.Value], outcomeGood
		case *object:
			member, _ := v.member(name.Value)
			return member, outcomeGood
		case nil:
			if n.Optional {
				return nil, outcomeNone
			}
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
	switch n.Operator {
	case "and", "&&", "or", "||":
		return quickLogic(left, right, n.Operator == "or" || n.Operator == "||")
	case "in":
		return quickIn(left, n.Right)
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
			if text, ok := joinTexts(a, b); ok {
				if e.budget.makes(len(text)) != nil {
					return nil, outcomeUnable
				}
				return text, outcomeGood
			}
			v, err := plus(&e.budget, simple(a), simple(b))
			if err != nil {
				return nil, outcomeUnable
			}
			return v, outcomeGood
		}
	case "startsWith":
		join = onTexts(strings.HasPrefix)
	case "endsWith":
		join = onTexts(strings.HasSuffix)
	case "contains":
		join = onTexts(strings.Contains)
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

// joinTexts puts two texts together, of which one may still be where it stands.
func joinTexts(a, b any) (string, bool) {
	x, isX := plainText(a)
	y, isY := plainText(b)
	if !isX || !isY {
		return "", false
	}
	var text strings.Builder
	text.Grow(x.size() + y.size())
	x.writeTo(&text)
	y.writeTo(&text)
	return text.String(), true
}

// textValue is a text that has no escapes: it is in one of the two.
type textValue struct {
	text string
	raw  []byte
}

func (t *textValue) size() int { return len(t.text) + len(t.raw) }

func (t *textValue) writeTo(to *strings.Builder) {
	to.WriteString(t.text)
	to.Write(t.raw)
}

func plainText(v any) (t textValue, ok bool) {
	switch v := v.(type) {
	case string:
		return textValue{text: v}, true
	case *jsonevent.Node:
		if v.Kind() == jsonevent.NodeText && !v.Escaped() {
			return textValue{raw: v.Raw()}, true
		}
	}
	return t, false
}

// quickSame compares texts, and with nothing; ok is false for what is left to the machine.
func quickSame(a, b any) (same, ok bool) {
	if a == nil || b == nil {
		return a == nil && b == nil, true
	}
	x, isX := a.(*jsonevent.Node)
	y, isY := b.(string)
	if isX && isY && x.Kind() == jsonevent.NodeText && !x.Escaped() {
		return string(x.Raw()) == y, true
	}
	text, isText := simple(a).(string)
	other, isOther := simple(b).(string)
	return text == other, isText && isOther
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
		made := e.room(len(elements))
		for i := range elements {
			v, how := elements[i](e, element, index)
			if how != outcomeGood {
				return nil, how
			}
			made[i] = v
		}
		return list(made), outcomeGood
	}
}

func quickObject(n *ast.MapNode) quick {
	names, members := make([]string, len(n.Pairs)), make([]quick, len(n.Pairs))
	for i, one := range n.Pairs {
		pair, ok := one.(*ast.PairNode)
		if !ok {
			return nil
		}
		name, ok := pair.Key.(*ast.StringNode)
		if !ok || slices.Contains(names[:i], name.Value) {
			return nil
		}
		names[i], members[i] = name.Value, quickOf(pair.Value)
		if members[i] == nil {
			return nil
		}
	}
	of := shapeOf(names)
	return func(e *evaluation, element any, index int) (any, outcome) {
		made := e.object(of)
		for i, member := range members {
			v, how := member(e, element, index)
			if how != outcomeGood {
				return nil, how
			}
			made.values[i] = v
		}
		return made, outcomeGood
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
	var call func(e *evaluation, v any) (any, bool)
	switch {
	case name == "string" && len(arguments) == 1:
		call = quickText
	case name == "default" && len(arguments) == 2:
		return quickDefault(of, quickOf(arguments[1]))
	case name == "time":
		if call = quickTime(arguments[1:]); call == nil {
			return nil
		}
	default:
		return nil
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		v, how := of(e, element, index)
		if how != outcomeGood {
			return nil, how
		}
		made, ok := call(e, v)
		if !ok {
			return nil, outcomeUnable
		}
		return made, outcomeGood
	}
}

// quickTime is time(v, ...) with what else it gets written out.
func quickTime(arguments []ast.Node) func(e *evaluation, v any) (any, bool) {
	more := make([]any, 1, 3) // the first is the value
	for _, argument := range arguments {
		text, ok := argument.(*ast.StringNode)
		if !ok {
			return nil
		}
		more = append(more, text.Value)
	}
	unit := events.UnitAuto
	if len(more) > 1 && more[1] != "" {
		unit, _ = events.ParseUnit(more[1].(string)) // it may be a layout
	}
	return func(e *evaluation, v any) (any, bool) {
		if n, ok := v.(*jsonevent.Node); ok && n.Kind() == jsonevent.NodeWhole && unit != events.UnitAuto {
			if at, ok := unit.Time(n.Int()); ok {
				return at, true
			}
		}
		at, err := timeOf(e.zones, append([]any{simple(v)}, more[1:]...)...)
		return at, err == nil
	}
}

// quickText is string(v). A text stays where it is.
func quickText(_ *evaluation, v any) (any, bool) {
	if n, ok := v.(*jsonevent.Node); ok && n.Kind() == jsonevent.NodeText {
		return n, true
	}
	text, err := textOf(simple(v))
	return text, err == nil
}

// quickDefault is default(value, otherwise).
func quickDefault(of, otherwise quick) quick {
	if otherwise == nil {
		return nil
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		v, how := of(e, element, index)
		if how != outcomeGood {
			return nil, how
		}
		n, ok := v.(*jsonevent.Node)
		if v != nil && v != "" && !(ok && n.Kind() == jsonevent.NodeText && len(n.Raw()) == 0) {
			// The machine evaluates both, and so finds what is wrong with the other.
			_, how = otherwise(e, element, index)
			return v, how
		}
		return otherwise(e, element, index)
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
		if how != outcomeGood {
			return nil, how
		}
		next, n := elementsOf(v)
		if next == nil {
			return nil, outcomeUnable
		}
		out := e.room(n)
		for i := range n {
			if e.budget.step(costly) != nil {
				return nil, outcomeUnable
			}
			if out[i], how = each(e, next(i), i); how != outcomeGood {
				return nil, outcomeUnable
			}
		}
		if e.budget.makes(elementBytes*n) != nil {
			return nil, outcomeUnable
		}
		return list(out), outcomeGood
	}
}

// elementsOf goes over a list: next has to be called for each element, in order, and is
// nil for what is no list.
func elementsOf(v any) (next func(i int) any, n int) {
	switch v := v.(type) {
	case []any:
		return func(i int) any { return v[i] }, len(v)
	case list:
		return func(i int) any { return v[i] }, len(v)
	case *jsonevent.Node:
		if v.Kind() != jsonevent.NodeList {
			return nil, 0
		}
		at := v.First()
		return func(int) any {
			now := at
			at = at.Next()
			return valueOf(now)
		}, v.Len()
	}
	return nil, 0
}
