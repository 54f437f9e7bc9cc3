"""The join by hand, in Redis: by_redis.py SOCKET REQUESTS OUTCOMES WINDOW_MS OUT

A request is a key with a time to live, and a member of a sorted set by time. An
outcome looks its request up: if it is there, that is a positive. What is in the
set for longer than the window is a negative. Keys go when the file that has
their row is on disk, so that a crash doubles rows and loses none, if it is shorter
than the time to live. The positives of the unfinished file turn negative, unless
their outcomes are read again.
"""

import sys

import orjson
import redis

from rows import FILE_ROWS, Writer, batches

BATCH = 1000
TTL_S = 24 * 3600  # of the machine's time, not the events': with room for an outage
PENDING = "pending"


class Join:
    def __init__(self, socket, writer, window):
        self.redis = redis.Redis(unix_socket_path=socket)
        self.writer = writer
        self.window = window
        self.scanned = float("-inf")
        self.rows = {}  # of the file that is being filled: id to (line, label)

    def step(self, requests, outcomes, watermark):
        pipe = self.redis.pipeline(transaction=False)
        for id, _, line in requests:
            pipe.set(id, line, ex=TTL_S)
        if requests:
            pipe.zadd(PENDING, {id: ts for id, ts, _ in requests})
        asked = len(requests) + bool(requests)
        for id, _, _ in outcomes:
            pipe.get(id)
        found = pipe.execute()[asked:]
        for (id, ts, _), line in zip(outcomes, found):
            if line is not None and 0 <= ts - orjson.loads(line)["ts"] <= self.window:
                self.rows[id] = line, 1
        self.close(watermark - self.window)
        if len(self.rows) >= FILE_ROWS:
            self.flush()

    def close(self, until):
        """Writes what is older and has no outcome as negatives."""
        ids = self.redis.zrangebyscore(PENDING, f"({self.scanned}", f"({until}")
        self.scanned = max(self.scanned, until - 1)
        ids = [id for raw in ids if (id := raw.decode()) not in self.rows]
        for i in range(0, len(ids), BATCH):
            some = ids[i : i + BATCH]
            for id, line in zip(some, self.redis.mget(some)):
                if line is not None:  # else its time to live was over, and the row is lost
                    self.rows[id] = line, 0

    def flush(self):
        self.writer.write([line for line, _ in self.rows.values()], [label for _, label in self.rows.values()])
        ids = list(self.rows)
        pipe = self.redis.pipeline(transaction=False)
        for i in range(0, len(ids), BATCH):
            pipe.unlink(*ids[i : i + BATCH])
            pipe.zrem(PENDING, *ids[i : i + BATCH])
        pipe.execute()
        self.rows = {}


def main(socket, requests, outcomes, window, out):
    join = Join(socket, Writer(out, requests), int(window))
    for batch in batches(requests, outcomes, BATCH):
        join.step(*batch)
    join.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
