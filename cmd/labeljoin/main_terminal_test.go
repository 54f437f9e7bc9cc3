package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// hostile is what a producer may send to the person who looks: commands to a terminal,
// lines that look like others, and text that runs backwards.
const hostile = "\x1b]0;owned\x07\x1b[2J\r\u202e\u2028\u200f\x7f\u009b31m"

func TestSafeWriter(t *testing.T) {
	for _, c := range []struct{ name, write, want string }{
		{"plain text", "a label\tis\nüber 日本 👍🏽", "a label\tis\nüber 日本 👍🏽"},
		{"control characters", "\x1b[2J\r\a\x00", `\u001b[2J\u000d\u0007\u0000`},
		{"C1 and DEL", "\u009b\u0085\x7f", `\u009b\u0085\u007f`},
		{"marks of direction", "a\u202eb\u2066c\u200f", `a\u202eb\u2066c\u200f`},
		{"separators", "a\u2028b\u2029", `a\u2028b\u2029`},
		{"bytes that are no text", "a\x9b\xffb", "a\ufffd\ufffdb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, at := range []int{0, 1, 2, len(c.write) / 2} {
				var out strings.Builder
				w := &terminal.SafeWriter{To: &out}
				for _, part := range []string{c.write[:at], c.write[at:], ""} {
					if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
						t.Fatal(n, err)
					}
				}
				if out.String() != c.want {
					t.Errorf("written in two parts at %d: %q, want %q", at, out.String(), c.want)
				}
			}
		})
	}
	t.Run("JSON stays JSON", func(t *testing.T) {
		var out strings.Builder
		if err := json.NewEncoder(&terminal.SafeWriter{To: &out}).Encode(hostile); err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back != hostile || strings.ContainsFunc(strings.TrimSpace(out.String()), unicode.IsControl) {
			t.Errorf("%q is read as %q (%v)", out.String(), back, err)
		}
	})
	t.Run("a line stays a line", func(t *testing.T) {
		var out strings.Builder
		w := &terminal.LineWriter{To: &out}
		w.Line("id %s, %q", "a\nclicked is 1\tb", "c\nd")
		if want := `id a\u000aclicked is 1\u0009b, "c\\u000ad"` + "\n"; out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	})
}

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

// TestSQLHasNamesAsTheyAre: an escape would be the name of another column, which there is not.
func TestSQLHasNamesAsTheyAre(t *testing.T) {
	replayDir(t)
	const name = "a\u202eb"
	putFile(t, "r", `{"request_id": "r0", "ts": "2026-01-01T00:00:00Z", "features": {"`+name+`": 1}}`+"\n")
	if got := runMain(t, "replay", "--requests", "r", "--outcomes", "/dev/null", "--complete", "--out", "again"); got.code != 0 {
		t.Fatal(got.stderr)
	}
	if got := runMain(t, "view", "duckdb", "--from", "again"); got.code != 0 || !strings.Contains(got.stdout, name) {
		t.Errorf("ends with %d; the name is not there: %s\n%s", got.code, got.stderr, got.stdout)
	}
}

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
