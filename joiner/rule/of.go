package rule

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/labeljoin/labeljoin/events"
)

// Of is a compiled expression over other labels of a row.
type Of struct {
	Needs []string // the labels that it names, each once
	Row   bool     // it looks at the request or the item
	Truth bool     // it is true or false, not a number
	// Eval makes it of the labels' values and times. ok is false of a value that is null
	// and of a time that is not there; times are nanoseconds since the request. True is 1
	// and false is 0. The row is that of an item of a request, as in InRow. The error says
	// why it cannot be evaluated.
	Eval func(value func(label string) (float64, bool), since func(label string) (int64, bool), req *events.Request,
		item int) (Number, error)
}

// CompileOf checks an expression over labels: each is known by its name, as a number or
// nil, and, with _ts after it, as the time of the outcome that decided it, which is
// compared with durations like 14d. The request and the row's item are known as in a
// condition. The error is as of Compile.
func CompileOf(source string, labels []string) (Of, error) {
	text, moved := durations(source)
	fail := func(err error) (Of, error) { return Of{}, moved.back(source, err) }
	tree, err := parse(text)
	if err != nil {
		return fail(err)
	}
	known := types.Map{}
	for _, name := range labels {
		known[name], known[name+"_ts"] = types.Any, types.Any
	}
	row := map[string]types.Type{"request": memberTypes("rule.requestEnv"), "item": memberTypes("rule.itemEnv")}
	for name, of := range row {
		if known[name] == nil {
			known[name] = of
		}
	}
	used := names{known: known}
	if ast.Walk(&tree, &used); used.unknown != nil {
		e := &Error{Source: text, Line: 1, Column: used.unknown.Location().From + 1,
			Message: unknown("label", used.unknown.Value, labels)}
		return fail(e)
	}
	if used.message != "" {
		return fail(&Error{Source: text, Line: 1, Column: used.at + 1, Message: used.message})
	}
	made, err := compile(text, expr.Env(known), expr.MaxNodes(maxNodes))
	if err != nil {
		return fail(err)
	}
	of := Of{}
	switch kind := made.tree.Type().Kind().String(); kind {
	case "string", "map", "slice", "struct":
		return fail(&Error{Source: text, Line: 1, Column: 1,
			Message: "the label must be true, false or a number, but this is " + kindOf(kind)})
	case "bool":
		of.Truth = true
	}
	for _, name := range used.list {
		label := strings.TrimSuffix(name, "_ts")
		if slices.Contains(labels, name) {
			label = name
		} else if row[name] != nil {
			of.Row = true
			continue
		}
		if !slices.Contains(of.Needs, label) {
			of.Needs = append(of.Needs, label)
		}
	}
	if len(of.Needs) == 0 && !of.Row {
		return fail(&Error{Source: text, Line: 1, Column: 1,
			Message: "it names no label, and not the request: name one of " + strings.Join(labels, ", ")})
	}
	of.Eval = evalOf(made.program, looksOf(tree), used.list, labels)
	return of, nil
}

// LooksAtRowAlone reports whether a condition looks at the request or the item, and at nothing of
// an outcome, and whether it looks at the item. Of what is no condition it says false.
func LooksAtRowAlone(source string) (alone, item bool) {
	tree, err := parse(source)
	if err != nil {
		return false, false
	}
	seen := named{}
	ast.Walk(&tree, &seen)
	of := func(name, what string) bool {
		rest, found := strings.CutPrefix(name, what)
		return found && (rest == "" || strings.ContainsRune(".[?", rune(rest[0])))
	}
	for _, name := range seen.all {
		if item = item || of(name, "item"); !of(name, "request") && !of(name, "item") {
			return false, false
		}
	}
	return len(seen.all) > 0, item
}

// memberTypes are the types of what the request or the item has.
func memberTypes(of string) types.Map {
	m := types.Map{}
	for _, name := range members[of] {
		switch name {
		case "score", "position":
			m[name] = types.Float64
		case "features":
			m[name] = types.Any
		default:
			m[name] = types.String
		}
	}
	return m
}

// evalOf runs a program over the values of labels.
func evalOf(program *vm.Program, l looks, used, labels []string) func(func(string) (float64, bool),
	func(string) (int64, bool), *events.Request, int) (Number, error) {
	machines := &sync.Pool{New: func() any { return &vm.VM{MemoryBudget: maxMemory} }}
	return func(value func(string) (float64, bool), since func(string) (int64, bool), req *events.Request,
		item int) (Number, error) {
		env := make(map[string]any, len(used))
		for _, name := range used {
			env[name] = nil
			switch {
			case slices.Contains(labels, name):
				if v, ok := value(name); ok {
					env[name] = v
				}
			case name == "request":
				r := l.requestOf(map[string]any{}, req)
				env[name] = map[string]any{"request_id": r.ID, "model": r.Model, "model_version": r.ModelVersion,
					"user_id": r.UserID, "score": r.Score, "features": r.Features}
			case name == "item":
				i := l.itemOf(map[string]any{}, req, item)
				env[name] = map[string]any{"item_id": i.ID, "position": i.Position, "score": i.Score, "features": i.Features}
			default:
				if ns, ok := since(strings.TrimSuffix(name, "_ts")); ok {
					env[name] = int(ns)
				}
			}
		}
		m := machines.Get().(*vm.VM)
		out, err := m.Run(program, env)
		machines.Put(m)
		if err != nil {
			return Number{}, faultError{err}
		}
		return number64(out)
	}
}

// names is a visitor that lists the names that an expression uses.
type names struct {
	known   types.Map
	list    []string
	unknown *ast.IdentifierNode
	own     []string // that the expression declares itself
	message string   // what is wrong with a member, and where it stands
	at      int
}

// Visit implements ast.Visitor.
func (n *names) Visit(node *ast.Node) {
	switch x := (*node).(type) {
	case *ast.MemberNode:
		n.member(x)
	case *ast.VariableDeclaratorNode:
		n.own = append(n.own, x.Name)
		if n.unknown != nil && n.unknown.Value == x.Name {
			n.unknown = nil // it was met before, in what follows the declaration
		}
	case *ast.IdentifierNode:
		if _, is := n.known[x.Value]; !is {
			if n.unknown == nil && !slices.Contains(n.own, x.Value) {
				n.unknown = x
			}
		} else if !slices.Contains(n.list, x.Value) {
			n.list = append(n.list, x.Value)
		}
	}
}

// member finds a name that the request or the item does not have.
func (n *names) member(m *ast.MemberNode) {
	id, isName := m.Node.(*ast.IdentifierNode)
	name, written := m.Property.(*ast.StringNode)
	if !isName || !written || n.message != "" {
		return
	}
	of, what := "", ""
	switch id.Value {
	case "request":
		of, what = "rule.requestEnv", "name of the request"
	case "item":
		of, what = "rule.itemEnv", "name of the item"
	}
	if _, row := n.known[id.Value].(types.Map); row && of != "" && !slices.Contains(members[of], name.Value) {
		n.message, n.at = unknown(what, name.Value, members[of]), m.Location().From
	}
}

// units are those of durations.
var units = map[string]time.Duration{
	"ns": 1, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour,
	"d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

// A duration, and a part of one.
var (
	durationForm = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ms|us|ns|s|m|h|d|w))+`)
	durationPart = regexp.MustCompile(`([0-9.]+)([a-z]+)`)
)

// shifts says where the parts of a rewritten text stood.
type shifts []struct{ from, was int }

// back brings an error to its place in the text as it was written.
func (s shifts) back(source string, err error) error {
	e, ok := err.(*Error) //nolint:errorlint // it is made here, not wrapped
	if !ok {
		return err
	}
	column := e.Column - 1
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].from <= column {
			column += s[i].was - s[i].from
			break
		}
	}
	return &Error{Source: source, Line: e.Line, Column: column + 1, Message: e.Message}
}

// durations writes durations, like 14d or 1h30m, as whole numbers of nanoseconds.
func durations(source string) (string, shifts) {
	var out strings.Builder
	var moved shifts
	quote := byte(0)
	for i := 0; i < len(source); {
		c := source[i]
		switch {
		case quote != 0:
			if c == '\\' && quote != '`' && i+1 < len(source) {
				out.WriteByte(c)
				i++
				c = source[i]
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case '0' <= c && c <= '9' && (i == 0 || !inName(source[i-1])):
			if d, end := duration(source, i); end > i {
				out.WriteString(strconv.FormatInt(int64(d), 10))
				i = end
				moved = append(moved, struct{ from, was int }{out.Len(), end})
				continue
			}
			for i < len(source) && (inName(source[i]) || source[i] == '.') { // the number as it is
				out.WriteByte(source[i])
				i++
			}
			continue
		}
		out.WriteByte(c)
		i++
	}
	return out.String(), moved
}

func inName(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// duration reads a duration at a place. Where there is none, its end is not after it.
func duration(source string, at int) (d time.Duration, end int) {
	form := durationForm.FindString(source[at:])
	if end = at + len(form); form == "" || end < len(source) && inName(source[end]) {
		return 0, at
	}
	sum := 0.0
	for _, part := range durationPart.FindAllStringSubmatch(form, -1) {
		n, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return 0, at
		}
		sum += n * float64(units[part[2]])
	}
	if sum > math.MaxInt64/2 {
		return 0, at
	}
	return time.Duration(math.Round(sum)), end
}
