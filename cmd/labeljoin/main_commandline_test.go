package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// TestCommandLine tries what people type. Nothing that is not understood may be
// ignored: it is refused with 2 and the way out.
func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	text := "name: %s\nlabels: {clicked: 'type == \"click\"'}\nstate: {dir: state}\noutput: {dir: labeled}\n"
	for _, name := range []string{"labeljoin", "staging"} {
		if err := os.WriteFile(name+".yaml", []byte(strings.Replace(text, "%s", name, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("empty.jsonl", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  string
		code  int
		says  string // in what is printed, to either
		stdin string
	}{
		// Commands and flags that do not exist.
		{args: "rnu", code: 2, says: "did you mean `labeljoin run`?"},
		{args: "frobnicate", code: 2, says: "there are demo, run, replay"},
		{args: "config chek", code: 2, says: "did you mean `labeljoin config check`?"},
		{args: "gap ad --from x", code: 2, says: "did you mean `labeljoin gap add`?"},
		{args: "gap delete 1", code: 2, says: "there are add, "},
		{args: "bench lve", code: 2, says: "did you mean `labeljoin bench live`?"},
		{args: "help rnu", code: 2, says: "did you mean run?"},
		{args: "run --confg x", code: 2, says: "did you mean --config?"},
		{args: "version --json", code: 2, says: "`labeljoin version` has no flag --json"},
		{args: "run --config", code: 2, says: "--config needs a value"},

		// Arguments.
		{args: "version foo", code: 2, says: `takes no arguments, and there is "foo"`},
		{args: "demo foo", code: 2, says: "takes no arguments"},
		{args: "replay requests.jsonl", code: 2, says: "takes no arguments"},
		{args: "explain", code: 2, says: "one REQUEST_ID"},
		{args: "replay --requests empty.jsonl --outcomes empty.jsonl --jobs -5", code: 2, says: "--jobs -5"},
		{args: "gap remove 1", code: 2, says: "there is no output at"},
		{args: "explain a b", code: 2, says: "one REQUEST_ID"},
		{args: "test", code: 2, says: "name the test files"},
		{args: "diff nothing labeled", code: 2, says: "there is no output and no file at nothing"},
		{args: "diff --labels a,b nothing", code: 2, says: "there is no output and no file at nothing"},
		{args: "view excel", code: 2, says: "takes one of datasets, duckdb"},
		{args: "help frobnicate", code: 2, says: "there are archive, bench, compact, completion, conditions, config, days,"},
		{args: "verify " + dir, code: 2, says: "an output is named with --from"},
		{args: "export --date 2026-01-01 --format csv", code: 2, says: `--format is parquet or tfrecord, and not "csv"`},
		{args: "export --date 2026-01-01 --shards 10001", code: 2, says: "--shards is from 0 to 10000, and not 10001"},
		{args: "config check a.yaml b.yaml", code: 2, says: "takes one configuration, and there are 2"},
		{args: "config init a.yaml b.yaml", code: 2, says: "writes one file"},
		{args: "config init staging.yaml", code: 2, says: "staging.yaml exists: name another file, or replace it with --force"},
		{args: "run a.yaml --config b.yaml", code: 2, says: "takes one configuration, and there are 2"},
		{args: "run other.yaml", code: 2, says: "no configuration at other.yaml"},
		{args: "run --config " + dir, code: 2, says: "is a directory"},
		{args: "status staging.yaml", code: 1, says: "not running"},
		{args: "status --json staging.yaml", code: 1, says: `"name": "staging"`},
		{args: "status staging.yaml --json", code: 1, says: `"name": "staging"`},
		{args: "status", code: 1, says: "labeljoin"},
		{args: "gap list staging.yaml", code: 0, says: "in force"},
		{args: "config check staging.yaml", code: 0, says: "staging.yaml is fine"},
		{args: "config print --config staging.yaml", code: 0, says: "name: staging"},
		{args: "config check -", code: 0, says: "standard input", stdin: strings.Replace(text, "%s", "piped", 1)},
		{args: "config check -", code: 2, says: "standard input:1:1", stdin: "nmae: x\n"},

		// Flags.
		{args: "status --config labeljoin.yaml --config staging.yaml", code: 2, says: "--config is given twice"},
		{args: "gap add", code: 2, says: "needs --from"},
		{args: "gap add --from 2026-01-01T00:00:00Z", code: 2, says: "needs --to"},
		{args: "replay --requests empty.jsonl", code: 2, says: "--outcomes"},
		{args: "replay --requests none.jsonl --outcomes empty.jsonl --out r1", code: 2, says: "none.jsonl"},
		{args: "replay --requests empty.jsonl --outcomes /dev/null --out r2 --gaps-of nothing", code: 2, says: "nothing"},
		{args: "verify --out nothing", code: 2, says: "no output at nothing"},
		{args: "verify --since monday", code: 2, says: "2026-11-23"},
		{args: "demo --duration soon", code: 2, says: `--duration "soon" is no length of time: write it like 90s or 30m`},
		{args: "demo --duration 20", code: 2, says: `--duration "20" is no length of time`},
		{args: "demo --rate 2x", code: 2, says: `--rate "2x" is no whole number`},
		{args: "retain --days x", code: 2, says: `--days "x" is no whole number`},
		{args: "bench live --outcomes x", code: 2, says: `--outcomes "x" is no number`},
		{args: "status --json=maybe", code: 2, says: `--json is given without a value`},
		{args: "status -x", code: 2, says: "has no flag -x"},
		{args: "gap add --dry-run --from 2026-01-01T00:00:00Z --to 2026-01-02T00:00:00Z", code: 2, says: "there is no output at"},

		// Times that cannot be held, and what is no time.
		{args: "gap add --from 1500-01-01T00:00:00Z --to 2026-01-01T01:00:00Z", code: 2, says: `--from "1500-01-01T00:00:00Z" is beyond`},
		{args: "gap add --from 2026-01-01T00:00:00Z --to 2300-01-01T01:00:00Z", code: 2, says: `--to "2300-01-01T01:00:00Z" is beyond`},
		{args: "gap add --from 2026-01-01 --to 2026-01-01T01:00:00Z", code: 2, says: `--from "2026-01-01" is no time`},
		{args: "replay --requests empty.jsonl --outcomes /dev/null --from 1500-01-01", code: 2, says: `--from: "1500-01-01" is beyond`},
		{args: "replay --requests empty.jsonl --outcomes /dev/null --to 9999-12-31T00:00:00Z", code: 2, says: `--to: "9999-12-31T00:00:00Z" is beyond`},
		{args: "replay --requests empty.jsonl --outcomes /dev/null --to soon", code: 2, says: `--to: "soon" is no time`},
		{args: "replay --from-stream --stream-from 1500-01-01T00:00:00Z", code: 2, says: `"1500-01-01T00:00:00Z" is beyond`},
		{args: "dump --out d --from 3000-01-01", code: 2, says: `"3000-01-01" is beyond`},
		{args: "deadletter list --since 1500-01-01T00:00:00Z", code: 2, says: `--since "1500-01-01T00:00:00Z" is beyond`},
		{args: "deadletter list --since 1500-01-01", code: 2, says: `--since "1500-01-01" is beyond`},
		{args: "deadletter list --since soon", code: 2, says: "or as a length of time, like 2h"},
		{args: "verify --since 3000-01-01", code: 2, says: `--since "3000-01-01" is beyond`},
		{args: "compact --before 2026-1-1", code: 2, says: `--before "2026-1-1" is no day`},
		{args: "export --date 1677-09-20", code: 2, says: `--date "1677-09-20" is beyond`},
		{args: "export --date 2026-01-01 --to 2262-04-12", code: 2, says: `--to "2262-04-12" is beyond`},

		// Help and version.
		{args: "--version", code: 0, says: "labeljoin "},
		{args: "version", code: 0, says: "labeljoin "},
		{args: "", code: 0, says: "COMMANDS"},
		{args: "help", code: 0, says: "COMMANDS"},
		{args: "help run", code: 0, says: "labeljoin run"},
		{args: "help config check", code: 0, says: "labeljoin config check"},
		{args: "config check --help", code: 0, says: "labeljoin config check"},
		{args: "run staging.yaml --help", code: 0, says: "labeljoin run"},
		{args: "config", code: 0, says: "check"},
		{args: "gap", code: 0, says: "list"},
	} {
		t.Run(c.args, func(t *testing.T) {
			got := runMainWith(t, c.stdin, strings.Fields(c.args)...)
			if got.code != c.code {
				t.Errorf("ends with %d, want %d\n%s%s", got.code, c.code, got.stdout, got.stderr)
			}
			if !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Errorf("does not say %q:\n%s%s", c.says, got.stdout, got.stderr)
			}
			if c.code == 2 && got.stdout != "" {
				t.Errorf("a wrong command line prints to standard output: %s", got.stdout)
			}
		})
	}
	if got := runMainWith(t, "", "explain", ""); got.code != 2 || !strings.Contains(got.stderr, "one REQUEST_ID") {
		t.Errorf("explaining no id ends with %d and says %s", got.code, got.stderr)
	}
	for _, name := range []string{"state", "labeled"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("looking makes the directory %s", name)
		}
	}
}

// TestOneRow looks at an output of one row, and at what is not in it.
func TestOneRow(t *testing.T) {
	replayDir(t)
	putFile(t, "r", requestLines(0, 1))
	putFile(t, "o", clickLines(0, 1))
	putFile(t, "rejected", clickLines(0, 1)+requestLines(0, 1))
	putFile(t, "faulty", clickLines(0, 1))
	gap := []string{"gap", "add", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z"}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"replay", "--requests", "r", "--outcomes", "o", "--complete"}, terminal.ExitDone, "rows are in"},
		{[]string{"status"}, terminal.ExitFailed, "1 row in 1 commit\n"},
		{[]string{"explain", "r0"}, terminal.ExitDone, "clicked is 1"},
		{[]string{"explain", "r1"}, terminal.ExitFailed, `request "r1" is not known`},
		{[]string{"explain", "r1", "--json"}, terminal.ExitFailed, `"standing": "unknown"`},
		{gap, terminal.ExitDone, "gap 1"},
		{[]string{"gap", "remove", "1"}, terminal.ExitDone, "gap 1 is taken back"},
		{[]string{"gap", "list"}, terminal.ExitDone, "gap 1 was taken back"},
		{[]string{"try", `type == "click"`, "--event", "o"}, terminal.ExitDone, "event 1: yes"},
		{[]string{"try", `type == "click"`, "--event", "rejected"}, terminal.ExitAnomaly, "2 events tried: 1 rejected, 0 without a result that counts"},
		{[]string{"try", `attrs.ms > 3`, "--event", "faulty"}, terminal.ExitAnomaly, "1 event tried: 0 rejected, 1 without"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			got := runMain(t, c.args...)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Errorf("it ends with %d, want %d, and says, not %q:\n%s%s", got.code, c.code, c.says, got.stdout, got.stderr)
			}
		})
	}
}
