"""Global steps through files: every shard writes one file per bucket, then every bucket is worked alone.

This takes the place of a Beam shuffle. Memory is bounded by the largest bucket, a killed step goes on where it was, and any runner with
shared storage does the same. Layout: `FOLDER/<bucket>/<shard>.arrow`, and `FOLDER/done/<shard>` when all files of a shard are there.
"""

from collections.abc import Mapping

import pyarrow as pa

from sieveline import storage


def scatter(folder: str, shard_id: str, buckets: Mapping[str, pa.Table]) -> None:
    """Publishes a shard's table for each bucket, then the shard's marker."""
    for bucket, table in buckets.items():
        with storage.publish(storage.join(folder, bucket, f"{shard_id}.arrow")) as file:
            options = pa.ipc.IpcWriteOptions(compression="zstd")
            with pa.ipc.new_file(file, table.schema, options=options) as writer:
                writer.write_table(table)
    storage.publish_bytes(storage.join(folder, "done", shard_id), b"")


def is_scattered(folder: str, shard_id: str) -> bool:
    return storage.exists(storage.join(folder, "done", shard_id))


def gather(folder: str, bucket: str, schema: pa.Schema) -> pa.Table:
    """All that the shards wrote for a bucket, in order of shard id, which makes it independent of who wrote when."""
    tables = []
    for url in storage.listing(storage.join(folder, bucket), ".arrow"):
        fs, path = storage.filesystem(url)
        with fs.open(path, "rb") as file:
            tables.append(pa.ipc.open_file(file).read_all().cast(schema))
    return pa.concat_tables(tables) if tables else schema.empty_table()
