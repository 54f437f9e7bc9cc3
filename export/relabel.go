package export

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

// Relabeled is days that get other values of some labels, while all else stays as it is.
// Nothing of it is visible before Commit. It is used by one goroutine.
type Relabeled struct {
	keeper  *Keeper
	labels  []rowfile.NewLabel
	schema  []tablelog.SchemaColumn // that the table does not have yet
	state   *tablelog.State
	added   []tablelog.File
	removed []string
	days    []DayChange
	tried   bool
}

// Relabel begins to write labels over days. The options are those of an output, as for
// Recompute; of their labels those are written whose names are given. The error is a
// *ChainError if the output belongs to another joiner, a *NewColumnsError if it has a column
// of a label's name that is none of a label, or has another type.
func (k *Keeper) Relabel(opts Options, names []string) (*Relabeled, error) {
	_, schema, err := k.outputOf(opts)
	if err != nil {
		return nil, err
	}
	r := &Relabeled{keeper: k, state: k.writer.State()}
	known := map[string]tablelog.SchemaColumn{}
	for _, c := range schema {
		known[events.ColumnKey(c.Name)] = c
	}
	var clash []string
	for _, l := range opts.Labels {
		if !slices.Contains(names, l.Name) {
			continue
		}
		if len(l.Columns) > 0 {
			return nil, fmt.Errorf("label %s has columns, and only a whole row has what they hold: compute the days again with --replace",
				l.Name)
		}
		value, when := rowfile.LabelTypes(l.Agg)
		if known[events.ColumnKey(l.Name)].Type == "double" {
			value = rowfile.Type{Scalar: rowfile.ScalarDouble} // integers become doubles, as in a commit
		}
		r.labels = append(r.labels, rowfile.NewLabel{Name: l.Name, Type: value})
		for name, t := range map[string]rowfile.Type{l.Name: value, l.Name + "_ts": when} {
			is := tablelog.SchemaColumn{Name: name, Type: t.String(), Kind: tablelog.SchemaLabel}
			was, there := known[events.ColumnKey(name)]
			switch was.Since = 0; {
			case !there:
				r.schema = append(r.schema, is)
			case was != is:
				clash = append(clash, name)
			}
		}
	}
	if slices.Sort(clash); len(clash) > 0 {
		return nil, &NewColumnsError{Dir: k.dir, Columns: clash}
	}
	if len(r.state.Schema()) == 0 { // of a version that had none: it is what the files have
		r.schema = append(r.schema, schema...)
	}
	slices.SortFunc(r.schema, func(a, b tablelog.SchemaColumn) int { return strings.Compare(a.Name, b.Name) })
	k.runs++
	return r, nil
}

// Days are those of the table from one on and before another, like "2026-11-22"; empty bounds
// are none.
func (r *Relabeled) Days(from, before string) ([]string, error) {
	days := map[string]bool{}
	for f, err := range r.state.AllFiles("", "") {
		if err != nil {
			return nil, err
		}
		if day := f.Day(); day >= from && (before == "" || day < before) {
			days[day] = true
		}
	}
	return slices.Sorted(maps.Keys(days)), nil
}

// Day writes the labels over the rows of a day. Cells are those of a row, in the order of the
// labels' names in Options.Labels; nil: they are null.
func (r *Relabeled) Day(ctx context.Context, day string, cells func(row *rowfile.Stored) []joiner.Cell) error {
	files, err := r.state.Files(day)
	if err != nil {
		return err
	}
	change := DayChange{Day: day}
	for i := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := r.file(&files[i], cells)
		if err != nil {
			return err
		}
		r.added, r.removed = append(r.added, *f), append(r.removed, files[i].Path)
		change.Before, change.After = change.Before+files[i].Rows, change.After+f.Rows
	}
	r.days = append(r.days, change)
	return nil
}

// file stages a file with the rows of another.
func (r *Relabeled) file(from *tablelog.File, cells func(row *rowfile.Stored) []joiner.Cell) (*tablelog.File, error) {
	k := r.keeper
	source, err := k.source(from)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	var values [][]joiner.Cell
	err = rowfile.Labels(source, source.Size(), nil, func(row *rowfile.Stored) { values = append(values, cells(row)) })
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", from.Path, err)
	}
	f := *from
	f.Operation = 0
	k.place(&f, from.Day(), len(r.added))
	return &f, k.write(&f, source.parts, func(w io.Writer, meta map[string]string) (rowfile.Summary, error) {
		return k.layout.Relabel(w, source.rows, r.columns(source.rows.Columns()), r.labels,
			func(row int64) []joiner.Cell { return values[row] }, meta)
	})
}

// columns are those of a file and of the labels, which stand behind the others.
func (r *Relabeled) columns(have []rowfile.Column) []rowfile.Column {
	out := slices.Clone(have)
	end := len(out)
	for end > 0 && slices.Contains(tailColumns(), out[end-1].Name) {
		end--
	}
	for _, l := range r.labels {
		_, when := rowfile.LabelTypes(joiner.AggAny)
		for _, c := range []rowfile.Column{{Name: l.Name, Type: l.Type}, {Name: l.Name + "_ts", Type: when}} {
			at := slices.IndexFunc(out, func(is rowfile.Column) bool { return is.Name == c.Name })
			if at >= 0 {
				out[at].Type = c.Type
				continue
			}
			out = slices.Insert(out, end, c)
			end++
		}
	}
	return out
}

// Commit puts the files in the place of those before, by one operation, which brings the
// columns that the table does not have. An error leaves the table as it was, or says that the
// operation was made; opening a keeper or the output completes it then.
func (r *Relabeled) Commit() ([]DayChange, error) {
	k := r.keeper
	if len(r.added) == 0 {
		return nil, nil
	}
	r.tried = true // what is staged may be named from here on
	op, err := k.make(&tablelog.Operation{Kind: tablelog.KindReplace, Cause: CauseReplay, Removed: r.removed,
		Added: r.added, Schema: r.schema}, true, false)
	if tablelog.NotMade(err) {
		r.tried = false
	}
	if err != nil {
		return nil, err
	}
	k.say.Info("wrote labels over days", "days", len(r.days), "rows", op.Summary.RowsAdded, "operation", op.Number)
	return r.days, nil
}

// Abort removes what was staged, unless an operation may name it.
func (r *Relabeled) Abort() {
	if !r.tried {
		r.keeper.dropStaged(r.added)
	}
}
