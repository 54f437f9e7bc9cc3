package export

import (
	"cmp"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// chain reads all manifests and checks that each continues the one before. It returns
// the files that are live by all that can be read, in order of their commits.
func (v *verifier) chain() (live []tablelog.File, err error) {
	numbers, err := v.log.Numbers()
	if err != nil {
		return nil, err
	}
	begins, err := v.begin()
	if err != nil {
		return nil, err
	}
	files := map[string]*tablelog.File{}
	next := begins
	v.partial = begins > 1
	known := begins == 1 // what the next manifest continues
	for _, n := range numbers {
		if n < begins {
			continue // it was ended, and is not removed yet
		}
		if err := v.ctx.Err(); err != nil {
			return nil, err
		}
		for ; next < n; next++ {
			v.find(tablelog.ManifestPath(v.partition, next),
				"the manifest of commit %d is missing: restore it from a backup; without it its files cannot be told from strays",
				next)
			known, v.last = false, nil
		}
		v.partial = v.partial || next > begins && v.last == nil
		next = n + 1
		op, err := v.log.ReadAny(n)
		var chain *ChainError
		switch {
		case errors.As(err, &chain):
			v.find(chain.Path, "%s: restore it from a backup", chain.Reason)
			known, v.last = false, nil
			continue
		case err != nil:
			return nil, err
		}
		v.link(n, op, known)
		v.apply(op, files)
		known, v.last, v.partitions = true, op, max(v.partitions, op.Partitions)
		if op.Commit != nil {
			if v.first == nil && begins > 1 {
				v.first = op.Commit
			}
			v.before = op.Commit
			v.verdict.Commits++
		}
		if d := op.DeadLetters; d != nil {
			delete(v.there, d.Path)
			if v.Since == 0 || op.Commit.MaxEvent >= v.Since { // they may be deleted once they were dealt with
				v.total += d.Bytes
				v.letters = append(v.letters, tablelog.Artifact{Path: d.Path, Staging: d.Staging, Bytes: d.Bytes, SHA256: d.SHA256})
			}
		}
	}
	if err := v.table(files); err != nil {
		return nil, err
	}
	for _, f := range files {
		v.total += f.Bytes
		delete(v.there, f.Path)
		live = append(live, *f)
	}
	slices.SortFunc(live, func(a, b tablelog.File) int {
		return cmp.Or(cmp.Compare(a.FirstCommit, b.FirstCommit), cmp.Compare(a.Path, b.Path))
	})
	return live, nil
}

// begin is the number of the first manifest that counts. Where it is not 1, or where
// there are checkpoints of the table, they are read.
func (v *verifier) begin() (uint64, error) {
	state, err := v.log.State()
	if chain, ok := errors.AsType[*ChainError](err); ok {
		if strings.HasPrefix(chain.Path, tablelog.TableDir+"/") {
			v.find(chain.Path, "%s: restore it from a backup", chain.Reason)
		}
		return 1, nil // the rest is found on the way
	}
	if err != nil {
		return 0, err
	}
	v.state = state
	return state.Begins, nil
}

// apply adds and removes an operation's files, and checks that they can be.
func (v *verifier) apply(op *tablelog.Operation, files map[string]*tablelog.File) {
	name := tablelog.ManifestPath(v.partition, op.Number)
	for i := range op.Added {
		f := &op.Added[i]
		if files[f.Path] != nil {
			v.find(name, "it adds %s, which is there already", f.Path)
		}
		files[f.Path] = f
	}
	for _, path := range op.Removed {
		v.gone[path] = op.Number
		if files[path] == nil && (v.state == nil || v.state.Begins == 1) && !v.partial {
			v.find(name, "it removes %s, which is not there", path)
		}
		delete(files, path)
	}
	v.partial = v.partial || op.Kind == tablelog.KindDelete || op.Cause == CauseReplay // revisions before may be gone
	if s := op.Summary; op.Kind == tablelog.KindReplace && op.Cause == CauseCompact && s.RowsAdded != s.RowsRemoved {
		v.find(name, "it merges files of %s into files of %s",
			events.Count(s.RowsRemoved, "row"), events.Count(s.RowsAdded, "row"))
	}
}

// table holds the files that are live by the chain against the newest checkpoint of the
// table, and takes over from it what manifests that were ended have added.
func (v *verifier) table(files map[string]*tablelog.File) error {
	if v.state == nil || v.last == nil || v.state.Number > v.last.Number {
		return nil
	}
	listed := map[string]bool{}
	for f, err := range v.state.AllFiles("", "") {
		if chain, ok := errors.AsType[*ChainError](err); ok {
			v.find(chain.Path, "%s: restore it from a backup", chain.Reason)
			return nil
		}
		if err != nil {
			return err
		}
		listed[f.Path] = true
		switch {
		case files[f.Path] != nil:
		case f.Operation < v.state.Begins:
			files[f.Path] = &f
		default:
			v.find(f.Path, "the checkpoint of the table lists it, and the manifests do not")
		}
	}
	for name, f := range files {
		if !listed[name] && f.Operation <= v.state.Number {
			v.find(name, "the manifests list it, and the checkpoint of the table does not")
		}
	}
	return nil
}

// link checks a manifest against the one before, unless that is not known.
func (v *verifier) link(n uint64, op *tablelog.Operation, known bool) {
	name := tablelog.ManifestPath(v.partition, n)
	if op.Number != n {
		v.find(name, "it is of commit %d: it was renamed or swapped", op.Number)
	}
	if op.Partition != v.partition {
		v.find(name, "it is of partition %d", op.Partition)
	}
	v.names(op)
	if !known {
		return // what it continues cannot be read, and that was said
	}
	if v.last != nil {
		if op.Parent != v.last.Hash {
			v.find(name, "it follows another manifest than the one before it: one of the two was changed, or is of another run")
		}
		if op.Name != v.last.Name {
			v.find(name, "it belongs to the joiner %q, the one before to %q", op.Name, v.last.Name)
		}
	}
	if op.Commit != nil && (v.before != nil || op.Number == 1) {
		v.commit(name, op)
	}
}

// commit checks what a commit says against the commit before.
func (v *verifier) commit(name string, op *tablelog.Operation) {
	now, last := op.Commit, v.before
	if last == nil {
		v.books(name, op, &joiner.Ledger{})
		return
	}
	if now.Number != last.Number+1 {
		v.find(name, "it has commit %d, the one before commit %d", now.Number, last.Number)
	}
	if !slices.Equal(now.From, last.Progress.Inputs) {
		v.find(name, "it begins at %v, the one before ends at %v: events between are missing or doubled", now.From,
			last.Progress.Inputs)
	}
	if now.Progress.ClosedThrough < last.Progress.ClosedThrough {
		v.find(name, "it has closed less than the one before")
	}
	if !continues(now.Progress.Gaps, last.Progress.Gaps) {
		v.find(name, "it does not record all the gaps that the one before records")
	}
	v.books(name, op, &last.Progress.Ledger)
}

// books checks that a commit's counts continue those before.
func (v *verifier) books(name string, op *tablelog.Operation, was *joiner.Ledger) {
	now := &op.Commit.Progress.Ledger
	if !now.Balanced() {
		v.find(name, "its books do not balance: what was read is not what was disposed of and is pending")
	}
	rows := int64(0)
	for i := range op.Added {
		rows += op.Added[i].Rows
	}
	if now.Rows != was.Rows+rows || op.Commit.Closed.Rows != rows || op.Summary.RowsAdded != rows {
		v.find(name, "its files have %s, its books say %d, after %d before", events.Count(rows, "row"), now.Rows, was.Rows)
	}
	lines, letters := int64(0), int64(0)
	if op.DeadLetters != nil {
		lines = op.DeadLetters.Lines
	}
	for k := range now.Kinds {
		if now.Kinds[k].Read < was.Kinds[k].Read {
			v.find(name, "fewer %ss were read than by the commit before", events.Kind(k))
		}
		for _, d := range []joiner.Disposition{joiner.DispositionRejected, joiner.DispositionQuarantined} {
			letters += now.Kinds[k].Disposed[d] - was.Kinds[k].Disposed[d]
		}
	}
	if lines != letters {
		v.find(name, "rejected or quarantined were %s, its dead letters have %d", events.Count(letters, "event"), lines)
	}
}

// names checks that files have the names of the operation that added them.
func (v *verifier) names(op *tablelog.Operation) {
	for _, a := range op.Artifacts() {
		f, ok := tablelog.ParseFileName(path.Base(a.Path))
		of := op.Number
		if op.Commit != nil {
			of = op.Commit.Number
		}
		// An operation that gave way to another has the number that it wanted in its files' names.
		if ok = ok && f.Partition == v.partition && f.Operation == (op.Commit == nil); !ok || f.Number > of ||
			!f.Operation && f.Number != of {
			v.find(a.Path, "the manifest of commit %d names it, and by its name it is of another commit", op.Number)
		}
	}
}

// strangers finds what does not belong beside the manifests.
func (v *verifier) strangers() error {
	partitions, err := v.bucket.List(tablelog.CommitsDir)
	if err != nil {
		return err
	}
	slices.Sort(partitions)
	known := map[string]bool{}
	for p := range v.partitions {
		known[tablelog.PartitionName(p)] = true
	}
	for _, name := range partitions {
		switch n, err := strconv.Atoi(strings.TrimPrefix(name, "p")); {
		case known[name]:
		case err != nil || tablelog.PartitionName(n) != name:
			v.verdict.Foreign = append(v.verdict.Foreign, path.Join(tablelog.CommitsDir, name))
		default:
			v.find(path.Join(tablelog.CommitsDir, name), "this output has %d partitions, and this is none of them: remove it",
				v.partitions)
		}
	}
	names, err := v.bucket.List(tablelog.ManifestDir(v.partition))
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if _, ok := tablelog.ManifestNumber(name); !ok && name != lockName && name != keeperLock {
			v.unlisted(path.Join(tablelog.ManifestDir(v.partition), name), "it is no manifest: remove it")
		}
	}
	return nil
}

// unlisted tells of a name among manifests or declarations that is none of them. Without
// their suffix it is of another program.
func (v *verifier) unlisted(name, problem string) {
	switch {
	case strings.HasPrefix(path.Base(name), bucket.TempPrefix): // a process that died has left it
	case strings.HasSuffix(name, tablelog.ManifestSuffix):
		v.find(name, "%s", problem)
	default:
		v.verdict.Foreign = append(v.verdict.Foreign, name)
	}
}
