import io
import json
import tarfile
from collections import Counter, defaultdict

import pyarrow.parquet as pq
import pytest
from PIL import Image

from demo import labels, pool
from demo.labels import LABELS, Defect
from demo.plan import plan
from demo.sources import pool_items

PAIRS = 900


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    assert pool.build(folder, pairs=PAIRS, workers=2) == []
    return folder


@pytest.fixture(scope="module")
def known(built):
    return pq.read_table(built / "truth" / "labels.parquet").to_pylist()


@pytest.fixture(scope="module")
def samples(built):
    """(shard, key) -> {extension: bytes} of what can be read; of a key given twice, the first."""
    found = defaultdict(dict)
    for path in sorted((built / "shards").glob("*.tar")):
        try:
            with tarfile.open(path) as tar:
                for member in tar:
                    key, extension = member.name.rsplit("/", 1)[-1].split(".")
                    found[path.stem, key].setdefault(extension, tar.extractfile(member).read())
        except tarfile.ReadError:
            continue  # the truncated shard ends
    return found


def image_of(sample):
    return next(data for extension, data in sample.items() if extension in ("jpg", "png", "webp"))


def rows(known, *defects):
    return [(label["shard"], label["key"], label) for label in known if label["defect"] in defects]


def test_the_labels_schema_is_its_documentation(known):
    table = [line.split("|")[1:3] for line in labels.__doc__.splitlines() if line.startswith("| ")][1:]
    assert [(name.strip(), kind.strip()) for name, kind in table] == [(f.name, str(f.type)) for f in LABELS]
    assert len(known) == PAIRS + 1  # and the empty shard


def test_about_four_of_ten_rows_are_dirty_and_every_kind_is_there(known):
    counts = Counter(label["defect"] for label in known)
    assert 0.35 < 1 - counts[Defect.CLEAN] / len(known) < 0.45
    # one shard carries one of the structural defects, and this pool has but three
    late = {Defect.UNSAFE_NAME, Defect.CAPTION_ENCODING, Defect.CAPTION_BYTES, Defect.BOMB}
    assert set(Defect) - counts.keys() <= late
    assert len({label["language"] for label in known}) > 4


def test_samples_stand_as_img2dataset_writes_them(known, samples):
    for shard, key, label in rows(known, Defect.CLEAN)[:50]:
        sample = samples[shard, key]
        fields = json.loads(sample["json"])
        assert list(sample)[1:] == ["json", "txt"]
        assert fields["caption"] == sample["txt"].decode() == label["caption"]
        assert key == f"{shard}{label['row']:04d}" == fields["key"]
        assert Image.open(io.BytesIO(image_of(sample))).size == (fields["width"], fields["height"])


def test_planted_defects_are_what_their_labels_say(known, samples):
    formats = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
    for shard, key, label in rows(
        known, Defect.CLEAN, Defect.SMALL, Defect.ASPECT, Defect.WRONG_EXTENSION, Defect.NEAR_DUPLICATE
    ):
        sample = samples[shard, key]
        with Image.open(io.BytesIO(image_of(sample))) as image:
            image.load()
            low, high = sorted(image.size)
            named = next(extension for extension in sample if extension in formats)
            assert (low < 200) == (label["defect"] == Defect.SMALL)
            assert (high > 3 * low) == (label["defect"] == Defect.ASPECT)
            assert (image.format != formats[named]) == (label["defect"] == Defect.WRONG_EXTENSION)
    for shard, key, _ in rows(known, Defect.UNDECODABLE):
        with pytest.raises((OSError, SyntaxError)):
            Image.open(io.BytesIO(image_of(samples[shard, key]))).convert("RGB")


def test_exact_duplicates_are_equal_bytes_under_another_caption(known, samples):
    planted = rows(known, Defect.EXACT_DUPLICATE)
    assert len(planted) == round(0.04 * PAIRS)
    for shard, key, label in planted:
        original = samples[label["of_shard"], label["of_key"]]
        assert image_of(original) == image_of(samples[shard, key])
        assert original["txt"].decode() != label["caption"]


def test_nothing_but_planted_duplicates_repeats_a_picture(known, samples):
    pictures = Counter(image_of(samples[shard, key]) for shard, key, _ in rows(known, Defect.CLEAN, Defect.SWAPPED))
    assert max(pictures.values()) == 1


def test_swapped_captions_are_permuted_among_their_rows_and_none_is_true(known):
    swapped = {(shard, key): label for shard, key, label in rows(known, Defect.SWAPPED)}
    for label in swapped.values():
        giver = swapped[label["of_shard"], label["of_key"]]
        assert label["caption"] == giver["original_caption"]
        assert label["caption"].casefold() != label["original_caption"].casefold()
    assert len({(label["of_shard"], label["of_key"]) for label in swapped.values()}) == len(swapped)


def test_one_shard_ends_inside_its_last_sample_and_one_is_empty(built, known):
    ((shard, key, label),) = rows(known, Defect.TRUNCATED)
    names = []

    def read(tar):
        for member in tar:
            names.append(member.name)
            tar.extractfile(member).read()

    with tarfile.open(built / "shards" / f"{shard}.tar") as tar, pytest.raises(tarfile.ReadError):
        read(tar)
    assert names[-1].startswith(f"{key}.")
    assert label["row"] == pool.TRUNCATED_ROWS - 1
    ((empty, _, _),) = rows(known, Defect.EMPTY_SHARD)
    with tarfile.open(built / "shards" / f"{empty}.tar") as tar:
        assert tar.getnames() == []


def test_some_concepts_are_a_hundred_times_as_frequent_as_others():
    words = Counter()
    for row in plan(pool_items(), [], pairs=4800, seed=0):
        if row.defect is Defect.CLEAN and row.language == "en":
            words.update(set(row.caption.lower().replace(",", " ").split()))
    assert words["flag"] >= 100
    assert sum(n == 1 for n in words.values()) > 500


def test_a_pool_is_the_same_bytes_again_whatever_the_workers(built, tmp_path):
    pool.build(tmp_path, pairs=PAIRS, workers=1)
    for path in [*sorted((built / "shards").iterdir()), built / "truth" / "labels.parquet"]:
        assert path.read_bytes() == (tmp_path / path.relative_to(built)).read_bytes(), path.name
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "shards").iterdir()}
    pool.build(tmp_path, pairs=PAIRS, workers=1)  # is there already
    assert times == {p: p.stat().st_mtime_ns for p in (tmp_path / "shards").iterdir()}
