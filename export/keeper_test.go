package export

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// keeperOf opens an output to keep house in.
func keeperOf(t testing.TB, fsys vfs.FS) *Keeper {
	t.Helper()
	k, err := OpenKeeper(placeOf(fsys), 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// able is a file system in memory that can exchange directories.
func able(mem vfs.FS) *faulty { return &faulty{FS: mem, before: calm} }

// afterAll is a day after all that the tests write.
const afterAll = "2026-12-01"

// grown makes an output of so many commits of honest books, with revisions, on two days.
func grown(t testing.TB, fsys vfs.FS, commits int) *keeper {
	t.Helper()
	b := &keeper{out: open(t, options(fsys))}
	for k := range commits {
		rows := [][2]int{{k, 0}, {100 - k, 0}}
		if k > 0 {
			rows = append(rows, [2]int{0, k})
		}
		b.commit(asT(t), k%2, rows...)
	}
	return b
}

func asT(t testing.TB) *testing.T { return t.(*testing.T) }

// rowsOfAll lists what a glob over data/ sees: the ids of rows, sorted.
func rowsOfAll(t testing.TB, fsys vfs.FS) []string {
	t.Helper()
	ids, _, err := visible(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// filesIn counts the files under data/.
func filesIn(t testing.TB, fsys vfs.FS) (n int) {
	t.Helper()
	days, err := listed(fsys, testDir+"/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range days {
		files, err := listed(fsys, testDir+"/data/"+d)
		if err != nil {
			t.Fatal(err)
		}
		n += len(files)
	}
	return n
}

// Small files of a day become one; rows, their order and their commits stay; verify is
// green, before and after the joiner goes on; the state can be made anew.
func TestCompact(t *testing.T) {
	mem := vfs.NewMem()
	b := grown(t, able(mem), 9)
	before := rowsOfAll(t, mem)
	revised := written(t, b.out)
	k := keeperOf(t, able(mem))
	would, err := k.Compact(t.Context(), CompactOptions{Before: afterAll, DryRun: true})
	if err != nil || would.FilesBefore != filesIn(t, mem) || would.FilesAfter != 2 {
		t.Fatalf("%+v of %d files: %v", would, filesIn(t, mem), err)
	}
	done, err := k.Compact(t.Context(), CompactOptions{Before: afterAll})
	if err != nil || done.Days != 2 || done.Rows != int64(len(before)) || done.FilesBefore != would.FilesBefore {
		t.Fatalf("%+v: %v", done, err)
	}
	if n := filesIn(t, mem); n != 2 {
		t.Fatalf("%d files are left", n)
	}
	if got := rowsOfAll(t, mem); !slices.Equal(got, before) {
		t.Fatalf("rows %q, want %q", got, before)
	}
	if v := verified(t, mem); !v.Sound() || v.Rows != int64(len(before)) || v.Commits != 9 {
		t.Fatalf("%+v", v)
	}
	if got := written(t, b.out); !slices.Equal(got, revised) {
		t.Fatalf("written %v, want %v", got, revised)
	}
	archive, err := OpenArchive(placeOf(mem), 0)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := archive.Rows("r0-0", events.MinTime, events.MaxTime, []string{"clicked"})
	if err != nil || len(rows) != 9 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for i := range rows {
		if c := rows[i].Commit.Cut; int(c.Number) != i+1 || int(rows[i].Revision) != i ||
			c.Nonce != fmt.Sprint("nonce", i+1) {
			t.Fatalf("row %d is revision %d of commit %d (%s)", i, rows[i].Revision, c.Number, c.Nonce)
		}
	}
	// The joiner, which is open all the time, goes on behind the operations.
	b.commit(t, 1, [2]int{50, 0}, [2]int{0, 9})
	if v := verified(t, mem); !v.Sound() || v.Commits != 10 {
		t.Fatalf("after the next commit: %+v", v)
	}
	// Merged files are merged again.
	if done, err = k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil || done.FilesBefore != 4 ||
		filesIn(t, mem) != 2 {
		t.Fatalf("%+v: %v", done, err)
	}
	if rows, err = archive.Rows("r0-0", events.MinTime, events.MaxTime, nil); err != nil || len(rows) != 10 ||
		rows[9].Commit.Cut.Number != 10 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	if err := errors.Join(b.out.Close(), k.Close()); err != nil {
		t.Fatal(err)
	}
	o := open(t, options(able(mem)))
	if got := written(t, o); len(got) != len(revised)+1 {
		t.Fatalf("%d rows are written, want %d", len(got), len(revised)+1)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

// written is what a rebuild is told.
func written(t testing.TB, o *Output) (out []string) {
	t.Helper()
	for w, err := range o.Written(events.MinTime, 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%+v", w))
	}
	slices.Sort(out)
	return out
}

// noDirectoryLinks refuses to link directories, as the file systems of disks do.
type noDirectoryLinks struct{ vfs.FS }

func (n noDirectoryLinks) Link(oldname, newname string) error {
	if info, err := n.Stat(oldname); err != nil || info.IsDir() {
		return errors.Join(err, fs.ErrPermission)
	}
	return n.FS.Link(oldname, newname)
}

// TestCompactBesideForeignFiles: what other programs leave in a day's folder does not keep
// compact and retain from their work, and stays.
func TestCompactBesideForeignFiles(t *testing.T) {
	mem := vfs.NewMem()
	fsys := able(noDirectoryLinks{mem})
	b := grown(t, fsys, 6)
	if err := b.out.Close(); err != nil {
		t.Fatal(err)
	}
	before := verified(t, mem)
	days, err := listed(fsys, testDir+"/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range days {
		if err := mem.MkdirAll(testDir+"/data/"+d+"/@eaDir", 0o755); err != nil {
			t.Fatal(err)
		}
		overwrite(t, mem, testDir+"/data/"+d+"/.DS_Store", "x")
	}
	k := keeperOf(t, fsys)
	if _, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil {
		t.Fatal(err)
	}
	after := verified(t, mem)
	if !after.Sound() || len(after.Foreign) != 2*len(days) || after.Rows != before.Rows || after.Files >= before.Files {
		t.Errorf("%+v, before %+v", after, before)
	}
	if _, err := k.Retain(t.Context(), RetainOptions{From: afterAll, Needed: events.MaxTime}); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if after := verified(t, mem); !after.Sound() || after.Rows != 0 || len(after.Foreign) != 2*len(days) {
		t.Errorf("after all days have ended: %+v", after)
	}
}

// The folders of days show every row once, whenever one looks: before every single
// operation on the file system while files are merged, and after a crash there, whatever process
// opens the output next.
func TestCompactCrashesAnywhere(t *testing.T) {
	for _, percent := range []int{0, 50} {
		t.Run(fmt.Sprint("kept ", percent, " percent"), func(t *testing.T) {
			seed := uint64(percent)
			rng := newRand(seed)
			base := vfs.NewCrashableMem()
			b := grown(t, able(base), 4)
			if err := b.out.Close(); err != nil {
				t.Fatal(err)
			}
			want := rowsOfAll(t, base)
			var points []*point
			hooked := &faulty{FS: base, before: func(op, name string) error {
				if got := rowsOfAll(t, base); !slices.Equal(got, want) {
					t.Fatalf("before %s %s a reader sees %q, want %q", op, name, got, want)
				}
				clone := base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
				points = append(points, &point{n: len(points), op: op + " " + name, fs: clone})
				return nil
			}}
			k := keeperOf(t, hooked)
			if _, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil {
				t.Fatal(err)
			}
			if len(points) < 30 || filesIn(t, base) != 2 {
				t.Fatalf("%d crash points, %d files", len(points), filesIn(t, base))
			}
			for i := 0; i < len(points); i += stride() {
				p := points[i]
				if err := compactRecovers(t, p.fs, want, i%2 == 0); err != nil {
					t.Fatalf("power lost before operation %d, %s (seed %d): %v", p.n, p.op, seed, err)
				}
			}
		})
	}
}

// compactRecovers opens an output after a crash: the joiner first, or a keeper.
func compactRecovers(t *testing.T, mem *vfs.MemFS, want []string, joiner bool) error {
	if got := rowsOfAll(t, mem); !slices.Equal(got, want) {
		return fmt.Errorf("readers see %q, want %q", got, want)
	}
	if joiner {
		o, err := Open(options(able(mem)))
		if err != nil {
			return err
		}
		if err := o.Close(); err != nil {
			return err
		}
		if got := rowsOfAll(t, mem); !slices.Equal(got, want) {
			return fmt.Errorf("the joiner opened it, and readers see %q, want %q", got, want)
		}
		if v := verified(t, mem); !v.Sound() {
			return fmt.Errorf("the joiner opened it: %+v", v.Findings)
		}
	}
	k := keeperOf(t, able(mem))
	defer k.Close()
	if _, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil {
		return err
	}
	if got := rowsOfAll(t, mem); !slices.Equal(got, want) || filesIn(t, mem) != 2 {
		return fmt.Errorf("after merging readers see %q in %d files, want %q", got, filesIn(t, mem), want)
	}
	if v := verified(t, mem); !v.Sound() {
		return fmt.Errorf("after merging: %+v", v.Findings)
	}
	left, err := listed(mem, testDir+"/_staging")
	if err != nil || slices.ContainsFunc(left, func(name string) bool { return isOperation(name, 0) }) {
		return fmt.Errorf("left in _staging: %q %v", left, err)
	}
	return nil
}

// A file that the joiner publishes while its day is exchanged is not lost.
func TestCompactBesideACommit(t *testing.T) {
	mem := vfs.NewMem()
	b := grown(t, able(mem), 4)
	defer b.out.Close()
	for _, at := range []string{"link", "exchange"} {
		commit := func() {}
		racing := &faulty{FS: mem, before: func(op, name string) error {
			if op == at && strings.Contains(name, "dt=") {
				commit()
				commit = func() {}
			}
			return nil
		}}
		k := keeperOf(t, racing)
		commit = func() { b.commit(t, 0, [2]int{30 + int(b.at), 0}) }
		was := b.at
		if _, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil || b.at != was+1 {
			t.Fatalf("%s: commit %d: %v", at, b.at, err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		if got := len(rowsOfAll(t, mem)); int64(got) != b.ledger.Rows {
			t.Fatalf("%s: %d rows are visible of %d", at, got, b.ledger.Rows)
		}
		if v := verified(t, mem); !v.Sound() {
			t.Fatalf("%s: %+v", at, v)
		}
	}
}

// Old days and old manifests end; what is left is proven, goes on and can be read.
func TestRetain(t *testing.T) {
	mem := vfs.NewMem()
	b := grown(t, able(mem), 6)
	all := rowsOfAll(t, mem)
	k := keeperOf(t, able(mem))
	opts := RetainOptions{From: "2026-11-23", Needed: 4} // commit k has the newest event k
	opts.DryRun = true
	would, err := k.Retain(t.Context(), opts)
	if err != nil || would.Days != 1 || would.First != "2026-11-22" || would.Last != "2026-11-22" ||
		would.Manifests != 3 || would.Rows == 0 {
		t.Fatalf("%+v: %v", would, err)
	}
	if got := rowsOfAll(t, mem); !slices.Equal(got, all) {
		t.Fatal("a dry run changed what readers see")
	}
	opts.DryRun = false
	done, err := k.Retain(t.Context(), opts)
	if err != nil || done != would {
		t.Fatalf("%+v, want %+v: %v", done, would, err)
	}
	if got := rowsOfAll(t, mem); int64(len(got)) != int64(len(all))-done.Rows {
		t.Fatalf("%d rows are left of %d", len(got), len(all))
	}
	if names, err := listed(mem, testDir+"/_commits/p0000"); err != nil ||
		slices.Contains(names, "00000000000000000003.json") || !slices.Contains(names, "00000000000000000004.json") {
		t.Fatalf("manifests %q: %v", names, err)
	}
	if v := verified(t, mem); !v.Sound() || v.Commits != 3 {
		t.Fatalf("%+v", v)
	}
	b.commit(t, 1, [2]int{70, 0})
	if err := errors.Join(b.out.Close(), k.Close()); err != nil {
		t.Fatal(err)
	}
	o := open(t, options(able(mem)))
	defer o.Close()
	n := 0
	for c, err := range o.Cuts() {
		if n++; err != nil || c.Number != uint64(3+n) {
			t.Fatalf("commit %d: %v", c.Number, err)
		}
	}
	if n != 4 {
		t.Fatalf("%d commits are listed", n)
	}
	if v := verified(t, mem); !v.Sound() || v.Commits != 4 {
		t.Fatalf("%+v", v)
	}
	archive, err := OpenArchive(placeOf(mem), 0)
	if err != nil {
		t.Fatal(err)
	}
	table, err := archive.Table()
	if err != nil || table.State.Begins != 4 || table.State.Began[0].Next != 10 {
		t.Fatalf("%+v: %v", table, err)
	}
}

// A crash anywhere in retention leaves the day as a whole or not at all.
func TestRetainCrashesAnywhere(t *testing.T) {
	base := vfs.NewCrashableMem()
	b := grown(t, able(base), 4)
	if err := b.out.Close(); err != nil {
		t.Fatal(err)
	}
	all := rowsOfAll(t, base)
	opts := RetainOptions{From: "2026-11-23", Needed: 3}
	var points []*point
	hooked := &faulty{FS: base, before: func(op, name string) error {
		points = append(points, &point{n: len(points), op: op + " " + name, fs: base.CrashClone(vfs.CrashCloneCfg{})})
		return nil
	}}
	k := keeperOf(t, hooked)
	done, err := k.Retain(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	left := len(all) - int(done.Rows)
	for _, p := range points {
		if got := len(rowsOfAll(t, p.fs)); got != len(all) && got != left {
			t.Fatalf("power lost before operation %d, %s: %d rows are there, want %d or %d", p.n, p.op, got, len(all), left)
		}
		if v := verified(t, p.fs); !v.Sound() {
			t.Fatalf("power lost before operation %d, %s: %+v", p.n, p.op, v.Findings)
		}
		again := keeperOf(t, able(p.fs))
		if _, err := again.Retain(t.Context(), opts); err != nil {
			t.Fatalf("power lost before operation %d, %s: %v", p.n, p.op, err)
		}
		if v := verified(t, p.fs); !v.Sound() || len(rowsOfAll(t, p.fs)) != left {
			t.Fatalf("power lost before operation %d, %s: %+v", p.n, p.op, v)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d crash points", len(points))
}

// A replacement of whole days is refused when a commit added rows to one meanwhile.
func TestReplaceOfWholeDays(t *testing.T) {
	mem := vfs.NewMem()
	b := grown(t, able(mem), 2)
	defer b.out.Close()
	k := keeperOf(t, able(mem))
	defer k.Close()
	var removed []string
	for f, err := range k.State().AllFiles("2026-11-22", "2026-11-22") {
		if err != nil {
			t.Fatal(err)
		}
		removed = append(removed, f.Path)
	}
	b.commit(t, 0, [2]int{1, 1})
	if _, err := k.Replace(CauseReplay, removed, nil, true); !tablelog.NotMade(err) ||
		!strings.Contains(err.Error(), "meanwhile") {
		t.Fatal(err)
	}
	if v := verified(t, mem); !v.Sound() {
		t.Fatalf("%+v", v)
	}
}

// recomputeDay computes the first day again: three rows stand for what it had.
func recomputeDay(t *testing.T, b bucket.Bucket, opts Options) (err error) {
	k, err := OpenKeeper(b, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	r, err := k.Recompute(opts)
	if err != nil {
		return err
	}
	defer r.Abort()
	for i := range 3 {
		req, row := testRow(1, i)
		req.ID = fmt.Sprint("again", i)
		if err := r.Rows(&gathered.Rows{List: []joiner.Labeled{{Request: req, Row: row}}}); err != nil {
			return err
		}
	}
	_, err = r.Commit(t.Context(), func(string) bool { return false })
	return err
}

// Days that are computed again are as they were or as they are to be, for readers, at every
// operation on the file system and after a crash there; the same call then completes it.
func TestRecomputeCrashesAnywhere(t *testing.T) {
	base := vfs.NewCrashableMem()
	b := grown(t, able(base), 4)
	if err := b.out.Close(); err != nil {
		t.Fatal(err)
	}
	before := rowsOfAll(t, base)
	var points []*point
	hooked := &faulty{FS: base, before: func(op, name string) error {
		points = append(points, &point{n: len(points), op: op + " " + name, fs: base.CrashClone(vfs.CrashCloneCfg{})})
		return nil
	}}
	if err := recomputeDay(t, placeOf(hooked), options(hooked)); err != nil {
		t.Fatal(err)
	}
	after := rowsOfAll(t, base)
	if slices.Equal(before, after) || !slices.Contains(after, "again2") || len(points) < 20 {
		t.Fatalf("%d points, rows %q", len(points), after)
	}
	if v := verified(t, base); !v.Sound() {
		t.Fatal(v.Findings)
	}
	archive, err := OpenArchive(placeOf(base), 0)
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := archive.Rows("again1", events.MinTime, events.MaxTime, []string{"clicked"}); err != nil ||
		len(rows) != 1 ||
		rows[0].Commit.Cut.Number != 4 {
		t.Fatalf("a row that was computed again is found as %+v: %v", rows, err)
	}
	for i, p := range points {
		lost := func(what string) string {
			return fmt.Sprintf("power lost before operation %d, %s: %s", p.n, p.op, what)
		}
		if got := rowsOfAll(t, p.fs); !slices.Equal(got, before) && !slices.Equal(got, after) {
			t.Fatal(lost(fmt.Sprintf("readers see %q", got)))
		}
		if i%2 == 0 { // the joiner is opened first
			o, err := Open(options(able(p.fs)))
			if err != nil {
				t.Fatal(lost(err.Error()))
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			if got := rowsOfAll(t, p.fs); !slices.Equal(got, before) && !slices.Equal(got, after) {
				t.Fatal(lost(fmt.Sprintf("the joiner opened it, and readers see %q", got)))
			}
		}
		if err := recomputeDay(t, placeOf(able(p.fs)), options(able(p.fs))); err != nil {
			t.Fatal(lost(err.Error()))
		}
		if got, v := rowsOfAll(t, p.fs), verified(t, p.fs); !slices.Equal(got, after) || !v.Sound() {
			t.Fatal(lost(fmt.Sprintf("it was done again, and readers see %q, want %q; %+v", got, after, v.Findings)))
		}
	}
}

func TestKeeperOfNothing(t *testing.T) {
	if _, err := OpenKeeper(placeOf(vfs.NewMem()), 0, slog.New(slog.DiscardHandler)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	mem := vfs.NewMem()
	if err := open(t, options(mem)).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeeper(placeOf(mem), 0, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("an empty output was opened")
	}
}

// The files of one commit are merged too, and their rows are still of that commit.
func TestCompactOneCommit(t *testing.T) {
	mem := vfs.NewMem()
	b := &keeper{out: open(t, options(mem))}
	var rows [][2]int
	for i := range 9 { // files have four rows
		rows = append(rows, [2]int{100 + i, 0})
	}
	b.commit(t, 0, rows...)
	k := keeperOf(t, able(mem))
	merged, err := k.Compact(t.Context(), CompactOptions{Before: afterAll})
	if err := errors.Join(err, k.Close()); err != nil || merged.FilesBefore != 3 || merged.FilesAfter != 1 {
		t.Fatalf("merged %+v: %v", merged, err)
	}
	archive, err := OpenArchive(placeOf(mem), 0)
	if err != nil {
		t.Fatal(err)
	}
	found, err := archive.Rows("r0-100", events.MinTime, events.MaxTime, []string{"clicked"})
	if err != nil || len(found) != 1 || found[0].Commit.Cut.Number != 1 {
		t.Fatalf("rows %+v: %v", found, err)
	}
}
