"""Parquet shards with an image-bytes column and a text column, as Hugging Face datasets and img2dataset write them."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sieveline import storage
from sieveline.errors import RetryableError, ShardError
from sieveline.reasons import Reason
from sieveline.shards.batches import BatchBuilder
from sieveline.shards.tar import Limits

IMAGE_COLUMNS = ("image", "image_bytes", "jpg", "png", "webp", "bytes")
CAPTION_COLUMNS = ("caption", "text", "alt_text", "alt", "txt")


class ParquetShard:
    """Iterates a Parquet file's rows as batches of `schema.SAMPLES`; `offset` is the row number, `key` the `key` column or the row.

    Attributes:
        damage: after iteration, what was wrong with the file as a whole, or None.
    """

    def __init__(self, url: str, limits: Limits, *, captions: bool = True):
        self.url = url
        self.limits = limits
        self.captions = captions
        self.damage: str | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        fs, path = storage.filesystem(self.url)
        try:
            with fs.open(path, "rb") as source:
                yield from self._batches(pq.ParquetFile(source))
        except (FileNotFoundError, PermissionError) as error:
            raise ShardError(self.url, f"cannot be opened: {error}") from error
        except (
            pa.ArrowInvalid,
            pa.ArrowNotImplementedError,
            pa.ArrowKeyError,
        ) as error:  # the last two: columns of another type
            raise ShardError(self.url, f"is no readable Parquet: {error}") from error
        except OSError as error:
            raise RetryableError(f"{self.url}: {error}") from error

    def _batches(self, file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        names = file.schema_arrow.names
        image_column = _column(self.url, names, IMAGE_COLUMNS, "image")
        caption_column = None
        if self.captions or not set(CAPTION_COLUMNS).isdisjoint(names):
            caption_column = _column(self.url, names, CAPTION_COLUMNS, "caption")
        extra = [n for n in ("key", "url", "license") if n in names and n not in (image_column, caption_column)]
        builder = BatchBuilder()
        seen: set[str] = set()
        row = 0
        read = [name for name in (image_column, caption_column, *extra) if name is not None]
        for batch in file.iter_batches(batch_size=128, columns=read):
            images = _image_bytes(batch[image_column])
            captions = pa.nulls(len(batch)) if caption_column is None else batch[caption_column].cast(pa.large_binary())
            texts = {n: _texts(batch[n]) if n in extra else [None] * len(batch) for n in ("key", "url", "license")}
            for i in range(len(batch)):
                fields = {n: column[i] for n, column in texts.items()}
                builder.add(**self._row(row, images[i].as_py(), captions[i].as_py(), fields, seen))
                row += 1
                if builder.full:
                    yield from builder.take()
        if row == 0:
            builder.add(row=0, key="", offset=-1, length=0, flaw=Reason.EMPTY_SHARD)
        yield from builder.take()

    def _row(self, row: int, image: bytes | None, text: bytes | None, fields: dict[str, Any], seen: set[str]) -> dict[str, Any]:
        key = fields.pop("key") or f"{row:09d}"
        flaw, caption = None, None
        length = len(image) if image else 0
        if key in seen:
            flaw = Reason.DUPLICATE_KEY
        elif not image:
            flaw = Reason.MISSING_IMAGE
        elif length > self.limits.max_image_bytes:
            flaw, image = Reason.IMAGE_BYTES, None
        elif text is None:
            flaw = Reason.MISSING_CAPTION
        elif len(text) > self.limits.max_caption_bytes:
            flaw = Reason.CAPTION_BYTES
        else:
            try:
                caption = text.decode("utf-8")
            except UnicodeDecodeError:
                flaw, caption = Reason.CAPTION_ENCODING, text.decode("utf-8", "replace")
        seen.add(key)
        return {
            "row": row,
            "key": key,
            "offset": row,
            "length": length,
            "image": image,
            "caption": caption,
            "flaw": flaw,
            **fields,
        }


def _column(url: str, names: Sequence[str], wanted: Sequence[str], what: str) -> str:
    found = next((n for n in wanted if n in names), None)
    if found is None:
        raise ShardError(url, f"has no {what} column: one of {', '.join(wanted)} is needed, it has {', '.join(names)}")
    return found


def _texts(column: pa.Array) -> list[str | None]:
    """Strings or numbers as text; bytes that are not UTF-8 are replaced."""
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        column = column.cast(pa.string())
    return [None if v is None else v.decode("utf-8", "replace") for v in column.cast(pa.large_binary()).to_pylist()]


def _image_bytes(column: pa.Array) -> pa.Array:
    """The column itself, or `bytes` of the struct that Hugging Face datasets store images as."""
    if pa.types.is_struct(column.type):
        column = pc.struct_field(column, "bytes")
    return column.cast(pa.large_binary())


def read_parquet_images(url: str, rows: Sequence[int]) -> list[bytes]:
    """The images of the given row numbers, in that order; each row group that holds one is read once."""
    fs, path = storage.filesystem(url)
    found: dict[int, bytes] = {}
    with fs.open(path, "rb") as source:
        file = pq.ParquetFile(source)
        image_column = _column(url, file.schema_arrow.names, IMAGE_COLUMNS, "image")
        start = 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            inside = [r for r in rows if start <= r < start + count]
            if inside:
                column = _image_bytes(file.read_row_group(group, columns=[image_column])[image_column].combine_chunks())
                found.update({r: column[r - start].as_py() or b"" for r in inside})
            start += count
    return [found.get(r, b"") for r in rows]
