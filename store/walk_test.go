package store

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
)

// nobodyReads fails the test if something still reads ahead: a goroutine that is
// done is gone soon.
func nobodyReads(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "(*walk).readAhead.func") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("something still reads ahead")
		}
	}
}

// TestWalkStopsAnywhere stops a walk after each request: what reads ahead has
// ended then, and holds nothing of the snapshot.
func TestWalkStopsAnywhere(t *testing.T) {
	s := open(t, vfs.NewMem(), 0, func(s *Store) { s.groupBytes, s.portionBytes = 30, 1 })
	p := prefix{s: s, saved: s.Progress(), ends: []int{0}}
	const requests = 40
	p.apply(t, requests)
	for most := range requests + 1 {
		v, seen := s.View(), 0
		for _, err := range v.Closing(events.MinTime, events.MaxTime) {
			if err != nil {
				t.Fatal(err)
			}
			if seen++; seen == most+1 {
				break
			}
		}
		nobodyReads(t)
		if want := min(most+1, requests); seen != want {
			t.Fatalf("saw %d requests, want %d", seen, want)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // Pebble counts iterators that are still open
		t.Fatal(err)
	}
}

// TestWalkTellsOfDamage damages a group in the middle: what is before it is seen,
// and then the error.
func TestWalkTellsOfDamage(t *testing.T) {
	s := open(t, vfs.NewMem(), 0, func(s *Store) { s.groupBytes, s.portionBytes = 30, 1 })
	p := prefix{s: s, saved: s.Progress(), ends: []int{0}}
	p.apply(t, 40)
	var all [][]byte
	err := keys(s.db.Load(), spaceEvents, events.MinTime, events.MaxTime, func(key []byte) error {
		all = append(all, append([]byte(nil), key...))
		return nil
	})
	if err != nil || len(all) < 10 {
		t.Fatal(len(all), err)
	}
	if err := s.db.Load().Delete(all[len(all)/2], pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	v, seen, failed := s.View(), 0, error(nil)
	for _, err := range v.Closing(events.MinTime, events.MaxTime) {
		if err != nil {
			failed = err
			break
		}
		seen++
	}
	if !errors.Is(failed, errNoEvents) || seen == 0 || seen >= 40 {
		t.Errorf("saw %d requests and then %v", seen, failed)
	}
	nobodyReads(t)
	if err := errors.Join(v.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}
