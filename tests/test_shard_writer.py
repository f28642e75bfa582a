"""Training shards: plain USTAR that others read, the same bytes each time, and energon's index."""

import hashlib
import io
import itertools
import struct
import tarfile

import numpy as np
import pytest
import webdataset as wds

from sieveline.draws import generator
from sieveline.shards.writer import cut, write_shard

SAMPLES = [
    [(f"{i:032x}.json", b'{"n": %d}' % i), (f"{i:032x}.0.jpeg", generator(1, "image", i).bytes(300 * i + i % 3))]
    for i in range(7)
]


def opened(content: bytes) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(content))


def written(samples=SAMPLES):
    file = io.BytesIO()
    return write_shard(file, samples), file.getvalue()


def test_stdlib_reads_back_what_was_written():
    summary, content = written()
    with opened(content) as tar:
        members = [(m, tar.extractfile(m).read()) for m in tar]
    assert [(m.name, data) for m, data in members] == [member for sample in SAMPLES for member in sample]
    assert {(m.mode, m.uid, m.gid, m.mtime, m.uname, m.gname, m.type) for m, _ in members} == {(0o644, 0, 0, 0, "", "", b"0")}
    assert (summary.num_bytes, summary.num_samples) == (len(content), len(SAMPLES))
    assert summary.sha256 == hashlib.sha256(content).hexdigest()


def test_headers_are_ustar_and_bytes_depend_on_names_and_contents_alone():
    _, content = written()
    assert content[257:265] == b"ustar\x0000"
    assert len(content) % tarfile.RECORDSIZE == 0
    assert written()[1] == content
    assert written([list(sample) for sample in SAMPLES])[1] == content


def test_the_index_holds_where_samples_start_and_end():
    """Little-endian 64-bit offsets, one per sample and one behind the last: `energon prepare` (7.4.1) makes the same bytes."""
    summary, content = written()
    index = np.frombuffer(summary.index_bytes(), "<u8")
    assert len(index) == len(SAMPLES) + 1
    for (start, end), sample in zip(itertools.pairwise(index), SAMPLES, strict=True):
        with opened(content[start:end] + bytes(1024)) as tar:
            assert [(m.name, tar.extractfile(m).read()) for m in tar] == sample
    assert content[index[-1] :] == bytes(len(content) - int(index[-1]))
    assert struct.unpack_from("<Q", summary.index_bytes()) == (0,)


def test_webdataset_reads_a_shard(tmp_path):
    (tmp_path / "s.tar").write_bytes(written()[1])
    samples = list(wds.WebDataset(str(tmp_path / "s.tar"), shardshuffle=False))
    assert [s["__key__"] for s in samples] == [f"{i:032x}" for i in range(7)]
    assert [(s["json"], s["0.jpeg"]) for s in samples] == [(a[1], b[1]) for a, b in SAMPLES]


def test_a_shard_without_samples_is_an_empty_tar():
    summary, content = written([])
    assert opened(content).getnames() == []
    assert (len(content), summary.index, summary.num_samples) == (10240, [0], 0)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513])
def test_contents_of_any_size(size):
    _, content = written([[("a.txt", b"x" * size)]])
    assert opened(content).extractfile("a.txt").read() == b"x" * size


def test_names_up_to_ustars_limit():
    _, content = written([[("ü" * 50, b"x")]])
    assert opened(content).getnames() == ["ü" * 50]
    with pytest.raises(ValueError, match="does not fit"):
        written([[("x" * 101, b"")]])


class Pretended(bytes):
    """Says to be 8 GiB long."""

    def __len__(self) -> int:
        return 8 << 30


def test_members_up_to_ustars_limit():
    with pytest.raises(ValueError, match="does not fit"):
        written([[("x", Pretended())]])


@pytest.mark.parametrize(
    ("sizes", "max_bytes", "max_samples", "expected"),
    [
        ([], 10, 10, []),
        ([1, 1, 1, 1, 1], 100, 2, [2, 2, 1]),
        ([4, 4, 4, 4], 8, 100, [2, 2]),
        ([4, 5, 4], 8, 100, [1, 1, 1]),
        ([3, 99, 3, 3], 8, 100, [1, 1, 2]),
        ([0, 0, 0], 0, 100, [3]),
    ],
)
def test_cut(sizes, max_bytes, max_samples, expected):
    assert [len(r) for r in cut(sizes, max_bytes, max_samples)] == expected


def test_cuts_hold_every_sample_once_and_keep_their_limits():
    rng = generator(3, "cut")
    for _ in range(50):
        sizes = rng.integers(0, 100, rng.integers(1, 60)).tolist()
        max_bytes, max_samples = int(rng.integers(1, 300)), int(rng.integers(1, 9))
        runs = cut(sizes, max_bytes, max_samples)
        assert [i for run in runs for i in run] == list(range(len(sizes)))
        for run in runs:
            assert 1 <= len(run) <= max_samples
            assert len(run) == 1 or sum(sizes[i] for i in run) <= max_bytes
