package shards

import (
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
)

// TestLoader prints what reads an export in a directory, and one in a store. That the programs run is
// checked where their readers are: .ci/interop_train.py.
func TestLoader(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	writeOutput(t, fsys, [][]testRow{{{id: "r", item: "i", ts: testDay(), tags: []string{"x"}}}}, 10, events.MaxTime-1,
		nil)
	o := testOptions(fsys)
	o.Format = FormatTFRecord
	labels, err := ExportedBy(o, Store{})
	if err != nil {
		t.Fatal(err)
	}
	o.Format = ""
	mustExport(t, o)
	there, err := ExportedBy(o, Store{Endpoint: "http://127.0.0.1:9000"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "dt=2026-11-22/v=0001/train-00000-of-00004.parquet"; len(there.Files) != 4 || there.Files[0] != want {
		t.Fatalf("files %q, want four, the first %s", there.Files, want)
	}
	examples, stored := *there, *there
	examples.Format, stored.Root = FormatTFRecord, "s3://bucket/exports/feed"
	file := path.Join("bucket/exports/feed", there.Files[0]) + `"`
	for name, c := range map[string]struct {
		of     *Exported
		reader string
		want   []string
	}{
		"pandas": {there, "pandas", []string{`Path("exports/feed")`, "train-*.parquet",
			"read_parquet(files, schema=schema, partitioning=None)"}},
		"spark": {there, "spark", []string{"spark = SparkSession", `read.option("mergeSchema", "true").parquet(*files)`}},
		"tf, before a day is exported": {labels, "tf", []string{"Split-train/*.gz",
			`"clicked": tf.io.VarLenFeature(tf.int64)`, `"spent": tf.io.VarLenFeature(tf.float32)`}},
		"tf": {&examples, "tf", []string{".batch(1024)", "tf.io.parse_example(x, {",
			`"request_ts": tf.io.VarLenFeature(tf.int64)`,
			`"tags": tf.io.VarLenFeature(tf.string)`,
			`"item_price": tf.io.VarLenFeature(tf.float32)`}},
		"pandas, of a store": {&stored, "pandas", []string{`"` + file, `endpoint_override="127.0.0.1:9000"`,
			"read_schema(f, filesystem=store)", "partitioning=None, filesystem=store)"}},
		"torch, of a store": {&stored, "torch", []string{`"` + file, "read_schema(f, filesystem=store)",
			"dataset(mine, schema=schema, partitioning=None, filesystem=store)"}},
		"polars, of a store": {&stored, "polars", []string{`"s3://` + file, "storage_options=store"}},
		"spark, of a store":  {&stored, "spark", []string{`"s3a://` + file, "import SparkSession", "fs.s3a.endpoint"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := c.of.Loader(c.reader)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range c.want {
				if !strings.Contains(text, part) {
					t.Errorf("there is no %s in\n%s", part, text)
				}
			}
		})
	}
	if _, err := there.Loader("tf"); err == nil || !strings.Contains(err.Error(), "--format tfrecord") {
		t.Errorf("got %v, want that tf reads tfrecord", err)
	}
	if _, err := there.Loader("excel"); err == nil || slices.Contains(Loaders(), "excel") {
		t.Error("a reader that is not known has a loader")
	}
}

// TestLoaderKnowsAllColumns: a column that the last day does not have is read of the others.
func TestLoaderKnowsAllColumns(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	later := testDay().Add(24 * time.Hour)
	writeOutput(t, fsys, [][]testRow{{{id: "r", item: "i", ts: testDay(), tags: []string{"x"}},
		{id: "s", item: "i", ts: later}}}, 10, events.MaxTime-1, nil)
	o := testOptions(fsys)
	mustExport(t, o)
	o.Exclude = []string{"tags"}
	archive := archiveOf(t, fsys)
	table, err := archive.Table()
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(archive, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = e.Day(t.Context(), table, later); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := ExportedBy(o, Store{})
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(found.Columns))
	for i, c := range found.Columns {
		names[i] = c.Name
	}
	slices.Sort(names)
	if unique := slices.Compact(slices.Clone(names)); !slices.Contains(names, "tags") || len(unique) != len(names) {
		t.Errorf("the columns are %q, want each once, with tags", names)
	}
}
