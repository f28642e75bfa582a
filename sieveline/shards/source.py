"""Reads a source shard, tar or Parquet, as record batches of `schema.SAMPLES`, and re-reads single images by range."""

from collections.abc import Sequence

import pyarrow as pa

from sieveline import storage
from sieveline.shards.parquet import ParquetShard, read_parquet_images
from sieveline.shards.tar import Limits, TarShard

__all__ = ["Limits", "open_shard", "read_images"]


def open_shard(url: str, limits: Limits, *, captions: bool = True) -> TarShard | ParquetShard:
    """An iterable of record batches; after the last one its `damage` says what was wrong with the shard, or is None.

    Args:
        captions: whether a Parquet file must have a column of captions.

    Raises (when iterated):
        ShardError: nothing of the shard can be read.
        RetryableError: the storage failed in a way that may pass.
    """
    return ParquetShard(url, limits, captions=captions) if url.endswith(".parquet") else TarShard(url, limits)


def read_images(url: str, offsets: Sequence[int] | pa.Array, lengths: Sequence[int] | pa.Array) -> list[bytes]:
    """The images at `offsets` and `lengths` of the ledger's rows, in the order asked.

    Raises:
        OSError: the shard cannot be read.
    """
    if url.endswith(".parquet"):
        return read_parquet_images(url, [int(o) for o in offsets])
    return storage.read_ranges(url, [int(o) for o in offsets], [int(n) for n in lengths])
