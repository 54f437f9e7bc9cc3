package export

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// passRows is how many rows' keys are compared at once: 40 bytes each, and half
// as many again while the list of them grows.
const passRows = 8_000_000

// rowKey stands for a row's key: 128 bits of hash, so that two rows of a
// billion have the same by accident once in 10^20 outputs.
type rowKey struct {
	row      [2]uint64
	ts       events.Time
	revision uint32
}

func keyOf(k *rowfile.Key) rowKey {
	var d xxhash.Digest
	var out rowKey
	for i := range out.row {
		d.ResetWithSeed(uint64(i))
		_, _ = fmt.Fprintf(&d, "%d:", len(k.RequestID)) // never fails
		_, _ = d.WriteString(k.RequestID)
		_, _ = d.WriteString(k.ItemID)
		out.row[i] = d.Sum64()
	}
	out.revision, out.ts = k.Revision, k.RequestTS
	return out
}

func compareKeys(a, b rowKey) int {
	return cmp.Or(cmp.Compare(a.row[0], b.row[0]), cmp.Compare(a.row[1], b.row[1]), cmp.Compare(a.revision, b.revision),
		cmp.Compare(a.ts, b.ts))
}

// countedKey is a row's key, and whether numbers of revisions before it may be missing:
// rowfile.Key.Staged.
type countedKey struct {
	rowKey
	staged bool
}

// revisions checks that no row is there twice and that a row's revisions count
// from 0 without holes, as far as the files can be read.
func (v *verifier) revisions() error {
	rows := int64(0)
	for i := range v.sound {
		rows += v.sound[i].rows
	}
	// With a file missing, revisions are missing too, and that was said.
	whole := !v.partial
	passes := uint64(rows/passRows) + 1
	for pass := range passes {
		var keys []countedKey
		err := v.eachKey(func(_ *soundFile, k *rowfile.Key) {
			if key := keyOf(k); key.row[0]%passes == pass {
				keys = append(keys, countedKey{key, k.Staged})
			}
		})
		if err != nil {
			return err
		}
		slices.SortFunc(keys, func(a, b countedKey) int { return compareKeys(a.rowKey, b.rowKey) })
		bad, more := wrongKeys(keys, whole)
		if len(bad) > 0 {
			if err := v.tellKeys(bad); err != nil {
				return err
			}
		}
		if more > 0 {
			v.find(tablelog.DataDir, "%d more rows are there twice or lack the revision before", more)
		}
	}
	return nil
}

// mostKeys is how many wrong rows are told of.
const mostKeys = 20

// wrongKeys finds, in sorted keys, those that are there twice and, if all rows
// are known, those that do not follow the revision before. It names the first
// few and counts the others.
//
// An id that was used again names several requests with rows of their own, each
// from revision 0 on. So a revision may be there as often as the one before it, but
// not twice with the same time of its request. Of rows that are written before all their
// labels are final, some revisions are never written, since the next window ends before
// the commit.
func wrongKeys(keys []countedKey, whole bool) (bad map[rowKey]string, more int) {
	bad = map[rowKey]string{}
	before, same := 0, 0 // how many rows have the revision before, and the same, so far
	for i, k := range keys {
		problem, counts := "", whole && !k.staged
		switch {
		case i == 0 || keys[i-1].row != k.row:
			before, same = 0, 1
			if counts && k.revision > 0 {
				problem = "the revision before is missing"
			}
		case keys[i-1].revision == k.revision:
			same++
			switch {
			case keys[i-1].ts == k.ts:
				problem = "the same revision of a row is there twice"
			case counts && k.revision > 0 && same > before:
				problem = "the revision before is missing"
			}
		default:
			if counts && k.revision > keys[i-1].revision+1 {
				problem = "the revision before is missing"
			}
			before, same = same, 1
		}
		switch {
		case problem == "":
		case len(bad) < mostKeys:
			bad[k.rowKey] = problem
		default:
			more++
		}
	}
	return bad, more
}

// tellKeys looks the rows of wrong keys up, to name them.
func (v *verifier) tellKeys(bad map[rowKey]string) error {
	return v.eachKey(func(f *soundFile, k *rowfile.Key) {
		if problem, ok := bad[keyOf(k)]; ok {
			v.find(f.Path, "request %q, item %q, revision %d: %s", k.RequestID, k.ItemID, k.Revision, problem)
		}
	})
}

// eachKey reads the keys of all files whose bytes are sound.
func (v *verifier) eachKey(visit func(*soundFile, *rowfile.Key)) error {
	for i := range v.sound {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		f := &v.sound[i]
		r, err := v.log.OpenFile(f.Artifact)
		if err != nil {
			v.missing = append(v.missing, f.Path)
			return fmt.Errorf("open %s: %w", f.Path, err)
		}
		err = rowfile.Keys(r, r.Size(), func(k rowfile.Key) bool {
			visit(f, &k)
			return true
		})
		_ = r.Close()
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Path, err)
		}
	}
	return nil
}
