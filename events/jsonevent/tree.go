package jsonevent

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// Tree is one record of JSON as it stands: where its values are, and the members of its
// objects by their names. Reading a record makes no garbage once the Tree has read some.
//
// It reads records as most are written. Decoder.Record reads all of them, says what is
// wrong with the others, and is what a Tree agrees with. A Tree is for one goroutine at a
// time, and has a megabyte.
type Tree struct {
	page  *page
	nodes []Node
	open  []int32 // the members of objects that are being read
	index []int32 // the members of each object that has many, in the order of their names
	most  int     // how deep objects and lists may be in each other
	rare  scanner // goes over what is rare: escapes, characters beyond ASCII
}

// NodeKind is what a value of a record is.
type NodeKind uint8

// The kinds of values.
const (
	NodeNull   NodeKind = iota // null
	NodeFalse                  // false
	NodeTrue                   // true
	NodeWhole                  // a whole number that int64 holds
	NodeNumber                 // any other number
	NodeText                   // a text
	NodeList                   // a list
	NodeObject                 // an object
)

// Node is one value of a record. It is good until its Tree reads the next record.
type Node struct {
	tree       *Tree
	key        uint64 // the first eight bytes of its name, in an order like that of names
	start, end int32  // where it stands; a text without its quotes
	name       int32  // where its name stands, without quotes
	nameEnd    int32
	first      int32 // of its members, in the order of their names, or elements; 0: none
	next       int32 // member or element of what holds it; 0: none
	size       int32 // how many members or elements it has
	index      int32 // where the members of an object with many begin in the index
	kind       NodeKind
	escaped    bool // a text has escapes
	shortest   bool // a number with a point has no needless digits
}

// nodesKept is for how many values the memory is used again.
const nodesKept = 1 << 14

// Read reads a record. It is nil if the record is not written as most are, or is none, or
// is beyond a limit of the Decoder.
func (t *Tree) Read(d *Decoder, raw []byte) *Node {
	if len(raw) > min(pageMost, d.maxBytes()) {
		return nil
	}
	if t.page == nil {
		t.page = new(page)
		t.rare.strict = true
	}
	if cap(t.nodes) > nodesKept {
		t.nodes, t.open, t.index = nil, nil, nil
	}
	n := copy(t.page[:], raw)
	clear(t.page[n : n+pageSlack])
	t.rare.data, t.rare.syntax, t.rare.content = t.page[:n], nil, nil
	t.nodes, t.open, t.index, t.most = t.nodes[:0], t.open[:0], t.index[:0], d.maxDepth()
	end := t.value(t.page.space(0), 0)
	if end < 0 || t.page.space(end) != n {
		return nil
	}
	return &t.nodes[0]
}

// value reads the value at i, inside depth objects and lists, and returns where it ends;
// -1 if it is not as most are.
func (t *Tree) value(i, depth int) int {
	b := t.page
	at := len(t.nodes)
	t.nodes = append(t.nodes, Node{tree: t, start: int32(i)})
	n := &t.nodes[at]
	w := b.word(i)
	switch c := byte(w); c {
	case '"':
		end, escaped := t.text(i)
		n.kind, n.escaped, n.start, n.end = NodeText, escaped, int32(i+1), int32(end-1)
		return end
	case '{':
		n.kind = NodeObject
		i = t.object(at, i, depth+1)
	case '[':
		n.kind = NodeList
		i = t.list(at, i, depth+1)
	case 't', 'f', 'n':
		if i = literal(w, i); c == 't' {
			n.kind = NodeTrue
		} else if c == 'f' {
			n.kind = NodeFalse
		}
	default:
		return t.number(n, w, i)
	}
	if i >= 0 {
		t.nodes[at].end = int32(i)
	}
	return i
}

// text goes over the text at i.
func (t *Tree) text(i int) (end int, escaped bool) {
	b := t.page
	j := i + 1
	w := b.word(j)
	marks := stops(w) | w&tops
	for marks == 0 {
		j += 8
		w = b.word(j)
		marks = stops(w) | w&tops
	}
	if j += lowest(marks); b.at(j) == '"' {
		return j + 1, false
	}
	end = t.rare.str(i)
	return end, t.rare.escaped
}

// number reads the number at i, of which w is the beginning.
func (t *Tree) number(n *Node, w uint64, i int) int {
	if c := byte(w); c != '-' && !isDigit(c) {
		return -1
	}
	n.kind = NodeNumber
	read, end := t.page.numeral(w, i)
	if end < 0 {
		if end = t.rare.number(i); end < 0 {
			return -1
		}
		n.end = int32(end)
		return end
	}
	n.end = int32(end)
	if _, fits := read.int(); fits && !(read.negative && read.digits == 0) {
		n.kind = NodeWhole
	}
	// Of numbers with at most 15 digits, each is another float64, so that the one that is
	// written is the shortest that is read as the same.
	n.shortest = read.fraction > 0 && read.fraction <= 6 && read.digits < 1e15 && t.page.at(end-1) != '0'
	return end
}

// list reads the list at i, whose node is at.
func (t *Tree) list(at, i, depth int) int {
	if depth > t.most {
		return -1
	}
	b := t.page
	if i = b.space(i + 1); b.at(i) == ']' {
		return i + 1
	}
	last := 0
	for size := int32(1); ; size++ {
		element := len(t.nodes)
		if i = t.value(i, depth); i < 0 {
			return -1
		}
		if last == 0 {
			t.nodes[at].first = int32(element)
		} else {
			t.nodes[last].next = int32(element)
		}
		last = element
		switch i = b.space(i); b.at(i) {
		case ',':
			i = b.space(i + 1)
		case ']':
			t.nodes[at].size = size
			return i + 1
		default:
			return -1
		}
	}
}

// object reads the object at i, whose node is at.
func (t *Tree) object(at, i, depth int) int {
	if depth > t.most {
		return -1
	}
	b := t.page
	if i = b.space(i + 1); b.at(i) == '}' {
		return i + 1
	}
	from := len(t.open)
	for {
		if b.at(i) != '"' {
			return -1
		}
		end, escaped := t.text(i)
		if end < 0 || escaped {
			return -1
		}
		colon := b.space(end)
		if b.at(colon) != ':' {
			return -1
		}
		name, member := i+1, len(t.nodes)
		if i = t.value(b.space(colon+1), depth); i < 0 {
			return -1
		}
		n := &t.nodes[member]
		n.name, n.nameEnd, n.key = int32(name), int32(end-1), keyOf(b.word(name), end-1-name)
		t.open = append(t.open, int32(member))
		switch i = b.space(i); b.at(i) {
		case ',':
			i = b.space(i + 1)
		case '}':
			if !t.link(at, t.open[from:]) {
				return -1
			}
			t.open = t.open[:from]
			return i + 1
		default:
			return -1
		}
	}
}

// keyOf is the beginning of a name, of which w has eight bytes and which has n, as a
// number in whose order names are.
func keyOf(w uint64, n int) uint64 {
	if n < 8 {
		w &= 1<<(8*n) - 1
	}
	return bits.ReverseBytes64(w)
}

// few is how many members are sorted and looked up one after the other. What has more is
// not, so that an expression which looks a member up for each element of a long list costs
// no more than it says.
const few = 24

// link brings the members of an object into the order of their names. It is false if two
// have the same.
func (t *Tree) link(at int, members []int32) bool {
	if len(members) <= few {
		for i := 1; i < len(members); i++ {
			m := members[i]
			j := i
			for ; j > 0 && t.compare(m, members[j-1]) < 0; j-- {
				members[j] = members[j-1]
			}
			members[j] = m
		}
	} else {
		slices.SortFunc(members, t.compare)
		t.nodes[at].index = int32(len(t.index))
		t.index = append(t.index, members...)
	}
	t.nodes[at].first, t.nodes[at].size = members[0], int32(len(members))
	for i := 1; i < len(members); i++ {
		if t.compare(members[i-1], members[i]) == 0 {
			return false
		}
		t.nodes[members[i-1]].next = members[i]
	}
	return true
}

// compare compares the names of two members.
func (t *Tree) compare(a, b int32) int {
	x, y := &t.nodes[a], &t.nodes[b]
	if x.key != y.key {
		return cmp.Compare(x.key, y.key)
	}
	return bytes.Compare(t.page[x.name:x.nameEnd], t.page[y.name:y.nameEnd])
}

// Kind is what the value is.
func (n *Node) Kind() NodeKind { return n.kind }

// Raw is the value as it stands, a text without its quotes. It is not to be changed.
func (n *Node) Raw() []byte { return n.tree.page[n.start:n.end] }

// Name is the name of a member as it stands, which has no escapes.
func (n *Node) Name() []byte { return n.tree.page[n.name:n.nameEnd] }

// Escaped reports whether a text has escapes.
func (n *Node) Escaped() bool { return n.escaped }

// Shortest reports whether a number with a point is written with as few digits as any
// that is read as the same.
func (n *Node) Shortest() bool { return n.shortest }

// Len is how many members or elements there are.
func (n *Node) Len() int { return int(n.size) }

// First is the first element of a list, or the member of an object with the smallest name;
// nil if there is none.
func (n *Node) First() *Node { return n.tree.at(n.first) }

// Next is the element, or the member in the order of names, that follows; nil if there is
// none.
func (n *Node) Next() *Node { return n.tree.at(n.next) }

func (t *Tree) at(i int32) *Node {
	if i == 0 {
		return nil
	}
	return &t.nodes[i]
}

// NodeName is a name by which members are looked up.
type NodeName struct {
	text string
	key  uint64
}

// NodeNameOf prepares a name.
func NodeNameOf(text string) NodeName {
	var beginning [8]byte
	copy(beginning[:], text)
	return NodeName{text, keyOf(binary.LittleEndian.Uint64(beginning[:]), len(text))}
}

// Member is the member of an object by its name; nil if there is none.
func (n *Node) Member(name NodeName) *Node {
	if n.kind != NodeObject {
		return nil
	}
	if n.size > few {
		return n.indexed(name)
	}
	for at := n.first; at != 0; {
		m := &n.tree.nodes[at]
		if m.key >= name.key {
			if m.key > name.key {
				return nil
			}
			if len(name.text) <= 8 && int(m.nameEnd-m.name) == len(name.text) || string(m.Name()) == name.text {
				return m
			}
		}
		at = m.next
	}
	return nil
}

// indexed is Member for an object with many members.
func (n *Node) indexed(name NodeName) *Node {
	t := n.tree
	members := t.index[n.index : n.index+n.size]
	at, found := slices.BinarySearchFunc(members, name, func(member int32, name NodeName) int {
		m := &t.nodes[member]
		if m.key != name.key {
			return cmp.Compare(m.key, name.key)
		}
		return cmp.Compare(string(m.Name()), name.text)
	})
	if !found {
		return nil
	}
	return &t.nodes[members[at]]
}

// Text is what a text says.
func (n *Node) Text() string {
	if n.escaped {
		return string(appendUnescaped(nil, n.Raw()))
	}
	return string(n.Raw())
}

// Int is a whole number.
func (n *Node) Int() int64 {
	d := parseDecimal(n.Raw())
	whole, _ := d.int()
	return whole
}

// Plain is the value as Decoder.Record gives it.
func (n *Node) Plain() any {
	switch n.kind {
	case NodeFalse, NodeTrue:
		return n.kind == NodeTrue
	case NodeWhole, NodeNumber:
		return exactly(string(n.Raw()))
	case NodeText:
		return n.Text()
	case NodeList:
		list := make([]any, 0, n.size)
		for e := n.First(); e != nil; e = e.Next() {
			list = append(list, e.Plain())
		}
		return list
	case NodeObject:
		object := make(map[string]any, n.size)
		for m := n.First(); m != nil; m = m.Next() {
			object[string(m.Name())] = m.Plain()
		}
		return object
	}
	return nil
}
