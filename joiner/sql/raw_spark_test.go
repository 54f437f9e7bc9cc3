package sql_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

// A query over raw lines takes Spark some fifteen seconds, however few lines there are: most of that it plans. So one
// query reads many lines there, of tables and of files at once.

var rawFlag = flag.Bool("raw", false, "have Spark run all queries over raw lines, and not a few of them: this takes minutes")

// skipLong ends a test whose queries take Spark long, unless they are asked for.
func skipLong(t *testing.T) {
	t.Helper()
	if !*rawFlag {
		t.Skip("these queries over raw lines take Spark minutes: -raw has it run them")
	}
}

// filesOf writes files with lines, and names them as Spark does. The pattern stands for all of them. They lie in a
// directory that is named like a partition of Hive.
func filesOf(t *testing.T, l *logs, dir, pattern string, contents map[string]string) string {
	t.Helper()
	day := filepath.Join(dir, "dt=2026-01-31")
	if err := os.MkdirAll(day, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range contents {
		writeFile(t, filepath.Join(day, name), content)
	}
	from, err := l.def.Raw.Lines(sql.DialectSpark, filepath.Join(dir, "dt=*", pattern))
	if err != nil {
		t.Fatal(err)
	}
	return "SELECT * FROM " + from
}

// inSeveral has a query read a third of the lines of logs from a table, and the others from files that have something
// around them: a byte order mark, blank lines, ends of lines as Windows has them, none behind the last line. What has
// a line feed in it is in the table.
func inSeveral(t *testing.T, l *logs, dialect sql.Dialect, dir string) (requests, outcomes string) {
	t.Helper()
	var inTable logs
	var inPlain, inPacked [events.Kinds][]string
	for i, m := range l.messages {
		switch line := string(m.Data); {
		case i/2%3 == 0 || strings.Contains(line, "\n"): // each second one is an outcome
			inTable.messages = append(inTable.messages, m)
		case i/2%3 == 1:
			inPlain[m.Kind] = append(inPlain[m.Kind], line)
		default:
			inPacked[m.Kind] = append(inPacked[m.Kind], line)
		}
	}
	tables := [events.Kinds]string{}
	tables[events.KindRequest], tables[events.KindOutcome] = writeLines(t, &inTable, dir)
	from := func(k events.Kind) string {
		return "(SELECT * FROM parquet.`" + tables[k] + "` UNION ALL " +
			filesOf(t, l, dir, k.String()+"*.jsonl", map[string]string{
				k.String() + "_it's.jsonl": "\ufeff" + strings.Join(inPlain[k], "\n \t\n"),
				k.String() + "_none.jsonl": "",
			}) + " UNION ALL " +
			filesOf(t, l, dir, k.String()+"*.jsonl.gz", map[string]string{
				k.String() + ".jsonl.gz": "\n\t\n " + strings.Join(inPacked[k], " \r\n\n") + "\n",
			}) + ")"
	}
	return from(events.KindRequest), from(events.KindOutcome)
}

// TestRawLinesInSpark is TestRawLines with TestRawFiles and TestRawFilesRead.
func TestRawLinesInSpark(t *testing.T) {
	in(t, sql.DialectSpark, func(t *testing.T) {
		l := oddLogs(t, max(1, *seedFlag), false)
		l.interpreted, l.tables = true, inSeveral
		// Whether a line is plain does not depend on what is a row.
		l.messages = somePlain(t, &l, problems(t, sql.DialectSpark, &l))
		all := []logs{l}
		if *rawFlag {
			perRequest := oddLogs(t, max(1, *seedFlag), true)
			perRequest.interpreted, perRequest.tables, perRequest.messages = true, inSeveral, l.messages
			all = append(all, perRequest)
		}
		compareIn(t, sql.DialectSpark, all)
	})
}

// TestRawProblemsInSpark: what is wrong with the lines of TestRawLinesStop and of the files of TestRawFilesStop. What
// DuckDB's reader takes differently in a file is plain where a replay takes it.
func TestRawProblemsInSpark(t *testing.T) {
	in(t, sql.DialectSpark, func(t *testing.T) {
		l := stopping(t, "join: {rows: item}\n")
		l.interpreted = true
		want := map[string]string{}
		for k, lines := range [events.Kinds]map[string]string{stoppingRequests, stoppingOutcomes} {
			for line, says := range lines {
				l.messages = append(l.messages, events.Message{Kind: events.Kind(k), Data: []byte(line)})
				want[events.Kind(k).String()+" "+line] = says
			}
		}
		l.messages = append(l.messages, goodMessages...)
		contents := slices.Sorted(maps.Keys(stoppingFiles(stoppingLine)))
		mark := func(i int) string { return fmt.Sprintf(`"click%02d"`, i) }
		l.tables = func(t *testing.T, l *logs, _ sql.Dialect, dir string) (requests, outcomes string) {
			t.Helper()
			requests, outcomes = writeLines(t, l, dir)
			files := map[string]string{}
			for i, content := range contents {
				files[fmt.Sprint("o", i, fileEndings[i%2])] = strings.ReplaceAll(content, `"click"`, mark(i))
			}
			return "parquet.`" + requests + "`", "(SELECT * FROM parquet.`" + outcomes + "` UNION ALL " +
				filesOf(t, l, dir, "o*.jsonl", files) + " UNION ALL " + filesOf(t, l, dir, "o*.jsonl.gz", nil) + ")"
		}
		found := problems(t, sql.DialectSpark, &l)
		for line, says := range want {
			if !strings.Contains(found[line], says) {
				t.Errorf("%s: the problem is %q, want %q", line, found[line], says)
			}
			delete(found, line)
		}
		problemsOfFiles(t, contents, mark, found)
	})
}

// problemsOfFiles holds what is wrong with the lines of files against what should be: of each file a mark is in the
// lines, as far as they have a type.
func problemsOfFiles(t *testing.T, contents []string, mark func(int) string, found map[string]string) {
	t.Helper()
	const line = stoppingLine
	plain := []string{line + "\r", line + "\r\n", line + "\r\r\n", "{\r" + line[1:], "\t \t " + line}
	used := map[string]bool{}
	for i, content := range contents {
		wrong := false
		for at := range found {
			_, bad, _ := strings.Cut(at, " ")
			if strings.Contains(bad, mark(i)) || slices.Contains(strings.Split(content, "\n"), bad) {
				wrong, used[at] = true, true
			}
		}
		if want := !slices.Contains(plain, content); wrong != want {
			t.Errorf("%.100q has a problem: %v, want %v", content, wrong, want)
		}
	}
	for at, problem := range found {
		if !used[at] {
			t.Errorf("%q has a problem: %s", at, problem)
		}
	}
}

// TestRawStopsInSpark: one line that is not plain stops the query, where it would have no row without it too. Spark
// runs these queries as over large logs: then it leaves out what cannot have rows, while it runs.
func TestRawStopsInSpark(t *testing.T) {
	in(t, sql.DialectSpark, func(t *testing.T) {
		request := stopping(t, "join: {rows: request}\n")
		request.name, request.usual, request.stops = "a request alone", true, "request_id is not given"
		request.messages = []events.Message{{Kind: events.KindRequest, Data: []byte(`{"ts":1000}`)}}
		all := []logs{request}
		if *rawFlag {
			outcome := withoutRows(t)
			outcome.name, outcome.usual, outcome.stops = "an outcome", true, "value is no number"
			outcome.messages = append(outcome.messages, events.Message{Kind: events.KindOutcome,
				Data: []byte(`{"request_id":"a","ts":1001,"type":"click","value":"1"}`)})
			plain := stopping(t, "join: {rows: item}\n")
			plain.name, plain.usual, plain.messages = "plain lines", true, goodMessages
			all = append(all, outcome, plain, cutOff(t))
		}
		compareIn(t, sql.DialectSpark, all)
	})
}

// cutOff is a log with a file that lacks its last bytes. The sessions of the tests pass over damaged files, where a
// query does not say otherwise.
func cutOff(t *testing.T) logs {
	t.Helper()
	l := stopping(t, "join: {rows: item}\n")
	l.name, l.usual, l.stops, l.messages = "a file that is cut off", true, "error while reading file", goodMessages
	l.tables = func(t *testing.T, l *logs, _ sql.Dialect, dir string) (requests, outcomes string) {
		t.Helper()
		requests, outcomes = writeLines(t, l, dir)
		lines := strings.Repeat(stoppingLine+"\n", 100)
		from := filesOf(t, l, dir, "o.jsonl.gz", map[string]string{"o.jsonl.gz": lines})
		file := filepath.Join(dir, "dt=2026-01-31", "o.jsonl.gz")
		info, err := os.Stat(file)
		if err == nil {
			err = os.Truncate(file, info.Size()-9)
		}
		if err != nil {
			t.Fatal(err)
		}
		return "parquet.`" + requests + "`", "(SELECT * FROM parquet.`" + outcomes + "` UNION ALL " + from + ")"
	}
	return l
}
