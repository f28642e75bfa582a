"""WebDataset tars as img2dataset writes them, read in one pass and without trust.

Nothing is ever extracted, so a hostile name can only become a ledger row. Headers are parsed here rather than by `tarfile` because a shard
that ends in the middle must still give the samples before the cut, and for speed: 9 us a member against 60.
"""

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import pyarrow as pa

from sieveline import storage
from sieveline.errors import RetryableError, ShardError
from sieveline.reasons import Reason
from sieveline.shards.batches import BatchBuilder

IMAGE_EXTENSIONS = frozenset({"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "jp2", "img"})
_BLOCK = 512
_MAX_HEADER_BYTES = 1 << 20  # of a GNU long name or pax header
_MAX_SIZE = 1 << 62  # no file is larger; base 256 can claim more than 64 bits hold, and less than nothing
_WITH_CONTENT = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.XGLTYPE,
)  # headers that carry content of their own
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PAX_RECORD = re.compile(rb"(\d{1,9}) ([^=]+)=")
_PAX_SIZE = re.compile(rb"\d{1,18}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What reading refuses to take into memory.

    Attributes:
        max_image_bytes: a larger image file is a row with `Reason.IMAGE_BYTES`.
        max_caption_bytes: a larger caption member is a row with `Reason.CAPTION_BYTES`.
    """

    max_image_bytes: int = 64 << 20
    max_caption_bytes: int = 16 << 10


@dataclass(slots=True)
class _Member:
    name: str
    offset: int
    size: int
    flaw: Reason | None = None


class _Cut(Exception):
    """The file ends inside a header or a member, or a header is not one."""


class TarShard:
    """Iterates a tar's samples as batches of `schema.SAMPLES`, in the tar's order.

    Consecutive members with one key (the name up to the first dot of its base name) are a sample. The caption is the `.txt` member, else
    `caption` of the `.json`, else the original caption of a training sample. A key that was seen before is `DUPLICATE_KEY`; a tar without
    samples is one row with `EMPTY_SHARD`.

    Attributes:
        damage: after iteration, what was wrong with the tar as a whole, or None.
    """

    def __init__(self, url: str, limits: Limits):
        self.url = url
        self.limits = limits
        self.damage: str | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        fs, path = storage.filesystem(self.url)
        try:
            with fs.open(path, "rb", **({} if storage.is_local(self.url) else {"cache_type": "readahead"})) as file:
                yield from self._batches(file)  # pyright: ignore[reportArgumentType]
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            raise ShardError(self.url, f"cannot be opened: {error}") from error
        except OSError as error:
            raise RetryableError(f"{self.url}: {error}") from error

    def _batches(self, file: IO[bytes]) -> Iterator[pa.RecordBatch]:
        builder = BatchBuilder()
        seen: set[str] = set()
        sample: _Sample | None = None
        num_rows = 0
        try:
            for member in _members(file):
                key, extension = _split_name(member.name)
                if sample is None or sample.key != key or extension in sample.extensions:
                    if sample is not None:
                        builder.add(**sample.row(num_rows, seen))
                        num_rows += 1
                    sample = _Sample(key)
                    if builder.full:
                        yield from builder.take()
                sample.take(member, extension, file, self.limits)
        except _Cut as cut:
            self.damage = f"{cut}"
            sample = sample or _Sample("")
            if not sample.complete:
                sample.flaw = Reason.TRUNCATED
        if sample is not None:
            builder.add(**sample.row(num_rows, seen))
        elif self.damage is None:
            builder.add(row=0, key="", offset=-1, length=0, flaw=Reason.EMPTY_SHARD)
        yield from builder.take()


class _Sample:
    """Members of one key, read as they come."""

    def __init__(self, key: str):
        self.key = key
        self.extensions: set[str] = set()
        self.flaw: Reason | None = None
        self.image: bytes | None = None
        self.offset, self.length = -1, 0
        self.text: bytes | None = None
        self.metadata: bytes | None = None
        self.metadata_flaw: Reason | None = None  # why the JSON says nothing; counts where the caption was to come from there

    @property
    def complete(self) -> bool:
        return self.image is not None and (self.text is not None or self.metadata is not None)

    def take(self, member: _Member, extension: str, file: IO[bytes], limits: Limits) -> None:
        self.extensions.add(extension)
        if member.flaw:
            self.flaw = self.flaw or member.flaw
        elif extension in IMAGE_EXTENSIONS:
            if self.image is not None or self.length:
                return  # a second image of another format: the first one is the sample's
            self.offset, self.length = member.offset, member.size
            if member.size > limits.max_image_bytes:
                self.flaw = self.flaw or Reason.IMAGE_BYTES
            else:
                self.image = _read(file, member)
        elif extension == "txt":
            if member.size > limits.max_caption_bytes:
                self.flaw = self.flaw or Reason.CAPTION_BYTES
            else:
                self.text = _read(file, member)
        elif extension == "json":
            if member.size > 16 * limits.max_caption_bytes:
                self.metadata_flaw = Reason.CAPTION_BYTES
            else:
                self.metadata = _read(file, member)

    def row(self, number: int, seen: set[str]) -> dict:
        if self.key in seen:
            self.flaw = self.flaw or Reason.DUPLICATE_KEY
        seen.add(self.key)
        caption, url, licence = self._texts()
        if self.image is None:
            self.flaw = self.flaw or Reason.MISSING_IMAGE
        if caption is None:
            self.flaw = self.flaw or self.metadata_flaw or Reason.MISSING_CAPTION
        return {
            "row": number,
            "key": _CONTROL.sub("?", self.key)[:512],
            "offset": self.offset,
            "length": self.length,
            "image": self.image,
            "caption": caption,
            "url": url,
            "license": licence,
            "flaw": self.flaw,
        }

    def _texts(self) -> tuple[str | None, str | None, str | None]:
        fields: dict = {}
        if self.metadata is not None:
            try:
                parsed = json.loads(self.metadata)
                fields = parsed if isinstance(parsed, dict) else {}
                origin = fields.get("provenance")  # of a training sample: another line's output is this one's input
                if isinstance(origin, dict):
                    fields = {"caption": origin.get("original_caption")} | origin | fields
            except (ValueError, RecursionError):  # beside a `.txt`, broken metadata costs nothing but url and licence
                self.metadata_flaw = Reason.CAPTION_ENCODING
        url, licence = (_text(fields.get(name)) for name in ("url", "license"))
        if self.text is None:
            return _text(fields.get("caption")), url, licence
        try:
            return self.text.decode("utf-8"), url, licence
        except UnicodeDecodeError:
            self.flaw = self.flaw or Reason.CAPTION_ENCODING
            return self.text.decode("utf-8", "replace"), url, licence


def _text(value: object) -> str | None:
    """A JSON string without lone surrogates, which Arrow cannot hold; None for anything else."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _split_name(name: str) -> tuple[str, str]:
    """WebDataset's rule: the key ends at the first dot of the base name. Training samples name their first picture `0.jpg`."""
    folder, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    return folder + slash + stem, extension.lower().removeprefix("0.")


def _read(file: IO[bytes], member: _Member) -> bytes:
    file.seek(member.offset)
    content = file.read(member.size)
    if len(content) < member.size:
        raise _Cut(f"the file ends inside {member.name!r}, {member.size - len(content)} bytes early")
    return content


def _members(file: IO[bytes]) -> Iterator[_Member]:
    """The regular files of a tar, with flaws for names and types that are not to be trusted.

    Raises:
        _Cut: the tar ends early or holds something that is no header.
    """
    position = 0
    long_name: str | None = None
    pax_size: int | None = None
    end = file.seek(0, 2)
    while True:
        file.seek(position)
        block = file.read(_BLOCK)
        if block.count(0) == _BLOCK:
            return
        if not block:
            raise _Cut(f"the file ends at byte {position} without tar's end marker")
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise _Cut(f"byte {position} is no tar header: {error}") from error
        offset = position + _BLOCK
        size = info.size if pax_size is None else pax_size
        if not 0 <= size < _MAX_SIZE:
            raise _Cut(f"byte {position} is no tar header: a size of {size}")
        if not info.isreg() and info.type in tarfile.SUPPORTED_TYPES and info.type not in _WITH_CONTENT:
            size = 0  # as `tarfile` reads links, devices and folders, whatever size they claim
        position = offset + -(-size // _BLOCK) * _BLOCK
        if position > end and info.type in _WITH_CONTENT:
            raise _Cut(f"the file ends inside the header at byte {offset - _BLOCK}, {position - end} bytes early")
        if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            content = file.read(min(size, _MAX_HEADER_BYTES))
            if info.type == tarfile.GNUTYPE_LONGNAME:
                long_name = content.rstrip(b"\0").decode("utf-8", "surrogateescape")
            else:
                long_name, pax_size = _pax(content, long_name)
            continue
        name, long_name, pax_size = long_name or info.name, None, None
        if info.isdir() or info.type in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
            continue
        printable = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        if not info.isreg() or name.startswith("/") or ".." in name.split("/") or _CONTROL.search(name) or printable != name:
            yield _Member(printable, offset, size, Reason.UNSAFE_NAME)
        else:
            yield _Member(name.removeprefix("./"), offset, size)
        if offset + size > end:
            raise _Cut(f"the file ends inside {printable!r}, {offset + size - end} bytes early")


def _pax(content: bytes, name: str | None) -> tuple[str | None, int | None]:
    size = None
    position = 0
    while match := _PAX_RECORD.match(content, position):
        length = int(match[1])
        value = content[match.end() : position + length - 1]
        if match[2] == b"path":
            name = value.decode("utf-8", "surrogateescape")
        elif match[2] == b"size" and _PAX_SIZE.fullmatch(value):
            size = int(value)
        position += max(length, 1)
    return name, size
