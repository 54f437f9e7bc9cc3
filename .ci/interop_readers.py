"""Readers that are too large to install for every run: Spark, PyTorch, TensorFlow, datasets.

What they have to read is collected in a Book while the other checks run. Then each reader reads all
of it in one process, by an interpreter that has the reader: that of SPARK_PYTHON, TORCH_PYTHON,
TF_PYTHON or DATASETS_PYTHON, or the one that runs the checks. Where there is none, it is said.

As a program of its own (interop_readers.py READER TASKS ANSWERS) it is such a process. It imports
nothing of the other checks, since its interpreter may lack what they need.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TIMEOUT = 600
# The module of each reader, and the environment variable that names an interpreter with it.
READERS = {
    "pandas": ("pandas", "PANDAS_PYTHON"), "polars": ("polars", "POLARS_PYTHON"), "spark": ("pyspark", "SPARK_PYTHON"),
    "torch": ("torch", "TORCH_PYTHON"), "tf": ("tensorflow", "TF_PYTHON"), "datasets": ("datasets", "DATASETS_PYTHON"),
}


# ---- what the checks call ----


def interpreter_of(reader):
    """The interpreter that has a reader, or None."""
    module, variable = READERS[reader]
    for python in (os.environ.get(variable), sys.executable):
        if not python:
            continue
        try:
            if subprocess.run([python, "-c", f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{module}') is None)"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TIMEOUT).returncode == 0:
                return python
        except OSError:
            continue
    return None


class Book:
    """What is to be read, and what has to be found."""

    def __init__(self):
        self.tasks = {reader: [] for reader in READERS}

    def add(self, other):
        for reader, tasks in other.tasks.items():
            self.tasks[reader] += tasks

    def files(self, name, files, columns, want, readers=("spark", "torch")):
        """Parquet files: want is how many rows they have, and the sums of columns."""
        for reader in readers:
            self.tasks[reader].append({"name": name, "files": [str(f) for f in files], "columns": columns, "want": list(want)})

    def dataset(self, name, root, columns, want):
        """An export, by its dataset card: want has the rows and sums of each split."""
        self.tasks["datasets"].append({"name": name, "root": str(root), "columns": columns, "want": {s: list(w) for s, w in want.items()}})

    def program(self, reader, name, text, columns, want=None, judge=None):
        """A printed program, which is run as it is: want is how many rows it gives, and the sums of columns.
        judge, where there is one, is called with all values of the columns."""
        self.tasks[reader].append({"name": name, "program": text, "columns": columns, "want": want, "judge": judge})

    def read(self):
        """Has everything read. Yields for each reader what was done, in words, and the problems."""
        for reader, tasks in self.tasks.items():
            module, variable = READERS[reader]
            python = interpreter_of(reader)
            if not tasks:
                continue
            if python is None:
                yield f"SKIPPED: {reader} (pip install {module}, and name that interpreter with {variable})", []
                continue
            problems = []
            words = [text for text in (judge(reader, t, a, problems) for t, a in zip(tasks, ask(python, reader, tasks))) if text]
            yield f"{reader} read {len(tasks)} times{', ' if words else ''}{', '.join(words)}", problems


def ask(python, reader, tasks):
    """What a reader finds, task by task."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "tasks.json"), Path(folder, "answers.json")
        asked.write_text(json.dumps([{k: v for k, v in t.items() if k not in ("want", "judge")} | {"values": t.get("judge") is not None}
                                     for t in tasks]), encoding="utf-8")
        done = subprocess.run([python, __file__, reader, asked, answered], timeout=TIMEOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            return [{"error": f"ended with {done.returncode}: {done.stdout.decode(errors='replace')[-2000:]}"}] * len(tasks)
        return json.loads(answered.read_text(encoding="utf-8"))


def judge(reader, task, answer, problems):
    """Compares what was found with what should be. Returns words about it, or None."""
    name = task["name"]
    if "error" in answer:
        problems.append(f"{name}: {answer['error']}")
        return None
    if task.get("judge") is not None:
        return task["judge"](answer["values"], problems)
    got, want = answer["got"], task["want"]
    tolerance = 1e-5 if reader == "tf" else 1e-9  # tf.Example has floats of 32 bits
    same = (near(got, want, tolerance) if isinstance(want, list)
            else set(got) == set(want) and all(near(got[s], want[s], tolerance) for s in want))
    if not same:
        problems.append(f"{name}: reads {got}, want {want}")
    return None


def near(a, b, tolerance):
    """Whether rows and sums agree: the first number counts rows and is the same, and the last digits of sums
    depend on the order of adding."""
    return (len(a) == len(b) and a[:1] == b[:1]
            and all(math.isclose(x or 0, y or 0, rel_tol=tolerance, abs_tol=1e-9) for x, y in zip(a[1:], b[1:])))


# ---- the process that reads ----


def sums(rows, columns):
    """rows are dicts."""
    total = [0] * (len(columns) + 1)
    for row in rows:
        total[0] += 1
        for i, c in enumerate(columns, 1):
            total[i] += row.get(c) or 0
    return total


def spark_session():
    from pyspark.sql import SparkSession
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
               .config("spark.sql.shuffle.partitions", "1").getOrCreate())
    session.sparkContext.setLogLevel("ERROR")
    return session


def read_spark(task):
    frame = spark_session().read.parquet(*task["files"])
    return sums_spark(frame, task["columns"])


def sums_spark(frame, columns):
    from pyspark.sql import functions
    return list(frame.agg(functions.count("*"), *(functions.sum(c) for c in columns)).first())


def read_torch(task):
    """The DataLoader has two workers, which share the files."""
    import pyarrow.dataset
    import torch

    class Rows(torch.utils.data.IterableDataset):
        def __iter__(self):
            worker = torch.utils.data.get_worker_info()
            mine = task["files"][worker.id:: worker.num_workers]
            for batch in pyarrow.dataset.dataset(mine, partitioning=None).to_batches() if mine else []:
                yield from batch.select(task["columns"]).to_pylist()

    return sums(torch.utils.data.DataLoader(Rows(), batch_size=None, num_workers=2, multiprocessing_context="fork"), task["columns"])


def read_datasets(task):
    import datasets
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        found = datasets.load_dataset(task["root"], cache_dir=cache)
        return {s: sums(d.select_columns(task["columns"]), task["columns"]) for s, d in found.items()}


def rows_of(reader, data, columns):
    """The rows of what a printed program has made, as dicts."""
    if reader == "spark":
        return [row.asDict() for row in data.select(*columns).collect()]
    if reader == "torch":
        return list(data)
    if reader == "polars":
        return data.select(columns).to_dicts()
    if reader == "tf":
        return [{c: e[c].values.numpy()[0].item() for c in columns if len(e[c].values)} for e in data]
    return data[columns].astype(object).where(data[columns].notna(), None).to_dict("records")


def run_program(reader, task):
    if reader == "spark":
        spark_session()  # the program gets this one
    space = {}
    exec(task["program"], space)  # as it was printed
    columns = task["columns"]
    data = space["data"] if "data" in space else space["rows"]
    if reader == "spark" and not task["values"]:
        return {"got": sums_spark(data, columns)}
    rows = rows_of(reader, data, columns)
    return {"values": [[r.get(c) for c in columns] for r in rows]} if task["values"] else {"got": sums(rows, columns)}


def main():
    reader, tasks = sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    answers = []
    for task in tasks:
        try:
            if "program" in task:
                answers.append(run_program(reader, task))
            else:
                answers.append({"got": {"spark": read_spark, "torch": read_torch, "datasets": read_datasets}[reader](task)})
        except Exception as e:  # whatever a reader throws is what it found
            answers.append({"error": f"{type(e).__name__}: {e}"[:2000]})
    Path(sys.argv[3]).write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main()
