"""Live files of a day in which features, labels and sampling changed, read as they are.

The joiner runs three times, on one output, each time with another configuration
and with events of another kind. Every reader then reads the files of the day
without options; then with the printed views; then again as compact left them.
"""

import asyncio
import importlib.util
import json
import shutil
import struct
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import nats
import nats.js.errors
import pandas
import pyarrow.dataset
import pyarrow.parquet

import interop_digest
from interop_export import TIMEOUT, expect, run

WAIT = 60  # seconds for rows to be there

# One run each: what is configured, the features of its requests, and how many rows it makes.
RUNS = [
    ("labels: {clicked: 'type == \"click\"'}\nfeatures: {declare: {near: float32, around: list<float32>}}",
     [{"age": 30, "tags": [], "near": 0.1}, {"age": 31, "lang": "de", "around": [0.1, 1e39, 16777217]}]),
    ("labels: {clicked: {when: 'type == \"click\"', value: count}, bought: 'type == \"buy\"'}\nfeatures: {declare: {shape: json}}",
     [{"age": 30.5, "tags": ["a"], "shape": [1, "x"]}, {"age": "old", "lang": 7}, {"lang": "en", "new": True}]),
    ("labels: {bought: {when: 'type == \"buy\"', value: sum}}",
     [{"age": 2, "new": False, "last": [1, 2.5], "near": 0.1}]),
]
SINGLE = struct.unpack("f", struct.pack("f", 0.1))[0]
# What rows hold in the end, by their number: null where a value does not fit, or did not exist.
WANT = {
    "age": [30.0, 31.0, 30.5, None, None, 2.0], "lang": [None, "de", None, None, "en", None],
    "new": [None, None, None, None, True, False],
    "near": [SINGLE, None, None, None, None, SINGLE],  # its declaration is gone, and its type stays
}


async def publish(url, events):
    connection = await nats.connect(url)
    limit = time.monotonic() + WAIT
    for subject, event in events:
        while True:
            try:
                await connection.jetstream().publish(subject, json.dumps(event).encode())
                break
            except nats.js.errors.NoStreamResponseError:  # the joiner makes it in a moment
                expect(time.monotonic() < limit, "there is no stream for", subject)
                await asyncio.sleep(0.05)
    await connection.close()


def count(out):
    files = list(out.glob("data/*/*.parquet"))
    return sum(pyarrow.parquet.read_metadata(f).num_rows for f in files)


def run_joiner(binary, directory, settings, first, features):
    """Runs the joiner until the requests have rows, each with a click."""
    config = directory / "labeljoin.yaml"
    config.write_text("name: schema\nnats: {embedded: true, auth: none, port: 0}\nguard: {enabled: false}\ninputs: {create: true}\n"
                      "join: {window: 300ms, lateness: 0s, corrections: 0s}\nexport: {shards: 1}\n"
                      f"state: {{dir: state}}\noutput: {{dir: out, roll: {{interval: 300ms}}}}\n{settings}\n", encoding="utf-8")
    url = directory / "state" / "nats.url"
    url.unlink(missing_ok=True)
    with open(directory / "log", "a", encoding="utf-8") as log:
        joiner = subprocess.Popen([binary, "run", "--config", config], stdout=log, stderr=log)
        try:
            limit = time.monotonic() + WAIT
            while not url.exists():
                expect(joiner.poll() is None and time.monotonic() < limit, "the joiner does not start:", (directory / "log").read_text())
                time.sleep(0.05)
            events = []
            for i, f in enumerate(features, first):
                now = datetime.now(timezone.utc).isoformat()
                events += [("requests.a", {"request_id": f"r{i}", "ts": now, "features": f, "items": [{"item_id": "a"}]}),
                           ("outcomes.a", {"request_id": f"r{i}", "ts": now, "type": "click", "item_id": "a"})]
            asyncio.run(publish(url.read_text().strip(), events))
            while count(directory / "out") < first + len(features):
                expect(joiner.poll() is None and time.monotonic() < limit, "no rows come:", (directory / "log").read_text())
                time.sleep(0.1)
        finally:
            joiner.terminate()
            joiner.wait(TIMEOUT)


def plain_readers(day, merged):
    """Each reads the files of a day without an option. Yields its name, and columns of rows.
    Polars refuses files with other columns than the first one: it needs the view until they are merged."""
    yield "duckdb", duckdb.sql(f"select * from read_parquet('{day}/*.parquet')").df()
    yield "pyarrow", pyarrow.dataset.dataset(day, format="parquet").to_table().to_pandas()
    yield "pandas", pandas.read_parquet(day)
    if merged and importlib.util.find_spec("polars"):
        import polars
        yield "polars", polars.read_parquet(f"{day}/*.parquet").to_pandas()


def values(frame, name):
    """A column by the number of its request, as Python has it."""
    rows = sorted(zip(frame["request_id"], frame[name] if name in frame else [None] * len(frame)))
    return [None if v is None or v is pandas.NA or v != v else v for _, v in rows]


def check(binary, directory, book):
    """Returns what was read, in words."""
    directory.mkdir(parents=True)
    first = 0
    for settings, features in RUNS:
        run_joiner(binary, directory, settings, first, features)
        first += len(features)
    days = sorted((directory / "out" / "data").glob("dt=*"))
    if len(days) > 1:
        return "left out: midnight came in between"
    day, config = str(days[0]), directory / "labeljoin.yaml"
    used = []
    for name, frame in plain_readers(day, merged=False):
        expect(len(frame) == first, name, "reads", len(frame), "rows, want", first)
        expect(values(frame, "age") == WANT["age"], name, "reads the ages", values(frame, "age"))
        used.append(name)
    for name, frame in views(binary, config):
        for column, want in WANT.items():
            expect(values(frame, column) == want, "the view of", name, "reads", column, values(frame, column))
    before = len(list(Path(day).glob("*.parquet")))
    # These read no column of two types by themselves, so they get views, of a copy that compact leaves alone.
    kept = directory / "kept"
    shutil.copytree(directory / "out", kept)
    sums = sum(age or 0 for age in WANT["age"])
    for reader in ("spark", "datasets", "torch"):
        text = run(binary, "view", reader, "--config", config, "--from", kept).decode()
        book.program(reader, "live files, view", text, ["age"], [first, sums])
    run(binary, "compact", "--config", config, "--before", "2999-12-31")
    run(binary, "verify", "--config", config)
    schemas = {str(pyarrow.parquet.read_schema(f).remove_metadata()) for f in Path(day).glob("*.parquet")}
    expect(len(schemas) == 1, "after compact the files of the day have", len(schemas), "schemas")
    for name, frame in plain_readers(day, merged=True):
        for column, want in WANT.items():
            expect(values(frame, column) == want, "after compact,", name, "reads", column, values(frame, column))
    merged = sorted(map(str, Path(day).glob("*.parquet")))
    book.files("merged live files", merged, interop_digest.of_arrow(pyarrow.dataset.dataset(merged, partitioning=None).to_table()))
    return f"{first} rows of {before} live files, and of {len(list(Path(day).glob('*.parquet')))} merged ones, read by {', '.join(used)} without options, and by the views"


def views(binary, config):
    con = duckdb.connect()
    con.execute(run(binary, "view", "duckdb", "--config", config).decode())
    yield "duckdb", con.execute("select * from rows").df()
    space = {}
    exec(run(binary, "view", "pyarrow", "--config", config).decode(), space)
    yield "pyarrow", space["rows"].to_pandas()
    if importlib.util.find_spec("polars"):
        exec(run(binary, "view", "polars", "--config", config).decode(), space)
        yield "polars", space["rows"].collect().to_pandas()
