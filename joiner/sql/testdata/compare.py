"""Runs queries in an engine and compares their rows, whole, with expected ones.

usage: compare.py duckdb|spark

It reads names of files, a line each. A file has JSON lines: {"name": ..., "query": ..., "expected": a Parquet file, "error": ...}. Either rows are
expected or an error that has the given text; with "write": a file, the rows, which are texts, are written to that as
lists in JSON. With "interpreted", Spark compiles nothing for the query; with "usual", it runs it as over large logs.
One line of JSON for each case is written to stdout: {"name": ..., "problem": ...}, with an empty problem if all is as
expected; and an empty line at the end of a file.
"""

import collections
import concurrent.futures
import datetime
import json
import os
import sys
import tempfile

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
    workers = 1  # how many queries run side by side

    def __init__(self):
        self.con = duckdb.connect()
        self.con.execute("SET threads = 2; SET TimeZone = 'UTC'")

    def rows(self, query, _how=""):
        cursor = self.con.cursor()
        cursor.execute(query)
        return [c[0] for c in cursor.description], cursor.fetchall()


class Spark:
    workers = 2  # a query is planned by one thread

    def __init__(self):
        from pyspark.sql import SparkSession

        os.environ["TZ"] = "UTC"
        self.warehouse = tempfile.TemporaryDirectory()
        self.compiling = (
            SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
            # No code runs for long: the first compiler is enough, and one thread collects the garbage. Alone it has room
            # for 48 MB of code, which queries fill, and then nothing is compiled any more.
            .config("spark.driver.extraJavaOptions",
                    "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC")
            # Plans of long queries are kept, and fill the usual gigabyte.
            .config("spark.driver.memory", "3g")
            .config("spark.sql.warehouse.dir", self.warehouse.name)  # else it is made where the program runs
            .config("spark.sql.session.timeZone", "UTC")
            # The logs are small: what prepares for large ones takes longer than the join.
            .config("spark.sql.shuffle.partitions", "1").config("spark.sql.adaptive.enabled", "false")
            .config("spark.sql.codegen.wholeStage", "false").config("spark.ui.showConsoleProgress", "false")
            # Queries over raw lines stop at a damaged file, whatever is set.
            .config("spark.sql.files.ignoreCorruptFiles", "true")
            .getOrCreate())
        self.compiling.sparkContext.setLogLevel("OFF")
        # Most of the time of a small query is that of Spark's compiler.
        self.interpreting = self.compiling.newSession()
        self.interpreting.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        self.interpreting.conf.set("spark.sql.codegen.wholeStage", "false")
        # As over large logs: the plan changes while it runs, and no table is small enough to be handed to all tasks.
        self.usual = self.compiling.newSession()
        for name in ("spark.sql.adaptive.enabled", "spark.sql.codegen.wholeStage"):
            self.usual.conf.set(name, "true")
        self.usual.conf.set("spark.sql.shuffle.partitions", "3")
        self.usual.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")

    def rows(self, query, how="compiling"):
        frame = getattr(self, how).sql(query)
        return frame.columns, [tuple(r) for r in frame.collect()]


def judge(engine, case, reader):
    try:
        how = "usual" if case.get("usual") else "interpreting" if case.get("interpreted") else "compiling"
        columns, rows = engine.rows(case["query"], how)
    except Exception as e:  # what engines raise has no common type
        if case.get("error") and case["error"] in str(e):
            return ""
        return "the query failed: " + str(e)[:2000] + "".join("\n" + line for line in str(e).splitlines() if "Caused by" in line)
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
    # What else is printed, as by Java, is talk.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine = {"duckdb": DuckDB, "spark": Spark}[sys.argv[1]]()
    reader = DuckDB()
    with concurrent.futures.ThreadPoolExecutor(engine.workers) as pool:
        for name in iter(sys.stdin.readline, ""):
            with open(name.rstrip("\n"), encoding="utf-8") as file:
                cases = [json.loads(line) for line in file]
            for case, problem in zip(cases, pool.map(lambda case: judge(engine, case, reader), cases)):
                print(json.dumps({"name": case["name"], "problem": problem}), file=answers, flush=True)
            print(file=answers, flush=True)


main()
