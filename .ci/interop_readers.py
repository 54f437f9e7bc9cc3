"""Readers that are too large to install for every run: Spark, PyTorch, TensorFlow, datasets.

What they have to read is collected in a Book while the other checks run. Then each reader reads all
of it in one process, by an interpreter that has the reader: that of SPARK_PYTHON, TORCH_PYTHON,
TF_PYTHON or DATASETS_PYTHON, or the one that runs the checks. Where there is none, it is said.

As a program of its own (interop_readers.py READER TASKS ANSWERS) it is such a process. It imports
nothing of the checks that call it, since its interpreter may lack what they need.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import interop_digest

TIMEOUT = 1800
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

    def files(self, name, files, want, readers=("spark", "torch", "datasets")):
        """Parquet files: want is their digest (interop_digest.py)."""
        for reader in readers:
            self.tasks[reader].append({"name": name, "files": [str(f) for f in files], "want": want})

    def dataset(self, name, root, want):
        """An export, by its dataset card: want has the digest of each split."""
        self.tasks["datasets"].append({"name": name, "root": str(root), "want": want})

    def program(self, reader, name, text, columns, want=None, judge=None):
        """A printed program, which is run as it is: want is how many rows it gives, and the sums of columns.
        judge, where there is one, is called with all values of the columns."""
        self.tasks[reader].append({"name": name, "program": text, "columns": columns, "want": want, "judge": judge})

    def examples(self, name, text, times, want):
        """The printed loader of TensorFlow: want is the digest of what tf.Example has of the rows (interop_digest.py)."""
        self.tasks["tf"].append({"name": name, "examples": text, "times": times, "want": want})

    def read(self):
        """Has everything read. Yields for each reader what was done, in words, and the problems."""
        asked = {reader: tasks for reader, tasks in self.tasks.items() if tasks}
        with ThreadPoolExecutor(2) as pool:  # each waits for a process of its own
            for (reader, tasks), (answers, seconds) in zip(asked.items(), pool.map(ask, asked, asked.values())):
                if answers is None:
                    module, variable = READERS[reader]
                    yield f"SKIPPED: {reader} (pip install {module}, and name that interpreter with {variable})", []
                    continue
                problems = []
                words = [text for text in (judge(reader, t, a, problems) for t, a in zip(tasks, answers)) if text]
                longest, name = max((a.get("seconds", 0), t["name"]) for t, a in zip(tasks, answers))
                words.insert(0, f"{reader} read {len(tasks)} times in {seconds:.0f} s, of which {name} took {longest:.0f} s")
                yield ", ".join(words), problems


def ask(reader, tasks):
    """What a reader finds, task by task, and in how many seconds. None: it is not here."""
    start, python = time.monotonic(), interpreter_of(reader)
    answers = None if python is None else answers_of(python, reader, tasks)
    return answers, time.monotonic() - start


def answers_of(python, reader, tasks):
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "tasks.json"), Path(folder, "answers.json")
        asked.write_text(json.dumps([{k: v for k, v in t.items() if k not in ("want", "judge")} | {"values": t.get("judge") is not None}
                                     for t in tasks]), encoding="utf-8")
        try:
            done = subprocess.run([python, __file__, reader, asked, answered], timeout=TIMEOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired:
            read = json.loads(answered.read_text(encoding="utf-8")) if answered.exists() else []
            return read + [{"error": f"{reader} has not come to it within {TIMEOUT} s"}] * (len(tasks) - len(read))
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
    if "program" in task:  # rows, and sums of columns
        if not near(got, want):
            problems.append(f"{name}: reads {got}, want {want}")
        return None
    pairs = [("", got, want)] if "root" not in task else [(s, got.get(s, {}), want.get(s, {})) for s in got.keys() | want]
    # Batches that a DataLoader gives have no types.
    problems += [f"{name} {s}: {words}" for s, g, w in pairs if (words := interop_digest.differ(g, w, types=reader != "torch"))]
    return None


def near(a, b):
    """Whether rows and sums agree: the first number counts rows and is the same, and the last digits of sums
    depend on the order of adding."""
    return (len(a) == len(b) and a[:1] == b[:1]
            and all(math.isclose(x or 0, y or 0, rel_tol=1e-9, abs_tol=1e-9) for x, y in zip(a[1:], b[1:])))


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
    # The tables are small: to compile a query takes longer than to run it.
    session = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
               .config("spark.sql.shuffle.partitions", "1").config("spark.sql.codegen.wholeStage", "false")
               .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
               .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC").getOrCreate())
    session.sparkContext.setLogLevel("ERROR")
    return session


def read_spark(task):
    return interop_digest.of_spark(spark_session().read.parquet(*task["files"]))


def sums_spark(frame, columns):
    from pyspark.sql import functions
    return list(frame.agg(functions.count("*"), *(functions.sum(c) for c in columns)).first())


def read_torch(task):
    """The DataLoader has two workers, which share the files. It gives tensors of numbers, and lists of all else."""
    import pyarrow
    import pyarrow.dataset
    import torch

    def given(column):
        if pyarrow.types.is_timestamp(column.type):
            column = column.cast(pyarrow.int64())
            return [None if v is None else v % interop_digest.REST for v in column.to_pylist()]
        if column.null_count or not (pyarrow.types.is_integer(column.type) or pyarrow.types.is_floating(column.type)):
            return column.to_pylist()
        return torch.tensor(column.to_pylist(), dtype=torch.int64 if pyarrow.types.is_integer(column.type) else torch.float64)

    class Batches(torch.utils.data.IterableDataset):
        def __iter__(self):
            worker = torch.utils.data.get_worker_info()
            mine = task["files"][worker.id:: worker.num_workers]
            for batch in pyarrow.dataset.dataset(mine, partitioning=None).to_batches() if mine else []:
                yield {name: given(batch[name]) for name in batch.schema.names}

    total = {}
    for batch in torch.utils.data.DataLoader(Batches(), batch_size=None, num_workers=2, multiprocessing_context="fork"):
        for name, values in batch.items():
            told = total.setdefault(name, ["", 0, 0])
            if isinstance(values, torch.Tensor):
                told[1], told[2] = told[1] + values.numel(), told[2] + values.double().sum().item()
                continue
            values = [v for v in values if v is not None]
            told[1], told[2] = told[1] + len(values), told[2] + sum(map(interop_digest.number, values))
    return total


def read_datasets(task):
    import datasets
    import pyarrow
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        if "root" in task:
            found = datasets.load_dataset(task["root"], cache_dir=cache)
            return {s: interop_digest.of_arrow(d.with_format("arrow")[:]) for s, d in found.items()}
        data = datasets.load_dataset("parquet", data_files=task["files"], split="train", cache_dir=cache)
        return interop_digest.of_arrow(data.with_format("arrow")[:])


def rows_of(reader, data, columns):
    """The rows of what a printed program has made, as dicts."""
    if reader == "spark":
        return [row.asDict() for row in data.select(*columns).collect()]
    if reader == "torch":
        return list(data)
    if reader == "datasets":
        return data.select_columns(columns).to_list()
    if reader == "polars":
        return data.select(columns).to_dicts()
    if reader == "tf":
        return rows_of_tf(data, columns)
    return data[columns].astype(object).where(data[columns].notna(), None).to_dict("records")


def rows_of_tf(batches, columns):
    """The rows of batches of sparse tensors. What is not wanted is dropped before it is a tensor of Python: that takes
    longer than to read it."""
    rows = []
    for batch in batches.map(lambda b: {c: b[c] for c in columns}):
        some = [{} for _ in range(batch[columns[0]].dense_shape[0])]
        for c in columns:
            for (row, _), value in zip(batch[c].indices.numpy().tolist(), batch[c].values.numpy().tolist()):
                some[row][c] = value
        rows += some
    return rows


def read_examples(task):
    space = {}
    exec(task["examples"], space)  # as it was printed
    return interop_digest.of_tf(space["data"], task["times"])


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
        start = time.monotonic()
        try:
            if "program" in task:
                answers.append(run_program(reader, task))
            elif "examples" in task:
                answers.append({"got": read_examples(task)})
            else:
                answers.append({"got": {"spark": read_spark, "torch": read_torch, "datasets": read_datasets}[reader](task)})
        except Exception as e:  # whatever a reader throws is what it found
            answers.append({"error": f"{type(e).__name__}: {e}"[:2000]})
        answers[-1]["seconds"] = time.monotonic() - start
        begun = Path(sys.argv[3] + ".new")  # what was read counts, should the rest take too long
        begun.write_text(json.dumps(answers), encoding="utf-8")
        begun.replace(sys.argv[3])


if __name__ == "__main__":
    main()
