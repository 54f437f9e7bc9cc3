package main

import (
	"os"
	"strings"
	"testing"
)

// TestArchiveAndSQL: logs become an archive, and the query reads it. That its rows are
// those of a replay, joiner/sql shows.
func TestArchiveAndSQL(t *testing.T) {
	replayDir(t)
	putFile(t, "requests.jsonl", requestLines(0, 300))
	putFile(t, "outcomes.jsonl", clickLines(0, 300)+"nonsense\n")
	archived := runMain(t, "archive", "--requests", "requests.jsonl", "--outcomes", "outcomes.jsonl")
	if archived.code != 0 || !strings.Contains(archived.stderr, "outcomes: 151 read, 1 rejected") {
		t.Fatalf("archive ends with %d: %s", archived.code, archived.stderr)
	}
	letters, err := os.ReadFile("archive/rejected.jsonl")
	if err != nil || !strings.Contains(string(letters), `"input":"outcomes:outcomes.jsonl","seq":151`) {
		t.Errorf("what was rejected: %s (%v)", letters, err)
	}
	if again := runMain(t, "archive", "--requests", "requests.jsonl", "--outcomes", "outcomes.jsonl"); again.code != 2 {
		t.Errorf("a second archive in the same place ends with %d: %s", again.code, again.stderr)
	}
	for dialect, table := range map[string]string{
		"duckdb": "read_parquet('archive/requests/*.parquet'", "spark": "parquet.`archive/requests`",
	} {
		t.Run(dialect, func(t *testing.T) {
			got := runMain(t, "sql", "--dialect", dialect, "--create", "x.labels", "--complete")
			if got.code != 0 || !strings.Contains(got.stdout, table) || !strings.Contains(got.stdout, "CREATE TABLE ") {
				t.Errorf("%s ends with %d: %s%s", dialect, got.code, got.stdout, got.stderr)
			}
		})
	}
}

// TestRawSQL: the query reads files and tables of lines.
func TestRawSQL(t *testing.T) {
	replayDir(t)
	putFile(t, "labeljoin.yaml",
		"labels: {clicked: 'type == \"click\"'}\nfeatures: {mode: declared, declare: {age: int64}}\n")
	got := runMain(t, "sql", "--dialect", "duckdb", "--raw", "--requests", "logs/*.jsonl.gz", "--outcomes", "raw.outcomes")
	for _, want := range []string{"FROM read_csv('logs/*.jsonl.gz', ", "SELECT * FROM raw.outcomes", `AS "age"`} {
		if got.code != 0 || !strings.Contains(got.stdout, want) {
			t.Errorf("ends with %d, without %s: %s%s", got.code, want, got.stdout, got.stderr)
		}
	}
	got = runMain(t, "sql", "--dialect", "spark", "--raw", "--requests", "logs/r*.jsonl.gz", "--outcomes", "raw.outcomes")
	for _, want := range []string{"FROM text.`logs/r*.jsonl.gz` WITH (lineSep", "SELECT * FROM raw.outcomes", "AS `age`"} {
		if got.code != 0 || !strings.Contains(got.stdout, want) {
			t.Errorf("ends with %d, without %s: %s%s", got.code, want, got.stdout, got.stderr)
		}
	}
}

// TestSQLRefuses: what cannot be said ends with 2 and the reason, and stdout stays empty.
func TestSQLRefuses(t *testing.T) {
	replayDir(t)
	for name, c := range map[string]struct {
		config, want string
		args         []string
	}{
		"a condition": {`labels: {clicked: 'type matches "^c"'}`,
			"label clicked cannot be written as SQL: regular expressions", nil},
		"merge": {"join: {duplicates: merge}\nlabels: {clicked: 'true'}", "duplicates: merge cannot", nil},
		"raw, open": {`labels: {clicked: 'true'}`, "features.mode cannot",
			[]string{"--raw", "--requests", "r", "--outcomes", "o"}},
		"raw, a .zst file": {"labels: {clicked: 'true'}\nfeatures: {mode: declared}", "logs/r.jsonl.zst cannot",
			[]string{"--dialect", "spark", "--raw", "--requests", "logs/r.jsonl.zst", "--outcomes", "o"}},
		"raw, no table": {`labels: {clicked: 'true'}`, "--raw needs", []string{"--raw"}},
		"a dialect":     {`labels: {clicked: 'true'}`, "unknown dialect", []string{"--dialect", "oracle"}},
		"one table":     {`labels: {clicked: 'true'}`, "together", []string{"--requests", "r"}},
		"two to create": {`labels: {clicked: 'true'}`, "give one", []string{"--create", "a", "--view", "b"}},
		"a bad name":    {`labels: {clicked: 'true'}`, "no name of a table", []string{"--view", `a"b`}},
	} {
		t.Run(name, func(t *testing.T) {
			putFile(t, "labeljoin.yaml", c.config)
			args := append([]string{"sql", "--dialect", "duckdb"}, c.args...)
			if len(c.args) > 0 && c.args[0] == "--dialect" {
				args = append([]string{"sql"}, c.args...)
			}
			got := runMain(t, args...)
			if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, c.want) {
				t.Errorf("ends with %d: %q %s; want %q", got.code, got.stdout, got.stderr, c.want)
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
