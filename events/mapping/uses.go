package mapping

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// uses are the fields of a record that expressions use, as a tree of names. A field that
// is used whole has whole set.
type uses struct {
	whole   bool
	path    string // of its members: empty, or ending with a dot
	members map[string]*uses
	sorted  []used // the members in the order of their names, once all are known
}

// used is a member with its name.
type used struct {
	name string
	*uses
}

// sort makes the sorted members.
func (u *uses) sort() {
	u.sorted = nil
	for _, name := range slices.Sorted(maps.Keys(u.members)) {
		u.members[name].sort()
		u.sorted = append(u.sorted, used{name, u.members[name]})
	}
}

// mostLeft is how many fields of one record that nothing uses are named.
const mostLeft = 8

func (u *uses) member(name string) *uses {
	if u.members == nil {
		u.members = map[string]*uses{}
	}
	if u.members[name] == nil {
		u.members[name] = &uses{path: u.path + name + "."}
	}
	return u.members[name]
}

// add adds what another expression uses.
func (u *uses) add(other *uses) {
	u.whole = u.whole || other.whole
	for name, member := range other.members {
		u.member(name).add(member)
	}
}

// collect finds what an expression uses. The roots, like event, are members here.
func (u *uses) collect(node ast.Node) {
	v := &useVisitor{uses: u, inside: map[ast.Node]bool{}}
	ast.Walk(&node, v)
	for _, p := range v.paths {
		at := u
		for _, name := range p {
			at = at.member(name)
		}
		at.whole = true
	}
}

// useVisitor collects the longest chains of members. Nodes are visited after their
// children, so a chain that goes on takes back the shorter one.
type useVisitor struct {
	uses   *uses
	inside map[ast.Node]bool
	paths  map[ast.Node][]string
}

// Visit implements ast.Visitor.
func (v *useVisitor) Visit(node *ast.Node) {
	if v.paths == nil {
		v.paths = map[ast.Node][]string{}
	}
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.paths[n] = []string{n.Value}
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if path, known := v.paths[n.Node]; ok && known {
			delete(v.paths, n.Node)
			v.paths[n] = append(slices.Clip(path), name.Value)
		}
	case *ast.ChainNode:
		if path, known := v.paths[n.Node]; known {
			delete(v.paths, n.Node)
			v.paths[n] = path
		}
	}
}

// left finds the fields of a value that are not used, and adds their names.
func (u *uses) left(v any, found *[]string) (n int) {
	object, ok := v.(map[string]any)
	if u.whole || !ok {
		return 0
	}
	for name, member := range object {
		next := u.members[name]
		switch {
		case next == nil && member != nil:
			n++
			*found = append(*found, u.path+name)
		case next != nil:
			n += next.left(member, found)
		}
	}
	return n
}

// leftOf names some of the fields of a record that nothing uses, sorted, and counts all.
func (u *uses) leftOf(v any) (names []string, n int) {
	n = u.left(v, &names)
	slices.Sort(names)
	return names[:min(len(names), mostLeft)], n
}

// leftover remembers what was left over of a record, which is the same of the next as a
// rule.
type leftover struct {
	names []byte // as leftNode has them
	list  []string
	room  []byte
}

// of is uses.leftOf for a record, of which only some members matter if only has names.
func (l *leftover) of(u *uses, record any, only []string) (names []string, n int) {
	root, isNode := record.(*jsonevent.Node)
	switch {
	case !isNode && only == nil:
		return u.leftOf(plain(record))
	case !isNode:
		whole, _ := record.(map[string]any)
		part := make(map[string]any, len(only))
		for _, name := range only {
			part[name] = whole[name]
		}
		return u.leftOf(part)
	}
	l.room = l.room[:0]
	if n = u.leftNode(root, only, &l.room); n == 0 {
		return nil, 0
	}
	if !bytes.Equal(l.room, l.names) {
		l.names = append(l.names[:0], l.room...)
		l.list = strings.Split(string(l.room[:len(l.room)-1]), "\n")
		slices.Sort(l.list)
		l.list = slices.Clip(l.list[:min(len(l.list), mostLeft)])
	}
	return l.list, n
}

// leftNode is left for a node: the names are added with a line feed behind each, which no
// name of a node has.
func (u *uses) leftNode(v *jsonevent.Node, only []string, found *[]byte) (n int) {
	if u.whole || v.Kind() != jsonevent.NodeObject {
		return 0
	}
	rest := u.sorted // as the members of the node are
	for m := v.First(); m != nil; m = m.Next() {
		name := m.Name()
		if only != nil && !slices.Contains(only, string(name)) {
			continue
		}
		for len(rest) > 0 && rest[0].name < string(name) {
			rest = rest[1:]
		}
		switch {
		case len(rest) > 0 && rest[0].name == string(name):
			n += rest[0].leftNode(m, nil, found)
		case m.Kind() != jsonevent.NodeNull:
			n++
			*found = append(append(append(*found, u.path...), name...), '\n')
		}
	}
	return n
}
