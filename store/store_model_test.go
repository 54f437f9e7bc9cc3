package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// model is a store of maps, which a real one is held against. Its records are
// their printed form.
type model struct {
	requests, histories map[joiner.RequestKey]string
	late                map[joiner.RequestKey]bool
	outcomes            map[joiner.RequestKey][]joiner.StoredOutcome
	waiting             map[string][]joiner.StoredOutcome
	unwritten           map[uint64]string
	written             uint64 // number of the newest unwritten row
	letters             uint64
	held                map[uint64]string // dead letters
}

func newModel() *model {
	return &model{
		requests: map[joiner.RequestKey]string{}, histories: map[joiner.RequestKey]string{}, late: map[joiner.RequestKey]bool{},
		outcomes: map[joiner.RequestKey][]joiner.StoredOutcome{}, waiting: map[string][]joiner.StoredOutcome{},
		unwritten: map[uint64]string{}, held: map[uint64]string{},
	}
}

func (m *model) clone() *model {
	c := *m
	c.requests, c.histories, c.late = maps.Clone(m.requests), maps.Clone(m.histories), maps.Clone(m.late)
	c.unwritten, c.held = maps.Clone(m.unwritten), maps.Clone(m.held)
	c.outcomes, c.waiting = map[joiner.RequestKey][]joiner.StoredOutcome{}, map[string][]joiner.StoredOutcome{}
	for p, list := range m.outcomes {
		c.outcomes[p] = slices.Clone(list)
	}
	for id, list := range m.waiting {
		c.waiting[id] = slices.Clone(list)
	}
	return &c
}

func inOrder(a, b joiner.StoredOutcome) int {
	x, y := events.Outcome{TS: a.TS, ID: a.ID, Hash: a.Hash}, events.Outcome{TS: b.TS, ID: b.ID, Hash: b.Hash}
	if order := joiner.Order(&x, &y); order != 0 {
		return order
	}
	return int(a.Origin.Seq) - int(b.Origin.Seq)
}

func byKey(a, b joiner.RequestKey) int {
	if a.TS != b.TS {
		return int(a.TS - b.TS)
	}
	return strings.Compare(a.ID, b.ID)
}

func show(v any) string { return fmt.Sprintf("%+v", v) }

// dump is everything that a view should say, in order of key or, where that is
// all that can be said, sorted.
func (m *model) dump(sorted bool) []string {
	var out []string
	keys := slices.SortedFunc(maps.Keys(m.requests), byKey)
	for _, p := range keys {
		out = append(out, show(p)+m.requests[p])
	}
	for _, p := range slices.SortedFunc(maps.Keys(m.histories), byKey) {
		out = append(out, "history "+show(p))
	}
	for _, p := range keys {
		if m.late[p] {
			continue
		}
		closing := "closing " + show(p) + m.requests[p] + m.histories[p]
		for _, o := range m.outcomes[p] {
			closing += show(o)
		}
		out = append(out, closing)
	}
	orphans := []state.Orphan{}
	for id, list := range m.waiting {
		for _, o := range list {
			orphans = append(orphans, state.Orphan{RequestID: id, Outcome: o})
		}
	}
	slices.SortFunc(orphans, func(a, b state.Orphan) int {
		if order := byKey(joiner.RequestKey{TS: a.Outcome.Until, ID: a.RequestID}, joiner.RequestKey{TS: b.Outcome.Until, ID: b.RequestID}); order != 0 {
			return order
		}
		x, y := a.Outcome, b.Outcome
		x.TS, y.TS = 0, 0 // keys have the time until which they wait
		return inOrder(x, y)
	})
	for _, o := range orphans {
		out = append(out, show(o))
	}
	for _, n := range slices.Sorted(maps.Keys(m.unwritten)) {
		out = append(out, m.unwritten[n])
	}
	for _, n := range slices.Sorted(maps.Keys(m.held)) {
		out = append(out, m.held[n])
	}
	if sorted {
		slices.Sort(out)
	}
	return out
}

// dump is everything that a view says.
func dump(v state.View) (out []string, err error) {
	for p, err := range v.Requests(events.MinTime, events.MaxTime) {
		if err != nil {
			return nil, err
		}
		r, ok, err := v.Request(p)
		if !ok || err != nil {
			return nil, errors.Join(err, fmt.Errorf("%v is listed and not there", p))
		}
		out = append(out, show(p)+show(r))
	}
	for p, err := range v.Histories(events.MinTime, events.MaxTime) {
		if err != nil {
			return nil, err
		}
		out = append(out, "history "+show(p))
	}
	for c, err := range v.Closing(events.MinTime, events.MaxTime) {
		if err != nil {
			return nil, err
		}
		h := ""
		if c.History.LateSeq > 0 {
			h = show(c.History)
		}
		closing := "closing " + show(c.Key) + show(c.Request) + h
		for o, err := c.Outcome(); o != nil || err != nil; o, err = c.Outcome() {
			if err != nil {
				return nil, err
			}
			closing += show(*o)
		}
		out = append(out, closing)
	}
	for o, err := range v.Orphans(events.MinTime, events.MaxTime) {
		if err != nil {
			return nil, err
		}
		out = append(out, show(o))
	}
	for u, err := range v.Outbox(1 << 40) {
		if err != nil {
			return nil, err
		}
		out = append(out, show(*u))
	}
	for l, err := range v.DeadLetters(1 << 40) {
		if err != nil {
			return nil, err
		}
		out = append(out, show(*l))
	}
	return out, v.Close()
}

// reads holds the reads that go through the index against the model. Where hashes
// collide, what the index says by itself is a hint.
func (m *model) reads(t *rapid.T, s *Store, colliding bool) {
	for _, id := range []string{"a", "b", "\x00", "never"} {
		var want []joiner.RequestKey
		outcomes := len(m.waiting[id])
		for p := range m.requests {
			if p.ID == id {
				want = append(want, p)
				outcomes += len(m.outcomes[p])
			}
		}
		found, err := s.Find(nil, id)
		if err != nil {
			t.Fatal(err)
		}
		var got []joiner.RequestKey
		for _, f := range found {
			if got = append(got, f.Key); f.Late != m.late[f.Key] {
				t.Fatalf("%v is found, late is %v, want %v", f.Key, f.Late, m.late[f.Key])
			}
		}
		slices.SortFunc(got, byKey)
		slices.SortFunc(want, byKey)
		counted, waits := s.OutcomeCount(id), s.HasWaiting(id)
		if colliding {
			counted, waits = min(counted, outcomes), waits && len(m.waiting[id]) > 0
		}
		if !slices.Equal(got, want) || counted != outcomes || waits != (len(m.waiting[id]) > 0) {
			t.Fatalf("%q is found at %v with %d outcomes, waiting %v; want %v with %d, %d waiting",
				id, got, s.OutcomeCount(id), s.HasWaiting(id), want, outcomes, len(m.waiting[id]))
		}
		waiting, err := s.Waiting(id, events.MinTime, events.MaxTime)
		slices.SortFunc(waiting, inOrder)
		if err != nil || show(waiting) != show(m.waiting[id]) {
			t.Fatalf("%q: %v wait, %v, want %v", id, waiting, err, m.waiting[id])
		}
		bounds := []events.Time{moment(t, "waiting from"), moment(t, "waiting to")}
		slices.Sort(bounds)
		some, err := s.Waiting(id, bounds[0], bounds[1])
		slices.SortFunc(some, inOrder)
		within := slices.DeleteFunc(slices.Clone(m.waiting[id]), func(o joiner.StoredOutcome) bool {
			return o.Until < bounds[0] || o.Until >= bounds[1]
		})
		if err != nil || show(some) != show(within) {
			t.Fatalf("%q: %v wait until %v, %v, want %v", id, some, bounds, err, within)
		}
		for _, p := range want {
			r, h, ok, err := s.Get(p)
			if err != nil || !ok || show(r) != m.requests[p] {
				t.Fatalf("%v holds %v %v, %v, want %v", p, r, ok, err, m.requests[p])
			}
			var held []joiner.StoredOutcome
			for o, err := range s.Outcomes(p) {
				if err != nil {
					t.Fatal(err)
				}
				held = append(held, o)
			}
			wanted := m.histories[p]
			if wanted == "" {
				wanted = show(joiner.History{})
			}
			if show(held) != show(m.outcomes[p]) || show(h) != wanted {
				t.Fatalf("%v: outcomes %v, history %v %v, want %v, %v", p, held, h, err, m.outcomes[p], m.histories[p])
			}
		}
	}
	if rows, letters := s.Queued(); rows != m.written || letters != m.letters {
		t.Fatalf("%d unwritten, %d dead letters, want %d and %d", rows, letters, m.written, m.letters)
	}
}
