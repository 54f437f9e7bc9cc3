package export

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

// withGaps makes an output whose second commit took two declared gaps in; a third is
// declared only.
func withGaps(t *testing.T) *vfs.MemFS {
	t.Helper()
	mem := vfs.NewMem()
	o := open(t, options(mem))
	g := OpenGaps(placeOf(mem))
	at := events.At(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	declare := func(note string, log *events.LogGap) {
		d := events.Gap{From: at, To: at.Add(time.Hour), Note: note, Log: log}
		d.Kinds[events.KindOutcome] = true
		if _, err := g.Declare(d, nil); err != nil {
			t.Fatal(err)
		}
	}
	declare("outage", nil)
	declare("lost", &events.LogGap{Input: "S", Created: 5, From: 3, Next: 9})
	var ledger joiner.Ledger
	for k := uint64(1); k <= 2; k++ {
		s, err := o.Stage(k)
		if err != nil {
			t.Fatal(err)
		}
		cut := testCut(k, fmt.Sprint("nonce", k))
		cut.Progress.Ledger = ledger
		cut.From = []events.Position{{Input: "S", Created: 5, Next: k * 10, Skip: 3}}
		if cut.Progress.Gaps, err = g.List(); err != nil {
			t.Fatal(err)
		}
		for i := range cut.Progress.Gaps {
			cut.Progress.Gaps[i].Since = at
		}
		if _, err := s.Commit(t.Context(), cut); err != nil {
			t.Fatal(err)
		}
	}
	declare("not taken in", nil)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	return mem
}

// Declared gaps decide labels, so a declaration that is changed or lost is damage.
func TestVerifyFindsChangedGaps(t *testing.T) {
	gaps := testDir + "/_gaps/"
	for what, c := range map[string]struct {
		damage func(t *testing.T, mem *vfs.MemFS)
		want   string // of a finding; empty: there is none
	}{
		"nothing":                 {func(*testing.T, *vfs.MemFS) {}, ""},
		"a day changed":           {func(t *testing.T, mem *vfs.MemFS) { edit(t, mem, gaps+"000001.json", "2026-11-22T12", "2025-11-22T12") }, "it declares another gap"},
		"its note changed":        {func(t *testing.T, mem *vfs.MemFS) { edit(t, mem, gaps+"000001.json", "outage", "0utage") }, "it declares another gap"},
		"its source changed":      {func(t *testing.T, mem *vfs.MemFS) { edit(t, mem, gaps+"000001.json", `"outcome"`, `"request"`) }, "it declares another gap"},
		"its messages changed":    {func(t *testing.T, mem *vfs.MemFS) { edit(t, mem, gaps+"000002.json", `"next": 9`, `"next": 8`) }, "it declares another gap"},
		"broken":                  {func(t *testing.T, mem *vfs.MemFS) { overwrite(t, mem, gaps+"000002.json", "{") }, "it is not the declaration of a gap"},
		"deleted":                 {func(t *testing.T, mem *vfs.MemFS) { remove(t, mem, gaps+"000001.json") }, "it is missing"},
		"all deleted":             {func(t *testing.T, mem *vfs.MemFS) { _ = mem.RemoveAll(testDir + "/_gaps") }, "it is missing"},
		"one not taken in broken": {func(t *testing.T, mem *vfs.MemFS) { overwrite(t, mem, gaps+"000003.json", "{") }, "it is not the declaration of a gap"},
		"renumbered":              {func(t *testing.T, mem *vfs.MemFS) { _ = mem.Rename(gaps+"000003.json", gaps+"000004.json") }, "it declares gap 3"},
		"something else there":    {func(t *testing.T, mem *vfs.MemFS) { overwrite(t, mem, gaps+"note.json", "x") }, "it is no declaration"},
		"a directory":             {func(t *testing.T, mem *vfs.MemFS) { _ = mem.MkdirAll(gaps+"000009.json", 0o755) }, "not a regular file"},
		"one changed in a manifest": {func(t *testing.T, mem *vfs.MemFS) {
			edit(t, mem, manifests+"00000000000000000002.json", `"since": "2026-11-22T12`, `"since": "2026-11-22T11`)
		}, "it does not record all the gaps"},
	} {
		t.Run(what, func(t *testing.T) {
			mem := withGaps(t)
			c.damage(t, mem)
			v := verified(t, mem)
			if c.want == "" && !v.Sound() || c.want != "" && !slices.ContainsFunc(v.Findings, func(f Finding) bool { return strings.Contains(f.Problem, c.want) }) {
				t.Errorf("found %+v, want %q", v.Findings, c.want)
			}
		})
	}
	t.Run("a broken one is refused by name", func(t *testing.T) {
		mem := withGaps(t)
		overwrite(t, mem, gaps+"000003.json", "{")
		o := open(t, options(mem))
		defer o.Close()
		if _, err := o.Declared(); !errors.As(err, new(*GapError)) || !strings.Contains(err.Error(), "000003.json") {
			t.Fatalf("error %v", err)
		}
	})
}

// A directory in which no joiner ever was proves nothing.
func TestVerifyOfNothing(t *testing.T) {
	for name, dirs := range map[string][]string{
		"empty": nil, "empty folders": {"data", "_commits/p0000", "_staging", "deadletter"}, "another use": {"lost+found"},
		"foreign folders": {"data/lost+found", "deadletter/.Trash"},
	} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewMem()
			for _, dir := range append(dirs, ".") {
				if err := mem.MkdirAll(testDir+"/"+dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			a, err := OpenArchive(placeOf(mem), 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Verify(t.Context(), VerifyOptions{}); !errors.As(err, new(*EmptyError)) {
				t.Fatalf("error %v, want that nothing is there", err)
			}
		})
	}
}

// A glob reads what lies under data/, of whatever partition it says it is.
func TestVerifyFindsOtherPartitions(t *testing.T) {
	mem := honest(t)
	const dt = testDir + "/data/dt=2026-11-22/"
	data, err := contents(mem, dt+"p0000-00000000000000000001-000.parquet")
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, mem, dt+"p0001-00000000000000000001-000.parquet", string(data))
	if err := mem.MkdirAll(testDir+"/_commits/p0001", 0o755); err != nil {
		t.Fatal(err)
	}
	overwrite(t, mem, testDir+"/_commits/p0001/x", "x")
	v := verified(t, mem)
	for _, want := range []string{"p0001-00000000000000000001-000.parquet", "_commits/p0001"} {
		if !slices.ContainsFunc(v.Findings, func(f Finding) bool { return strings.Contains(f.Path, want) }) {
			t.Errorf("found %+v, want %s", v.Findings, want)
		}
	}
}

// An id that is used again names another request, whose rows begin with revision 0.
func TestVerifyOfIdsUsedAgain(t *testing.T) {
	write := func(t *testing.T, uses ...[2]int) Verdict {
		mem := vfs.NewMem()
		b := keeper{out: open(t, options(mem))}
		s, err := b.out.Stage(1)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range uses {
			req, row := testRow(0, 0)
			req.TS, row.Revision = req.TS.Add(time.Duration(u[0])*24*time.Hour), uint32(u[1])
			if err := s.Row(req, row); err != nil {
				t.Fatal(err)
			}
		}
		cut := testCut(1, "n")
		cut.Progress.Ledger.Rows, cut.Closed.Rows = int64(len(uses)), int64(len(uses))
		if _, err := s.Commit(t.Context(), cut); err != nil {
			t.Fatal(err)
		}
		if err := b.out.Close(); err != nil {
			t.Fatal(err)
		}
		return verified(t, mem)
	}
	if v := write(t, [2]int{0, 0}, [2]int{0, 1}, [2]int{5, 0}, [2]int{9, 0}, [2]int{9, 1}, [2]int{9, 2}); !v.Sound() {
		t.Errorf("three uses: %+v", v.Findings)
	}
	if v := write(t, [2]int{0, 0}, [2]int{5, 0}, [2]int{5, 0}); v.Sound() {
		t.Error("a doubled row of a use is not found")
	}
	if v := write(t, [2]int{0, 0}, [2]int{0, 1}, [2]int{5, 1}); v.Sound() {
		t.Error("a use without its first revision is not found")
	}
}

// Whatever stands in place of a file, verify says so and does not wait.
func TestVerifyOfWhatIsNoFile(t *testing.T) {
	for _, name := range []string{"data/dt=2026-11-22/p0000-00000000000000000001-000.parquet", "_commits/p0000/00000000000000000001.json", "deadletter/p0000-00000000000000000001.jsonl"} {
		t.Run(name, func(t *testing.T) {
			mem := honest(t)
			dir := t.TempDir()
			copyMissing(t, mem, inDir{vfs.Default, dir}, testDir)
			at := filepath.Join(dir, testDir, name)
			if err := errors.Join(os.Remove(at), os.Symlink("/dev/zero", at)); err != nil {
				t.Fatal(err)
			}
			a, err := OpenArchive(bucket.NewDir(vfs.Default, filepath.Join(dir, testDir)), 0)
			if err != nil {
				t.Fatal(err)
			}
			v, err := a.Verify(t.Context(), VerifyOptions{})
			if err != nil || !slices.ContainsFunc(v.Findings, func(f Finding) bool { return strings.Contains(f.Problem, "device") }) {
				t.Errorf("verdict %+v: %v", v, err)
			}
		})
	}
}

// inDir is a file system with a folder for its root.
type inDir struct {
	vfs.FS
	dir string
}

func (d inDir) Stat(name string) (vfs.FileInfo, error) { return d.FS.Stat(filepath.Join(d.dir, name)) }
func (d inDir) MkdirAll(name string, perm os.FileMode) error {
	return d.FS.MkdirAll(filepath.Join(d.dir, name), perm)
}
func (d inDir) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.FS.Create(filepath.Join(d.dir, name), c)
}

// A gap counts for a replay from its declaration on, whether or not a commit of the
// output has taken it in, and what a commit has taken in stands as it is recorded.
func TestGapsOfAnArchive(t *testing.T) {
	mem := withGaps(t)
	edit(t, mem, testDir+"/_gaps/000001.json", "outage", "0utage")
	a, err := OpenArchive(placeOf(mem), 0)
	if err != nil {
		t.Fatal(err)
	}
	gaps, err := a.Gaps()
	if err != nil || len(gaps) != 3 {
		t.Fatalf("gaps %+v: %v", gaps, err)
	}
	if gaps[0].Note != "outage" || gaps[0].Since == events.MinTime || gaps[2].Note != "not taken in" || gaps[2].Since != events.MinTime {
		t.Errorf("gaps %+v", gaps)
	}
	mem = emptyOutput(t)
	if a, err = OpenArchive(placeOf(mem), 0); err != nil {
		t.Fatal(err)
	}
	if gaps, err := a.Gaps(); err != nil || len(gaps) != 0 {
		t.Errorf("of an output without a commit: %v, %v", gaps, err)
	}
	mem = vfs.NewMem()
	if err := mem.MkdirAll(testDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if a, err = OpenArchive(placeOf(mem), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Gaps(); !errors.As(err, new(*EmptyError)) {
		t.Errorf("of no output: %v", err)
	}
}
