package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// spaces are all first bytes of keys.
const spaces = "deghmoruw"

// fill applies something of every space, and a progress that tells it from others.
func fill(t *testing.T, s *Store, id string) {
	t.Helper()
	place, saved := joiner.RequestKey{TS: 1, ID: id}, s.Progress()
	s.AddRequest(place, events.Origin{Seq: 1}, []byte("{}"))
	s.PutRequest(joiner.RequestKey{TS: 2, ID: id + "b"}, &joiner.StoredRequest{})
	s.PutOutcome(place, &joiner.StoredOutcome{TS: 1})
	s.PutWaiting("c", &joiner.StoredOutcome{TS: 1})
	s.PutHistory(place, &joiner.History{})
	s.QueueRow(&joiner.QueuedRow{Key: place})
	s.AddDeadLetter(&events.DeadLetter{})
	saved.RulesHash, saved.Progress.Inputs = id, []events.Position{{Input: "log", Next: 1}}
	if err := s.Apply(&saved, false); err != nil {
		t.Fatal(err)
	}
}

// holds says which of two states is there, whole.
func holds(s *Store) (string, error) {
	saved := s.Progress()
	for id, unwritten := range map[string]uint64{"old": 1, "new": 2} {
		if saved.RulesHash != id {
			continue
		}
		_, _, ok, err := s.Get(joiner.RequestKey{TS: 1, ID: id})
		rows, _ := s.Queued()
		if n := s.OutcomeCount(id); err != nil || !ok || n != 1 || rows != unwritten {
			return "", errors.Join(err, fmt.Errorf("%s: its request is there: %v, outcomes: %d, unwritten rows: %d", id, ok, n, rows))
		}
		return id, nil
	}
	return "", fmt.Errorf("it is the state of %q", saved.RulesHash)
}

// rebuildBeside puts a state in the place of another.
func rebuildBeside(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	if found := firstBytes(t, s); found != "" {
		t.Fatalf("the new state has keys of the spaces %q", found)
	}
	fill(t, s, "new")
	fill(t, s, "new")
	if err := s.Adopt(); err != nil {
		t.Fatal(err)
	}
}

// TestResetBeside empties a state of every space, and closes it: nothing was adopted,
// so what was there is there again. Restore says so at once.
func TestResetBeside(t *testing.T) {
	for _, restore := range []bool{false, true} {
		t.Run(fmt.Sprint("restore ", restore), func(t *testing.T) {
			fs := vfs.NewMem()
			s := open(t, fs, 0, nil)
			fill(t, s, "old")
			if found := firstBytes(t, s); found != spaces {
				t.Errorf("there are keys of the spaces %q, want %q", found, spaces)
			}
			if err := s.Reset(); err != nil {
				t.Fatal(err)
			}
			if found := firstBytes(t, s); found != "" {
				t.Errorf("there still are keys of the spaces %q", found)
			}
			fill(t, s, "new")
			if restore {
				if err := s.Restore(); err != nil {
					t.Fatal(err)
				}
			} else {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, fs, 0, nil)
			}
			if is, err := holds(s); is != "old" || err != nil {
				t.Errorf("it holds %q: %v", is, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			checkFiles(t, fs, "")
		})
	}
}

// TestAdoptAgain rebuilds a state twice, so that one directory replaces another.
func TestAdoptAgain(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs, 0, nil)
	fill(t, s, "old")
	for n := 1; n <= 2; n++ {
		rebuildBeside(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		checkFiles(t, fs, fmt.Sprint(besideDir, n))
		s = open(t, fs, 0, nil)
		if is, err := holds(s); is != "new" || err != nil {
			t.Errorf("it holds %q: %v", is, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkFiles checks that a state takes one directory, the one named, or no other
// than its own.
func checkFiles(t *testing.T, fs vfs.FS, want string) {
	t.Helper()
	names, err := fs.List("state")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if want == "" && (name == pointerFile || strings.HasPrefix(name, besideDir)) || want != "" && name != pointerFile && name != want {
			t.Errorf("%s is left", name)
		}
	}
}

// TestCrashWhileRebuilding has the power fail before every operation on the disk, from
// the emptying of a state to its replacement and its close. What is found is the old
// state, whole, or the new one, whole; never none, and never the old one after the new.
func TestCrashWhileRebuilding(t *testing.T) {
	// In between, Pebble itself may not open what it had: of a directory that it has not
	// synced it needs either all changes or none.
	for _, percent := range []int{0, 100} {
		t.Run(fmt.Sprint(percent, "% of what is not synced is kept"), func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			s := open(t, mem, 0, nil)
			fill(t, s, "old")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex // Pebble deletes files in a goroutine of its own
			var crashed []*vfs.MemFS
			r := rand.New(rand.NewPCG(uint64(percent), 1))
			watched := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				mu.Lock()
				defer mu.Unlock()
				if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
					crashed = append(crashed, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: r}))
				}
				return nil
			}))
			s = open(t, watched, 0, nil)
			rebuildBeside(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			found := map[string]int{}
			for i, fs := range crashed {
				s := open(t, fs, 0, nil)
				is, err := holds(s)
				if err != nil || is == "old" && found["new"] > 0 {
					t.Fatalf("crash %d of %d: it holds %q: %v", i, len(crashed), is, err)
				}
				found[is]++
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				checkFiles(t, fs, map[string]string{"old": "", "new": besideDir + "1"}[is])
			}
			if found["old"] < 10 || found["new"] < 5 {
				t.Errorf("after %d crashes so many are found: %v", len(crashed), found)
			}
		})
	}
}

// TestPointerIsDamaged refuses a pointer that names no directory of a state.
func TestPointerIsDamaged(t *testing.T) {
	for _, text := range []string{"", "..", "rebuild-", "rebuild-0", "rebuild-1/../..", "rebuild-+1", strings.Repeat("x", 100)} {
		t.Run(text, func(t *testing.T) {
			fs := vfs.NewMem()
			if err := open(t, fs, 0, nil).Close(); err != nil {
				t.Fatal(err)
			}
			f, err := fs.Create("state/"+pointerFile, vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Write([]byte(text))
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			_, err = Open(Options{FS: fs, Dir: "state"})
			if _, ok := errors.AsType[*DamagedError](err); !ok {
				t.Errorf("opening it gives %v", err)
			}
		})
	}
}

var _ engine.Store = (*Store)(nil)

// firstBytes are those of all keys.
func firstBytes(t *testing.T, s *Store) (found string) {
	t.Helper()
	err := scan(s.db.Load(), []byte{0}, []byte{0xFF}, func(key, _ []byte) error {
		if !strings.Contains(found, string(key[:1])) {
			found += string(key[:1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
