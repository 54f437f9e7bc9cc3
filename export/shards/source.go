package shards

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// microTime is the time of a column of timestamps.
func microTime(us int64) events.Time {
	if us < math.MinInt64/1000 || us > math.MaxInt64/1000 {
		return events.MinTime
	}
	return events.Time(us * 1000)
}

// portion is rows that were read and not spilled yet.
type portion struct {
	plan    *plan
	vectors []*vector
	order   *hasher
	workers int
	unfit   []int64 // per vector: values that its type does not hold
}

func newPortion(p *plan, o *Options) *portion {
	return &portion{plan: p, order: newHasher("order:" + o.Seed), workers: o.Workers, unfit: make([]int64, len(p.read)),
		vectors: p.vectors()}
}

func (r *portion) rows() int { return r.vectors[r.plan.key.requestID].rows() }

func (r *portion) size() (n int64) {
	for _, v := range r.vectors {
		n += v.size()
	}
	return n
}

func (r *portion) reset() {
	for _, v := range r.vectors {
		v.reset()
	}
}

// add reads a row group. Of one whose rows are ghosts, only the keys are read.
func (r *portion) add(file *rowfile.Reader, group, number int, ghost bool) error {
	p := r.plan
	from := make([]int, len(p.read)) // column of the file, by vector
	for i := range from {
		from[i] = -1
	}
	for i, c := range file.Columns() {
		at, wanted := p.byName[events.ColumnKey(c.Name)]
		if wanted && (!ghost || p.isKey(at)) {
			from[at] = i
		}
	}
	before, rows := r.rows(), file.Rows(group)
	err := parallel(r.workers, len(p.read), func(i int) error {
		v := r.vectors[i]
		switch i {
		case p.key.order:
			return nil
		case p.key.file:
			for range rows {
				v.addNum(uint64(number))
			}
			return nil
		case p.key.ghost:
			for range rows {
				v.addNum(bit(ghost))
			}
			return nil
		}
		if from[i] < 0 {
			if p.isWeight(i) {
				for range rows {
					v.addNum(math.Float64bits(1))
				}
				return nil
			}
			v.addNulls(rows)
			return nil
		}
		t := file.Columns()[from[i]].Type
		var codes []uint32 // of the row group's dictionary
		return file.ReadCoded(group, from[i], func(p *rowfile.Part) error {
			if codes == nil && p.Dictionary != nil && v.book != nil && v.typ == t {
				codes = v.book.add(p.Dictionary)
			}
			use := codes
			if p.Dictionary == nil {
				use = nil
			}
			unfit, err := v.addRead(p, t, use)
			r.unfit[i] += unfit
			return err
		})
	})
	if err != nil {
		return err
	}
	for i, v := range r.vectors {
		if got := v.rows() - before; got != rows && i != p.key.order {
			return fmt.Errorf("column %q has %d values for %d rows", p.read[i].Name, got, rows)
		}
	}
	r.hash(before)
	return nil
}

// isKey reports whether a vector says which row it is and which revision.
func (p *plan) isKey(at int) bool {
	k := &p.key
	return at == k.requestID || at == k.requestTS || at == k.itemID || at == k.revision || at == k.reason
}

// hash gives the rows from a number on the hash that orders them. Rows of one request
// mostly lie together.
func (r *portion) hash(from int) {
	ids, order := r.vectors[r.plan.key.requestID], r.vectors[r.plan.key.order]
	var last []byte
	sum := uint64(0)
	for row := from; row < ids.rows(); row++ {
		if id := ids.bytes(row); last == nil || string(id) != string(last) {
			sum, last = r.order.sum(id), id
		}
		order.addNum(sum)
	}
}

// reachOf is how far apart in time rows of one request may be stamped.
func reachOf(rules *joiner.Rules) time.Duration {
	if reach := rules.Longest() + rules.Retention(); reach >= 0 {
		return reach
	}
	return math.MaxInt64
}

// dayFiles are the files of a day, and those of other days whose corrected rows may
// replace one of it: an earlier copy of a request may have moved it over midnight.
func dayFiles(t *export.Table, start events.Time, reach time.Duration) (day, others []int) {
	end := start.Add(dayLength)
	for i := range t.Files {
		f := &t.Files[i]
		switch {
		case f.MinRequestTS >= start && f.MaxRequestTS < end:
			day = append(day, i)
		case f.MaxRevision > 0 && f.MaxRequestTS >= start.Add(-reach) && f.MinRequestTS < end.Add(reach):
			others = append(others, i)
		}
	}
	return day, others
}

// spillDay reads the rows of a day into the scratch file.
func (d *dayExport) spillDay(ctx context.Context, s *spill) error {
	p := d.newSpilling(s)
	err := d.readDay(ctx, p)
	if put := p.end(); put != nil {
		return put
	}
	if err != nil {
		return err
	}
	return s.finish()
}

// readDay reads the rows of a day, portion by portion.
func (d *dayExport) readDay(ctx context.Context, p *spilling) error {
	read, total := 0, len(d.files)+len(d.others)
	for _, list := range [...]struct {
		files []int
		ghost bool
	}{{d.files, false}, {d.others, true}} {
		for _, i := range list.files {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := d.spillFile(i, list.ghost, p)
			if list.ghost && errors.Is(err, fs.ErrNotExist) {
				err = nil // an old day that was deleted
			}
			if err != nil {
				return err
			}
			read++
			d.opts.Progress(0.5 * float64(read) / float64(total))
		}
	}
	return p.flush()
}

// spillFile adds the rows of a file.
func (d *dayExport) spillFile(i int, ghost bool, p *spilling) error {
	f := &d.table.Files[i]
	in, err := d.archive.ReadFile(f)
	if !ghost && errors.Is(err, fs.ErrNotExist) {
		return &GoneFileError{Path: f.Path, Err: err}
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	defer in.Close()
	file, err := rowfile.NewReader(in, in.Size())
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	for group := range file.Groups() {
		if ghost {
			err = d.addGhosts(file, group, i, p.r)
		} else {
			err = p.r.add(file, group, i, false)
			d.counts.Read += int64(file.Rows(group))
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Path, err)
		}
		if p.r.size() >= d.opts.Memory {
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// addGhosts adds the corrected rows of another day that may replace one of this day.
func (d *dayExport) addGhosts(file *rowfile.Reader, group, number int, r *portion) error {
	g, k := newPortion(d.plan, d.opts), &d.plan.key
	if err := g.add(file, group, number, true); err != nil {
		return err
	}
	from, to := d.start.Add(-d.reach), d.start.Add(dayLength).Add(d.reach)
	var rows []int32
	for row := range g.rows() {
		ts := microTime(int64(g.vectors[k.requestTS].nums[row]))
		if g.vectors[k.revision].nums[row] > 0 && ts >= from && ts < to {
			rows = append(rows, int32(row))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return parallel(d.opts.Workers, len(r.vectors), func(i int) error {
		_, err := r.vectors[i].readRows(appendRows(nil, g.vectors[i], rows))
		return err
	})
}
