package shards

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/export/rowfile"
)

// Loaders are the readers that Loader knows.
func Loaders() []string { return []string{"torch", "tf", "pandas", "polars", "spark"} }

// Exported is what a loader reads: an export as it is now.
type Exported struct {
	Root    string // its directory, or its address in the store
	Format  Format
	Store   Store
	Columns []ColumnFacts // of any day; the labels alone where there is none yet
	// Files are the training files of the newest whole version of every day, below Root.
	Files []string
}

// ExportedBy finds what options have exported.
func ExportedBy(o Options, store Store) (*Exported, error) {
	x := &Exported{Root: o.Root(), Format: o.Format, Store: store}
	for _, l := range o.Rules.Labels {
		value, _ := rowfile.LabelTypes(l.Agg)
		x.Columns = append(x.Columns, ColumnFacts{Name: l.Name, Type: value.String(), Role: RoleLabel, Nullable: true})
	}
	e := &Exporter{bucket: o.place()}
	if errors.Is(e.bucket.Present(), fs.ErrNotExist) {
		return x, nil
	}
	newest, err := e.newestVersions()
	if err != nil {
		return nil, err
	}
	var columns []ColumnFacts
	for _, v := range newest {
		m, _, err := readManifest(e.bucket, v.day, v.version)
		if err != nil {
			return nil, err
		}
		for _, c := range m.Columns {
			if !slices.ContainsFunc(columns, func(known ColumnFacts) bool { return known.Name == c.Name }) {
				columns = append(columns, c)
			}
		}
		for _, f := range m.Files {
			if f.Split == splitNames[splitTrain] {
				x.Files = append(x.Files, f.Path)
			}
		}
	}
	if len(newest) > 0 {
		x.Columns = columns
	}
	return x, nil
}

// Loader is a Python program that reads the training split of an export. The error says that there
// is no such reader, or that it does not read the format.
func (x *Exported) Loader(reader string) (string, error) {
	store := x.option(reader)
	const growing = "# A day from before a column was there has nulls in it.\n"
	schema := growing + "schema = pyarrow.unify_schemas([pyarrow.parquet.read_schema(f" + store + ") for f in files])\n"
	body, ok := map[string]string{
		"pandas": "import pandas, pyarrow, pyarrow.parquet\n" + schema +
			"data = pandas.read_parquet(files, schema=schema, partitioning=None" + store + ")\n",
		"polars": "import polars\n" + growing +
			"tables = [polars.read_parquet(f, hive_partitioning=False" + store + ") for f in files]\n" +
			"data = polars.concat(tables, how=\"diagonal\")\n",
		"spark": growing + "data = spark.read.option(\"mergeSchema\", \"true\").parquet(*files)\n",
		"torch": "import pyarrow, pyarrow.dataset, pyarrow.parquet, torch\n" + schema +
			"class Rows(torch.utils.data.IterableDataset):\n" +
			"    def __iter__(self):\n" +
			"        worker = torch.utils.data.get_worker_info()\n" +
			"        mine = files[worker.id :: worker.num_workers] if worker else files\n" +
			"        if mine:\n" +
			"            rows = pyarrow.dataset.dataset(mine, schema=schema, partitioning=None" + store + ")\n" +
			"            for batch in rows.to_batches():\n" +
			"                yield from batch.to_pylist()\n" +
			"data = torch.utils.data.DataLoader(Rows(), batch_size=None, num_workers=0)\n",
		"tf": "import tensorflow as tf\n" +
			"data = tf.data.TFRecordDataset(files, compression_type=\"GZIP\").batch(1024)\n" +
			"data = data.map(lambda x: tf.io.parse_example(x, {\n" +
			x.tfFeatures() + "}), num_parallel_calls=tf.data.AUTOTUNE)\n",
	}[reader]
	switch {
	case !ok:
		return "", fmt.Errorf("no loader for %q is known: there are %s", reader, strings.Join(Loaders(), ", "))
	case (reader == "tf") != (x.Format == FormatTFRecord):
		return "", fmt.Errorf("a loader for %s reads %s: give --format %s", reader, formatOf(reader), formatOf(reader))
	}
	return x.files(reader) + body, nil
}

func formatOf(reader string) Format {
	if reader == "tf" {
		return FormatTFRecord
	}
	return FormatParquet
}

// newestInPython finds the files of the newest whole version of every day.
const newestInPython = `from pathlib import Path
root = Path(%q)
newest = {m.parent.parent.name: m.parent.name for m in sorted(root.glob("meta/dt=*/v=[0-9][0-9][0-9][0-9]/_SUCCESS"))}
files = [str(f) for day, v in newest.items() for f in sorted(root.glob(f"{day}/{v}/%s"))]
`

// files are the lines that set files. Those of a store have the files by name, and set how it is
// reached.
func (x *Exported) files(reader string) string {
	if !x.stored() {
		pattern := "train-*.parquet"
		if x.Format == FormatTFRecord {
			pattern = "Split-train/*.gz"
		}
		text := fmt.Sprintf(newestInPython, x.Root, pattern)
		if reader == "spark" {
			text += "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n"
		}
		return text
	}
	f := &liveFiles{store: x.Store}
	for _, path := range x.Files {
		f.names = append(f.names, strings.TrimSuffix(x.Root, "/")+"/"+path)
	}
	switch reader {
	case "polars":
		return f.inPolars()
	case "spark":
		return "from pyspark.sql import SparkSession\n" + f.inSpark()
	case "tf":
		return storeNote + "import tensorflow_io  # which reads from stores; AWS_ENDPOINT_URL names one that is not Amazon's\n" +
			"files = " + f.inPython("s3://") + "\n"
	}
	return f.inArrow()
}

func (x *Exported) stored() bool { return strings.HasPrefix(x.Root, "s3://") }

// option is the argument by which a reader is told how the store is reached.
func (x *Exported) option(reader string) string {
	switch {
	case !x.stored():
		return ""
	case reader == "polars":
		return ", storage_options=store"
	}
	return ", filesystem=store"
}

// tfFeatures are the columns as tf.Example has them.
func (x *Exported) tfFeatures() string {
	var b strings.Builder
	b.WriteString("    # Sparse tensors of many rows, in which a value that is null is missing; data.unbatch() has single rows.\n")
	for _, c := range x.Columns {
		kind := "int64"
		if t, err := rowfile.ParseColumnType(c.Type); err == nil {
			switch t.Scalar {
			case rowfile.ScalarDouble, rowfile.ScalarFloat32:
				kind = "float32"
			case rowfile.ScalarString, rowfile.ScalarJSON:
				kind = "string"
			}
		}
		fmt.Fprintf(&b, "    %q: tf.io.VarLenFeature(tf.%s),\n", c.Name, kind)
	}
	return b.String()
}
