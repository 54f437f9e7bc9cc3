"""Generates request and outcome logs with everything that a column can hold.

The same seed gives the same logs. Values are chosen so that another engine can
be held to them exactly: sums of multiples of 1/4 are exact in any order.
"""

import json
import random
from datetime import datetime, timedelta, timezone

START = datetime(2026, 3, 1, 20, 0, tzinfo=timezone.utc)  # four hours before midnight: two days of files
TEXTS = ["", "plain", "naïve café", "日本語", "שלום", "🦊👩‍🚀", 'quotes " and \\', "tab\tnewline\n", "nul \u0000 inside", "e\u0301"]

LABELS = {
    "clicked": {"types": ["click"]},
    "clicks": {"types": ["click"], "value": "count"},
    "bought": {"types": ["purchase"], "window_ms": 3 * 3600_000},
    "revenue": {"types": ["purchase"], "window_ms": 3 * 3600_000, "value": "sum"},
    "paid_mean": {"types": ["purchase"], "window_ms": 3 * 3600_000, "value": "mean"},
    "best": {"types": ["rating"], "min_value": 2, "value": "max"},
    "worst": {"types": ["rating"], "value": "min"},
    "first": {"types": ["rating"], "value": "first"},
    "last": {"types": ["rating", "purchase"], "value": "last"},
    "delay": {"types": ["click", "rating"], "value": "latency"},
}
DECLARED = {"age": "int64", "item_sizes": "list<double>", "never": "string"}


def stamp(rng, at, ms):
    """Writes at (plus nanoseconds, if a string) in one of the accepted forms."""
    form = rng.randrange(5)
    if form == 0:
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        return ms(at)
    zone = rng.choice([0, 0, 330, -480, 60])
    local = at.astimezone(timezone(timedelta(minutes=zone)))
    text = local.strftime("%Y-%m-%dT%H:%M:%S")
    text += ["", f".{at.microsecond:06d}", f".{at.microsecond:06d}{rng.randrange(1000):03d}", f".{at.microsecond // 100000}"][form - 1]
    sign, minutes = ("-", -zone) if zone < 0 else ("+", zone)
    offset = f"{sign}{minutes // 60:02d}{rng.choice([':', ''])}{minutes % 60:02d}"
    return text + ("Z" if zone == 0 and rng.random() < 0.5 else offset)


def millis(at):
    return round(at.timestamp() * 1000)


def features(rng):
    """Features of every kind; each is sometimes null and sometimes missing."""
    f = {
        "flag": rng.random() < 0.5,
        "count": rng.choice([0, -1, 7, 2**53 + 1, 2**63 - 1, -(2**63)]),
        "ratio": rng.choice([0.1, 1e300, 5e-324, -0.0, 1 / 3]),
        "widened": rng.choice([1, 2, 2.5, -7]),
        "mixed": rng.choice([1, 1.5, True, "text", TEXTS[5]]),
        "text": rng.choice(TEXTS),
        "tags": rng.choice([[], ["a"], ["b", None, TEXTS[3]], ["x"] * 20]),
        "ids": rng.choice([[1, 2, 2**53 + 1], [-7], [None, 3]]),
        "bits": rng.choice([[True], [False, True, None]]),
        "vector": rng.choice([[1, 2], [0.5, -1], [], [None]]),
        "matrix": rng.choice([[[1, 2], [3]], [{"a": 1}]]),
        "many": rng.choice([[1], ["one"], [True, 2.5]]),
        "geo": {"lat": 52.5, "place": {"name": rng.choice(TEXTS), "code": rng.randrange(9)}},
        "nothing": None,
        "age": rng.choice([30, 41.0, "old", 1.5]),
        "ключ": rng.randrange(5),
    }
    for name in list(f):
        if rng.random() < 0.1:
            f[name] = None
        elif rng.random() < 0.1:
            del f[name]
    return f


def request(rng, n):
    micros = rng.choice([rng.randrange(10**6), rng.randrange(1000) * 1000, 500_000])
    at = START + timedelta(seconds=n * 20, microseconds=micros)
    event = {"request_id": f"r{n:05d}" + (TEXTS[n % len(TEXTS)] if n % 3 == 0 else ""), "ts": stamp(rng, at, millis)}
    if rng.random() < 0.8:
        event |= {"model": "ranker", "model_version": f"v{n // 500}", "user_id": rng.choice(TEXTS)}
    if rng.random() < 0.9:
        event["features"] = features(rng)
    if rng.random() < 0.85:
        event["items"] = [item(rng, i) for i in range(rng.randrange(5))]
    if not event.get("items"):
        event["score"] = rng.random()
    return at, event


def item(rng, i):
    it = {"item_id": f"item {i}{TEXTS[1 + i]}"}
    if rng.random() < 0.9:
        it |= {"position": i + 1, "score": rng.choice([rng.random(), 1])}
    if rng.random() < 0.8:
        it["features"] = {"price": rng.choice([5, 9.99]), "sizes": rng.choice([[38, 39.5], None, "none"]), "count": rng.choice(["few", "many"])}
    return it


def delay(rng):
    """Inside, outside and often exactly at the ends of windows and of the clock skew."""
    seconds = rng.choice([-3, -2, 0, 5, 600, 1800, 1801, 9000, 3 * 3600, 20000])
    return timedelta(seconds=seconds, microseconds=rng.choice([0, 0, 1, -1, rng.randrange(10**6)]))


def outcomes(rng, at, event):
    """What happened to a request: some in its window, some not, some twice."""
    for _ in range(rng.choice([0, 0, 1, 2, 5])):
        o = {
            "request_id": event["request_id"],
            "type": rng.choice(["click", "click", "purchase", "rating", "impression"]),
            "ts": stamp(rng, at + delay(rng), millis),
        }
        if rng.random() < 0.6:
            o["outcome_id"] = f"o{rng.randrange(10**9)}"
        if rng.random() < 0.7:
            o["item_id"] = rng.choice(event.get("items") or [{"item_id": "unlisted"}])["item_id"]
        if o["type"] != "click" and rng.random() < 0.9:
            o["value"] = rng.randrange(-8, 40) / 4
        if rng.random() < 0.2:
            o["attrs"] = {"page": TEXTS[4], "depth": 3}
        yield o
        if rng.random() < 0.1:
            yield o  # a copy
        if "outcome_id" in o and rng.random() < 0.1:
            yield o | {"value": 99}  # the same outcome, told otherwise
    if rng.random() < 0.02:
        yield {"request_id": "nobody", "type": "click", "ts": millis(at)}


def write(requests_path, outcomes_path, count, seed=1):
    """Writes both logs."""
    rng = random.Random(seed)
    with open(requests_path, "w", encoding="utf-8") as requests, open(outcomes_path, "w", encoding="utf-8") as log:
        for n in range(count):
            at, event = request(rng, n)
            line = json.dumps(event, ensure_ascii=n % 2 == 0)
            requests.write(line + "\n")
            if rng.random() < 0.03:
                requests.write(line + "\n")  # a copy
            if rng.random() < 0.03:
                requests.write(json.dumps(event | {"model": "another"}) + "\n")  # a conflict
            for o in outcomes(rng, at, event):
                log.write(json.dumps(o, ensure_ascii=rng.random() < 0.5) + "\n")
