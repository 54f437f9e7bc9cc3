package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// replayDir is a folder with a configuration, in which a test works.
func replayDir(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	text := "join: {window: 10s, lateness: 1s}\nlabels: {clicked: 'type == \"click\"'}\noutput: {dir: labeled}\nlog: {level: error}\n"
	putFile(t, "labeljoin.yaml", text)
}

func putFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// requestLines are requests r<from>, r<from+1>, ..., one a second.
func requestLines(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"request_id": "r%d", "ts": %d, "model": "m"}`+"\n", from+i, 1767225600000+1000*(from+i))
	}
	return b.String()
}

// clickLines are clicks on every second of them, half a second later.
func clickLines(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i += 2 {
		fmt.Fprintf(&b, `{"request_id": "r%d", "type": "click", "ts": %d}`+"\n", i, 1767225600500+1000*i)
	}
	return b.String()
}

// clickedRows are "id clicked reason" of all rows below an output, sorted.
func clickedRows(t *testing.T, out string) []string {
	t.Helper()
	var rows []string
	err := filepath.WalkDir(filepath.Join(out, "data"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !strings.HasSuffix(path, ".parquet") {
			return err
		}
		type row struct {
			ID      string `parquet:"request_id"`
			Clicked *int64 `parquet:"clicked,optional"`
			Reason  string `parquet:"reason"`
		}
		some, err := parquet.ReadFile[row](path)
		for _, r := range some {
			label := "null"
			if r.Clicked != nil {
				label = fmt.Sprint(*r.Clicked)
			}
			rows = append(rows, fmt.Sprintf("%s %s %s", r.ID, label, r.Reason))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(rows)
	return rows
}

// commitsOf counts the manifests of an output.
func commitsOf(t *testing.T, out string) int {
	t.Helper()
	manifests, err := filepath.Glob(filepath.Join(out, "_commits", "p0000", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	return len(manifests)
}

// TestReplayReadsEveryFile gives rotated logs, in any order and notation.
func TestReplayReadsEveryFile(t *testing.T) {
	replayDir(t)
	putFile(t, "r1.jsonl", requestLines(0, 10))
	putFile(t, "r2.jsonl", requestLines(10, 10))
	putFile(t, "o1.jsonl", clickLines(10, 10)+"\n\n")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(clickLines(0, 10))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	putFile(t, "o2.jsonl", zipped.String())
	if err := os.Mkdir("r3.jsonl", 0o700); err != nil { // a pattern passes over directories
		t.Fatal(err)
	}
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprintf("r%d %d closed", i, 1-i%2))
	}
	slices.Sort(want)
	for i, args := range []string{
		"--requests r1.jsonl --requests r2.jsonl --outcomes o1.jsonl --outcomes o2.jsonl",
		"--requests r2.jsonl --requests r1.jsonl --outcomes o2.jsonl --outcomes o1.jsonl",
		"--requests r*.jsonl --outcomes o?.jsonl",
		"--requests=r1.jsonl --outcomes o1.jsonl --requests=r2.jsonl --requests r1.jsonl --outcomes o2.jsonl",
	} {
		t.Run(args, func(t *testing.T) {
			out := fmt.Sprint("out", i)
			got := runMain(t, append([]string{"replay", "--complete", "--out", out}, strings.Fields(args)...)...)
			if got.code != 0 {
				t.Fatalf("ends with %d: %s", got.code, got.stderr)
			}
			if rows := clickedRows(t, out); !slices.Equal(rows, want) {
				t.Errorf("rows %q\nwant %q", rows, want)
			}
		})
	}
	t.Run("standard input", func(t *testing.T) {
		// A process has one standard input, and a test none: the files are checked.
		for _, args := range [][]string{{"-", "-"}, {"r1.jsonl", "r1.jsonl"}} {
			got := runMain(t, "replay", "--requests", args[0], "--outcomes", args[1], "--out", "out9")
			if got.code != terminal.ExitUsage || !strings.Contains(got.stderr, "each file holds one kind") {
				t.Errorf("%v ends with %d: %s", args, got.code, got.stderr)
			}
		}
	})
}

// TestReplayWantsEvidence gives logs from which no negative may be made. A
// replay stops before it writes, says what to look at, and a flag goes on.
func TestReplayWantsEvidence(t *testing.T) {
	replayDir(t)
	many := strings.Repeat("x\n", 4)
	for name, text := range map[string]string{
		"r": requestLines(0, 200), "o": clickLines(0, 200), "empty": "", "blank": "\n \n",
		"some": clickLines(0, 200) + "\n" + `{"request_id": "r1"}` + "\n",
		"bad":  clickLines(0, 200) + many, "worse": many, "badr": requestLines(0, 200) + many,
		"foreign":    strings.ReplaceAll(clickLines(0, 200), `: "r`, `: "R-`),
		"early":      strings.ReplaceAll(clickLines(0, 200), `"ts": 1767225`, `"ts": 1767203`),
		"two":        requestLines(0, 2),
		"fewforeign": strings.ReplaceAll(clickLines(0, 4), `: "r`, `: "R-`),
	} {
		t.Run(name, func(t *testing.T) {
			putFile(t, name, text)
		})
	}
	putBytes(t, "columns", asParquet(t, clickLines(0, 200)))
	putFile(t, "priced", strings.ReplaceAll(clickLines(0, 200), `"click"`, `"click", "value": "EUR 5"`))
	for i, c := range []struct {
		name, args string
		code       int
		says       string
		onward     string // the flag that goes on
	}{
		{name: "all is well", args: "--requests r --outcomes o"},
		{name: "one line of a hundred and one", args: "--requests r --outcomes some"},
		{name: "too many rejected", args: "--requests r --outcomes bad", code: 3, says: "4 of 104 lines of --outcomes bad were rejected, the first in line 101", onward: "--max-rejected=5%"},
		{name: "too many rejected of one file", args: "--requests r --outcomes o --outcomes worse", code: 3, says: "4 of 4 lines of --outcomes worse", onward: "--max-rejected=1"},
		{name: "too many requests rejected", args: "--requests badr --outcomes o", code: 3, says: "4 of 204 lines of --requests badr", onward: "--max-rejected 2%"},
		{name: "requests as outcomes", args: "--requests r --outcomes two", code: 3, says: "--outcomes two holds requests", onward: "--max-rejected=100%"},
		{name: "outcomes with a wrong value", args: "--requests r --outcomes priced", code: 3, says: "100 of 100 lines of --outcomes priced were rejected, the first in line 1: wrong_type: value is"},
		{name: "outcomes as requests", args: "--requests o --outcomes foreign", code: 3, says: "--requests o holds outcomes", onward: "--trust-logs"},
		{name: "outcomes as requests, in Parquet", args: "--requests columns --outcomes foreign", code: 3, says: "--requests columns holds outcomes", onward: "--trust-logs"},
		{name: "exchanged", args: "--requests o --outcomes r", code: 3, says: "holds outcomes", onward: "--trust-logs --max-rejected=1"},
		{name: "ids of another kind", args: "--requests r --outcomes foreign", code: 3, says: "none of 100 outcomes belongs to any request (100 orphan)", onward: "--trust-logs"},
		{name: "times of another zone", args: "--requests r --outcomes early", code: 3, says: "none of 100 outcomes belongs to any request (100 orphan)", onward: "--trust-logs"},
		{name: "a few ids of another kind", args: "--requests r --outcomes fewforeign", code: 3, says: "none of 2 outcomes", onward: "--trust-logs"},
		{name: "no outcome", args: "--requests r --outcomes empty", code: 3, says: "200 requests and no outcome", onward: "--trust-logs"},
		{name: "blank lines", args: "--requests r --outcomes blank", code: 3, says: "200 requests and no outcome", onward: "--trust-logs"},
		{name: "no request", args: "--requests empty --outcomes o", code: 3, says: "no request beside 100 outcomes", onward: "--trust-logs"},
		{name: "no outcome, said so", args: "--requests r --outcomes /dev/null"},
		{name: "too few requests to tell", args: "--requests two --outcomes empty"},
		{name: "no share", args: "--requests r --outcomes o --max-rejected many", code: 2, says: "--max-rejected"},
		{name: "less memory than is kept", args: "--requests r --outcomes o --memory 127MiB", code: 2, says: "give it 128MiB or more"},
		{name: "a share beyond all", args: "--requests r --outcomes o --max-rejected 101%", code: 2, says: "--max-rejected"},
		{name: "a directory", args: "--requests . --outcomes o", code: 2, says: "is given as --requests and as --outcomes"},
		{name: "no match", args: "--requests r*.gz --outcomes o", code: 2, says: "no file matches"},
		{name: "a list with commas", args: "--requests r,two --outcomes o", code: 2, says: "once for each file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := fmt.Sprint("out", i)
			args := append([]string{"replay", "--complete", "--out", out}, strings.Fields(c.args)...)
			got := runMain(t, args...)
			if got.code != c.code || !strings.Contains(got.stderr, c.says) {
				t.Fatalf("ends with %d, want %d and %q: %s", got.code, c.code, c.says, got.stderr)
			}
			if n := commitsOf(t, out); c.code != 0 && n > 0 {
				t.Errorf("there are %d commits", n)
			}
			if c.onward == "" {
				return
			}
			if got = runMain(t, append(args, strings.Fields(c.onward)...)...); got.code != 0 {
				t.Errorf("with %s it ends with %d: %s", c.onward, got.code, got.stderr)
			}
		})
	}
	t.Run("without --complete nothing is taken for a negative", func(t *testing.T) {
		got := runMain(t, "replay", "--requests", "r", "--outcomes", "empty", "--out", "incomplete")
		if got.code != 0 {
			t.Errorf("ends with %d: %s", got.code, got.stderr)
		}
		if says := "200 of 200 rows have the reason incomplete: labels whose windows reach past the last outcome are null in them; " +
			"--complete says that no outcome is missing after it"; !strings.Contains(got.stderr, says) {
			t.Errorf("it does not say %q: %s", says, got.stderr)
		}
		for _, row := range clickedRows(t, "incomplete") {
			if !strings.HasSuffix(row, "null incomplete") {
				t.Errorf("row %s", row)
			}
		}
	})
}

// TestReplayDeadLettersNameTheFile finds a dead letter's line in its own file.
func TestReplayDeadLettersNameTheFile(t *testing.T) {
	replayDir(t)
	putFile(t, "r.jsonl", requestLines(0, 4))
	putFile(t, "a.jsonl", clickLines(0, 4))
	putFile(t, "b.jsonl", "\n"+clickLines(0, 2)+"broken\n")
	got := runMain(t, "replay", "--requests", "r.jsonl", "--outcomes", "a.jsonl", "--outcomes", "b.jsonl", "--max-rejected", "50%")
	if got.code != 0 {
		t.Fatal(got.stderr)
	}
	letters, err := filepath.Glob("labeled/deadletter/*.jsonl")
	if err != nil || len(letters) != 1 {
		t.Fatalf("dead letters %v (%v)", letters, err)
	}
	text, err := os.ReadFile(letters[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"input":"outcomes:b.jsonl"`, `"seq":3`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the dead letter lacks %s: %s", want, text)
		}
	}
}
