package rowfile

import "github.com/labeljoin/labeljoin/export/colfile"

// memory is what the columns of an earlier file grew to, by name: a file mostly
// has the columns of the one before, in which they need not grow again. It lies
// in a pool of the layout, from which the garbage collector takes it if no file
// comes for a while.
type memory map[string]buffers

func (l *Layout) takeMemory() memory {
	if l.kept != nil {
		select {
		case m := <-l.kept:
			return m
		default:
			return nil
		}
	}
	m, _ := l.memory.Get().(memory)
	return m
}

// takeColumn is memory for what is made of a column, from those that were put back.
func (l *Layout) takeColumn() *colfile.Column {
	if c, ok := l.columns.Get().(*colfile.Column); ok {
		return c
	}
	return new(colfile.Column)
}

// giveTo gives a column without rows its memory, if there is some.
func (m memory) giveTo(c *column) {
	if spare, ok := m[c.name]; ok {
		delete(m, c.name)
		c.buffers = spare
	}
}

// Release leaves the memory of the rows to the next file. The builder is of no
// use then.
func (b *Builder) Release() {
	m := make(memory, len(b.byName)+len(b.labels)+len(b.head)+len(b.tail))
	keep := func(c *column) { m[c.name] = c.emptied() }
	b.eachFixed(keep)
	for _, c := range b.byName {
		keep(c)
	}
	if l := b.layout; l.kept == nil {
		l.memory.Put(m)
	} else {
		select {
		case l.kept <- m:
		default: // more files were built at once than are to be remembered
		}
	}
	*b = Builder{layout: b.layout}
}
