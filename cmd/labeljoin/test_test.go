package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/labeltest"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
)

const passing = `
tests:
  - name: a click
    events:
      - request: {request_id: r1, ts: 0s}
      - outcome: {request_id: r1, type: click, ts: 1d}
      - end: true
    rows: [{request_id: r1, clicked: 1, clicked_ts: 1d}]
  - name: another
    events:
      - request: {request_id: r1, ts: 0s}
      - end: true
    rows: [{request_id: r1, clicked: 0}]
`

// writeFile writes a file below dir and returns its path.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// testRun is what a call of `labeljoin test` comes to.
type testRun struct {
	name   string
	args   []string
	code   int
	out    []string // parts of what is printed
	err    []string // parts of the error
	hidden string   // what must not be printed
}

func (c *testRun) check(t *testing.T) {
	t.Parallel()
	out := &strings.Builder{}
	app := newApp()
	app.Writer, app.ErrWriter = out, out
	err := perform(context.Background(), app, append([]string{"labeljoin", "test"}, c.args...))
	code, message := 0, ""
	if err != nil {
		code, message = terminal.ExitCode(err), err.Error()
	}
	if code != c.code {
		t.Errorf("exit code %d, want %d: %v", code, c.code, err)
	}
	for _, part := range c.out {
		if !strings.Contains(out.String(), part) {
			t.Errorf("printed\n%s\nwhich does not have\n%s", out, part)
		}
	}
	for _, part := range c.err {
		if !strings.Contains(message, part) {
			t.Errorf("the error is\n%s\nwhich does not have\n%s", message, part)
		}
	}
	if c.hidden != "" && strings.Contains(out.String(), c.hidden) {
		t.Errorf("printed\n%s\nwith\n%s", out, c.hidden)
	}
}

func TestTestCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string { return writeFile(t, dir, name, text) }
	const rules = "join: {window: 2d}\nlabels: {clicked: 'type == \"click\"'}\n"
	write("labeljoin.yaml", rules)
	good := write("tests/good.yaml", "config: ../labeljoin.yaml"+passing)
	inline := write("inline.yaml", rules+passing)
	bad := write("bad.yaml", "config: labeljoin.yaml"+strings.ReplaceAll(passing, "clicked: 0", "clicked: 1"))
	typo := write("typo.yaml", "config: labeljoin.yaml"+strings.ReplaceAll(passing, "clicked: 0", "cliked: 0"))
	wrong := write("wrong.yaml", "config: labeljoin.yaml"+strings.ReplaceAll(passing, "events:", "event:"))
	expr := write("expr.yaml", strings.ReplaceAll(rules, "type ==", "typ ==")+passing)
	block := write("block.yaml", strings.ReplaceAll(rules, "window", "windw")+passing)
	lost := write("lost.yaml", "config: nowhere.yaml"+passing)

	for _, c := range []testRun{
		{name: "all pass", args: []string{good, inline}, out: []string{"ok    " + good + ": 2 of 2 cases pass", "ok    " + inline}, hidden: "a click"},
		{name: "verbose", args: []string{"-v", good}, out: []string{"pass  " + good + ":3: a click\n", ":9: another\n"}},
		{
			name: "one fails", args: []string{bad, good}, code: terminal.ExitFailed,
			out: []string{"FAIL  " + bad + ":9: another\n  " + bad + ":9: rows:\n", "want (line 13)  r1", "FAIL  " + bad + ": 1 of 2 cases pass\n", "ok    " + good},
			err: []string{"1 of 4 cases fail"},
		},
		{
			name: "a wrong file, and the others are run", args: []string{typo, good, wrong}, code: terminal.ExitUsage,
			out: []string{"FAIL  " + typo + ": cannot be run", "ok    " + good},
			err: []string{typo + `:13:29: unknown name "cliked"; did you mean "clicked"?`, wrong + `:4:5: unknown name "event"; did you mean "events"?`},
		},
		{name: "a wrong expression", args: []string{expr}, code: terminal.ExitUsage, err: []string{expr + ":2:", `did you mean "type"?`}},
		{name: "a wrong block", args: []string{block}, code: terminal.ExitUsage, err: []string{block + ":1:", `did you mean "window"?`}},
		{name: "no configuration", args: []string{lost}, code: terminal.ExitUsage, err: []string{"no configuration at " + filepath.Join(dir, "nowhere.yaml")}},
		{name: "no such file", args: []string{filepath.Join(dir, "none")}, code: terminal.ExitUsage, err: []string{"no such file"}},
		{name: "no file named", code: terminal.ExitUsage, err: []string{"name the test files"}},
		{name: "an unknown option", args: []string{"--quick", good}, code: terminal.ExitUsage, err: []string{"quick"}},
	} {
		t.Run(c.name, c.check)
	}
}

func TestTestsStopWhenTold(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	err := labeltest.Run(ctx, &strings.Builder{}, []string{"../../joiner/testdata/semantics/window.yaml"}, false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stopped, it returns %v", err)
	}
}

// TestDurationsOfTestFiles holds that test files write durations as
// configurations do.
func TestDurationsOfTestFiles(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0", "40s", "-1s", "2d", "-1d12h", "1w", "30m1ns"} {
		got, err := labeltest.Notation().Duration(text)
		want, wantErr := config.ParseDuration(text)
		if err != nil || wantErr != nil || got != want.Std() {
			t.Errorf("%s is %v (%v), want %v (%v)", text, got, err, want, wantErr)
		}
	}
}
