package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// CompactOptions says what Compact merges.
type CompactOptions struct {
	// Before is a day like "2026-11-22": only older days are merged. Empty: all days but
	// those of the newest event and later.
	Before string
	// FileBytes is how large a merged file may get; 0 means DefaultFileBytes.
	FileBytes int64
	// DryRun only counts.
	DryRun bool
}

// Compaction is what Compact did, or would do.
type Compaction struct {
	Days        int   `json:"days"`         // in which files were merged
	FilesBefore int   `json:"files_before"` // that were merged
	FilesAfter  int   `json:"files_after"`  // that they became
	Rows        int64 `json:"rows"`         // in them
	BytesBefore int64 `json:"bytes_before"`
	BytesAfter  int64 `json:"bytes_after"` // 0 in a dry run
}

// Compact merges the small files of each day into few. Rows stay as they are, and in
// the order of their commits. A day is one operation: after an error the days before are
// done. A file is merged with those next to it that the same configuration decided. All
// files of a day get the same columns, each with one type, where that loses nothing.
func (k *Keeper) Compact(ctx context.Context, opts CompactOptions) (done Compaction, err error) {
	if opts.FileBytes == 0 {
		opts.FileBytes = DefaultFileBytes
	}
	if err := k.writer.Refresh(); err != nil {
		return done, err
	}
	state := k.writer.State()
	if opts.Before == "" && state.Last != nil {
		opts.Before = tablelog.DayName(state.Last.MaxEvent)
	}
	days, err := state.Days()
	if err != nil {
		return done, err
	}
	for _, d := range days {
		if d.Name >= opts.Before {
			break
		}
		if err := ctx.Err(); err != nil {
			return done, err
		}
		files, err := state.Files(d.Name)
		if err != nil {
			return done, err
		}
		plan := planDay(files, opts.FileBytes, false)
		if len(plan.runs) == 0 {
			continue
		}
		done.Days++
		for _, run := range plan.runs {
			done.FilesAfter++
			for i := range run {
				done.FilesBefore++
				done.Rows, done.BytesBefore = done.Rows+run[i].Rows, done.BytesBefore+run[i].Bytes
			}
		}
		if opts.DryRun {
			continue
		}
		bytes, err := k.compactDay(d.Name, plan)
		if errors.Is(err, rowfile.ErrInexact) { // integers that no double holds stay as they are
			k.say.Warn("the files of a day keep different types", "day", d.Name, "cause", err.Error())
			if plan = planDay(files, opts.FileBytes, true); len(plan.runs) == 0 {
				continue
			}
			bytes, err = k.compactDay(d.Name, plan)
		}
		if err != nil {
			return done, fmt.Errorf("merging the files of %s: %w", d.Name, err)
		}
		done.BytesAfter += bytes
	}
	return done, nil
}

// runColumns are the columns that a run of files has together.
func (p *plannedDay) runColumns(run []tablelog.File) ([]rowfile.Column, error) {
	if p.columns != nil {
		return columnsOf(p.columns)
	}
	return unionOf(run)
}

// unionOf are the columns of files that have the same ones but for features, in the order
// that files have them.
func unionOf(files []tablelog.File) ([]rowfile.Column, error) {
	features := map[string]tablelog.Column{}
	for i := range files {
		for _, c := range featuresOf(files[i].Columns) {
			features[c.Name] = c
		}
	}
	first := files[0].Columns
	mine := featuresOf(first)
	columns := slices.Clone(first[:ownColumns])
	names := slices.Sorted(maps.Keys(features))
	for rank := range 2 {
		for _, name := range names {
			if itemRank(name) == rank {
				columns = append(columns, features[name])
			}
		}
	}
	return columnsOf(append(columns, first[ownColumns+len(mine):]...))
}

// compactDay merges runs of files of a day, in one operation.
func (k *Keeper) compactDay(day string, plan plannedDay) (bytes int64, err error) {
	var added []tablelog.File
	var removed []string
	for i, run := range plan.runs {
		f, err := k.mergeRun(day, i, run, &plan)
		if err != nil {
			k.dropStaged(added)
			return 0, err
		}
		added, bytes = append(added, *f), bytes+f.Bytes
		for j := range run {
			removed = append(removed, run[j].Path)
		}
	}
	op, err := k.Replace(CauseCompact, removed, added, false)
	if tablelog.NotMade(err) {
		k.dropStaged(added)
	}
	if err != nil {
		return 0, err
	}
	k.say.Info("merged the small files of a day", "day", day, "files", len(removed), "into", len(added), "rows",
		op.Summary.RowsAdded, "operation", op.Number)
	return bytes, nil
}

// dropStaged removes files that no operation names.
func (k *Keeper) dropStaged(files []tablelog.File) {
	for i := range files {
		if files[i].Staging != "" {
			_ = k.bucket.Remove(files[i].Staging) // else the next keeper sweeps it
		}
	}
}

// mergeRun stages the merged file, and reads it back.
func (k *Keeper) mergeRun(day string, i int, run []tablelog.File, plan *plannedDay) (*tablelog.File, error) {
	columns, err := plan.runColumns(run)
	if err != nil {
		return nil, err
	}
	f := &tablelog.File{MinRequestTS: run[0].MinRequestTS, MaxRequestTS: run[0].MaxRequestTS,
		FirstCommit: run[0].FirstCommit, RulesHash: run[0].RulesHash}
	k.place(f, day, i)
	var rows []*rowfile.Reader
	var parts []string
	for j := range run {
		from := &run[j]
		source, err := k.source(from)
		if err != nil {
			return nil, err
		}
		defer source.Close() // all are open until the merged file is written
		rows, parts = append(rows, source.rows), append(parts, source.parts)
		f.MinRequestTS, f.MaxRequestTS = min(f.MinRequestTS, from.MinRequestTS), max(f.MaxRequestTS, from.MaxRequestTS)
		f.MaxRevision, f.Early, f.LastCommit = max(f.MaxRevision, from.MaxRevision), f.Early+from.Early, max(f.LastCommit,
			from.LastCommit)
	}
	return f, k.write(f, strings.Join(parts, ","), func(w io.Writer, meta map[string]string) (rowfile.Summary, error) {
		return k.layout.Merge(w, rows, columns, meta)
	})
}
