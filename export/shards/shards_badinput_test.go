package shards

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/labeljoin/labeljoin/events"
)

// oneRow makes an output that has ended, with a row of testDay.
func oneRow(t *testing.T) *vfs.MemFS {
	t.Helper()
	fsys := vfs.NewMem()
	writeOutput(t, fsys, [][]testRow{{{id: "r", item: "i", ts: testDay()}}}, 10, events.MaxTime-1, nil)
	return fsys
}

// TestDayThatIsNotThere: the error names the days there are, and nothing is written.
func TestDayThatIsNotThere(t *testing.T) {
	t.Parallel()
	fsys := oneRow(t)
	archive := archiveOf(t, fsys)
	table, err := archive.Table()
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(archive, testOptions(fsys))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Day(t.Context(), table, testDay().Add(dayLength))
	none, ok := errors.AsType[*NoDayError](err)
	if !ok || none.First != "2026-11-22" || none.Last != "2026-11-22" || !strings.Contains(err.Error(), "labeljoin days") {
		t.Errorf("got %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if !missing(fsys, "dt=2026-11-23") || !missing(fsys, "meta") {
		t.Error("something was written")
	}
}

// TestOtherConfiguration exports a day in another way. The version that is there stays, and is said to be
// of another way; a refresh makes the next one, once.
func TestOtherConfiguration(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"split":    func(o *Options) { o.Splits.Eval += 0.1 },
		"seed":     func(o *Options) { o.Seed += "b" },
		"sample":   func(o *Options) { o.Sampling.Negatives = 0.5 },
		"columns":  func(o *Options) { o.Exclude = []string{"user_id"} },
		"number":   func(o *Options) { o.Shards = 3 },
		"settling": func(o *Options) { o.Settled = !o.Settled },
		"size":     func(o *Options) { o.Shards = 0 },
		"groups":   func(o *Options) { o.GroupBytes *= 2 },
	} {
		t.Run(name, func(t *testing.T) {
			fsys := oneRow(t)
			o := testOptions(fsys)
			first := mustExport(t, o)
			change(&o)
			if r, err := exportDay(t, o); err != nil || r.Made || !r.Stale || r.Version.Number != 1 {
				t.Fatalf("without refresh: %+v, %v", r, err)
			}
			o.Refresh = true
			r, err := exportDay(t, o)
			if err != nil || !r.Made || r.Version.Number != 2 || r.Manifest.Parent == "" || r.Manifest.Parent == first.Parent {
				t.Fatalf("with refresh: %+v, %v", r, err)
			}
			if r, err = exportDay(t, o); err != nil || r.Made || r.Stale {
				t.Errorf("with refresh again: %+v, %v", r, err)
			}
			if newest, err := whole(t, fsys); newest != 2 || err != nil {
				t.Errorf("version %d is the newest, %v", newest, err)
			}
		})
	}
}

// TestDamagedManifest: a manifest of an export that is not what was written is refused by its full name. Once its
// folder is removed, the day is exported again.
func TestDamagedManifest(t *testing.T) {
	t.Parallel()
	fsys := oneRow(t)
	o := testOptions(fsys)
	want := mustExport(t, o)
	meta := path.Join(exportsDir, "feed", metaPath(want.Day, Version{Number: 1}))
	replaceFile(t, fsys, path.Join(meta, manifestName), []byte("{"))
	if _, err := exportDay(t, o); err == nil || !strings.Contains(err.Error(), path.Join(meta, manifestName)) {
		t.Errorf("got %v", err)
	}
	if err := fsys.RemoveAll(meta); err != nil {
		t.Fatal(err)
	}
	if m := mustExport(t, o); m.Version != 1 || m.Files[0].SHA256 != want.Files[0].SHA256 {
		t.Errorf("made version %d again, with %v", m.Version, m.Files)
	}
	if newest, err := whole(t, fsys); newest != 1 || err != nil {
		t.Errorf("version %d is the newest, %v", newest, err)
	}
}

// TestOlderManifest: a version whose manifest does not say which sizes were asked for is as it should be.
func TestOlderManifest(t *testing.T) {
	t.Parallel()
	fsys := oneRow(t)
	o := testOptions(fsys)
	name := path.Join(metaPath(mustExport(t, o).Day, Version{Number: 1}), manifestName)
	older := regexp.MustCompile(`,\s*"(row_group_size|config_hash)": [^,\n]*`).ReplaceAll(contents(t, fsys, name), nil)
	if bytes.Contains(older, []byte("row_group_size")) {
		t.Fatalf("%s", older)
	}
	replaceFile(t, fsys, path.Join(exportsDir, "feed", name), older)
	if r, err := exportDay(t, o); err != nil || r.Made || r.Stale {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestFixedNumberOfFiles: a version whose number of files was fixed is stale where their size decides now, also in
// TFRecord, of which no size is said then.
func TestFixedNumberOfFiles(t *testing.T) {
	t.Parallel()
	o := testOptions(oneRow(t))
	o.Format, o.ConfigHash, o.Shards = FormatTFRecord, "abc", 8
	mustExport(t, o)
	if r, err := exportDay(t, o); err != nil || r.Stale {
		t.Errorf("as it was, %+v, %v", r, err)
	}
	o.Shards = 0
	if r, err := exportDay(t, o); err != nil || !r.Stale {
		t.Errorf("with files of a size, %+v, %v", r, err)
	}
}

// TestLock: an export that another one holds is told from one that cannot be locked, for which no one has to wait.
func TestLock(t *testing.T) {
	t.Parallel()
	t.Run("held", func(t *testing.T) {
		o := testOptions(oneRow(t))
		e, err := New(archiveOf(t, o.FS), o)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if _, err := New(archiveOf(t, o.FS), o); !errors.As(err, new(*LockedError)) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a directory", func(t *testing.T) {
		o := testOptions(oneRow(t))
		archive := archiveOf(t, o.FS)
		o.FS, o.Out = vfs.Default, t.TempDir() // the one in memory replaces a directory
		if err := o.FS.MkdirAll(filepath.Join(o.Out, "feed", lockName), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := New(archive, o)
		if err == nil || errors.As(err, new(*LockedError)) || !strings.Contains(err.Error(), o.Out) {
			t.Errorf("got %v", err)
		}
	})
}

func replaceFile(t *testing.T, fsys vfs.FS, name string, data []byte) {
	t.Helper()
	f, err := fsys.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestMissingRights: whatever may not be read or written, the error says so, and no version is there.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in, of string
		kinds  []errorfs.OpKind
	}{
		"the rows":         {outputDir, "/data/", []errorfs.OpKind{errorfs.OpOpen}},
		"the folder":       {exportsDir, "", []errorfs.OpKind{errorfs.OpMkdirAll}},
		"the scratch file": {exportsDir, ".scratch", []errorfs.OpKind{errorfs.OpCreate}},
		"a shard":          {exportsDir, "train-", []errorfs.OpKind{errorfs.OpCreate}},
		"a rename":         {exportsDir, "train-", []errorfs.OpKind{errorfs.OpRename}},
		"the manifest":     {exportsDir, "/meta/", []errorfs.OpKind{errorfs.OpCreate}},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := oneRow(t)
			refused := errorfs.Wrap(fsys, errorfs.InjectorFunc(func(op errorfs.Op) error {
				for _, kind := range c.kinds {
					if op.Kind == kind && strings.Contains(op.Path, c.in) && strings.Contains(op.Path, c.of) {
						return syscall.EACCES
					}
				}
				return nil
			}))
			if _, err := exportDay(t, testOptions(refused)); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("got %v, want that rights are missing", err)
			}
			if newest, err := whole(t, fsys); newest != 0 || err != nil {
				t.Errorf("version %d is there, %v", newest, err)
			}
		})
	}
}
