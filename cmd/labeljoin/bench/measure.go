// Package bench measures this machine with labeljoin on it.
package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
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

// turn is one measured run of labeljoin or of another program.
type turn struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_seconds,omitempty"` // of all threads; steadier than Seconds
	RowsPS  float64 `json:"rows_per_second"`
	Peak    int64   `json:"peak_bytes"`
	Bytes   int64   `json:"bytes,omitempty"` // of the files that were written
}

func fastestTurn(turns []turn) float64 {
	return slices.MaxFunc(turns, func(x, y turn) int { return cmp.Compare(x.RowsPS, y.RowsPS) }).RowsPS
}

// leastCPU is the CPU of the turn that used least, in seconds.
func leastCPU(turns []turn) float64 {
	return slices.MinFunc(turns, func(x, y turn) int { return cmp.Compare(x.CPU, y.CPU) }).CPU
}

// turnLines are the turns for people.
func turnLines(name string, turns []turn) (lines []string) {
	for _, t := range turns {
		line := fmt.Sprintf("%-10s %8.1f s %10.0f rows/s, peak %d MiB", name, t.Seconds, t.RowsPS, t.Peak>>20)
		if t.CPU > 0 {
			line += fmt.Sprintf(", %.1f s of CPU", t.CPU)
		}
		if t.Bytes > 0 {
			line += fmt.Sprintf(", wrote %d MB", t.Bytes>>20)
		}
		lines = append(lines, line)
	}
	return lines
}

// workDir makes *dir a temporary folder, which clean removes, if no folder is named. One that
// is named has to be new or empty.
func workDir(dir *string) (clean func() error, err error) {
	if *dir != "" {
		return func() error { return nil }, partition.FreshDir(*dir)
	}
	if *dir, err = os.MkdirTemp("", "labeljoin-bench-"); err != nil {
		return nil, err
	}
	return func() error { return os.RemoveAll(*dir) }, nil
}

// runPython runs a program in Python, and reads the JSON that it prints.
func runPython(ctx context.Context, python, program string, into any, args ...string) error {
	cmd := exec.CommandContext(ctx, python, append([]string{"-c", program}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONSAFEPATH=1") // a file of this folder is no module
	text, err := cmd.Output()
	if err != nil {
		said := ""
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			said = string(failed.Stderr[max(0, len(failed.Stderr)-2000):])
		}
		return fmt.Errorf("%s: %w: does it have the module? %s", python, err, said)
	}
	return json.Unmarshal(text, into)
}

// peakRSS is the most memory that is resident while it watches. Getrusage knows
// only the peak since the process began.
type peakRSS struct {
	most int64
	end  func()
}

func (p *peakRSS) Watch() { p.watch(resident) }

// watchTree watches another process and its children.
func (p *peakRSS) watchTree(pid int) { p.watch(func() int64 { return residentTree(pid) }) }

func (p *peakRSS) watch(now func() int64) {
	stopped, done := make(chan struct{}), make(chan struct{})
	p.most = now()
	go func() { // ended by stop
		defer close(done)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-ticker.C:
				p.most = max(p.most, now())
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
	return p.most
}

// resident is how much memory of this process is resident, from Linux's proc(5);
// 0 where there is no such thing.
func resident() int64 { return residentOf(os.Getpid()) }

// residentTree is that of a process and of its children, and theirs. The pages of files, which are those of the
// program that all of them run, count once.
func residentTree(pid int) int64 {
	own, ofFiles := treeOf(pid)
	return own + ofFiles
}

// treeOf are the pages of a process and those below it, in bytes: those that are its own, and the most that one
// of them has of files.
func treeOf(pid int) (own, ofFiles int64) {
	own, ofFiles = pagesOf(pid)
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				more, files := treeOf(n)
				own, ofFiles = own+more, max(ofFiles, files)
			}
		}
	}
	return own, ofFiles
}

func residentOf(pid int) int64 {
	own, ofFiles := pagesOf(pid)
	return own + ofFiles
}

// pagesOf are the resident pages of a process, in bytes: its own, and those of files.
func pagesOf(pid int) (own, ofFiles int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 {
		return 0, 0
	}
	all, errAll := strconv.ParseInt(fields[1], 10, 64)
	shared, errShared := strconv.ParseInt(fields[2], 10, 64)
	if errAll != nil || errShared != nil {
		return 0, 0
	}
	page := int64(os.Getpagesize())
	return (all - shared) * page, shared * page
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
