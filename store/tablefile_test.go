package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// countingFile counts the writes that reach it, and fails them from some on.
type countingFile struct {
	vfs.File
	writes, most int
}

var errNoMore = errors.New("no more writes")

func (f *countingFile) Write(p []byte) (int, error) {
	if f.writes++; f.writes > f.most {
		return 0, errNoMore
	}
	return f.File.Write(p)
}

// countingFS makes such files.
type countingFS struct {
	vfs.FS
	most int
	made *countingFile
}

func (f *countingFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	f.made = &countingFile{File: file, most: f.most}
	return f.made, err
}

// TestTablesAreGathered writes blocks to a table and to another file: a table gets
// them together, and has all of them when it is synced, or closed.
func TestTablesAreGathered(t *testing.T) {
	block := bytes.Repeat([]byte("block of a table"), 300)
	ends := map[string]func(vfs.File) error{
		"sync": vfs.File.Sync, "sync data": vfs.File.SyncData, "close": vfs.File.Close,
		"sync to": func(f vfs.File) error { _, err := f.SyncTo(int64(len(block))); return err },
	}
	for how, end := range ends {
		t.Run(how, func(t *testing.T) {
			for name, fewest := range map[string]int{"000007.sst": 1, "MANIFEST-000007": 100} {
				under := &countingFS{FS: vfs.NewMem(), most: 100}
				f, err := tableFS{under}.Create(name, vfs.WriteCategoryUnspecified)
				for range 100 {
					if err == nil {
						_, err = f.Write(bytes.Clone(block)) // a file may modify it
					}
				}
				if err = errors.Join(err, end(f)); err != nil {
					t.Fatal(how, err)
				}
				info, err := under.Stat(name)
				if err != nil || info.Size() != int64(100*len(block)) {
					t.Errorf("%s: %s has %v bytes after %d writes, error %v", how, name, info.Size(), 100*len(block), err)
				}
				if n := under.made.writes; n < fewest || n > 100*len(block)/tableBuffer+fewest {
					t.Errorf("%s: %s was written %d times", how, name, n)
				}
			}
		})
	}
}

// TestTableThatCannotBeWritten wants to be told, whatever is done last.
func TestTableThatCannotBeWritten(t *testing.T) {
	for most := range 2 {
		f, err := tableFS{&countingFS{FS: vfs.NewMem(), most: most}}.Create("000007.sst", vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 * tableBuffer / 1000 {
			_, _ = f.Write(make([]byte, 1000))
		}
		for _, end := range []func() error{f.Sync, f.SyncData, f.Close} {
			if err := end(); !errors.Is(err, errNoMore) {
				t.Error(fmt.Sprintf("after %d writes:", most), err)
			}
		}
	}
}

// BenchmarkTableFile writes a table on disk as Pebble does, a group's block at a time.
func BenchmarkTableFile(b *testing.B) {
	const blocks = 1000
	block := make([]byte, 5800)
	for name, fs := range map[string]vfs.FS{"gathered": tableFS{vfs.Default}, "plain": vfs.Default} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(blocks * int64(len(block)))
			path := fs.PathJoin(b.TempDir(), "000007.sst")
			for b.Loop() {
				f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
				if err != nil {
					b.Fatal(err)
				}
				w := objstorageprovider.NewFileWritable(f)
				for range blocks {
					if err := w.Write(block); err != nil {
						b.Fatal(err)
					}
				}
				w.Abort() // closes it; a sync would measure the disk
			}
		})
	}
}
