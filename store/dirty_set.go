package store

// dirtySet is the set of ids, by their hashes, that a batch touches. It is emptied
// with every batch, which costs nothing.
type dirtySet struct {
	slots []touch
	used  int
	batch uint32
}

type touch struct {
	hash  uint64
	batch uint32 // the batch that wrote it; the slot is in use only if this is the set's batch
}

const dirtyBits = 11

// slot is where a hash is, or would be.
func (t *dirtySet) slot(h uint64) *touch {
	mask := uint64(len(t.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.batch != t.batch || s.hash == h {
			return s
		}
	}
}

func (t *dirtySet) add(h uint64) {
	switch {
	case t.slots == nil:
		t.slots, t.batch = make([]touch, 1<<dirtyBits), 1
	case 2*t.used >= len(t.slots):
		t.grow()
	}
	s := t.slot(h)
	if s.batch == t.batch {
		return
	}
	*s = touch{hash: h, batch: t.batch}
	t.used++
}

func (t *dirtySet) has(h uint64) bool { return t.used > 0 && t.slot(h).batch == t.batch }

func (t *dirtySet) grow() {
	old := t.slots
	t.slots = make([]touch, 2*len(old))
	for _, s := range old {
		if s.batch == t.batch {
			*t.slot(s.hash) = s
		}
	}
}

// empty forgets all. The numbers of batches may run out, once in a long while.
func (t *dirtySet) empty() {
	if t.used = 0; t.batch == 1<<32-1 {
		clear(t.slots)
		t.batch = 0
	}
	t.batch++
}
