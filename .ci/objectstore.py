#!/usr/bin/env python3
"""An output in an object store, against real servers: objectstore.py LABELJOIN FOLDER.

Each server that is found (moto_server, versitygw, minio, by name in PATH) is started on this
machine and gets an output by `replay`, which is stopped and started in the middle, is verified,
compared with a directory's, read by the printed views, merged and exported. The export has to be the
same, byte by byte, as that of a directory. Then a running joiner loses the store for a while
(objectstore_live.py). What cannot be had is skipped, and said. It needs nothing but Python's library;
pyarrow and polars for the views.
"""

import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import objectstore_live

TIMEOUT = 300
KEY = {"AWS_ACCESS_KEY_ID": "labeljoin", "AWS_SECRET_ACCESS_KEY": "labeljoin-secret"}
BUCKET = "training-data"
START = 1_795_305_600_000  # 2026-11-22T00:00:00Z, in milliseconds
DAYS = ("2026-11-22", "2026-11-23")


class Failure(Exception):
    """A check that did not hold."""


def write_logs(folder, count=20_000):
    """Requests of two days and their clicks. The seed is fixed: the rows are the same each time."""
    rng = random.Random(13)
    with open(folder / "requests.jsonl", "w") as requests, open(folder / "outcomes.jsonl", "w") as outcomes:
        for n in range(count):
            ts = START + n * 2 * 86_400_000 // count
            items = [{"item_id": f"i{rng.randrange(1000)}-{k}", "position": k, "score": rng.random()} for k in range(5)]
            requests.write(json.dumps({"request_id": f"r{n}", "ts": ts, "features": {"age": n % 90}, "items": items}) + "\n")
            if n % 3 == 0:
                outcomes.write(json.dumps({"request_id": f"r{n}", "type": "click", "ts": ts + rng.randrange(60_000),
                                           "item_id": items[n % 5]["item_id"]}) + "\n")


def config(folder, name, rows, exports, s3=""):
    path = folder / f"{name}.yaml"
    path.write_text(f"""name: feed
join: {{window: 5m, lateness: 1m, corrections: 10m}}
labels:
  clicked: 'type == "click"'
state: {{dir: state-{name}}}
output:
  dir: {rows}
  roll: {{rows: 3000}}
export: {{dir: '{exports}', name: feed, settle: close, shards: 2, split: {{eval: 0.1}}}}
{s3}""")
    return path


def labeljoin(binary, *arguments, env=None):
    done = subprocess.run([binary, *map(str, arguments)], timeout=TIMEOUT, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Failure(f"labeljoin {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def export(binary, conf, env):
    labeljoin(binary, "export", "--config", conf, "--date", DAYS[0], "--to", DAYS[1], env=env)


def shards(folder):
    """The files of an export, by name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.glob("feed/dt=*/**/*.parquet"))}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def servers(folder):
    """The servers that are here: name, command line and what makes the bucket, each for a port."""
    def moto(port):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT", data=b"", headers={
            "Authorization": "AWS4-HMAC-SHA256 Credential=labeljoin/20261122/us-east-1/s3/aws4_request"})
        urllib.request.urlopen(request, timeout=10).close()

    data = folder / "store"
    known = {
        "moto_server": (lambda port: ["-H", "127.0.0.1", "-p", str(port)], moto),
        "versitygw": (lambda port: ["--port", f"127.0.0.1:{port}", "--access", KEY["AWS_ACCESS_KEY_ID"], "--secret",
                                    KEY["AWS_SECRET_ACCESS_KEY"], "posix", str(data)], lambda _: (data / BUCKET).mkdir()),
        "minio": (lambda port: ["server", "--address", f"127.0.0.1:{port}", str(data)], lambda _: (data / BUCKET).mkdir()),
    }
    for name, (line, make) in known.items():
        path = shutil.which(name)
        if path is None:
            print(f"SKIPPED: {name} is not installed")
            continue
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        yield name, (lambda port, path=path, line=line: [path, *line(port)]), make


def wait_for(port, server):
    for _ in range(300):
        if server.poll() is not None:
            raise Failure(f"the server ended with {server.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise Failure("the server does not listen")


def check_views(binary, conf, env):
    """The printed programs read the live files of the store, with the keys of the environment."""
    for engine in ("pyarrow", "polars"):
        if importlib.util.find_spec(engine) is None:
            print(f"SKIPPED: {engine} is not installed")
            continue
        program = labeljoin(binary, "view", engine, "--config", conf, env=env)
        frame = "rows" if engine == "pyarrow" else "rows.collect()"
        program += f"\nframe = {frame}\nprint(len(frame), int(sum(frame['clicked'].to_pylist() if {engine == 'pyarrow'} else frame['clicked'])))\n"
        done = subprocess.run([sys.executable, "-c", program], timeout=TIMEOUT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode or done.stdout.split()[-2:] != ["100000", "6667"]:
            raise Failure(f"the view of {engine} gives:\n{done.stdout}")


def check(binary, folder, name, port, server):
    env = {**os.environ, **KEY}
    s3 = f"s3: {{endpoint: 'http://127.0.0.1:{port}', region: us-east-1, path_style: true}}\n"
    conf = config(folder, name, f"s3://{BUCKET}/ml/feed", f"exports-{name}", s3)
    logs = ["--requests", folder / "requests.jsonl", "--outcomes", folder / "outcomes.jsonl", "--complete"]
    replay = subprocess.Popen([binary, "replay", "--config", conf, *logs], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    for _ in range(3):  # the server stops answering for a moment, three times
        time.sleep(0.3)
        server.send_signal(signal.SIGSTOP)
        time.sleep(0.7)
        server.send_signal(signal.SIGCONT)
    said, _ = replay.communicate(timeout=TIMEOUT)
    if replay.returncode:
        raise Failure(f"replay ended with {replay.returncode}:\n{said}")
    for step in (["verify"], ["days"], ["compact"], ["verify"], ["explain", "r0"], ["stats", "--date", DAYS[0]],
                 ["retain", "--days", "1", "--dry-run"]):
        labeljoin(binary, *step, "--config", conf, env=env)
    labeljoin(binary, "diff", f"s3://{BUCKET}/ml/feed", folder / "labeled", "--config", conf, env=env)
    check_views(binary, conf, env)
    export(binary, conf, env)
    if shards(folder / f"exports-{name}") != shards(folder / "exports-local"):
        raise Failure("the export differs from that of a directory")
    # Into the store, where the manifests have the hashes of the files.
    there = config(folder, name, f"s3://{BUCKET}/ml/feed", f"s3://{BUCKET}/ml/exports", s3)
    export(binary, there, env)
    if "v=0001" not in labeljoin(binary, "export", "--config", there, "--date", DAYS[0], env=env):
        raise Failure("the day that was exported to the store is not found there")
    sound = labeljoin(binary, "verify", "--config", conf, env=env).strip()
    return f"{sound}; {objectstore_live.check(binary, folder, name, BUCKET, port, env)}"


def main():
    binary, folder = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute()
    folder.mkdir(parents=True)
    write_logs(folder)
    local = config(folder, "local", "labeled", "exports-local")
    labeljoin(binary, "replay", "--config", local, "--requests", folder / "requests.jsonl", "--outcomes",
              folder / "outcomes.jsonl", "--complete")
    export(binary, local, None)
    if len(shards(folder / "exports-local")) != 8:
        raise Failure(f"the directory's export has {len(shards(folder / 'exports-local'))} files")
    failed = 0
    for name, line, make in servers(folder):
        port = free_port()
        with open(folder / f"{name}.log", "wb") as log:
            server = subprocess.Popen(line(port), stdout=log, stderr=log, env={**os.environ, "MINIO_ROOT_USER":
                KEY["AWS_ACCESS_KEY_ID"], "MINIO_ROOT_PASSWORD": KEY["AWS_SECRET_ACCESS_KEY"], "MINIO_BROWSER": "off"})
        try:
            wait_for(port, server)
            make(port)
            print(f"ok {name}: {check(binary, folder, name, port, server)}")
        except (Failure, objectstore_live.Failure) as failure:
            failed += 1
            print(f"not ok {name}: {failure}")
        finally:
            server.send_signal(signal.SIGCONT)
            server.kill()
            server.wait()
    return failed


if __name__ == "__main__":
    sys.exit(main())
