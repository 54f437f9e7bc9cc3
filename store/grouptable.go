package store

import (
	"cmp"
	"errors"
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// groupTable says in which slices the groups are, by their numbers, which rise.
// Groups come and go nearly in that order, so it is a list that moves along.
type groupTable struct {
	first  uint64        // number of the first one in slices
	slices []events.Time // where each slice starts; gone if there is no such group
	count  int
}

// gone is no slice's start.
const gone = events.MaxTime

var errNumbers = errors.New("the numbers of groups of requests are too far apart: the state is damaged; delete its directory and it is rebuilt from the log")

// groupRef is a group's key.
type groupRef struct {
	slice  events.Time
	number uint64
}

// newGroupTable makes the table of groups in any order.
func newGroupTable(groups []groupRef) (groupTable, error) {
	t := groupTable{first: 1}
	if len(groups) == 0 {
		return t, nil
	}
	slices.SortFunc(groups, func(a, b groupRef) int { return cmp.Compare(a.number, b.number) })
	t.first = groups[0].number
	if groups[len(groups)-1].number-t.first >= 1<<32 {
		return t, errNumbers
	}
	for _, g := range groups {
		t.add(g)
	}
	return t, nil
}

// next is the number of a group to come. The lower half of a number is how the
// index names a group, and there 0 is none.
func (t *groupTable) next() uint64 {
	n := t.first + uint64(len(t.slices))
	if uint32(n) == 0 {
		n++
	}
	return n
}

// add adds a group whose number is above all others.
func (t *groupTable) add(g groupRef) {
	for t.first+uint64(len(t.slices)) < g.number {
		t.slices = append(t.slices, gone)
	}
	t.slices = append(t.slices, g.slice)
	t.count++
}

// find gives the group that the index means.
func (t *groupTable) find(low uint32) (g groupRef, ok bool) {
	i := uint64(low - uint32(t.first))
	if i >= uint64(len(t.slices)) || t.slices[i] == gone {
		return groupRef{}, false
	}
	return groupRef{slice: t.slices[i], number: t.first + i}, true
}

// drop forgets a group.
func (t *groupTable) drop(number uint64) {
	i := number - t.first
	if number < t.first || i >= uint64(len(t.slices)) || t.slices[i] == gone {
		return
	}
	t.slices[i] = gone
	t.count--
	n := 0
	for n < len(t.slices) && t.slices[n] == gone {
		n++
	}
	t.first, t.slices = t.first+uint64(n), t.slices[n:]
}
