package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:        "bench",
		Usage:       "measure this machine with labeljoin on it",
		Subcommands: []*cli.Command{benchLiveCommand()},
	}
}

// usage is what this process has used so far.
type usage struct {
	at      time.Time
	cpu     time.Duration
	written int64 // bytes handed to the operating system to write; 0 where it does not say
	peak    int64 // bytes resident at the most
}

func measure() (usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, fmt.Errorf("measuring this process: %w", err)
	}
	const kilobyte = 1024 // Linux counts the resident set in these
	return usage{
		at:      time.Now(),
		cpu:     time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		peak:    r.Maxrss * kilobyte,
		written: written(),
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

// printResult prints a benchmark's result for a person or, in one line, for a
// program.
func printResult(w io.Writer, asJSON bool, result any, lines []string) error {
	if asJSON {
		return json.NewEncoder(w).Encode(result)
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}
