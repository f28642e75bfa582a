"""Files on any fsspec URL, published whole or not at all.

Locally a file is written beside its place, flushed to the disk and renamed. Elsewhere it is made in a temporary file here and put in its
place by one upload, which object stores do whole or not at all. Whoever sees a file under its final name sees all of it, so the existence
of a result is the marker that it is done.
"""

import os
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem


def filesystem(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The filesystem that serves `url`, and the path of `url` in it."""
    return url_to_fs(url, use_listings_cache=False)  # other processes publish there too


def is_local(url: str) -> bool:
    return "://" not in url or url.startswith("file://")


def join(root: str, *parts: str) -> str:
    return "/".join([root.rstrip("/"), *parts])


@contextmanager
def publish(url: str) -> Iterator[IO[bytes]]:
    """A binary file that appears under `url` only when the block ends well; after an exception nothing is there."""
    fs, path = filesystem(url)
    if not isinstance(fs, LocalFileSystem):
        with tempfile.NamedTemporaryFile() as file:
            yield file
            file.flush()
            fs.put_file(file.name, path)
        return
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    # Named by process and thread: two workers on one result both write the same bytes, the later rename wins.
    writer = f"{socket.gethostname()}-{os.getpid()}-{threading.get_native_id()}"
    temporary = f"{os.path.dirname(path)}/.{os.path.basename(path)}.{writer}.part"
    try:
        with open(temporary, "wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def publish_bytes(url: str, content: bytes) -> None:
    with publish(url) as file:
        file.write(content)


def publish_folder(folder: Path, url: str, *, last: str | None = None) -> None:
    """Puts every file of a local folder and below under `url`, in the place of those there.

    Args:
        last: name of a file that is put there after all others, and before them taken away: where it is, the folder is whole.
    """
    if last is not None:
        remove(join(url, last))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda path: path.relative_to(folder).as_posix() == last):
        with publish(join(url, *path.relative_to(folder).parts)) as target, path.open("rb") as source:
            shutil.copyfileobj(source, target, 1 << 20)


def read_bytes(url: str) -> bytes:
    fs, path = filesystem(url)
    content = fs.cat_file(path)
    assert isinstance(content, bytes)
    return content


def exists(url: str) -> bool:
    fs, path = filesystem(url)
    return fs.exists(path)


def is_file(url: str) -> bool:
    fs, path = filesystem(url)
    return fs.isfile(path)


def remove(url: str) -> None:
    """Removes the file under `url`; a file that is not there is no error."""
    fs, path = filesystem(url)
    if fs.exists(path):
        fs.rm_file(path)


def remove_folder(url: str) -> None:
    """Removes the folder under `url` with all it holds; a folder that is not there is no error."""
    fs, path = filesystem(url)
    if fs.exists(path):
        fs.rm(path, recursive=True)


def listing(folder: str, suffix: str = "") -> list[str]:
    """URLs of the files in `folder` (not below it) whose names end in `suffix`, sorted; none if there is no folder."""
    fs, path = filesystem(folder)
    try:
        found = fs.ls(path, detail=False, refresh=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    names = (str(p).rstrip("/").rsplit("/", 1)[-1] for p in found)
    return [join(folder, n) for n in sorted(names) if n.endswith(suffix) and not n.startswith(".")]


def read_ranges(url: str, offsets: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
    """The bytes at each (offset, length) of the file under `url`, in the order asked.

    Raises:
        OSError: the file cannot be read. A range past its end comes back short.
    """
    if is_local(url):
        descriptor = os.open(url.removeprefix("file://"), os.O_RDONLY)
        try:
            return [os.pread(descriptor, n, o) for o, n in zip(offsets, lengths, strict=True)]
        finally:
            os.close(descriptor)
    fs, path = filesystem(url)
    ends = [o + n for o, n in zip(offsets, lengths, strict=True)]
    found: list[Any] = fs.cat_ranges([path] * len(ends), list(offsets), ends, on_error="return")
    for part in found:
        if isinstance(part, Exception):
            raise OSError(f"cannot read {url}: {part}") from part
    return found


def remove_leftovers(folder: str) -> None:
    """Removes what killed writers of this machine left in a local `folder` and below; those that still live keep theirs."""
    if is_local(folder):
        of_this_machine = re.compile(rf"\.{re.escape(socket.gethostname())}-(\d+)-\d+\.part$")
        for part in Path(folder.removeprefix("file://")).rglob(".*.part"):
            writer = of_this_machine.search(part.name)
            if writer and not Path("/proc", writer[1]).exists():
                part.unlink(missing_ok=True)
