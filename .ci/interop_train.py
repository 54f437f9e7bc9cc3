"""A model trains from the printed loaders, and what an export promises of splits, seeds and samples holds.

Clicks follow a logistic function of two features, so a logistic regression has to find it again.
"""

import importlib.util
import json
import math
import random
import shutil
from datetime import datetime, timedelta, timezone

import duckdb
import numpy

from interop_export import expect, files_of, run

CONFIG = """
name: train
join: {window: 30m}
labels: {clicked: 'type == "click"'}
output: {dir: out, roll: {rows: 4000}}
export:
  seed: SEED
  shards: 3
  split: {by: user, eval: 0.2, test: 0.1}
  sample: {negatives: 0.5, models: {busy: 0.25}}
"""
REQUESTS = 12_000
WEIGHTS = (2.0, -1.0)  # of the features x and y
BIAS = -2.0


def write_logs(folder):
    """Requests of two days by many users, of two models. The seed is fixed."""
    rng, start = random.Random(17), datetime(2026, 11, 20, tzinfo=timezone.utc)
    clicks = 0
    with open(folder / "requests.jsonl", "w") as requests, open(folder / "outcomes.jsonl", "w") as outcomes:
        for i in range(REQUESTS):
            ts = start + timedelta(seconds=14 * i)
            x, y = rng.gauss(0, 1), rng.gauss(0, 1)
            request = {"request_id": f"r{i}", "ts": ts.isoformat(), "user_id": f"u{rng.randrange(900)}",
                       "model": rng.choice(["busy", "calm"]), "features": {"x": x, "y": y, "device": rng.choice(["phone", "desk"])}}
            requests.write(json.dumps(request) + "\n")
            if rng.random() < 1 / (1 + math.exp(-(WEIGHTS[0] * x + WEIGHTS[1] * y + BIAS))):
                clicks += 1
                outcome = {"request_id": f"r{i}", "type": "click", "ts": (ts + timedelta(minutes=1)).isoformat()}
                outcomes.write(json.dumps(outcome) + "\n")
    return clicks


def export(binary, folder, seed, name):
    """Exports all days into a folder, and returns it with the manifests."""
    config = folder / "labeljoin.yaml"
    config.write_text(CONFIG.replace("SEED", seed), encoding="utf-8")
    days = [d["day"] for d in json.loads(run(binary, "days", "--config", config, "--json"))]
    run(binary, "export", "--config", config, "--date", days[0], "--to", days[-1], "--out", folder / name)
    root = folder / name / "train"
    return root, [json.loads((m.parent / "manifest.json").read_text()) for m in sorted(root.glob("meta/dt=*/v=*/_SUCCESS"))]


def frames(binary, folder):
    """What each printed loader reads, as a frame of pandas; of the split of training and of that of evaluation."""
    import pandas
    as_frame = {"pandas": lambda data: data, "polars": lambda data: data.to_pandas(), "torch": lambda data: pandas.DataFrame(list(data)),
                "spark": lambda data: data.toPandas()}
    for reader, convert in as_frame.items():
        if importlib.util.find_spec("pyspark" if reader == "spark" else reader) is None:
            continue
        loader = run(binary, "export", "--config", folder / "labeljoin.yaml", "--out", folder / "one", "--print-loader", reader).decode()
        found = []
        for split in ("train", "eval"):
            space = {}
            exec(loader.replace("train-", f"{split}-"), space)
            found.append(convert(space["data"]))
        yield reader, *found


def regression(train, test):
    """Trains with weights. Returns the area under the curve, the coefficients, and the mean of what is predicted."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    columns = ["x", "y"]
    model = LogisticRegression().fit(train[columns].to_numpy(), train["clicked"].to_numpy(), sample_weight=train["weight"].to_numpy())
    predicted = model.predict_proba(test[columns].to_numpy())[:, 1]
    return roc_auc_score(test["clicked"], predicted), model.coef_[0], float(numpy.average(predicted, weights=test["weight"]))


def check(binary, folder):
    """Returns what was done, in words."""
    folder.mkdir(parents=True)
    clicks = write_logs(folder)
    (folder / "labeljoin.yaml").write_text(CONFIG.replace("SEED", "a"), encoding="utf-8")
    run(binary, "replay", "--config", folder / "labeljoin.yaml", "--requests", folder / "requests.jsonl", "--outcomes",
        folder / "outcomes.jsonl", "--complete")
    root, manifests = export(binary, folder, "a", "one")
    check_splits(root, manifests)
    check_sample(manifests, clicks)
    check_bytes(binary, folder, root, manifests)
    words = []
    if importlib.util.find_spec("sklearn") is None:
        return "SKIPPED: scikit-learn is not installed"
    for reader, train, test in frames(binary, folder):
        auc, found, mean = regression(train, test)
        expect(auc > 0.85, reader, "the model has an area under the curve of", auc)
        expect(all(abs(a - b) < 0.3 for a, b in zip(found, WEIGHTS)), reader, "the model found", found, "and the clicks follow", WEIGHTS)
        expect(abs(mean - clicks / REQUESTS) < 0.05, reader, "the model predicts", mean, "and", clicks / REQUESTS, "is true: the weights are wrong")
        words.append(f"{reader} {auc:.3f}")
    return f"logistic regression on {len(train)} rows, areas under the curve: {', '.join(words)}; no user in two splits; same seed, same bytes"


def check_splits(root, manifests):
    files = [f for s in ("train", "eval", "test") for f in files_of(root, manifests, s)]
    told = duckdb.sql(f"""select count(*), count(distinct user_id), max(n) from (select user_id,
        count(distinct split_part(parse_filename(filename), '-', 1)) as n
        from read_parquet({files}, filename = true, hive_partitioning = false) group by user_id)""").fetchall()[0]
    expect(told[2] == 1, "users are in", told[2], "splits")
    expect(told[1] > 800, "only", told[1], "users are there")


def check_sample(manifests, clicks):
    splits = [s for m in manifests for s in m["splits"]]
    expect(sum(l["positive"] for s in splits for l in s["labels"]) == clicks, "positives were sampled out")
    kept = sum(s["rows"] for s in splits) - clicks
    expect(0.34 < kept / (REQUESTS - clicks) < 0.41, kept, "negatives were kept of", REQUESTS - clicks)


def check_bytes(binary, folder, root, manifests):
    """The same seed gives the same bytes; another gives the same rows in another order."""
    for seed, name, same in (("a", "again", True), ("b", "other", False)):
        other, found = export(binary, folder, seed, name)
        mine = {f["path"]: f["sha256"] for m in manifests for f in m["files"]}
        theirs = {f["path"]: f["sha256"] for m in found for f in m["files"]}
        expect((mine == theirs) == same, "seed", seed, "gives", "other" if same else "the same", "bytes")
        rows = [duckdb.sql(f"""select split_part(parse_filename(filename), '-', 1) as split, count(*), sum(hash(request_id, clicked, weight, x))
            from read_parquet({[str(r / p) for p in mine]}, filename = true, hive_partitioning = false) group by 1 order by 1""").fetchall()
                for r in (root, other)]
        expect(rows[0] == rows[1], "seed", seed, "gives other rows", rows)
        shutil.rmtree(folder / name)
    (folder / "labeljoin.yaml").write_text(CONFIG.replace("SEED", "a"), encoding="utf-8")
