"""What the joins by hand have in common: reading the two logs as one, and
writing labeled rows to Parquet.
"""

import io
import itertools
import os

import orjson
import pyarrow
import pyarrow.json
import pyarrow.parquet

LATENESS_MS = 1000  # as in the configuration that `labeljoin bench events` writes
FILE_ROWS = 50_000


def batches(requests_path, outcomes_path, size):
    """Yields (requests, outcomes, watermark) in order of time.

    Requests and outcomes are lists of (id, ts, line). Of every event before the
    watermark, in milliseconds, it is known that it has been read. The last one is
    infinite: the logs are whole.
    """
    with open(requests_path, "rb") as requests, open(outcomes_path, "rb") as outcomes:
        held = None  # an outcome that is later than the requests so far
        while lines := list(itertools.islice(requests, size)):
            asked = [_event(line) for line in lines]
            newest = asked[-1][1]
            came = []
            while held or (line := outcomes.readline()):
                event, held = held or _event(line), None
                if event[1] > newest:
                    held = event
                    break
                came.append(event)
            yield asked, came, newest - LATENESS_MS
        rest = [held] if held else []
        rest += map(_event, outcomes)
        yield [], rest, float("inf")


def _event(line):
    event = orjson.loads(line)
    return event["request_id"], event["ts"], line.rstrip(b"\n")


def columns(requests_path):
    """The columns of the requests, as a team would declare them: name to the type
    of a value, or for features to the same of each. From the first 1000 requests.
    """
    seen = {}
    with open(requests_path, "rb") as requests:
        for line in itertools.islice(requests, 1000):
            for name, value in orjson.loads(line).items():
                if isinstance(value, dict):
                    fields = seen.setdefault(name, {})
                    fields.update((field, type(v)) for field, v in value.items())
                else:
                    seen[name] = type(value)
    return seen


def _arrow(of):
    if isinstance(of, dict):
        return pyarrow.struct([(name, _arrow(t)) for name, t in sorted(of.items())])
    return {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}[of]


class Writer:
    """Writes files of rows, whole or not at all."""

    def __init__(self, out, requests_path):
        self.out = out
        self.options = pyarrow.json.ParseOptions(
            explicit_schema=pyarrow.schema([(n, _arrow(t)) for n, t in columns(requests_path).items()]),
            unexpected_field_behavior="ignore",
        )
        os.makedirs(out, exist_ok=True)
        self.files = sum(name.endswith(".parquet") for name in os.listdir(out))

    def write(self, lines, labels):
        """Writes one file of requests, as JSON, and their labels. On return it is on disk."""
        if not lines:
            return
        # All are parsed at once, in C++: ten times as fast as one by one.
        table = pyarrow.json.read_json(io.BytesIO(b"\n".join(lines)), parse_options=self.options)
        table = table.append_column("clicked", pyarrow.array(labels, pyarrow.int8()))
        path = os.path.join(self.out, f"{self.files:08d}.parquet")
        with open(path + ".part", "wb") as f:
            pyarrow.parquet.write_table(table, f, compression="zstd", compression_level=1)
            f.flush()
            os.fsync(f.fileno())
        os.rename(path + ".part", path)
        self.files += 1
