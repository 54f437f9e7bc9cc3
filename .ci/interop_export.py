"""Exports days as training data and reads them with the readers that trainers use.

Readers that are not installed are named in the line of the case, and left out. Large ones read at the end
(interop_readers.py).
"""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import duckdb
import pandas
import pyarrow.dataset

import interop_digest
import interop_tfexample

TIMEOUT = 900
SPLITS = ("train", "eval")
FEW_DAYS = 30  # with more, there is one file of each split, datasets is left out, and so are TFRecords of later days
HASH = "('0x' || substr(sha256('{salt}:' || request_id), 1, 13))::bigint"


class Failure(Exception):
    """A check that did not hold."""


def expect(holds, *what):
    if not holds:
        raise Failure(" ".join(str(w) for w in what))


def near(a, b):
    """Whether sums agree: their last digits depend on the order of adding."""
    return len(a) == len(b) and all(abs((x or 0) - (y or 0)) <= 1e-9 * max(1, abs(x or 0)) for x, y in zip(a, b))


def run(binary, *arguments):
    return subprocess.run([binary, *map(str, arguments)], check=True, timeout=TIMEOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def export(binary, config, *flags, most=None):
    """Exports the days of the output, or the first of them, and returns the newest manifest of each."""
    days = [d["day"] for d in json.loads(run(binary, "days", "--config", config, "--json"))][:most]
    expect(days, "no days in", config)
    run(binary, "export", "--config", config, "--date", days[0], "--to", days[-1], *flags)
    root = Path(next(iter(config.parent.glob("exports/*-tfrecord" if "tfrecord" in flags else "exports/*[!d]"))))
    return root, [json.loads((m.parent / "manifest.json").read_text()) for m in sorted(root.glob("meta/dt=*/v=*/_SUCCESS"))]


def files_of(root, manifests, split):
    return [str(root / f["path"]) for m in manifests for f in m["files"] if f["split"] == split]


def check_rows(out, root, manifests, labels):
    """DuckDB finds the settled rows of the output in the export, each once and in its place."""
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")
    told = ["revision", "reason", "dt"] + [f"{l}_ts" for l in labels]
    con.execute(f"""create view source as select * exclude ({", ".join(told)}) from read_parquet('{out}/data/*/*.parquet', union_by_name = true)
        where reason not in ('withdrawn', 'gap', 'incomplete')
        qualify row_number() over (partition by request_id, item_id order by revision desc) = 1""")
    con.execute("""create view shards as select * exclude (filename, file_row_number), filename as file, file_row_number as row_at
        from read_parquet($files, filename = true, file_row_number = true, hive_partitioning = false)""".replace(
            "$files", str([f for s in SPLITS for f in files_of(root, manifests, s)])))
    columns = ", ".join('"' + c["name"] + '"' for c in manifests[-1]["columns"])
    for title, query in {
        "not exported": f"select {columns} from source except all select {columns} from shards",
        "exported and not in the output": f"select {columns} from shards except all select {columns} from source",
        "in the wrong split": f"select file from shards where (file like '%eval-%') <> ({HASH.format(salt='split')} / 2**52 < 0.1)",
        "out of order": f"select file from (select file, h, lag(h) over (partition by file order by row_at) as before from "
                        f"(select file, row_at, {HASH.format(salt='order:')} as h from shards)) where h < before",
    }.items():
        rows = con.execute(query).fetchall()
        expect(not rows, len(rows), "rows are", title, "such as", rows[:2])


def sums_duckdb(files, labels):
    con = duckdb.connect()
    return con.execute(f"select count(*), {', '.join(f'sum({l})' for l in labels)} from read_parquet({files}, hive_partitioning = false)").fetchone()


def sums_pyarrow(files, labels):
    table = pyarrow.dataset.dataset(files, partitioning=None).to_table()
    return (table.num_rows, *(pyarrow.compute.sum(table[l]).as_py() for l in labels))


def digest(files, manifests):
    """What pyarrow reads, which has the columns and the types of the manifests. DuckDB, pandas and polars read the same."""
    table = pyarrow.dataset.dataset(files, partitioning=None).to_table()
    found = interop_digest.of_arrow(table)
    for c in manifests[-1]["columns"]:
        expect(found[c["name"]][0] == c["type"], c["name"], "is", found[c["name"]][0], "for pyarrow, and", c["type"], "by the manifest")
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")
    con.register("arrow", table)
    con.execute(f"create view duck as select * from read_parquet({files}, hive_partitioning = false)")
    for ours, theirs in (("arrow", "duck"), ("duck", "arrow")):
        rows = con.execute(f"select * from {ours} except all select * from {theirs}").fetchall()
        expect(not rows, "rows of", ours, "that", theirs, "does not have, such as", rows[:2])
    frame = pandas.read_parquet(files, partitioning=None)  # integers with nulls are doubles there, and columns without a value have no type
    words = interop_digest.differ(interop_digest.of_arrow(pyarrow.Table.from_pandas(frame, preserve_index=False)), found, types=False)
    expect(not words, "pandas:", words)
    if importlib.util.find_spec("polars"):
        import polars
        words = interop_digest.differ(interop_digest.of_arrow(polars.read_parquet(files, hive_partitioning=False).to_arrow()), found)
        expect(not words, "polars:", words)
    return found


def sums_pandas(files, labels):
    data = pandas.read_parquet(files, partitioning=None)
    return (len(data), *(float(data[l].sum()) for l in labels))


def sums_polars(files, labels):
    import polars
    data = polars.read_parquet(files, hive_partitioning=False)
    return (data.height, *(data[l].sum() for l in labels))


READERS = {"pyarrow": sums_pyarrow, "pandas": sums_pandas, "polars": sums_polars}


def check(binary, directory, labels, book, expected=None):
    """Exports the output of a case in both formats. expected gives each label's sum. What large readers
    have to read is added to the book. Returns what was read, in words."""
    config, out = directory / "labeljoin.yaml", directory / "out"
    few = len(json.loads(run(binary, "days", "--config", config, "--json"))) <= FEW_DAYS
    shards = "4" if few else "1"
    root, manifests = export(binary, config, "--shards", shards)
    check_rows(out, root, manifests, labels)
    total, used, missing = [0] * (len(labels) + 1), ["duckdb"], []
    want, digests = {}, {}
    for split in SPLITS:
        files = files_of(root, manifests, split)
        want[split] = tuple(sums_duckdb(files, labels))
        told = [sum(s["rows"] for m in manifests for s in m["splits"] if s["name"] == split)]
        for l in labels:
            told.append(sum(t["sum"] for m in manifests for s in m["splits"] if s["name"] == split for t in s["labels"] if t["name"] == l))
        expect(near(told, want[split]), split, "holds", want[split], "and the manifests say", told)
        total = [a + (b or 0) for a, b in zip(total, want[split])]
        for name, read in READERS.items():
            if importlib.util.find_spec(name) is None:
                missing.append(name)
                continue
            got = read(files, labels)
            expect(near(got, want[split]), name, "reads", got, "from", split, "and DuckDB", want[split])
            used.append(name)
        digests[split] = digest(files, manifests)
    # Large readers get both splits at once: to begin to read takes them longest.
    every = [f for split in SPLITS for f in files_of(root, manifests, split)]
    book.files(directory.name, every, interop_digest.together(*digests.values()), readers=("spark", "torch"))
    if few:
        book.dataset(directory.name, root, digests)
    if expected is not None:
        expect(total[1:] == expected, "labels sum up to", total[1:], "and should to", expected)
    tf_root, tf = export(binary, config, "--shards", "2", "--format", "tfrecord", most=FEW_DAYS)
    check_examples(tf_root, tf, root, manifests)
    loader = run(binary, "export", "--config", config, "--format", "tfrecord", "--print-loader", "tf").decode()
    train = interop_digest.as_examples(rows_of(root, manifests[:len(tf)], "train"))
    book.examples(directory.name, loader, times_of(tf), train)
    used.append("protobuf (tf.Example)")
    check_same_bytes(binary, directory, root, manifests, shards)
    used += check_views(binary, config, labels, book)
    words = f"{total[0]} rows of {len(manifests)} days exported, read by {', '.join(dict.fromkeys(used))}"
    return words + (f" (not installed: {', '.join(dict.fromkeys(missing))})" if missing else "")


def rows_of(root, manifests, split):
    return pyarrow.dataset.dataset(files_of(root, manifests, split), partitioning=None).to_table()


def times_of(manifests):
    return [c["name"] for c in manifests[-1]["columns"] if c["type"] == "timestamp"]


def check_examples(tf_root, tf, root, manifests):
    """An independent reader of tf.Example finds in them what the Parquet files of the same days hold."""
    for split in SPLITS:
        rows = (row for f in files_of(tf_root, tf, split) for row in interop_tfexample.rows(f))
        found = interop_digest.of_examples(rows, times_of(tf))
        words = interop_digest.differ(found, interop_digest.as_examples(rows_of(root, manifests[:len(tf)], split)))
        expect(not words, "tf.Example of", split, "read by protobuf:", words)


def check_same_bytes(binary, directory, root, manifests, shards):
    """A second export of the first day, elsewhere, has the same bytes."""
    again = directory / "again"
    run(binary, "export", "--config", directory / "labeljoin.yaml", "--date", manifests[0]["day"], "--shards", shards, "--out", again)
    for f in manifests[0]["files"]:
        expect((again / root.name / f["path"]).read_bytes() == (root / f["path"]).read_bytes(), f["path"], "has other bytes the second time")
    shutil.rmtree(again)


def check_views(binary, config, labels, book):
    """The views of the live files, whatever types and columns those have, give the same rows."""
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")
    con.execute(run(binary, "view", "duckdb", "--config", config).decode())
    sums = ", ".join(f"sum({l})::double" for l in labels)
    want = con.execute(f"select count(*), {sums} from rows").fetchone()
    columns = [d[0] for d in con.execute("select * from rows limit 0").description]
    space = {}
    exec(run(binary, "view", "pyarrow", "--config", config).decode(), space)
    rows = space["rows"]
    got = (rows.num_rows, *(pyarrow.compute.sum(rows[l]).as_py() for l in labels))
    expect(near(got, want) and rows.column_names == columns, "the pyarrow view reads", got, "and the DuckDB view", want)
    for name in columns:
        nulls = con.execute(f"""select count(*) filter ("{name.replace('"', '""')}" is null) from rows""").fetchone()[0]
        expect(rows[name].null_count == nulls, "the pyarrow view has", rows[name].null_count, "nulls in", name, "and the DuckDB view", nulls)
    book.program("spark", f"{config.parent.name}, view", run(binary, "view", "spark", "--config", config).decode(), labels, list(want))
    return ["views of duckdb, pyarrow"]
