package sql_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// inDuckDB skips a test where other engines are asked for: only the query for DuckDB reads lines.
func inDuckDB(t *testing.T) {
	t.Helper()
	if _, ok := engines(t)[sql.DialectDuckDB]; !ok || strings.Contains(*engineFlag, ",") {
		t.Skip("only the query for DuckDB reads raw lines")
	}
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

// linesOf are the tables of lines as DuckDB names them.
func linesOf(t *testing.T, l *logs, dir string) (requests, outcomes string) {
	t.Helper()
	requests, outcomes = writeLines(t, l, dir)
	return "read_parquet('" + requests + "')", "read_parquet('" + outcomes + "')"
}

// raw writes the lines that a query reads, and names them as DuckDB does.
func (l *logs) raw(t *testing.T, dir string) (requests, outcomes string) {
	t.Helper()
	if l.tables != nil {
		return l.tables(t, l, dir)
	}
	return linesOf(t, l, dir)
}

// TestRawHistories: a query that reads the lines itself gives the rows of a replay, whole, for generated histories.
func TestRawHistories(t *testing.T) {
	inDuckDB(t)
	n := uint64(15)
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
		l := history(seed)
		if l.def.Rules.SampleRate > 0 {
			l.def.Rules.SampleHash = joiner.SampleSHA256
		}
		l.messages = slices.DeleteFunc(l.messages, func(m events.Message) bool {
			_, _, err := l.decoders[m.Kind].Stamp(m.Kind, m.Data)
			return err != nil // it would stop the query
		})
		raw(&l, rowfile.Feature{Name: "f0", Type: "double"}, rowfile.Feature{Name: "f1", Type: "int64"},
			rowfile.Feature{Name: "f2", Type: "float32"}, rowfile.Feature{Name: "item_h1", Type: "int64"})
		all = append(all, l)
	}
	compare(t, all)
	if t.Failed() {
		t.Logf("to see one again: go test ./joiner/sql -run '^%s$' -seed N", t.Name())
	}
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
	inDuckDB(t)
	first, n := uint64(1), uint64(1+*seedsFlag/50) // a seed has 6000 lines
	if *seedFlag != 0 {
		first, n = *seedFlag, *seedFlag
	}
	var all []logs
	for seed := first; seed <= n; seed++ {
		for _, perRequest := range []bool{false, true} {
			l := oddLogs(t, seed, perRequest)
			before := len(l.messages)
			bad := problems(t, &l)
			l.messages = plainOf(l.messages, bad)
			if bad["request "+paddedRequest] == "" {
				t.Errorf("%s: a line that is too long for a replay is plain", l.name)
			}
			if len(l.messages) < before/3 || len(l.messages) > before*9/10 {
				t.Errorf("%s: %d of %d lines are plain", l.name, len(l.messages), before)
			}
			all = append(all, l)
		}
	}
	compare(t, all)
	if t.Failed() {
		t.Logf("to see one again: go test ./joiner/sql -run '^%s$' -seed N", t.Name())
	}
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

// problems asks DuckDB what is wrong with each line: by kind and line.
func problems(t *testing.T, l *logs) map[string]string {
	t.Helper()
	dir := t.TempDir()
	def := l.def
	def.Requests, def.Outcomes = l.raw(t, dir)
	plan, err := sql.NewPlan(def, sql.DialectDuckDB)
	if err != nil {
		t.Fatal(err)
	}
	c := map[string]string{"name": l.name, "write": filepath.Join(dir, "problems")}
	if c["query"], err = plan.Problems(); err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "case"), append(line, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "duckdb", filepath.Join(dir, "case"), 1)
	data, err := os.ReadFile(c["write"])
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

// TestRawLinesStop: one line that is not plain stops the query, and the error says what is wrong with it, whichever
// rows the query would give without it.
func TestRawLinesStop(t *testing.T) {
	inDuckDB(t)
	good := []events.Message{
		{Kind: events.KindRequest, Data: []byte(`{"request_id":"a","ts":1000}`)},
		{Kind: events.KindOutcome, Data: []byte(`{"request_id":"a","ts":1001,"type":"click"}`)},
	}
	var all []logs
	for line, says := range map[string]string{
		`{"request_id":"b","ts":1000`:                                                              "strict JSON",
		`{"request_id":"b","ts":1000,"score":-0}`:                                                  "strict JSON",
		`{"request_id":"b","ts":1000,"x":{"y":{"a":1,"\u0061":2}}}`:                                "two members of one name",
		`{"request_id":"b","ts":"yesterday"}`:                                                      "its time",
		`{"ts":1000}`:                                                                              "request_id is not given",
		`{"request_id":1.5,"ts":1000}`:                                                             "request_id is no text",
		`{"request_id":"b","ts":1000,"score":"0.5"}`:                                               "score is no number",
		`{"request_id":"b","ts":1000,"features":{"age":"old"}}`:                                    "not of its type: age",
		`{"request_id":"b","ts":1000,"features":{"Age":1}}`:                                        "in case only",
		`{"request_id":"b","ts":1000,"features":{"geo":{"lat":1}}}`:                                "features hold an object",
		`{"request_id":"b","ts":1000,"items":[{"item_id":"a"},{"item_id":"a"}]}`:                   "that of another item",
		`{"request_id":"b","ts":1000,"items":[{"item_id":"a","score":"1"}]}`:                       "score is no number",
		`{"request_id":"b","ts":1000,"items":[{"item_id":"a"},{"item_id":"b","position":0.5}]}`:    "position is no whole number",
		`{"request_id":"b","ts":1000,"items":[{"item_id":"a"},{"item_id":"b","position":1e-400}]}`: "position is no whole number",
	} {
		l := stopping(t, "join: {rows: "+[]string{"item", "request"}[len(all)%2]+"}\n")
		l.name, l.stops = line, says
		if len(all)%3 > 0 { // else it is alone, and there is no row
			l.messages = append(l.messages, good...)
		}
		l.messages = append(l.messages, events.Message{Kind: events.KindRequest, Data: []byte(line)})
		all = append(all, l)
	}
	for line, says := range map[string]string{
		`{"request_id":"a","ts":1001,"type":"click","value":"1"}`:         "value is no number",
		`{"request_id":"a","ts":1001,"type":7}`:                           "type is not given",
		`{"request_id":"a","ts":1001,"type":"click","item_id":""}`:        "item_id is no text",
		`{"request_id":"a","ts":1001,"type":"click","attrs":[]}`:          "attrs is no object",
		`{"request_id":"a","ts":1001,"type":"click","attrs":{"n":1e999}}`: "a double does not hold",
		`{"heartbeat":1001,"x":1}`:                                        "request_id is not given",
	} {
		// without the line, the query has no row
		l := stopping(t, "join: {negatives: seen, impression: 'type == \"view\"'}\n")
		l.name, l.stops = line, says
		l.messages = append(l.messages, good[0], events.Message{Kind: events.KindOutcome, Data: []byte(line)})
		all = append(all, l)
	}
	compare(t, all)
}

// stopping is a configuration with a label that reads an attribute.
func stopping(t *testing.T, join string) logs {
	t.Helper()
	c, err := config.DecodeRules("labels", []byte(join+"labels:\n  clicked: {when: 'attrs.n != 1', window: 1m}\n"))
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
		"spark":    {func(d *sql.Definition) {}, "a table of raw lines"},
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
			dialect := sql.DialectDuckDB
			if name == "spark" {
				dialect = sql.DialectSpark
			}
			_, err := sql.NewPlan(d, dialect)
			if refused, ok := errors.AsType[*sql.RefusedError](err); !ok || refused.What != c.what {
				t.Errorf("the error is %v, want a refusal of %s", err, c.what)
			}
		})
	}
}
