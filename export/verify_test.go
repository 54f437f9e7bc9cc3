package export

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// keeper commits rows and keeps honest books of them.
type keeper struct {
	out    *Output
	ledger joiner.Ledger
	at     uint64
}

// commit commits rows, each given by its number and revision, and dead letters.
func (b *keeper) commit(t *testing.T, letters int, rows ...[2]int) {
	t.Helper()
	if err := b.try(letters, rows...); err != nil {
		t.Fatal(err)
	}
}

func (b *keeper) try(letters int, rows ...[2]int) error {
	k := b.at + 1
	s, err := b.out.Stage(k)
	if err != nil {
		return err
	}
	defer s.Abort()
	for _, r := range rows {
		req, row := testRow(0, r[0])
		row.Revision = uint32(r[1])
		if err := s.Row(req, row); err != nil {
			return err
		}
	}
	for i := range letters {
		d := &events.DeadLetter{Input: "S", Origin: events.Origin{Seq: k, Index: uint32(i)}, Reason: "not_json", Stored: events.MinTime, Data: []byte("x")}
		if err := s.DeadLetter(d); err != nil {
			return err
		}
	}
	cut := testCut(k, fmt.Sprint("nonce", k))
	ledger := b.ledger
	requests := &ledger.Kinds[events.KindRequest]
	requests.Read += int64(len(rows) + letters)
	requests.Disposed[joiner.DispositionAccepted] += int64(len(rows))
	requests.Disposed[joiner.DispositionRejected] += int64(letters)
	ledger.Rows += int64(len(rows))
	cut.Progress.Ledger, cut.Closed.Rows = ledger, int64(len(rows))
	cut.From = []events.Position{{Input: "S", Created: 5, Next: k * 10, Skip: 3}}
	if _, err := s.Commit(context.Background(), cut); err != nil {
		return err
	}
	b.at, b.ledger = k, ledger
	return nil
}

// honest makes an output of four commits, with revisions and dead letters.
func honest(t *testing.T) *vfs.MemFS {
	t.Helper()
	mem := vfs.NewMem()
	b := keeper{out: open(t, options(mem))}
	b.commit(t, 1, [2]int{0, 0}, [2]int{1, 0}, [2]int{2, 0}, [2]int{3, 0}, [2]int{4, 0}, [2]int{5, 0})
	b.commit(t, 0, [2]int{6, 0}, [2]int{1, 1})
	b.commit(t, 2)
	b.commit(t, 0, [2]int{7, 0}, [2]int{1, 2}, [2]int{6, 1})
	if err := b.out.Close(); err != nil {
		t.Fatal(err)
	}
	return mem
}

func verified(t *testing.T, mem *vfs.MemFS) Verdict {
	t.Helper()
	a, err := OpenArchive(placeOf(mem), 0)
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.Verify(t.Context(), VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerifySound(t *testing.T) {
	v := verified(t, honest(t))
	if !v.Sound() || v.Commits != 4 || v.Rows != 11 || v.Files < 5 {
		t.Errorf("an output that was not touched: %+v", v)
	}
	// The files of the first day are deleted, and no one asks for them.
	mem := honest(t)
	days, err := mem.List(testDir + "/data/dt=2026-11-22")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range days {
		remove(t, mem, testDir+"/data/dt=2026-11-22/"+name)
	}
	a, err := OpenArchive(placeOf(mem), 0)
	if err != nil {
		t.Fatal(err)
	}
	since := events.At(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	if v, err := a.Verify(t.Context(), VerifyOptions{Since: since}); err != nil || !v.Sound() || v.Rows == 0 {
		t.Errorf("from the second day on: %v, %+v", err, v)
	}
	if v := verified(t, mem); v.Sound() {
		t.Error("the first day is not missed")
	}
	if v := verified(t, emptyOutput(t)); !v.Sound() {
		t.Errorf("an output without a commit: %+v", v)
	}
}

func emptyOutput(t *testing.T) *vfs.MemFS {
	mem := vfs.NewMem()
	if err := open(t, options(mem)).Close(); err != nil {
		t.Fatal(err)
	}
	return mem
}

// TestVerifyBesideAWriter: what is being committed is no damage.
func TestVerifyBesideAWriter(t *testing.T) {
	mem := honest(t)
	b := keeper{out: open(t, options(mem)), at: 4}
	defer b.out.Close()
	last, _, _ := b.out.Last()
	b.ledger = last.Progress.Ledger
	if v := verified(t, mem); !v.Sound() {
		t.Errorf("beside a writer that does nothing: %+v", v)
	}
	// A commit whose manifest is there and whose files are not published yet.
	b.commit(t, 1, [2]int{8, 0})
	m, err := b.out.log.Read(5)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range m.Artifacts() {
		if err := mem.Rename(testDir+"/"+a.Path, testDir+"/"+a.Staging); err != nil {
			t.Fatal(err)
		}
	}
	if v := verified(t, mem); !v.Sound() || v.Commits != 5 {
		t.Errorf("beside a commit that is being published: %+v", v)
	}
}

// TestVerifyFindsDamage: of every kind, one at a time.
func TestVerifyFindsDamage(t *testing.T) {
	const (
		dt   = testDir + "/data/dt=2026-11-22/"
		name = "p0000-00000000000000000001-000.parquet"
		dead = testDir + "/deadletter/p0000-00000000000000000001.jsonl"
	)
	manifestOf := func(k int) string { return fmt.Sprintf("%s%020d.json", manifests, k) }
	copied := func(t *testing.T, mem *vfs.MemFS, from, to string) {
		data, err := contents(mem, from)
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, mem, to, string(data))
	}
	for what, c := range map[string]struct {
		damage func(t *testing.T, mem *vfs.MemFS)
		want   string
	}{
		"a flipped bit in the middle of a file": {func(t *testing.T, mem *vfs.MemFS) { flip(t, mem, dt+name, 0.5) }, "its SHA-256 is"},
		"a flipped bit in a footer":             {func(t *testing.T, mem *vfs.MemFS) { flip(t, mem, dt+name, 0.99) }, "its SHA-256 is"},
		"a flipped bit in the first manifest":   {func(t *testing.T, mem *vfs.MemFS) { flip(t, mem, manifestOf(1), 0.5) }, "manifest"},
		"a flipped bit in a dead letter":        {func(t *testing.T, mem *vfs.MemFS) { flip(t, mem, dead, 0.5) }, "its SHA-256 is"},
		"a file that is cut short": {func(t *testing.T, mem *vfs.MemFS) {
			data, _ := contents(mem, dt+name)
			overwrite(t, mem, dt+name, string(data[:len(data)/2]))
		}, "bytes"},
		"an empty file":      {func(t *testing.T, mem *vfs.MemFS) { overwrite(t, mem, dt+name, "") }, "it has 0 bytes"},
		"a missing file":     {func(t *testing.T, mem *vfs.MemFS) { remove(t, mem, dt+name) }, "it is missing"},
		"a missing dead":     {func(t *testing.T, mem *vfs.MemFS) { remove(t, mem, dead) }, "it is missing"},
		"a missing manifest": {func(t *testing.T, mem *vfs.MemFS) { remove(t, mem, manifestOf(2)) }, "the manifest of commit 2 is missing"},
		"the first manifest missing": {func(t *testing.T, mem *vfs.MemFS) { remove(t, mem, manifestOf(1)) },
			"the manifest of commit 1 is missing"},
		"the last manifest missing": {func(t *testing.T, mem *vfs.MemFS) { remove(t, mem, manifestOf(4)) }, "no manifest names it"},
		"a doubled file":            {func(t *testing.T, mem *vfs.MemFS) { copied(t, mem, dt+name, dt+"copy.parquet") }, "no manifest names it"},
		"a doubled file under a name of ours": {func(t *testing.T, mem *vfs.MemFS) {
			copied(t, mem, dt+name, dt+"p0000-00000000000000000001-007.parquet")
		}, "no manifest names it"},
		"a doubled file of a partition that does not exist": {func(t *testing.T, mem *vfs.MemFS) {
			copied(t, mem, dt+name, dt+"p0001-00000000000000000001-000.parquet")
		}, "no manifest names it"},
		"something else in data/":         {func(t *testing.T, mem *vfs.MemFS) { overwrite(t, mem, dt+"part-00000.parquet", "x") }, "no manifest names it"},
		"a hidden file that readers take": {func(t *testing.T, mem *vfs.MemFS) { copied(t, mem, dt+name, dt+".copy.parquet") }, "no manifest names it"},
		"a folder of rows beside the days": {func(t *testing.T, mem *vfs.MemFS) {
			if err := mem.MkdirAll(testDir+"/data/backup", 0o755); err != nil {
				t.Fatal(err)
			}
			copied(t, mem, dt+name, testDir+"/data/backup/"+name)
		}, "no manifest names it"},
		"something else beside manifests":       {func(t *testing.T, mem *vfs.MemFS) { overwrite(t, mem, manifests+"old.json", "{}") }, "it is no manifest"},
		"dead letters that were not written":    {func(t *testing.T, mem *vfs.MemFS) { copied(t, mem, dead, testDir+"/deadletter/copy.jsonl") }, "no manifest names it"},
		"a manifest under another's name":       {func(t *testing.T, mem *vfs.MemFS) { copied(t, mem, manifestOf(2), manifestOf(3)) }, "it is of commit 2"},
		"a manifest that is not a file of ours": {func(t *testing.T, mem *vfs.MemFS) { overwrite(t, mem, manifestOf(3), "{}") }, "its format is 0"},
		"a manifest of another run": {func(t *testing.T, mem *vfs.MemFS) {
			edit(t, mem, manifestOf(2), `"nonce2"`, `"nonceX"`)
		}, "it follows another manifest"},
		"swapped manifests": {func(t *testing.T, mem *vfs.MemFS) {
			copied(t, mem, manifestOf(2), testDir+"/two")
			copied(t, mem, manifestOf(3), manifestOf(2))
			copied(t, mem, testDir+"/two", manifestOf(3))
		}, "it is of commit 3"},
		"an edited count of rows":   {func(t *testing.T, mem *vfs.MemFS) { edit(t, mem, manifestOf(4), `"rows": 11`, `"rows": 12`) }, "its files have 3 rows"},
		"an edited count of events": {func(t *testing.T, mem *vfs.MemFS) { edit(t, mem, manifestOf(4), `"read": 14`, `"read": 15`) }, "its books do not balance"},
		"an edited rejection": {func(t *testing.T, mem *vfs.MemFS) {
			edit(t, mem, manifestOf(4), `"accepted": 11, "rejected": 3`, `"accepted": 10, "rejected": 4`)
		}, "rejected or quarantined were"},
		"an edited position": {func(t *testing.T, mem *vfs.MemFS) {
			edit(t, mem, manifestOf(4), `"next": 40, "skip": 3`, `"next": 41, "skip": 3`)
		},
			"events between are missing or doubled"},
	} {
		t.Run(what, func(t *testing.T) {
			mem := honest(t)
			c.damage(t, mem)
			v := verified(t, mem)
			if !slices.ContainsFunc(v.Findings, func(f Finding) bool { return strings.Contains(f.Problem, c.want) }) {
				t.Errorf("found %+v, want one that says %q", v.Findings, c.want)
			}
		})
	}
}

// TestVerifyOfForeignFiles: what other programs leave is named once, and is no damage.
func TestVerifyOfForeignFiles(t *testing.T) {
	mem := honest(t)
	want := []string{
		"_commits/.DS_Store", "_commits/p0000/.DS_Store", "_gaps/note.txt", "data/.DS_Store", "data/dt=2026-11-22/.nfs0000000000ab",
		"data/dt=2026-11-22/@eaDir", "data/lost+found", "data/note.txt", "deadletter/.DS_Store",
	}
	if err := mem.MkdirAll(testDir+"/_gaps", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range want {
		if strings.HasSuffix(name, "lost+found") || strings.HasSuffix(name, "@eaDir") {
			if err := mem.MkdirAll(testDir+"/"+name, 0o755); err != nil {
				t.Fatal(err)
			}
			overwrite(t, mem, testDir+"/"+name+"/more", "x")
			continue
		}
		overwrite(t, mem, testDir+"/"+name, "x")
	}
	if v := verified(t, mem); !v.Sound() || !slices.Equal(v.Foreign, want) {
		t.Errorf("found %+v, foreign %q, want %q", v.Findings, v.Foreign, want)
	}
}

// TestVerifyEveryBit: there is no place in a file where a bit may flip unseen,
// nor in any manifest that another follows.
func TestVerifyEveryBit(t *testing.T) {
	for _, name := range []string{
		"data/dt=2026-11-22/p0000-00000000000000000002-000.parquet", "_commits/p0000/00000000000000000002.json",
		"deadletter/p0000-00000000000000000003.jsonl",
	} {
		mem := honest(t)
		data, err := contents(mem, testDir+"/"+name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(data); i += stride() * (1 + len(data)/200) {
			changed := slices.Clone(data)
			changed[i] ^= 1 << (i % 8)
			overwrite(t, mem, testDir+"/"+name, string(changed))
			if v := verified(t, mem); v.Sound() {
				t.Errorf("%s: it is not seen that byte %d is another", name, i)
			}
		}
	}
}

// TestVerifyFindsRows: rows that are there twice, or lack the revision before,
// in an output whose manifests are in order otherwise.
func TestVerifyFindsRows(t *testing.T) {
	for what, c := range map[string]struct {
		rows [][2]int
		want string
	}{
		"a row written again as it was":  {[][2]int{{9, 0}, {2, 0}}, `request "r0-2", item "", revision 0: the same revision of a row is there twice`},
		"a revision that leaves one out": {[][2]int{{9, 0}, {2, 2}}, `request "r0-2", item "", revision 2: the revision before is missing`},
		"a first revision that is none":  {[][2]int{{10, 1}}, `request "r0-10", item "", revision 1: the revision before is missing`},
	} {
		t.Run(what, func(t *testing.T) {
			mem := vfs.NewMem()
			b := keeper{out: open(t, options(mem))}
			b.commit(t, 0, [2]int{0, 0}, [2]int{1, 0}, [2]int{2, 0})
			b.commit(t, 0, c.rows...)
			if err := b.out.Close(); err != nil {
				t.Fatal(err)
			}
			v := verified(t, mem)
			if len(v.Findings) == 0 || slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Problem != c.want }) {
				t.Errorf("found %+v, want %q", v.Findings, c.want)
			}
		})
	}
}

// TestVerifyOfStages: of rows that are written before all their labels are final, some
// revisions are never written. None is there twice for that.
func TestVerifyOfStages(t *testing.T) {
	for what, c := range map[string]struct {
		rows [][2]int
		want string
	}{
		"a revision is left out":        {rows: [][2]int{{0, 1}, {1, 2}, {2, 4}}},
		"the first ones are left out":   {rows: [][2]int{{9, 2}, {10, 1}}},
		"a revision is there once more": {rows: [][2]int{{2, 0}}, want: `request "r0-2", item "", revision 0: the same revision of a row is there twice`},
	} {
		t.Run(what, func(t *testing.T) {
			mem := vfs.NewMem()
			o := options(mem)
			o.Stages = []time.Duration{time.Second, time.Minute}
			b := keeper{out: open(t, o)}
			b.commit(t, 0, [2]int{0, 0}, [2]int{1, 0}, [2]int{2, 0})
			b.commit(t, 0, c.rows...)
			if err := b.out.Close(); err != nil {
				t.Fatal(err)
			}
			v := verified(t, mem)
			if v.Sound() != (c.want == "") || slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Problem != c.want }) {
				t.Errorf("found %+v, want %q", v.Findings, c.want)
			}
		})
	}
}

func flip(t *testing.T, mem *vfs.MemFS, name string, where float64) {
	t.Helper()
	data, err := contents(mem, name)
	if err != nil {
		t.Fatal(err)
	}
	data[int(float64(len(data))*where)] ^= 4
	overwrite(t, mem, name, string(data))
}

func remove(t *testing.T, mem *vfs.MemFS, name string) {
	t.Helper()
	if err := mem.Remove(name); err != nil {
		t.Fatal(err)
	}
}

// closed is an output as others read it, once it is closed.
func closed(t *testing.T, out *Output, mem *vfs.MemFS) *Archive {
	t.Helper()
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := OpenArchive(placeOf(mem), 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestCompare holds an output against others of the same events, which differ in
// one thing each.
func TestCompare(t *testing.T) {
	output := func(hash string, change func(req *events.Request, row *joiner.Row) bool) *Archive {
		mem := vfs.NewMem()
		opts := options(mem)
		out := open(t, opts)
		s, err := out.Stage(1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 9 {
			req, row := testRow(1, i)
			if !change(req, row) {
				continue
			}
			if err := s.Row(req, row); err != nil {
				t.Fatal(err)
			}
		}
		// A row that was written again: the newest revision is what counts.
		req, row := testRow(1, 3)
		row.Revision, row.Cells[0].Value = 1, 1
		if row.Reason = joiner.ReasonCorrected; hash == "withdrawn" {
			row.Cells[0] = joiner.Undecided()
		}
		if err := s.Row(req, row); err != nil {
			t.Fatal(err)
		}
		cut := testCut(1, "nonce")
		if cut.RulesHash = "abc"; hash == "other" {
			cut.RulesHash = "def"
		}
		if _, err := s.Commit(context.Background(), cut); err != nil {
			t.Fatal(err)
		}
		return closed(t, out, mem)
	}
	same := func(*events.Request, *joiner.Row) bool { return true }
	log := output("", same)
	for what, c := range map[string]struct {
		hash   string
		change func(req *events.Request, row *joiner.Row) bool
		want   Comparison
		former events.Time // 0: none
	}{
		"nothing":            {"", same, Comparison{Compared: 9}, 0},
		"a superseded label": {"", func(req *events.Request, row *joiner.Row) bool { row.Cells[0].Null = req.ID == "r1-3"; return true }, Comparison{Compared: 9}, 0},
		"a label": {"", func(req *events.Request, row *joiner.Row) bool {
			row.Cells[0].Value += boolTo(req.ID == "r1-2")
			return true
		}, Comparison{Compared: 9, Differ: 1}, 0},
		"a label's time": {"", func(req *events.Request, row *joiner.Row) bool {
			row.Cells[0].TS = events.Time(boolTo(req.ID == "r1-2") * 1e9)
			return true
		}, Comparison{Compared: 9, Differ: 8}, 0},
		"a row is missing": {"", func(req *events.Request, _ *joiner.Row) bool { return req.ID != "r1-5" }, Comparison{Compared: 8, Missing: 1}, 0},
		"a row is too many": {"", func(req *events.Request, _ *joiner.Row) bool {
			req.ID = strings.Replace(req.ID, "r1-5", "r1-55", 1)
			return true
		}, Comparison{Compared: 8, Missing: 1, Extra: 1}, 0},
		"another's decision":                   {"other", func(_ *events.Request, row *joiner.Row) bool { row.Cells[0].Value = 7; return true }, Comparison{LeftOut: 9}, 0},
		"another's row is missing":             {"other", func(req *events.Request, _ *joiner.Row) bool { return req.ID != "r1-5" }, Comparison{LeftOut: 9}, events.MaxTime},
		"a row of a request of another":        {"", func(req *events.Request, _ *joiner.Row) bool { return req.ID != "r1-5" }, Comparison{Compared: 8, LeftOut: 1}, events.MaxTime},
		"a row of a request that closed since": {"", func(req *events.Request, _ *joiner.Row) bool { return req.ID != "r1-5" }, Comparison{Compared: 8, Missing: 1}, events.MinTime},
		"a row is withdrawn":                   {"withdrawn", same, Comparison{Compared: 9, Differ: 1}, 0},
		"a request's instant": {"", func(req *events.Request, _ *joiner.Row) bool {
			req.TS += events.Time(boolTo(req.ID == "r1-1") * 1000)
			return true
		}, Comparison{Compared: 9, Differ: 1}, 0},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := output(c.hash, c.change).Compare(t.Context(), log, CompareOptions{Labels: []string{"clicked"}, From: events.MinTime, To: events.MaxTime, RulesHash: "abc", Former: cmp.Or(c.former, events.MinTime)})
			if err != nil {
				t.Fatal(err)
			}
			if n := got.Differ + got.Missing + got.Extra; int64(len(got.Examples)) != n {
				t.Errorf("%s: %d examples of %d: %q", what, len(got.Examples), n, got.Examples)
			}
			if got.Examples = nil; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %+v, want %+v", what, got, c.want)
			}
		})
	}
}

// What a joiner commits while its output is compared is not of the log that was read, also where it was merged with
// what was there.
func TestCompareWhatIsCommittedMeanwhile(t *testing.T) {
	written := func(commits uint64, merged bool) *Archive {
		mem := vfs.NewMem()
		out := open(t, options(able(mem)))
		for n := range commits {
			s, err := out.Stage(n + 1)
			if err != nil {
				t.Fatal(err)
			}
			req, row := testRow(1, 2)
			row.Revision, row.Cells[0].Value = uint32(n), float64(n)
			if err := s.Row(req, row); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Commit(t.Context(), testCut(n+1, "nonce")); err != nil {
				t.Fatal(err)
			}
		}
		if merged {
			k := keeperOf(t, able(mem))
			if done, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil || done.FilesAfter != 1 {
				t.Fatalf("%+v: %v", done, err)
			}
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return closed(t, out, mem)
	}
	for what, c := range map[string]struct {
		merged  bool
		through uint64
		want    Comparison
	}{
		"all commits":              {false, 0, Comparison{Compared: 1, Differ: 1}},
		"up to the first":          {false, 1, Comparison{Compared: 1}},
		"up to the second":         {false, 2, Comparison{Compared: 1, Differ: 1}},
		"merged, all commits":      {true, 0, Comparison{Compared: 1, Differ: 1}},
		"merged, up to the first":  {true, 1, Comparison{Compared: 1}},
		"merged, up to the second": {true, 2, Comparison{Compared: 1, Differ: 1}},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := written(2, c.merged).Compare(t.Context(), written(1, false), CompareOptions{
				Labels: []string{"clicked"}, From: events.MinTime, To: events.MaxTime, Through: c.through})
			if err != nil {
				t.Fatal(err)
			}
			if got.Examples = nil; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func boolTo(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
