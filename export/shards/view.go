package shards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// Views are the engines that View knows.
func Views() []string { return []string{"duckdb", "polars", "pyarrow", "spark"} }

// View is a program for an engine that reads the live files of an output as one table:
// every column that any file has, each with one type, and the newest revision of every
// row. dir is the output's directory.
func View(engine, dir string, table *export.Table, o Options) (string, error) {
	o.LabelTimes, o.Revision, o.Reason = true, true, true
	p, err := newPlan(table.Files, table.State.Schema(), &o)
	if err != nil {
		return "", err
	}
	data := strings.TrimSuffix(dir, "/") + "/data"
	if strings.HasPrefix(dir, "s3://") {
		if engine != "duckdb" {
			return "", fmt.Errorf("in an object store a reader needs the list of files, which is there for duckdb only: use that, or export days to a folder for %s",
				engine)
		}
		return duckNote + duckView(listOfFiles(dir, table), p.columns), nil
	}
	switch engine {
	case "duckdb":
		return duckView(sqlText(data+"/*/*.parquet"), p.columns), nil
	case "polars":
		return polarsView(data, p.columns), nil
	case "pyarrow":
		return arrowView(data, p.columns), nil
	case "spark":
		return sparkView(data, p.columns), nil
	}
	return "", fmt.Errorf("no view for %q is known: there are %s", engine, strings.Join(Views(), ", "))
}

// duckView casts each column, which where files differ is what DuckDB has widened it to.
// A text that is no number becomes null.
func duckView(files string, columns []Column) string {
	var b strings.Builder
	b.WriteString("create or replace view rows as\nselect\n")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(",\n")
		}
		name := sqlName(c.Name)
		fmt.Fprintf(&b, "    try_cast(%s as %s) as %s", name, duckType(c.Type), name)
	}
	fmt.Fprintf(&b, "\nfrom read_parquet(%s, union_by_name = true, hive_partitioning = false)\n", files)
	b.WriteString("-- the newest revision of every row, and no row that was withdrawn\n" +
		"qualify row_number() over (partition by request_id, item_id order by revision desc) = 1 and reason <> 'withdrawn';\n")
	return b.String()
}

// duckNote says what DuckDB needs besides.
const duckNote = "-- The files as of now: print this again when more are committed. DuckDB needs the extension httpfs and a key:\n" +
	"--   install httpfs; load httpfs;\n" +
	"--   create secret (type s3, key_id '...', secret '...', region '...', endpoint 'host:port', url_style 'path', use_ssl true);\n"

// listOfFiles is a list of the live files: in a store, files are there that no manifest
// names.
func listOfFiles(dir string, table *export.Table) string {
	var b strings.Builder
	b.WriteString("[")
	for i := range table.Files {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n    " + sqlText(strings.TrimSuffix(dir, "/")+"/"+table.Files[i].Path))
	}
	b.WriteString("]::varchar[]")
	return b.String()
}

func sqlName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
func sqlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func duckType(t rowfile.Type) string {
	s := map[rowfile.Scalar]string{
		rowfile.ScalarBool: "boolean", rowfile.ScalarInt32: "integer", rowfile.ScalarInt64: "bigint", rowfile.ScalarDouble: "double",
		rowfile.ScalarString: "varchar", rowfile.ScalarTimestamp: "timestamptz",
	}[t.Scalar]
	if t.List {
		s += "[]"
	}
	return s
}

// arrowView reads file by file, since a dataset casts without asking or not at all.
func arrowView(data string, columns []Column) string {
	var b strings.Builder
	b.WriteString("from pathlib import Path\nimport pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq\n\nschema = pa.schema([\n")
	for _, c := range columns {
		fmt.Fprintf(&b, "    (%q, %s),\n", c.Name, arrowType(c.Type))
	}
	fmt.Fprintf(&b, `])

def fitting(file):
    """The rows of a file with the columns and types of the table. What does not fit is null."""
    found = pq.ParquetFile(file).read()
    def column(f):
        if f.name not in found.column_names:
            return pa.nulls(found.num_rows, f.type)
        try:
            return found[f.name].cast(f.type)
        except pa.ArrowInvalid:
            return pa.array([fit(v, f.type) for v in found[f.name].to_pylist()], f.type)
        except pa.ArrowNotImplementedError:
            return pa.nulls(found.num_rows, f.type)
    return pa.table([column(f) for f in schema], schema=schema)

def fit(value, kind):
    try:
        return pa.scalar(value).cast(kind).as_py()
    except pa.ArrowException:
        return None

rows = pa.concat_tables(fitting(f) for f in sorted(Path(%q).glob("*/*.parquet")))
# The newest revision of every row, and no row that was withdrawn.
newest = rows.append_column("row", pa.array(range(len(rows)))).sort_by([("revision", "ascending")])
newest = newest.group_by(["request_id", "item_id"], use_threads=False).aggregate([("row", "last")])["row_last"]
rows = rows.take(newest)
rows = rows.filter(pc.not_equal(rows["reason"], "withdrawn"))
`, data)
	return b.String()
}

func arrowType(t rowfile.Type) string {
	s := map[rowfile.Scalar]string{
		rowfile.ScalarBool: "pa.bool_()", rowfile.ScalarInt32: "pa.int32()", rowfile.ScalarInt64: "pa.int64()", rowfile.ScalarDouble: "pa.float64()",
		rowfile.ScalarString: "pa.string()", rowfile.ScalarTimestamp: `pa.timestamp("us", tz="UTC")`,
	}[t.Scalar]
	if t.List {
		s = "pa.list_(" + s + ")"
	}
	return s
}

// polarsView reads file by file, since a scan of several casts nothing by itself.
func polarsView(data string, columns []Column) string {
	var b strings.Builder
	b.WriteString("from pathlib import Path\nimport polars as pl\n\nschema = {\n")
	for _, c := range columns {
		fmt.Fprintf(&b, "    %q: %s,\n", c.Name, polarsType(c.Type))
	}
	fmt.Fprintf(&b, `}

def fitting(file):
    """The rows of a file with the columns and types of the table. What does not fit is null."""
    found = pl.scan_parquet(file)
    names = found.collect_schema().names()
    return found.select(
        (pl.col(n).cast(t, strict=False) if n in names else pl.lit(None, t)).alias(n) for n, t in schema.items())

files = sorted(Path(%q).glob("*/*.parquet"))
# The newest revision of every row, and no row that was withdrawn.
rows = (pl.concat([fitting(f) for f in files])
    .sort("revision", maintain_order=True)
    .unique(["request_id", "item_id"], keep="last", maintain_order=True)
    .filter(pl.col("reason") != "withdrawn"))
`, data)
	return b.String()
}

func polarsType(t rowfile.Type) string {
	s := map[rowfile.Scalar]string{
		rowfile.ScalarBool: "pl.Boolean", rowfile.ScalarInt32: "pl.Int32", rowfile.ScalarInt64: "pl.Int64", rowfile.ScalarDouble: "pl.Float64",
		rowfile.ScalarString: "pl.String", rowfile.ScalarTimestamp: `pl.Datetime("us", "UTC")`,
	}[t.Scalar]
	if t.List {
		s = "pl.List(" + s + ")"
	}
	return s
}

// sparkView reads the files of each schema by themselves, since Spark reads no column that
// has two types, and unites them.
func sparkView(data string, columns []Column) string {
	var b strings.Builder
	b.WriteString(`import glob
from collections import defaultdict
from pyspark.sql import SparkSession, functions as F, Window

spark = SparkSession.builder.config("spark.sql.ansi.enabled", "false").getOrCreate()
columns = [
`)
	for _, c := range columns {
		fmt.Fprintf(&b, "    (%q, %q),\n", c.Name, sparkType(c.Type))
	}
	fmt.Fprintf(&b, `]

by_schema = defaultdict(list)
for file in sorted(glob.glob(%q)):
    by_schema[spark.read.parquet(file).schema.json()].append(file)

def fitting(files):
    """The rows of files of one schema, with the columns and types of the table."""
    found = spark.read.parquet(*files)
    quoted = lambda name: "`+"`"+`" + name.replace("`+"`"+`", "`+"``"+`") + "`+"`"+`"
    column = lambda name: F.col(quoted(name)) if name in found.columns else F.lit(None)
    return found.select([column(n).cast(t).alias(n) for n, t in columns])

rows = None
for files in by_schema.values():
    rows = fitting(files) if rows is None else rows.unionByName(fitting(files))
# The newest revision of every row, and no row that was withdrawn.
order = Window.partitionBy("request_id", "item_id").orderBy(F.desc("revision"))
rows = rows.withColumn("_n", F.row_number().over(order)).where("_n = 1 and reason <> 'withdrawn'").drop("_n")
`, data+"/*/*.parquet")
	return b.String()
}

func sparkType(t rowfile.Type) string {
	s := map[rowfile.Scalar]string{
		rowfile.ScalarBool: "boolean", rowfile.ScalarInt32: "int", rowfile.ScalarInt64: "bigint", rowfile.ScalarDouble: "double",
		rowfile.ScalarString: "string", rowfile.ScalarTimestamp: "timestamp",
	}[t.Scalar]
	if t.List {
		return "array<" + s + ">"
	}
	return s
}

// Suggestion is a feature with the type that its values suggest.
type Suggestion struct {
	Name string
	Type rowfile.Type
	// Seen are the types that files have for it, where they are more than one.
	Seen []string
}

// Suggest lists the features of an output with one type each: that which the schema of
// the table has. Numbers are doubles, since a whole number today may have a fraction
// tomorrow. Where there is no schema and files differ, it is the type that most rows have.
func Suggest(table *export.Table) []Suggestion {
	schema := map[string]rowfile.Type{}
	for _, c := range table.State.Schema() {
		t, err := rowfile.ParseColumnType(c.Type)
		if err == nil && c.Kind == tablelog.SchemaFeature && t.Scalar != rowfile.ScalarInt64 {
			schema[c.Name] = t
		}
	}
	rows := map[string]map[rowfile.Type]int64{}
	for i := range table.Files {
		f := &table.Files[i]
		for _, c := range f.Features {
			if rows[c.Name] == nil {
				rows[c.Name] = map[rowfile.Type]int64{}
			}
			rows[c.Name][c.Type] += f.Rows
		}
	}
	var out []Suggestion
	for name, types := range rows {
		s := Suggestion{Name: name}
		counts := map[rowfile.Type]int64{}
		for t, n := range types {
			s.Seen = append(s.Seen, t.String())
			if empty := (rowfile.Type{Scalar: rowfile.ScalarInt64, List: true}); t == empty && len(types) > 1 {
				continue // perhaps they were all empty: any other type of lists is better known
			}
			if t.Scalar == rowfile.ScalarInt64 {
				t.Scalar = rowfile.ScalarDouble
			}
			counts[t] += n
		}
		for t, n := range counts {
			if best := counts[s.Type]; n > best || n == best && t.String() < s.Type.String() {
				s.Type = t
			}
		}
		if t, known := schema[name]; known {
			s.Type = t
		}
		if slices.Sort(s.Seen); len(s.Seen) == 1 {
			s.Seen = nil
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(x, y Suggestion) int { return strings.Compare(x.Name, y.Name) })
	return out
}
