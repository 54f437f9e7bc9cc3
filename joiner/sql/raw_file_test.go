package sql_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

// fileEndings are how the names of files end that a query over raw lines reads. Spark has no .zst.
var fileEndings = []string{".jsonl", ".jsonl.gz", ".jsonl.zst"}

// writeFile writes a file, packed as its name says.
func writeFile(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Ext(path) {
	case ".gz":
		w := gzip.NewWriter(f)
		_, err = w.Write([]byte(content))
		if err == nil {
			err = w.Close()
		}
	case ".zst":
		w, failed := zstd.NewWriter(f)
		if failed != nil {
			t.Fatal(failed)
		}
		_, err = w.Write([]byte(content))
		if err == nil {
			err = w.Close()
		}
	default:
		_, err = f.WriteString(content)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// inFiles has a query read the lines of logs from files: what stands before the lines of each kind, and behind every
// line, is given. A file lies in a directory that is named like a partition of Hive, and has a quote in its name.
func inFiles(ending, before, behind string) func(*testing.T, *logs, sql.Dialect, string) (requests, outcomes string) {
	return func(t *testing.T, l *logs, dialect sql.Dialect, dir string) (requests, outcomes string) {
		t.Helper()
		var names [events.Kinds]string
		for k := range names {
			var content strings.Builder
			content.WriteString(before)
			for i := range l.messages {
				if m := &l.messages[i]; m.Kind == events.Kind(k) {
					content.WriteString(string(m.Data) + behind)
				}
			}
			in := filepath.Join(dir, events.Kind(k).String(), "dt=2026-01-31")
			if err := os.MkdirAll(in, 0o700); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(in, "it's"+ending), content.String())
			var err error
			names[k], err = l.def.Raw.Lines(dialect, filepath.Join(dir, events.Kind(k).String(), "dt=*", "it*"+ending))
			if err != nil {
				t.Fatal(err)
			}
		}
		return names[events.KindRequest], names[events.KindOutcome]
	}
}

// TestRawFiles: of the lines of files a query takes the same ones for plain as of those of tables, and reads them as a
// replay does. Lines with a carriage return are left out: they stop the query, which TestRawFilesStop shows.
func TestRawFiles(t *testing.T) {
	first, n := uint64(1), uint64(1+*seedsFlag/50)
	if *seedFlag != 0 {
		first, n = *seedFlag, *seedFlag
	}
	in(t, sql.DialectDuckDB, func(t *testing.T) {
		var all []logs
		for seed := first; seed <= n; seed++ {
			l := oddLogs(t, seed, seed%2 == 0)
			l.messages = slices.DeleteFunc(l.messages, func(m events.Message) bool {
				return strings.ContainsAny(string(m.Data), "\r\n") || strings.Contains(string(m.Data), "\t \t ")
			})
			bad := problems(t, sql.DialectDuckDB, &l)
			plain := plainOf(l.messages, bad)
			for _, ending := range fileEndings[:2] {
				l := l
				l.name = fmt.Sprint(l.name, " in ", ending)
				l.tables = inFiles(ending, "\n", "\n")
				inFile := problems(t, sql.DialectDuckDB, &l)
				for line := range inFile {
					if bad[line] == "" {
						t.Errorf("%s: %q is not plain: %s", l.name, line, inFile[line])
					}
				}
				if !maps.Equal(bad, inFile) {
					t.Errorf("%s: %d lines have a problem, want %d", l.name, len(inFile), len(bad))
				}
				l.messages = plain
				all = append(all, l)
			}
		}
		compareIn(t, sql.DialectDuckDB, all)
	})
	if t.Failed() {
		t.Logf("to see one again: go test ./joiner/sql -run '^%s$' -seed N", t.Name())
	}
}

// TestRawFilesRead: what stands around plain lines, and is no event to a replay, is none to a query.
func TestRawFilesRead(t *testing.T) {
	in(t, sql.DialectDuckDB, func(t *testing.T) { compareIn(t, sql.DialectDuckDB, readFromFiles(t)) })
}

// readFromFiles are logs with files that have something around plain lines.
func readFromFiles(t *testing.T) (all []logs) {
	t.Helper()
	for _, c := range []struct{ what, before, behind string }{
		{"lines", "", "\n"},
		{"a byte order mark", "\ufeff", "\n"},
		{"blank lines", "\n \n\t\n\n", "\n\n"},
		{"white space", " \t", " \t\n\t"},
		{"no end of the last line", "", ""}, // each kind has one line
	} {
		ending := fileEndings[len(all)%len(fileEndings)]
		l := stopping(t, "join: {rows: request}\n")
		l.name, l.tables = c.what+" in "+ending, inFiles(ending, c.before, c.behind)
		l.messages = []events.Message{
			{Kind: events.KindRequest, Data: []byte(`{"request_id":"a","ts":1000,"features":{"age":7}}`)},
			{Kind: events.KindOutcome, Data: []byte(`{"request_id":"a","ts":1001,"type":"click","attrs":{"n":2}}`)},
		}
		all = append(all, l)
	}
	l := stopping(t, "join: {rows: request}\n")
	l.name, l.tables = "empty files", inFiles(".jsonl", "", "\n")
	l.messages = []events.Message{{Kind: events.KindRequest, Data: []byte(`{"request_id":"a","ts":1000}`)}}
	return append(all, l)
}

// stoppingLine is an outcome that would be the label of its request.
const stoppingLine = `{"request_id":"a","ts":1001,"type":"click","attrs":{"n":2}}`

// stoppingFiles are the contents of files that DuckDB stops at, and what it says: at what a replay rejects, though a
// reader of JSON or of CSV would pass over it, and at what the reader of DuckDB would take differently ("CSV"). Each
// outcome would be the label of the request.
func stoppingFiles(line string) map[string]string {
	return map[string]string{
		"\v" + line:                          "strict JSON",
		line + "\f":                          "strict JSON",
		line + "\n\f":                        "strict JSON",
		"\x00" + line:                        "strict JSON",
		line + "\x00":                        "strict JSON",
		line + "\u00a0":                      "strict JSON",
		line + "\n\ufeff" + line:             "strict JSON",
		"\ufeff\ufeff" + line:                "strict JSON",
		line + " " + line:                    "strict JSON",
		line + "\x01":                        "strict JSON",
		line + ",":                           "strict JSON",
		`"` + line + `"`:                     "strict JSON",
		"#" + line:                           "strict JSON",
		"NULL":                               "strict JSON",
		"\x01":                               "it is NULL",
		line + "\xff":                        "CSV",
		line + "\r":                          "CSV",
		line + "\r\n":                        "CSV",
		line + "\r" + line:                   "CSV",
		line + "\r" + line + "\n":            "CSV",
		line + "\r\r\n":                      "CSV",
		"{\r" + line[1:]:                     "CSV",
		line + "\t \t x":                     "CSV",
		"\t \t " + line:                      "CSV",
		line + strings.Repeat(" ", 3<<20):    "CSV",
		"[" + line + "]":                     "strict JSON",
		"lines\n" + line:                     "strict JSON",
		strings.Replace(line, ":", ":\n", 1): "strict JSON",
	}
}

// TestRawFilesStop: a query stops at what a replay rejects in a file.
func TestRawFilesStop(t *testing.T) {
	in(t, sql.DialectDuckDB, func(t *testing.T) {
		var all []logs
		for content, says := range stoppingFiles(stoppingLine) {
			ending := fileEndings[len(all)%len(fileEndings)]
			l := stopping(t, "join: {rows: request}\n")
			l.name, l.stops = fmt.Sprintf("%.100q in %s", content, ending), says
			l.messages = []events.Message{
				{Kind: events.KindRequest, Data: []byte(`{"request_id":"a","ts":1000}`)},
				{Kind: events.KindOutcome, Data: []byte(content)},
			}
			l.tables = inFiles(ending, "", []string{"", "\n"}[len(all)%2])
			all = append(all, l)
		}
		compareIn(t, sql.DialectDuckDB, all)
	})
}

// TestRawFilesRefused: files are refused by their names that Spark may leave out or cut off in silence.
func TestRawFilesRefused(t *testing.T) {
	r := &sql.Raw{MaxBytes: 1000}
	for name, says := range map[string]string{
		"logs/a.jsonl": "", "logs/*": "", "raw.requests": "", "a.json.gz": "", "logs/[!._]*/[!._]?.jsonl": "", "logs/dt=*/p*.ndjson": "",
		"_logs/a.jsonl": "", "s3a://b/logs/a.jsonl": "",
		"a.jsonl.zst": "first frame", "logs/**/a.jsonl": "**", "logs/a**.jsonl": "**", "logs/*.jsonl": "[!._]*.jsonl", "*/a.jsonl": "[!._]*",
		"logs/?a.jsonl": "[!._]?a.jsonl", "{_a,a}.jsonl": "underscore", "logs/[ab].jsonl": "underscore", "logs/_a.jsonl": "rename it",
		"logs/.a.jsonl": "rename it", "logs/.jsonl": "rename it",
	} {
		t.Run(name, func(t *testing.T) {
			from, err := r.Lines(sql.DialectSpark, name)
			refused, ok := errors.AsType[*sql.RefusedError](err)
			switch {
			case says == "" && (err != nil || !strings.Contains(from, name)):
				t.Errorf("it is %q, %v", from, err)
			case says != "" && (!ok || !strings.Contains(refused.Reason, says)):
				t.Errorf("the error is %v, want a refusal that says %q", err, says)
			}
		})
	}
}
