#!/usr/bin/env python3
"""A replay of large logs in little memory: backfill.py LABELJOIN FOLDER [--requests N] [--outcomes M] [--memory 512MiB].

The logs are generated: requests of which one in a hundred comes twice, each outcome of a request of its own, one in ten
of them twice, a quarter after its window. What the rows have to hold follows from the numbers. It prints how long the
replay took and the most memory that it had, and fails if that is more than --memory or if the rows are not as they
have to be. 50 million requests and 20 million outcomes take some 4 GB of disk for the logs, and as much for the
rest. It needs DuckDB.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb

PART = 5_000_000  # events of a file
CONFIG = """name: backfill
join: {window: 30m}
labels:
  clicked: 'type == "click"'
  spent: {when: 'type == "buy"', value: sum}
features: {declare: {hour: int64}}
output: {dir: out}
"""
START = 1_767_225_600_000  # 2026-01-01, in milliseconds
SPAN = 30 * 86_400_000
NAME = "substr(md5(i::VARCHAR), 1, 20)"  # ids that compress badly, and come in no order
DELAY = "j * 7919 % 2400000"  # up to 40 minutes
UNITS = {"MiB": 1 << 20, "GiB": 1 << 30}


def write_logs(folder, requests, outcomes):
    """Part by part, so that the generator has a bound too."""
    con = duckdb.connect()
    con.execute("SET threads = 2; SET memory_limit = '1GB'")
    stamp = f"{START} + i * {SPAN} // {requests}"
    for first in range(0, requests, PART):
        con.execute(f"""COPY (SELECT {NAME} AS request_id, {stamp} AS ts, 'ranker' AS model, {{hour: i % 24, x: i % 1000 / 8}} AS features
            FROM (SELECT unnest(CASE WHEN i % 100 = 0 THEN [i, i] ELSE [i] END) AS i
                  FROM range({first}, {min(requests, first + PART)}) t(i)))
            TO '{folder}/requests-{first // PART:03d}.jsonl.zst' (FORMAT json, COMPRESSION zstd)""")
    for first in range(0, outcomes, PART):
        con.execute(f"""COPY (SELECT {NAME} AS request_id, 'o' || j AS outcome_id, {stamp} + {DELAY} AS ts,
                CASE WHEN j % 3 = 0 THEN 'buy' ELSE 'click' END AS type, j % 50 AS value
            FROM (SELECT j, j * {requests} // {outcomes} AS i FROM (SELECT unnest(CASE WHEN j % 10 = 0 THEN [j, j] ELSE [j] END) AS j
                  FROM range({first}, {min(outcomes, first + PART)}) t(j))))
            TO '{folder}/outcomes-{first // PART:03d}.jsonl.zst' (FORMAT json, COMPRESSION zstd)""")




def wanted(requests, outcomes):
    """Rows, clicks, the sum of what was spent, and times."""
    inside = f"{DELAY} <= 1800000"
    return duckdb.sql(f"""SELECT {requests}, count(*) FILTER (j % 3 <> 0 AND {inside}),
            coalesce(sum(j % 50) FILTER (j % 3 = 0 AND {inside}), 0)::DOUBLE, count(*) FILTER ({inside})
        FROM range({outcomes}) t(j)""").fetchall()[0]


def found(folder):
    return duckdb.sql(f"""SELECT count(*), sum(clicked)::BIGINT, sum(spent), count(clicked_ts) + count(spent_ts)
        FROM read_parquet('{folder}/out/data/*/*.parquet')""").fetchall()[0]


def replay(binary, folder, memory):
    """Returns seconds, seconds of CPU and the most memory of the process."""
    begin = time.monotonic()
    with open(folder / "report", "wb") as report:
        process = subprocess.Popen([binary, "replay", "--requests", "requests-*.jsonl.zst", "--outcomes", "outcomes-*.jsonl.zst",
                                    "--complete", "--memory", memory], cwd=folder, stdout=report, stderr=report)
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"the replay ends with {os.waitstatus_to_exitcode(status)}: {(folder / 'report').read_text()[-2000:]}")
    return time.monotonic() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--requests", type=int, default=50_000_000)
    parser.add_argument("--outcomes", type=int, default=20_000_000)
    parser.add_argument("--memory", default="512MiB")
    args = parser.parse_args()
    if args.outcomes > args.requests:
        parser.error("each outcome has a request of its own: --outcomes is at most --requests")
    shutil.rmtree(args.folder, ignore_errors=True)
    args.folder.mkdir(parents=True)
    (args.folder / "labeljoin.yaml").write_text(CONFIG)
    limit = int(args.memory[:-3]) * UNITS[args.memory[-3:]]
    write_logs(args.folder, args.requests, args.outcomes)
    size = sum(f.stat().st_size for f in args.folder.glob("*.zst"))
    seconds, cpu, peak = replay(args.binary.resolve(), args.folder, args.memory)
    print(f"{args.requests} requests and {args.outcomes} outcomes ({size >> 20} MiB, compressed) in {seconds:.0f} s, {cpu:.0f} s of CPU, "
          f"--memory {args.memory}: at most {peak >> 20} MiB")
    rows, want = found(args.folder), wanted(args.requests, args.outcomes)
    if rows != want:
        sys.exit(f"rows, clicks, spent and times are {rows}, want {want}")
    if peak > limit:
        sys.exit(f"that is more than {limit >> 20} MiB")
    print("rows, clicks, spent and times are as they have to be:", rows)


if __name__ == "__main__":
    main()
