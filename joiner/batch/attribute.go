package batch

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// The outcomes that name no request are given to requests before anything else is done:
// each becomes an outcome of every request that has it, as the table holds them. These
// outcomes, and what is compared of the requests that have their keys, are in memory.

// share is an outcome that a request has and that did not name it.
type share struct {
	hash   uint64 // of the request's id
	ts     events.Time
	at     events.Origin
	data   []byte
	booked bool // it is counted with another request
}

// shares are those of all outcomes that name no request, and what became of the others.
type shares struct {
	list []share
	// owner says, for each of these outcomes in the order of the log, whose id it is counted
	// under: that of a request or, of an orphan, its key.
	owners [][]byte
	fates  []joiner.Disposition // Orphan or Duplicate, if no request has it; else Joined
	next   int                  // the outcome that is counted next
}

// nameless is an outcome that names no request.
type nameless struct {
	at   events.Origin
	key  string
	ok   bool // it has one
	out  events.Outcome
	data []byte
}

// suitor is a request that may have some.
type suitor struct {
	id    string
	ts    events.Time
	items []events.Item
	key   string
	aside *setAside // it may be one of several events of its id
}

// assignAll gives the outcomes that name no request to requests.
func assignAll(ctx context.Context, o *Options, workers []*worker) (*shares, error) {
	if o.Rules.Attribute == nil {
		return nil, nil
	}
	whole := *o
	whole.Keep, whole.Refused, whole.Advanced = nil, nil, nil
	j := newJoin(&whole, nowhere{}, 1, workers)
	j.passesFixed = true // what is rejected is told of by the join itself
	all, err := j.readNameless(ctx)
	if err != nil {
		return nil, err
	}
	j.outcomes = &table{}
	var ids hashes
	if err := j.readIDs(ctx, &ids); err != nil {
		return nil, err
	}
	j.apart = &apart{ids: ids.several(len(j.workers))}
	wanted := map[string]struct{}{}
	for i := range all {
		if all[i].ok {
			wanted[all[i].key] = struct{}{}
		}
	}
	byKey, err := j.readSuitors(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return j.assign(all, byKey)
}

// nowhere is a sink of nothing.
type nowhere struct{}

func (nowhere) Rows(*gathered.Rows) error           { return nil }
func (nowhere) DeadLetter(*events.DeadLetter) error { return nil }

func (j *join) readNameless(ctx context.Context) (all []nameless, err error) {
	const k = events.KindOutcome
	rules := j.o.Rules.Attribute
	err = each(ctx, j, j.o.Open[k], func(w *worker, b *events.Batch) (some []nameless) {
		for i := range b.Messages {
			w.pieces(k, &b.Messages[i], func(at events.Origin, data []byte, made *events.Decoded) {
				if made != nil && made.Reject != nil || named(data) {
					return
				}
				o, info, err := w.parsers[k].Outcome(data)
				if err != nil || info.Heartbeat || o.RequestID != "" {
					return
				}
				n := nameless{at: at, out: o, data: bytes.Clone(data)}
				n.key, n.ok = rules.KeyOfOutcome(&o)
				n.out.Attrs = nil
				some = append(some, n)
			})
		}
		return some
	}, func(some []nameless) error {
		all = append(all, some...)
		return nil
	})
	return all, err
}

// named reports whether an outcome names its request, as far as its first bytes tell.
func named(data []byte) bool {
	const usual = `{"request_id":"`
	return len(data) > len(usual) && string(data[:len(usual)]) == usual && data[len(usual)] != '"'
}

// readSuitors reads the requests that have one of the keys, by their keys and in order.
func (j *join) readSuitors(ctx context.Context, wanted map[string]struct{}) (map[string][]suitor, error) {
	const k = events.KindRequest
	rules := j.o.Rules.Attribute
	byKey, aside := map[string][]suitor{}, []setAside(nil)
	err := each(ctx, j, j.o.Open[k], func(w *worker, b *events.Batch) (some []suitor) {
		var req events.Request
		for i := range b.Messages {
			m := b.Messages[i]
			if b.Records != nil {
				m.Data = b.Records.JSON(i)
			}
			w.pieces(k, &m, func(at events.Origin, data []byte, made *events.Decoded) {
				if made != nil && made.Reject != nil {
					return
				}
				if err := w.parsers[k].Request(string(data), &req); err != nil || req.ID == "" {
					return
				}
				hash := hashOf([]byte(req.ID))
				if _, several := j.apart.ids[hash]; several {
					some = append(some, suitor{aside: &setAside{hash: hash, at: at, data: bytes.Clone(data)}})
					return
				}
				key, ok := rules.KeyOfRequest(&req)
				if _, want := wanted[key]; ok && want {
					some = append(some, suitorOf(&req, key, rules.Item))
				}
			})
		}
		return some
	}, func(some []suitor) error {
		for _, s := range some {
			if s.aside != nil {
				aside = append(aside, *s.aside)
				continue
			}
			byKey[s.key] = append(byKey[s.key], s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	j.apart.aside = aside
	err = j.eachApart(func(_ uint64, _ string, all []copyOf) error {
		uses, err := j.uses(all)
		for _, use := range uses {
			req := j.o.Rules.Assemble(use)
			if key, ok := rules.KeyOfRequest(&req); ok {
				byKey[key] = append(byKey[key], suitorOf(&req, key, rules.Item))
			}
		}
		return err
	})
	for _, list := range byKey {
		slices.SortFunc(list, func(a, b suitor) int {
			return cmp.Or(cmp.Compare(a.ts, b.ts), strings.Compare(a.id, b.id))
		})
	}
	return byKey, err
}

func suitorOf(req *events.Request, key string, items bool) suitor {
	s := suitor{id: strings.Clone(req.ID), ts: req.TS, key: key}
	if items {
		for i := range req.Items {
			s.items = append(s.items, events.Item{ID: strings.Clone(req.Items[i].ID)})
		}
	}
	return s
}

// assign says who has each of the outcomes.
func (j *join) assign(all []nameless, byKey map[string][]suitor) (*shares, error) {
	s := &shares{}
	type alone struct {
		key string
		ts  events.Time
	}
	orphans := map[alone]*joiner.Distinct{}
	for i := range all {
		n := &all[i]
		if !n.ok {
			s.count(n.data, joiner.DispositionOrphan)
			continue
		}
		has, err := j.choose(n, byKey[n.key])
		if err != nil {
			return nil, err
		}
		for i, a := range has {
			s.list = append(s.list, share{hash: hashOf([]byte(a.ID)), ts: n.out.TS, at: n.at, booked: i > 0,
				data: events.AppendAssigned(nil, a.ID, a.Share, n.data)})
		}
		if len(has) > 0 {
			s.count([]byte(has[0].ID), joiner.DispositionJoined)
			continue
		}
		of := orphans[alone{n.key, n.out.TS}]
		if of == nil {
			of = &joiner.Distinct{SameID: j.o.Rules.SameID}
			orphans[alone{n.key, n.out.TS}] = of
		}
		fate := joiner.DispositionDuplicate
		if of.Add(&n.out) {
			fate = joiner.DispositionOrphan
		}
		s.count([]byte(n.key), fate)
	}
	return s, nil
}

func (s *shares) count(owner []byte, fate joiner.Disposition) {
	s.owners, s.fates = append(s.owners, owner), append(s.fates, fate)
}

func (j *join) choose(n *nameless, list []suitor) ([]joiner.Assigned, error) {
	rules := j.o.Rules.Attribute
	from, _ := slices.BinarySearchFunc(list, n.out.TS.Add(-rules.Within),
		func(s suitor, t events.Time) int { return cmp.Compare(s.ts, t) })
	to, _ := slices.BinarySearchFunc(list, n.out.TS+1, func(s suitor, t events.Time) int { return cmp.Compare(s.ts, t) })
	list = list[from:max(from, to)]
	var at *suitor
	matching := func(yield func(joiner.RequestKey, error) bool) {
		for i := range list {
			if at = &list[i]; !rules.FromFirst() {
				at = &list[len(list)-1-i]
			}
			if !yield(joiner.RequestKey{TS: at.ts, ID: at.id}, nil) {
				return
			}
		}
	}
	return rules.Choose(iter.Seq2[joiner.RequestKey, error](matching), func(joiner.RequestKey) (bool, error) {
		return rules.Lists(&events.Request{Items: at.items}, &n.out), nil
	})
}

// countNameless counts the next outcome that names no request. It is false if it is not of
// this part.
func (j *join) countNameless(r *outcomeRead) bool {
	s := j.shares
	owner, fate := s.owners[s.next], s.fates[s.next]
	s.next++
	if !j.keeps(owner) {
		return false
	}
	if fate != joiner.DispositionJoined {
		j.tally(events.KindOutcome).Disposed[fate]++
		if fate == joiner.DispositionOrphan {
			j.result.Orphans[DayOf(r.ts)]++
		}
	}
	return true
}

// addShares puts the outcomes that were given to requests of this pass into the table.
func (j *join) addShares() {
	if j.shares == nil {
		return
	}
	for i := range j.shares.list {
		s := &j.shares.list[i]
		id, _ := events.AssignedTo(s.data)
		if j.mine(s.hash) && j.keeps([]byte(id)) {
			if e := j.outcomes.add(s.hash, s.at, s.data); s.booked {
				e.at |= entryBooked
			}
		}
	}
}

// eachApart visits the events that were set aside, by id; within one they are in the order of
// arrival.
func (j *join) eachApart(visit func(hash uint64, id string, all []copyOf) error) error {
	aside := j.apart.aside
	slices.SortFunc(aside, func(a, b setAside) int { return orderAside(&a, &b) })
	for from, to := 0, 0; from < len(aside); from = to {
		byID := map[string][]copyOf{}
		for to = from; to < len(aside) && aside[to].hash == aside[from].hash; to++ {
			piece, err := j.copyOf(&aside[to])
			if err != nil {
				return err
			}
			byID[piece.Request.ID] = append(byID[piece.Request.ID], piece)
		}
		for _, id := range slices.Sorted(maps.Keys(byID)) {
			if err := visit(aside[from].hash, id, byID[id]); err != nil {
				return err
			}
		}
	}
	return nil
}
