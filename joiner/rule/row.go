package rule

import (
	"encoding/json"
	"math"
	"slices"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/labeljoin/labeljoin/events"
)

// InRow evaluates something of an outcome in a row: that of an item of its request, by
// the item's index, or, with -1, one that has no item. The error says why it cannot be
// evaluated.
type InRow[T any] func(o *events.Outcome, req *events.Request, item int) (T, error)

// rowEnv is what an expression sees that looks at the row as well.
type rowEnv struct {
	Type      string         `expr:"type"`
	Value     float64        `expr:"value"`
	HasValue  bool           `expr:"has_value"`
	ItemID    string         `expr:"item_id"`
	OutcomeID string         `expr:"outcome_id"`
	Attrs     map[string]any `expr:"attrs"`
	Request   requestEnv     `expr:"request"`
	Item      itemEnv        `expr:"item"`
}

// requestEnv is the request. What it does not have is empty, or NaN.
type requestEnv struct {
	ID           string         `expr:"request_id"`
	Model        string         `expr:"model"`
	ModelVersion string         `expr:"model_version"`
	UserID       string         `expr:"user_id"`
	Score        float64        `expr:"score"`
	Features     map[string]any `expr:"features"`
}

// itemEnv is the row's item. Where there is none, it is empty, and its numbers are NaN.
type itemEnv struct {
	ID       string         `expr:"item_id"`
	Position float64        `expr:"position"`
	Score    float64        `expr:"score"`
	Features map[string]any `expr:"features"`
}

// members lists what request and item have.
var members = map[string][]string{
	"rule.requestEnv": {"features", "model", "model_version", "request_id", "score", "user_id"},
	"rule.itemEnv":    {"features", "item_id", "position", "score"},
}

// conjuncts are the parts of a condition that all have to hold, in their order.
func conjuncts(n ast.Node, into []ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "&&" || b.Operator == "and") {
		return conjuncts(b.Right, conjuncts(b.Left, into))
	}
	return append(into, n)
}

// joinAll is a condition of parts that all have to hold.
func joinAll(parts []ast.Node) ast.Node {
	var whole ast.Node = &ast.BoolNode{Value: true}
	for i, part := range parts {
		if i == 0 {
			whole = part
			continue
		}
		whole = &ast.BinaryNode{Operator: "&&", Left: whole, Right: part}
	}
	return whole
}

// looks is a visitor that finds what an expression looks at.
type looks struct {
	row                  bool // at the request or the item
	attrs, request, item keys // of attrs, and of the features of the two
}

// keys are the names by which an object is looked into.
type keys struct {
	names      []string
	uses, path int // how often it stands there, and how often a name follows
}

// all reports whether the object is used otherwise than by names that are written out.
func (k *keys) all() bool { return k.uses > k.path }

// key notes a name.
func (k *keys) key(name string) {
	k.path++
	if !slices.Contains(k.names, name) {
		k.names = append(k.names, name)
	}
}

// Visit implements ast.Visitor.
func (l *looks) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		switch n.Value {
		case "request", "item":
			l.row = true
		case "attrs":
			l.attrs.uses++
		}
	case *ast.MemberNode:
		if k := l.features(n); k != nil {
			k.uses++
		}
		name, written := n.Property.(*ast.StringNode)
		if !written {
			return
		}
		if id, ok := n.Node.(*ast.IdentifierNode); ok && id.Value == "attrs" {
			l.attrs.key(name.Value)
		} else if k := l.features(n.Node); k != nil {
			k.key(name.Value)
		}
	case *ast.BinaryNode:
		if name, written := n.Left.(*ast.StringNode); written && n.Operator == "in" {
			if k := l.features(n.Right); k != nil {
				k.key(name.Value)
			}
		}
	}
}

// features says whose features a node is; nil if it is none's.
func (l *looks) features(n ast.Node) *keys {
	m, ok := n.(*ast.MemberNode)
	if !ok {
		return nil
	}
	id, isName := m.Node.(*ast.IdentifierNode)
	if p, ok := m.Property.(*ast.StringNode); !ok || !isName || p.Value != "features" {
		return nil
	}
	switch id.Value {
	case "request":
		return &l.request
	case "item":
		return &l.item
	}
	return nil
}

func looksOf(nodes ...ast.Node) looks {
	var l looks
	for _, n := range nodes {
		ast.Walk(&n, &l)
	}
	return l
}

// without is a patch that takes parts for true, so that places in the expression stay
// what they are.
type without []ast.Node

// Visit implements ast.Visitor.
func (w without) Visit(node *ast.Node) {
	for _, n := range w {
		if at := (*node).Location(); at == n.Location() && at != (file.Location{}) && (*node).String() == n.String() {
			ast.Patch(node, &ast.BoolNode{Value: true})
			return
		}
	}
}

// rowMachine is what one evaluation of an expression over a row needs.
type rowMachine struct {
	vm                    vm.VM
	env                   rowEnv
	features, itemFeature map[string]any
}

// inRow runs a program over rows, on machines that are used again.
func inRow(program *vm.Program, l looks) InRow[any] {
	machines := &sync.Pool{New: func() any {
		return &rowMachine{vm: vm.VM{MemoryBudget: maxMemory}, features: map[string]any{}, itemFeature: map[string]any{}}
	}}
	return func(o *events.Outcome, req *events.Request, item int) (any, error) {
		m := machines.Get().(*rowMachine)
		m.see(&l, o, req, item)
		out, err := m.vm.Run(program, &m.env)
		m.env = rowEnv{} // a pooled machine must not keep an event alive
		clear(m.features)
		clear(m.itemFeature)
		machines.Put(m)
		if err != nil {
			return nil, faultError{err}
		}
		return out, nil
	}
}

// see sets what the expression sees.
func (m *rowMachine) see(l *looks, o *events.Outcome, req *events.Request, item int) {
	m.env = rowEnv{Type: o.Type, Value: valueOf(o), HasValue: o.HasValue, ItemID: o.ItemID, OutcomeID: o.ID,
		Attrs: o.Attrs}
	if !l.row {
		return
	}
	m.env.Request, m.env.Item = l.requestOf(m.features, req), l.itemOf(m.itemFeature, req, item)
}

// requestOf is what an expression sees of a request, with its features in a map.
func (l *looks) requestOf(features map[string]any, req *events.Request) requestEnv {
	return requestEnv{ID: req.ID, Model: req.Model, ModelVersion: req.ModelVersion, UserID: req.UserID,
		Score: orNaN(req.Score, req.HasScore), Features: featuresOf(features, req.Features, &l.request)}
}

// itemOf is what an expression sees of an item, if there is one.
func (l *looks) itemOf(features map[string]any, req *events.Request, item int) itemEnv {
	if item < 0 || item >= len(req.Items) {
		return itemEnv{Position: math.NaN(), Score: math.NaN()}
	}
	i := &req.Items[item]
	position := float64(item)
	if i.HasPosition {
		position = float64(i.Position)
	}
	return itemEnv{ID: i.ID, Position: position, Score: orNaN(i.Score, i.HasScore),
		Features: featuresOf(features, i.Features, &l.item)}
}

func orNaN(x float64, has bool) float64 {
	if !has {
		return math.NaN()
	}
	return x
}

// featuresOf puts the features that an expression looks at into a map.
func featuresOf(into map[string]any, fields []events.Field, k *keys) map[string]any {
	if k.uses == 0 {
		return nil
	}
	for i := range fields {
		f := &fields[i]
		if f.Value.Kind != events.ValueNull && (k.all() || slices.Contains(k.names, f.Name)) {
			into[f.Name] = plain(&f.Value)
		}
	}
	return into
}

// plain is a feature's value as expressions see it.
func plain(v *events.Value) any {
	switch v.Kind {
	case events.ValueBool:
		return v.Int != 0
	case events.ValueInt:
		return int(v.Int)
	case events.ValueDouble:
		return v.Float
	case events.ValueString:
		return v.Str
	case events.ValueList:
		list := make([]any, len(v.List))
		for i := range v.List {
			list[i] = plain(&v.List[i])
		}
		return list
	case events.ValueJSON:
		var x any
		if json.Unmarshal([]byte(v.Str), &x) != nil {
			return nil
		}
		return x
	}
	return nil
}

// compileRow compiles an expression that may look at the row; parts of it are taken for
// true.
func compileRow(source string, drop without, options ...expr.Option) (compiled, error) {
	options = append(options, expr.Env(rowEnv{}), expr.MaxNodes(maxNodes))
	if len(drop) > 0 {
		// Optimized, what is left would be said to stand in another place.
		options = append(options, expr.Patch(drop), expr.Optimize(false))
	}
	return compile(source, options...)
}

// parts are what of a condition the outcome alone can say, and the rest: all have to hold.
func parts(tree ast.Node) (alone, rest []ast.Node) {
	for _, part := range conjuncts(tree, nil) {
		if l := looksOf(part); l.row {
			rest = append(rest, part)
		} else {
			alone = append(alone, part)
		}
	}
	return alone, rest
}

// split makes a condition of an expression that looks at the row: what of it the
// outcome alone can say, and the rest.
func split(source string, tree ast.Node) (Condition, error) {
	alone, rest := parts(tree)
	row, err := compileRow(source, alone, expr.AsBool())
	if err != nil {
		return Condition{}, err
	}
	l := looksOf(rest...)
	run := inRow(row.program, l)
	c := Condition{Attrs: l.attrs.names, AllAttrs: l.attrs.all(),
		InRow: func(o *events.Outcome, req *events.Request, item int) (bool, error) {
			out, err := run(o, req, item)
			yes, ok := out.(bool)
			if err == nil && !ok {
				err = errNotBoolean
			}
			return yes, err
		}}
	if fast, ok := native(joinAll(alone)); ok {
		c.Holds = fast
		return c, nil
	}
	said, err := compileAlone(source, rest)
	if err != nil {
		return Condition{}, err
	}
	c.interpreted(said.program)
	return c, nil
}

// Value is a compiled expression that gives a number of an outcome in a row.
type Value struct {
	// Of is the number; ok is false where it is nil, NaN or infinite: there is none then.
	Of InRow[Number]
	// LooksAtRow says that it looks at the request or the item, and not at the outcome alone.
	LooksAtRow bool
	// Attrs are the attributes that it looks at, or AllAttrs.
	Attrs    []string
	AllAttrs bool
}

// Number is a number, if there is one.
type Number struct {
	Value float64
	Has   bool
}

// CompileValue checks an expression that gives a number: of the outcome, and perhaps of
// the request and the item. True is 1 and false 0. The error is as of Compile.
func CompileValue(source string) (Value, error) {
	tree, err := parse(source)
	if err != nil {
		return Value{}, err
	}
	of, err := compileRow(source, nil)
	if err != nil {
		return Value{}, err
	}
	if kind := of.tree.Type().Kind().String(); kind == "string" || kind == "map" || kind == "slice" ||
		kind == "struct" {
		return Value{}, &Error{Source: source, Line: 1, Column: 1,
			Message: "the value must be a number, but this is " + kindOf(kind) + ": a text becomes one with float(...)"}
	}
	l := looksOf(tree)
	run := inRow(of.program, l)
	return Value{LooksAtRow: l.row, Attrs: l.attrs.names, AllAttrs: l.attrs.all(),
		Of: func(o *events.Outcome, req *events.Request, item int) (Number, error) {
			out, err := run(o, req, item)
			if err != nil {
				return Number{}, err
			}
			return number64(out)
		}}, nil
}

// number64 is what an expression gave as a number.
func number64(out any) (n Number, err error) {
	switch x := out.(type) {
	case nil:
		return Number{}, nil
	case float64:
		n = Number{x, true}
	case int:
		n = Number{float64(x), true}
	case bool:
		if n.Has = true; x {
			n.Value = 1
		}
	default:
		return Number{}, errNoNumber
	}
	if math.IsNaN(n.Value) || math.IsInf(n.Value, 0) {
		return Number{}, nil
	}
	return n, nil
}
