#!/usr/bin/env python3
"""Follows an output into an Iceberg table, and reads the table with DuckDB.

usage: iceberg.py LABELJOIN WORKDIR

LABELJOIN is the binary, WORKDIR a new directory. Logs of three days are replayed
into many small files and followed; then files are merged, days end, and the table
must say what data/ says, each time. Following again changes nothing. So it is where
the integers of a column become doubles.
"""

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
from pyiceberg.catalog import load_catalog
from pyiceberg.types import DoubleType, NestedField

import interop_schema

FOLLOW = Path(__file__).resolve().parent.parent / "export" / "iceberg" / "follow.py"
COLUMNS = "count(*), sum(clicked), sum(hash(request_id, request_ts, clicked, clicked_ts)), count(late_feature)"

CONFIG = """
name: feed
inputs:
  requests: {stream: REQ, subject: "req.>"}
  outcomes: {stream: OUT, subject: "out.>"}
join: {window: 30m}
labels:
  clicked: {when: 'type == "click"'}
output: {dir: out, roll: {rows: 50}}
"""


def expect(holds, *what):
    if not holds:
        sys.exit("iceberg.py: " + " ".join(str(w) for w in what))


def write_logs(folder):
    """Three days of requests; a feature comes up on the second."""
    start = datetime(2026, 11, 20, tzinfo=timezone.utc)
    with open(folder / "requests.jsonl", "w") as requests, open(folder / "outcomes.jsonl", "w") as outcomes:
        for i in range(720):
            ts = start + timedelta(minutes=6 * i)
            features = {"n": i} | ({"late_feature": "x"} if i > 300 else {})
            requests.write(json.dumps({"request_id": f"r{i}", "ts": ts.isoformat(), "features": features}) + "\n")
            if i % 7 == 0:
                outcome = {"request_id": f"r{i}", "type": "click", "ts": (ts + timedelta(minutes=1)).isoformat()}
                outcomes.write(json.dumps(outcome) + "\n")


class World:
    def __init__(self, binary, folder):
        self.binary, self.folder = Path(binary).resolve(), Path(folder).resolve()
        self.folder.mkdir(parents=True)
        (self.folder / "warehouse").mkdir()
        (self.folder / "labeljoin.yaml").write_text(CONFIG)
        self.catalog = {"type": "sql", "uri": f"sqlite:///{self.folder}/catalog.db", "warehouse": f"file://{self.folder}/warehouse"}

    def run(self, *args):
        done = subprocess.run([self.binary, *args], cwd=self.folder, capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0, args, "ends with", done.returncode, done.stderr)

    def follow(self):
        properties = [f"--property={k}={v}" for k, v in self.catalog.items()]
        done = subprocess.run([sys.executable, FOLLOW, "out", "ml.labels", *properties], cwd=self.folder, capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0, "follow.py ends with", done.returncode, done.stderr)
        return done.stdout

    def same(self, what, columns=COLUMNS):
        """The table says what a glob over data/ says."""
        want = duckdb.sql(f"select {columns} from read_parquet('{self.folder}/out/data/*/*.parquet', union_by_name=true)").fetchall()[0]
        table = load_catalog("default", **self.catalog).load_table("ml.labels")
        rows = table.scan().to_arrow()  # DuckDB finds it by its name
        expect(duckdb.sql(f"select {columns} from rows").fetchall()[0] == want, what, "the table differs from data/", want, rows.num_rows)
        try:
            duckdb.sql("install iceberg; load iceberg")
        except duckdb.Error as err:
            print("SKIPPED: DuckDB's own reader of Iceberg cannot be installed:", str(err).splitlines()[0])
        else:
            got = duckdb.sql(f"select {columns} from iceberg_scan('{table.metadata_location}')").fetchall()[0]
            expect(got == want, what, "DuckDB reads", got, "from the table, and", want, "from data/")
        print(what, want)
        return len(table.snapshots())


DECLARE = "\nfeatures: {declare: {near: TYPE, around: list<TYPE>}}"


def widened(binary, folder):
    """A label that is counted, and then summed, and a feature: the integers of old files become doubles."""
    world = World(binary, folder)
    out = world.folder / "out"
    interop_schema.run_joiner(world.binary, world.folder, "labels: {bought: {when: 'type == \"click\"', value: count}}" + DECLARE.replace("TYPE", "float32"),
                               0, [{"n": 1, "near": 0.1, "around": [0.1]}, {"n": 2}])
    world.follow()
    table = load_catalog("default", **world.catalog).load_table("ml.labels")
    before, near = table.schema().find_field("bought"), table.schema().find_field("near")
    interop_schema.run_joiner(world.binary, world.folder, "labels: {bought: {when: 'type == \"click\"', value: sum}}" + DECLARE.replace("TYPE", "double"),
                               2, [{"n": 3, "near": 0.1, "around": [0.1, 0.2]}])
    world.follow()
    table = load_catalog("default", **world.catalog).load_table("ml.labels")
    after = table.schema().find_field("bought")
    expect(str(before.field_type) == "int" and str(after.field_type) == "double" and before.field_id != after.field_id,
           "the column was", before, "and is", after)
    expect(str(near.field_type) == "float" and table.schema().find_field("near") == NestedField(near.field_id, "near", DoubleType(), near.required)
           and str(table.schema().find_field("around").field_type) == "list<double>", "float32 became", table.schema().find_field("near"))
    world.same("features of float32 that became doubles", "count(*), sum(near::double), sum(hash(request_id, around::double[]))")
    world.same("a label whose integers became doubles", "count(*), sum(bought), count(bought), sum(hash(request_id, revision, bought::double))")
    copies = [f.file.file_path for f in table.scan().plan_files() if "/doubles/" in f.file.file_path]
    expect(copies and len(copies) < len(list(out.glob("data/*/*.parquet"))), "copies:", copies)
    expect("followed 0 operations" in world.follow(), "an operation was followed twice")
    world.run("compact", "--before", "2999-12-31")
    world.follow()
    world.same("merged, with doubles", "count(*), sum(bought), count(bought)")
    left = [f.file.file_path for f in table.refresh().scan().plan_files() if "/doubles/" in f.file.file_path]
    expect(not left, "copies of files that were merged are in the table:", left)


def main():
    widened(sys.argv[1], Path(sys.argv[2]) / "widened")
    world = World(sys.argv[1], Path(sys.argv[2]) / "days")
    write_logs(world.folder)
    world.run("replay", "--requests", "requests.jsonl", "--outcomes", "outcomes.jsonl", "--out", "out", "--complete")
    world.follow()
    snapshots = world.same("followed")
    expect("followed 0 operations" in world.follow(), "an operation was followed twice")
    expect(world.same("followed again") == snapshots, "following again made a snapshot")
    world.run("compact", "--before", "2027-01-01")
    world.follow()
    world.same("merged")
    world.run("retain", "--days", "2")
    world.follow()
    world.same("two days left")


if __name__ == "__main__":
    main()
