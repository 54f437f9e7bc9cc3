package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// hostile is what a producer may send to the person who looks: commands to a terminal,
// lines that look like others, and text that runs backwards.
const hostile = "\x1b]0;owned\x07\x1b[2J\r\u202e\u2028\u200f\x7f\u009b31m"

// TestCommandsEscape gives hostile text to commands, as names, notes and ids.
func TestCommandsEscape(t *testing.T) {
	replayDir(t)
	id, err := json.Marshal("r0" + hostile)
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, "r", strings.ReplaceAll(requestLines(0, 20), `"r0"`, string(id)))
	putFile(t, "o", clickLines(2, 18)+`{"request_id": `+string(id)+`, "type": `+string(id)+`, "ts": "`+hostile+`"}`+"\n")
	for _, args := range [][]string{
		{"replay", "--requests", "r", "--outcomes", "o", "--complete"},
		{"replay", "--requests", "r", "--outcomes", "o", "--complete", "--max-rejected", "50%"},
		{"explain", "r0" + hostile},
		{"gap", "add", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z", "--note", hostile + "\nline"},
		{"gap", "list"}, {"gap", "list", "--json"}, {"status"}, {"verify"},
		{hostile}, {"run", "--" + hostile}, {"run", hostile}, {"config", "check", hostile},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			got := runMain(t, args...)
			for _, r := range got.stdout + got.stderr {
				if terminal.UnsafeRune(r) {
					t.Fatalf("it prints %q:\n%q\n%q", r, got.stdout, got.stderr)
				}
			}
		})
	}
}
