"""Runs queries in an engine and compares their rows, whole, with expected ones.

usage: compare.py duckdb|spark CASES

CASES is a file of JSON lines: {"name": ..., "query": ..., "expected": a Parquet file, "error": ...}. Either rows are
expected or an error that has the given text; with "write": a file, the rows, which are texts, are written to that as
lists in JSON. One line of JSON for each case is written to stdout: {"name": ...,
"problem": ...}, with an empty problem if all is as expected.
"""

import collections
import datetime
import json
import os
import sys

import duckdb

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def plain(value):
    """A value that is equal for equal values of both engines, and can be hashed. 1 and 1.0 are equal."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return ("us", (value - EPOCH) // datetime.timedelta(microseconds=1))
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, (list, tuple)):
        return tuple(plain(v) for v in value)
    return value


def counted(columns, rows):
    """How often each row is there. A column that is missing is null."""
    return collections.Counter(
        frozenset((c, plain(v)) for c, v in zip(columns, row) if v is not None) for row in rows)


class DuckDB:
    def __init__(self):
        self.con = duckdb.connect()
        self.con.execute("SET threads = 2; SET TimeZone = 'UTC'")

    def rows(self, query):
        cursor = self.con.execute(query)
        return [c[0] for c in cursor.description], cursor.fetchall()


class Spark:
    def __init__(self):
        from pyspark.sql import SparkSession

        os.environ["TZ"] = "UTC"
        self.spark = (
            SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.session.timeZone", "UTC")
            # The logs are small: what prepares for large ones takes longer than the join.
            .config("spark.sql.shuffle.partitions", "1").config("spark.sql.adaptive.enabled", "false")
            .config("spark.sql.codegen.wholeStage", "false").config("spark.ui.showConsoleProgress", "false")
            .getOrCreate())
        self.spark.sparkContext.setLogLevel("OFF")

    def rows(self, query):
        frame = self.spark.sql(query)
        return frame.columns, [tuple(r) for r in frame.collect()]


def judge(engine, case, reader):
    try:
        columns, rows = engine.rows(case["query"])
    except Exception as e:  # what engines raise has no common type
        if case.get("error") and case["error"] in str(e):
            return ""
        return "the query failed: " + str(e)[:2000]
    if case.get("write"):
        with open(case["write"], "w", encoding="utf-8") as out:
            out.writelines(json.dumps(["" if v is None else v for v in row]) + "\n" for row in rows)
        return ""
    if case.get("error"):
        return f"{len(rows)} rows, want the error {case['error']!r}"
    if len(set(columns)) != len(columns):
        return f"a column is there twice: {columns}"
    got, want = counted(columns, rows), counted(*reader.rows(f"SELECT * FROM read_parquet('{case['expected']}', hive_partitioning = false, union_by_name = true)"))
    if got == want:
        return ""
    show = lambda c: "\n".join(str(sorted(row, key=str)) for row in list(c)[:5])
    return f"got {sum(got.values())} rows, want {sum(want.values())}; only in the query:\n{show(got - want)}\nonly expected:\n{show(want - got)}"


def main():
    engine = {"duckdb": DuckDB, "spark": Spark}[sys.argv[1]]()
    reader = DuckDB()
    for line in open(sys.argv[2], encoding="utf-8"):
        case = json.loads(line)
        print(json.dumps({"name": case["name"], "problem": judge(engine, case, reader)}), flush=True)


main()
