package batch

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// copyOf is one event of a request.
type copyOf struct {
	joiner.Piece
	at   events.Origin
	data []byte
}

// decideApart decides the requests that were set aside.
func (j *join) decideApart() error {
	err := j.eachApart(j.decideID)
	j.apart = nil
	return err
}

// copyOf decodes an event that was set aside.
func (j *join) copyOf(h *setAside) (copyOf, error) {
	req, err := j.o.Decoders[events.KindRequest].DecodeRequest(h.data)
	if err != nil {
		return copyOf{}, joiner.Undecodable("request", h.at, err)
	}
	return copyOf{Piece: joiner.Piece{Request: req, Hash: sha256.Sum256(h.data)}, at: h.at, data: h.data}, nil
}

// decideID decides all requests of an id, whose events are in the order of arrival.
func (j *join) decideID(hash uint64, id string, all []copyOf) error {
	w := j.workers[0]
	uses, err := j.uses(all)
	if err != nil {
		return err
	}
	w.text = nil
	outcomes, err := w.outcomesOf(hash, id)
	if err != nil {
		return err
	}
	keys := make([]joiner.RequestKey, len(uses))
	for i, use := range uses {
		keys[i] = joiner.RequestKey{TS: use[0].Request.TS, ID: id}
	}
	var d joiner.Decision
	var one gathered.Rows // of the request at hand
	for i, use := range uses {
		req := j.o.Rules.Assemble(use)
		var fates [joiner.Dispositions]int64
		d.Begin(j.o.Rules, &req)
		for h := range outcomes {
			if j.o.Rules.OfOutcome(keys, outcomes[h].outcome.TS) == i {
				if fate := d.Add(&outcomes[h].outcome); !outcomes[h].entry.booked() {
					fates[fate]++
				}
				j.outcomes.leave(outcomes[h].entry)
			}
		}
		rows := d.RowsReuse(j.known, joiner.ReasonClosed)
		j.book(&req, rows, &d, fates[:])
		one.List = appendWritten(one.List, &req, rows)
		if err := j.handOver(&one); err != nil {
			return err
		}
	}
	return nil
}

// uses parts the events of an id where one is stamped further from the first of its
// request than a request is remembered, and counts those that are copies.
func (j *join) uses(all []copyOf) ([][]joiner.Piece, error) {
	const k = events.KindRequest
	reach := j.o.Rules.Longest() + j.o.Rules.Retention()
	slices.SortStableFunc(all, func(a, b copyOf) int { return a.Before(&b.Piece) })
	var uses [][]copyOf
	for _, c := range all {
		last := len(uses) - 1
		if last < 0 || c.Request.TS.Sub(uses[last][0].Request.TS) > reach {
			uses = append(uses, nil)
			last++
		}
		uses[last] = append(uses[last], c)
	}
	out := make([][]joiner.Piece, len(uses))
	for i, use := range uses {
		kept, err := j.distinct(use)
		if err != nil {
			return nil, err
		}
		for _, c := range kept {
			out[i] = append(out[i], c.Piece)
		}
		fate := joiner.DispositionConflict
		if j.o.Rules.Merge {
			fate = joiner.DispositionMerged
		}
		j.tally(k).Disposed[fate] += int64(len(kept) - 1)
	}
	return out, nil
}

// distinct drops the copies of the same bytes, and rejects what is one copy too many:
// the first that arrived count.
func (j *join) distinct(use []copyOf) ([]copyOf, error) {
	const k = events.KindRequest
	arrived := slices.Clone(use)
	slices.SortFunc(arrived, func(a, b copyOf) int {
		return orderAside(&setAside{at: a.at}, &setAside{at: b.at})
	})
	known, tooMany, size := map[[32]byte]bool{}, map[[32]byte]bool{}, 0
	for i := range arrived {
		c := &arrived[i]
		if known[c.Hash] {
			j.tally(k).Disposed[joiner.DispositionDuplicate]++
			continue
		}
		reason, detail := "", ""
		switch {
		case len(known) >= joiner.MaxCopies:
			reason, detail = "too_many_copies", fmt.Sprintf("its request has %d different copies already", joiner.MaxCopies)
		case j.o.Rules.Merge && size >= joiner.MaxPieces:
			reason, detail = "too_many_pieces", fmt.Sprintf("its request has %d MiB of pieces already", joiner.MaxPieces>>20)
		default:
			known[c.Hash] = true
			size += len(c.data)
			continue
		}
		tooMany[c.Hash] = true
		if err := j.reject(k, c.at, c.data, reason, detail); err != nil {
			return nil, err
		}
	}
	var kept []copyOf
	for i := range use {
		if c := &use[i]; !tooMany[c.Hash] && (len(kept) == 0 || kept[len(kept)-1].Hash != c.Hash) {
			kept = append(kept, *c)
		}
	}
	return kept, nil
}
