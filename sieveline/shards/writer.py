"""Training shards: reproducible WebDataset tars with an energon index and a checksum.

USTAR members, mode 0644, no owner, no times: the bytes depend on names and contents alone. Headers come from one template and a checksum
computed by hand, since `tarfile` spends most of its time there.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO

_BLOCK = 512
_RECORD = 20 * _BLOCK
_CHECKSUM_AT = 148
# mode 0644, uid 0, gid 0 | size | mtime 0 | blank checksum, regular file | ustar 00 | no owner names | device 0, 0
_AFTER_NAME = b"0000644\x000000000\x000000000\x00"
_AFTER_SIZE = b"00000000000\x00        0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\x000000000\x00" + bytes(167)
_FIXED_SUM = sum(_AFTER_NAME) + sum(_AFTER_SIZE)


@dataclass(frozen=True, slots=True)
class ShardSummary:
    """What a written shard holds.

    Attributes:
        sha256: of the tar's bytes, hex.
        num_bytes: of the tar.
        num_samples: samples in it.
        index: byte offset where each sample starts and, last, where the end marker starts: energon's `.tar.idx`.
    """

    sha256: str
    num_bytes: int
    num_samples: int
    index: list[int]

    def index_bytes(self) -> bytes:
        return struct.pack(f"<{len(self.index)}Q", *self.index)


class TarWriter:
    """Appends members to a tar; `close` writes the end marker.

    Attributes:
        position: bytes written so far.
    """

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._digest = hashlib.sha256()
        self.position = 0

    def add(self, *members: tuple[str, bytes]) -> list[int]:
        """Appends (name, content) pairs by one write; the offsets of their contents.

        Raises:
            ValueError: a name is longer than 100 bytes, or a member is larger than 8 GiB (USTAR's limits).
        """
        parts, offsets = [], []
        for name, content in members:
            offsets.append(self.position + _BLOCK)
            parts += [_header(name, len(content)), content, bytes(-len(content) % _BLOCK)]
            self.position += _BLOCK + len(content) + -len(content) % _BLOCK
        self._write(b"".join(parts))
        return offsets

    def close(self) -> str:
        """Writes the end marker; sha256 of the whole tar, hex."""
        end = bytes(2 * _BLOCK + -(self.position + 2 * _BLOCK) % _RECORD)
        self._write(end)
        self.position += len(end)
        return self._digest.hexdigest()

    def _write(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._file.write(chunk)


def write_shard(file: IO[bytes], samples: Iterable[Sequence[tuple[str, bytes]]]) -> ShardSummary:
    """Writes samples, each a sequence of (member name, content), as one tar.

    Raises:
        ValueError: as `TarWriter.add`.
    """
    tar, index = TarWriter(file), []
    for members in samples:
        index.append(tar.position)
        tar.add(*members)
    index.append(tar.position)
    return ShardSummary(tar.close(), tar.position, len(index) - 1, index)


def _header(name: str, size: int) -> bytes:
    encoded = name.encode()
    if len(encoded) > 100 or size >= 8 << 30:
        raise ValueError(f"{name!r} of {size} bytes does not fit a USTAR member")
    octal = b"%011o\x00" % size
    checksum = _FIXED_SUM + sum(encoded) + sum(octal)
    header = encoded.ljust(100, b"\0") + _AFTER_NAME + octal + _AFTER_SIZE
    return header[:_CHECKSUM_AT] + b"%06o\x00 " % checksum + header[_CHECKSUM_AT + 8 :]


def cut(num_bytes: Sequence[int], max_bytes: int, max_samples: int) -> list[range]:
    """Consecutive runs of samples of at most `max_samples` and, but for a single larger one, at most `max_bytes`."""
    runs, start, total = [], 0, 0
    for i, size in enumerate(num_bytes):
        if i > start and (total + size > max_bytes or i - start >= max_samples):
            runs.append(range(start, i))
            start, total = i, 0
        total += size
    if start < len(num_bytes):
        runs.append(range(start, len(num_bytes)))
    return runs
