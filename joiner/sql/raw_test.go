package sql_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

// raw has a query read the lines of logs themselves, with some features declared.
func raw(l *logs, features ...rowfile.Feature) {
	r := &sql.Raw{MaxBytes: 1 << 20, MaxDepth: 32}
	for k := range l.decoders {
		r.Units[k] = l.decoders[k].Unit
	}
	for _, f := range features {
		r.Features = append(r.Features, sql.RawFeature{Column: f.Name, Type: f.Type})
	}
	l.features, l.def.Raw = features, r
}

type rawLine struct {
	Line string `parquet:"line"`
}

// writeLines writes the lines of logs as tables with one column.
func writeLines(t *testing.T, l *logs, dir string) (requests, outcomes string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var tables [events.Kinds]string
	for k := range tables {
		var lines []rawLine
		for i := range l.messages {
			if m := &l.messages[i]; m.Kind == events.Kind(k) {
				lines = append(lines, rawLine{string(m.Data)})
			}
		}
		tables[k] = filepath.Join(dir, events.Kind(k).String()+".parquet")
		if err := parquet.WriteFile(tables[k], lines); err != nil {
			t.Fatal(err)
		}
	}
	return tables[events.KindRequest], tables[events.KindOutcome]
}

// raw writes the lines that a query reads, and names them as an engine does.
func (l *logs) raw(t *testing.T, dialect sql.Dialect, dir string) (requests, outcomes string) {
	t.Helper()
	if l.tables != nil {
		return l.tables(t, l, dialect, dir)
	}
	requests, outcomes = writeLines(t, l, dir)
	if dialect == sql.DialectSpark {
		return "parquet.`" + requests + "`", "parquet.`" + outcomes + "`"
	}
	return "read_parquet('" + requests + "')", "read_parquet('" + outcomes + "')"
}

var minusZero = regexp.MustCompile(`:-0\.0\b`)

// TestRawHistories: a query that reads the lines itself gives the rows of a replay, whole, for generated histories.
func TestRawHistories(t *testing.T) {
	inEach(t, func(t *testing.T, dialect sql.Dialect) {
		n := uint64(15)
		if dialect == sql.DialectSpark {
			n = 5
			skipLong(t)
		}
		if testing.Short() {
			n = 5
		}
		if *seedsFlag > 0 {
			n = uint64(*seedsFlag+3) / 4 // the query is long
		}
		first := uint64(1)
		if *seedFlag != 0 {
			first, n = *seedFlag, *seedFlag
		}
		var all []logs
		for seed := first; seed <= n; seed++ {
			all = append(all, rawHistory(seed, dialect))
		}
		compareIn(t, dialect, all)
	})
	if t.Failed() {
		t.Logf("to see one again: go test ./joiner/sql -run '^%s$' -seed N", t.Name())
	}
}

// rawHistory is a generated history, without the lines that would stop the query.
func rawHistory(seed uint64, dialect sql.Dialect) logs {
	l := history(seed, true)
	if l.def.Rules.SampleRate > 0 {
		l.def.Rules.SampleHash = joiner.SampleSHA256
	}
	l.messages = slices.DeleteFunc(l.messages, func(m events.Message) bool {
		_, _, err := l.decoders[m.Kind].Stamp(m.Kind, m.Data)
		return err != nil || dialect == sql.DialectSpark && minusZero.Match(m.Data)
	})
	raw(&l, rowfile.Feature{Name: "f0", Type: "double"}, rowfile.Feature{Name: "f1", Type: "int64"},
		rowfile.Feature{Name: "f2", Type: "float32"}, rowfile.Feature{Name: "item_h1", Type: "int64"})
	return l
}

const rawLabels = `labels:
  clicks: {when: 'type == "click" && attrs.n != 3', window: 1s, value: count}
  spent: {when: 'type == "buy"', window: 1s, value: sum}
  said: {when: 'true', window: 1s, value: last, columns: {said_n: {value: attrs.n, type: double}, said_t: {value: attrs.n, type: string},
    said_b: {value: attrs.n, type: bool}, said_o: {value: 'attrs.o["a/b"]', type: string}}}
  asked: {when: '"n" in attrs || attrs.o["a/b"] == nil', window: 1s}
`

// oddLogs are lines of which each is an event of its own, or no plain one.
func oddLogs(t *testing.T, seed uint64, perRequest bool) logs {
	t.Helper()
	join := "join: {rows: item}\n"
	if perRequest {
		join = "join: {rows: request}\n"
	}
	c, err := config.DecodeRules("labels", []byte(join+rawLabels))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := wire.Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	l := logs{name: fmt.Sprint("seed ", seed), def: wire.Definition(c, rules)}
	l.def.Complete = true
	var features []rowfile.Feature
	for _, prefix := range []string{"", "item_"} {
		for name, typ := range map[string]string{"num": "double", "int": "int64", "single": "float32", "text": "string",
			"flag": "bool", "nums": "list<double>",
			"ints": "list<int64>", "singles": "list<float32>", "texts": "list<string>", "flags": "list<bool>"} {
			features = append(features, rowfile.Feature{Name: prefix + name, Type: typ})
		}
	}
	raw(&l, features...)
	r := rand.New(rand.NewPCG(seed, 0x726177))
	for i := range 1500 {
		l.messages = append(l.messages, events.Message{Kind: events.KindRequest, Data: []byte(oddRequest(r, i))},
			events.Message{Kind: events.KindOutcome, Data: []byte(oddOutcome(r, i))})
	}
	l.messages = append(l.messages, events.Message{Kind: events.KindRequest,
		Data: []byte(paddedRequest + strings.Repeat(" ", 1<<20))})
	return l
}

// paddedRequest has so many spaces behind it that it is longer than limits.event_bytes.
const paddedRequest = `{"request_id":"padded","ts":1000}`

// TestRawLines: what a query takes for plain, of lines that are odd in every place, it reads as a replay does. All
// other lines have a problem, with which the query stops.
func TestRawLines(t *testing.T) {
	first, n := uint64(1), uint64(1+*seedsFlag/50) // a seed has 6000 lines
	if *seedFlag != 0 {
		first, n = *seedFlag, *seedFlag
	}
	in(t, sql.DialectDuckDB, func(t *testing.T) {
		var all []logs
		for seed := first; seed <= n; seed++ {
			for _, perRequest := range []bool{false, true} {
				l := oddLogs(t, seed, perRequest)
				l.messages = somePlain(t, &l, problems(t, sql.DialectDuckDB, &l))
				all = append(all, l)
			}
		}
		compareIn(t, sql.DialectDuckDB, all)
	})
	if t.Failed() {
		t.Logf("to see one again: go test ./joiner/sql -run '^%s$' -seed N", t.Name())
	}
}

// somePlain are the messages of odd logs whose lines have no problem: some of all.
func somePlain(t *testing.T, l *logs, bad map[string]string) []events.Message {
	t.Helper()
	if bad["request "+paddedRequest] == "" {
		t.Errorf("%s: a line that is too long for a replay is plain", l.name)
	}
	plain := plainOf(l.messages, bad)
	if len(plain) < len(l.messages)/3 || len(plain) > len(l.messages)*9/10 {
		t.Errorf("%s: %d of %d lines are plain", l.name, len(plain), len(l.messages))
	}
	return plain
}

// plainOf are the messages whose lines have no problem.
func plainOf(messages []events.Message, bad map[string]string) (plain []events.Message) {
	for _, m := range messages {
		if bad[m.Kind.String()+" "+strings.Trim(string(m.Data), " \t\r\n")] == "" {
			plain = append(plain, m)
		}
	}
	return plain
}

// problems asks an engine what is wrong with each line: by kind and line.
func problems(t *testing.T, dialect sql.Dialect, l *logs) map[string]string {
	t.Helper()
	dir := t.TempDir()
	def := l.def
	def.Requests, def.Outcomes = l.raw(t, dialect, dir)
	plan, err := sql.NewPlan(def, dialect)
	if err != nil {
		t.Fatal(err)
	}
	c := comparison{Name: l.name, Interpreted: l.interpreted, Write: filepath.Join(dir, "problems")}
	if c.Query, err = plan.Problems(); err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "case"), append(line, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dialect, filepath.Join(dir, "case"), 1)
	data, err := os.ReadFile(c.Write)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	rows := bufio.NewScanner(bytes.NewReader(data))
	rows.Buffer(nil, 1<<24)
	for rows.Scan() {
		var row [3]string
		if err := json.Unmarshal(rows.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		if row[2] != "" {
			found[row[0]+" "+row[1]] = row[2]
		}
	}
	return found
}

// goodMessages are a request and an outcome of it.
var goodMessages = []events.Message{
	{Kind: events.KindRequest, Data: []byte(`{"request_id":"a","ts":1000}`)},
	{Kind: events.KindOutcome, Data: []byte(`{"request_id":"a","ts":1001,"type":"click"}`)},
}

// stoppingRequests are requests that are not plain, and what is wrong with them.
var stoppingRequests = map[string]string{
	`{"request_id":"b","ts":1000`:                                                              "strict JSON",
	`{"request_id":"b","ts":1000,"score":-0}`:                                                  "strict JSON",
	`{"request_id":"b","ts":1000,"x":{"y":{"a":1,"\u0061":2}}}`:                                "two members of one name",
	`{"request_id":"b","ts":"yesterday"}`:                                                      "its time",
	`{"ts":1000}`:                                                                              "request_id is not given",
	`{"request_id":1.5,"ts":1000}`:                                                             "request_id is no text",
	`{"request_id":"b","ts":1000,"score":"0.5"}`:                                               "score is no number",
	`{"request_id":"b","ts":1000,"features":{"age":"old"}}`:                                    "not of its type: age",
	`{"request_id":"b","ts":1000,"features":{"Age":1}}`:                                        "in case only",
	`{"request_id":"b","ts":1000,"features":{"a":1e999}}`:                                      "does not hold the number",
	`{"request_id":"b","ts":1000,"features":{"a":[[1]]}}`:                                      "a list of lists",
	`{"request_id":"b","ts":1000,"features":{"geo":{"lat":1}}}`:                                "features hold an object",
	`{"request_id":"b","ts":1000,"items":[{"item_id":"a"},{"item_id":"a"}]}`:                   "that of another item",
	`{"request_id":"b","ts":1000,"items":[{"item_id":"a","score":"1"}]}`:                       "score is no number",
	`{"request_id":"b","ts":1000,"items":[{"item_id":"a"},{"item_id":"b","position":0.5}]}`:    "position is no whole number",
	`{"request_id":"b","ts":1000,"items":[{"item_id":"a"},{"item_id":"b","position":1e-400}]}`: "position is no whole number",
}

// stoppingOutcomes are outcomes like that, of a request that is there.
var stoppingOutcomes = map[string]string{
	`{"request_id":"a","ts":1001,"type":"click","value":"1"}`:         "value is no number",
	`{"request_id":"a","ts":1001,"type":7}`:                           "type is not given",
	`{"request_id":"a","ts":1001,"type":"click","item_id":""}`:        "item_id is no text",
	`{"request_id":"a","ts":1001,"type":"click","attrs":[]}`:          "attrs is no object",
	`{"request_id":"a","ts":1001,"type":"click","attrs":{"n":1e999}}`: "a double does not hold",
	`{"heartbeat":1001,"x":1}`:                                        "request_id is not given",
}

// TestRawLinesStop: one line that is not plain stops the query, and the error says what is wrong with it, whichever
// rows the query would give without it.
func TestRawLinesStop(t *testing.T) {
	var all []logs
	for _, line := range slices.Sorted(maps.Keys(stoppingRequests)) {
		l := stopping(t, "join: {rows: "+[]string{"item", "request"}[len(all)%2]+"}\n")
		l.name, l.stops = line, stoppingRequests[line]
		if len(all)%3 > 0 { // else it is alone, and there is no row
			l.messages = append(l.messages, goodMessages...)
		}
		l.messages = append(l.messages, events.Message{Kind: events.KindRequest, Data: []byte(line)})
		all = append(all, l)
	}
	for _, line := range slices.Sorted(maps.Keys(stoppingOutcomes)) {
		l := withoutRows(t)
		l.name, l.stops = line, stoppingOutcomes[line]
		l.messages = append(l.messages, events.Message{Kind: events.KindOutcome, Data: []byte(line)})
		all = append(all, l)
	}
	in(t, sql.DialectDuckDB, func(t *testing.T) { compareIn(t, sql.DialectDuckDB, all) })
}

// withoutRows is a log with a request of which the query makes no row.
func withoutRows(t *testing.T) logs {
	t.Helper()
	l := stopping(t, "join: {negatives: seen, impression: 'type == \"view\"'}\n")
	l.messages = append(l.messages, goodMessages[0])
	return l
}

// stopping is a configuration with a label that reads an attribute and a feature.
func stopping(t *testing.T, join string) logs {
	t.Helper()
	c, err := config.DecodeRules("labels", []byte(join+"labels:\n  clicked: {when: 'attrs.n != 1 || request.features.a == 1', window: 1m}\n"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := wire.Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	l := logs{def: wire.Definition(c, rules)}
	l.def.Complete = true
	raw(&l, rowfile.Feature{Name: "age", Type: "int64"})
	return l
}

// TestRawRefuses: what a query over raw lines lacks is refused by its name.
func TestRawRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sql.Definition)
		what   string
	}{
		"evolve":   {func(d *sql.Definition) { d.Raw.Open = true }, "features.mode"},
		"rename":   {func(d *sql.Definition) { d.Raw.Renamed = true }, "output.rename"},
		"sampling": {func(d *sql.Definition) { d.Rules.SampleRate = 0.5 }, "join.sample_hash"},
		"json": {func(d *sql.Definition) { d.Raw.Features = []sql.RawFeature{{Column: "x", Type: "json"}} },
			"features.declare.x"},
		"other": {func(d *sql.Definition) {
			d.Raw.Features = []sql.RawFeature{{Column: "item_Feature_x",
				Type: "double"}}
		}, "features.declare.item_Feature_x"},
		"own": {func(d *sql.Definition) { d.Raw.Features = []sql.RawFeature{{Column: "labeljoin_ts", Type: "double"}} },
			"features.declare.labeljoin_ts"},
		"a slash": {func(d *sql.Definition) { d.Raw.Features = []sql.RawFeature{{Column: "a/b", Type: "double"}} },
			"features.declare.a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			d := clicked()
			d.Raw = &sql.Raw{MaxBytes: 1000, MaxDepth: 4}
			c.change(&d)
			_, err := sql.NewPlan(d, sql.DialectSpark)
			if refused, ok := errors.AsType[*sql.RefusedError](err); !ok || refused.What != c.what {
				t.Errorf("the error is %v, want a refusal of %s", err, c.what)
			}
		})
	}
}
