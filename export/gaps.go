package export

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

// gap is a joiner.Gap as it stands in a manifest, and in a declaration, where
// it is not known yet from when on it applies.
type gap struct {
	ID      uint64   `json:"id"`
	From    instant  `json:"from"`
	To      instant  `json:"to"`
	Sources []string `json:"sources"`
	Quiet   bool     `json:"quiet"`
	Since   instant  `json:"since"`
	Note    string   `json:"note"`
	Removes uint64   `json:"removes,omitzero"`
	Log     *logGap  `json:"log,omitzero"`
}

type logGap struct {
	Input   string  `json:"input"`
	Created instant `json:"created"`
	From    uint64  `json:"from"`
	Next    uint64  `json:"next"`
	Anew    bool    `json:"anew,omitzero"`
	Decided instant `json:"decided,omitzero"`
}

func toGaps(gaps []joiner.Gap) []gap {
	var out []gap
	for i := range gaps {
		g := &gaps[i]
		to := gap{ID: g.ID, From: instant(g.From), To: instant(g.To), Sources: []string{}, Quiet: g.Quiet, Since: instant(g.Since), Note: g.Note, Removes: g.Removes}
		for k, has := range g.Kinds {
			if has {
				to.Sources = append(to.Sources, events.Kind(k).String())
			}
		}
		if l := g.Log; l != nil {
			to.Log = &logGap{Input: l.Input, Created: instant(l.Created), From: l.From, Next: l.Next, Anew: l.Anew, Decided: instant(l.Decided)}
		}
		out = append(out, to)
	}
	return out
}

func fromGaps(gaps []gap) []joiner.Gap {
	var out []joiner.Gap
	for i := range gaps {
		g := &gaps[i]
		to := joiner.Gap{
			ID: g.ID, From: events.Time(g.From), To: events.Time(g.To), Quiet: g.Quiet, Since: events.Time(g.Since), Note: g.Note, Removes: g.Removes,
		}
		for k := range to.Kinds {
			to.Kinds[k] = slices.Contains(g.Sources, events.Kind(k).String())
		}
		if l := g.Log; l != nil {
			to.Log = &joiner.LogGap{
				Input: l.Input, Created: events.Time(l.Created), From: l.From, Next: l.Next, Anew: l.Anew, Decided: events.Time(l.Decided),
			}
		}
		out = append(out, to)
	}
	return out
}

func (g *gap) check() error {
	known := 0
	for k := range events.Kind(events.Kinds) {
		if slices.Contains(g.Sources, k.String()) {
			known++
		}
	}
	switch {
	case g.ID == 0:
		return errors.New("gaps are numbered from 1")
	case g.From > g.To:
		return fmt.Errorf("gap %d ends before it begins", g.ID)
	case g.Removes != 0 && (len(g.Sources) > 0 || g.Log != nil || g.Removes >= g.ID):
		return fmt.Errorf("gap %d takes gap %d back, and can be nothing else", g.ID, g.Removes)
	case g.Removes != 0:
	case known == 0 || known != len(g.Sources):
		return fmt.Errorf("gap %d names the sources %q: request, outcome or both are possible", g.ID, g.Sources)
	case g.Log != nil && (g.Log.Input == "" || g.Log.Next == 0):
		return fmt.Errorf("gap %d names no messages of a log", g.ID)
	}
	return nil
}

// Gaps is the folder of an output directory in which gaps are declared. A
// running joiner looks there; nobody else needs to be asked or locked out.
type Gaps struct{ bucket bucket.Bucket }

// OpenGaps opens the declarations of an output directory.
func OpenGaps(fsys vfs.FS, dir string) (*Gaps, error) {
	b, err := bucket.NewDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("open output %s: %w", dir, err)
	}
	return &Gaps{bucket: b}, nil
}

// Declare writes a declaration, durably, and returns its number. Two processes
// that declare at once get two numbers.
func (g *Gaps) Declare(d joiner.Gap) (uint64, error) {
	for {
		known, err := g.List() // the newest is in it: what takes it back is newer
		if err != nil {
			return 0, err
		}
		d.ID, d.Since = 1, events.MinTime
		if len(known) > 0 {
			d.ID = known[len(known)-1].ID + 1
		}
		to := toGaps([]joiner.Gap{d})[0]
		if err := to.check(); err != nil {
			return 0, err
		}
		data, err := json.Marshal(&to, json.Deterministic(true), jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true))
		if err != nil {
			return 0, fmt.Errorf("encode gap %d: %w", d.ID, err)
		}
		switch err := g.bucket.CreateIfAbsent(gapPath(d.ID), append(data, '\n')); {
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
func (g *Gaps) List() ([]joiner.Gap, error) {
	names, err := g.bucket.List(gapsDir)
	if err != nil {
		return nil, fmt.Errorf("list the declared gaps: %w", err)
	}
	var out []gap
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
	slices.SortFunc(out, func(a, b gap) int { return int(int64(a.ID) - int64(b.ID)) })
	return withoutRemoved(fromGaps(out)), nil
}

// withoutRemoved are the gaps that were not taken back, and what takes others back.
func withoutRemoved(gaps []joiner.Gap) []joiner.Gap {
	removed := map[uint64]bool{}
	for i := range gaps {
		removed[gaps[i].Removes] = gaps[i].Removes != 0
	}
	return slices.DeleteFunc(gaps, func(g joiner.Gap) bool { return removed[g.ID] })
}

func (g *Gaps) read(id uint64) (*gap, error) {
	data, err := readObject(g.bucket, gapPath(id))
	if err != nil {
		return nil, err
	}
	var d gap
	if err := json.Unmarshal(data, &d, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("it is not the declaration of a gap: %w", err)
	}
	if d.ID != id {
		return nil, fmt.Errorf("it declares gap %d", d.ID)
	}
	return &d, d.check()
}

// Gaps lists the gaps that were declared for an output: those that its newest commit
// records, as it does, and after them those that no commit has taken in yet. The
// error is an *EmptyError if no joiner ever wrote here and nothing was declared.
func (a *Archive) Gaps() ([]joiner.Gap, error) {
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
		if !slices.ContainsFunc(gaps, func(g joiner.Gap) bool { return g.ID == d.ID }) {
			gaps = append(gaps, d)
		}
	}
	return withoutRemoved(gaps), nil
}

// begun returns an *EmptyError where no joiner ever opened the output.
func (a *Archive) begun() error {
	names, err := a.bucket.List(manifestDir(a.partition))
	if err == nil && !slices.Contains(names, lockName) {
		err = &EmptyError{Dir: a.dir}
	}
	return err
}

// gapPath is where a declaration stands.
func gapPath(id uint64) string {
	return path.Join(gapsDir, fmt.Sprintf("%06d", id)+manifestSuffix)
}

func gapNumber(name string) (id uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, manifestSuffix)
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseUint(digits, 10, 64)
	return id, err == nil && path.Join(gapsDir, name) == gapPath(id)
}

// Declared lists the gaps that are declared for this output.
func (o *Output) Declared() ([]joiner.Gap, error) { return (&Gaps{bucket: o.bucket}).List() }

// Gaps lists the gaps that the commits of this output record.
func (o *Output) Gaps() []joiner.Gap {
	cut, _, _ := o.Last()
	return cut.Progress.Gaps
}
