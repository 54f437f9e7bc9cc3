package shards

import (
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// twoTypes is the table of an output of an earlier version, which had no schema: a feature
// was a whole number in one file and a fraction in another.
func twoTypes(t *testing.T) *export.Table {
	t.Helper()
	fsys := vfs.NewMem()
	writeOutput(t, fsys, [][]testRow{{{id: "a", item: "i", ts: testDay(), price: 2}},
		{{id: "b", item: "i", ts: testDay(), price: 2.5, tags: []string{"x"}}}},
		10, events.MaxTime-1, nil)
	archive, err := export.OpenArchive(bucket.NewDir(fsys, outputDir), 0)
	if err != nil {
		t.Fatal(err)
	}
	table, err := archive.Table()
	if err != nil {
		t.Fatal(err)
	}
	table.State = &tablelog.State{}
	list := rowfile.Type{Scalar: rowfile.ScalarInt64, List: true}
	table.Files[0].Features = []rowfile.Column{{Name: "item_price", Type: rowfile.Type{Scalar: rowfile.ScalarInt64}},
		{Name: "tags", Type: list}}
	return table
}

func TestView(t *testing.T) {
	t.Parallel()
	table := twoTypes(t)
	for engine, want := range map[string][]string{
		"duckdb": {`try_cast("item_price" as double)`, `try_cast("tags" as varchar[])`, "'out/data/*/*.parquet'",
			"reason <> 'withdrawn'"},
		"pyarrow": {`("item_price", pa.float64())`, `("tags", pa.list_(pa.string()))`, `Path("out/data")`,
			"return single(found[f.name])"},
		"polars":   {`"item_price": pl.Float64`, `"tags": pl.List(pl.String)`, `Path("out/data")`, "return single(column)"},
		"datasets": {`("item_price", pa.float64())`, "rows = datasets.Dataset("},
		"torch":    {`("item_price", pa.float64())`, "rows = DataLoader("},
		"spark": {`("item_price", "double")`, `("tags", "array<string>")`, `glob.glob("out/data/*/*.parquet")`,
			"return single(column)"},
	} {
		t.Run(engine, func(t *testing.T) {
			text, err := View(engine, "out", Store{}, table, testOptions(nil))
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range want {
				if !strings.Contains(text, part) {
					t.Errorf("there is no %s in\n%s", part, text)
				}
			}
		})
	}
	if _, err := View("excel", "out", Store{}, table, testOptions(nil)); err == nil {
		t.Error("an engine that is not known has a view")
	}
}

// TestViewOfSampledExport prints what reads live files, which have no weights of the export's sample.
func TestViewOfSampledExport(t *testing.T) {
	t.Parallel()
	table := twoTypes(t)
	plain, err := View("duckdb", "out", Store{}, table, testOptions(nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, sample := range map[string]Sampling{
		"by label": {Negatives: 1, Labels: map[string]float64{"clicked": 0.5}},
		"all":      {Negatives: 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			for _, exclude := range [][]string{nil, {"weight"}} {
				o := testOptions(nil)
				o.Sampling, o.Exclude = sample, exclude
				text, err := View("duckdb", "out", Store{}, table, o)
				if err != nil {
					t.Fatal(err)
				}
				if text != plain {
					t.Errorf("without %q it is\n%s\nwant\n%s", exclude, text, plain)
				}
			}
		})
	}
}

// TestViewOfStore prints what reads the live files by their names, as a store has others too.
func TestViewOfStore(t *testing.T) {
	t.Parallel()
	table := twoTypes(t)
	store := Store{Endpoint: "http://127.0.0.1:9000", Region: "eu-central-1"}
	file := "bucket/feed/" + table.Files[0].Path + `"`
	for engine, want := range map[string][]string{
		"duckdb":  {"'s3://bucket/feed/" + table.Files[0].Path + "'", "endpoint '127.0.0.1:9000'", "use_ssl false"},
		"pyarrow": {`    "` + file, `S3FileSystem(endpoint_override="127.0.0.1:9000", scheme="http", region="eu-central-1")`},
		"polars":  {`    "s3://` + file, `"aws_endpoint_url": "http://127.0.0.1:9000"`, `"aws_allow_http": "true"`},
		"spark":   {`    "s3a://` + file, `"spark.hadoop.fs.s3a.endpoint", "http://127.0.0.1:9000"`},
	} {
		t.Run(engine, func(t *testing.T) {
			text, err := View(engine, "s3://bucket/feed/", store, table, testOptions(nil))
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range want {
				if !strings.Contains(text, part) {
					t.Errorf("there is no %s in\n%s", part, text)
				}
			}
		})
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	var got []string
	for _, s := range Suggest(twoTypes(t)) {
		got = append(got, s.Name+" "+s.Type.String()+" "+strings.Join(s.Seen, ","))
	}
	// An empty list has no type, and the file calls it one of whole numbers.
	if want := []string{"item_price double double,int64",
		"tags list<string> list<int64>,list<string>"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
