package shards

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/joiner"
)

// corrected makes an output, with a version 1 of its day, and then corrects a row: what
// a refresh makes version 2 of.
func corrected(t *testing.T) (fsys *vfs.MemFS, o Options) {
	t.Helper()
	fsys = vfs.NewCrashableMem()
	var rows []testRow
	for i := range 40 {
		rows = append(rows, testRow{id: fmt.Sprint("r", i), item: "i", ts: testDay(), tags: []string{"a"}})
	}
	writeOutput(t, fsys, [][]testRow{rows}, 100, events.MaxTime-1, nil)
	o = testOptions(fsys)
	o.Shards, o.Memory = 2, 1000
	mustExport(t, o)
	late := rows[3]
	late.revision, late.reason, late.clicked = 1, joiner.ReasonCorrected, 1
	writeOutput(t, fsys, [][]testRow{rows, {late}}, 100, events.MaxTime-1, nil)
	o.Refresh = true
	return fsys, o
}

// whole checks every version of a directory that says that it is whole, and returns the newest.
func whole(t *testing.T, fsys vfs.FS) (newest int, problem error) {
	t.Helper()
	return wholeIn(bucket.NewDir(fsys, path.Join(exportsDir, "feed")))
}

// wholeIn is whole in any place.
func wholeIn(b bucket.Bucket) (newest int, problem error) {
	found, err := versions(b, "2026-11-22")
	if err != nil {
		return 0, err
	}
	for _, v := range found {
		m, _, err := readManifest(b, "2026-11-22", v)
		if err != nil {
			return 0, err
		}
		for _, f := range m.Files {
			r, err := b.Open(f.Path)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", v, err)
			}
			data := make([]byte, r.Size())
			_, err = r.ReadAt(data, 0)
			_ = r.Close()
			if err != nil || hashOf(data) != f.SHA256 {
				return 0, fmt.Errorf("%s of %s is not what the manifest says (%v)", f.Path, v, err)
			}
		}
		newest = v.Number
	}
	return newest, nil
}

// TestPowerLossAtEveryOperation fails the power before every operation of an export that
// makes version 2. After it, version 1 is whole, version 2 is whole or is not there, and
// the next export makes version 2.
func TestPowerLossAtEveryOperation(t *testing.T) {
	t.Parallel()
	base, o := corrected(t)
	type point struct {
		op string
		fs *vfs.MemFS
	}
	var points []point
	rng := newRand(1)
	o.Workers = 1
	o.FS = errorfs.Wrap(base, errorfs.InjectorFunc(func(op errorfs.Op) error {
		for _, percent := range []int{0, 50} {
			points = append(points, point{fmt.Sprint(op.Kind, " ", op.Path), base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})})
		}
		return nil
	}))
	want := mustExport(t, o)
	if len(points) < 100 {
		t.Fatalf("only %d operations were seen", len(points))
	}
	for i, p := range points {
		newest, err := whole(t, p.fs)
		if err != nil || newest < 1 {
			t.Fatalf("point %d, %s: version %d is the newest, %v", i, p.op, newest, err)
		}
		if i%9 != 0 && !strings.Contains(p.op, "meta") {
			continue // to export again takes longest
		}
		again := o
		again.FS, again.Workers = p.fs, 2
		m := mustExport(t, again)
		if m.Version != 2 || m.Files[0].SHA256 != want.Files[0].SHA256 {
			t.Fatalf("point %d, %s: the next export makes version %d with the files %v", i, p.op, m.Version, m.Files)
		}
		if _, err := whole(t, p.fs); err != nil {
			t.Fatalf("point %d, %s: after the next export: %v", i, p.op, err)
		}
		left, err := p.fs.List(path.Join(exportsDir, "feed", stagingDir))
		if err != nil || len(left) > 0 {
			t.Fatalf("point %d, %s: left in _staging: %q, %v", i, p.op, left, err)
		}
	}
}

// TestFullDisk fails every write, one at a time: the export ends with an error, and leaves
// version 1 as it was.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	base, o := corrected(t)
	for at := 1; ; at++ {
		clone := base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: newRand(1)})
		writes := 0
		o.Workers = 1
		o.FS = errorfs.Wrap(clone, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate {
				if writes++; writes == at && strings.Contains(op.Path, exportsDir) {
					return syscall.ENOSPC
				}
			}
			return nil
		}))
		_, err := exportDay(t, o)
		newest, problem := whole(t, clone)
		if problem != nil {
			t.Fatalf("write %d: %v", at, problem)
		}
		if err == nil {
			if newest != 2 || at < 10 {
				t.Fatalf("after %d writes, version %d is the newest", at, newest)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("write %d: %v", at, err)
		}
	}
}

// TestDamagedInput changes a byte of a committed file: the export is refused before the
// file is read, and nothing is written.
func TestDamagedInput(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	writeOutput(t, fsys, [][]testRow{{{id: "r", item: "i", ts: testDay()}}}, 10, events.MaxTime-1, nil)
	archive, err := export.OpenArchive(bucket.NewDir(fsys, outputDir), 0)
	if err != nil {
		t.Fatal(err)
	}
	table, err := archive.Table()
	if err != nil {
		t.Fatal(err)
	}
	name := path.Join(outputDir, table.Files[0].Path)
	replaceFile(t, fsys, name, bytes.Repeat([]byte("x"), int(table.Files[0].Bytes)))
	_, err = exportFrom(archive, testOptions(fsys))
	if _, ok := errors.AsType[*export.MissingFileError](err); !ok || !strings.Contains(err.Error(), "replay --replace") {
		t.Errorf("got %v, want that the file is not what was committed", err)
	}
	if !missing(fsys, "dt=2026-11-22") {
		t.Error("files of the day are there")
	}
	if err := fsys.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := exportFrom(archive, testOptions(fsys)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that the file is not there", err)
	}
}
