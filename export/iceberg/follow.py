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

A column whose integers became doubles is a new column of the same name, since
Iceberg allows no such change. Files that have integers there are not referred
to: a copy in which they are doubles is, in the table's own folder.

Exit code 0: the table is as the output is; 1: it failed, try again; 3: the
table follows another output, or the manifests do not continue it.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
from pyarrow import types
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io.pyarrow import parquet_files_to_data_files
from pyiceberg.types import DoubleType

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
    added = {}  # where each file is that the table is to refer to, by the file of the output
    for file in manifest["files"]:
        uri, now = place(output, file)
        if now is None:
            continue  # a later operation removed it, which is followed next
        if str(now.resolve()) != uri:
            raise RuntimeError(f"{file['path']} is not published yet: try again")
        added[uri] = uri
    if not added and not manifest.get("removed"):
        return
    new, doubles, widened, promoted = fitting(table, added)
    removed = {original(str((output / name).resolve())) for name in manifest.get("removed", [])}
    live = [task.file for task in table.scan().plan_files()] if removed or widened else []
    gone = [file for file in live if original(file.file_path) in removed]
    for file in live if widened else ():
        if file not in gone and integers_in(table, file.file_path, widened):
            added[file.file_path] = file.file_path
            gone.append(file)
    for uri in added:
        if names := integers_in(table, uri, doubles):
            added[uri] = write_doubles(table, uri, names)
    properties = {OPERATION: str(manifest["number"]), MANIFEST: digest}
    with table.transaction() as change:
        if change.table_metadata.name_mapping() is None:
            change.set_properties(**{"schema.name-mapping.default": table.schema().name_mapping.model_dump_json()})
        if widened:
            with change.update_schema(allow_incompatible_changes=True) as update:
                for name in widened:
                    update.delete_column(name)
        if promoted:
            with change.update_schema() as update:
                for name, path in promoted.items():
                    update.update_column(path, field_type=DoubleType())
        if new:
            with change.update_schema() as update:
                update.union_by_name(pyarrow.schema(new))
        with change.update_snapshot(snapshot_properties=properties).overwrite() as snapshot:
            for file in gone:
                snapshot.delete_data_file(file)
            for file in parquet_files_to_data_files(table.io, change.table_metadata, iter(added.values())):
                snapshot.append_data_file(file)


def optional(schema):
    """A schema in which every column may be null, and without the ids of fields."""
    return pyarrow.schema([field.with_nullable(True).remove_metadata() for field in schema])


def schema_of(table, path):
    with table.io.new_input(path).open() as file:
        return optional(pyarrow.parquet.read_schema(file))


def number(kind):
    """int or double, of a number or of the elements of a list; else None."""
    if types.is_list(kind) or types.is_large_list(kind):
        kind = kind.value_type
    if types.is_integer(kind):
        return "int"
    return "double" if types.is_floating(kind) else None


def double(kind):
    """The type of doubles in the place of other numbers, or of a list of them."""
    return pyarrow.list_(pyarrow.float64()) if hasattr(kind, "value_type") else pyarrow.float64()


def single(kind):
    """Whether it is a number of single precision, or a list of them."""
    return types.is_float32(kind.value_type if number(kind) and hasattr(kind, "value_type") else kind)


def fitting(table, paths):
    """What the columns of files ask of the table: fields that are new, the names of the columns that
    are doubles then, of those that were integers before, and the paths of those that were of single
    precision, by name."""
    have = {field.name: field for field in table.schema().as_arrow()}
    new, widened, promoted = {}, set(), {}
    for path in paths:
        for field in schema_of(table, path):
            before = have.get(field.name)
            if before is None or number(before.type) == "int" and number(field.type) == "double":
                if before is not None and field.name not in new:
                    widened.add(field.name)
                have[field.name] = new[field.name] = field if before is None else field.with_type(double(field.type))
            elif single(before.type) and number(field.type) and not single(field.type):
                # Integers need doubles too: single precision has not all of them.
                have[field.name] = field = field.with_type(double(field.type))
                if field.name in new:
                    new[field.name] = field
                else:
                    promoted[field.name] = (field.name, "element") if hasattr(field.type, "value_type") else (field.name,)
            elif (number(before.type) is None) != (number(field.type) is None):
                raise Refusal(f"column {field.name} of {path} is {field.type}, and {before.type} in the table: begin with a new table")
    return list(new.values()), {name for name, field in have.items() if number(field.type) == "double"}, widened, promoted


def integers_in(table, path, names):
    """Those of the columns in which a file has integers."""
    return [field.name for field in schema_of(table, path) if field.name in names and number(field.type) == "int"]


DOUBLES = "/doubles/"


def original(path):
    """What a file and all its copies with doubles have in common: the hash of the file's path."""
    folder, found, name = path.rpartition(DOUBLES)
    return name.split("-")[0] if found else hashlib.sha256(path.encode()).hexdigest()


def write_doubles(table, path, names):
    """Writes the copy of a file in which the columns of some names are doubles, and returns where it is."""
    columns = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
    target = f"{table.location().rstrip('/')}{DOUBLES}{original(path)}-{columns}.parquet"
    with table.io.new_input(path).open() as source, table.io.new_output(target).create(overwrite=True) as out:
        file = pyarrow.parquet.ParquetFile(source)
        schema = pyarrow.schema([f.with_type(double(f.type)) if f.name in names else f for f in file.schema_arrow])
        with pyarrow.parquet.ParquetWriter(out, schema, compression="zstd") as writer:
            for group in range(file.num_row_groups):
                writer.write_table(file.read_row_group(group).cast(schema, safe=False))
    return target


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
