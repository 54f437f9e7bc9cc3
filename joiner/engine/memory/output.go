// Package memory holds the engine's ports in memory: an output that keeps rows,
// a source that says what it is told, and the world that engines run in. Unit tests of label configurations
// run on them, and so do tests of the engine.
package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// Row is a written row with what identifies it.
type Row struct {
	RequestID string
	RequestTS events.Time
	ItemID    string // empty for a row of the whole request
	Request   events.Request
	joiner.Row
}

// Commit is what one commit wrote.
type Commit struct {
	Cut         joiner.Cut
	Receipt     joiner.Receipt
	Rows        []Row
	DeadLetters []events.DeadLetter
}

// Output keeps commits in memory. It is used by one goroutine at a time.
type Output struct {
	Commits []Commit
	Gaps    []events.Gap // declared
	// Fail, if set, is asked before a manifest would be created, and after.
	Fail func(k uint64, created bool) error
}

var _ engine.Output = (*Output)(nil)

// Last implements engine.Output.
func (o *Output) Last() (joiner.Cut, joiner.Receipt, bool) {
	if len(o.Commits) == 0 {
		return joiner.Cut{}, joiner.Receipt{}, false
	}
	c := o.Commits[len(o.Commits)-1]
	return c.Cut, c.Receipt, true
}

// Cuts implements engine.Output.
func (o *Output) Cuts() iter.Seq2[joiner.Cut, error] {
	return func(yield func(joiner.Cut, error) bool) {
		for _, c := range o.Commits {
			if !yield(c.Cut, nil) {
				return
			}
		}
	}
}

// Declared implements engine.Output.
func (o *Output) Declared() ([]events.Gap, error) {
	return slices.DeleteFunc(slices.Clone(o.Gaps), func(g events.Gap) bool {
		return slices.ContainsFunc(o.Gaps, func(back events.Gap) bool { return back.Removes == g.ID })
	}), nil
}

// Written implements engine.Output.
func (o *Output) Written(since events.Time, base uint32, every bool) iter.Seq2[joiner.Written, error] {
	return func(yield func(joiner.Written, error) bool) {
		for r := range o.Rows() {
			early := r.Reason == joiner.ReasonEarly
			if r.RequestTS < since || r.Revision <= base && !early && !every {
				continue
			}
			pending := r.Stage > 0
			w := joiner.Written{RequestID: r.RequestID, RequestTS: r.RequestTS, ItemID: r.ItemID, Revision: r.Revision,
				Early: early || pending, Pending: pending, Withdrawn: r.Reason == joiner.ReasonWithdrawn}
			if !yield(w, nil) {
				return
			}
		}
	}
}

// Rows lists all rows in the order in which they were written.
func (o *Output) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for _, c := range o.Commits {
			for _, r := range c.Rows {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// Chains lists the revisions of every row, in the order in which they were
// written. Rows of one request and item are revisions of one row unless their
// requests are stamped further apart than reach: then an id was used again.
func (o *Output) Chains(reach time.Duration) [][]Row {
	var chains [][]Row
	of := map[[2]string][]int{}
	for r := range o.Rows() {
		key := [2]string{r.RequestID, r.ItemID}
		at := slices.IndexFunc(of[key], func(i int) bool {
			last := chains[i][len(chains[i])-1].RequestTS
			return max(last, r.RequestTS).Sub(min(last, r.RequestTS)) <= reach
		})
		if at < 0 {
			of[key] = append(of[key], len(chains))
			chains = append(chains, []Row{r})
			continue
		}
		chains[of[key][at]] = append(chains[of[key][at]], r)
	}
	return chains
}

// Latest is the highest revision of every row.
func (o *Output) Latest(reach time.Duration) []Row {
	var latest []Row
	for _, chain := range o.Chains(reach) {
		last := chain[0]
		for _, r := range chain[1:] {
			if r.Revision >= last.Revision {
				last = r
			}
		}
		latest = append(latest, last)
	}
	return latest
}

// Stage implements engine.Output.
func (o *Output) Stage(k uint64) (engine.Stage, error) {
	if want := uint64(len(o.Commits)) + 1; k != want {
		return nil, fmt.Errorf("commit %d staged, %d is next", k, want)
	}
	return &stage{output: o}, nil
}

type stage struct {
	output *Output
	commit Commit
}

// Row implements engine.Stage.
func (s *stage) Row(req *events.Request, row *joiner.Row) error {
	r := Row{RequestID: req.ID, RequestTS: req.TS, Request: copied(req), Row: *row}
	r.Cells, r.Extra = slices.Clone(row.Cells), slices.Clone(row.Extra)
	if row.Item >= 0 {
		r.ItemID = req.Items[row.Item].ID
	}
	s.commit.Rows = append(s.commit.Rows, r)
	return nil
}

// copied is a request that stays as it is when the memory of req is used again.
func copied(req *events.Request) events.Request {
	out := *req
	out.Features = fields(req.Features)
	out.Items = slices.Clone(req.Items)
	for i := range out.Items {
		out.Items[i].Features = fields(out.Items[i].Features)
	}
	return out
}

func fields(list []events.Field) []events.Field {
	list = slices.Clone(list)
	for i := range list {
		list[i].Value.List = slices.Clone(list[i].Value.List)
	}
	return list
}

// DeadLetter implements engine.Stage.
func (s *stage) DeadLetter(d *events.DeadLetter) error {
	letter := *d
	letter.Data = bytes.Clone(d.Data)
	s.commit.DeadLetters = append(s.commit.DeadLetters, letter)
	return nil
}

// Tallies implements engine.Stage.
func (s *stage) Tallies() (rows, unfit int64) { return int64(len(s.commit.Rows)), 0 }

// Commit implements engine.Stage.
func (s *stage) Commit(_ context.Context, cut *joiner.Cut) (joiner.Receipt, error) {
	if err := s.fail(cut.Number, false); err != nil {
		return joiner.Receipt{}, err
	}
	text, err := json.Marshal(cut)
	if err != nil {
		return joiner.Receipt{}, err
	}
	s.commit.Cut = *cut
	s.commit.Cut.Progress.Inputs = slices.Clone(cut.Progress.Inputs)
	s.commit.Receipt = joiner.Receipt{Number: cut.Number, Hash: fmt.Sprintf("%x", text)}
	s.output.Commits = append(s.output.Commits, s.commit)
	return s.commit.Receipt, s.fail(cut.Number, true)
}

func (s *stage) fail(k uint64, created bool) error {
	if s.output.Fail == nil {
		return nil
	}
	return s.output.Fail(k, created)
}

// Abort implements engine.Stage.
func (s *stage) Abort() {}
