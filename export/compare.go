package export

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// CompareOptions says what Compare compares.
type CompareOptions struct {
	Labels []string
	// Requests stamped From..To are compared, To excluded, both to the microsecond.
	From, To events.Time
	// Through is the last commit of this output whose rows are compared: its joiner may
	// write more meanwhile, and another process may merge what it wrote with what was there.
	// 0 is without end.
	Through uint64
	// RulesHash leaves out rows of commits that another configuration decided;
	// empty compares all.
	RulesHash string
	// Former is the bound of the requests that closed under another configuration. Rows
	// that this output lacks of one of them are left out too, unless it has a row of the
	// request that this configuration decided. MinTime: none did.
	Former events.Time
	// Reach is how far apart in time copies of one request may be stamped: rows
	// with the same ids further apart are of two requests. 0 is without end.
	Reach time.Duration
	// Excuse reports whether a row may differ, by its request's id (as RequestHash
	// gives it) and the smallest time that the request has in either output. Nil
	// excuses none.
	Excuse func(request uint64, ts events.Time) bool
}

// Comparison is what Compare found.
type Comparison struct {
	Compared int64    `json:"compared"`
	LeftOut  int64    `json:"left_out"` // of another configuration
	Excused  int64    `json:"excused"`  // differ, and may
	Differ   int64    `json:"differ"`   // labels, or their times
	Missing  int64    `json:"missing"`  // rows that the other output has and this one lacks
	Extra    int64    `json:"extra"`    // rows that this one has and the other lacks
	Examples []string `json:"examples"` // in words, of the first few that differ and must not
}

// Same reports whether nothing differs that must not.
func (c *Comparison) Same() bool { return c.Differ+c.Missing+c.Extra == 0 }

// RequestHash stands for a request's id in CompareOptions.Excuse.
func RequestHash[T ~string | ~[]byte](id T) uint64 { return xxhash.Sum64String(string(id)) }

// latestRow is the newest revision of a row, in short.
type latestRow struct {
	rowKey
	request  uint64 // its id
	labels   uint64
	skip     bool // another configuration decided it
	gone     bool // it was withdrawn
	mayBeOld bool // by what outputs of earlier versions say, it may be withdrawn
}

// Compare holds the highest revisions of this output's rows against another's,
// which was made of the same events: which rows there are, their requests'
// times, and their labels. A row that was withdrawn counts as absent.
func (a *Archive) Compare(ctx context.Context, other *Archive, opts CompareOptions) (Comparison, error) {
	out := Comparison{Examples: []string{}}
	rows := int64(0)
	theirs, err := other.log.State()
	if err != nil {
		return out, err
	}
	days, err := theirs.Days()
	if err != nil {
		return out, err
	}
	for _, d := range days {
		rows += d.Rows
	}
	passes := uint64(rows/passRows) + 1
	bad := map[[2]uint64]badRow{}
	all := opts // Through numbers the commits of this output
	all.Through = 0
	lacks, err := a.decidedSince(ctx, &opts)
	if err != nil {
		return out, err
	}
	for pass := range passes {
		mine, err := a.latest(ctx, &opts, pass, passes, opts.RulesHash)
		if err != nil {
			return out, err
		}
		theirs, err := other.latest(ctx, &all, pass, passes, "")
		if err != nil {
			return out, err
		}
		out.merge(mine, theirs, &opts, lacks, bad)
	}
	return out, out.name(ctx, []side{{a, &opts}, {other, &all}}, bad)
}

// latest reads the newest revisions of one pass's rows, in order of their keys and
// times.
func (a *Archive) latest(ctx context.Context, opts *CompareOptions, pass, passes uint64, hash string) ([]latestRow,
	error) {
	var rows []latestRow
	begin := func() { rows = rows[:0] }
	err := a.eachRow(ctx, opts, begin, func(f *tablelog.File, s *rowfile.Stored) {
		key := keyOf(&s.Key)
		if key.row[0]%passes != pass {
			return
		}
		rows = append(rows, latestRow{
			rowKey: key, request: RequestHash(s.RequestID), labels: digest(s), skip: hash != "" && f.RulesHash != hash,
			gone: s.Reason == joiner.ReasonWithdrawn.String(), mayBeOld: s.Reason == joiner.ReasonCorrected.String() &&
				allNull(s),
		})
	})
	slices.SortFunc(rows, func(x, y latestRow) int {
		return cmp.Or(cmp.Compare(x.row[0], y.row[0]), cmp.Compare(x.row[1], y.row[1]), cmp.Compare(x.ts, y.ts),
			cmp.Compare(x.revision, y.revision))
	})
	newest := rows[:0]
	for i := 0; i < len(rows); {
		best := i
		first := i
		for i++; i < len(rows) && rows[i].row == rows[first].row && opts.together(rows[i-1].ts, rows[i].ts); i++ {
			if rows[i].revision >= rows[best].revision {
				best = i
			}
		}
		if r := rows[best]; r.ts >= opts.From && r.ts < opts.To {
			newest = append(newest, r)
		}
	}
	return newest, err
}

// decidedSince tells the rows that an output must not lack from those of requests that
// closed under another configuration, and of which this one has decided nothing since.
func (a *Archive) decidedSince(ctx context.Context, opts *CompareOptions) (lacks func(*latestRow) bool, err error) {
	if opts.RulesHash == "" || opts.Former <= opts.From {
		return func(*latestRow) bool { return true }, nil
	}
	since := map[uint64]bool{}
	closed := *opts
	closed.To = min(closed.To, opts.Former)
	err = a.eachRow(ctx, &closed, func() { clear(since) }, func(f *tablelog.File, s *rowfile.Stored) {
		if f.RulesHash == opts.RulesHash {
			since[RequestHash(s.RequestID)] = true
		}
	})
	return func(r *latestRow) bool { return r.ts >= opts.Former || since[r.request] }, err
}

// together reports whether two times may be of one request.
func (o *CompareOptions) together(x, y events.Time) bool {
	return o.Reach <= 0 || max(x, y) <= min(x, y).Add(o.Reach)
}

// eachRow reads all rows that may have to be compared. A row's request may have got
// another time by a copy that came later, so those near the bounds are read too. Where
// files were merged meanwhile it begins once more.
func (a *Archive) eachRow(ctx context.Context, opts *CompareOptions, begin func(),
	visit func(*tablelog.File, *rowfile.Stored)) (err error) {
	for range readAgain {
		begin()
		err = a.eachRowOnce(ctx, opts, visit)
		if _, merged := errors.AsType[*MergedError](err); !merged {
			return err
		}
	}
	return err
}

func (a *Archive) eachRowOnce(ctx context.Context, opts *CompareOptions,
	visit func(*tablelog.File, *rowfile.Stored)) error {
	from, to := events.MinTime, events.MaxTime
	if opts.Reach > 0 {
		from, to = opts.From.Add(-opts.Reach), opts.To.Add(opts.Reach)
	}
	state, err := a.log.State()
	if err != nil {
		return err
	}
	for f, err := range state.AllFiles(dayBound(from), dayBound(to)) {
		if err != nil {
			return a.orMerged(err, state.Number)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.MaxRequestTS < from || f.MinRequestTS >= to || opts.Through > 0 && f.FirstCommit > opts.Through {
			continue
		}
		err := a.readSized(&f, func(r sizedReader) error {
			ofLater, err := laterThan(&f, r, opts.Through)
			if err != nil {
				return err
			}
			return rowfile.Labels(r, r.Size(), opts.Labels, func(s *rowfile.Stored) {
				if !ofLater() && s.RequestTS >= from && s.RequestTS < to {
					visit(&f, s)
				}
			})
		})
		// Old days may be deleted, and then verify was told not to look at them.
		if errors.Is(err, fs.ErrNotExist) && f.MaxRequestTS < opts.From {
			continue
		}
		if err != nil {
			return a.orMerged(err, state.Number)
		}
	}
	return nil
}

// allNull reports whether nothing is known of any label: versions that had no reason
// for withdrawn rows wrote them so, as corrected.
func allNull(s *rowfile.Stored) bool {
	return !slices.ContainsFunc(s.Labels, func(c joiner.Cell) bool { return !c.Null })
}

// digest is of what must be equal.
func digest(s *rowfile.Stored) uint64 {
	data := binary.LittleEndian.AppendUint64(nil, uint64(s.RequestTS))
	for _, c := range s.Labels {
		null := byte(0)
		if c.Null {
			null = 1
		}
		data = binary.LittleEndian.AppendUint64(append(data, null), math.Float64bits(c.Value))
		data = binary.LittleEndian.AppendUint64(data, uint64(c.TS))
	}
	return xxhash.Sum64(data)
}

// mostExamples is how many rows are told of.
const mostExamples = 20

// badRow is what is wrong with a row, and the time of its request: its id may have been
// used for others.
type badRow struct {
	what string
	ts   events.Time
}

// merge walks through both sides' rows.
func (c *Comparison) merge(mine, theirs []latestRow, opts *CompareOptions, lacks func(*latestRow) bool,
	bad map[[2]uint64]badRow) {
	tell := func(r *latestRow, ts events.Time, n *int64, what string) {
		if opts.Excuse != nil && opts.Excuse(r.request, ts) {
			c.Excused++
			return
		}
		*n++
		if len(bad) < mostExamples {
			bad[r.row] = badRow{what, r.ts}
		}
	}
	for len(mine) > 0 || len(theirs) > 0 {
		order := -1
		switch {
		case len(mine) == 0:
			order = 1
		case len(theirs) > 0:
			order = opts.order(&mine[0], &theirs[0])
		}
		switch {
		case order < 0 && (mine[0].skip || mine[0].gone || mine[0].mayBeOld): // as it should be
		case order < 0:
			tell(&mine[0], mine[0].ts, &c.Extra, "is there, and the log does not give it")
		case order > 0 && !lacks(&theirs[0]):
			c.LeftOut++
		case order > 0:
			tell(&theirs[0], theirs[0].ts, &c.Missing, "is missing, and the log gives it")
		case mine[0].skip:
			c.LeftOut++
		default:
			if c.Compared++; mine[0].labels != theirs[0].labels || mine[0].gone {
				tell(&mine[0], min(mine[0].ts, theirs[0].ts), &c.Differ, "is another than the log gives")
			}
		}
		if order <= 0 {
			mine = mine[1:]
		}
		if order >= 0 {
			theirs = theirs[1:]
		}
	}
}

// order compares the keys of two rows, and the times of their requests if those are
// two requests of one id.
func (o *CompareOptions) order(mine, theirs *latestRow) int {
	order := cmp.Or(cmp.Compare(mine.row[0], theirs.row[0]), cmp.Compare(mine.row[1], theirs.row[1]))
	if order == 0 && !o.together(mine.ts, theirs.ts) {
		order = cmp.Compare(mine.ts, theirs.ts)
	}
	return order
}

// side is an output that is compared, and what of it.
type side struct {
	output *Archive
	opts   *CompareOptions
}

// name looks up the rows that are told of.
func (c *Comparison) name(ctx context.Context, sides []side, bad map[[2]uint64]badRow) error {
	if len(bad) == 0 {
		return nil
	}
	type told struct {
		text     [2]string
		revision [2]uint32
	}
	rows, order := map[[2]uint64]*told{}, [][2]uint64{}
	for i, side := range sides {
		err := side.output.eachRow(ctx, side.opts, func() {}, func(_ *tablelog.File, s *rowfile.Stored) {
			key := keyOf(&s.Key).row
			if b, ok := bad[key]; !ok || !side.opts.together(b.ts, s.RequestTS) {
				return
			}
			if rows[key] == nil {
				rows[key] = &told{}
				order = append(order, key)
			}
			if rows[key].text[i] != "" && s.Revision < rows[key].revision[i] {
				return // files are not in the order of revisions
			}
			rows[key].revision[i] = s.Revision
			rows[key].text[i] = fmt.Sprintf("request %q of %s, item %q, revision %d, %s: %s", s.RequestID, s.RequestTS, s.ItemID,
				s.Revision, s.Reason, shown(side.opts.Labels, s.Labels))
		})
		if err != nil {
			return err
		}
	}
	for _, key := range order {
		text := rows[key].text
		line := cmp.Or(text[0], text[1]) + "; it " + bad[key].what
		if text[0] != "" && text[1] != "" {
			line += ", " + text[1]
		}
		c.Examples = append(c.Examples, line)
	}
	return nil
}

func shown(names []string, cells []joiner.Cell) string {
	text := ""
	for i, c := range cells {
		if text += names[i] + "="; c.Null {
			text += "null "
		} else {
			text += fmt.Sprint(c.Value, " ")
		}
	}
	return text[:max(0, len(text)-1)]
}
