package store

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// crashed is a file system as a failure of the power leaves it, with nothing of
// what was not synced.
func crashed(fs *vfs.MemFS) *vfs.MemFS { return fs.CrashClone(vfs.CrashCloneCfg{}) }

// TestStateWithALog opens a state that an older version left with a write-ahead
// log: all of it is found, and it is not found again once it was forgotten.
func TestStateWithALog(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s, err := openLogged(fs)
	if err != nil {
		t.Fatal(err)
	}
	saved, old := s.Progress(), joiner.RequestKey{TS: 1, ID: "old"}
	s.PutRequest(old, &joiner.StoredRequest{Pieces: []joiner.StoredPiece{{Data: "{}"}}})
	saved.MaxEvent = 1
	if err := errors.Join(s.Apply(&saved, false), s.db.Load().LogData(nil, pebble.Sync)); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		fs = crashed(fs)
		if round == 0 {
			if err := s.db.Load().Close(); err != nil { // nothing is flushed
				t.Fatal(err)
			}
		} else if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, fs, 0, nil)
		stored, _, ok, err := s.Get(old)
		if found := ok && stored.Pieces[0].Data == "{}"; err != nil || found != (round == 0) {
			t.Fatalf("round %d: found %v, error %v", round, found, err)
		}
		if saved := s.Progress(); int(saved.MaxEvent) != 1+round {
			t.Fatalf("round %d: the state stands at %d", round, saved.MaxEvent)
		}
		saved.MaxEvent = events.Time(2 + round)
		s.deleteRange(bound(spaceRequest, 0), bound(spaceRequest, 2))
		if err := s.Apply(&saved, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := countLogs(t, fs); n > 1 {
		t.Errorf("there are %d logs", n)
	}
}

// openLogged opens a state as versions did that wrote a write-ahead log.
func openLogged(fs vfs.FS) (*Store, error) {
	return Open(Options{FS: fs, Dir: "state", CacheSize: 1 << 20, Log: slog.New(slog.DiscardHandler), logged: true})
}

func countLogs(t *testing.T, fs vfs.FS) (n int) {
	t.Helper()
	names, err := fs.List("state")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			n++
		}
	}
	return n
}

// brokenFS makes no more tables once it is broken.
type brokenFS struct {
	vfs.FS
	broken bool
	tried  int
}

func (f *brokenFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if f.broken && strings.HasSuffix(name, ".sst") {
		f.tried++
		return nil, fmt.Errorf("creating %s: %w", name, syscall.EIO)
	}
	return f.FS.Create(name, c)
}

// TestFailedFlush ends the process: nothing waits for ever, and nothing is tried
// again and again.
func TestFailedFlush(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fs, died := &brokenFS{FS: mem}, make(chan struct{})
	s, err := Open(Options{FS: fs, Dir: "state", CacheSize: 1 << 20, Log: slog.New(slog.DiscardHandler), Fatal: func() {
		close(died)
		select {} // as a process that has ended
	}})
	if err != nil {
		t.Fatal(err)
	}
	saved := s.Progress()
	for _, fs.broken = range []bool{false, true} {
		saved.MaxEvent = max(1, saved.MaxEvent+1)
		if err := s.Apply(&saved, false); err != nil {
			t.Fatal(err)
		}
		v, synced := s.View(), make(chan error, 1)
		go func() { synced <- v.Sync() }()
		select {
		case err := <-synced:
			if fs.broken || err != nil {
				t.Fatalf("a flush to a broken disk: %v", err)
			}
		case <-died:
			if !fs.broken || fs.tried != 1 {
				t.Fatalf("a flush to a disk died after %d errors", fs.tried)
			}
		}
	}
	after := open(t, crashed(mem), 0, nil)
	if saved := after.Progress(); saved.MaxEvent != 1 {
		t.Errorf("the state stands at %d", saved.MaxEvent)
	}
	if err := after.Close(); err != nil {
		t.Error(err)
	}
}

// prefix writes batches of requests, and knows where each ends.
type prefix struct {
	s     *Store
	saved state.Checkpoint
	ends  []int // number of the last request of each batch
}

func (p *prefix) apply(t *testing.T, requests int) {
	t.Helper()
	n := p.ends[len(p.ends)-1]
	for range requests {
		n++
		place := joiner.RequestKey{TS: events.Time(n) << (sliceBits - 3), ID: fmt.Sprint(n)}
		p.s.AddRequest(place, events.Origin{Seq: uint64(n)}, fmt.Appendf(nil, `{"n":%d}`, n))
	}
	p.saved.MaxEvent = events.Time(len(p.ends))
	if err := p.s.Apply(&p.saved, false); err != nil {
		t.Fatal(err)
	}
	p.ends = append(p.ends, n)
}

// found is how many batches a file system holds, each of them whole.
func (p *prefix) found(t *testing.T, fs vfs.FS) int {
	t.Helper()
	s := open(t, fs, 0, nil)
	v := s.View()
	batches, requests := max(0, int(s.Progress().MaxEvent)), 0
	for _, err := range v.Requests(events.MinTime, events.MaxTime) {
		if requests++; err != nil {
			t.Fatal(err)
		}
	}
	if batches >= len(p.ends) || requests != p.ends[batches] {
		t.Fatalf("%d batches are found, with %d requests", batches, requests)
	}
	if err := errors.Join(v.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	return batches
}

// TestPrefixSurvives fails the power while batches of all sizes fill one memory
// table after the other and none is synced: some number of batches is found, each
// whole. Close loses none.
func TestPrefixSurvives(t *testing.T) {
	fs, r := vfs.NewCrashableMem(), rand.New(rand.NewPCG(1, 2))
	p := prefix{s: open(t, fs, 8<<10, nil), ends: []int{0}}
	p.saved = p.s.Progress()
	behind := map[int]int{}
	const batches = 200
	for n := range batches {
		p.apply(t, 1+r.IntN(60)*r.IntN(2))
		behind[n+1-p.found(t, crashed(fs))]++
	}
	t.Logf("so many of the newest batches were lost, so often: %v", behind)
	if len(behind) < 4 {
		t.Error("hardly anything was flushed by itself")
	}
	if err := p.s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := p.found(t, crashed(fs)); n != batches {
		t.Errorf("%d batches are found after Close", n)
	}
}
