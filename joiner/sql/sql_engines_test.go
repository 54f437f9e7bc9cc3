package sql_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/export/archive"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner/batch"
	"github.com/labeljoin/labeljoin/joiner/gathered"
	"github.com/labeljoin/labeljoin/joiner/sql"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "run only this seed")
	seedsFlag  = flag.Int("seeds", 0, "run so many seeds; 0: the test's own number")
	engineFlag = flag.String("engines", "",
		"the engines that have to run the queries: duckdb, spark, or both with a comma; "+
			"without it, duckdb where it is there")
)

// engines are those that the tests run, by dialect. The environment variable PYTHON names
// an interpreter that has their modules. An engine that is asked for has to be there.
func engines(t *testing.T) map[sql.Dialect]string {
	t.Helper()
	found := map[sql.Dialect]string{}
	absent := t.Fatalf
	if *engineFlag == "" {
		absent = t.Skipf
	}
	for name := range strings.SplitSeq(cmp.Or(*engineFlag, "duckdb"), ",") {
		dialect, err := sql.ParseDialect(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := imports[name](); err != nil {
			absent("%s does not run here (set PYTHON to an interpreter that has it): %v", dialect, err)
		}
		found[dialect] = name
	}
	return found
}

// imports have Python import an engine's modules, once, and say what is wrong.
var imports = map[string]func() error{
	"duckdb": sync.OnceValue(func() error { return imported("duckdb") }),
	"spark":  sync.OnceValue(func() error { return imported("pyspark, duckdb") }),
}

func imported(modules string) error {
	if out, err := exec.Command(python(), "-c", "import "+modules).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, lastLine(out))
	}
	return nil
}

func lastLine(out []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return lines[len(lines)-1]
}

func python() string {
	if name := os.Getenv("PYTHON"); name != "" {
		return name
	}
	return "python3"
}

// logs are events, and how they are joined.
type logs struct {
	name     string
	def      sql.Definition
	messages []events.Message
	decoders [events.Kinds]jsonevent.Decoder
	features []rowfile.Feature
	// tables, if not nil, writes what a query over raw lines reads, and names it as an engine does.
	tables      func(t *testing.T, l *logs, dialect sql.Dialect, dir string) (requests, outcomes string)
	keepNone    bool   // the archive keeps no feature as it is
	interpreted bool   // see comparison
	usual       bool   // see comparison
	archives    int    // in how many the events lie; 0 is one
	stops       string // what the query has to say when it ends with an error; empty: it need not
}

// comparison is a line of what compare.py reads.
type comparison struct {
	Name     string `json:"name"`
	Query    string `json:"query"`
	Expected string `json:"expected,omitempty"`
	Error    string `json:"error,omitempty"`
	// Write is a file to which the rows are written, which are texts.
	Write string `json:"write,omitempty"`
	// Interpreted has Spark compile nothing for the query.
	Interpreted bool `json:"interpreted,omitempty"`
	// Usual has Spark run the query as it does over large logs.
	Usual bool `json:"usual,omitempty"`
}

// compare has every engine join the logs, and holds the rows against those of a replay.
func compare(t *testing.T, all []logs) {
	t.Helper()
	inEach(t, func(t *testing.T, dialect sql.Dialect) { compareIn(t, dialect, all) })
}

// inEach runs a test for each engine.
func inEach(t *testing.T, test func(*testing.T, sql.Dialect)) {
	t.Helper()
	for dialect, name := range engines(t) {
		t.Run(name, func(t *testing.T) { test(t, dialect) })
	}
}

// in runs a test for one engine, if that is among those that run.
func in(t *testing.T, dialect sql.Dialect, test func(*testing.T)) {
	t.Helper()
	name, ok := engines(t)[dialect]
	if !ok {
		t.Skipf("%s is not asked for", dialect)
	}
	t.Run(name, test)
}

// compareIn has an engine join the logs, and holds the rows against those of a replay.
func compareIn(t *testing.T, dialect sql.Dialect, all []logs) {
	t.Helper()
	dir := t.TempDir()
	var cases bytes.Buffer
	for i := range all {
		line, err := json.Marshal(prepare(t, &all[i], dialect, filepath.Join(dir, fmt.Sprint(i))))
		if err != nil {
			t.Fatal(err)
		}
		cases.Write(append(line, '\n'))
	}
	file := filepath.Join(dir, "cases")
	if err := os.WriteFile(file, cases.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dialect, file, len(all))
}

// run has compare.py run the cases of a file.
func run(t *testing.T, dialect sql.Dialect, file string, n int) {
	t.Helper()
	c, err := map[sql.Dialect]func() (*comparer, error){sql.DialectDuckDB: inTheDuckDB, sql.DialectSpark: inTheSpark}[dialect]()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(c.files, file); err != nil {
		t.Fatalf("compare.py: %v\n%s", err, c.talk.String())
	}
	for c.lines.Scan() && len(c.lines.Bytes()) > 0 {
		var r struct{ Name, Problem string }
		if err := json.Unmarshal(c.lines.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s", err, c.lines.Bytes())
		}
		if n--; r.Problem != "" {
			t.Errorf("%s: %s", r.Name, r.Problem)
			continue
		}
		t.Logf("%s: as expected, %d are left", r.Name, n) // how far Spark is: it takes minutes
	}
	if n != 0 {
		t.Errorf("%d cases were not run:\n%s", n, c.talk.String())
	}
}

// prepare writes what a query reads, and the rows that it has to give.
func prepare(t *testing.T, l *logs, dialect sql.Dialect, dir string) comparison {
	t.Helper()
	def := l.def
	if def.Raw != nil {
		def.Requests, def.Outcomes = l.raw(t, dialect, dir)
	} else {
		for i := range max(l.archives, 1) {
			writeArchive(t, l, i, filepath.Join(dir, fmt.Sprint("archive", i)))
		}
		def.Requests, def.Outcomes = dialect.Archive(filepath.Join(dir, "archive*"))
	}
	plan, err := sql.NewPlan(def, dialect)
	if err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	c := comparison{Name: l.name, Interpreted: l.interpreted, Usual: l.usual, Expected: filepath.Join(dir, "expected.parquet")}
	if c.Query, err = plan.Query(); err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	if replay(t, l, c.Expected) {
		c.Expected, c.Error = "", "use labeljoin replay"
	}
	switch {
	case l.stops != "":
		c.Expected, c.Error = "", l.stops
	case l.mixed(t):
		c.Expected, c.Error = "", "use labeljoin replay" // there may be another reason, too
	}
	return c
}

// mixed reports whether an undeclared feature has values of several types, in whatever event. Raw lines have declared
// features only.
func (l *logs) mixed(t *testing.T) bool {
	t.Helper()
	types := map[string]rowfile.Type{}
	mixed := false
	look := func(prefix string, features []events.Field) {
		for i := range features {
			column := strings.ToLower(prefix + features[i].Name)
			if slices.ContainsFunc(l.features, func(f rowfile.Feature) bool { return strings.EqualFold(f.Name, column) }) {
				continue
			}
			if typ, ok := rowfile.TypeOf(&features[i].Value); ok {
				known, seen := types[column]
				mixed, types[column] = mixed || seen && known != typ, typ
			}
		}
	}
	for i := range l.messages {
		m := &l.messages[i]
		if m.Kind != events.KindRequest || l.def.Raw != nil {
			continue
		}
		for _, data := range l.decoders[m.Kind].Split(m.Data) {
			req, err := l.decoders[m.Kind].DecodeRequest(data)
			if err != nil {
				continue // it is rejected
			}
			look("", req.Features)
			for j := range req.Items {
				look("item_", req.Items[j].Features)
			}
		}
	}
	return mixed
}

// writeArchive writes one of the archives of logs.
func writeArchive(t *testing.T, l *logs, number int, dir string) {
	t.Helper()
	rules := &l.def.Rules
	var labels []string
	for i := range rules.Labels {
		labels = append(append(labels, rules.Labels[i].Name), rules.Labels[i].OwnColumns()...)
	}
	o := archive.Options{Dir: dir, Labels: labels, Features: l.features, PerRequest: rules.PerRequest}
	if !l.keepNone {
		var err error
		if o.Keep, err = l.def.Features(); err != nil {
			t.Fatal(err)
		}
	}
	w, err := archive.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := number; i < len(l.messages); i += max(l.archives, 1) {
		m := &l.messages[i]
		if _, err := w.Message(m, &l.decoders[m.Kind], func(*events.DeadLetter) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// sink writes rows to a file, and says whether an event was one too many.
type sink struct {
	builder *rowfile.Builder
	tooMany bool
}

func (s *sink) Rows(rows *gathered.Rows) error {
	_, err := s.builder.AddAll(rows, 0, len(rows.List))
	return err
}

func (s *sink) DeadLetter(d *events.DeadLetter) error {
	s.tooMany = s.tooMany || strings.HasPrefix(d.Reason, "too_many")
	return nil
}

// log is a log in memory.
type log struct {
	batch events.Batch
	done  bool
}

func (l *log) Next(context.Context) (events.Batch, error) {
	if l.done {
		return events.Batch{}, io.EOF
	}
	l.done = true
	return l.batch, nil
}

func (l *log) Close() error { return nil }

// replay writes the rows of a replay to a file. It reports whether an event was rejected
// for being one too many, which depends on the order of arrival.
func replay(t *testing.T, l *logs, path string) (tooMany bool) {
	t.Helper()
	rules := &l.def.Rules
	mode := rowfile.ModeEvolve
	if l.def.Raw != nil {
		mode = rowfile.ModeDeclared
	}
	layout, err := rowfile.NewLayout(rowfile.Config{Labels: rules.Labels, Weight: rules.SampleRate > 0,
		Features: l.features, Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{builder: layout.NewTable(nil).NewBuilder()}
	o := batch.Options{Rules: rules, Decoders: l.decoders, Limit: l.def.Limit, Complete: l.def.Complete, Jobs: 1}
	for k := range o.Open {
		var some events.Batch
		for i := range l.messages {
			if m := l.messages[i]; m.Kind == events.Kind(k) {
				m.Stored, m.Input, m.Seq = events.MinTime, uint8(k), uint64(i+1)
				some.Messages = append(some.Messages, m)
			}
		}
		o.Open[k] = func(context.Context) (batch.Source, error) { return &log{batch: some}, nil }
	}
	if _, err := batch.Run(t.Context(), o, s); err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.builder.Encode(f, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return s.tooMany
}
