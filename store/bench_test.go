package store

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// BenchmarkHeld measures what a held request of 600 bytes with two outcomes of
// 150 bytes takes of disk and memory. The guide for operators quotes it:
//
//	go test ./store -run '^$' -bench Held -benchtime 300000x
func BenchmarkHeld(b *testing.B) {
	s, err := Open(Options{FS: vfs.Default, Dir: b.TempDir(), CacheSize: 1 << 20, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	before, noise := heap(), make([]byte, 375)
	saved, random := s.Progress(), rand.NewChaCha8([32]byte{})
	for i := range b.N {
		random.Read(noise) // in hex it is as compressible as JSON with numbers is
		p := joiner.RequestKey{TS: events.Time(i), ID: fmt.Sprintf("0123456789abcdef%016x", i)}
		s.AddRequest(p, events.Origin{Seq: uint64(i)}, fmt.Appendf(nil, "%x", noise[:300]))
		for n := range 2 {
			s.PutOutcome(p, &joiner.StoredOutcome{TS: p.TS, ID: fmt.Sprint(n), Data: fmt.Appendf(nil, "%x", noise[300:])})
		}
		if i%1000 == 999 || i == b.N-1 {
			if err := s.Apply(&saved, false); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	if err := s.db.Load().Flush(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(s.DiskBytes())/float64(b.N), "disk-B/request")
	b.ReportMetric(float64(heap()-before)/float64(b.N), "heap-B/request")
	runtime.KeepAlive(s)
}

// BenchmarkOpen opens a state of 500,000 requests: what a restart has to read.
func BenchmarkOpen(b *testing.B) {
	o := Options{FS: vfs.Default, Dir: b.TempDir(), CacheSize: 64 << 20, Log: slog.New(slog.DiscardHandler)}
	s, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	const held = 500_000
	saved, random, event := s.Progress(), rand.New(rand.NewPCG(1, 1)), make([]byte, 300)
	for i := range held {
		p := joiner.RequestKey{TS: events.Time(i) * 100_000, ID: fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64())}
		s.AddRequest(p, events.Origin{Seq: uint64(i)}, event)
		if i%1000 == 999 {
			if err := s.Apply(&saved, false); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		if s, err = Open(o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N*held), "ns/request")
	if s.index.requests.used != held {
		b.Errorf("%d requests are known again, want %d", s.index.requests.used, held)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
