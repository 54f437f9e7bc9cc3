package rule

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/labeljoin/labeljoin/events"
)

// Said is what an expression, a part of one, or a name in it says of an outcome in a row.
type Said struct {
	Source string `json:"source"`
	Result string `json:"result,omitempty"` // as it would be written in an expression; NaN is "not given"
	Kind   string `json:"kind,omitempty"`   // text, number, ...
	Fault  string `json:"error,omitempty"`  // why it cannot be evaluated; Result is empty then
}

// Trial is an expression that is tried: a condition, or one that gives a number.
type Trial struct {
	whole        part
	parts, names []part
	// Row says that it looks at the request or the item.
	Row bool
}

type part struct {
	source string
	run    InRow[any]
}

// Try compiles an expression to see what it says, and why. The error is as of Compile.
func Try(source string) (*Trial, error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	l := looksOf(tree)
	t := &Trial{Row: l.row}
	if t.whole, err = newPart(source); err != nil {
		return nil, err
	}
	conjunction := conjuncts(tree, nil)
	for _, node := range conjunction {
		if len(conjunction) == 1 {
			break
		}
		if p, err := newPart(node.String()); err == nil { // what is in it was checked with the whole
			t.parts = append(t.parts, p)
		}
	}
	seen := named{}
	ast.Walk(&tree, &seen)
	for _, name := range seen.outermost() {
		if p, err := newPart(name); err == nil {
			t.names = append(t.names, p)
		}
	}
	return t, nil
}

func newPart(source string) (part, error) {
	tree, err := parse(source)
	if err != nil {
		return part{}, err
	}
	of, err := compileRow(source, nil)
	if err != nil {
		return part{}, err
	}
	return part{source, inRow(of.program, looksOf(tree))}, nil
}

// Of tells what the expression says of an outcome in a row, and then, each by itself, the
// parts of it that are joined by and, and the names that it looks at.
func (t *Trial) Of(o *events.Outcome, req *events.Request, item int) (whole Said, parts, names []Said) {
	for i := range t.parts {
		parts = append(parts, t.parts[i].say(o, req, item))
	}
	for i := range t.names {
		names = append(names, t.names[i].say(o, req, item))
	}
	return t.whole.say(o, req, item), parts, names
}

func (p *part) say(o *events.Outcome, req *events.Request, item int) Said {
	out, err := p.run(o, req, item)
	if err != nil {
		return Said{Source: p.source, Fault: err.Error()}
	}
	text, kind := shown(out)
	return Said{Source: p.source, Result: text, Kind: kind}
}

// shown is a value as it would be written, and what it is.
func shown(v any) (text, kind string) {
	switch x := v.(type) {
	case nil:
		return "nil", "nil"
	case float64:
		if math.IsNaN(x) {
			return "not given", "number"
		}
		return fmt.Sprint(x), "number"
	}
	data, err := json.Marshal(v)
	if err != nil {
		data = []byte(fmt.Sprint(v))
	}
	return string(data), typeName(fmt.Sprintf("%T", v))
}

// named is a visitor that collects the names that an expression looks at.
type named struct{ all []string }

// Visit implements ast.Visitor.
func (n *named) Visit(node *ast.Node) {
	root := *node
	for {
		m, ok := root.(*ast.MemberNode)
		if !ok {
			break
		}
		if _, written := m.Property.(*ast.StringNode); !written {
			return
		}
		root = m.Node
	}
	id, ok := root.(*ast.IdentifierNode)
	if !ok || !slices.Contains(Variables(), id.Value) {
		return
	}
	if text := (*node).String(); !slices.Contains(n.all, text) {
		n.all = append(n.all, text)
	}
}

// outermost are the names without those that only lead to another one: attrs of attrs.ms.
func (n *named) outermost() []string {
	return slices.DeleteFunc(n.all, func(name string) bool {
		return name == "request" || name == "item" || slices.ContainsFunc(n.all, func(other string) bool {
			return other != name && strings.HasPrefix(other, name) && strings.ContainsRune(".[?", rune(other[len(name)]))
		})
	})
}
