"""Arrow schemas every line shares. A test compares the docstring tables with the schemas.

`SAMPLES`: a batch as the readers give it to a judge, one row per input sample in shard order.

| column | type | meaning |
|---|---|---|
| row | int32 | position in the shard, counted over samples, 0 first |
| key | string | the sample's key in its shard (tar: member name up to the first dot of its base name) |
| offset | int64 | where the image's bytes start in the shard (Parquet: the row number); -1 without an image |
| length | int64 | bytes of the image; 0 without one |
| image | large_binary | the image file as it lies in the shard; null without one |
| caption | string | the alternative text, as it came; null without one |
| url | string | where the image came from, if the shard says so |
| license | string | its licence, if the shard says so |
| flaw | string | a `Reason` found while reading, else null; the judge measures what is left of the sample |

`LEDGER`: the columns every stage's ledger begins with; a stage's own measured columns follow.

| column | type | meaning |
|---|---|---|
| sample_id | string | 32 hex digits over image bytes and caption |
| source_shard | string | the shard's id: its path below the input prefix, without extension |
| row | int32 | position in the shard, 0 first |
| key | string | the sample's key in its shard |
| offset | int64 | where the image's bytes start in the shard (Parquet: the row number); -1 without an image |
| length | int64 | bytes of the image; 0 without one |
| kept | bool | whether the sample goes on to the next stage |
| reason | string | the `Reason`; null where no rule spoke |
| value | double | what the rule measured; null where a reason has no number |
| threshold | double | what it was held against |
"""

import re

import pyarrow as pa
import xxhash

SAMPLES = pa.schema(
    [
        ("row", pa.int32()),
        ("key", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("image", pa.large_binary()),
        ("caption", pa.string()),
        ("url", pa.string()),
        ("license", pa.string()),
        ("flaw", pa.string()),
    ]
)

LEDGER = pa.schema(
    [
        ("sample_id", pa.string()),
        ("source_shard", pa.string()),
        ("row", pa.int32()),
        ("key", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("kept", pa.bool_()),
        ("reason", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
    ]
)


_TABLE_ROW = re.compile(r"^\| (\w+) \| ([^|]+?) \| (.+?) \|$", re.MULTILINE)


def documented(docstring: str | None) -> dict[str, tuple[str, str]]:
    """The columns that the tables in a module's docstring describe: name -> (type, meaning)."""
    return {name: (kind, meaning) for name, kind, meaning in _TABLE_ROW.findall(docstring or "") if name != "column"}


def sample_id(image: bytes | memoryview, caption: str) -> str:
    """32 hex digits (xxh3-128) over the image's bytes and the caption: the same pair has the same id wherever it lies."""
    digest = xxhash.xxh3_128()
    digest.update(len(image).to_bytes(8, "little"))
    digest.update(image)
    digest.update(caption.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
