package engine

import (
	"errors"
	"hash/crc32"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// maxRestored is how many rows of the committed files are in memory at once, about.
// One takes some 200 bytes.
const maxRestored = 1_000_000

// restoreWritten restores, from the committed files, what the log cannot tell:
// which revision a row is at, and what was written early. Of requests stamped before
// former all is known already: see restoreFormer.
func (e *Engine) restoreWritten(since, former events.Time) error {
	byRequest := map[string][]joiner.Written{}
	for w, err := range e.o.Output.Written(since, e.rules.Base(), false) {
		if err != nil {
			return err
		}
		byRequest[w.RequestID] = append(byRequest[w.RequestID], w)
	}
	for id, rows := range byRequest {
		keys, err := e.keysOf(id)
		if err != nil {
			return err
		}
		for _, p := range keys {
			if p.TS < former {
				continue
			}
			if err := e.restoreHistory(p, e.rowsOf(p, keys, rows)); err != nil {
				return err
			}
		}
	}
	return nil
}

// keysOf are where the requests of an id are held.
func (e *Engine) keysOf(id string) ([]joiner.RequestKey, error) {
	var err error
	if e.found, err = e.o.Store.Find(e.found[:0], id); err != nil {
		return nil, err
	}
	keys := make([]joiner.RequestKey, len(e.found))
	for i, f := range e.found {
		keys[i] = f.Key
	}
	return keys, nil
}

// rowsOf picks the rows of one request among those of its id: one that was used again
// has several.
func (e *Engine) rowsOf(p joiner.RequestKey, keys []joiner.RequestKey, rows []joiner.Written) []joiner.Written {
	var own []joiner.Written
	for _, w := range rows {
		if at := e.rules.OfRequest(keys, w.RequestTS); at >= 0 && keys[at] == p {
			own = append(own, w)
		}
	}
	return own
}

func (e *Engine) restoreHistory(p joiner.RequestKey, rows []joiner.Written) error {
	if len(rows) == 0 {
		return nil
	}
	x, err := e.loadAll(p)
	if x == nil || err != nil {
		return err
	}
	if err := e.machine.RestoreHistory(x, rows, p.TS < e.checkpoint.Committed); err != nil {
		return err
	}
	e.o.Store.PutHistory(p, &x.History)
	return nil
}

// restoreFormer restores, from the committed files, which rows were written of the
// requests that are held, are stamped before through and closed under another configuration: the configuration as
// it is may want others, and what comes late must go on from those that are there.
//
// Where a history knows what was written, it stays. apply is called now and then, when
// much has changed; nil: all changes stay in one batch.
func (e *Engine) restoreFormer(since, through events.Time, apply func() error) error {
	if through <= since {
		return nil
	}
	from, _ := e.rules.Reach(since)
	_, to := e.rules.Reach(through)
	rows := 0
	err := e.eachWritten(from, to, func(joiner.Written) { rows++ })
	passes := uint32(1 + rows/maxRestored)
	for pass := uint32(0); err == nil && pass < passes; pass++ {
		mine := func(id string) bool { return crc32.ChecksumIEEE([]byte(id))%passes == pass }
		byRequest := map[string][]joiner.Written{}
		err = e.eachWritten(from, to, func(w joiner.Written) {
			if mine(w.RequestID) {
				byRequest[w.RequestID] = append(byRequest[w.RequestID], w)
			}
		})
		if err == nil {
			err = e.restoreFormerOf(since, through, mine, byRequest, apply)
		}
	}
	return err
}

// formerThrough is the bound of the requests that may have closed under another
// configuration than the one that is.
func (e *Engine) formerThrough() (events.Time, error) {
	through := events.MinTime
	for c, err := range e.o.Output.Cuts() {
		if err != nil {
			return 0, err
		}
		if c.RulesHash != e.o.RulesHash {
			through = max(through, c.Progress.ClosedThrough)
		}
	}
	return min(through, e.checkpoint.Committed), nil
}

// eachWritten visits all rows in committed files of requests stamped from..to.
func (e *Engine) eachWritten(from, to events.Time, visit func(joiner.Written)) error {
	for w, err := range e.o.Output.Written(from, 0, true) {
		if err != nil {
			return err
		}
		if w.RequestTS <= to {
			visit(w)
		}
	}
	return nil
}

// restoreFormerOf restores the histories of the requests stamped from..to, to excluded,
// whose ids are wanted, from all rows that were written of those.
func (e *Engine) restoreFormerOf(from, to events.Time, wanted func(id string) bool, rows map[string][]joiner.Written,
	apply func() error) error {
	v, changed := e.o.Store.View(), 0
	for p, err := range v.Requests(from, to) {
		if err == nil && wanted(p.ID) {
			var differs bool
			if differs, err = e.restoreFormerRequest(p, rows[p.ID]); differs {
				changed++
			}
		}
		if err == nil && changed >= maxBatch && apply != nil {
			changed, err = 0, apply()
		}
		if err != nil {
			return errors.Join(err, v.Close())
		}
	}
	return v.Close()
}

func (e *Engine) restoreFormerRequest(p joiner.RequestKey, rows []joiner.Written) (differs bool, err error) {
	x, err := e.loadAll(p)
	if x == nil || err != nil {
		return false, err
	}
	if x.History.Closed {
		return false, nil
	}
	keys, err := e.keysOf(p.ID)
	if err != nil {
		return false, err
	}
	differs, err = e.machine.RestoreFormer(x, e.rowsOf(p, keys, rows))
	if err != nil || !differs {
		return false, err
	}
	e.o.Store.PutHistory(p, &x.History)
	return true, nil
}
