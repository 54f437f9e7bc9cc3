package export

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// Gaps is the folder of an output directory in which gaps are declared. A
// running joiner looks there; no other process needs to be asked or locked out.
type Gaps struct{ bucket bucket.Bucket }

// OpenGaps opens the declarations of an output.
func OpenGaps(b bucket.Bucket) *Gaps { return &Gaps{bucket: b} }

// Declare writes a declaration, durably, and returns its number. Two processes
// that declare at once get two numbers. taken are the gaps of the newest commit: a joiner
// knows a gap by its number, and the declarations of those may be gone.
func (g *Gaps) Declare(d events.Gap, taken []events.Gap) (uint64, error) {
	for {
		known, err := g.List() // the newest is in it: what takes it back is newer
		if err != nil {
			return 0, err
		}
		d.ID, d.Since = 1, events.MinTime
		for _, k := range slices.Concat(known, taken) {
			d.ID = max(d.ID, k.ID+1)
		}
		data, err := tablelog.EncodeGap(&d)
		if err != nil {
			return 0, err
		}
		switch err := g.bucket.CreateIfAbsent(gapPath(d.ID), data); {
		case errors.Is(err, bucket.ErrExist):
			continue
		case err != nil:
			return 0, fmt.Errorf("declare gap %d: %w", d.ID, err)
		}
		return d.ID, nil
	}
}

// List reads the declarations, in the order of their numbers, without those that were
// taken back. What applies
// from when on is in the manifests only: Since is MinTime here.
func (g *Gaps) List() ([]events.Gap, error) {
	names, err := g.bucket.List(tablelog.GapsDir)
	if err != nil {
		return nil, fmt.Errorf("list the declared gaps: %w", err)
	}
	var out []events.Gap
	for _, name := range names {
		id, ok := gapNumber(name)
		if !ok {
			continue
		}
		declared, err := g.read(id)
		if err != nil {
			if _, io := errors.AsType[*fs.PathError](err); io {
				return nil, fmt.Errorf("read the declared gaps: %w", err)
			}
			return nil, &GapError{Path: gapPath(id), Err: err}
		}
		out = append(out, *declared)
	}
	slices.SortFunc(out, func(a, b events.Gap) int { return int(int64(a.ID) - int64(b.ID)) })
	return withoutRemoved(out), nil
}

// withoutRemoved are the gaps that were not taken back, or too late for some requests, and what takes others back.
func withoutRemoved(gaps []events.Gap) []events.Gap {
	removed := map[uint64]bool{}
	for i := range gaps {
		removed[gaps[i].Removes] = gaps[i].Removes != 0
	}
	return slices.DeleteFunc(gaps, func(g events.Gap) bool { return removed[g.ID] && g.Until == 0 })
}

func (g *Gaps) read(id uint64) (*events.Gap, error) {
	data, err := tablelog.ReadObject(g.bucket, gapPath(id))
	if err != nil {
		return nil, err
	}
	d, err := tablelog.DecodeGap(data)
	if err != nil {
		return nil, err
	}
	if d.ID != id {
		return nil, fmt.Errorf("it declares gap %d", d.ID)
	}
	return &d, nil
}

// Gaps lists the gaps that were declared for an output: those that its newest commit
// records, as it does, and after them those that no commit has taken in yet. The
// error is an *EmptyError if no joiner ever wrote here and nothing was declared.
func (a *Archive) Gaps() ([]events.Gap, error) {
	last, ok, err := a.Last()
	if err != nil {
		return nil, err
	}
	declared, err := (&Gaps{bucket: a.bucket}).List()
	if err != nil {
		return nil, err
	}
	if !ok && len(declared) == 0 {
		return nil, a.begun()
	}
	gaps := slices.Clone(last.Cut.Progress.Gaps)
	for _, d := range declared {
		if !isTaken(gaps, &d) {
			gaps = append(gaps, d)
		}
	}
	return withoutRemoved(gaps), nil
}

// Untaken lists the declarations that the commit and those before it have not taken in: by them,
// labels will become unknown, or known again. What takes a gap back has the times of that gap.
func (g *Gaps) Untaken(last *joiner.Cut) ([]events.Gap, error) {
	declared, err := g.List()
	if err != nil {
		return nil, err
	}
	taken := last.Progress.Gaps
	var out []events.Gap
	for _, d := range declared {
		if isTaken(taken, &d) {
			continue
		}
		if d.Removes != 0 {
			was := slices.IndexFunc(taken, func(t events.Gap) bool { return t.ID == d.Removes })
			if was < 0 {
				continue // it takes back what was never in force
			}
			d.From, d.To, d.Kinds, d.Quiet = taken[was].From, taken[was].To, taken[was].Kinds, taken[was].Quiet
		}
		if d.Kinds[events.KindOutcome] && !d.Quiet {
			out = append(out, d)
		}
	}
	return out, nil
}

// isTaken reports whether a declaration is among the gaps of a commit. The gaps of a replay have the
// numbers of another output, so the number alone does not say it.
func isTaken(taken []events.Gap, d *events.Gap) bool {
	return slices.ContainsFunc(taken, func(t events.Gap) bool {
		return t.ID == d.ID && t.From == d.From && t.To == d.To && t.Removes == d.Removes
	})
}

// Untaken is as of Gaps.
func (a *Archive) Untaken(last *joiner.Cut) ([]events.Gap, error) {
	return OpenGaps(a.bucket).Untaken(last)
}

// Untaken lists the declarations that no commit of the table has taken in: see Gaps.Untaken.
func (t *Table) Untaken() ([]events.Gap, error) {
	if t.gaps == nil {
		return nil, nil
	}
	return t.gaps.Untaken(&t.Last)
}

// Begun returns an *EmptyError where no joiner ever opened the output, so that a disk that is not
// mounted is not taken for an output without rows. In a store, a prefix without objects is all that there is of it.
func (a *Archive) Begun() error {
	if _, ok, err := a.Last(); err != nil || ok || a.bucket.Direct() {
		return err
	}
	return a.begun()
}

// begun returns an *EmptyError where no joiner ever opened the output.
func (a *Archive) begun() error {
	names, err := a.bucket.List(tablelog.ManifestDir(a.partition))
	if err == nil && !slices.Contains(names, lockName) {
		err = &EmptyError{Dir: a.dir}
	}
	return err
}

// gapPath is where a declaration stands.
func gapPath(id uint64) string {
	return path.Join(tablelog.GapsDir, fmt.Sprintf("%06d", id)+tablelog.ManifestSuffix)
}

func gapNumber(name string) (id uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, tablelog.ManifestSuffix)
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseUint(digits, 10, 64)
	return id, err == nil && path.Join(tablelog.GapsDir, name) == gapPath(id)
}

// Declared lists the gaps that are declared for this output.
func (o *Output) Declared() ([]events.Gap, error) { return (&Gaps{bucket: o.bucket}).List() }

// Gaps lists the gaps that the commits of this output record.
func (o *Output) Gaps() []events.Gap {
	cut, _, _ := o.Last()
	return cut.Progress.Gaps
}
