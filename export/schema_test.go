package export

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner"
)

func whole(n int64) events.Value                       { return events.Value{Kind: events.ValueInt, Int: n} }
func double(f float64) events.Value                    { return events.Value{Kind: events.ValueDouble, Float: f} }
func word(s string) events.Value                       { return events.Value{Kind: events.ValueString, Str: s} }
func feature(name string, v events.Value) events.Field { return events.Field{Name: name, Value: v} }

// commitFeatures makes the next commit, of one row a list of features. The books are those
// of the commit before, and the rows.
func commitFeatures(t *testing.T, o *Output, rows ...[]events.Field) {
	t.Helper()
	last, _, ok := o.Last()
	k := last.Number + 1
	s, err := o.Stage(k)
	if err != nil {
		t.Fatal(err)
	}
	for i, features := range rows {
		req, row := testRow(k, i)
		req.TS, req.Features = testDay, features
		row.Cells = slices.Repeat(row.Cells, len(o.opts.Labels))
		row.Weight = 1
		if err := s.Row(req, row); err != nil {
			t.Fatal(err)
		}
	}
	cut := testCut(k, fmt.Sprint("n", k))
	if ok {
		cut.From, cut.Progress.Ledger = last.Progress.Inputs, last.Progress.Ledger
	}
	n, unfit := s.Tallies()
	cut.Closed.Rows, cut.Closed.Unfit = n, unfit
	cut.Progress.Ledger.Rows += n
	cut.Progress.Ledger.Unfit += unfit
	if _, err := s.Commit(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
}

// liveFiles are the files of the table, oldest commit first.
func liveFiles(t *testing.T, fsys vfs.FS) ([]TableFile, []tablelog.SchemaColumn) {
	t.Helper()
	a, err := OpenArchive(bucket.NewDir(fsys, testDir), 0)
	if err != nil {
		t.Fatal(err)
	}
	table, err := a.Table()
	if err != nil {
		t.Fatal(err)
	}
	return table.Files, table.State.Schema()
}

// columnNames are the columns of features and labels of a file, with their types.
func columnNames(f *TableFile) string {
	var out []string
	for _, c := range f.Columns[ownColumns:] {
		if !slices.Contains([]string{"revision", "reason"}, c.Name) && !strings.HasSuffix(c.Name, "_ts") {
			out = append(out, c.Name+" "+c.Type.String())
		}
	}
	return strings.Join(out, ", ")
}

// Whatever comes, a column stays what it is, and is in every file from the first on that
// has it: over restarts, with labels and sampling changed, and with a new checkpoint of
// the table after every commit.
func TestSchemaHoldsStill(t *testing.T) {
	mem := vfs.NewMem()
	for i, step := range []struct {
		labels []joiner.Label
		weight bool
		rows   [][]events.Field
		want   string
		said   int // warnings
	}{
		{[]joiner.Label{{Name: "clicked"}}, false, [][]events.Field{{feature("age", whole(7)), feature("tags", events.Value{Kind: events.ValueList})}},
			"age double, clicked int32", 0},
		{[]joiner.Label{{Name: "clicked"}}, true, [][]events.Field{{feature("age", word("old")), feature("Tags", word("x"))}, {feature("age", word("7"))}},
			"Tags string, age double, clicked int32, weight double", 1},
		{[]joiner.Label{{Name: "bought", Agg: joiner.AggSum}}, false, [][]events.Field{{feature("AGE", double(0.5)), feature("clicked", whole(1))}},
			"Tags string, age double, feature_clicked double, bought double, clicked int32, weight double", 1},
		{[]joiner.Label{{Name: "clicked", Agg: joiner.AggSum}, {Name: "bought"}}, false, [][]events.Field{{}},
			"Tags string, age double, feature_clicked double, clicked double, bought double, weight double", 1},
		{[]joiner.Label{{Name: "clicked"}}, false, [][]events.Field{{}},
			"Tags string, age double, feature_clicked double, clicked double, bought double, weight double", 0},
	} {
		var text bytes.Buffer
		opts := options(mem)
		opts.Labels, opts.Weight, opts.CheckpointEvery, opts.Log = step.labels, step.weight, 1, slog.New(slog.NewJSONHandler(&text, nil))
		o := open(t, opts)
		commitFeatures(t, o, step.rows...)
		notes := o.FeatureNotes()
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		files, schema := liveFiles(t, mem)
		if got := columnNames(&files[i]); got != step.want {
			t.Errorf("commit %d: columns %s, want %s", i+1, got, step.want)
		}
		if got := strings.Count(text.String(), "WARN"); got != step.said {
			t.Errorf("commit %d: %d warnings, want %d:\n%s", i+1, got, step.said, &text)
		}
		if i == 1 && !slices.Equal(notes.Unfit, []UnfitFeature{{Column: "age", Type: "double", Values: 2, Example: `"old"`}}) {
			t.Errorf("unfit %+v", notes.Unfit)
		}
		for _, col := range files[i].Columns {
			if !slices.ContainsFunc(schema, func(s tablelog.SchemaColumn) bool { return s.Name == col.Name && s.Type == col.Type.String() }) {
				t.Errorf("commit %d: the schema has no %v: %+v", i+1, col, schema)
			}
		}
	}
	if v := verified(t, mem); !v.Sound() {
		t.Fatalf("verdict %+v", v)
	}
	_, schema := liveFiles(t, mem)
	for _, c := range schema {
		if since := map[string]uint64{"Tags": 2, "age": 1, "feature_clicked": 3, "bought": 3, "clicked": 1, "weight": 2}[c.Name]; since > 0 && c.Since != since {
			t.Errorf("column %s is since commit %d, want %d", c.Name, c.Since, since)
		}
	}
}

// An output of an earlier version has columns of integers. They stay so until a fraction
// comes, are doubles from then on, and a merged day is of doubles as a whole.
func TestIntegersOfAnEarlierVersion(t *testing.T) {
	mem := formatOne(t)
	o := open(t, options(able(mem)))
	commitFeatures(t, o, []events.Field{feature("f", whole(7))})
	commitFeatures(t, o, []events.Field{feature("f", double(0.5)), feature("new", whole(1))})
	if notes := o.FeatureNotes(); !slices.Equal(notes.Changed, []ChangedFeature{{Column: "f", From: "int64", To: "double"}}) {
		t.Errorf("changed %+v", notes.Changed)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, options(able(mem)))
	defer o.Close()
	commitFeatures(t, o, []events.Field{feature("f", whole(3))})
	files, schema := liveFiles(t, mem)
	var got []string
	for i := range files {
		got = append(got, columnNames(&files[i]))
	}
	n := len(got)
	if want := []string{"f int64, clicked int32", "f double, new double, clicked int32", "f double, new double, clicked int32"}; !slices.Equal(got[n-3:], want) {
		t.Errorf("columns %q, want %q", got[n-3:], want)
	}
	for _, c := range schema {
		if c.Name == "f" && (c.Since != 1 || c.Type != "double") || c.Name == "new" && c.Since != 5 {
			t.Errorf("schema %+v", c)
		}
	}
	before := rowsOfAll(t, mem)
	k := keeperOf(t, able(mem))
	defer k.Close()
	if _, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil {
		t.Fatal(err)
	}
	if again, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil || again.Days != 0 {
		t.Errorf("it finds more to merge: %+v: %v", again, err)
	}
	files, _ = liveFiles(t, mem)
	for i := range files {
		if names := columnNames(&files[i]); files[i].Day() == "2026-11-22" && names != "f double, new double, clicked int32" {
			t.Errorf("merged, %s has %s", files[i].Path, names)
		}
	}
	if after := rowsOfAll(t, mem); !slices.Equal(after, before) {
		t.Errorf("rows %v, before %v", after, before)
	}
	if v := verified(t, mem); !v.Sound() {
		t.Fatalf("verdict %+v", v)
	}
}

// Files of a day have the same columns once it is merged, also those that stay apart
// because another configuration decided them, and one that stands alone.
func TestCompactBringsADayTogether(t *testing.T) {
	disk := vfs.NewMem()
	mem := able(disk)
	for i, rows := range [][][]events.Field{{{feature("a", whole(1))}}, {{feature("b", word("x"))}, {feature("c", whole(1))}}, {{}}} {
		opts := options(mem)
		opts.Labels = [][]joiner.Label{{{Name: "clicked"}}, {{Name: "clicked", Agg: joiner.AggSum}}, {{Name: "bought"}}}[i]
		opts.Weight, opts.RulesHash = i > 0, fmt.Sprint(i)
		o := open(t, opts)
		commitFeatures(t, o, rows...)
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	k := keeperOf(t, mem)
	defer k.Close()
	if _, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil {
		t.Fatal(err)
	}
	files, _ := liveFiles(t, mem)
	for i := range files {
		want := "a double, b string, c double, bought int32, clicked double, weight double"
		if got := columnNames(&files[i]); got != want {
			t.Errorf("%s has %s, want %s", files[i].Path, got, want)
		}
	}
	first, err := readFile(t, mem, &files[0])
	if err != nil || first["weight"] != 1.0 || first["clicked"] != 0.0 || first["b"] != nil || first["a"] != 1.0 {
		t.Errorf("the first row is %v: %v", first, err)
	}
	if v := verified(t, disk); !v.Sound() {
		t.Fatalf("verdict %+v", v)
	}
}

// readFile is the first row of a file, as numbers and texts.
func readFile(t *testing.T, fsys vfs.FS, f *TableFile) (map[string]any, error) {
	t.Helper()
	a, err := OpenArchive(bucket.NewDir(fsys, testDir), 0)
	if err != nil {
		return nil, err
	}
	r, err := a.ReadFile(f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return firstRow(r, r.Size())
}

// Integers that no double holds are not rounded by a merge: such files stay apart.
func TestCompactRoundsNothing(t *testing.T) {
	mem := able(vfs.NewMem())
	for _, declared := range []string{"int64", "double"} {
		opts := options(mem)
		opts.Features = []Feature{{Name: "id", Type: declared}}
		o := open(t, opts)
		commitFeatures(t, o, []events.Field{feature("id", whole(1<<53+1))})
		commitFeatures(t, o, []events.Field{feature("id", whole(5))})
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	k := keeperOf(t, mem)
	defer k.Close()
	if _, err := k.Compact(t.Context(), CompactOptions{Before: afterAll}); err != nil {
		t.Fatal(err)
	}
	files, _ := liveFiles(t, mem)
	if len(files) != 2 || files[0].Rows != 2 {
		t.Fatalf("%d files", len(files))
	}
	if first, err := readFile(t, mem, &files[0]); err != nil || first["id"] != int64(1<<53+1) {
		t.Errorf("the first row is %v: %v", first, err)
	}
}

// A stage whose files were full before the first value of a column came says so, and the
// next one decides as if it had seen all rows; also while files are finished beside it.
func TestRedo(t *testing.T) {
	mem := vfs.NewMem()
	opts := options(mem)
	opts.Behind, opts.FileRows = true, 1
	o := open(t, opts)
	defer o.Close()
	write := func() *Stage {
		s, err := o.Stage(1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 40 { // the last row is the first in time
			req, row := testRow(1, i)
			req.TS = testDay.Add(time.Duration(40-i) * time.Second)
			req.Features = []events.Field{feature("age", word("old")), feature(fmt.Sprint("only", i), whole(1))}
			if i == 39 {
				req.Features[0] = feature("age", whole(7))
			}
			if err := s.Row(req, row); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	s := write()
	if _, unfit := s.Tallies(); unfit != 1 || !s.Redo() {
		t.Fatalf("%d values do not fit, want the last one, and a second try", unfit)
	}
	s.Abort()
	s = write()
	if _, unfit := s.Tallies(); unfit != 39 || s.Redo() {
		t.Fatalf("%d values do not fit, want 39, and no third try", unfit)
	}
	if _, err := s.Commit(t.Context(), testCut(1, "n")); err != nil {
		t.Fatal(err)
	}
	files, schema := liveFiles(t, mem)
	for i := range files {
		if want := min(i+1, 40); !strings.HasPrefix(columnNames(&files[i]), "age double, only0 double") ||
			strings.Count(columnNames(&files[i]), "only") < want {
			t.Errorf("file %d has %s", i, columnNames(&files[i]))
		}
	}
	if len(files) != 40 || len(schema) != ownColumns+41+2+2 {
		t.Errorf("%d files, %d columns", len(files), len(schema))
	}
}
