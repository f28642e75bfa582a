"""What is known of every row of a demo pool, because we made it so. No stage reads this; `demo.truth` scores against it.

`LABELS`: one row per input sample of the pool.

| column | type | meaning |
|---|---|---|
| shard | string | the shard's id, as `source_shard` in a ledger |
| key | string | the sample's key; empty for an empty shard |
| row | int32 | position in the shard, counted over samples |
| defect | string | a `Defect` |
| detail | string | which form of the defect; of a clean row, which light caption noise; null for none |
| of_shard | string | of a duplicate, where its original lies; of a swapped caption, where its own picture lies |
| of_key | string | the same, its key |
| caption | string | the caption as written (the first 1,000 characters) |
| original_caption | string | the true caption of this picture; null where there is no picture |
| language | string | of the caption as written, ISO 639-1 |
| source | string | where the picture came from (`composite`: more than one picture of the sources); null without one |
"""

from enum import StrEnum

import pyarrow as pa


class Defect(StrEnum):
    """What was done to a row of the pool."""

    CLEAN = "clean"
    WRONG_EXTENSION = "wrong_extension"  # a sound picture under another format's name: to be kept

    SWAPPED = "swapped"
    BOILERPLATE = "boilerplate"
    MOJIBAKE = "mojibake"
    SPECIAL_CHARACTERS = "special_characters"
    REPETITION = "repetition"
    SHORT = "short"
    LANGUAGE = "language"
    FLOOD = "flood"

    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    UNDECODABLE = "undecodable"
    SMALL = "small"
    ASPECT = "aspect"
    SOLID = "solid"

    MISSING_CAPTION = "missing_caption"
    MISSING_IMAGE = "missing_image"
    DUPLICATE_KEY = "duplicate_key"
    UNSAFE_NAME = "unsafe_name"
    CAPTION_ENCODING = "caption_encoding"
    CAPTION_BYTES = "caption_bytes"
    BOMB = "bomb"
    TRUNCATED = "truncated"  # the sample in which its shard ends
    EMPTY_SHARD = "empty_shard"


LABELS = pa.schema(
    [
        ("shard", pa.string()),
        ("key", pa.string()),
        ("row", pa.int32()),
        ("defect", pa.string()),
        ("detail", pa.string()),
        ("of_shard", pa.string()),
        ("of_key", pa.string()),
        ("caption", pa.string()),
        ("original_caption", pa.string()),
        ("language", pa.string()),
        ("source", pa.string()),
    ]
)
