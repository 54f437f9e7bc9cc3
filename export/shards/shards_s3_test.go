package shards

import (
	"errors"
	"net/http"
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
		Local: bucket.NewDir(vfs.Default, local), Pause: time.Millisecond, RetryFor: time.Minute})
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

// TestStoreDiesAtEveryRequest: a process that makes version 2 in an object store dies at a request, before
// or after the store did it. Version 1 is whole, version 2 is whole or is not there, and the next export
// has the same bytes under a number of its own.
func TestStoreDiesAtEveryRequest(t *testing.T) {
	t.Parallel()
	const step = 3 // odd, so that every other request is done
	base, o := corrected(t)
	o.Scratch = ""
	want := mustExport(t, o)
	points := 0
	for at := 1; ; at += step {
		store := s3test.New(t)
		first := inStore(t, store, o)
		first.FS, first.Refresh = vfs.Default, false
		first.Splits.Eval = 0.3 // another way, which the refresh leaves
		if _, err := exportFrom(archiveOf(t, base), first); err != nil {
			t.Fatal(err)
		}
		dying := inStore(t, store, o)
		dying.FS = vfs.Default
		dying.Place.(*s3.Bucket).RetryFor = time.Nanosecond
		store.Break(func(n int, _ *http.Request) s3test.Fault {
			switch {
			case n < at:
				return s3test.FaultNone
			case n == at && at%2 == 0:
				return s3test.FaultLose
			}
			return s3test.FaultDrop
		})
		_, died := exportFrom(archiveOf(t, base), dying)
		store.Break(nil)
		newest, err := wholeIn(first.Place)
		if err != nil || newest < 1 || newest > 2 || died == nil && newest != 2 {
			t.Fatalf("dead at request %d (%v): version %d is the newest, %v", at, died, newest, err)
		}
		if died == nil {
			break // no request was left to die at
		}
		points++
		again := inStore(t, store, o)
		again.FS = vfs.Default
		r, err := exportFrom(archiveOf(t, base), again)
		if err != nil || r.Made == (newest == 2) || r.Manifest.Files[0].SHA256 != want.Files[0].SHA256 {
			t.Fatalf("dead at request %d: the next export gives %+v, %v", at, r, err)
		}
		if _, err := wholeIn(first.Place); err != nil {
			t.Fatalf("dead at request %d: after the next export: %v", at, err)
		}
	}
	if points < 8 {
		t.Errorf("%d points", points)
	}
}
