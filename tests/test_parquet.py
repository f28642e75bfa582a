"""Reading Parquet shards: flat and nested images, what may be missing, what may be broken."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_shards import jpeg, url, write_parquet

from sieveline.errors import ShardError
from sieveline.schema import SAMPLES
from sieveline.shards.parquet import ParquetShard
from sieveline.shards.source import Limits, open_shard, read_images

PAIRS = [(f"k{i}", jpeg(i, 40, 40), f"caption {i}") for i in range(40)]


@pytest.fixture
def read(tmp_path):
    """Rows of a table written as Parquet; every image is found again by its offset."""

    def read(columns: dict, limits: Limits | None = None) -> list[dict]:
        path = str(tmp_path / "shard.parquet")
        pq.write_table(pa.table(columns), path, row_group_size=3)
        rows = pa.Table.from_batches(list(open_shard(path, limits or Limits())), SAMPLES).to_pylist()
        with_image = [r for r in rows if r["image"]]
        assert read_images(path, [r["offset"] for r in with_image], [0] * len(with_image)) == [r["image"] for r in with_image]
        return rows

    return read


@pytest.mark.parametrize("nested", [False, True])
def test_rows_and_images(tmp_path, nested):
    path = str(tmp_path / "s.parquet")
    write_parquet(tmp_path / "s.parquet", PAIRS, nested=nested, row_group_size=16)
    shard = open_shard(path, Limits())
    rows = pa.Table.from_batches(list(shard), SAMPLES).to_pylist()
    assert shard.damage is None
    assert [(r["key"], r["image"], r["caption"]) for r in rows] == PAIRS
    assert [(r["row"], r["offset"], r["length"], r["url"], r["flaw"]) for r in rows] == [
        (i, i, len(image), url(key), None) for i, (key, image, _) in enumerate(PAIRS)
    ]
    order = [39, 0, 17, 16, 15, 3]  # over three row groups, out of order
    assert read_images(path, order, [0] * 6) == [PAIRS[i][1] for i in order]
    assert read_images(path, [99], [0]) == [b""]


def test_keys_are_row_numbers_where_there_is_no_key_column(read):
    rows = read({"image": [b"a", b"b"], "caption": ["x", "y"]})
    assert [(r["key"], r["url"], r["license"]) for r in rows] == [("000000000", None, None), ("000000001", None, None)]


def test_flaws(read):
    rows = read(
        {
            "image": [b"a", None, b"", b"a" * 2000, b"b", b"c", b"d", b"e"],
            "caption": pa.array([b"x", b"x", b"x", b"x", None, b"y" * 2000, b"caf\xe9", b"z"], pa.binary()),
            "key": ["0", "1", "2", "3", "4", "5", "6", "0"],
        },
        Limits(max_image_bytes=1000, max_caption_bytes=1000),
    )
    assert [r["flaw"] for r in rows] == [
        None,
        "missing_image",
        "missing_image",
        "image_bytes",
        "missing_caption",
        "caption_bytes",
        "caption_encoding",
        "duplicate_key",
    ]
    assert rows[3]["image"] is None
    assert rows[6]["caption"] == "caf\ufffd"


def test_nested_images_without_bytes(read):
    images = [{"bytes": b"a", "path": "a.jpg"}, {"bytes": None, "path": "b.jpg"}, None]
    assert [r["flaw"] for r in read({"image": images, "text": ["x", "y", "z"]})] == [None, "missing_image", "missing_image"]


def test_keys_and_urls_of_other_types(read):
    rows = read(
        {
            "jpg": [b"a", b"b"],
            "txt": ["x", "y"],
            "key": [7, 8],
            "url": pa.array([b"http://\xff", None], pa.binary()),
            "license": [1.5, None],
        }
    )
    assert [(r["key"], r["url"], r["license"]) for r in rows] == [("7", "http://\ufffd", "1.5"), ("8", None, None)]


def test_strings_that_are_not_utf8(read):
    broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"caf\xe9"], pa.binary()).buffers())
    rows = read({"image": [b"a"], "caption": broken, "url": broken})
    assert [(r["url"], r["flaw"]) for r in rows] == [("caf\ufffd", "caption_encoding")]


def test_a_file_without_captions_is_read_where_none_are_needed(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": pa.array([b"a", b"b"], pa.binary())}), path)
    rows = [row for batch in open_shard(str(path), Limits(), captions=False) for row in batch.to_pylist()]
    assert [(r["image"], r["caption"], r["flaw"]) for r in rows] == [
        (b"a", None, "missing_caption"),
        (b"b", None, "missing_caption"),
    ]
    assert read_images(str(path), [1], [1]) == [b"b"]


def test_an_empty_file_of_rows(read):
    rows = read({"image": pa.array([], pa.binary()), "caption": pa.array([], pa.string())})
    assert [(r["flaw"], r["offset"]) for r in rows] == [("empty_shard", -1)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"caption": ["x"]}, "has no image column: one of image, image_bytes, jpg"),
        ({"image": [b"x"], "label": [1]}, "has no caption column: .* it has image, label"),
        ({"image": [[1, 2]], "caption": ["x"]}, "no readable Parquet"),
        ({"image": [{"path": "x"}], "caption": ["x"]}, "no readable Parquet"),
        ({"image": [b"x"], "caption": [["x"]]}, "no readable Parquet"),
    ],
)
def test_columns_that_are_not_there_or_of_another_type(read, columns, said):
    with pytest.raises(ShardError, match=said):
        read(columns)


@pytest.mark.parametrize("cut", [0, 3, 100, -1, -9])
def test_a_file_that_is_cut(tmp_path, cut):
    write_parquet(tmp_path / "s.parquet", PAIRS[:3])
    content = (tmp_path / "s.parquet").read_bytes()
    (tmp_path / "s.parquet").write_bytes(content[:cut])
    with pytest.raises(ShardError, match="no readable Parquet"):
        list(ParquetShard(str(tmp_path / "s.parquet"), Limits()))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ShardError, match="cannot be opened"):
        list(ParquetShard(str(tmp_path / "none.parquet"), Limits()))
