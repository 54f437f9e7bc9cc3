//go:build unix

package bucket

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A pipe or a device in place of a file is an error at once, not a wait for ever.
func TestPipesAndDevices(t *testing.T) {
	root := t.TempDir()
	d := newDir(t, vfs.Default, root)
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open("pipe"); !errors.Is(err, ErrNotFile) || !strings.Contains(err.Error(), "named pipe") {
		t.Errorf("a pipe opens: %v", err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(root, "zero")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open("zero"); !errors.Is(err, ErrNotFile) {
		t.Errorf("a device opens: %v", err)
	}
}

// What root makes in the directory of another user is that user's, who could not
// read it otherwise.
func TestRootMakesFilesForTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	root := t.TempDir()
	const user, group = 12345, 12346
	if err := os.Chown(root, user, group); err != nil {
		t.Fatal(err)
	}
	d := newDir(t, vfs.Default, root)
	put(t, d, "_staging/1", "one")
	if err := d.CreateIfAbsent("_gaps/000001.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	lock, err := d.Lock("_commits/LOCK")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lock.Close(), d.Publish([]Move{{"_staging/1", "data/dt=1/x"}})); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"_gaps", "_gaps/000001.json", "_staging", "data", "data/dt=1", "data/dt=1/x", "_commits", "_commits/LOCK"} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if of := info.Sys().(*syscall.Stat_t); of.Uid != user || of.Gid != group {
			t.Errorf("%s is of user %d, group %d", name, of.Uid, of.Gid)
		}
		if info.IsDir() && info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s is open to every user: %v", name, info.Mode())
		}
	}
}
