"""What a reader has found, column by column: the column's type, how many of its values are there, and the sum of
numbers that stand for them. Two readers that agree on it agree on schema, counts and values.

It imports nothing but Python's library until a reader's digest is asked for, since interpreters of large readers
import it too.
"""

import math
import zlib

# What stands for a time is the rest of its microseconds, so that a sum of doubles shows every one of them.
REST = 1_000_003


def number(value):
    """The number that stands for a value: of a text its CRC-32, of a list the sum of its elements."""
    if isinstance(value, (str, bytes)):
        return zlib.crc32(value if isinstance(value, bytes) else value.encode())
    if isinstance(value, list):
        return sum(number(v) for v in value if v is not None)
    return value


def kind_of_arrow(t):
    """A type's name in the manifests."""
    import pyarrow.types as is_a
    if is_a.is_list(t) or is_a.is_large_list(t):
        return f"list<{kind_of_arrow(t.value_type)}>"
    if is_a.is_timestamp(t):
        return "timestamp" if t.tz and t.unit == "us" else str(t)
    return {"large_string": "string", "float": "float32"}.get(str(t), str(t))


def of_arrow(table):
    import pyarrow
    import pyarrow.compute as compute
    found = {}
    for name in table.column_names:
        column = table[name].drop_null()
        kind, there = kind_of_arrow(column.type), len(column)
        if kind.startswith("list<"):
            column = compute.list_flatten(column).drop_null()
        t = column.type
        if pyarrow.types.is_timestamp(t):
            micros = column.cast(pyarrow.int64())
            column = compute.subtract(micros, compute.multiply(compute.divide(micros, REST), REST))
        if pyarrow.types.is_string(t) or pyarrow.types.is_large_string(t):
            total = sum(number(v["values"]) * v["counts"] for v in compute.value_counts(column).to_pylist())
        else:
            total = compute.sum(column.cast(pyarrow.float64())).as_py() or 0
        found[name] = [kind, there, total]
    return found


def as_examples(table):
    """What tf.Example has of a table, as of_examples and of_tf find it: each column that has values, with its type, how
    many values it has, those of lists one by one, and the sum of the numbers that stand for them. There are no nulls in
    lists, and floats have 32 bits."""
    import pyarrow
    import pyarrow.compute as compute
    found = {}
    for name in table.column_names:
        column = table[name].drop_null()
        if pyarrow.types.is_list(column.type):
            column = compute.list_flatten(column).drop_null()
        if pyarrow.types.is_floating(column.type):
            column = column.cast(pyarrow.float32())
        kind, there, total = of_arrow(pyarrow.table({name: column}))[name]
        if there:
            found[name] = [kind if kind in ("string", "float32") else "int64", there, total]
    return found


def of_examples(rows, times):
    """The same of rows that are dicts of lists (interop_tfexample.py). times are the columns that hold times."""
    found, kinds = {}, {bytes: "string", float: "float32", int: "int64"}
    for row in rows:
        for name, values in row.items():
            if values:
                count_values(found.setdefault(name, [kinds[type(values[0])], 0, 0]), values, name in times)
    return found


def of_tf(batches, times):
    """The same of batches of sparse tensors, as the printed loader of TensorFlow makes them."""
    found = {}
    for batch in batches:
        for name, tensor in batch.items():
            count_values(found.setdefault(name, [tensor.dtype.name, 0, 0]), tensor.values.numpy().tolist(), name in times)
    return {name: told for name, told in found.items() if told[1]}


def count_values(told, values, are_times):
    told[1] += len(values)
    told[2] += sum(v % REST for v in values) if are_times else sum(map(number, values))


def of_spark(frame):
    def stands(kind, column):
        if kind == "string":
            return f"cast(crc32(cast({column} as binary)) as double)"
        if kind == "timestamp":
            return f"cast(pmod(unix_micros({column}), {REST}) as double)"
        if kind == "boolean":
            return f"cast(cast({column} as int) as double)"
        if kind.startswith("array<"):
            return f"aggregate(filter({column}, x -> x is not null), 0D, (a, x) -> a + {stands(kind[6:-1], 'x')})"
        return f"cast({column} as double)"

    names = {"boolean": "bool", "int": "int32", "bigint": "int64", "float": "float32"}
    expressions, kinds = [], []
    for name, kind in frame.dtypes:
        column = "`" + name.replace("`", "``") + "`"
        inner = kind[6:-1] if kind.startswith("array<") else ""
        kinds.append(f"list<{names.get(inner, inner)}>" if inner else names.get(kind, kind))
        expressions += [f"count({column})", f"sum({stands(kind, column)})"]
    row = frame.selectExpr(*expressions).first()
    return {name: [kind, row[2 * i], row[2 * i + 1] or 0] for i, (name, kind) in enumerate(zip(frame.columns, kinds))}


def together(one, other):
    """The digest of the rows of two digests of the same columns."""
    return {name: [kind, there + other[name][1], total + other[name][2]] for name, (kind, there, total) in one.items()}


def differ(got, want, types=True):
    """How two digests differ, in words; empty: they agree. The last digits of sums depend on the order of adding."""
    if set(got) != set(want):
        return f"the columns differ: {sorted(set(got) ^ set(want))}"
    for name, (kind, there, total) in want.items():
        mine = got[name]
        if types and mine[0] != kind:
            return f"{name} is {mine[0]}, want {kind}"
        if mine[1] != there or not math.isclose(mine[2], total, rel_tol=1e-9, abs_tol=1e-6):
            return f"{name} has {mine[1]} values with the sum {mine[2]}, want {there} and {total}"
    return ""
