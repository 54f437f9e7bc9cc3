"""The join by hand, in PostgreSQL: by_postgres.py SOCKETDIR REQUESTS OUTCOMES WINDOW_MS OUT

Both kinds of events are copied into tables. From time to time the requests whose
window is over are read with their outcomes, written to a file and deleted, in
one transaction: a crash between the file and the commit doubles rows.
"""

import bisect
import sys

import psycopg

from rows import FILE_ROWS, Writer, batches

BATCH = 5000

TABLES = """
CREATE TABLE IF NOT EXISTS requests (request_id text PRIMARY KEY, ts bigint NOT NULL, line text NOT NULL);
CREATE INDEX IF NOT EXISTS requests_ts ON requests (ts);
CREATE TABLE IF NOT EXISTS outcomes (request_id text NOT NULL, ts bigint NOT NULL, line text NOT NULL);
CREATE INDEX IF NOT EXISTS outcomes_request ON outcomes (request_id);
CREATE INDEX IF NOT EXISTS outcomes_ts ON outcomes (ts);
"""

# The lower bounds spare the index the rows that are deleted and not yet vacuumed.
JOIN = """
SELECT convert_to(r.line, 'UTF8'), CASE WHEN o.request_id IS NULL THEN 0 ELSE 1 END
FROM requests r
LEFT JOIN outcomes o ON o.request_id = r.request_id AND o.ts BETWEEN r.ts AND r.ts + %(window)s
  AND o.ts >= %(since)s AND o.ts <= %(until)s + %(window)s
WHERE r.ts >= %(since)s AND r.ts < %(until)s
"""
FORGET_REQUESTS = "DELETE FROM requests WHERE ts >= %(since)s AND ts < %(until)s"
FORGET_OUTCOMES = "DELETE FROM outcomes WHERE ts >= %(since)s AND ts < %(until)s"

FOREVER = 2**62


class Join:
    def __init__(self, socketdir, writer, window):
        self.db = psycopg.connect(host=socketdir, user="postgres", dbname="postgres")
        # Of new tables the planner knows nothing, and may take a nested loop over
        # the index of times, whose time is quadratic. A hash join is always right here.
        self.db.execute("SET enable_nestloop = off")
        self.db.execute(TABLES)
        self.db.commit()
        self.writer = writer
        self.window = window
        self.closed = 0  # all before it has been exported
        # Of the requests that are waiting, in order: it tells when there is a file's worth.
        self.times = [ts for (ts,) in self.db.execute("SELECT ts FROM requests ORDER BY ts")]

    def step(self, requests, outcomes, watermark):
        self.copy("requests", requests)
        self.copy("outcomes", outcomes)
        self.db.commit()
        self.times += [ts for _, ts, _ in requests]
        until = min(watermark - self.window, FOREVER)
        while self.times and (until == FOREVER or len(self.times) > FILE_ROWS and self.times[FILE_ROWS] <= until):
            self.export(self.times[FILE_ROWS] if len(self.times) > FILE_ROWS else FOREVER)

    def copy(self, table, events):
        if not events:
            return
        with self.db.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            copy.write(b"".join(b"%s\t%d\t%s\n" % (id.encode(), ts, line.replace(b"\\", b"\\\\")) for id, ts, line in events))

    def export(self, until):
        bounds = {"since": self.closed, "until": until, "window": self.window}
        rows = self.db.cursor(binary=True).execute(JOIN, bounds).fetchall()
        self.writer.write([line for line, _ in rows], [label for _, label in rows])
        self.db.execute(FORGET_REQUESTS, bounds)
        # An outcome may be of a request as young as itself: only what is older than
        # every request that waits can go.
        self.db.execute(FORGET_OUTCOMES, bounds)
        self.db.commit()
        self.closed = until
        del self.times[: bisect.bisect_left(self.times, until)]


def main(socketdir, requests, outcomes, window, out):
    join = Join(socketdir, Writer(out, requests), int(window))
    for batch in batches(requests, outcomes, BATCH):
        join.step(*batch)


if __name__ == "__main__":
    main(*sys.argv[1:])
