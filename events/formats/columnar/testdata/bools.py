"""Writes bools1.parquet and bools2.parquet, of which TestBools knows each value: truth values in runs, as the two versions of
pages have them (pyarrow 26)."""
import pyarrow as pa
import pyarrow.parquet as pq

n = range(2000)
lists = [[(i + k) % 7 < 5 for k in range(i % 4)] for i in n]
table = pa.table({
    "all": pa.array([i // 300 % 2 == 0 for i in n]),
    "some": pa.array([None if i % 5 == 0 else i % 3 == 0 or i > 1500 for i in n]),
    "list": pa.array(lists),
    "deep": pa.array([[{"b": x}, {"b": None}] if x else [] for x in (i % 11 < 8 for i in n)]),
    "nested": pa.array([[x, x[:1]] for x in lists]),
}, schema=pa.schema([pa.field("all", pa.bool_(), nullable=False), pa.field("some", pa.bool_()), ("list", pa.list_(pa.bool_())),
    ("deep", pa.list_(pa.struct([("b", pa.bool_())]))), ("nested", pa.list_(pa.list_(pa.bool_())))]))
for version in ("1", "2"):
    names = ["all", "some", "list.list.element", "deep.list.element.b", "nested.list.element.list.element"]
    pq.write_table(table, f"bools{version}.parquet", data_page_version=version + ".0", compression="zstd", use_dictionary=False,
        column_encoding={name: "RLE" for name in names}, row_group_size=1500, data_page_size=64, write_batch_size=64, write_statistics=False)

# Requests, for package packed.
flags = pa.struct([("flag", pa.bool_()), ("odd", pa.bool_())])
flag = lambda i: {"flag": i // 40 % 2 == 0, "odd": None if i % 5 == 0 else i % 3 == 0}
requests = pa.table({
    "request_id": [f"r{i}" for i in range(300)],
    "ts": [1796000000000 + i for i in range(300)],
    "features": [flag(i) for i in range(300)],
    "items": [[{"item_id": f"i{k}", "features": flag(i + k)} for k in range(i % 3)] for i in range(300)],
}, schema=pa.schema([("request_id", pa.string()), ("ts", pa.int64()), ("features", flags),
    ("items", pa.list_(pa.struct([("item_id", pa.string()), ("features", flags)])))]))
pq.write_table(requests, "boolrequests.parquet", data_page_version="2.0", compression="zstd", write_statistics=False)
