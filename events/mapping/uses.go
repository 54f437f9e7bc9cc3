package mapping

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// uses are the fields of a record that expressions use, as a tree of names. A field that
// is used whole has whole set.
type uses struct {
	whole   bool
	path    string // of its members: empty, or ending with a dot
	members map[string]*uses
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
