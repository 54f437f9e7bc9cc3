package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// TestCompletion lets bash complete command lines with the script.
func TestCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skipf("there is no bash here: %v", err)
	}
	script := filepath.Join(t.TempDir(), "labeljoin.bash")
	got := runMain(t, "completion", "bash")
	if err := os.WriteFile(script, []byte(got.stdout), 0o600); err != nil || got.code != 0 {
		t.Fatalf("ends with %d: %s (%v)", got.code, got.stderr, err)
	}
	for _, c := range []struct{ typed, want string }{
		{"labeljoin repl", "replay"},
		{"labeljoin gap a", "add"},
		{"labeljoin gap add --fr", "--from"},
		{"labeljoin run --conf", "--config"},
		{"labeljoin replay --requests x --out", "--outcomes --out"},
		{"labeljoin config c", "check"},
		{"labeljoin --vers", "--version"},
	} {
		t.Run(c.typed, func(t *testing.T) {
			words := strings.Fields(c.typed)
			cmd := exec.Command(bash, append([]string{"--norc", "-c",
				`source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _labeljoin; echo "${COMPREPLY[@]}"`, script}, words...)...)
			out, err := cmd.CombinedOutput()
			if err != nil || strings.TrimSpace(string(out)) != c.want {
				t.Errorf("completes to %q, want %q (%v)", out, c.want, err)
			}
		})
	}
	for _, shell := range []string{"zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			got := runMain(t, "completion", shell)
			for _, want := range []string{"labeljoin", "replay", "max-rejected"} {
				if got.code != 0 || !strings.Contains(got.stdout, want) {
					t.Errorf("ends with %d, and has no %s: %s", got.code, want, got.stdout)
				}
			}
		})
	}
	if got := runMain(t, "completion", "tcsh"); got.code != terminal.ExitUsage || !strings.Contains(got.stderr, "bash, zsh or fish") {
		t.Errorf("ends with %d: %s", got.code, got.stderr)
	}
}
