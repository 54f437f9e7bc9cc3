package tablelog

import (
	"slices"
	"sync"
)

// recent are the large manifests that were read last, as they were understood. A look at each day of a year reads
// the same one again and again, and to understand it took two thirds of the time of an export.
type recent struct {
	mu    sync.Mutex
	ops   []*Operation
	sizes []int // of the manifests, in bytes
}

const (
	// recentLeast is how many bytes a manifest has that is kept.
	recentLeast = 32 << 10
	// recentMost is how many bytes those that are kept have together.
	recentMost = 16 << 20
	// recentKept is how many are kept.
	recentKept = 4
)

// decode understands a manifest. The caller may set the fields of what it returns, of its added files and of its dead
// letters. All else that these point to is shared with others that read the manifest, and must not be changed.
func (r *recent) decode(data []byte) (*Operation, error) {
	if len(data) < recentLeast || len(data) > recentMost {
		return decode(data)
	}
	hash := HashOf(data)
	r.mu.Lock()
	at := slices.IndexFunc(r.ops, func(op *Operation) bool { return op.Hash == hash })
	var found *Operation
	if at >= 0 {
		found = r.ops[at]
	}
	r.mu.Unlock()
	if found != nil {
		return found.clone(), nil
	}
	op, err := decode(data)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops, r.sizes = append(r.ops, op.clone()), append(r.sizes, len(data))
	for len(r.ops) > recentKept || r.size() > recentMost {
		r.ops, r.sizes = slices.Delete(r.ops, 0, 1), slices.Delete(r.sizes, 0, 1)
	}
	return op, nil
}

// size is how many bytes the manifests that are kept have together.
func (r *recent) size() (n int) {
	for _, size := range r.sizes {
		n += size
	}
	return n
}

// clone is an operation whose files have their own staging names: see Unstage.
func (o *Operation) clone() *Operation {
	c := *o
	c.Added = slices.Clone(o.Added)
	if o.DeadLetters != nil {
		letters := *o.DeadLetters
		c.DeadLetters = &letters
	}
	return &c
}
