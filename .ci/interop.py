#!/usr/bin/env python3
"""Reads what labeljoin wrote with other readers than its own, and checks it.

usage: interop.py LABELJOIN WORKDIR [DATADIR [NAMES]]

LABELJOIN is the binary, WORKDIR a new directory, DATADIR a folder of real logs
with expected.json files (left out: not used). NAMES, as in obd,vw,live, are how the
names of the cases begin that are run (left out: all). Each case is a replay of logs:

  manifest  every file under data/ is in a manifest, with its checksum, rows,
            columns; every event read is accounted for
  readers   DuckDB and pyarrow read the same rows from every file, with the
            types that the manifest says
  labels    join.sql, an independent join in DuckDB over the same logs, gives
            the same rows and labels, to the microsecond
  exports   days are exported as training data: the rows of the output, each once,
            split and ordered as any SQL engine computes it, read by DuckDB, pyarrow,
            pandas, and whatever else is installed (interop_export.py)
  features  every feature of the logs is in its column, and nothing else is

The live case is the demo, read back by both. Exit code 0: all is well.
"""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pandas
import pyarrow
import pyarrow.parquet

import interop_events
import interop_export
import interop_readers
import interop_schema
import interop_train

HERE = Path(__file__).resolve().parent
TIMEOUT = 900  # seconds, for any one run of the binary


class Failure(Exception):
    """A check that did not hold."""


def expect(holds, *what):
    if not holds:
        raise Failure(" ".join(str(w) for w in what))


@dataclass
class Case:
    """Logs and how to join them."""

    name: str
    requests: Path
    outcomes: Path
    labels: dict
    window_ms: int
    skew_ms: int = 0
    declared: dict = field(default_factory=dict)
    file_rows: int = 1_000_000
    positives: dict = field(default_factory=dict)  # rows in which a label is 1, where that is known

    def config(self):
        """The configuration, as JSON, which is YAML."""
        labels = {}
        for name, l in self.labels.items():
            when = "type in " + json.dumps(l["types"])
            if l.get("min_value") is not None:
                when += f" && has_value && value >= {l['min_value']}"
            labels[name] = {"when": when, "value": l.get("value", "any"), "window": f"{l.get('window_ms', self.window_ms)}ms"}
        return json.dumps({
            "name": "interop",
            "join": {"window": f"{self.window_ms}ms", "clock_skew": f"{self.skew_ms}ms"},
            "labels": labels,
            "features": {"declare": self.declared},
            "output": {"dir": "out", "roll": {"rows": self.file_rows}},
        })


def replay(case, binary, directory):
    """Joins the case's logs and returns the output directory."""
    directory.mkdir(parents=True)
    config = directory / "labeljoin.yaml"
    config.write_text(case.config(), encoding="utf-8")
    subprocess.run(
        [binary, "replay", "--config", config, "--requests", case.requests, "--outcomes", case.outcomes, "--complete"],
        check=True, timeout=TIMEOUT, stderr=subprocess.DEVNULL,
    )
    return directory / "out"


# ---- manifest ----


def check_manifests(out):
    """Returns path -> its entry in a manifest, for every data file."""
    files = {}
    manifests = sorted((out / "_commits" / "p0000").glob("*.json"))
    expect(manifests, "no commit in", out)
    for path in manifests:
        manifest = json.loads(path.read_bytes())
        for kind in ("request", "outcome"):
            books = manifest["ledger"][kind]
            expect(books["read"] == books["pending"] + sum(books["disposed"].values()), path, kind, "do not add up:", books)
        for entry in manifest["files"]:
            data = (out / entry["path"]).read_bytes()
            expect(len(data) == entry["bytes"], entry["path"], "has", len(data), "bytes")
            expect(hashlib.sha256(data).hexdigest() == entry["sha256"], entry["path"], "has another checksum")
            files[out / entry["path"]] = entry
    found = {p for p in (out / "data").rglob("*") if p.is_file()}
    expect(found == set(files), "files that no manifest names, or that are missing:", found ^ set(files))
    return files


# ---- readers ----

ARROW_SCALARS = {
    "bool": pyarrow.bool_(), "int32": pyarrow.int32(), "int64": pyarrow.int64(), "double": pyarrow.float64(),
    "string": pyarrow.string(), "timestamp": pyarrow.timestamp("us", tz="UTC"),
}
DUCKDB_SCALARS = {
    "bool": "BOOLEAN", "int32": "INTEGER", "int64": "BIGINT", "double": "DOUBLE",
    "string": "VARCHAR", "timestamp": "TIMESTAMP WITH TIME ZONE",
}


def element_of(kind):
    """The T of list<T>, or None."""
    return kind[5:-1] if kind.startswith("list<") else None


def arrow_type(kind):
    element = element_of(kind)
    return pyarrow.list_(pyarrow.field("element", ARROW_SCALARS[element])) if element else ARROW_SCALARS[kind]


def duckdb_type(kind):
    element = element_of(kind)
    return DUCKDB_SCALARS[element] + "[]" if element else DUCKDB_SCALARS[kind]


def read_arrow(path, columns):
    """Rows as tuples, timestamps as microseconds."""
    table = pyarrow.parquet.ParquetFile(path).read()
    got = {f.name: f.type for f in table.schema}
    expect(list(got) == list(columns), path, "has the columns", list(got))
    for name, kind in columns.items():
        expect(got[name] == arrow_type(kind), path, name, "is", got[name], "for pyarrow, not", kind)
        if kind == "timestamp":
            i = table.schema.get_field_index(name)
            table = table.set_column(i, name, table[name].cast(pyarrow.int64()))
    return list(zip(*(table[name].to_pylist() for name in columns))) if table.num_rows else []


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def read_duckdb(con, path, columns):
    source = con.sql("select * from read_parquet($file, hive_partitioning = false)", params={"file": str(path)})
    got = dict(zip(source.columns, map(str, source.types)))
    expect(list(got) == list(columns), path, "has the columns", list(got))
    for name, kind in columns.items():
        expect(got[name] == duckdb_type(kind), path, name, "is", got[name], "for DuckDB, not", kind)
    select = ", ".join(f"epoch_us({quoted(n)})" if k == "timestamp" else quoted(n) for n, k in columns.items())
    return source.project(select).fetchall()


def same(a, b):
    """Equality that tells 1 from 1.0 from True and -0.0 from 0.0."""
    return repr(a) == repr(b)


def check_readers(con, files):
    """Returns path -> (columns, rows) as both readers have them."""
    read = {}
    for path, entry in files.items():
        columns = {c["name"]: c["type"] for c in entry["columns"]}
        ours, theirs = read_arrow(path, columns), read_duckdb(con, path, columns)
        expect(len(ours) == len(theirs) == entry["rows"], path, "has", len(ours), len(theirs), entry["rows"], "rows")
        for i, (a, b) in enumerate(zip(ours, theirs)):
            expect(same(a, b), path, "row", i, "is", a, "for pyarrow and", b, "for DuckDB")
        expect(len(pandas.read_parquet(path, partitioning=None)) == entry["rows"], path, "has other rows for pandas")
        days = {str(us // 86_400_000_000) for us in (r[1] for r in ours)}
        want = str((pandas.Timestamp(path.parent.name.removeprefix("dt=")) - pandas.Timestamp(0)).days)
        expect(days == {want}, path, "holds rows of other days")
        read[path] = (columns, ours)
    return read


# ---- labels ----


def check_labels(con, case, files):
    """Compares the files with what join.sql says. Returns how many labels."""
    con.execute("create or replace table labels(name varchar, types varchar[], window_ns bigint, min_value double, agg varchar)")
    for name, l in case.labels.items():
        window = l.get("window_ms", case.window_ms) * 1_000_000
        con.execute("insert into labels values (?, ?, ?, ?, ?)", [name, l["types"], window, l.get("min_value"), l.get("value", "any")])
    con.execute(f"set variable requests_file = '{case.requests}'")
    con.execute(f"set variable outcomes_file = '{case.outcomes}'")
    con.execute(f"set variable clock_skew = {case.skew_ms * 1_000_000}::bigint")
    con.execute((HERE / "join.sql").read_text(encoding="utf-8"))
    found = " union all ".join(
        f"select request_id, epoch_us(request_ts) as request_us, item_id, position, score, '{name}' as label, "
        f"{quoted(name)}::double as value, epoch_us({quoted(name + '_ts')}) as value_us "
        "from read_parquet($files, union_by_name = true, hive_partitioning = false)" for name in case.labels)
    con.execute(f"create or replace table found as {found}", {"files": [str(f) for f in files]})
    for title, query in {
        "missing or otherwise in the files": "from expected except all from found",
        "in the files and not in the logs": "from found except all from expected",
    }.items():
        rows = con.execute(query).fetchall()
        expect(not rows, len(rows), "labels are", title, "such as", rows[:3])
    return con.execute("select count(*) from found").fetchone()[0]


# ---- features ----


def flatten(values, prefix=""):
    for name, value in (values or {}).items():
        if isinstance(value, dict):
            yield from flatten(value, prefix + name + "_")
        elif value is not None:
            yield prefix + name, value


def type_of(value):
    """The type of a column whose first value this is; None if it has none."""
    if not isinstance(value, list):
        return {bool: "bool", int: "double", float: "double", str: "string", dict: "json"}[type(value)]
    inner = {type_of(v) if not isinstance(v, list) else "json" for v in value if v is not None}
    if not inner:
        return None
    return f"list<{inner.pop()}>" if len(inner) == 1 and "json" not in inner else "json"


def types_of(events):
    """Returns feature column -> its type, and the (ts, request_id) that decided it, by what the logs have."""
    types = {}
    for ts, id, event in sorted(events, key=lambda e: (e[0], e[1].encode())):
        for values in [features_of(event, None)] + [features_of(event, i["item_id"]) for i in event.get("items") or []]:
            for name, value in values.items():
                if name not in types and type_of(value):
                    types[name] = (type_of(value), (ts, id.encode()))
    return types


def fitted(kind, value):
    """What a column of a type holds of a value."""
    element = element_of(kind)
    if element:
        return [None if v is None else fitted(element, v) for v in value] if isinstance(value, list) else None
    if type_of(value) != kind:
        return None
    return float(value) if kind == "double" else value


def holds(kind, cell, value, early):
    """Whether a cell of a column of a type holds a JSON value. early: its request comes before the one that decided the type."""
    if kind == "json":
        return cell is not None and same(json.loads(cell), value)
    return same(cell, None if early and type_of(value) is None else fitted(kind, value))


def fits(kind, value):
    """Whether a value fits a declared type, and what of it is stored."""
    element = element_of(kind)
    if element:
        return [fits(element, v) for v in value] if isinstance(value, list) else None
    if kind == "int64":
        whole = isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value)
        return int(value) if whole else None
    if kind == "double":
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return value if isinstance(value, str) else json.dumps(value)


def check_features(con, case, read):
    """Compares every cell of every feature column with the logs."""
    found = con.execute("select ts, request_id, event::varchar from request").fetchall()
    events = {id: (ts, id, json.loads(text)) for ts, id, text in found}
    types = types_of(events.values())
    cells = 0
    for path, (columns, rows) in read.items():
        names = list(columns)
        first = names.index("score") + 1
        feature_columns = names[first:names.index(next(iter(case.labels)))]
        wanted = [features_of(events[r[0]][2], r[names.index("item_id")]) for r in rows]
        present = {name for w in wanted for name, value in w.items() if type_of(value)} | set(case.declared)
        expect(present <= set(feature_columns) <= set(types) | set(case.declared), path, "has the feature columns", feature_columns)
        for i, name in enumerate(feature_columns, first):
            for row, w in zip(rows, wanted):
                cells += 1
                value = w.get(name)
                if value is None:
                    ok = row[i] is None
                elif name in case.declared:
                    ok = same(row[i], fits(case.declared[name], value))
                else:
                    kind, by = types[name]
                    ok = holds(kind, row[i], value, (events[row[0]][0], row[0].encode()) < by)
                expect(ok, path, name, "of", row[0], "is", repr(row[i]), "and was", repr(value))
    return cells


def features_of(event, item_id):
    values = dict(flatten(event.get("features")))
    for item in event.get("items") or []:
        if item["item_id"] == item_id:
            values |= dict(flatten(item.get("features"), "item_"))
            break
    return values


# ---- cases ----


def run_case(case, binary, work, book):
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")
    out = replay(case, binary, work / case.name)
    files = check_manifests(out)
    read = check_readers(con, files)
    labels = check_labels(con, case, files)
    cells = check_features(con, case, read)
    names = list(case.labels)
    exported = interop_export.check(binary, work / case.name, names, book, [case.positives[n] for n in names] if case.positives else None)
    kinds = Counter(k for columns, _ in read.values() for k in columns.values())
    print(f"ok   {case.name}: {sum(len(r) for _, r in read.values())} rows in {len(files)} files, "
          f"{labels} labels, {cells} feature cells; columns of {len(kinds)} types: {', '.join(sorted(kinds))}; {exported}", flush=True)


def run_live(binary, work, _book):
    """The demo: live through NATS, then read by both."""
    subprocess.run([binary, "demo", "--dir", work / "demo", "--duration", "12s"],
                   check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")
    files = check_manifests(work / "demo" / "labeled")
    rows = sum(len(r) for _, r in check_readers(con, files).values())
    data = work / "demo" / "labeled" / "data"
    revisions = con.execute(
        "select max(revision), count(*), count(distinct revision) from read_parquet($data) group by request_id, item_id",
        {"data": f"{data}/**/*.parquet"}).fetchall()
    expect(all(top + 1 == n == distinct for top, n, distinct in revisions), "a row's revisions do not count 0, 1, 2, ...")
    expect(len(pandas.read_parquet(data)) == rows, "pandas reads another number of rows from the directory")
    print(f"ok   live: {rows} rows in {len(files)} files, {sum(top > 0 for top, _, _ in revisions)} of them corrected", flush=True)


def generated(work):
    requests, outcomes = work / "requests.jsonl", work / "outcomes.jsonl"
    interop_events.write(requests, outcomes, count=1500)
    return Case("generated", requests, outcomes, interop_events.LABELS, window_ms=1800_000, skew_ms=2000,
                declared=interop_events.DECLARED, file_rows=900)


def real(data):
    """One case for each set of real logs and each of its windows."""
    for path in sorted(data.glob("*/expected.json")):
        for block, e in json.loads(path.read_text(encoding="utf-8")).items():
            if not block.startswith("expected"):
                continue
            for window, b in e["by_window"].items():
                labels = {"label_" + n: {"types": l["positive_types"], "min_value": l.get("min_value")} for n, l in b["labels"].items()}
                yield Case(f"{path.parent.name}-{block}-{window}", path.parent / e["requests_file"], path.parent / "outcomes.jsonl.gz",
                           labels, b["window_ms"], e["early_tolerance_ms"],
                           positives={"label_" + n: l["positive_rows"] for n, l in b["labels"].items()})


def check_schema(binary, work, book):
    print(f"ok   schema: {interop_schema.check(binary, work / 'schema', book)}", flush=True)


def check_train(binary, work, book):
    print(f"ok   train: {interop_train.check(binary, work / 'train', book)}", flush=True)


def attempt(run):
    """Tries one run, and returns whether it failed, and what large readers have to read."""
    name, function, arguments = run
    book = interop_readers.Book()
    try:
        function(*arguments, book)
    except (Failure, interop_export.Failure, subprocess.SubprocessError, duckdb.Error, pyarrow.ArrowException) as e:
        print(f"FAIL {name}: {e}", flush=True)
        return True, book
    return False, book


def main():
    binary, work = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    work.mkdir(parents=True)
    cases = [generated(work)]
    if len(sys.argv) > 3 and Path(sys.argv[3]).is_dir():
        cases += real(Path(sys.argv[3]).resolve())
    else:
        print("no real logs here: only generated ones are read", flush=True)
    runs = [(c.name, run_case, (c, binary, work)) for c in cases]
    runs += [("live", run_live, (binary, work)), ("schema", check_schema, (binary, work)), ("train", check_train, (binary, work))]
    if len(sys.argv) > 4:
        runs = [r for r in runs if r[0].startswith(tuple(sys.argv[4].split(",")))]
    # Most of it is Python, which uses one core: two processes use two.
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        attempts = list(pool.imap_unordered(attempt, runs))
    checks, failed, book = len(runs), sum(failed for failed, _ in attempts), interop_readers.Book()
    for _, more in attempts:
        book.add(more)
    for words, problems in book.read():
        skipped = words.startswith("SKIPPED")
        checks, failed = checks + (not skipped), failed + bool(problems)
        mark = "" if skipped else "FAIL " if problems else "ok   "
        print("\n".join([mark + words] + problems), flush=True)
    print(f"{checks - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
