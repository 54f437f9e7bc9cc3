package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/pierrec/lz4/v4"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// wantClicks are the rows of requestLines(0, n) and clickLines(0, n).
func wantClicks(n int) []string {
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("r%d %d closed", i, 1-i%2))
	}
	slices.Sort(want)
	return want
}

// asArray, asCSV and asParquet are JSON lines in other formats.
func asArray(t *testing.T, lines string) []byte {
	t.Helper()
	return []byte("[\n" + strings.Join(strings.Split(strings.TrimSpace(lines), "\n"), ",\n ") + "\n]\n")
}

type flat struct {
	ID    string `json:"request_id" parquet:"request_id"`
	TS    int64  `json:"ts" parquet:"ts,timestamp(millisecond)"`
	Type  string `json:"type" parquet:"type,optional"`
	Model string `json:"model" parquet:"model,optional"`
}

func flatOf(t *testing.T, lines string) (all []flat) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		var f flat
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

func asCSV(t *testing.T, lines string) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("request_id;ts;type;model\r\n")
	for _, f := range flatOf(t, lines) {
		fmt.Fprintf(&b, "%s;%d;%s;%q\r\n", f.ID, f.TS, f.Type, f.Model)
	}
	return b.Bytes()
}

func asParquet(t *testing.T, lines string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.Write(&b, flatOf(t, lines)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func putBytes(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func compressed(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	var z, l bytes.Buffer
	zw, lw := gzip.NewWriter(&z), lz4.NewWriter(&l)
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, write := range []func() error{
		func() error { _, err := zw.Write(data); return err }, zw.Close,
		func() error { _, err := lw.Write(data); return err }, lw.Close,
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	return map[string][]byte{"plain": data, "gzip": z.Bytes(), "lz4": l.Bytes(), "zstd": e.EncodeAll(data, nil)}
}

// TestReplayFormats: the same logs in another format, compressed or not, whatever the
// names of the files say, give the same rows.
func TestReplayFormats(t *testing.T) {
	replayDir(t)
	requests, outcomes := requestLines(0, 50), clickLines(0, 50)
	for format, as := range map[string]func(*testing.T, string) []byte{
		"lines": func(_ *testing.T, lines string) []byte { return []byte(lines) }, "array": asArray, "CSV": asCSV,
	} {
		for codec, r := range compressed(t, as(t, requests)) {
			t.Run(format+" "+codec, func(t *testing.T) {
				putBytes(t, "r", r)
				putBytes(t, "o", compressed(t, as(t, outcomes))[codec])
				replaysTo(t, wantClicks(50), "--requests", "r", "--outcomes", "o")
			})
		}
	}
	t.Run("Parquet", func(t *testing.T) {
		putBytes(t, "r", asParquet(t, requests))
		putBytes(t, "o", asParquet(t, outcomes))
		replaysTo(t, wantClicks(50), "--requests", "r", "--outcomes", "o")
	})
}

// replaysTo replays and looks at the rows.
func replaysTo(t *testing.T, want []string, args ...string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	got := runMain(t, append([]string{"replay", "--complete", "--out", out}, args...)...)
	if got.code != 0 {
		t.Fatalf("ends with %d: %s", got.code, got.stderr)
	}
	if rows := clickedRows(t, out); !slices.Equal(rows, want) {
		t.Errorf("%d rows, want %d: %v", len(rows), len(want), rows)
	}
}

// TestReplayFindsFiles: directories, and patterns over directories.
func TestReplayFindsFiles(t *testing.T) {
	replayDir(t)
	putBytes(t, "r/dt=1/a.jsonl", []byte(requestLines(0, 10)))
	putBytes(t, "r/dt=2/h=3/b.jsonl", []byte(requestLines(10, 10)))
	putBytes(t, "r/_SUCCESS", nil)
	putBytes(t, "r/.part", []byte("{"))
	putBytes(t, "o/x/c.json", asArray(t, clickLines(0, 10)))
	putBytes(t, "o/d.csv", asCSV(t, clickLines(10, 10)))
	putBytes(t, "empty", nil)
	for name, args := range map[string][]string{
		"directories":  {"--requests", "r", "--outcomes", "o"},
		"patterns":     {"--requests", "r/**/*.jsonl", "--outcomes", "o/**"},
		"both":         {"--requests", "r/dt=1", "--requests", "r/*/*/*", "--outcomes", "o/x", "--outcomes", "o/*.{csv,tsv}"},
		"an empty one": {"--requests", "r", "--outcomes", "o", "--outcomes", "empty"},
	} {
		t.Run(name, func(t *testing.T) { replaysTo(t, wantClicks(20), args...) })
	}
}

// TestReplayInParts: the outputs of the parts together are the whole.
func TestReplayInParts(t *testing.T) {
	replayDir(t)
	putFile(t, "r", requestLines(0, 100))
	putFile(t, "o", clickLines(0, 100))
	var rows []string
	for i := range 3 {
		out := fmt.Sprint("out", i)
		if got := runMain(t, "replay", "--complete", "--requests", "r", "--outcomes", "o", "--out", out, "--partition", fmt.Sprintf("%d/3", i)); got.code != 0 {
			t.Fatal(got.stderr)
		}
		some := clickedRows(t, out)
		if len(some) == 0 || len(some) == 100 {
			t.Errorf("part %d has %d rows", i, len(some))
		}
		rows = append(rows, some...)
	}
	if slices.Sort(rows); !slices.Equal(rows, wantClicks(100)) {
		t.Errorf("%d rows of all parts", len(rows))
	}
	for _, part := range []string{"3/3", "-1/3", "1", "a/b", "0/0"} {
		if got := runMain(t, "replay", "--requests", "r", "--outcomes", "o", "--partition", part); got.code != terminal.ExitUsage {
			t.Errorf("--partition %s ends with %d", part, got.code)
		}
	}
}

// TestReplayBounds: only requests of a time have rows; a dry run writes none; the report
// as JSON has the days.
func TestReplayBounds(t *testing.T) {
	replayDir(t)
	putFile(t, "r", requestLines(0, 20))
	putFile(t, "o", clickLines(0, 20))
	replaysTo(t, []string{"r5 0 closed", "r6 1 closed", "r7 0 closed"}, "--requests", "r", "--outcomes", "o", "--from", "2026-01-01T00:00:05Z", "--to", "2026-01-01T00:00:08Z")
	got := runMain(t, "replay", "--complete", "--requests", "r", "--outcomes", "o", "--out", "dry", "--dry-run", "--json")
	var report struct {
		Rows    int64
		Written bool
		Days    []struct {
			Day                                 string
			Requests, Rows, Positives, Outcomes int64
		}
	}
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != 0 {
		t.Fatalf("%v, %d: %s%s", err, got.code, got.stdout, got.stderr)
	}
	if report.Written || report.Rows != 20 || len(report.Days) != 1 || report.Days[0].Positives != 10 || report.Days[0].Outcomes != 10 || report.Days[0].Day != "2026-01-01" {
		t.Errorf("%+v", report)
	}
	if _, err := os.Stat("dry"); !os.IsNotExist(err) {
		t.Errorf("a dry run has written: %v", err)
	}
}

// TestReplayMalformed: what is damaged is named with its file and line, nothing is
// written, and a person may decide to go on.
func TestReplayMalformed(t *testing.T) {
	replayDir(t)
	putFile(t, "r", requestLines(0, 2000))
	outcomes := clickLines(0, 2000)
	putFile(t, "o", outcomes)
	zipped := compressed(t, []byte(outcomes))
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"truncated gzip":      {zipped["gzip"][:len(zipped["gzip"])/2], "bad, line "},
		"truncated zstd":      {zipped["zstd"][:len(zipped["zstd"])/2], "bad, line "},
		"no gzip":             {[]byte("\x1f\x8bnonsense"), "bad: it begins like gzip and is not"},
		"an array not closed": {asArray(t, outcomes)[:5000], "the array is not closed"},
		"truncated Parquet":   {asParquet(t, outcomes)[:5000], "has no footer"},
		"Parquet of nothing":  {[]byte("PAR1PAR1"), "too short"},
	} {
		t.Run(name, func(t *testing.T) {
			putBytes(t, "bad", c.data)
			args := []string{"replay", "--complete", "--requests", "r", "--outcomes", "o", "--outcomes", "bad", "--out", filepath.Join(t.TempDir(), "out")}
			got := runMain(t, args...)
			if got.code != terminal.ExitRefused || !strings.Contains(got.stderr, c.says) || !strings.Contains(got.stderr, "Nothing was written") {
				t.Errorf("ends with %d: %s", got.code, got.stderr)
			}
			if strict := runMain(t, append(args, "--strict")...); strict.code != terminal.ExitRefused || !strings.Contains(strict.stderr, c.says) {
				t.Errorf("--strict ends with %d: %s", strict.code, strict.stderr)
			}
			if on := runMain(t, append(args, "--trust-logs", "--max-rejected", "1")...); on.code != 0 || !strings.Contains(on.stderr, "damaged: ") {
				t.Errorf("--trust-logs ends with %d: %s", on.code, on.stderr)
			}
		})
	}
	putFile(t, "half", outcomes[:len(outcomes)-7])
	got := runMain(t, "replay", "--complete", "--strict", "--requests", "r", "--outcomes", "half", "--out", "strict")
	if got.code != terminal.ExitRefused || !strings.Contains(got.stderr, "outcomes:half line 1000: not_json") {
		t.Errorf("half a line with --strict ends with %d: %s", got.code, got.stderr)
	}
}

// TestReplayOddLogs has a file whose name is no text, and times in seconds that are read as milliseconds.
func TestReplayOddLogs(t *testing.T) {
	replayDir(t)
	const name = "r\xff\xfe.jsonl"
	if err := os.WriteFile(name, []byte(requestLines(0, 3)+"no event\n"), 0o600); err != nil {
		t.Skipf("the file system wants names that are texts: %v", err)
	}
	putFile(t, "o", clickLines(0, 3))
	inSeconds := strings.NewReplacer("1767225600", "1767225", "1767225601", "1767225", "1767225602", "1767225")
	putFile(t, "seconds", inSeconds.Replace(requestLines(0, 3)))
	putFile(t, "seconds.o", inSeconds.Replace(clickLines(0, 3)))
	const warned = "every event is stamped in 1970"
	for _, c := range []struct {
		name, requests, outcomes string
		warns                    bool
	}{
		{"a name that is no text", name, "o", false},
		{"seconds", "seconds", "seconds.o", true},
		{"seconds, and no outcomes", "seconds", os.DevNull, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := runMain(t, "replay", "--requests", c.requests, "--outcomes", c.outcomes, "--complete", "--max-rejected", "1",
				"--out", t.TempDir())
			if got.code != 0 {
				t.Fatal(got.stderr)
			}
			if warns := strings.Contains(got.stderr, warned) && strings.Contains(got.stderr, "time_unit: s"); warns != c.warns {
				t.Errorf("it says %s", got.stderr)
			}
		})
	}
}
