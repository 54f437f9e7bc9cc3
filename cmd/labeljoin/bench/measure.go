// Package bench measures this machine with labeljoin on it.
package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what this process has used so far.
type usage struct {
	at      time.Time
	cpu     time.Duration
	written int64 // bytes handed to the operating system to write; 0 where it does not say

	pieces, allocated uint64 // heap allocations, and bytes in them
}

func measure() (usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, fmt.Errorf("measuring this process: %w", err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{
		at:      time.Now(),
		cpu:     time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		written: written(),
		pieces:  m.Mallocs, allocated: m.TotalAlloc,
	}, nil
}

// peakRSS is the most memory that is resident while it watches. Getrusage knows
// only the peak since the process began.
type peakRSS struct {
	most int64
	end  func()
}

func (p *peakRSS) Watch() {
	stopped, done := make(chan struct{}), make(chan struct{})
	p.most = resident()
	go func() { // ended by stop
		defer close(done)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-ticker.C:
				p.most = max(p.most, resident())
			}
		}
	}()
	p.end = func() {
		close(stopped)
		<-done
	}
}

func (p *peakRSS) stop() int64 {
	if p.end != nil {
		p.end()
	}
	return max(p.most, resident())
}

// resident is how much memory of this process is resident, from Linux's proc(5);
// 0 where there is no such thing.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// StartProfile begins a profile, if one is wanted. stop ends it.
func StartProfile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// written reads how many bytes this process has written, from Linux's proc(5).
func written() int64 {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "wchar: "); ok {
			bytes, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			if err != nil {
				return 0
			}
			return bytes
		}
	}
	return 0
}

// PrintResult prints a benchmark's result for a person or, in one line, for a
// program.
func PrintResult(w io.Writer, asJSON bool, result any, lines []string) error {
	if asJSON {
		return json.NewEncoder(w).Encode(result)
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}
