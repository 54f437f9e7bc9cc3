"""The join of `labeljoin bench replay`, by DuckDB.

usage: replay.py join LOG REQUESTS OUTCOMES OUT THREADS WINDOW_MS FEATURES
       replay.py parquet LOG REQUESTS OUTCOMES OUT THREADS WINDOW_MS FEATURES
       replay.py compare A B

LOG is plain or slates. FEATURES are the features of a request, then those of an item, as
NAME=TYPE with commas between. `join` writes rows into OUT, `parquet` the two logs as Parquet
into the folder OUT, `compare` says whether the rows below two folders are the same.
"""

import glob
import json
import os
import resource
import sys
import time

import duckdb


def rows(folder):
    """A query of all rows below a folder."""
    files = sorted(glob.glob(f"{folder}/**/*.parquet", recursive=True))
    return f"read_parquet({files}, hive_partitioning=false, union_by_name=true)"


def compare(con, a, b):
    """Compares two sets of rows by the sum and the exclusive or of their hashes."""
    types = [sorted(con.execute(f"select column_name, column_type from (describe select * from {rows(f)})").fetchall()) for f in (a, b)]
    names = ", ".join(f'"{name}"' for name, _ in types[0])
    if types[0] != types[1]:
        return {"same": False, "why": f"the columns differ: {sorted(set(types[0]) ^ set(types[1]))}"}
    sums = [con.execute(f"select count(*), sum(h::hugeint)::varchar, bit_xor(h) from (select hash({names}) h from {rows(f)})").fetchone() for f in (a, b)]
    if sums[0] == sums[1]:
        return {"same": True, "rows": sums[0][0]}
    only = con.execute(f"select {names} from {rows(a)} except all select {names} from {rows(b)} limit 1").fetchall()
    return {"same": False, "why": f"{sums[0][0]} and {sums[1][0]} rows, whose values differ, for example {only}"}


class Join:
    def __init__(self, con, log, requests, outcomes, window, features):
        self.con, self.log, self.window = con, log, int(window)
        pairs = [f.split("=") for f in features.split(",")]
        self.features = [p for p in pairs if not p[0].startswith("item_")]
        self.of_items = [(name.removeprefix("item_"), t) for name, t in pairs if name.startswith("item_")]
        struct = lambda fields: "STRUCT(" + ", ".join(f"{n} {t}" for n, t in fields) + ")"
        columns = {"request_id": "VARCHAR", "ts": "BIGINT", "model": "VARCHAR", "model_version": "VARCHAR", "user_id": "VARCHAR",
                   "score": "DOUBLE", "features": struct(self.features)}
        if log == "slates":
            item = [("item_id", "VARCHAR"), ("position", "BIGINT"), ("score", "DOUBLE"), ("features", struct(self.of_items))]
            columns["items"] = struct(item) + "[]"
        self.requests = self.read(requests, columns)
        self.outcomes = self.read(outcomes, {"request_id": "VARCHAR", "outcome_id": "VARCHAR", "type": "VARCHAR", "item_id": "VARCHAR",
                                             "ts": "BIGINT", "value": "BIGINT"})

    def read(self, path, columns):
        if path.endswith(".parquet"):
            return f"read_parquet('{path}')"
        typed = ", ".join(f"{n}: '{t}'" for n, t in columns.items())
        return f"read_json('{path}', format='newline_delimited', columns={{{typed}}})"

    def query(self):
        """Every outcome is different and no id comes twice, so nothing has to be looked for."""
        key = "request_id, item_id" if self.log == "slates" else "request_id"
        inside = lambda kind: (f"list_filter(o.list, lambda x: x.type = '{kind}' and x.ts - r.ts between 0 and {self.window})")
        # The labels, in a step of their own: most requests have no outcome.
        lists = f"case when o.list is not null then {inside('click')} end clicks, case when o.list is not null then {inside('purchase')} end buys"
        at = lambda ts: f"make_timestamptz({ts} * 1000)"
        features = "".join(f', features."{n}"' for n, _ in self.features) + "".join(f', of_item."{n}" as "item_{n}"' for n, _ in self.of_items)
        if self.log == "slates":
            requests = (f"select request_id, ts, model, model_version, user_id, features, i.item_id as item_id, i.position as position, "
                        f"i.score as score, i.features as of_item from (select *, unnest(items) i from {self.requests})")
            using = "on o.request_id = r.request_id and o.item_id = r.item_id"
        else:
            requests = f"select *, null::varchar item_id, null::bigint position from {self.requests}"
            using = "on o.request_id = r.request_id"
        return f"""
            with o as (select {key}, list({{type: type, ts: ts, value: value}}) list from {self.outcomes} group by {key}),
            r as ({requests}),
            j as (select r.*, {lists} from r left join o {using})
            select request_id, {at('ts')} request_ts, model, model_version, user_id, item_id, position, score{features},
                (coalesce(len(clicks), 0) > 0)::integer clicked, {at('list_min(list_transform(clicks, lambda x: x.ts))')} clicked_ts,
                coalesce(list_sum(list_transform(buys, lambda x: x.value)), 0)::double spent, {at('list_max(list_transform(buys, lambda x: x.ts))')} spent_ts,
                0::integer revision, 'closed' reason
            from j"""


def main():
    con = duckdb.connect()
    con.execute("set TimeZone='UTC'; set enable_progress_bar=false")
    what, args = sys.argv[1], sys.argv[2:]
    if what == "compare":
        print(json.dumps(compare(con, *args)))
        return
    log, requests, outcomes, out, threads, window, features = args
    con.execute(f"set threads={threads}; set preserve_insertion_order=false")
    join = Join(con, log, requests, outcomes, window, features)
    os.makedirs(out, exist_ok=True)
    options = "(format parquet, compression zstd, compression_level 1)"
    begin, used = time.monotonic(), time.process_time()
    if what == "parquet":
        con.execute(f"copy (select * from {join.requests}) to '{out}/requests.parquet' {options}")
        con.execute(f"copy (select * from {join.outcomes}) to '{out}/outcomes.parquet' {options}")
    else:
        con.execute(f"copy ({join.query()}) to '{out}/rows.parquet' {options}")
    print(json.dumps({"seconds": time.monotonic() - begin, "cpu_seconds": time.process_time() - used, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


main()
