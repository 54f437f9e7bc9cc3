package export

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/export/tablelog"
)

// formatOne is an output of three commits, with a revision and dead letters, that the
// last version wrote whose format was 1.
func formatOne(t *testing.T) *vfs.MemFS {
	t.Helper()
	f, err := os.Open("testdata/format1.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	mem := vfs.NewMem()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return mem
		}
		if err != nil {
			t.Fatal(err)
		}
		name := path.Join(testDir, h.Name)
		if h.Typeflag == tar.TypeDir {
			if err := mem.MkdirAll(name, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, mem, name, string(data))
	}
}

// An output of format 1 is read, proven, and goes on as format 2.
func TestFormatOneGoesOn(t *testing.T) {
	mem := formatOne(t)
	if v := verified(t, mem); !v.Sound() || v.Commits != 3 || v.Rows != 7 {
		t.Fatalf("as it was: %+v", v)
	}
	for _, every := range []int{1, 256} {
		opts := options(mem)
		opts.CheckpointEvery = every
		b := keeper{out: open(t, opts)}
		last, receipt, _ := b.out.Last()
		b.ledger, b.at = last.Progress.Ledger, receipt.Number
		b.commit(t, 1, [2]int{int(b.at), 0}, [2]int{1, int(b.at) - 1})
		if err := b.out.Close(); err != nil {
			t.Fatal(err)
		}
		if v := verified(t, mem); !v.Sound() || v.Commits != int(b.at) {
			t.Fatalf("after commit %d: %+v", b.at, v)
		}
	}
}

// A commit of format 1 that was not published when its process died is published.
func TestFormatOneIsRolledForward(t *testing.T) {
	mem := formatOne(t)
	archive, err := OpenArchive(placeOf(mem), 0)
	if err != nil {
		t.Fatal(err)
	}
	op, err := archive.Log().Read(3)
	if err != nil || op.Format != 1 || op.Kind != tablelog.KindAppend || op.Commit.Number != 3 {
		t.Fatalf("operation %+v: %v", op, err)
	}
	if err := mem.MkdirAll(testDir+"/_staging", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, a := range op.Artifacts() {
		if err := mem.Rename(path.Join(testDir, a.Path), path.Join(testDir, a.Staging)); err != nil {
			t.Fatal(err)
		}
	}
	if v := verified(t, mem); !v.Sound() {
		t.Fatalf("while it waits to be published: %+v", v)
	}
	if err := open(t, options(mem)).Close(); err != nil {
		t.Fatal(err)
	}
	if ids, letters, err := visible(mem); err != nil || len(ids) != 7 || letters != 3 {
		t.Fatalf("%d rows and %d dead letters are visible: %v", len(ids), letters, err)
	}
}
