package shards

import (
	"fmt"
	"strings"
)

// Loaders are the readers that Loader knows.
func Loaders() []string { return []string{"torch", "tf", "pandas", "polars", "spark"} }

// newestInPython finds the files of the newest whole version of every day.
const newestInPython = `from pathlib import Path
root = Path(%q)
newest = {m.parent.parent.name: m.parent.name for m in sorted(root.glob("meta/dt=*/v=[0-9][0-9][0-9][0-9]/_SUCCESS"))}
files = [str(f) for day, v in newest.items() for f in sorted(root.glob(f"{day}/{v}/%s"))]
`

// Loader is a Python program that reads the training split of an export. labels are the
// columns of the labels.
func Loader(reader, root string, format Format, labels []string) (string, error) {
	files := "train-*.parquet"
	if format == FormatTFRecord {
		files = "Split-train/*.gz"
	}
	body, ok := map[string]string{
		"pandas": "import pandas\ndata = pandas.read_parquet(files, partitioning=None)\n",
		"polars": "import polars\ndata = polars.read_parquet(files, hive_partitioning=False)\n",
		"spark": "from pyspark.sql import SparkSession\n" +
			"data = SparkSession.builder.getOrCreate().read.parquet(*files)\n",
		"torch": "import pyarrow.dataset, torch\n" +
			"class Rows(torch.utils.data.IterableDataset):\n" +
			"    def __iter__(self):\n" +
			"        worker = torch.utils.data.get_worker_info()\n" +
			"        mine = files[worker.id :: worker.num_workers] if worker else files\n" +
			"        for batch in pyarrow.dataset.dataset(mine, partitioning=None).to_batches() if mine else []:\n" +
			"            yield from batch.to_pylist()\n" +
			"data = torch.utils.data.DataLoader(Rows(), batch_size=None, num_workers=0)\n",
		"tf": "import tensorflow as tf\n" +
			"data = tf.data.TFRecordDataset(files, compression_type=\"GZIP\").map(lambda x: tf.io.parse_single_example(x, {\n" +
			tfLabels(labels) + "}))\n",
	}[reader]
	switch {
	case !ok:
		return "", fmt.Errorf("no loader for %q is known: there are %s", reader, strings.Join(Loaders(), ", "))
	case (reader == "tf") != (format == FormatTFRecord):
		return "", fmt.Errorf("a loader for %s reads %s: give --format %s", reader, formatOf(reader), formatOf(reader))
	}
	return fmt.Sprintf(newestInPython, root, files) + body, nil
}

func formatOf(reader string) Format {
	if reader == "tf" {
		return FormatTFRecord
	}
	return FormatParquet
}

func tfLabels(labels []string) string {
	var b strings.Builder
	for _, name := range labels {
		fmt.Fprintf(&b, "    %q: tf.io.VarLenFeature(tf.int64),  # add the features; a column that is null is missing\n",
			name)
	}
	return b.String()
}
