package sample

import (
	"cmp"
	"container/heap"
	"strings"
)

// compareRows is the order of rows: the first is worth most.
func compareRows(a, b Row) int {
	return cmp.Or(cmp.Compare(a.worth, b.worth), cmp.Compare(a.hash, b.hash), strings.Compare(a.request, b.request),
		strings.Compare(a.item, b.item), cmp.Compare(a.group, b.group), cmp.Compare(a.row, b.row))
}

// best holds the n rows that are worth most of those that were added, so that a choice of few rows
// needs no memory for all others.
type best struct {
	n    int
	rows worstFirst
}

func (b *best) add(r Row) {
	if len(b.rows) < b.n {
		heap.Push(&b.rows, r)
	} else if b.n > 0 && compareRows(r, b.rows[0]) < 0 {
		b.rows[0] = r
		heap.Fix(&b.rows, 0)
	}
}

// worstFirst is a heap.Interface: its first row is worth least.
type worstFirst []Row

func (w worstFirst) Len() int           { return len(w) }
func (w worstFirst) Less(i, j int) bool { return compareRows(w[i], w[j]) > 0 }
func (w worstFirst) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *worstFirst) Push(r any)        { *w = append(*w, r.(Row)) }

func (w *worstFirst) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}
