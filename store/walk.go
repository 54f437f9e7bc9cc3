package store

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// walk goes through the requests of a range of time, in order of key. It takes
// the slices one after the other and sorts what is in each. A slice that is larger
// than portionBytes comes in several portions, each sorted by itself. While one portion is
// visited, a goroutine reads the next: reading and decompressing is a third of the
// work of closing.
type walk struct {
	from, to events.Time
	whole    bool // with their events
	// portionBytes is how much of a slice is in memory at once, at least.
	portionBytes int

	groups, events, singles *pebble.Iterator
	group                   group
	key                     []byte // scratch

	slice   int64                              // number of the slice that is walked
	begun   bool                               // there is one
	alone   map[joiner.RequestKey]storedSingle // what of it stands by itself; nil if nothing does
	portion portion                            // being read
}

// portion is a part of a slice, or the whole.
type portion struct {
	walked []walked
	number int
	goesOn bool // it is not the first of its slice
}

const portionBytes = 32 << 20

// walked is a request of a portion.
type walked struct {
	key    joiner.RequestKey
	origin events.Origin
	data   string
	single *storedSingle // not nil: it stands by itself, and origin and data are none
}

// run calls visit with each request and its portion as long as it returns true.
func (w *walk) run(r pebble.Reader, visit func(*walked, *portion) bool) error {
	if w.from >= w.to {
		return nil
	}
	err := w.open(r)
	if err == nil {
		err = w.readAhead(visit)
	}
	return errors.Join(err, closeAll(w.groups, w.events, w.singles))
}

// readAhead has the portions read by a goroutine, which has ended when it returns.
func (w *walk) readAhead(visit func(*walked, *portion) bool) error {
	var failed error // read when portions is closed
	portions, used, stop := make(chan portion), make(chan []walked, 1), make(chan struct{})
	go func() { // ended by stop
		defer close(portions)
		for {
			more, err := w.load()
			if failed = err; !more || err != nil {
				return
			}
			select {
			case portions <- w.portion:
			case <-stop:
				return
			}
			select {
			case w.portion.walked = <-used:
			default:
				w.portion.walked = nil
			}
		}
	}()
	defer func() {
		close(stop)
		for range portions { // until it has ended
		}
	}()
	for c := range portions {
		for i := range c.walked {
			if !visit(&c.walked[i], &c) {
				return nil
			}
		}
		select {
		case used <- c.walked:
		default:
		}
	}
	return failed
}

func (w *walk) open(r pebble.Reader) (err error) {
	if w.groups, err = openSpace(r, spaceGroup, sliceStart(w.from), w.to); err != nil {
		return err
	}
	if w.singles, err = openSpace(r, spaceRequest, w.from, w.to); err != nil || !w.whole {
		return err
	}
	// Positioned only when events are wanted.
	w.events, err = r.NewIter(&pebble.IterOptions{LowerBound: bound(spaceEvents, sliceStart(w.from)),
		UpperBound: bound(spaceEvents, w.to)})
	return err
}

// openSpace opens an iterator over a space, from one time to another, at its first key.
func openSpace(r pebble.Reader, space byte, from, to events.Time) (*pebble.Iterator, error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: bound(space, from), UpperBound: bound(space, to)})
	if err == nil {
		it.First()
	}
	return it, err
}

func closeAll(iterators ...*pebble.Iterator) error {
	var errs []error
	for _, it := range iterators {
		if it != nil {
			errs = append(errs, it.Error(), it.Close())
		}
	}
	return errors.Join(errs...)
}

// load reads the next portion that has anything in it.
func (w *walk) load() (bool, error) {
	c := &w.portion
	c.walked = c.walked[:0]
	for len(c.walked) == 0 {
		groups, singles := w.next(w.groups), w.next(w.singles)
		if groups == math.MaxInt64 && singles == math.MaxInt64 {
			return false, nil
		}
		c.number++
		c.goesOn = true
		if next := min(groups, singles); !w.begun || next > w.slice {
			w.slice, w.begun, c.goesOn = next, true, false
			if err := w.loadSingles(); err != nil {
				return false, err
			}
		}
		if err := w.loadGroups(); err != nil {
			return false, err
		}
	}
	inOrder := func(a, b walked) int {
		return cmp.Or(cmp.Compare(a.key.TS, b.key.TS), strings.Compare(a.key.ID, b.key.ID))
	}
	if !slices.IsSortedFunc(c.walked, inOrder) {
		slices.SortFunc(c.walked, inOrder)
	}
	return true, nil
}

// next is the slice that an iterator is at.
func (w *walk) next(it *pebble.Iterator) int64 {
	if !it.Valid() {
		return math.MaxInt64
	}
	return sliceOf(readTime(it.Key()[1:]))
}

// loadSingles reads what stands by itself in the slice.
func (w *walk) loadSingles() error {
	w.alone = nil
	for ; w.next(w.singles) == w.slice; w.singles.Next() {
		p, _, err := readKey(w.singles.Key())
		if err != nil {
			return err
		}
		value, err := w.singles.ValueAndErr()
		if err != nil {
			return err
		}
		r, err := decodeSingle(value)
		if err != nil {
			return err
		}
		if w.alone == nil {
			w.alone = map[joiner.RequestKey]storedSingle{}
		}
		w.alone[p] = r
		if !r.gone {
			w.portion.walked = append(w.portion.walked, walked{key: p, single: &r})
		}
	}
	return nil
}

// loadGroups reads groups of the slice until there is enough for a portion.
func (w *walk) loadGroups() error {
	for size := 0; size < w.portionBytes && w.next(w.groups) == w.slice; w.groups.Next() {
		slice, _, err := readGroupKey(w.groups.Key())
		if err != nil {
			return err
		}
		value, err := w.groups.ValueAndErr()
		if err != nil {
			return err
		}
		if err := w.group.decode(slice, value); err != nil {
			return err
		}
		if err := w.take(); err != nil {
			return err
		}
		size += w.group.size + len(w.group.ids)
	}
	return nil
}

// take puts the requests of a group into the portion.
func (w *walk) take() error {
	g := &w.group
	within := func(s slot) bool { return w.from <= s.ts && s.ts < w.to }
	if !slices.ContainsFunc(g.slots, within) {
		return nil // its events need not be read
	}
	text, data, err := "", 0, error(nil)
	if w.whole {
		text, data, err = w.text()
	} else {
		text = string(g.ids)
	}
	if err != nil {
		return err
	}
	for i := range g.slots {
		s := &g.slots[i]
		if !within(*s) {
			continue
		}
		r := walked{key: joiner.RequestKey{TS: s.ts, ID: text[s.id.from:s.id.to]}, origin: s.origin}
		if _, hidden := w.alone[r.key]; hidden {
			continue
		}
		if w.whole {
			r.data = text[data+s.data.from : data+s.data.to]
		}
		w.portion.walked = append(w.portion.walked, r)
	}
	return nil
}

// text reads the events of the group that the walk is at.
func (w *walk) text() (text string, events int, err error) {
	key := w.groups.Key()[1:]
	if !w.events.Valid() || !w.events.Next() || !bytes.Equal(w.events.Key()[1:], key) {
		w.key = append(append(w.key[:0], spaceEvents), key...)
		if !w.events.SeekGE(w.key) || !bytes.Equal(w.events.Key(), w.key) {
			return "", 0, errors.Join(w.events.Error(), errNoEvents)
		}
	}
	value, err := w.events.ValueAndErr()
	if err == nil {
		text, events, err = w.group.text(value)
	}
	return text, events, err
}

var errNoEvents = errors.New("a group of requests has no events: the state is damaged; delete its directory and it is rebuilt from the log")
