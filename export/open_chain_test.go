package export

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const manifests = testDir + "/_commits/p0000/"

func overwrite(t *testing.T, mem *vfs.MemFS, name, data string) {
	t.Helper()
	f, err := mem.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, mem *vfs.MemFS, name, from, to string) {
	t.Helper()
	data, err := contents(mem, name)
	if err != nil || !strings.Contains(string(data), from) {
		t.Fatalf("%s has no %q: %v", name, from, err)
	}
	overwrite(t, mem, name, strings.Replace(string(data), from, to, 1))
}

// What was changed from outside is refused, and the error says what to do.
func TestTamperedOutputIsRefused(t *testing.T) {
	const dt = testDir + "/data/dt=2026-11-22/"
	for name, c := range map[string]struct {
		tamper func(t *testing.T, mem *vfs.MemFS, opts *Options)
		want   string
	}{
		"hole": {func(t *testing.T, mem *vfs.MemFS, _ *Options) {
			if err := mem.Remove(manifests + "00000000000000000002.json"); err != nil {
				t.Fatal(err)
			}
		}, "it is missing, while manifest 3 is there"},
		"first gone": {func(t *testing.T, mem *vfs.MemFS, _ *Options) {
			if err := mem.Remove(manifests + "00000000000000000001.json"); err != nil {
				t.Fatal(err)
			}
		}, "it is missing, while manifest 2 is there"},
		"edited": {func(t *testing.T, mem *vfs.MemFS, _ *Options) {
			edit(t, mem, manifests+"00000000000000000002.json", `"nonce2"`, `"nonceX"`)
		}, "it follows a manifest with hash"},
		"garbled": {func(t *testing.T, mem *vfs.MemFS, _ *Options) {
			overwrite(t, mem, manifests+"00000000000000000002.json", "{")
		}, "it is not a manifest"},
		"renumbered": {func(t *testing.T, mem *vfs.MemFS, _ *Options) {
			if err := mem.Rename(manifests+"00000000000000000003.json", manifests+"00000000000000000002.json"); err != nil {
				t.Fatal(err)
			}
		}, "it is of commit 3"},
		"other format": {func(t *testing.T, mem *vfs.MemFS, _ *Options) {
			edit(t, mem, manifests+"00000000000000000003.json", `"format": 2`, `"format": 9`)
		}, "its format is 9"},
		"other joiner":     {func(_ *testing.T, _ *vfs.MemFS, opts *Options) { opts.Name = "other" }, `it belongs to the joiner "feed"`},
		"other partitions": {func(_ *testing.T, _ *vfs.MemFS, opts *Options) { opts.Partitions = 2 }, "it is of partition 0 of 1"},
		"file cut": {func(t *testing.T, mem *vfs.MemFS, _ *Options) {
			overwrite(t, mem, dt+"p0000-00000000000000000003-001.parquet", "PAR1PAR1")
		}, "it has 8 bytes"},
		"file gone": {func(t *testing.T, mem *vfs.MemFS, _ *Options) {
			if err := mem.Remove(dt + "p0000-00000000000000000003-001.parquet"); err != nil {
				t.Fatal(err)
			}
		}, "it was neither published nor left"},
	} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewMem()
			o := open(t, options(mem))
			for k := uint64(1); k <= 3; k++ {
				s, err := o.Stage(k)
				if err != nil {
					t.Fatal(err)
				}
				for i := range 8 {
					if err := s.Row(testRow(k, i)); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := s.Commit(t.Context(), testCut(k, []string{"", "nonce1", "nonce2", "nonce3"}[k])); err != nil {
					t.Fatal(err)
				}
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			opts := options(mem)
			c.tamper(t, mem, &opts)
			_, err := Open(opts)
			chain, missing := (*ChainError)(nil), (*MissingFileError)(nil)
			if !errors.As(err, &chain) && !errors.As(err, &missing) {
				t.Fatalf("error %v is neither of the chain nor of a file", err)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "from a backup") {
				t.Fatalf("error %q does not say %q and what to do", err, c.want)
			}
		})
	}
}

// Whatever was left between the manifest and the publishing is completed.
func TestRollForward(t *testing.T) {
	mem := vfs.NewMem()
	errDead := errors.New("dead")
	dying := &faulty{FS: mem, noLocks: true, before: func(op, name string) error {
		if op == "rename" && strings.Contains(name, "dt=2026-11-23") {
			return errDead
		}
		return nil
	}}
	o := open(t, options(dying))
	s, err := o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := s.Row(testRow(1, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeadLetter(letter()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), testCut(1, "nonce1")); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	s.Abort()
	if _, err := o.Stage(1); err == nil {
		t.Fatal("the output went on without knowing how it stands")
	}
	overwrite(t, mem, path.Join(testDir, "_staging/p0000-00000000000000000002-orphan"), "x")
	overwrite(t, mem, path.Join(testDir, "_staging/p0001-00000000000000000002-orphan"), "x")
	o = open(t, options(mem))
	defer o.Close()
	if ids, letters, err := visible(mem); err != nil || len(ids) != 5 || letters != 1 {
		t.Fatalf("%d rows and %d dead letters are visible, want 5 and 1: %v", len(ids), letters, err)
	}
	left, err := listed(mem, testDir+"/_staging")
	if err != nil || len(left) != 1 || !strings.HasPrefix(left[0], "p0001-") {
		t.Fatalf("left in _staging: %q, want only the other partition's: %v", left, err)
	}
	mustCommit(t, o, 2)
}

// A staged file that rotted between the manifest and the publishing.
func TestRollForwardOfACorruptFile(t *testing.T) {
	mem := vfs.NewMem()
	errDead := errors.New("dead")
	dying := &faulty{FS: mem, noLocks: true, before: func(op, _ string) error {
		if op == "rename" {
			return errDead
		}
		return nil
	}}
	if _, err := commit(open(t, options(dying)), 1, "n"); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	names, err := listed(mem, testDir+"/_staging")
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing is staged: %v", err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".parquet") {
			edit(t, mem, path.Join(testDir, "_staging", name), "PAR1", "PAR2")
		}
	}
	_, err = Open(options(mem))
	if missing := (*MissingFileError)(nil); !errors.As(err, &missing) || !strings.Contains(err.Error(), "SHA-256") {
		t.Fatalf("error %v does not tell of the checksum", err)
	}
}
