package export

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// relabelDays writes a label over all days: how long the id of a row is.
func relabelDays(t *testing.T, fsys vfs.FS) error {
	k, err := OpenKeeper(placeOf(fsys), 0, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer k.Close()
	o := options(fsys)
	o.Labels = append(slices.Clone(o.Labels), joiner.Label{Name: "long", Agg: joiner.AggCount})
	r, err := k.Relabel(o, []string{"long"})
	if err != nil {
		return err
	}
	defer r.Abort()
	days, err := r.Days("", "")
	if err != nil {
		return err
	}
	for _, day := range days {
		err := r.Day(t.Context(), day, func(row *rowfile.Stored) []joiner.Cell {
			return []joiner.Cell{{Value: float64(len(row.RequestID)), TS: row.RequestTS}}
		})
		if err != nil {
			return err
		}
	}
	_, err = r.Commit()
	return err
}

// labelled tells whether the files of the table have the label: all, or none. Anything else fails.
func labelled(t *testing.T, fsys *vfs.MemFS) (all bool, err error) {
	archive, err := OpenArchive(placeOf(fsys), 0)
	if err != nil {
		return false, err
	}
	table, err := archive.Table()
	if err != nil {
		return false, err
	}
	with := 0
	for i := range table.Files {
		for _, c := range table.Files[i].Columns {
			if c.Name == "long" {
				with++
			}
		}
	}
	if with != 0 && with != len(table.Files) {
		return false, fmt.Errorf("%d of %d files have the label", with, len(table.Files))
	}
	if v := verified(t, fsys); !v.Sound() {
		return false, fmt.Errorf("verify: %+v", v.Findings)
	}
	return with > 0, nil
}

// A label that is written over days is in all of them or in none, for who reads the table, at every
// operation on the file system and after a crash there; the rows are there once; and the same
// command completes it.
func TestRelabelCrashesAnywhere(t *testing.T) {
	base := vfs.NewCrashableMem()
	b := grown(t, able(base), 3)
	if err := b.out.Close(); err != nil {
		t.Fatal(err)
	}
	rows := rowsOfAll(t, base)
	var points []*point
	hooked := &faulty{FS: base, before: func(op, name string) error {
		points = append(points, &point{n: len(points), op: op + " " + name, fs: base.CrashClone(vfs.CrashCloneCfg{})})
		return nil
	}}
	if err := relabelDays(t, hooked); err != nil {
		t.Fatal(err)
	}
	seen := map[bool]int{}
	for i, p := range points {
		if i%stride() > 0 {
			continue
		}
		all, err := labelled(t, p.fs)
		if err == nil {
			seen[all]++
			if got := rowsOfAll(t, p.fs); !slices.Equal(got, rows) {
				err = fmt.Errorf("readers see %q, want %q", got, rows)
			}
		}
		if err == nil && i%3 == 0 {
			var o *Output
			if o, err = Open(options(able(p.fs))); err == nil {
				err = o.Close()
			}
		}
		if err == nil {
			err = relabelDays(t, able(p.fs))
		}
		if err == nil {
			if all, err = labelled(t, p.fs); err == nil && !all {
				err = errors.New("it was done again, and the label is not there")
			}
		}
		if err != nil {
			t.Fatalf("power lost before operation %d, %s: %v", p.n, p.op, err)
		}
	}
	if len(points) < 20 || seen[true] == 0 || seen[false] == 0 {
		t.Errorf("%d points, with the label %v", len(points), seen)
	}
}

// The joiner goes on behind it, whether it knows the label or not, and the files can be merged.
func TestRelabelBesideTheJoiner(t *testing.T) {
	mem := vfs.NewMem()
	b := grown(t, able(mem), 3)
	if err := relabelDays(t, able(mem)); err != nil {
		t.Fatal(err)
	}
	b.commit(t, 1, [2]int{50, 0}) // its files were begun before, and lack the label
	b.commit(t, 1, [2]int{51, 0})
	if v := verified(t, mem); !v.Sound() {
		t.Fatalf("%+v", v.Findings)
	}
	if err := b.out.Close(); err != nil {
		t.Fatal(err)
	}
	k := keeperOf(t, able(mem))
	if _, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	archive, err := OpenArchive(placeOf(mem), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range rowsOfAll(t, mem) {
		id, _, _ = strings.Cut(id, " ")
		rows, err := archive.Rows(id, events.MinTime, events.MaxTime, []string{"long"})
		if err != nil || len(rows) == 0 {
			t.Fatalf("%q: %d rows: %v", id, len(rows), err)
		}
		for i := range rows {
			c := rows[i].Labels[0]
			if old := rows[i].Commit.Cut.Number <= 3; old == c.Null || old && c.Value != float64(len(id)) {
				t.Errorf("%s of commit %d has %+v", id, rows[i].Commit.Cut.Number, c)
			}
		}
	}
}
