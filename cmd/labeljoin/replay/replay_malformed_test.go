package replay_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/events"
)

// gzipped is a text, compressed.
func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is wrong with a log is told with its file and line, and stops the replay with Strict.
func TestMalformedLogs(t *testing.T) {
	whole := traffic(1)
	good := whole.requests.String()
	zipped := gzipped(t, good)
	const bomb = 32 << 20
	for name, c := range map[string]struct {
		file    []byte
		strict  string // what a strict replay says; empty: it goes on
		says    string // of the file, without it
		trusted bool   // it goes on only if the logs are trusted
	}{
		"truncated gzip": {file: zipped[:len(zipped)/2], strict: "ends too early", says: "ends too early",
			trusted: true},
		"half a line": {file: []byte(good + `{"request_id":"x","ts":17`), strict: "line 289: not_json",
			says: "line 289: not_json"},
		"wrong types": {file: []byte(good + `{"request_id":["a"],"ts":1760000000000}`),
			strict: "line 289: wrong_type", says: "line 289: wrong_type"},
		"no object":     {file: []byte(good + "\n\n7\n"), strict: "line 291", says: "line 291"},
		"an empty file": {says: "empty"},
		"a decompression bomb": {file: gzipped(t, good+strings.Repeat("\x00", bomb)), strict: "line 289: too_large",
			says: "line 289: too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, strict := range []bool{true, false} {
				dir := t.TempDir()
				r := whole.written(t, dir, configured(t, dir, ""))
				path := filepath.Join(dir, "more", filepath.Base(r.Files[events.KindRequest][0])) // of the same name
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, c.file, 0o600); err != nil {
					t.Fatal(err)
				}
				r.Files[events.KindRequest] = append(r.Files[events.KindRequest], path)
				r.Strict, r.Complete, r.Trusted = strict, true, c.trusted
				got := run(t, r)
				if strict && c.strict != "" {
					if got.err == nil || !strings.Contains(got.err.Error(), c.strict) {
						t.Errorf("strict: %v", got.err)
					}
					continue
				}
				told := strings.Join(got.report.Damaged, " ")
				for _, f := range got.report.Rejected {
					told += f.File + " " + f.First
				}
				for _, f := range got.report.Empty {
					told += "empty " + f
				}
				if got.err != nil || got.report.Rows != 288 || !strings.Contains(told, c.says) || !strings.Contains(told, path) {
					t.Errorf("%v, %d rows, it says %q of %s", got.err, got.report.Rows, told, path)
				}
			}
		})
	}
}

// Lines that are rejected are counted by file, even if files in several directories have one name.
func TestRejectedByFile(t *testing.T) {
	dir, logs := t.TempDir(), traffic(1)
	r := logs.written(t, dir, configured(t, dir, ""))
	for _, hour := range []string{"a", "b", "c", "d"} {
		path := filepath.Join(dir, hour, "request.jsonl")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(logs.requests.String(), `"r0`, `"`+hour)
		if err := os.WriteFile(path, []byte(text+"no event\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.Files[events.KindRequest] = append(r.Files[events.KindRequest], path)
	}
	r.MaxRejected = 0.005 // one of 289 is less, and four are more
	if got := run(t, r); got.err != nil || len(got.report.Rejected) != 4 {
		t.Errorf("%v, %+v", got.err, got.report.Rejected)
	}
}

// Lines that are rejected are counted by input, even if several inputs read one file.
func TestRejectedByInput(t *testing.T) {
	dir, logs := t.TempDir(), traffic(1)
	logs.outcomes.WriteString("no event\n")
	r := logs.written(t, dir, configured(t, dir, "  app: {subject: a, kind: outcome, map: {request_id: event.request_id, ts: event.ts, type: event.type}}\n"))
	r.Named = replay.Files("--events app", "app", r.Files[events.KindOutcome])
	r.MaxRejected = 0.005 // one of 318 is less, and two are more
	got := run(t, r)
	if got.err != nil || len(got.report.Rejected) != 2 {
		t.Fatalf("%v, %+v", got.err, got.report.Rejected)
	}
	for _, f := range got.report.Rejected {
		if f.Lines != 1 {
			t.Errorf("%d lines of %s are rejected, want 1", f.Lines, f.File)
		}
	}
}
