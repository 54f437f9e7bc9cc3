"""Models train from the printed loaders, and what an export promises of splits, seeds and samples holds.

Clicks follow a logistic function of two features, so a logistic regression has to find it again.
"""

import functools
import json
import math
import random
import shutil
from datetime import datetime, timedelta, timezone

import duckdb
import numpy
import pandas

from interop_export import HASH, expect, files_of, run

SAMPLE = "{negatives: 0.5, label: clicked, models: {busy: 0.25}}"

CONFIG = """
name: train
join: {window: 30m}
labels: {clicked: 'type == "click"', bought: 'type == "buy"'}
output: {dir: out, roll: {rows: 4000}}
export:
  seed: SEED
  shards: 3
  split: {by: user, eval: 0.2, test: 0.1}
  sample: """ + SAMPLE + "\n"
DAYS = ("2026-11-20", "2026-11-21")
REQUESTS = 12_000
LOADERS = ("pandas", "polars", "torch", "spark", "tf")
WEIGHTS = (2.0, -1.0)  # of the features x and y
BIAS = -2.0
BOUGHT = (-1.5, 1.0)  # the same of what was bought
BOUGHT_BIAS = -1.5


def write_logs(folder):
    """Requests of two days by many users, of two models. The seed is fixed."""
    rng, start = random.Random(17), datetime(2026, 11, 20, tzinfo=timezone.utc)
    clicks = 0
    with open(folder / "requests.jsonl", "w") as requests, open(folder / "outcomes.jsonl", "w") as outcomes:
        for i in range(REQUESTS):
            ts = start + timedelta(seconds=14 * i)
            x, y = rng.gauss(0, 1), rng.gauss(0, 1)
            request = {"request_id": f"r{i}", "ts": ts.isoformat(), "user_id": f"u{rng.randrange(900)}",
                       "model": rng.choice(["busy", "calm"]), "features": {"x": x, "y": y, "device": rng.choice(["phone", "desk"]), "n": i % 7}}
            requests.write(json.dumps(request) + "\n")
            for kind, weights, bias in (("click", WEIGHTS, BIAS), ("buy", BOUGHT, BOUGHT_BIAS)):
                if rng.random() < 1 / (1 + math.exp(-(weights[0] * x + weights[1] * y + bias))):
                    clicks += kind == "click"
                    outcome = {"request_id": f"r{i}", "type": kind, "ts": (ts + timedelta(minutes=1)).isoformat()}
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


def print_loader(binary, folder, reader, name="one"):
    form = ["--format", "tfrecord"] if reader == "tf" else []
    return run(binary, "export", "--config", folder / "labeljoin.yaml", "--out", folder / name, *form, "--print-loader", reader).decode()


def regression(train, test, label="clicked", weight="weight"):
    """Trains with weights. Returns the area under the curve, the coefficients, and the mean of what is predicted."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    columns = ["x", "y"]
    model = LogisticRegression().fit(train[columns].to_numpy(), train[label].to_numpy(), sample_weight=train[weight].to_numpy())
    predicted = model.predict_proba(test[columns].to_numpy())[:, 1]
    return roc_auc_score(test[label], predicted), model.coef_[0], float(numpy.average(predicted, weights=test[weight]))


COLUMNS = ["x", "y", "clicked", "weight"]


def judge(test, share, rows, values, problems):
    """Trains a regression from what a printed loader has read. Returns words about it."""
    train = pandas.DataFrame(values, columns=COLUMNS)
    auc, found, mean = regression(train, test)
    for holds, *what in (
        (len(train) == rows, "the loader reads", len(train), "rows of", rows),
        (auc > 0.85, "the model has an area under the curve of", auc),
        (all(abs(a - b) < 0.3 for a, b in zip(found, WEIGHTS)), "the model found", found, "and the clicks follow", WEIGHTS),
        (abs(mean - share) < 0.05, "the model predicts", mean, "and", share, "is true: the weights are wrong"),
    ):
        if not holds:
            problems.append(" ".join(map(str, what)))
    return f"a regression from the printed loader: area under the curve {auc:.3f}"


def add_loaders(binary, folder, book, test, share, rows):
    """Has each printed loader run, as it is printed, and a regression trained from what it reads."""
    run(binary, "export", "--config", folder / "labeljoin.yaml", "--date", DAYS[0], "--to", DAYS[1], "--out", folder / "one", "--format", "tfrecord")
    for reader in LOADERS:
        book.program(reader, "train", print_loader(binary, folder, reader), COLUMNS, judge=functools.partial(judge, test, share, rows))


def add_new_column(binary, folder, book):
    """Has the printed loaders read a day that has no column n yet, and after it one that has."""
    config, plain = folder / "labeljoin.yaml", (folder / "labeljoin.yaml").read_text()
    for form in ("parquet", "tfrecord"):
        for day, exclude in zip(DAYS, ("\n  exclude: [n]", "")):
            config.write_text(plain.replace("\n  shards: 3", exclude + "\n  shards: 3"), encoding="utf-8")
            run(binary, "export", "--config", config, "--date", day, "--out", folder / "new", "--format", form)
    files = [str(f) for f in sorted((folder / "new").glob("train/dt=*/v=0001/train-*.parquet"))]
    want = list(duckdb.sql(f"select count(*), sum(n) from read_parquet({files}, union_by_name = true, hive_partitioning = false)").fetchall()[0])
    for reader in LOADERS:
        book.program(reader, "a column that is new", print_loader(binary, folder, reader, "new"), ["n"], want)


def check(binary, folder, book):
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
    test = duckdb.sql(f"select * from read_parquet({files_of(root, manifests, 'eval')}, hive_partitioning = false)").df()
    add_new_column(binary, folder, book)
    add_loaders(binary, folder, book, test, clicks / REQUESTS, sum(s["rows"] for m in manifests for s in m["splits"] if s["name"] == "train"))
    return f"no user in two splits; same seed, same bytes; {check_label_samples(binary, folder)}"


def check_label_samples(binary, folder):
    """Each label has a sample of its own: the rows that the hash says, and a model of each label finds what made it."""
    config = folder / "bylabel.yaml"
    config.write_text(CONFIG.replace("SEED", "a").replace(SAMPLE, "{labels: {clicked: 0.4, bought: 0.2}}"), encoding="utf-8")
    run(binary, "export", "--config", config, "--date", DAYS[0], "--to", DAYS[1], "--out", folder / "bylabel")
    files = sorted(map(str, (folder / "bylabel").rglob("*.parquet")))
    share = HASH.format(salt="sample") + " / 2**52"
    wrong = duckdb.sql(f"""select request_id from (select *, {share} as u from read_parquet({files}, hive_partitioning = false))
        where clicked_weight <> case when clicked > 0 then 1 when u < 0.4 then 1 / 0.4 else 0 end
        or bought_weight <> case when bought > 0 then 1 when u < 0.2 then 1 / 0.2 else 0 end
        or weight <> 1 / greatest(if(clicked > 0, 1, 0.4), if(bought > 0, 1, 0.2))""").fetchall()
    expect(not wrong, len(wrong), "rows weigh otherwise than their hashes say, such as", wrong[:2])
    rows = duckdb.sql(f"select * from read_parquet({files}, hive_partitioning = false)").df()
    expect(0.5 < len(rows) / REQUESTS < 0.8, len(rows), "rows are there of", REQUESTS)
    for label, truth in (("clicked", WEIGHTS), ("bought", BOUGHT)):
        for weight in (f"{label}_weight", "weight"):
            mine = rows[rows[weight] > 0]
            _, found, _ = regression(mine, mine, label, weight)
            expect(all(abs(a - b) < 0.35 for a, b in zip(found, truth)), "by", weight, "the model of", label, "found", found, "and", truth, "is true")
    return "a sample for each label, and a model from each"


def check_splits(root, manifests):
    files = [f for s in ("train", "eval", "test") for f in files_of(root, manifests, s)]
    told = duckdb.sql(f"""select count(*), count(distinct user_id), max(n) from (select user_id,
        count(distinct split_part(parse_filename(filename), '-', 1)) as n
        from read_parquet({files}, filename = true, hive_partitioning = false) group by user_id)""").fetchall()[0]
    expect(told[2] == 1, "users are in", told[2], "splits")
    expect(told[1] > 800, "only", told[1], "users are there")


def check_sample(manifests, clicks):
    splits = [s for m in manifests for s in m["splits"]]
    expect(sum(l["positive"] for s in splits for l in s["labels"] if l["name"] == "clicked") == clicks, "positives were sampled out")
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
