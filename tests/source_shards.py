"""Source shards for tests: tars and Parquet files as img2dataset writes them, made on the fly."""

import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
from PIL import Image
from scenes import scene

Members = Sequence[tuple[str, bytes]]
Pair = tuple[str, bytes, str]  # key, image file, caption


@cache
def jpeg(seed: int, width: int = 320, height: int = 240) -> bytes:
    return simplejpeg.encode_jpeg(scene(seed, width, height), quality=80)


def encoded(seed: int, format: str, width: int = 320, height: int = 240) -> bytes:
    """A scene as a file of another Pillow format."""
    file = io.BytesIO()
    Image.fromarray(scene(seed, width, height)).save(file, format)
    return file.getvalue()


def url(key: str) -> str:
    return f"https://example.org/{key}.jpg"


def sample(key: str, image: bytes, caption: str, extension: str = "jpg", **metadata: object) -> Members:
    """The three members img2dataset writes for a pair."""
    fields = {"caption": caption, "url": url(key), "key": key, **metadata}
    return [(f"{key}.{extension}", image), (f"{key}.txt", caption.encode()), (f"{key}.json", json.dumps(fields).encode())]


def tar(members: Members, format: int = tarfile.USTAR_FORMAT) -> bytes:
    """A tar of regular files with an end marker and nothing behind it, so that every byte of it means something."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as out:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
        end = out.offset
    return file.getvalue()[:end] + bytes(1024)


def header(name: bytes, size: int | bytes, kind: bytes = b"0") -> bytes:
    """One tar header with whatever stands in it, under a right checksum; `size` as a number or as its raw 12 bytes."""
    raw = size if isinstance(size, bytes) else b"%011o\0" % size
    fields = [name.ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", raw.ljust(12, b"\0"), b"00000000000\0"]
    block = (b"".join(fields) + b" " * 8 + kind + bytes(100) + b"ustar\x0000").ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def write_tar(path: Path, pairs: Iterable[Pair]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tar([member for pair in pairs for member in sample(*pair)]))


def write_parquet(path: Path, pairs: Sequence[Pair], *, nested: bool = False, row_group_size: int = 16) -> None:
    """Pairs as Parquet: `nested` with images as Hugging Face datasets store them, else as img2dataset does."""
    keys, images, captions = ([pair[i] for pair in pairs] for i in range(3))
    column = pa.array([{"bytes": i, "path": None} for i in images]) if nested else pa.array(images, pa.binary())
    names = ["image", "text", "key", "url"] if nested else ["jpg", "caption", "key", "url"]
    pq.write_table(pa.table([column, captions, keys, [url(k) for k in keys]], names=names), path, row_group_size=row_group_size)
