package export

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/bucket/s3"
	"github.com/labeljoin/labeljoin/export/bucket/s3/s3test"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// recomputeIn computes the first day again, in an object store: three rows stand for what it had.
func recomputeIn(t *testing.T, b bucket.Bucket) (err error) {
	k, err := OpenKeeper(b, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	r, err := k.Recompute(storeOptions(t, b))
	if err != nil {
		return err
	}
	defer r.Abort()
	for i := range 3 {
		req, row := testRow(1, i)
		req.ID = fmt.Sprint("again", i)
		if err := r.Rows(&gathered.Rows{List: []joiner.Labeled{{Request: req, Row: row}}}); err != nil {
			return err
		}
	}
	_, err = r.Commit(t.Context(), func(string) bool { return false })
	return err
}

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
			err := recomputeIn(t, dying)
			got := see(b)
			if err == nil {
				after = got // no request was left to die at
				break
			}
			points++
			seen[got]++
			if err := recomputeIn(t, inStore(t, store, nil)); err != nil {
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
