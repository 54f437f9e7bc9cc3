package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// text reads a node that must be text. What YAML takes for a number or a truth
// value is told so, because quoting it is what the writer wants.
func (r *reader) text(n ast.Node, path string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.NullNode:
		r.problem(placeOf(n), path, "has no value: give it one or remove the line")
		return "", false
	case *ast.IntegerNode, *ast.FloatNode:
		r.problem(placeOf(n), path, "is a number where text belongs: write it in quotes")
		return "", false
	case *ast.BoolNode:
		r.problem(placeOf(n), path, "is true or false where text belongs: write it in quotes")
		return "", false
	}
	// Within brackets, YAML takes a:b for a mapping; so it may be meant as text.
	r.problem(placeOf(n), path, "%s stands where text belongs: put it in quotes", shown(n))
	return "", false
}

// notation reads a type that is written as text in a notation of its own. A bare
// number goes to it too: it knows best what is missing.
func (r *reader) notation(n ast.Node, path string, into textReader) {
	var text string
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		text = n.GetToken().Value
	default:
		var ok bool
		if text, ok = r.text(n, path); !ok {
			return
		}
	}
	if err := into.parse(text); err != nil {
		r.problem(placeOf(n), path, "%s", err)
	}
}

// word reads one of a few words.
func (r *reader) word(n ast.Node, path string, v reflect.Value, words []string) {
	text, ok := r.text(n, path)
	if !ok {
		return
	}
	for _, word := range words {
		if text == word {
			v.SetString(word)
			return
		}
	}
	hint := "it is one of " + strings.Join(words, ", ")
	if near := Nearest(text, words); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	r.problem(placeOf(n), path, "%q is not known; %s", clipped(text), hint)
}

// scientific reports whether a node is a number like 1e-6, which YAML 1.2 says
// it is and the parser takes for text.
func scientific(n ast.Node) bool {
	if n.Type() != ast.StringType || n.GetToken().Type != token.StringType {
		return false // not text, or text in quotes
	}
	mantissa, exponent, found := strings.Cut(strings.ToLower(n.GetToken().Value), "e")
	_, err := strconv.ParseInt(exponent, 10, 32)
	_, mErr := strconv.ParseInt(mantissa, 10, 64)
	return found && err == nil && mErr == nil
}

// number reads an integer or, where the setting takes one, a fraction.
func (r *reader) number(n ast.Node, path string, v reflect.Value) {
	at := placeOf(n)
	var written string
	switch {
	case n.Type() == ast.IntegerType, n.Type() == ast.FloatType, scientific(n):
		written = strings.ReplaceAll(n.GetToken().Value, "_", "")
	default:
		r.problem(at, path, "%s is not a number%s", shown(n), withoutPercent(n))
		return
	}
	if v.Kind() == reflect.Int64 {
		i, err := strconv.ParseInt(written, 0, 64)
		if err != nil {
			r.problem(at, path, "%s is not a whole number that fits 64 bits", clipped(written))
			return
		}
		v.SetInt(i)
		return
	}
	x, err := strconv.ParseFloat(written, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		r.problem(at, path, "%s is not a number", clipped(written))
		return
	}
	v.SetFloat(x)
}

// isText reports whether a node is written as text.
func isText(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return true
	}
	return false
}

func isNull(n ast.Node) bool {
	_, null := n.(*ast.NullNode)
	return n == nil || null
}

func isMapping(n ast.Node) bool {
	_, ok := n.(ast.MapNode)
	return ok
}

// keyText is the name that a key spells. YAML takes some names (true, null, 1)
// for something else; as keys they are names.
func keyText(key ast.MapKeyNode) (string, bool) {
	switch n := key.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.BoolNode, *ast.NullNode, *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// shown names a node in an error.
func shown(n ast.Node) string {
	switch n := n.(type) {
	case ast.MapNode:
		return "a block of settings"
	case *ast.SequenceNode:
		return "a list"
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.StringNode:
		return strconv.Quote(clipped(n.Value))
	case *ast.LiteralNode:
		return strconv.Quote(clipped(n.Value.Value))
	}
	return clipped(n.GetToken().Value)
}

// withoutPercent says how a share is written that someone gave in percent.
func withoutPercent(n ast.Node) string {
	text, ok := n.(*ast.StringNode)
	if !ok {
		return ""
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(text.Value, "%"), 64)
	if err != nil || !strings.HasSuffix(text.Value, "%") {
		return ""
	}
	return fmt.Sprintf(": write %v", percent/100)
}

// clipped keeps errors readable.
func clipped(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
