package export

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/bucket/s3"
	"github.com/labeljoin/labeljoin/export/bucket/s3/s3test"
)

// TestStoreKeeperDiesAtEveryRequest: a process that merges files, or ends days, dies at a request that it
// makes of the store, before or after the store did it. Another machine finds every row once, or no row of
// the days that were ended; verify is green; and the same command completes it.
func TestStoreKeeperDiesAtEveryRequest(t *testing.T) {
	t.Parallel()
	const step = 3 // odd, so that every other request is done
	for name, do := range map[string]func(*Keeper) error{
		"merges": func(k *Keeper) error {
			_, err := k.Compact(t.Context(), CompactOptions{Before: afterAll})
			return err
		},
		"ends days": func(k *Keeper) error {
			_, err := k.Retain(t.Context(), RetainOptions{From: afterAll})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after, points, seen := "", "", 0, map[string]bool{}
			for at := int64(1); ; at += int64(step * stride()) {
				store := s3test.New(t)
				b := inStore(t, store, nil)
				o := open(t, storeOptions(t, b))
				if err := errors.Join(goOn(o, 2, func(uint64) {}), o.Close()); err != nil {
					t.Fatal(err)
				}
				before = soundRows(t, b)
				dying := inStore(t, store, &mortal{at: at, done: at%2 == 0})
				dying.(*s3.Bucket).RetryFor = time.Nanosecond
				err := keepHouse(dying, do)
				seen[soundRows(t, b)] = true
				if err == nil {
					after = soundRows(t, b) // no request was left to die at
					break
				}
				points++
				if err := keepHouse(inStore(t, store, nil), do); err != nil {
					t.Fatalf("dead at request %d: it is done again: %v", at, err)
				}
				seen[soundRows(t, b)] = true
			}
			delete(seen, before)
			delete(seen, after)
			if len(seen) > 0 || points < max(1, 15/step/stride()) {
				t.Errorf("%d points; besides %q and %q readers saw %v", points, before, after, seen)
			}
			if name == "merges" && after != before || name == "ends days" && after != "" {
				t.Errorf("the rows are %q, and were %q", after, before)
			}
		})
	}
}

// keepHouse is a command that keeps house.
func keepHouse(b bucket.Bucket, do func(*Keeper) error) error {
	k, err := OpenKeeper(b, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(do(k), k.Close())
}
