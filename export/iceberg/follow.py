#!/usr/bin/env python3
"""Follows a labeljoin output into an Apache Iceberg table.

usage: follow.py OUTPUT TABLE [--catalog NAME] [--property KEY=VALUE ...]

OUTPUT is the output directory, TABLE is namespace.name. The catalog is one of
PyIceberg's (~/.pyiceberg.yaml, PYICEBERG_CATALOG__... or --property uri=...).

The Parquet files stay where they are: the table refers to them. Each operation
of the output's log becomes one snapshot, with labeljoin.operation (its number)
and labeljoin.manifest (the SHA-256 of its manifest) in its summary. Where the
last snapshot stands is read from there, so the program may be run again at any
time, and after any crash: an operation is never followed twice, also if the
answer to a commit was lost. Run it from cron, or after each export.

Rows have revisions: the newest one of each (request_id, item_id) is the one
that counts.

Exit code 0: the table is as the output is; 1: it failed, try again; 3: the
table follows another output, or the manifests do not continue it.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import pyarrow.parquet
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io.pyarrow import parquet_files_to_data_files

OPERATION = "labeljoin.operation"
MANIFEST = "labeljoin.manifest"


class Refusal(Exception):
    """A person has to decide."""


def manifests(output, after):
    """The manifests after an operation, oldest first, with their hashes."""
    folder = output / "_commits" / "p0000"
    number = after + 1
    while (path := folder / f"{number:020d}.json").exists():
        text = path.read_bytes()
        yield json.loads(text), hashlib.sha256(text).hexdigest()
        number += 1
    if any(name.stem.isdigit() and int(name.stem) > number for name in folder.glob("*.json")):
        raise Refusal(f"manifest {number} is missing, and newer ones are there: begin with a new table")


def followed(table):
    """The number and the hash of the operation that the table stands at."""
    snapshot = table.current_snapshot()
    while snapshot is not None:
        summary = snapshot.summary.additional_properties if snapshot.summary else {}
        if OPERATION in summary:
            return int(summary[OPERATION]), summary[MANIFEST]
        parent = snapshot.parent_snapshot_id  # another program's: a compaction of the table, perhaps
        snapshot = table.snapshot_by_id(parent) if parent else None
    return 0, ""


def place(output, file):
    """Where a file is: published, or staged until it is."""
    for name in (file["path"], file.get("staging")):
        if name and (output / name).exists():
            return str((output / file["path"]).resolve()), output / name
    return None, None


def follow(output, table, manifest, digest):
    """Makes one snapshot of one operation. Its files must be published."""
    added = []
    for file in manifest["files"]:
        uri, now = place(output, file)
        if now is None:
            continue  # a later operation removed it, which is followed next
        if str(now.resolve()) != uri:
            raise RuntimeError(f"{file['path']} is not published yet: try again")
        added.append(uri)
    for path in added:
        schema = optional(pyarrow.parquet.read_schema(path))
        if not set(schema.names) <= set(table.schema().column_names):  # columns only get more
            with table.update_schema() as update:
                update.union_by_name(schema)
    if not added and not manifest.get("removed"):
        return
    removed = {str((output / name).resolve()) for name in manifest.get("removed", [])}
    properties = {OPERATION: str(manifest["number"]), MANIFEST: digest}
    with table.transaction() as change:
        if change.table_metadata.name_mapping() is None:
            change.set_properties(**{"schema.name-mapping.default": table.schema().name_mapping.model_dump_json()})
        with change.update_snapshot(snapshot_properties=properties).overwrite() as snapshot:
            for task in table.scan().plan_files() if removed else ():
                if task.file.file_path in removed:
                    snapshot.delete_data_file(task.file)
            for file in parquet_files_to_data_files(table.io, change.table_metadata, iter(added)):
                snapshot.append_data_file(file)


def optional(schema):
    """A schema in which every column may be null, and without the ids of fields."""
    return pyarrow.schema([field.with_nullable(True).remove_metadata() for field in schema])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("table")
    parser.add_argument("--catalog", default="default")
    parser.add_argument("--property", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    catalog = load_catalog(args.catalog, **dict(p.split("=", 1) for p in args.property))
    try:
        table = catalog.load_table(args.table)
    except NoSuchTableError:
        first = next((f for m, _ in manifests(args.output, 0) for f in m["files"] if place(args.output, f)[1]), None)
        if first is None:
            print("nothing is committed yet")
            return
        catalog.create_namespace_if_not_exists(args.table.rsplit(".", 1)[0])
        schema = optional(pyarrow.parquet.read_schema(place(args.output, first)[1]))
        table = catalog.create_table(args.table, schema=schema)
    at, digest = followed(table)
    count = 0
    for manifest, hashed in manifests(args.output, at):
        if at > 0 and manifest["prev_manifest_sha256"] != digest:
            raise Refusal(f"operation {manifest['number']} does not continue what the table followed: it is another output")
        follow(args.output, table, manifest, hashed)
        table.refresh()
        at, digest, count = manifest["number"], hashed, count + 1
    print(f"followed {count} operations; the table stands at operation {at}")


if __name__ == "__main__":
    try:
        main()
    except Refusal as refusal:
        print(f"follow.py: {refusal}", file=sys.stderr)
        sys.exit(3)
