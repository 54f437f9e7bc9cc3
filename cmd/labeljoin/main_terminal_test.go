package main

import (
	"encoding/json"
	"errors"
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

// fullDisk is a standard output that takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestResultsThatAreNotWritten prints where nothing can be written. Who asked must learn it.
func TestResultsThatAreNotWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	putFile(t, "labeljoin.yaml", "name: feed\nnats: {embedded: true}\njoin: {window: 10s, lateness: 1s}\n"+
		"labels: {clicked: 'type == \"click\"'}\noutput: {dir: labeled}\n")
	putFile(t, "labels_test.yaml", "config: labeljoin.yaml\ntests:\n  - name: a negative\n    events:\n"+
		"      - request: {request_id: r1, ts: 0s}\n      - end: true\n    rows:\n      - {request_id: r1, clicked: 0}\n")
	putFile(t, "o", clickLines(1, 2))
	for _, args := range [][]string{
		{"test", "labels_test.yaml"}, {"test", "--json", "labels_test.yaml"}, {"try", `type == "click"`, "--event", "o"},
		{"map", "--input", "outcomes", "o"}, {"config", "check"}, {"config", "print"}, {"config", "reference"},
		{"help"}, {"--help"}, {"run", "--help"}, {"help", "conditions"}, {"version"}, {"--version"}, {"notices"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			if got := runMain(t, args...); got.code != terminal.ExitDone {
				t.Fatalf("it ends with %d: %s", got.code, got.stderr)
			}
			var talk strings.Builder
			code := execute(t.Context(), append([]string{"labeljoin"}, args...), strings.NewReader(""), fullDisk{}, &talk)
			if code != terminal.ExitFailed || !strings.Contains(talk.String(), "no space left") {
				t.Errorf("it ends with %d and says %q", code, talk.String())
			}
		})
	}
}

// TestTalkThatIsNotWritten talks where nothing can be written. The work is done all the same.
func TestTalkThatIsNotWritten(t *testing.T) {
	replayDir(t)
	putFile(t, "r", requestLines(0, 20))
	putFile(t, "o", clickLines(2, 18))
	for _, args := range [][]string{
		{"replay", "--requests", "r", "--outcomes", "o", "--complete"},
		{"archive", "--requests", "r", "--outcomes", "o"},
		{"verify"}, {"compact"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			var out strings.Builder
			code := execute(t.Context(), append([]string{"labeljoin"}, args...), strings.NewReader(""), &out, fullDisk{})
			if code != terminal.ExitDone {
				t.Errorf("it ends with %d and prints %q", code, out.String())
			}
		})
	}
}
