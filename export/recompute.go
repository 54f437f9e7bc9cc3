package export

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// Recomputed is rows that will stand for all rows of their days. Nothing of it is visible
// before Commit. It is used by one goroutine.
type Recomputed struct {
	keeper *Keeper
	known  []tablelog.SchemaColumn // of the table
	stage  *Stage
}

// Recompute begins to replace whole days by rows that are given. The options say how rows
// are written, as they do for Open; the place is the keeper's. The error is a *ChainError
// if the output belongs to another joiner.
func (k *Keeper) Recompute(opts Options) (*Recomputed, error) {
	o, schema, err := k.outputOf(opts)
	if err != nil {
		return nil, err
	}
	known, err := knownColumns(schema)
	if err != nil {
		return nil, err
	}
	state := k.writer.State()
	k.runs++
	return &Recomputed{keeper: k, known: schema, stage: &Stage{
		out: o, number: state.Last.Number, opNumber: state.Number + 1, attempt: k.runs,
		builders: map[int64]*rowfile.Builder{}, table: o.layout.NewTable(known),
	}}, nil
}

// outputOf is the keeper's output as the options have it, which nothing but its keeper writes, and the
// columns of its table. The error is a *ChainError if the output belongs to another joiner, an
// *EmptyError if nothing was committed.
func (k *Keeper) outputOf(opts Options) (*Output, []tablelog.SchemaColumn, error) {
	opts.Bucket = k.bucket
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	if err := k.writer.Refresh(); err != nil {
		return nil, nil, err
	}
	state := k.writer.State()
	o := &Output{opts: opts, bucket: k.bucket, dir: k.dir, session: k.session, log: k.log,
		writer: k.writer}
	if err := o.belongs(state); err != nil {
		return nil, nil, err
	}
	if state.Last == nil {
		return nil, nil, &EmptyError{Dir: k.dir}
	}
	if err := o.findSchema(state); err != nil {
		return nil, nil, err
	}
	schema, _ := o.schema()
	return o, schema, nil
}

// Rows adds rows, as Stage.Rows does.
func (r *Recomputed) Rows(rows *gathered.Rows) error { return r.stage.Rows(rows) }

// DeadLetter does nothing: the dead letters of an output are those of its commits.
func (r *Recomputed) DeadLetter(*events.DeadLetter) error { return nil }

// Tallies reports the rows added and the feature values that did not fit.
func (r *Recomputed) Tallies() (rows, unfit int64) { return r.stage.Tallies() }

// DayChange is how many rows a day had, and has.
type DayChange struct {
	Day    string `json:"day"`
	Before int64  `json:"rows_before"`
	After  int64  `json:"rows_after"`
}

// Commit replaces the days of the rows that were added, and those that also says, by one
// operation, and then shows each day in one step. Rows that a commit added to one of the
// days meanwhile, or an error, leave the table as it was; but an error after the operation
// was made says so, and opening a keeper or the output completes it.
func (r *Recomputed) Commit(ctx context.Context, also func(day string) bool) ([]DayChange, error) {
	s, k := r.stage, r.keeper
	if err := s.usable(); err != nil {
		return nil, err
	}
	for _, d := range slices.Sorted(maps.Keys(s.builders)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.finishFile(d); err != nil {
			return nil, s.fail(err)
		}
	}
	if err := s.settleAll(); err != nil {
		return nil, s.fail(err)
	}
	s.decide()
	brought, err := r.fits()
	if err != nil {
		return nil, err
	}
	changes := map[string]*DayChange{}
	of := func(day string) *DayChange {
		if changes[day] == nil {
			changes[day] = &DayChange{Day: day}
		}
		return changes[day]
	}
	for i := range s.files {
		f := &s.files[i]
		f.FirstCommit, f.LastCommit, f.RulesHash = s.number, s.number, s.out.opts.RulesHash
		of(f.Day()).After += f.Rows
	}
	var removed []string
	for f, err := range k.writer.State().AllFiles("", "") {
		if err != nil {
			return nil, err
		}
		if day := f.Day(); changes[day] != nil || also(day) {
			of(day).Before += f.Rows
			removed = append(removed, f.Path)
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	s.tried = true // what is staged may be named from here on
	kind := tablelog.KindReplace
	if len(s.files) == 0 {
		kind, brought = tablelog.KindDelete, nil
	}
	op, err := k.make(&tablelog.Operation{Kind: kind, Cause: CauseReplay, Removed: removed, Added: s.files,
		Schema: brought}, true, false)
	if tablelog.NotMade(err) {
		s.tried = false
	}
	if err != nil {
		return nil, err
	}
	s.done = true
	s.removeKept()
	all := make([]DayChange, 0, len(changes))
	for _, day := range slices.Sorted(maps.Keys(changes)) {
		all = append(all, *changes[day])
	}
	k.say.Info("replaced days by a replay", "days", len(all), "rows", op.Summary.RowsAdded, "rows_before",
		op.Summary.RowsRemoved, "operation", op.Number)
	return all, nil
}

// NewColumnsError says that rows have columns that the table has with another type, or for
// something else.
type NewColumnsError struct {
	Dir     string
	Columns []string
}

func (e *NewColumnsError) Error() string {
	return fmt.Sprintf("the rows have columns that the table in %s has with another type, or for something else: %s. Let the "+
		"joiner commit rows with this configuration first, or write the rows to a directory of their own", e.Dir,
		strings.Join(e.Columns, ", "))
}

// Refusal reports that a person has to decide.
func (e *NewColumnsError) Refusal() bool { return true }

// fits looks whether the rows have the columns of the table, and gives those that are new to it.
func (r *Recomputed) fits() ([]tablelog.SchemaColumn, error) {
	changed := schemaChange(r.known, false, r.stage.table.Columns())
	var clash []string
	for _, c := range changed {
		if slices.ContainsFunc(r.known, func(is tablelog.SchemaColumn) bool { return events.SameColumn(is.Name, c.Name) }) {
			clash = append(clash, c.Name)
		}
	}
	if len(clash) > 0 {
		return nil, &NewColumnsError{Dir: r.keeper.dir, Columns: clash}
	}
	if len(changed) > 0 && len(r.keeper.writer.Schema()) == 0 { // of a version that had no schema
		changed = append(changed, r.known...)
	}
	return changed, nil
}

// Abort removes what was staged, unless an operation may name it. It is a no-op after
// Commit.
func (r *Recomputed) Abort() { r.stage.Abort() }

// Leave is Abort that leaves finished files for the next attempt, as Stage.Leave does.
func (r *Recomputed) Leave() (files int, rows int64) { return r.stage.Leave() }

// Reused is how many files an attempt before had left that are used again.
func (r *Recomputed) Reused() int { return r.stage.Reused() }

// name is how the commit, or the operation, stands in the names of files.
func (s *Stage) name() string {
	if s.opNumber > 0 {
		return tablelog.OperationName(s.out.opts.Partition, s.opNumber)
	}
	return tablelog.CommitName(s.out.opts.Partition, s.number)
}
