package engine

import (
	"errors"
	"hash/crc32"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// Rows of open requests are written at the end of each stage (joiner.Rules.Stages), by the
// commit that is cut next: it has the requests of which the stage has ended since the commit
// before. Of a request of which several have ended meanwhile it writes the last, and of one
// that has closed, only that. Checkpoint.Staged and PendingCut.Staged say how far that is done.

// stageBounds says of which requests each stage has ended.
func (e *Engine) stageBounds() []events.Time {
	return e.rules.StageBounds(e.watermark(), e.checkpoint.Staged)
}

// stagedThrough bounds the requests of which a commit, or the one in flight, may have rows
// that were written at the end of a stage: the first stage has gone furthest.
func (e *Engine) stagedThrough() events.Time {
	bounds := e.checkpoint.Staged
	if e.inflight != nil {
		bounds = e.inflight.cut.Staged
	}
	if len(bounds) == 0 {
		return events.MinTime
	}
	return bounds[0]
}

// stageEnded reports whether a stage of some request that is held has ended since the commit
// that says done.
func (e *Engine) stageEnded(done []events.Time) (bool, error) {
	through := e.checkpoint.Progress.ClosedThrough
	bounds := e.stageBounds()
	for i := len(bounds) - 1; i >= 0; i-- {
		from := through
		if i < len(done) {
			from = max(from, done[i])
		}
		if from < bounds[i] {
			if some, err := e.o.Store.Closable(from, bounds[i]); some || err != nil {
				return some, err
			}
		}
		through = max(through, bounds[i])
	}
	return false, nil
}

// stages writes the rows of the stages that have ended since the last commit, of requests that
// are open.
func (s stager) stages(f *inflightCommit) error {
	through := f.cut.Through
	for i := len(f.cut.Staged) - 1; i >= 0; i-- {
		from, to := through, f.cut.Staged[i]
		if i < len(f.at.Staged) {
			from = max(from, f.at.Staged[i])
		}
		if from < to {
			if err := s.stage(f, i, from, to); err != nil {
				return err
			}
		}
		through = max(through, to)
	}
	return nil
}

func (s stager) stage(f *inflightCommit, stage int, from, to events.Time) error {
	for v, err := range s.decider.each(f.view, from, to, s.decider.rules.Stages[stage]) {
		if err != nil {
			return err
		}
		if len(v.history.Rows) > 0 {
			continue // its close compares what was written with what there is then
		}
		rows := v.decision.RowsAtStage(stage)
		for i := range rows {
			if rows[i].LeftOut != joiner.LeftOutNo {
				continue // the close counts it, if it is left out then
			}
			if err := f.stage.Row(&v.request, &rows[i]); err != nil {
				return err
			}
			f.watch.row(s.decider.rules, &rows[i], false)
		}
	}
	return nil
}

// stagedBy says how far each stage was done by a commit, as far as its manifest tells. After a
// change of the configuration nothing was: then what was written is found in the files.
func (e *Engine) stagedBy(cut *joiner.Cut) []events.Time {
	if cut.RulesHash != e.o.RulesHash {
		return nil
	}
	return e.rules.StageBounds(cut.Progress.Watermark(e.rules.Lateness), nil)
}

// restoreStaged finds in the committed files what was written of requests that are open, and
// remembers it of those of which the close has to know: see joiner.Machine.RestoreStaged.
// apply is as of restoreFormer. converts says that the histories which are read are as another
// configuration left them.
func (e *Engine) restoreStaged(converts bool, apply func() error) error {
	since := e.checkpoint.Committed
	from, _ := e.rules.Reach(since)
	rows, pending := 0, false
	err := e.eachWritten(from, events.MaxTime, func(w joiner.Written) {
		rows++
		pending = pending || w.Pending
	})
	if !pending {
		return err
	}
	passes := uint32(1 + rows/maxRestored)
	for pass := uint32(0); err == nil && pass < passes; pass++ {
		byRequest, staged := map[string][]joiner.Written{}, map[string]bool{}
		err = e.eachWritten(from, events.MaxTime, func(w joiner.Written) {
			if crc32.ChecksumIEEE([]byte(w.RequestID))%passes == pass {
				byRequest[w.RequestID] = append(byRequest[w.RequestID], w)
				staged[w.RequestID] = staged[w.RequestID] || w.Pending
			}
		})
		if err == nil {
			err = e.restoreStagedOf(since, byRequest, staged, converts, apply)
		}
	}
	return err
}

// restoreStagedOf does that for the requests stamped from a time on whose ids have rows that
// were written at the end of a stage.
func (e *Engine) restoreStagedOf(from events.Time, rows map[string][]joiner.Written, staged map[string]bool,
	converts bool, apply func() error) error {
	v, changed := e.o.Store.View(), 0
	for p, err := range v.Requests(from, events.MaxTime) {
		if err == nil && staged[p.ID] {
			var differs bool
			if differs, err = e.restoreStagedRequest(p, rows[p.ID], converts); differs {
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

func (e *Engine) restoreStagedRequest(p joiner.RequestKey, rows []joiner.Written, converts bool) (differs bool,
	err error) {
	x, err := e.loadAll(p)
	if x == nil || err != nil || x.History.Closed {
		return false, err
	}
	if converts { // what redecide made of it waits in the batch, and what is read is older
		if err := e.machine.Redecide(x, false); err != nil {
			return false, err
		}
	}
	keys, err := e.keysOf(p.ID)
	if err != nil {
		return false, err
	}
	next := uint32(0)
	for int(next) < len(e.checkpoint.Staged) && p.TS < e.checkpoint.Staged[next] {
		next++
	}
	differs, err = e.machine.RestoreStaged(x, e.rowsOf(p, keys, rows), next)
	if differs && err == nil {
		e.o.Store.PutHistory(p, &x.History)
	}
	return differs, err
}
