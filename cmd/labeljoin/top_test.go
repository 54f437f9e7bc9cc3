package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// TestTopShowsTheStatusAgain watches a joiner that never ran.
func TestTopShowsTheStatusAgain(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "labeljoin.yaml")
	text := "name: feed\ninputs: {requests: {subject: a}, outcomes: {subject: b}}\nlabels: {clicked: {when: 'true'}}\nstate: {dir: ./state}\noutput: {dir: ./out}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, talk := runLine(t, "top", "--config", file, "--times", "2", "--every", "100ms")
	if code != terminal.ExitDone || strings.Count(out, "\nfeed ") != 2 {
		t.Errorf("exit code %d: %q %s", code, out, talk)
	}
}
