package mapping

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// truth evaluates a condition; ok is false for what the machine has to look at.
func truth(of quick, e *evaluation, element any, index int) (is, ok bool) {
	v, how := of(e, element, index)
	is, ok = v.(bool)
	return is, ok && how == outcomeGood
}

// quickLogic is a and b, or a or b: the second is asked only if the first leaves it open.
func quickLogic(left, right quick, or bool) quick {
	return func(e *evaluation, element any, index int) (any, outcome) {
		is, ok := truth(left, e, element, index)
		if ok && is != or {
			is, ok = truth(right, e, element, index)
		}
		if !ok {
			return nil, outcomeUnable
		}
		return is, outcomeGood
	}
}

// quickNot is not a.
func quickNot(n *ast.UnaryNode) quick {
	of := quickOf(n.Node)
	if of == nil || n.Operator != "not" && n.Operator != "!" {
		return nil
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		is, ok := truth(of, e, element, index)
		if !ok {
			return nil, outcomeUnable
		}
		return !is, outcomeGood
	}
}

// quickIn is whether a text is one of those that are written out.
func quickIn(of quick, list ast.Node) quick {
	array, ok := list.(*ast.ArrayNode)
	if !ok {
		return nil
	}
	var texts []string
	for _, one := range array.Nodes {
		text, ok := one.(*ast.StringNode)
		if !ok {
			return nil
		}
		texts = append(texts, text.Value)
	}
	return func(e *evaluation, element any, index int) (any, outcome) {
		v, how := of(e, element, index)
		if how != outcomeGood {
			return nil, how
		}
		text, ok := simple(v).(string)
		if !ok {
			return nil, outcomeUnable
		}
		return slices.Contains(texts, text), outcomeGood
	}
}

// onTexts compares two texts.
func onTexts(compare func(text, part string) bool) func(e *evaluation, a, b any) (any, outcome) {
	return func(_ *evaluation, a, b any) (any, outcome) {
		text, isText := simple(a).(string)
		part, isPart := simple(b).(string)
		if !isText || !isPart {
			return nil, outcomeUnable
		}
		return compare(text, part), outcomeGood
	}
}
