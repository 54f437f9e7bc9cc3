package columnar

import (
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/labeljoin/labeljoin/events/formats"
)

// tree is the schema with what it takes to put rows together (Dremel, as in the Parquet
// format's documentation of nested encoding).
type tree struct {
	name       string
	node       parquet.Node
	first, end int // its leaves
	fields     []*tree
	members    []member // of a group; nil: it is an event, and its names may clash
	rep, def   int      // levels above it
	optional   bool
	repeated   bool
	wrapped    *tree // the group around the elements of a list or a map
	isMap      bool
	leaf       func(dst []byte, v parquet.Value) []byte
	number     func(v parquet.Value) float64 // of a leaf of floats
}

// treeOf makes the tree of a file, and says how many leaves it has.
func treeOf(f *parquet.File) (t *tree, leaves int) {
	t = &tree{}
	leaves = t.grow(f.Schema(), 0, 0, 0)
	leaf := 0
	for i := range f.Metadata().Schema {
		element := &f.Metadata().Schema[i]
		if !element.Type.Valid {
			continue // it is a group
		}
		if _, is := element.LogicalType.Value.(*format.Float16Type); is { // the library gives bytes
			t.at(leaf).float(float16)
		}
		leaf++
	}
	return t, leaves
}

// at is a leaf by its number.
func (t *tree) at(leaf int) *tree {
	for i := 0; i < len(t.fields); i++ {
		if f := t.fields[i]; leaf < f.end {
			t, i = f, -1
		}
	}
	return t
}

// float makes a leaf one of floats.
func (t *tree) float(number func(parquet.Value) float64) {
	t.number = number
	t.leaf = func(dst []byte, v parquet.Value) []byte { return formats.AppendFloatOf(dst, t.name, number(v)) }
}

// member is a field of a group as its object has it, or an object of those with a dot in
// their names.
type member struct {
	key   []byte // the name as JSON, with a colon
	field *tree  // nil: there are members below
	below []member
}

// grow makes the tree of a node and returns the number of the next leaf.
func (t *tree) grow(node parquet.Node, leaf, rep, def int) int {
	t.node, t.first, t.rep, t.def = node, leaf, rep, def
	t.optional, t.repeated = node.Optional(), node.Repeated()
	if t.optional || t.repeated {
		def++
	}
	if t.repeated {
		rep++
	}
	if node.Leaf() {
		t.end = leaf + 1
		if number := floatOf(node); number != nil {
			t.float(number)
		} else {
			t.leaf = leafOf(node, t.name)
		}
		return t.end
	}
	for _, f := range node.Fields() {
		child := &tree{name: f.Name()}
		leaf = child.grow(f, leaf, rep, def)
		t.fields = append(t.fields, child)
	}
	t.end = leaf
	for _, f := range t.fields {
		t.members = append(t.members, member{key: keyOf(f.name), field: f})
	}
	if logical := node.Type().LogicalType(); logical != nil && len(t.fields) == 1 && t.fields[0].repeated {
		t.wrap(logical.String())
	}
	return leaf
}

// wrap knows the lists and maps of the format, which have a group between them and their
// elements.
func (t *tree) wrap(logical string) {
	inner := t.fields[0]
	switch {
	case logical == "LIST":
		t.wrapped = inner
	case logical == "MAP" && len(inner.fields) == 2 && inner.fields[0].leaf != nil:
		t.wrapped, t.isMap = inner, true
	}
}

// membersOf says which members an event has: a column whose name has a dot is a member of a member. It is nil if two
// fields may be one member, so that the first that is there counts.
func membersOf(fields []*tree) []member {
	members := []member{}
	groups := map[string]int{} // of members below, by name
	taken := map[string]bool{}
	for _, f := range fields {
		outer, inner, nested := strings.Cut(f.name, ".")
		if !nested || outer == "" || inner == "" {
			if taken[f.name] {
				return nil
			}
			taken[f.name] = true
			members = append(members, member{key: keyOf(f.name), field: f})
			continue
		}
		at, known := groups[outer]
		if !known {
			if taken[outer] {
				return nil
			}
			taken[outer], groups[outer] = true, len(members)
			at = len(members)
			members = append(members, member{key: keyOf(outer)})
		}
		if strings.Contains(inner, ".") || taken[f.name] {
			return nil
		}
		taken[f.name] = true
		members[at].below = append(members[at].below, member{key: keyOf(inner), field: f})
	}
	return members
}

func keyOf(name string) []byte { return append(formats.AppendText(nil, name), ':') }

// only makes it the tree of events, of which the fields of these names are kept; none given: all.
func (t *tree) only(names []string) {
	if len(names) > 0 {
		t.fields = slices.DeleteFunc(t.fields, func(f *tree) bool { return !slices.Contains(names, f.name) })
	}
	t.members = membersOf(t.fields)
}

// append appends the next value of a node as JSON, null if there is none.
func (t *tree) append(dst []byte, c *cursor) []byte {
	present := c.peek(t.first).DefinitionLevel() > t.def
	switch {
	case t.repeated:
		return t.appendList(dst, c, present, t.rep+1, t.appendValue)
	case t.optional && !present:
		c.skip(t.first, t.end)
		return append(dst, "null"...)
	}
	return t.appendValue(dst, c)
}

// appendValue appends a value of a node that is there.
func (t *tree) appendValue(dst []byte, c *cursor) []byte {
	switch {
	case t.leaf != nil:
		return t.leaf(dst, *c.next(t.first))
	case t.isMap:
		return t.appendMap(dst, c)
	case t.wrapped != nil && len(t.wrapped.fields) == 1:
		present := c.peek(t.first).DefinitionLevel() > t.wrapped.def
		return t.appendList(dst, c, present, t.wrapped.rep+1, t.wrapped.fields[0].append)
	case t.wrapped != nil:
		return t.wrapped.append(dst, c)
	}
	return t.appendGroup(dst, c)
}

func (t *tree) isBool() bool { return t.leaf != nil && t.node.Type().Kind() == parquet.Boolean }

// keepNaN has floats that are no numbers stay NaN in lists that hold lists or objects: a null there would be one
// element that is null, while such a list is null as a whole. It says whether the value is in such a list.
func (t *tree) keepNaN(inList bool) {
	if inList = inList || t.holdsMore(); inList && t.number != nil {
		t.leaf = func(dst []byte, v parquet.Value) []byte { return formats.AppendFloatOrNaN(dst, t.number(v)) }
	}
	for _, f := range t.below() {
		f.keepNaN(inList)
	}
}

// below are the fields of a group, or those that a list or a map repeats.
func (t *tree) below() []*tree {
	if t.wrapped != nil {
		return t.wrapped.fields
	}
	return t.fields
}

// holdsMore reports whether it is a list of lists or objects.
func (t *tree) holdsMore() bool {
	switch {
	case t.wrapped == nil || t.repeated:
		return t.repeated && t.leaf == nil
	case t.isMap:
		return false
	case len(t.wrapped.fields) == 1:
		element := t.wrapped.fields[0]
		return element.leaf == nil || element.repeated
	}
	return true
}

// appendList appends the elements of a list: the first, and each that is repeated at the
// list's level.
func (t *tree) appendList(dst []byte, c *cursor, present bool, rep int, element func([]byte, *cursor) []byte) []byte {
	dst = append(dst, '[')
	if !present {
		c.skip(t.first, t.end)
		return append(dst, ']')
	}
	for {
		dst = element(dst, c)
		if !c.repeats(t.first, rep) {
			return append(dst, ']')
		}
		dst = append(dst, ',')
	}
}

// appendMap appends a map as an object. Of two values for one key the last counts, as the format says.
func (t *tree) appendMap(dst []byte, c *cursor) []byte {
	if c.peek(t.first).DefinitionLevel() <= t.wrapped.def {
		c.skip(t.first, t.end)
		return append(dst, "{}"...)
	}
	var o formats.Object
	key, value := t.wrapped.fields[0], t.wrapped.fields[1]
	for {
		name := c.next(key.first).String()
		o.Set(name, value.append(nil, c))
		if !c.repeats(t.first, t.wrapped.rep+1) {
			return o.Append(dst)
		}
	}
}

// appendGroup appends the fields of a group that are not null as an object.
func (t *tree) appendGroup(dst []byte, c *cursor) []byte {
	if t.members != nil {
		return appendMembers(append(dst, '{'), t.members, c)
	}
	var o formats.Object
	for _, f := range t.fields {
		if value := f.append(nil, c); string(value) != "null" {
			o.Add(f.name, value)
		}
	}
	return o.Append(dst)
}

// appendMembers appends members that are there, and the end of their object.
func appendMembers(dst []byte, members []member, c *cursor) []byte {
	none := true
	for i := range members {
		m := &members[i]
		begin := len(dst)
		if !none {
			dst = append(dst, ',')
		}
		dst = append(dst, m.key...)
		value := len(dst)
		if m.field != nil {
			dst = m.field.append(dst, c)
		} else {
			dst = appendMembers(append(dst, '{'), m.below, c)
		}
		if v := dst[value:]; string(v) == "null" || m.field == nil && string(v) == "{}" {
			dst = dst[:begin]
			continue
		}
		none = false
	}
	return append(dst, '}')
}
