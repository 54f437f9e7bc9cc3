package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/labeljoin/labeljoin/events"
)

// reader reads test files strictly: what it does not know is a problem, and it
// goes on after one.
type reader struct {
	notation Notation
	problems []Problem
	start    events.Time // of the test being read
}

// entry is one setting of a mapping.
type entry struct {
	name  string
	key   ast.Node
	value ast.Node
}

func (r *reader) problem(n ast.Node, format string, args ...any) {
	p := Problem{Line: 1, Column: 1, Message: fmt.Sprintf(format, args...)}
	if t := tokenOf(n); t != nil {
		p.Line, p.Column = t.Position.Line, t.Position.Column
	}
	r.problems = append(r.problems, p)
}

// parse reads the document; nil says that there are problems.
func (r *reader) parse(src []byte) (root ast.Node) {
	// The parser is a library and meets whatever people type: a panic in
	// it must not take the program down.
	defer func() {
		if p := recover(); p != nil {
			r.problem(nil, "this is not YAML that can be read (%v)", p)
			root = nil
		}
	}()
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	switch {
	case len(src) > maxFile:
		r.problem(nil, "a test file has at most 1 MiB: split it")
		return nil
	case !utf8.Valid(src):
		r.problem(nil, "the file is not UTF-8: save it as such")
		return nil
	case tooDeep(src):
		r.problem(nil, "brackets are nested more than %d deep", maxDepth)
		return nil
	}
	file, err := parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case root != nil:
			r.problem(doc.Body, "a second document begins here: a test file is one document")
			return nil
		default:
			root = doc.Body
		}
	}
	if root == nil {
		r.problem(nil, "the file is empty: it needs a configuration and tests")
		return nil
	}
	before := len(r.problems)
	ast.Walk(plain{r}, root)
	if len(r.problems) > before {
		return nil
	}
	return root
}

// maxDepth keeps the parser, which recurses, off the end of the stack.
const maxDepth = 200

// tooDeep reports whether brackets open further than people nest them. Those
// in text count too, which only makes it stricter.
func tooDeep(src []byte) bool {
	depth := 0
	for _, c := range src {
		switch c {
		case '[', '{':
			if depth++; depth > maxDepth {
				return true
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return false
}

func (r *reader) syntax(err error) {
	p := Problem{Line: 1, Column: 1, Message: "this is not YAML: " + err.Error()}
	var known yaml.Error
	if errors.As(err, &known) {
		p.Message = "this is not YAML: " + known.GetMessage()
		if t := known.GetToken(); t != nil && t.Position != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
	}
	r.problems = append(r.problems, p)
}

// plain is a visitor that refuses what makes a test mean more than it shows.
type plain struct{ r *reader }

// Visit implements ast.Visitor.
func (v plain) Visit(n ast.Node) ast.Visitor {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		v.r.problem(n, "anchors, aliases and tags are not part of a test file: write the value out")
		return nil
	}
	return v
}

// entries walks a mapping. With known names given, any other is a problem, and
// so is a name that comes twice.
func (r *reader) entries(n ast.Node, known []string) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		mapping, ok := n.(ast.MapNode)
		if !ok {
			r.problem(n, "%s is not a mapping ({name: value, ...})", shown(n))
			return
		}
		seen := map[string]bool{}
		for it := mapping.MapRange(); it.Next(); {
			e := entry{name: scalarText(it.Key()), key: it.Key(), value: it.Value()}
			switch {
			case seen[e.name]:
				r.problem(e.key, "%s is there twice", e.name)
			case known != nil && !slices.Contains(known, e.name):
				r.unknown(e.key, e.name, known)
			default:
				seen[e.name] = true
				if !yield(e) {
					return
				}
			}
		}
	}
}

// unknown reports a name that is not known, and which one was probably meant.
func (r *reader) unknown(n ast.Node, name string, known []string) {
	if near := r.notation.Nearest(name, known); near != "" {
		r.problem(n, "unknown name %q; did you mean %q?", clipped(name), near)
		return
	}
	r.problem(n, "unknown name %q; there are %s", clipped(name), strings.Join(known, ", "))
}

func (r *reader) list(n ast.Node) []ast.Node {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		r.problem(n, "%s is not a list", shown(n))
		return nil
	}
	return sequence.Values
}

// texts is a list of text.
func (r *reader) texts(n ast.Node) []string {
	texts := []string{}
	for _, one := range r.list(n) {
		texts = append(texts, r.text(one))
	}
	return texts
}

// text is text, or a number or truth value as it is spelled: an id may look
// like one.
func (r *reader) text(n ast.Node) string {
	text := scalarText(n)
	if _, null := n.(*ast.NullNode); null || text == "" && !isText(n) {
		r.problem(n, "%s is not text", shown(n))
		return ""
	}
	return text
}

// yes is a setting that can only be true.
func (r *reader) yes(n ast.Node) {
	if b, ok := n.(*ast.BoolNode); !ok || !b.Value {
		r.problem(n, "the only value it takes is true")
	}
}

func isText(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return true
	}
	return false
}

// scalarText is how a scalar is spelled, empty for anything else.
func scalarText(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.MappingKeyNode:
		return scalarText(n.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		if t := tokenOf(n); t != nil {
			return t.Value
		}
	}
	return ""
}

func shown(n ast.Node) string {
	switch n.(type) {
	case ast.MapNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case nil, *ast.NullNode:
		return "nothing"
	}
	return fmt.Sprintf("%q", clipped(scalarText(n)))
}

// clipped keeps errors readable.
func clipped(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

func tokenOf(n ast.Node) *token.Token {
	if n == nil {
		return nil
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t
	}
	return nil
}

func lineOf(n ast.Node) int {
	// The token of a mapping is its first colon; it may be on a later line than
	// the mapping only if a key spans lines.
	if t := tokenOf(n); t != nil {
		return t.Position.Line
	}
	return 1
}
