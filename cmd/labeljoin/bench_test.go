package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// TestBenchLeavesAJoinerAlone gives benchmarks and the demo a directory that a
// joiner has.
func TestBenchLeavesAJoinerAlone(t *testing.T) {
	replayDir(t)
	before, err := os.ReadFile("labeljoin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"bench live --requests 10", "bench latency", "bench store --pending 10000", "bench events --requests 10", "demo",
	} {
		t.Run(args, func(t *testing.T) {
			got := runMain(t, append(strings.Fields(args), "--dir", dir)...)
			if got.code != terminal.ExitUsage || !strings.Contains(got.stderr, "is not empty") {
				t.Errorf("ends with %d: %s", got.code, got.stderr)
			}
		})
	}
	after, err := os.ReadFile("labeljoin.yaml")
	if entries, dirErr := os.ReadDir("."); err != nil || dirErr != nil || string(after) != string(before) || len(entries) != 1 {
		t.Errorf("the directory has %v, the configuration is %q (%v, %v)", entries, after, err, dirErr)
	}
}
