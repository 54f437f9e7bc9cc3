package shards

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// Views are the engines that View knows.
func Views() []string { return []string{"datasets", "duckdb", "polars", "pyarrow", "spark", "torch"} }

// Store is how an object store is reached; the zero Store is Amazon S3. Keys are no part of a
// view: readers take them from where the tools of AWS do.
type Store struct {
	Endpoint string // a URL, like https://minio.example.com:9000
	Region   string
}

// liveFiles are the files that a view reads: those of a directory, by a pattern, or those of an
// object store, by name, since files are there that no manifest names.
type liveFiles struct {
	store Store
	data  string   // the directory; empty: names has them
	names []string // their addresses
}

// View is a program for an engine that reads the live files of an output as one table:
// every column that any file has, each with one type, and the newest revision of every
// row. dir is the output's directory, or its address in the store.
func View(engine, dir string, store Store, table *export.Table, o Options) (string, error) {
	o.LabelTimes, o.LabelColumns, o.Revision, o.Reason = true, true, true, true
	for _, c := range table.State.Schema() {
		own := c.Kind == tablelog.SchemaOwn
		o.Pending, o.Stage = o.Pending || own && c.Name == "pending", o.Stage || own && c.Name == "stage"
	}
	// Weights that the export's sample makes are in no live file.
	o.Exclude = slices.DeleteFunc(slices.Clone(o.Exclude), func(name string) bool {
		return o.Sampling.weighs(name) && !hasColumn(table.Files, name)
	})
	o.Sampling = Sampling{Negatives: 1}
	p, err := newPlan(table.Files, table.State.Schema(), &o)
	if err != nil {
		return "", err
	}
	files := &liveFiles{store: store, data: strings.TrimSuffix(dir, "/") + "/data"}
	if strings.HasPrefix(dir, "s3://") {
		files.data = ""
		for i := range table.Files {
			files.names = append(files.names, strings.TrimSuffix(dir, "/")+"/"+table.Files[i].Path)
		}
	}
	switch engine {
	case "duckdb":
		return duckView(files, p.columns), nil
	case "polars":
		return polarsView(files, p.columns), nil
	case "pyarrow":
		return arrowView(files, p.columns), nil
	case "spark":
		return sparkView(files, p.columns), nil
	case "datasets":
		return arrowView(files, p.columns) + datasetsRows, nil
	case "torch":
		return arrowView(files, p.columns) + torchRows, nil
	}
	return "", fmt.Errorf("no view for %q is known: there are %s", engine, strings.Join(Views(), ", "))
}

// storeNote is said at the top of a program in Python that reads from a store.
const storeNote = "# The files as of now: print this again when more are committed. The keys are those of\n" +
	"# AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or of the files in which the tools of AWS keep them.\n"

// inPython is the list of the files as a program in Python has it; prefix stands for s3://.
func (f *liveFiles) inPython(prefix string) string {
	var b strings.Builder
	b.WriteString("[\n")
	for _, name := range f.names {
		fmt.Fprintf(&b, "    %q,\n", prefix+strings.TrimPrefix(name, "s3://"))
	}
	b.WriteString("]")
	return b.String()
}

// parts are the scheme and the host of the store's endpoint.
func (s *Store) parts() (scheme, host string) {
	u, err := url.Parse(s.Endpoint)
	if err != nil || s.Endpoint == "" {
		return "https", ""
	}
	return u.Scheme, u.Host
}

// duckView casts each column, which where files differ is what DuckDB has widened it to.
// A text that is no number becomes null.
func duckView(files *liveFiles, columns []Column) string {
	var b strings.Builder
	source := sqlText(files.data + "/*/*.parquet")
	if files.data == "" {
		source = files.inSQL()
		b.WriteString(files.store.duckNote())
	}
	b.WriteString("create or replace view rows as\nselect\n")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(",\n")
		}
		name := sqlName(c.Name)
		fmt.Fprintf(&b, "    try_cast(%s as %s) as %s", name, duckType(c.Type), name)
	}
	fmt.Fprintf(&b, "\nfrom read_parquet(%s, union_by_name = true, hive_partitioning = false)\n", source)
	b.WriteString("-- the newest revision of every row, and no row that was withdrawn\n" +
		"qualify row_number() over (partition by request_id, item_id order by revision desc) = 1 and reason <> 'withdrawn';\n")
	return b.String()
}

// duckNote says what DuckDB needs besides.
func (s *Store) duckNote() string {
	scheme, host := s.parts()
	if host == "" {
		host = "s3.amazonaws.com"
	}
	region := s.Region
	if region == "" {
		region = "..."
	}
	style := "path"
	if s.Endpoint == "" {
		style = "vhost"
	}
	return "-- The files as of now: print this again when more are committed. DuckDB needs the extension httpfs and a key:\n" +
		"--   install httpfs; load httpfs;\n" +
		fmt.Sprintf("--   create secret (type s3, key_id '...', secret '...', region %s, endpoint %s, url_style '%s', use_ssl %v);\n",
			sqlText(region), sqlText(host), style, scheme == "https")
}

// inSQL is the list of the files in SQL.
func (f *liveFiles) inSQL() string {
	var b strings.Builder
	b.WriteString("[")
	for i, name := range f.names {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n    " + sqlText(name))
	}
	b.WriteString("]::varchar[]")
	return b.String()
}

func sqlName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
func sqlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func duckType(t rowfile.Type) string {
	s := map[rowfile.Scalar]string{
		rowfile.ScalarBool: "boolean", rowfile.ScalarInt32: "integer",
		rowfile.ScalarInt64: "bigint", rowfile.ScalarDouble: "double", rowfile.ScalarFloat32: "float",
		rowfile.ScalarString: "varchar", rowfile.ScalarTimestamp: "timestamptz",
	}[t.Scalar]
	if t.List {
		s += "[]"
	}
	return s
}

// arrowView reads file by file, since a dataset casts without asking or not at all.
func arrowView(files *liveFiles, columns []Column) string {
	var b strings.Builder
	b.WriteString("from pathlib import Path\nimport pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq\n\n" +
		files.inArrow() + "schema = pa.schema([\n")
	for _, c := range columns {
		fmt.Fprintf(&b, "    (%q, %s),\n", c.Name, arrowType(c.Type))
	}
	b.WriteString(`])

def fitting(file):
    """The rows of a file with the columns and types of the table. What does not fit is null."""
    found = pq.ParquetFile(file, filesystem=store).read()
    def column(f):
        if f.name not in found.column_names:
            return pa.nulls(found.num_rows, f.type)
        try:
            listed = pa.types.is_list(f.type)
            if f.type in (pa.float32(), pa.list_(pa.float32())) and numbers(found[f.name].type, listed):
                return single(found[f.name])
            return found[f.name].cast(f.type)
        except pa.ArrowInvalid:
            return pa.array([fit(v, f.type) for v in found[f.name].to_pylist()], f.type)
        except pa.ArrowNotImplementedError:
            return pa.nulls(found.num_rows, f.type)
    return pa.table([column(f) for f in schema], schema=schema)

def numbers(kind, in_lists):
    kind = kind.value_type if in_lists and pa.types.is_list(kind) else kind
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)

def single(values):
    """The nearest numbers of single precision; null for those that are too large."""
    if pa.types.is_list(values.type):
        lists = values.combine_chunks()
        return pa.ListArray.from_arrays(lists.offsets, single(lists.values), mask=lists.is_null())
    double = values.cast(pa.float64(), safe=False)
    near = double.cast(pa.float32(), safe=False)
    return pc.if_else(pc.and_(pc.is_inf(near), pc.is_finite(double)), pa.scalar(None, pa.float32()), near)

def fit(value, kind):
    try:
        return pa.scalar(value).cast(kind).as_py()
    except pa.ArrowException:
        return None

rows = pa.concat_tables(fitting(f) for f in files)
# The newest revision of every row, and no row that was withdrawn.
newest = rows.append_column("row", pa.array(range(len(rows)))).sort_by([("revision", "ascending")])
newest = newest.group_by(["request_id", "item_id"], use_threads=False).aggregate([("row", "last")])["row_last"]
rows = rows.take(newest)
rows = rows.filter(pc.not_equal(rows["reason"], "withdrawn"))
`)
	return b.String()
}

// datasetsRows and torchRows give the rows of the view for pyarrow to others, which read no files of
// different columns and types.
const (
	datasetsRows = `
import datasets

rows = datasets.Dataset(datasets.table.InMemoryTable(rows))
`
	torchRows = `
from torch.utils.data import DataLoader, Dataset

class Rows(Dataset):
    """The rows as dictionaries. DataLoader(Rows(), batch_size=...) needs a collate_fn where values are null."""
    def __len__(self):
        return len(table)
    def __getitem__(self, i):
        return table.slice(i, 1).to_pylist()[0]

table = rows.combine_chunks()
rows = DataLoader(Rows(), batch_size=None)
`
)

// inArrow are the lines that set files, and store, the file system in which they are.
func (f *liveFiles) inArrow() string {
	if f.data != "" {
		return fmt.Sprintf("store = None\nfiles = sorted(Path(%q).glob(\"*/*.parquet\"))\n\n", f.data)
	}
	var options []string
	if scheme, host := f.store.parts(); host != "" {
		options = append(options, fmt.Sprintf("endpoint_override=%q, scheme=%q", host, scheme))
	}
	if f.store.Region != "" {
		options = append(options, fmt.Sprintf("region=%q", f.store.Region))
	}
	return storeNote + fmt.Sprintf("from pyarrow import fs\nstore = fs.S3FileSystem(%s)\nfiles = %s\n\n",
		strings.Join(options, ", "), f.inPython(""))
}

func arrowType(t rowfile.Type) string {
	s := map[rowfile.Scalar]string{
		rowfile.ScalarBool: "pa.bool_()", rowfile.ScalarInt32: "pa.int32()",
		rowfile.ScalarInt64: "pa.int64()", rowfile.ScalarDouble: "pa.float64()", rowfile.ScalarFloat32: "pa.float32()",
		rowfile.ScalarString: "pa.string()", rowfile.ScalarTimestamp: `pa.timestamp("us", tz="UTC")`,
	}[t.Scalar]
	if t.List {
		s = "pa.list_(" + s + ")"
	}
	return s
}

// polarsView reads file by file, since a scan of several casts nothing by itself.
func polarsView(files *liveFiles, columns []Column) string {
	var b strings.Builder
	b.WriteString("from pathlib import Path\nimport polars as pl\n\n" + files.inPolars() + "schema = {\n")
	for _, c := range columns {
		fmt.Fprintf(&b, "    %q: %s,\n", c.Name, polarsType(c.Type))
	}
	b.WriteString(`}

def fitting(file):
    """The rows of a file with the columns and types of the table. What does not fit is null."""
    found = pl.scan_parquet(file, storage_options=store)
    names = found.collect_schema().names()
    return found.select(
        (cast(pl.col(n), t) if n in names else pl.lit(None, t)).alias(n) for n, t in schema.items())

def cast(column, kind):
    if kind == pl.Float32:
        return single(column)
    if kind == pl.List(pl.Float32):
        return column.cast(pl.List(pl.Float64), strict=False).list.eval(single(pl.element()))
    return column.cast(kind, strict=False)

def single(numbers):
    """The nearest numbers of single precision; null for those that are too large."""
    near, double = numbers.cast(pl.Float32, strict=False), numbers.cast(pl.Float64, strict=False)
    return pl.when((near.is_infinite() & double.is_finite()).not_()).then(near)

# The newest revision of every row, and no row that was withdrawn.
rows = (pl.concat([fitting(f) for f in files])
    .sort("revision", maintain_order=True)
    .unique(["request_id", "item_id"], keep="last", maintain_order=True)
    .filter(pl.col("reason") != "withdrawn"))
`)
	return b.String()
}

// inPolars are the lines that set files, and store, how they are reached.
func (f *liveFiles) inPolars() string {
	if f.data != "" {
		return fmt.Sprintf("store = None\nfiles = sorted(Path(%q).glob(\"*/*.parquet\"))\n\n", f.data)
	}
	var options []string
	if scheme, host := f.store.parts(); host != "" {
		options = append(options, fmt.Sprintf("\"aws_endpoint_url\": %q", scheme+"://"+host))
		if scheme == "http" {
			options = append(options, `"aws_allow_http": "true"`)
		}
	}
	if f.store.Region != "" {
		options = append(options, fmt.Sprintf("\"aws_region\": %q", f.store.Region))
	}
	return storeNote + fmt.Sprintf("store = {%s}\nfiles = %s\n\n", strings.Join(options, ", "), f.inPython("s3://"))
}

func polarsType(t rowfile.Type) string {
	s := map[rowfile.Scalar]string{
		rowfile.ScalarBool: "pl.Boolean", rowfile.ScalarInt32: "pl.Int32",
		rowfile.ScalarInt64: "pl.Int64", rowfile.ScalarDouble: "pl.Float64", rowfile.ScalarFloat32: "pl.Float32",
		rowfile.ScalarString: "pl.String", rowfile.ScalarTimestamp: `pl.Datetime("us", "UTC")`,
	}[t.Scalar]
	if t.List {
		s = "pl.List(" + s + ")"
	}
	return s
}

// sparkView reads all files at once, where each column has one type: to ask for the schema of each takes
// Spark a job a file. Else it reads those of each schema by themselves, and unites them.
func sparkView(files *liveFiles, columns []Column) string {
	var b strings.Builder
	b.WriteString(`import glob
from collections import defaultdict
from pyspark.sql import SparkSession, functions as F, Window

`)
	b.WriteString(files.inSpark())
	b.WriteString("columns = [\n")
	for _, c := range columns {
		fmt.Fprintf(&b, "    (%q, %q),\n", c.Name, sparkType(c.Type))
	}
	b.WriteString(`]

def read(files):
    return spark.read.option("mergeSchema", "true").parquet(*files)

try:
    read(files)
    alike = [files]
except Exception:  # in old files a column may have another type: files of one schema are read together then
    by_schema = defaultdict(list)
    for file in files:
        by_schema[read([file]).schema.json()].append(file)
    alike = list(by_schema.values())

def fitting(files):
    """The rows of files that are alike, with the columns and types of the table."""
    found = read(files)
    quoted = lambda name: "` + "`" + `" + name.replace("` + "`" + `", "` + "``" + `") + "` + "`" + `"
    column = lambda name: F.col(quoted(name)) if name in found.columns else F.lit(None)
    return found.select([cast(column(n), t).alias(n) for n, t in columns])

def cast(column, kind):
    if kind == "float":
        return single(column)
    if kind == "array<float>":
        return F.transform(column.cast("array<double>"), single)
    return column.cast(kind)

def single(number):
    """The nearest number of single precision; null for one that is too large."""
    near, infinite = number.cast("float"), float("inf")
    large = (F.abs(near) == infinite) & (F.abs(number.cast("double")) != infinite)
    return F.when(large, None).otherwise(near)

rows = None
for files in alike:
    rows = fitting(files) if rows is None else rows.unionByName(fitting(files))
# The newest revision of every row, and no row that was withdrawn.
order = Window.partitionBy("request_id", "item_id").orderBy(F.desc("revision"))
rows = rows.withColumn("_n", F.row_number().over(order)).where("_n = 1 and reason <> 'withdrawn'").drop("_n")
`)
	return b.String()
}

// inSpark are the lines that set files, and spark, which reaches them.
func (f *liveFiles) inSpark() string {
	builder := `SparkSession.builder.config("spark.sql.ansi.enabled", "false")`
	if f.data != "" {
		return fmt.Sprintf("spark = %s.getOrCreate()\nfiles = sorted(glob.glob(%q))\n", builder, f.data+"/*/*.parquet")
	}
	note := storeNote + "# Spark needs the package org.apache.hadoop:hadoop-aws of its version of Hadoop.\n"
	if f.store.Endpoint != "" {
		builder += fmt.Sprintf(".config(\"spark.hadoop.fs.s3a.endpoint\", %q).config(\"spark.hadoop.fs.s3a.path.style.access\", \"true\")",
			f.store.Endpoint)
	}
	if f.store.Region != "" {
		builder += fmt.Sprintf(".config(\"spark.hadoop.fs.s3a.endpoint.region\", %q)", f.store.Region)
	}
	return note + fmt.Sprintf("spark = %s.getOrCreate()\nfiles = %s\n", builder, f.inPython("s3a://"))
}

func sparkType(t rowfile.Type) string {
	s := map[rowfile.Scalar]string{
		rowfile.ScalarBool: "boolean", rowfile.ScalarInt32: "int",
		rowfile.ScalarInt64: "bigint", rowfile.ScalarDouble: "double", rowfile.ScalarFloat32: "float",
		rowfile.ScalarString: "string", rowfile.ScalarTimestamp: "timestamp",
	}[t.Scalar]
	if t.List {
		return "array<" + s + ">"
	}
	return s
}
