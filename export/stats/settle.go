package stats

import (
	"context"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// rowKey tells rows apart: two hashes of (request_id, item_id).
type rowKey [2]uint64

// written is the last state of a row that was written more than once.
type written struct {
	revision  int32
	withdrawn bool
}

// Settle makes the sources, all the files of a day or of more, give only the
// latest state of each row: the one with the highest revision of its
// (request_id, item_id), and none that is withdrawn. Files without these columns
// are not labeljoin's, and keep all their rows; ours reports that all files are.
func Settle(ctx context.Context, sources []Source) (ours bool, err error) {
	var days []*settling
	last := map[rowKey]written{}
	for i := range sources {
		s := &settling{source: &sources[i]}
		found, err := s.open()
		if err == nil && found {
			err = s.revisions(last)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", sources[i].Name, err)
		}
		if found {
			days = append(days, s)
		}
	}
	ours = len(days) == len(sources)
	if len(last) == 0 {
		return ours, nil
	}
	for _, s := range days {
		if err := s.drop(last); err != nil {
			return false, fmt.Errorf("%s: %w", s.source.Name, err)
		}
	}
	return ours, ctx.Err()
}

// settling is a file whose rows are settled.
type settling struct {
	source *Source
	file   *file
}

// open opens the file, and reports whether it is one of labeljoin's.
func (s *settling) open() (bool, error) {
	var err error
	if s.file, _, err = open(*s.source); err != nil {
		return false, err
	}
	for _, name := range []string{"request_id", "item_id", "revision", "reason"} {
		if _, ok := s.file.leaves[name]; !ok {
			return false, nil
		}
	}
	return true, nil
}

// numbersOf reads a column of numbers of a row group, one a row.
func (f *file) numbersOf(g *group, name string, visit func(row int, x float64)) error {
	l := f.leaves[name]
	r := reader{leaf: l, want: tfmd.FeatureNameStatistics_FLOAT}
	row := 0
	return r.each(g.ColumnChunks()[l.index], func(p *page) error {
		return p.rowsOf(g, row, func(at, from, _ int) { visit(at, p.number(from)) }, &row)
	})
}

// textsOf reads a column of texts of a row group.
func (f *file) textsOf(g *group, name string, visit func(row int, text []byte)) error {
	l := f.leaves[name]
	r := reader{leaf: l, want: tfmd.FeatureNameStatistics_STRING}
	row := 0
	return r.each(g.ColumnChunks()[l.index], func(p *page) error {
		return p.rowsOf(g, row, func(at, from, _ int) { visit(at, p.at(from)) }, &row)
	})
}

// keysOf are the keys of the rows of a group.
func (f *file) keysOf(g *group) ([]rowKey, error) {
	keys := make([]rowKey, g.rows)
	var d xxhash.Digest
	hash := func(salt byte, text []byte) uint64 {
		d.Reset()
		_, _ = d.Write([]byte{salt})
		_, _ = d.Write(text)
		return d.Sum64()
	}
	err := f.textsOf(g, "request_id", func(row int, text []byte) { keys[row] = rowKey{hash(0, text), hash(1, text)} })
	if err != nil {
		return nil, err
	}
	return keys, f.textsOf(g, "item_id", func(row int, text []byte) {
		keys[row][0] = mix(keys[row][0] + hash(2, text))
		keys[row][1] = mix(keys[row][1] + hash(3, text))
	})
}

// revisions remembers the rows that were written again.
func (s *settling) revisions(last map[rowKey]written) error {
	for i := range s.file.groups {
		g := &s.file.groups[i]
		revisions, again := make([]int32, g.rows), false
		if err := s.file.numbersOf(g, "revision", func(row int, x float64) {
			revisions[row] = int32(x)
			again = again || x > 0
		}); err != nil {
			return err
		}
		if !again {
			continue
		}
		withdrawn := make([]bool, g.rows)
		if err := s.file.textsOf(g, "reason",
			func(row int, text []byte) { withdrawn[row] = string(text) == "withdrawn" }); err != nil {
			return err
		}
		keys, err := s.file.keysOf(g)
		if err != nil {
			return err
		}
		for row, r := range revisions {
			if r > 0 && r > last[keys[row]].revision {
				last[keys[row]] = written{r, withdrawn[row]}
			}
		}
	}
	return nil
}

// drop makes the source leave out what is not the last state of its row.
func (s *settling) drop(last map[rowKey]written) error {
	dropped := map[int64]bool{}
	first := int64(0)
	for i := range s.file.groups {
		g := &s.file.groups[i]
		keys, err := s.file.keysOf(g)
		if err != nil {
			return err
		}
		err = s.file.numbersOf(g, "revision", func(row int, x float64) {
			if w, ok := last[keys[row]]; ok && (int32(x) < w.revision || w.withdrawn) {
				dropped[first+int64(row)] = true
			}
		})
		if err != nil {
			return err
		}
		first += int64(g.rows)
	}
	before := s.source.Keep
	s.source.Keep = func(row int64) bool { return !dropped[row] && (before == nil || before(row)) }
	return nil
}
