package export

import (
	"context"
	"path"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// RetainOptions says what Retain ends.
type RetainOptions struct {
	// From is the first day that is kept, like "2026-11-22".
	From string
	// Needed is the time from which on events may be read again to make the state anew:
	// manifests of commits that had read none of them are ended.
	Needed events.Time
	// DryRun only counts.
	DryRun bool
}

// Retention is what Retain ended, or would end.
type Retention struct {
	Days      int    `json:"days"`
	First     string `json:"first_day"` // that is ended; empty if there is none
	Last      string `json:"last_day"`
	Files     int    `json:"files"`
	Rows      int64  `json:"rows"`
	Bytes     int64  `json:"bytes"`
	Manifests uint64 `json:"manifests"`
}

// Retain ends the days before a day: their files leave the table and are removed. It
// ends old manifests too, with their dead letters: the newest commit and what a rebuild
// of the state needs stay. It is one operation. Files that a stopped replay has kept are removed.
func (k *Keeper) Retain(ctx context.Context, opts RetainOptions) (ended Retention, err error) {
	if err := k.writer.Refresh(); err != nil {
		return ended, err
	}
	state := k.writer.State()
	var removed []string
	for f, err := range state.AllFiles("", "") {
		if err != nil {
			return ended, err
		}
		day := f.Day()
		if day >= opts.From {
			break
		}
		if ended.Days == 0 {
			ended.First = day
		}
		if day != ended.Last {
			ended.Days, ended.Last = ended.Days+1, day
		}
		ended.Files, ended.Rows, ended.Bytes = ended.Files+1, ended.Rows+f.Rows, ended.Bytes+f.Bytes
		removed = append(removed, f.Path)
	}
	begins, err := k.beginning(ctx, state, opts.Needed)
	if err != nil {
		return ended, err
	}
	ended.Manifests = begins - state.Begins
	if opts.DryRun {
		return ended, nil
	}
	partition := state.Partition
	err = removeStaged(k.bucket, k.say, partition, func(name string) bool { return isKeptOperation(name, partition) })
	if err != nil || len(removed) == 0 && ended.Manifests == 0 {
		return ended, err
	}
	// Ended manifests are in a checkpoint of the table, or nothing could be read.
	op := &tablelog.Operation{Kind: tablelog.KindDelete, Cause: CauseRetain, Removed: removed, Begins: begins}
	made, err := k.make(op, false, true)
	if err != nil {
		return ended, err
	}
	if err := k.dropRemoved(removed); err != nil {
		return ended, err
	}
	k.say.Info("ended old days", "days", ended.Days, "files", ended.Files, "rows", ended.Rows, "manifests",
		ended.Manifests, "operation", made.Number)
	return ended, k.sweepEnded(k.writer.State())
}

// dropRemoved removes what this keeper's operations took out of the table.
func (k *Keeper) dropRemoved(files []string) error {
	if k.bucket.Direct() {
		for _, name := range files {
			if err := k.bucket.Remove(name); err != nil {
				return err
			}
		}
		return nil
	}
	names, err := k.bucket.List(tablelog.RemovedDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.Contains(name, k.session) {
			if err := k.bucket.RemoveAll(path.Join(tablelog.RemovedDir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// beginning is the first operation whose manifest has to stay.
func (k *Keeper) beginning(ctx context.Context, state *tablelog.State, needed events.Time) (uint64, error) {
	for op, err := range k.log.Operations() {
		if err != nil {
			return 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if op.Number >= state.Number || op.Commit != nil && (op.Commit.MaxEvent >= needed ||
			op.Commit.Number >= state.Receipt.Number) {
			return op.Number, nil
		}
	}
	return state.Begins, nil
}

// sweepEnded removes the manifests before the log's beginning, newest last, so that what
// is there has no hole, and the dead letters of their commits.
func (k *Keeper) sweepEnded(state *tablelog.State) error {
	if state.Begins <= 1 {
		return nil
	}
	numbers, err := k.log.Numbers()
	if err != nil {
		return err
	}
	first, err := k.firstCommit(state)
	if err != nil {
		return err
	}
	letters, err := k.bucket.List(tablelog.DeadLetterDir)
	if err != nil {
		return err
	}
	for _, name := range letters {
		if f, ok := tablelog.ParseFileName(name); ok && f.Partition == state.Partition && f.Number < first {
			if err := k.bucket.Remove(path.Join(tablelog.DeadLetterDir, name)); err != nil {
				return err
			}
		}
	}
	for _, n := range numbers {
		if n >= state.Begins {
			break
		}
		if err := k.bucket.Remove(tablelog.ManifestPath(state.Partition, n)); err != nil {
			return err
		}
	}
	return nil
}

// firstCommit is the number of the first commit whose manifest is kept.
func (k *Keeper) firstCommit(state *tablelog.State) (uint64, error) {
	for n := state.Begins; n <= state.Number; n++ {
		op, err := k.log.Read(n)
		if err != nil {
			return 0, err
		}
		if op.Commit != nil {
			return op.Commit.Number, nil
		}
	}
	return state.Receipt.Number, nil
}
