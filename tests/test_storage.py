"""Publishing whole or not at all, on a disk, in memory and on a real S3 server on loopback."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_server import s3_server

from sieveline import storage


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server("bucket"):
        yield "s3://bucket"


@pytest.fixture(params=["local", "file", "memory", "s3"])
def root(request, tmp_path) -> str:
    if request.param == "s3":
        return f"{request.getfixturevalue('s3')}/{uuid.uuid4().hex}"
    return {"local": str(tmp_path), "file": f"file://{tmp_path}", "memory": f"memory://{uuid.uuid4().hex}"}[request.param]


def test_published_whole(root):
    url = storage.join(root, "a", "b.bin")
    assert not storage.exists(url)
    with storage.publish(url) as file:
        file.write(b"one")
        file.write(b"two")
    assert storage.read_bytes(url) == b"onetwo"
    assert storage.is_file(url)
    assert not storage.is_file(storage.join(root, "a"))
    storage.publish_bytes(url, b"three")
    assert storage.read_bytes(url) == b"three"


@pytest.mark.parametrize("size", [10, 12 << 20], ids=["small", "several parts"])
def test_a_failed_block_leaves_nothing(root, size):
    url = storage.join(root, "a", "b.bin")

    def fail():
        with storage.publish(url) as file:
            file.write(bytes(size))
            assert not storage.exists(url)
            raise KeyError("in the middle")

    with pytest.raises(KeyError, match="in the middle"):
        fail()
    assert not storage.exists(url)
    assert storage.listing(storage.join(root, "a")) == []
    storage.publish_bytes(url, b"before")
    with pytest.raises(AssertionError):  # it exists now: the block fails there
        fail()
    assert storage.read_bytes(url) == b"before"


def test_a_file_of_several_parts(root):
    url = storage.join(root, "large.bin")
    content = os.urandom(1 << 20) * 12
    storage.publish_bytes(url, content)
    assert storage.read_bytes(url) == content
    offsets, lengths = [5 << 20, 0, len(content) - 3], [1000, 7, 3]
    assert storage.read_ranges(url, offsets, lengths) == [content[o : o + n] for o, n in zip(offsets, lengths, strict=True)]


def test_listing(root):
    for name in ("b.json", "a.json", "c.txt", ".a.json.1-1.part", "deeper/d.json"):
        storage.publish_bytes(storage.join(root, "folder", name), b"{}")
    names = [url.rsplit("/", 1)[1] for url in storage.listing(storage.join(root, "folder"), ".json")]
    assert names == ["a.json", "b.json"]
    assert all(storage.read_bytes(url) == b"{}" for url in storage.listing(storage.join(root, "folder")) if "." in url)
    assert storage.listing(storage.join(root, "none")) == []
    assert storage.listing(storage.join(root, "folder", "a.json")) in ([], [storage.join(root, "folder", "a.json", "a.json")])


def test_removing(root):
    for name in ("a", "b/c"):
        storage.publish_bytes(storage.join(root, name), b"x")
    storage.remove(storage.join(root, "a"))
    storage.remove(storage.join(root, "a"))
    assert not storage.exists(storage.join(root, "a"))
    storage.remove_folder(storage.join(root, "b"))
    storage.remove_folder(storage.join(root, "b"))
    assert not storage.exists(storage.join(root, "b", "c"))


def test_what_another_process_published_is_seen(root):
    """A listing must not be answered from what was so before."""
    if root.startswith("memory"):
        pytest.skip("memory is one process's own")
    folder = storage.join(root, "x")
    storage.publish_bytes(storage.join(folder, "first"), b"1")
    assert len(storage.listing(folder)) == 1
    assert not storage.exists(storage.join(folder, "second"))
    code = f"from sieveline import storage; storage.publish_bytes({folder + '/second'!r}, b'2')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert storage.exists(storage.join(folder, "second"))
    assert storage.read_bytes(storage.join(folder, "second")) == b"2"
    assert len(storage.listing(folder)) == 2


def test_reading_what_is_not_there(root):
    with pytest.raises(OSError):  # noqa: PT011 - each storage words it its own way
        storage.read_ranges(storage.join(root, "none"), [0], [1])
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(storage.join(root, "none"))


def test_a_file_that_cannot_grow_is_not_published(tmp_path):
    """The write that fails may be the last one, in the flush."""
    code = f"from sieveline import storage; storage.publish_bytes('{tmp_path}/a.bin', bytes(100_000))"

    done = subprocess.run(["prlimit", "--fsize=50000", sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_killed_writers_are_removed(tmp_path):
    """Only theirs: a file that a living process writes at this moment stays."""
    code = f"""
import os, signal
from sieveline import storage
with storage.publish("{tmp_path}/deep/a.b-1-2.tar") as file:
    file.write(b"half"), file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    (tmp_path / "mine.part").write_bytes(b"mine")
    assert len(list(tmp_path.rglob(".*.part"))) == 1
    with storage.publish(f"{tmp_path}/deep/b.tar") as file:
        file.write(b"whole")
        storage.remove_leftovers(str(tmp_path))
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["b.tar", "mine.part"]


def test_a_short_range_comes_back_short(tmp_path):
    Path(tmp_path / "a").write_bytes(b"12345")
    assert storage.read_ranges(str(tmp_path / "a"), [3, 9], [10, 10]) == [b"45", b""]
