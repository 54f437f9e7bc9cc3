package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// hostile is what a producer may send to the person who looks: commands to a terminal,
// lines that look like others, and text that runs backwards.
const hostile = "\x1b]0;owned\x07\x1b[2J\r\u202e\u2028\u200f\x7f\u009b31m"

// forgery is a line that looks like one of ours.
const forgery = "\nverified: a forgery"

// hostileLogs writes logs whose every name and value is hostile, and an output made of them.
func hostileLogs(t *testing.T) {
	t.Helper()
	replayDir(t)
	quoted, err := json.Marshal(hostile + forgery)
	if err != nil {
		t.Fatal(err)
	}
	odd := string(quoted)
	more := `, "user_id": ` + odd + `, "features": {"age": 1, "city": ` + odd + `, ` + odd + `: 2}, `
	putFile(t, "r", strings.NewReplacer(`"r0"`, odd, `"m"}`, odd+more+`"items": [{"item_id": `+odd+`, "features": {`+odd+`: `+odd+`}}, {"item_id": "b"}]}`).Replace(requestLines(0, 20)))
	putFile(t, "o", clickLines(2, 18)+
		`{"request_id": `+odd+`, "type": `+odd+`, "ts": 1767225600000, "item_id": `+odd+`, "attrs": {`+odd+`: `+odd+`}, `+odd+`: 1}`+"\n"+
		`{"request_id": `+odd+`, "type": "click", "ts": 1767225600100, "item_id": `+odd+`, "outcome_id": `+odd+`}`+"\n"+
		`{"request_id": "x`+odd[1:]+`, "type": "click", "ts": 1767225600200}`+"\n")
	putFile(t, "bad", `{"request_id": `+odd+`, "type": `+odd+`, "ts": `+odd+"}\n")
	putFile(t, "tests.yaml", "labels: {clicked: 'type == \"click\"'}\ntests:\n  - name: "+odd+"\n    events:\n"+
		"      - request: {request_id: "+odd+", ts: 0s}\n    rows:\n      - {request_id: "+odd+", clicked: 1}\n")
	for _, args := range []string{
		"replay --requests r --outcomes o --outcomes bad --max-rejected 100% --complete",
		"replay --requests r --outcomes /dev/null --complete --out other", "schema infer labeled/data --schema s.pbtxt",
	} {
		if made := runMain(t, strings.Fields(args)...); made.code != terminal.ExitDone {
			t.Fatalf("%s ends with %d: %s", args, made.code, made.stderr)
		}
	}
}

// escaping are command lines that meet what is hostile; the first words are the command.
func escaping() [][]string {
	var lines [][]string
	for _, args := range []string{
		"replay --requests r --outcomes o --complete --out new",
		"replay --requests r --outcomes o --outcomes bad --complete --out third --max-rejected 50%",
		"replay --requests r --outcomes bad --complete --out fourth", "archive --requests r --outcomes o --out archive",
		"test tests.yaml", "test -v tests.yaml", "test --json tests.yaml", "test --junit - tests.yaml",
		"try type==\"click\" --event o", "try type==\"click\" --event bad", "try attrs.x>1 --event o --json",
		"map --input outcomes o", "map --input outcomes bad", "map --input requests r", "explain r2",
		"explain --json r2", "status", "verify", "diff labeled other", "diff labeled new --json",
		"gap list", "deadletter list", "deadletter show", "deadletter show --json", "days", "days --json",
		"days --count", "export --date 2026-01-01",
		"export --date 2026-01-01 --partial", "features suggest", "stats labeled/data", "stats --json labeled/data",
		"stats --slice city labeled/data", "schema infer labeled/data --schema new.pbtxt",
		"schema show --schema s.pbtxt",
		"schema freeze --schema s.pbtxt labeled/data", "schema update --schema s.pbtxt other/data",
		"validate --against labeled/data other/data", "validate --against labeled/data other/data --json",
		"health --date 2026-01-01 --slice city", "health --date 2026-01-01 --json", "window labeled/data",
		"window labeled/data --json", "report --date 2026-01-01 --slice city",
		"sample labeled/data", "sample --by slice --slice city labeled/data", "compact", "retain --days 1",
	} {
		lines = append(lines, strings.Fields(args))
	}
	odd := hostile + forgery
	return append(lines, [][]string{
		{"explain", odd}, {"explain", "--json", odd}, {"explain", hostile + "none"},
		{"gap", "add", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z", "--note", odd},
		{"gap", "list"}, {"gap", "list", "--json"}, {"gap", "remove", "1", "--note", odd},
		{hostile}, {"run", "--" + hostile}, {"run", hostile},
		{"config", "check", hostile}, {"config", "print", hostile}, {"config", "reference", hostile},
	}...)
}

// TestCommandsEscape gives hostile text to commands, as names, values, notes and ids. No command hands it to a terminal,
// and no text of an event begins a line.
func TestCommandsEscape(t *testing.T) {
	hostileLogs(t)
	lines := escaping()
	for i, args := range lines {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			got := runMain(t, args...)
			if i < 3 && got.stdout+got.stderr == "" {
				t.Error("it says nothing")
			}
			for _, r := range got.stdout + got.stderr {
				if terminal.UnsafeRune(r) {
					t.Fatalf("it prints %q:\n%q\n%q", r, got.stdout, got.stderr)
				}
			}
			if strings.Contains("\n"+got.stdout+"\n"+got.stderr, forgery) {
				t.Errorf("a text of an event begins a line:\n%s\n%s", got.stdout, got.stderr)
			}
		})
	}
	// These print nothing of events, or need a server; or they print a program for an engine, which a pipe must have as
	// it is, and a terminal has escaped.
	left := []string{
		"demo", "top", "doctor", "dump", "deadletter retry", "gap log", "config init", "config presets", "bench",
		"completion", "help", "notices", "version", "read-columns", "view", "sql",
	}
	var walk func(name string, commands []*cli.Command)
	walk = func(name string, commands []*cli.Command) {
		for _, c := range commands {
			full := strings.TrimSpace(name + " " + c.Name)
			walk(full, c.Subcommands)
			is := func(args []string) bool { return strings.HasPrefix(strings.Join(args, " ")+" ", full+" ") }
			if !slices.ContainsFunc(lines, is) && !slices.Contains(left, full) && name != "bench" && c.Name != "help" {
				t.Errorf("escaping lacks %s", full)
			}
		}
	}
	walk("", newApp().Commands)
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
