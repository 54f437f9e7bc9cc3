package tablelog

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

func newLog(t testing.TB, fsys vfs.FS, root string) *Log {
	t.Helper()
	return Open(bucket.NewDir(fsys, root), 0)
}

func newWriter(t testing.TB, l *Log, token string, every int) *Writer {
	t.Helper()
	w, err := l.Writer(token, every)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// fileOn is file i of a commit or an operation, on a day of November 2026.
func fileOn(day int, name string, i int, rows int64) File {
	hash := strings.Repeat("ab", 32)
	date := fmt.Sprintf("2026-11-%02d", day)
	return File{
		Path: DataPath(date, name, i), Staging: fmt.Sprintf("_staging/%s-%d.parquet", name, i), Rows: rows, Bytes: 100 * rows, SHA256: hash, RowsHash: hash,
		Columns: []Column{{Name: "request_id", Type: "string"}, {Name: fmt.Sprintf("f%d", day%3), Type: "int64"}},
	}
}

// appendOf is commit k, with a file on each of the days.
func appendOf(k uint64, nonce string, days ...int) *Operation {
	op := &Operation{Name: "feed", Partitions: 1, Kind: KindAppend, Nonce: nonce, Commit: &joiner.Cut{
		Number: k, Nonce: nonce, RulesHash: "abc", Progress: joiner.Progress{Commit: k},
		From: []events.Position{{Input: "S", Next: k}},
	}}
	if k%3 == 1 { // a column comes, or its type changes
		op.Schema = []SchemaColumn{{Name: fmt.Sprintf("c%d", k%5), Type: []string{"double", "string"}[k%2], Kind: SchemaFeature}}
	}
	for i, day := range days {
		f := fileOn(day, CommitName(0, k), i, int64(1+day))
		f.FirstCommit, f.LastCommit, f.RulesHash = k, k, "abc"
		op.Added = append(op.Added, f)
	}
	return op
}

// merge replaces the files of a day by one.
func merge(t testing.TB, s *State, day int, nonce string) *Operation {
	t.Helper()
	files, err := s.Files(fmt.Sprintf("2026-11-%02d", day))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files on day %d: %v", len(files), day, err)
	}
	op := &Operation{Name: "feed", Partitions: 1, Kind: KindReplace, Nonce: nonce, Cause: "compact"}
	to := fileOn(day, OperationName(0, s.Number+1), 0, 0)
	to.FirstCommit, to.RulesHash = files[0].FirstCommit, "abc"
	for _, f := range files {
		to.Rows, to.Bytes, to.LastCommit = to.Rows+f.Rows, to.Bytes+f.Bytes, max(to.LastCommit, f.LastCommit)
		op.Removed = append(op.Removed, f.Path)
	}
	op.Added = []File{to}
	return op
}

func mustCommit(t testing.TB, w *Writer, op *Operation) *Operation {
	t.Helper()
	made, err := w.Commit(op, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func allFiles(t testing.TB, s *State) (files []File) {
	t.Helper()
	for f, err := range s.AllFiles("", "") {
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// wholeChain is the state that reading every manifest gives.
func wholeChain(t testing.TB, l *Log) *State {
	t.Helper()
	s := newState(l)
	for op, err := range l.Operations() {
		if err == nil {
			err = s.apply(op)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// sameState compares two states: what they say, and which files are live.
func sameState(t testing.TB, got, want *State) {
	t.Helper()
	if got.Number != want.Number || got.Hash != want.Hash || got.Begins != want.Begins || got.Receipt != want.Receipt || got.Name != want.Name ||
		!reflect.DeepEqual(got.Last, want.Last) || !slices.Equal(got.Began, want.Began) {
		t.Fatalf("operation %d, commit %+v, began %v; want %d, %+v, %v", got.Number, got.Receipt, got.Began, want.Number, want.Receipt, want.Began)
	}
	if g, w := got.Schema(), want.Schema(); !slices.Equal(g, w) {
		t.Fatalf("schema %+v, want %+v", g, w)
	}
	if g, w := allFiles(t, got), allFiles(t, want); !reflect.DeepEqual(g, w) {
		t.Fatalf("%d live files, want %d: the first that differs is %s", len(g), len(w), firstOther(g, w))
	}
	g, err := got.Days()
	w, err2 := want.Days()
	if err != nil || err2 != nil || !slices.Equal(g, w) {
		t.Fatalf("days %v, want %v: %v %v", g, w, err, err2)
	}
}

func firstOther(got, want []File) string {
	for i := range want {
		if i >= len(got) || !reflect.DeepEqual(got[i], want[i]) {
			return fmt.Sprintf("%+v", want[i])
		}
	}
	return "one too many"
}

// Reading the newest checkpoint and what follows gives what reading the whole chain
// gives, after every operation of random histories, by two writers in turns.
func TestCheckpointIsTheChain(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 5))
			l := newLog(t, vfs.NewMem(), "out")
			joins, keeps := newWriter(t, l, "a", 1+rng.IntN(6)), newWriter(t, l, "b", 1+rng.IntN(6))
			for i := range 60 {
				if err := keeps.Refresh(); err != nil {
					t.Fatal(err)
				}
				days, err := keeps.State().Days()
				if err != nil {
					t.Fatal(err)
				}
				switch n := rng.IntN(10); {
				case n == 0 && len(days) > 0:
					files, err := keeps.State().Files(days[0].Name)
					if err != nil {
						t.Fatal(err)
					}
					op := &Operation{Name: "feed", Partitions: 1, Kind: KindDelete, Nonce: fmt.Sprint("d", i), Cause: "retain"}
					for _, f := range files {
						op.Removed = append(op.Removed, f.Path)
					}
					mustCommit(t, keeps, op)
				case n <= 2 && len(days) > 0:
					day := 0
					_, _ = fmt.Sscanf(days[rng.IntN(len(days))].Name, "2026-11-%d", &day)
					mustCommit(t, keeps, merge(t, keeps.State(), day, fmt.Sprint("m", i)))
				default:
					_, _, last := joins.Head()
					k := last.Number + 1
					mustCommit(t, joins, appendOf(k, fmt.Sprint("n", k), slices.Compact([]int{1 + i/8, 1 + i/8 + rng.IntN(2)})...))
				}
				s, err := l.State()
				if err != nil {
					t.Fatal(err)
				}
				sameState(t, s, wholeChain(t, l))
			}
			if names, err := l.bucket.List(tableDir(0)); err != nil || len(names) > 40 {
				t.Fatalf("%d objects of checkpoints are left: %v", len(names), err)
			}
		})
	}
}

// The joiner goes on behind an operation of another process, which goes on behind the
// joiner's commits; an append of another process fences.
func TestWhoGivesWay(t *testing.T) {
	start := func(t *testing.T) (l *Log, a, b *Writer) {
		l = newLog(t, vfs.NewMem(), "out")
		a = newWriter(t, l, "a", 2)
		mustCommit(t, a, appendOf(1, "n1", 3))
		mustCommit(t, a, appendOf(2, "n2", 3))
		return l, a, newWriter(t, l, "b", 2)
	}
	t.Run("append behind replace", func(t *testing.T) {
		l, a, b := start(t)
		mustCommit(t, b, merge(t, b.State(), 3, "m"))
		if made := mustCommit(t, a, appendOf(3, "n3", 3)); made.Number != 4 || made.Commit.Number != 3 {
			t.Fatalf("operation %d, commit %d", made.Number, made.Commit.Number)
		}
		s, err := l.State()
		if err != nil || len(allFiles(t, s)) != 2 {
			t.Fatalf("%d files: %v", len(allFiles(t, s)), err)
		}
		sameState(t, s, wholeChain(t, l))
	})
	t.Run("replace behind append", func(t *testing.T) {
		l, a, b := start(t)
		op := merge(t, b.State(), 3, "m")
		mustCommit(t, a, appendOf(3, "n3", 3))
		told := 0
		made, err := b.Commit(op, Options{Others: func(*Operation) error { told++; return nil }})
		if err != nil || made.Number != 4 || told != 1 {
			t.Fatalf("operation %+v, told of %d: %v", made, told, err)
		}
		sameState(t, b.State(), wholeChain(t, l))
	})
	t.Run("replace that may not follow", func(t *testing.T) {
		_, a, b := start(t)
		op := merge(t, b.State(), 3, "m")
		mustCommit(t, a, appendOf(3, "n3", 3))
		no := errors.New("rows were added to the day")
		if _, err := b.Commit(op, Options{Others: func(*Operation) error { return no }}); !errors.Is(err, no) || !NotMade(err) {
			t.Fatal(err)
		}
	})
	t.Run("append of a column that a replace brought with another type", func(t *testing.T) {
		l, a, b := start(t)
		brings := func(op *Operation, kind string) *Operation {
			op.Schema = []SchemaColumn{{Name: "device", Type: kind, Kind: SchemaFeature}}
			return op
		}
		mustCommit(t, b, brings(merge(t, b.State(), 3, "m"), "double"))
		if _, err := a.Commit(brings(appendOf(3, "n3", 3), "string"), Options{}); err == nil || !NotMade(err) {
			t.Fatalf("it says %v", err)
		}
		s, err := l.State()
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(s.Schema(), func(c SchemaColumn) bool { return c.Name == "device" })
		if at < 0 || s.Schema()[at].Type != "double" {
			t.Fatalf("schema %+v", s.Schema())
		}
		mustCommit(t, a, brings(appendOf(3, "n4", 3), "double"))
	})
	t.Run("replace of what is gone", func(t *testing.T) {
		l, a, b := start(t)
		first, second := merge(t, b.State(), 3, "m"), merge(t, a.State(), 3, "o")
		mustCommit(t, b, first)
		_, err := a.Commit(second, Options{})
		if conflict, ok := errors.AsType[*ConflictError](err); !ok || !NotMade(err) || conflict.Path == "" {
			t.Fatal(err)
		}
		sameState(t, a.State(), wholeChain(t, l))
	})
	t.Run("append behind append", func(t *testing.T) {
		_, a, b := start(t)
		mustCommit(t, a, appendOf(3, "n3", 3))
		_, err := b.Commit(appendOf(3, "other", 3), Options{})
		if fenced, ok := errors.AsType[*FencedError](err); !ok || fenced.Theirs != "n3" || !NotMade(err) {
			t.Fatal(err)
		}
	})
	t.Run("the same attempt again", func(t *testing.T) {
		l, a, b := start(t)
		mine := mustCommit(t, a, appendOf(3, "n3", 3))
		again := mustCommit(t, b, appendOf(3, "n3", 4))
		if mine.Hash != again.Hash || again.Added[0].Day() != "2026-11-03" {
			t.Fatalf("%+v, then %+v", mine, again)
		}
		sameState(t, b.State(), wholeChain(t, l))
	})
}

// A checkpoint that was changed, and manifests that are missing behind it, are said.
func TestDamagedCheckpoints(t *testing.T) {
	mem := vfs.NewMem()
	l := newLog(t, mem, "out")
	w := newWriter(t, l, "a", 4)
	for k := uint64(1); k <= 8; k++ {
		mustCommit(t, w, appendOf(k, fmt.Sprint("n", k), int(k)))
	}
	write := func(name, data string) {
		t.Helper()
		f, err := mem.Create("out/"+name, vfs.WriteCategoryUnspecified)
		if err == nil {
			_, err = f.Write([]byte(data))
		}
		if err := cmp.Or(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	newest, err := l.newestTable()
	if err != nil || newest == nil {
		t.Fatal(err)
	}
	good, err := ReadObject(l.bucket, newest.Table.Path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, want string) {
		t.Helper()
		_, err := l.State()
		if chain, ok := errors.AsType[*ChainError](err); !ok || !strings.Contains(chain.Error(), want) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	write(newest.Table.Path, strings.Replace(string(good), "feed", "food", 1))
	refused("changed", "it is not what was written")
	write(newest.Table.Path, string(good))
	// One of a process that died before it made the operation is not looked at.
	write(tableName(0, 99, "dead")+ManifestSuffix, "{}")
	if s, err := l.State(); err != nil || s.Number != 8 {
		t.Fatalf("%+v: %v", s, err)
	}
	if err := l.bucket.Remove(ManifestPath(0, newest.Number+1)); err != nil {
		t.Fatal(err)
	}
	refused("hole", "it is missing, while manifest")
}
