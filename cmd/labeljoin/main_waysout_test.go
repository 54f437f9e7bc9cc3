package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// TestWaysOutOfFiles damages what a replay and an export have written. Each refusal names a way out, and the way leads out.
func TestWaysOutOfFiles(t *testing.T) {
	rows, manifests := "labeled/data/*/*.parquet", "exports/labeljoin/meta/*/*/manifest.json"
	replayAgain := func(string) []string {
		return []string{"replay --requests r --outcomes o --complete --replace"}
	}
	for _, c := range []struct {
		name, spoil string // the files
		text        string // put in their place; empty: they are removed
		refused     string // the command
		says        string
		follow      func(path string) []string // does it, and is commands that must work
	}{
		{name: "a file of rows is gone", spoil: rows, refused: "export --date 2026-01-01", says: "labeljoin replay --replace", follow: replayAgain},
		{name: "a file of rows is damaged", spoil: rows, text: "x", refused: "verify", says: "replay its requests", follow: replayAgain},
		{name: "the manifest of an export is damaged", spoil: manifests, text: "{", refused: "export --date 2026-01-01",
			says: "remove its folder and export the day again", follow: func(path string) []string {
				if err := os.RemoveAll(filepath.Dir(path)); err != nil {
					t.Error(err)
				}
				return nil
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			replayDir(t)
			putFile(t, "r", requestLines(0, 40))
			putFile(t, "o", clickLines(0, 40))
			works := func(args ...string) {
				t.Helper()
				for _, a := range args {
					if got := runMain(t, strings.Fields(a)...); got.code != terminal.ExitDone {
						t.Errorf("%s ends with %d: %s%s", a, got.code, got.stdout, got.stderr)
					}
				}
			}
			works("replay --requests r --outcomes o --complete")
			if c.spoil != rows {
				works("export --date 2026-01-01")
			}
			found, err := filepath.Glob(c.spoil)
			if err != nil || len(found) == 0 {
				t.Fatalf("no %s (%v)", c.spoil, err)
			}
			if err := os.Remove(found[0]); err != nil {
				t.Fatal(err)
			}
			if c.text != "" {
				putFile(t, found[0], c.text)
			}
			if got := runMain(t, strings.Fields(c.refused)...); got.code != terminal.ExitRefused || !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Errorf("%s ends with %d and does not say %q: %s%s", c.refused, got.code, c.says, got.stdout, got.stderr)
			}
			works(c.follow(found[0])...)
			works("verify", "export --date 2026-01-01", "verify")
		})
	}
}
