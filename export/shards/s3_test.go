package shards

import (
	"errors"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/bucket/s3"
	"github.com/labeljoin/labeljoin/export/bucket/s3/s3test"
)

// inStore are options of an export in an object store, by a machine of its own.
func inStore(t testing.TB, store *s3test.Store, o Options) Options {
	t.Helper()
	client, err := s3.Connect(s3.Settings{Endpoint: store.URL, Region: "us-east-1", AccessKey: "key", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	local := t.TempDir()
	o.Place = s3.New(s3.Options{Client: client, Bucket: s3test.Name, Prefix: "exports/feed", Scratch: local,
		Local: bucket.NewDir(vfs.Default, local), Pause: time.Millisecond, Patience: time.Minute})
	o.Scratch = path.Join(local, bucket.StagingDir)
	return o
}

// TestStore: what is exported to an object store is what is exported to a directory, byte by
// byte. Machines that export a day at once, and those that died at it, do not get into one
// another's versions.
func TestStore(t *testing.T) {
	fsys, store := vfs.NewMem(), s3test.New(t)
	writeOutput(t, fsys, newHistory(newRand(1)).commits, 50, events.MaxTime-1, nil)
	o := testOptions(fsys)
	want := mustExport(t, o)
	dead := inStore(t, store, o)
	claim := path.Join(metaPath(want.Day, Version{Number: 1}), claimName)
	if err := dead.Place.CreateIfAbsent(claim, []byte("of a machine that died")); err != nil {
		t.Fatal(err)
	}
	results, errs := make([]Result, 3), make([]error, 3)
	var exporting sync.WaitGroup
	for i := range results {
		mine := inStore(t, store, o)
		mine.FS = vfs.Default
		archive := archiveOf(t, fsys)
		exporting.Go(func() { results[i], errs[i] = exportFrom(archive, mine) })
	}
	exporting.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, r := range results {
		if r.Made && (seen[r.Version.Number] || r.Version.Number < 2) {
			t.Errorf("%s is made twice, or was claimed", r.Version)
		}
		seen[r.Version.Number] = true
		if len(r.Manifest.Files) != len(want.Files) {
			t.Fatalf("%d files, want %d", len(r.Manifest.Files), len(want.Files))
		}
		for i, f := range r.Manifest.Files {
			if f.SHA256 != want.Files[i].SHA256 || path.Base(f.Path) != path.Base(want.Files[i].Path) {
				t.Errorf("%s is not what a directory has", f.Path)
			}
			got, err := readObject(dead.Place, f.Path)
			if err != nil || hashOf(got) != f.SHA256 {
				t.Errorf("%s is not what was written: %v", f.Path, err)
			}
		}
	}
	again, err := exportFrom(archiveOf(t, fsys), inStore(t, store, o))
	if err != nil || again.Made || !seen[again.Version.Number] {
		t.Errorf("exported again as %s: %v", again.Version, err)
	}
	if card, err := readObject(dead.Place, cardName); err != nil || len(card) == 0 {
		t.Errorf("the card: %v", err)
	}
	if left, err := dead.Place.List(bucket.StagingDir); err != nil || len(left) > 0 {
		t.Errorf("left %q: %v", left, err)
	}
}
