package bucket

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// both runs a test in memory and on disk: links, renames and locks are the
// operating system's own there.
func both(t *testing.T, test func(t *testing.T, fsys vfs.FS, root string)) {
	t.Run("memory", func(t *testing.T) { test(t, vfs.NewMem(), "a/b") })
	t.Run("disk", func(t *testing.T) { test(t, vfs.Default, t.TempDir()+"/a/b") })
}

func newDir(t *testing.T, fsys vfs.FS, root string) *Dir {
	t.Helper()
	return NewDir(fsys, root)
}

func put(t *testing.T, d *Dir, name, data string) {
	t.Helper()
	w, err := d.Stage(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	w.Discard() // a no-op by now
}

func get(t *testing.T, d *Dir, name string) string {
	t.Helper()
	r, err := d.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Of many that create the same object one wins, and it is the winner's content
// that is there, whole.
func TestCreateIfAbsent(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, root string) {
		const many = 8
		errs := make([]error, many)
		var wg sync.WaitGroup
		for i := range many {
			d := newDir(t, fsys, root) // each as if in a process of its own
			wg.Go(func() { errs[i] = d.CreateIfAbsent("c/x", fmt.Appendf(nil, "content %d", i)) })
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner < 0:
				winner = i
			case !errors.Is(err, ErrExist):
				t.Fatalf("creator %d: %v, after %d won", i, err, winner)
			}
		}
		d := newDir(t, fsys, root)
		if got, want := get(t, d, "c/x"), fmt.Sprint("content ", winner); got != want {
			t.Fatalf("content %q, want %q", got, want)
		}
		if names, err := d.List("c"); err != nil || !slices.Equal(names, []string{"x"}) {
			t.Fatalf("left %q: %v", names, err)
		}
	})
}

func TestPublishCanBeRepeated(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, root string) {
		d := newDir(t, fsys, root)
		put(t, d, "s/1", "one")
		put(t, d, "s/2", "two")
		moves := []Move{{"s/1", "data/dt=1/x"}, {"s/2", "data/dt=2/y"}}
		for range 2 {
			if err := d.Publish(moves); err != nil {
				t.Fatal(err)
			}
		}
		if get(t, d, "data/dt=1/x") != "one" || get(t, d, "data/dt=2/y") != "two" || get(t, d, "s/1") != "none" {
			t.Fatal("the objects are not where they were published")
		}
		// What is published is never replaced.
		put(t, d, "s/1", "another")
		if err := d.Publish(moves[:1]); err != nil {
			t.Fatal(err)
		}
		if got := get(t, d, "data/dt=1/x"); got != "one" {
			t.Fatalf("published again as %q", got)
		}
		if err := d.Publish([]Move{{"s/none", "data/z"}}); err == nil {
			t.Fatal("nothing was published")
		}
	})
}

// What is no file is not waited for, and a directory that others deleted is made
// again, unless it is the root.
func TestWhatIsNoFile(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, root string) {
		d := newDir(t, fsys, root)
		put(t, d, "data/dt=1/x", "one")
		if _, err := d.Open("data/dt=1"); !errors.Is(err, ErrNotFile) {
			t.Errorf("a directory opens: %v", err)
		}
	})
}

func TestDirectoriesThatOthersDelete(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, root string) {
		d := newDir(t, fsys, root)
		put(t, d, "s/1", "one")
		put(t, d, "s/2", "two")
		if err := d.Publish([]Move{{"s/1", "data/dt=1/x"}}); err != nil {
			t.Fatal(err)
		}
		if err := fsys.RemoveAll(fsys.PathJoin(root, "data")); err != nil {
			t.Fatal(err)
		}
		if err := d.Publish([]Move{{"s/2", "data/dt=1/y"}}); err != nil || get(t, d, "data/dt=1/y") != "two" {
			t.Fatalf("a deleted day is not made again: %v", err)
		}
		if err := fsys.RemoveAll(fsys.PathJoin(root, "s")); err != nil {
			t.Fatal(err)
		}
		put(t, d, "s/3", "three")
		if err := errors.Join(d.SyncDir("s"), fsys.RemoveAll(root)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Stage("s/4"); !errors.Is(err, ErrGone) {
			t.Errorf("staged into a root that is gone: %v", err)
		}
		if err := d.SyncDir("s"); !errors.Is(err, ErrGone) {
			t.Errorf("settled in a root that is gone: %v", err)
		}
		if err := d.Publish([]Move{{"s/3", "data/dt=1/z"}}); !errors.Is(err, ErrGone) {
			t.Errorf("published into a root that is gone: %v", err)
		}
		if _, err := fsys.Stat(root); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the root was made again: %v", err)
		}
	})
}

// TestLockThatIsADirectory: an error that does not say that the lock is held is none that passes by waiting.
func TestLockThatIsADirectory(t *testing.T) {
	root := t.TempDir()
	d := newDir(t, vfs.Default, root)
	if err := d.SyncDir("c/LOCK"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lock("c/LOCK"); err == nil || errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), root) {
		t.Errorf("error %v", err)
	}
}

func TestLockAndRemove(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, root string) {
		d := newDir(t, fsys, root)
		lock, err := d.Lock("c/LOCK")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newDir(t, fsys, root).Lock("c/LOCK"); !errors.Is(err, ErrLocked) {
			t.Fatalf("locked twice: %v", err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
		if lock, err = d.Lock("c/LOCK"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(lock.Close(), d.Remove("c/LOCK"), d.Remove("c/LOCK"), d.Remove("no/such")); err != nil {
			t.Fatal(err)
		}
		if names, err := d.List("no/such"); err != nil || len(names) > 0 {
			t.Fatalf("listed %q: %v", names, err)
		}
		w, err := d.Stage("s/1")
		if err != nil {
			t.Fatal(err)
		}
		w.Discard()
		if get(t, d, "s/1") != "none" {
			t.Fatal("a discarded object is there")
		}
	})
}
