"""Reading tars: img2dataset's layout, and everything a hostile or broken tar may hold, each a row with a reason."""

import itertools
import json
import tarfile

import pyarrow as pa
import pytest
from source_shards import Members, header, jpeg, padded, sample, tar, write_tar

from sieveline.errors import ShardError
from sieveline.schema import SAMPLES
from sieveline.shards.batches import MAX_ROWS
from sieveline.shards.source import Limits, open_shard, read_images
from sieveline.shards.tar import TarShard

PICTURE = jpeg(1, 48, 32)
SMALL = Limits(max_image_bytes=64 << 10, max_caption_bytes=1 << 10)


@pytest.fixture
def read(tmp_path):
    """Rows and damage of a tar given as bytes or members; every row re-reads by its offset and length."""

    def read(content: bytes | Members, limits: Limits = SMALL) -> tuple[list[dict], str | None]:
        path = tmp_path / "shard.tar"
        path.write_bytes(content if isinstance(content, bytes) else tar(content))
        shard = TarShard(str(path), limits)
        rows = pa.Table.from_batches(list(shard), SAMPLES).to_pylist()
        assert [r["row"] for r in rows] == list(range(len(rows)))
        with_image = [r for r in rows if r["image"] is not None]
        again = read_images(str(path), [r["offset"] for r in with_image], [r["length"] for r in with_image])
        assert again == [r["image"] for r in with_image]
        return rows, shard.damage

    return read


def flaws(rows: list[dict]) -> list[str | None]:
    return [r["flaw"] for r in rows]


def test_img2dataset_layout(read):
    members = [*sample("000000000", PICTURE, "A red fox", license="CC0"), *sample("000000001", jpeg(2), "Ein Apfel — grün")]
    rows, damage = read(members)
    assert damage is None
    assert rows[0] == {
        "row": 0,
        "key": "000000000",
        "offset": 512,
        "length": len(PICTURE),
        "image": PICTURE,
        "caption": "A red fox",
        "url": "https://example.org/000000000.jpg",
        "license": "CC0",
        "flaw": None,
    }
    assert rows[1]["caption"] == "Ein Apfel — grün"
    assert rows[1]["license"] is None


def test_caption_from_json_alone_and_text_before_json(read):
    rows, _ = read(
        [
            ("a.jpg", PICTURE),
            ("a.json", b'{"caption": "from json", "url": 7}'),
            ("b.json", b'{"caption": "not this"}'),
            ("b.jpg", PICTURE),
            ("b.txt", b"from text"),
        ]
    )
    assert [(r["caption"], r["url"], r["flaw"]) for r in rows] == [("from json", None, None), ("from text", None, None)]


def test_training_samples_are_read_as_pairs(read):
    """Another line's output is this one's input: pictures are named `0.jpg`, what is known of them stands in the provenance."""
    origin = {"original_caption": "A red fox", "url": "https://example.org/fox.jpg", "license": "CC0"}
    content = [{"type": "image", "file": "0.jpg"}, {"type": "text", "text": "A fox in the snow", "loss": True}]
    fields = {"id": "a", "line": "caption", "content": content, "provenance": origin}
    rows, damage = read(
        [("a.json", json.dumps(fields).encode()), ("a.0.jpg", PICTURE), ("a.1.jpg", jpeg(3)), ("b.0.png", b"x")]
    )
    assert damage is None
    assert [(r["key"], r["image"], r["flaw"]) for r in rows] == [("a", PICTURE, None), ("b", b"x", "missing_caption")]
    assert [rows[0][name] for name in ("caption", "url", "license")] == list(origin.values())


def test_keys_end_at_the_first_dot_of_the_base_name(read):
    rows, _ = read(
        [("a.b/c.seg.jpg", b"mask"), ("a.b/c.jpg", PICTURE), ("a.b/c.txt", b"fox"), ("./d.JPG", PICTURE), ("./d.txt", b"d")]
    )
    assert [(r["key"], r["caption"], r["flaw"]) for r in rows] == [("a.b/c", "fox", None), ("d", "d", None)]


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_of_every_tar_format(tmp_path, format):
    keys = ["x" * 90 + "/" + "y" * 90, "Füchse/狐"] + ([] if format == tarfile.USTAR_FORMAT else ["z" * 300])
    path = tmp_path / "shard.tar"
    path.write_bytes(tar([m for k in keys for m in sample(k, PICTURE, k)], format))
    rows = [r for b in TarShard(str(path), SMALL) for r in b.to_pylist()]
    assert [(r["caption"], r["image"], r["flaw"]) for r in rows] == [(k, PICTURE, None) for k in keys]


def test_gnu_tars_of_the_system_are_read(tmp_path):
    import subprocess

    (tmp_path / "in" / ("long" * 40)).mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "in" / ("long" * 40) / name).write_bytes(PICTURE)
        (tmp_path / "in" / ("long" * 40) / name.replace("jpg", "txt")).write_bytes(b"fox")
    subprocess.run(["tar", "-cf", tmp_path / "s.tar", "--sort=name", "-C", tmp_path / "in", "."], check=True)
    shard = TarShard(str(tmp_path / "s.tar"), SMALL)
    rows = [r for b in shard for r in b.to_pylist()]
    assert [r["key"].rsplit("/", 1)[1] for r in rows] == ["a", "b"]
    assert flaws(rows) == [None, None]
    assert shard.damage is None


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.jpg", "/etc/passwd.jpg", "a/../b.jpg", "a\tb.jpg", "a\x1b[31m.jpg", "..\x7f.jpg"]
)
def test_names_that_are_not_to_be_trusted(read, name):
    rows, damage = read([(name, PICTURE), *sample("good", PICTURE, "fox")])
    assert flaws(rows) == ["unsafe_name", None]
    assert damage is None
    assert all(c.isprintable() for c in rows[0]["key"])
    assert rows[0]["image"] is None


def test_names_that_are_not_utf8(read):
    rows, _ = read(header(b"\xff\xfe.jpg", len(PICTURE)) + padded(PICTURE) + tar(sample("good", PICTURE, "fox")))
    assert flaws(rows) == ["unsafe_name", None]


@pytest.mark.parametrize(
    "kind", [b"1", b"2", b"3", b"4", b"6", b"Z"], ids=["hard", "symbolic", "character", "block", "fifo", "unknown"]
)
def test_links_and_devices(read, kind):
    rows, damage = read(header(b"a.jpg", 0, kind) + tar(sample("good", PICTURE, "fox")))
    assert flaws(rows) == ["unsafe_name", None]
    assert damage is None


def test_links_and_folders_claim_no_content(read):
    rows, damage = read(
        header(b"folder/", 1 << 20, b"5") + header(b"a.jpg", 1 << 20, b"1") + tar(sample("good", PICTURE, "fox"))
    )
    assert flaws(rows) == ["unsafe_name", None]
    assert damage is None


def test_invalid_utf8_captions(read):
    rows, _ = read([("a.jpg", PICTURE), ("a.txt", b"caf\xe9"), ("b.jpg", PICTURE), ("b.json", b'{"caption": "caf\xe9"}')])
    assert flaws(rows) == ["caption_encoding", "caption_encoding"]
    assert rows[0]["caption"] == "caf\ufffd"


def test_lone_surrogates_in_json(read):
    rows, _ = read([("a.jpg", PICTURE), ("a.json", rb'{"caption": "\ud800 fox", "url": "\udfff"}')])
    assert (rows[0]["caption"], rows[0]["url"], rows[0]["flaw"]) == ("? fox", "?", None)


@pytest.mark.parametrize("content", [b"[1, 2]", b'{"caption": 7}', b'{"caption": null}'])
def test_json_without_a_caption(read, content):
    assert flaws(read([("a.jpg", PICTURE), ("a.json", content)])[0]) == ["missing_caption"]


@pytest.mark.parametrize("content", [b"{", b"[" * 200_000, b"1" * 5000])
def test_json_that_does_not_parse(read, content):
    members = [("a.jpg", PICTURE), ("a.json", content), ("b.jpg", PICTURE), ("b.txt", b"fox"), ("b.json", content)]
    assert flaws(read(members, Limits(max_caption_bytes=1 << 20))[0]) == ["caption_encoding", None]


def test_a_caption_of_ten_megabytes(read):
    huge = b"fox " * (10 << 18)
    in_json = json.dumps({"caption": huge.decode()}).encode()
    rows, _ = read([("a.jpg", PICTURE), ("a.txt", huge), ("b.jpg", PICTURE), ("b.json", in_json), *sample("c", PICTURE, "fox")])
    assert flaws(rows) == ["caption_bytes", "caption_bytes", None]
    assert [r["caption"] for r in rows] == [None, None, "fox"]


def test_an_image_over_the_limit_is_not_read(tmp_path):
    """100 MB by its header; the file is sparse, and the reader must not ask for the bytes."""
    path = tmp_path / "shard.tar"
    with path.open("wb") as file:
        file.write(header(b"a.jpg", 100_000_000))
        file.seek(512 + -(-100_000_000 // 512) * 512)
        file.write(tar([("a.txt", b"big"), *sample("b", PICTURE, "fox")]))
    rows = [r for b in TarShard(str(path), Limits()) for r in b.to_pylist()]
    assert [(r["key"], r["length"], r["image"] is None, r["flaw"]) for r in rows] == [
        ("a", 100_000_000, True, "image_bytes"),
        ("b", len(PICTURE), False, None),
    ]


def test_missing_members(read):
    rows, _ = read([("a.jpg", PICTURE), ("b.txt", b"fox"), ("c.json", b'{"caption": "fox"}'), ("d.jpg", b""), ("d.txt", b"")])
    assert flaws(rows) == ["missing_caption", "missing_image", "missing_image", None]


def test_duplicate_keys_next_to_each_other_and_apart(read):
    members = [
        *sample("a", PICTURE, "first"),
        *sample("a", PICTURE, "second"),
        *sample("b", PICTURE, "x"),
        *sample("a", PICTURE, "third"),
    ]
    rows, _ = read(members)
    assert [(r["caption"], r["flaw"]) for r in rows] == [
        ("first", None),
        ("second", "duplicate_key"),
        ("x", None),
        ("third", "duplicate_key"),
    ]


@pytest.mark.parametrize("content", [bytes(1024), bytes(10240), bytes(512)], ids=["marker", "record", "half"])
def test_an_empty_tar(read, content):
    rows, damage = read(content)
    assert flaws(rows) == ["empty_shard"]
    assert damage is None


def test_a_tar_of_folders_only_is_empty(read):
    assert flaws(read(header(b"folder/", 0, b"5") + bytes(1024))[0]) == ["empty_shard"]


@pytest.mark.parametrize("content", [b"", b"\x89PNG not a tar", b"<html>" * 500, bytes(100)])
def test_what_is_no_tar(read, content):
    rows, damage = read(content)
    assert flaws(rows) == ["truncated"]
    assert damage


def test_truncated_at_every_kind_of_byte(read):
    """Every sample before the cut is whole, the one in it is named, and the damage is told, wherever the cut lies."""
    content = tar([m for i in range(3) for m in sample(str(i), PICTURE, "fox")])
    whole, _ = read(content)
    end = len(content) - 1024
    starts = [r["offset"] - 512 for r in whole] + [end]
    header_cuts = itertools.chain.from_iterable((s + 1, s + 156, s + 511, s + 512) for s in starts[:-1])
    image_cuts = [512 + 1, 512 + len(PICTURE) - 1, 512 + len(PICTURE), 512 + len(PICTURE) + 1]  # in the image, in its padding
    rest = range(0, end, 97)
    for cut in sorted({*header_cuts, *image_cuts, *rest, *starts}):
        rows, damage = read(content[:cut])
        done = sum(start <= cut for start in starts[1:])
        assert damage, cut
        assert rows[:done] == whole[:done], cut
        assert len(rows) - done in (0, 1), cut
        for row in rows[done:]:  # what was already there of a sample may be enough of it
            assert row["flaw"] == "truncated" or (row["image"], row["caption"]) == (PICTURE, "fox"), cut
        assert done == 3 or len(rows) > done or cut < starts[done] + 512, cut  # a name half there names nothing
    for cut in range(end, end + 512, 31):
        rows, damage = read(content[:cut])
        assert (rows, bool(damage)) == (whole, True)
    assert read(content[: end + 512]) == (whole, None)


@pytest.mark.parametrize("junk", [b"\xff" * 512, b"garbage " * 64, header(b"x.jpg", 5)[:-1] + b"!"])
def test_a_garbage_header_between_samples(read, junk):
    first, second = tar(sample("a", PICTURE, "fox"))[:-1024], tar(sample("b", PICTURE, "fox"))
    rows, damage = read(first + junk + second)
    assert [(r["key"], r["flaw"]) for r in rows] == [("a", None)]
    assert "no tar header" in damage


HUGE = b"\x80" + (1 << 80).to_bytes(11, "big")  # base 256
NEGATIVE = b"\xff" * 10 + b"\xfe\x00"  # -512 in base 256: would lead back to this very header


@pytest.mark.parametrize("kind", [b"0", b"1", b"5", b"L", b"K", b"x", b"g", b"S", b"Z"])
@pytest.mark.parametrize(
    "size", [HUGE, NEGATIVE, b"-0000001000\0", b"77777777777\0"], ids=["huge", "negative", "minus", "8 GiB"]
)
@pytest.mark.timeout(20)
def test_sizes_that_lie(read, kind, size):
    rows, damage = read(tar(sample("a", PICTURE, "fox"))[:-1024] + header(b"b.jpg", size, kind) + bytes(2048))
    assert (rows[0]["key"], rows[0]["flaw"]) == ("a", None)
    assert damage or kind in b"15"  # folders and links have no content, so their size is nobody's business
    assert all(r["flaw"] for r in rows[1:])


@pytest.mark.parametrize(
    "records",
    [
        b"9" * 5000 + b" size=1\n",
        b"20 size=" + b"9" * 5000 + b"\n",
        b"12 size=-512\n",
        b"0 path=x\n" * 3,
        b"11 size=\xb2\xb3\n",
    ],
)
@pytest.mark.timeout(20)
def test_pax_records_that_lie(read, records):
    content = header(b"pax", len(records), b"x") + padded(records) + tar(sample("a", PICTURE, "fox"))
    rows, _ = read(content)
    assert len(rows) >= 1


def test_rows_conserve_samples_over_many_batches(tmp_path):
    num = 2 * MAX_ROWS + 7
    pairs = [(f"{i:05d}", b"picture %d" % i, f"caption {i}") for i in range(num)]
    write_tar(tmp_path / "s.tar", pairs)
    batches = list(open_shard(str(tmp_path / "s.tar"), Limits()))
    assert max(len(b) for b in batches) <= MAX_ROWS
    rows = pa.Table.from_batches(batches, SAMPLES)
    assert rows["row"].to_pylist() == list(range(num))
    assert list(zip(*(rows[n].to_pylist() for n in ("key", "image", "caption")), strict=True)) == pairs
    order = list(reversed(range(num)))
    again = read_images(str(tmp_path / "s.tar"), rows["offset"].take(order), rows["length"].take(order))
    assert again == [pairs[i][1] for i in order]


def test_a_tar_that_is_not_there(tmp_path):
    with pytest.raises(ShardError, match="cannot be opened"):
        list(TarShard(str(tmp_path / "none.tar"), Limits()))
    with pytest.raises(ShardError, match="cannot be opened"):
        list(TarShard(str(tmp_path), Limits()))


def test_any_flipped_byte_gives_rows_and_no_exception(read):
    content = bytearray(tar([*sample("a", PICTURE, "fox"), *sample("b", PICTURE, "hare")]))
    for position in range(0, len(content), 61):
        before = content[position]
        content[position] ^= 0xA5
        rows, _ = read(bytes(content))
        assert rows
        content[position] = before


def test_stdlib_agrees_on_every_member(tmp_path):
    write_tar(tmp_path / "s.tar", [(f"{i}", jpeg(i, 40 + i, 40), f"picture {i}") for i in range(5)])
    with tarfile.open(tmp_path / "s.tar") as reference:
        expected = {m.name: (m.offset_data, m.size) for m in reference if m.name.endswith(".jpg")}
    rows = [r for b in TarShard(str(tmp_path / "s.tar"), Limits()) for r in b.to_pylist()]
    assert {r["key"] + ".jpg": (r["offset"], r["length"]) for r in rows} == expected
