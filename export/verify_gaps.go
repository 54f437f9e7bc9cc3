package export

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// continues reports whether a manifest's gaps are those of the one before, and
// perhaps more. From when on a gap applies does not change either; one that is taken
// back goes, or holds for some requests only.
func continues(now, before []events.Gap) bool {
	removed := map[uint64]bool{}
	for i := range now {
		removed[now[i].Removes] = now[i].Removes != 0
	}
	for i := range before {
		was := &before[i]
		same := len(now) > 0 && sameDeclaration(&now[0], was) && now[0].Since == was.Since
		switch back := removed[was.ID] && was.Until == 0; {
		case same && (now[0].Until == was.Until || back):
			now = now[1:]
		case !back:
			return false
		}
	}
	return true
}

// sameDeclaration compares what was declared.
func sameDeclaration(x, y *events.Gap) bool {
	sameLog := x.Log == nil && y.Log == nil || x.Log != nil && y.Log != nil && *x.Log == *y.Log
	return x.ID == y.ID && x.From == y.From && x.To == y.To && x.Quiet == y.Quiet && x.Removes == y.Removes &&
		x.Note == y.Note &&
		x.Kinds == y.Kinds && sameLog
}

// declared holds the declarations of gaps against the newest manifest, which
// records those that were taken in. One that is not yet is only read.
func (v *verifier) declared() error {
	names, err := v.bucket.List(tablelog.GapsDir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	files := map[uint64]*events.Gap{}
	g := Gaps{bucket: v.bucket}
	for _, name := range names {
		id, ok := gapNumber(name)
		if !ok {
			v.unlisted(path.Join(tablelog.GapsDir, name), "it is no declaration of a gap: remove it")
			continue
		}
		declared, err := g.read(id)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return err
		case err != nil:
			v.find(gapPath(id), "%s: restore it from a backup", err)
			files[id] = nil
		default:
			files[id] = declared
		}
	}
	if v.before == nil {
		return nil
	}
	for i := range v.before.Progress.Gaps {
		taken := &v.before.Progress.Gaps[i]
		switch declared, there := files[taken.ID]; {
		case !there && !taken.InForce() && taken.Removes == 0: // it was taken back, and what it said is told here
		case !there:
			v.find(gapPath(taken.ID), "it is missing, and the manifest of commit %d records its gap: restore it from a backup",
				v.before.Number)
		case declared != nil && !sameDeclaration(declared, taken):
			v.find(gapPath(taken.ID),
				"it declares another gap than the manifest of commit %d records: restore it from a backup", v.before.Number)
		}
	}
	return nil
}
