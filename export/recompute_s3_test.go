package export

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/bucket/s3"
	"github.com/labeljoin/labeljoin/export/bucket/s3/s3test"
)

// soundRows are the ids of an output's rows, once verify is green.
func soundRows(t *testing.T, b bucket.Bucket) string {
	t.Helper()
	ids, _, err := liveRows(b)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := OpenArchive(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := archive.Verify(t.Context(), VerifyOptions{}); err != nil || !v.Sound() {
		t.Fatalf("verify: %+v, %v", v.Findings, err)
	}
	return strings.Join(ids, " ")
}

// A process that computes a day again dies at every request that it makes of the store, before or
// after the store did it. Another machine finds the day as it was or as it is to be, whole; the
// joiner goes on; and the same command completes it.
func TestStoreRecomputeDiesAtEveryRequest(t *testing.T) {
	t.Parallel()
	const commits = 1
	see := func(b bucket.Bucket) string { return soundRows(t, b) }
	before, after, completed, points, seen := "", "", "", 0, map[string]int{}
	for at := int64(1); after == ""; at += int64(stride()) {
		for _, done := range []bool{false, true} {
			if at%2 == 0 == done && at > 4 {
				continue // each of the two at every other request
			}
			store := s3test.New(t)
			b := inStore(t, store, nil)
			o := open(t, storeOptions(t, b))
			if err := errors.Join(goOn(o, commits, func(uint64) {}), o.Close()); err != nil {
				t.Fatal(err)
			}
			before = see(b)
			dying := inStore(t, store, &mortal{at: at, done: done})
			dying.(*s3.Bucket).RetryFor = time.Nanosecond
			err := recomputeDay(t, dying, storeOptions(t, dying))
			got := see(b)
			if err == nil {
				after = got // no request was left to die at
				break
			}
			points++
			seen[got]++
			there := inStore(t, store, nil)
			if err := recomputeDay(t, there, storeOptions(t, there)); err != nil {
				t.Fatalf("dead at request %d, done %v: it is done again: %v", at, done, err)
			}
			now := see(b)
			if completed = cmp.Or(completed, now); now != completed || now == before {
				t.Fatalf("dead at request %d, done %v: it was done again, and there is %s", at, done, now)
			}
			if at%4 > 0 {
				continue
			}
			if o, err = Open(storeOptions(t, b)); err == nil {
				err = errors.Join(goOn(o, commits+1, func(uint64) {}), o.Close())
			}
			if err != nil {
				t.Fatalf("dead at request %d, done %v: the joiner goes on: %v", at, done, err)
			}
			if ids, _, err := liveRows(b); err != nil || !slices.Contains(ids, "again2") {
				t.Fatalf("dead at request %d, done %v: after the joiner's commit there is %q: %v", at, done, ids, err)
			}
		}
	}
	delete(seen, before)
	delete(seen, after)
	if len(seen) > 0 || points < 15/stride() || after != completed || !strings.Contains(after, "again2") {
		t.Errorf("%d points; besides %q and %q readers saw %v", points, before, after, seen)
	}
}
