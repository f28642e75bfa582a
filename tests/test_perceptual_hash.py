"""The hash is the standard one, flat pictures hash stably, and a picture's descriptors do not depend on its neighbours."""

import imagehash
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw
from scenes import scene, shrunk

from classifiers import perceptual_hash
from classifiers.perceptual_hash import CHROMA, DESCRIPTORS, LUMA, PROBES, describe, phash
from sieveline import draws


def test_the_hash_alone_is_the_same():
    pictures = [scene(n) for n in range(5)]
    assert [phash(p) for p in pictures] == describe(pictures)["phash"].to_pylist()


def test_docstring_table_is_the_schema():
    table = [line.split("|")[1:3] for line in perceptual_hash.__doc__.splitlines() if line.startswith("| ")][1:]
    documented = [(name.strip(), kind.strip()) for name, kind in table]
    assert [name for name, _ in documented] == DESCRIPTORS.names
    assert dict(documented)["thumbnail"] == str(DESCRIPTORS.field("thumbnail").type)
    assert len(describe([scene(0)])["probe_phash"].to_pylist()[0]) == len(PROBES)


def test_phash_agrees_with_imagehash():
    pictures = [scene(seed) for seed in range(40)]
    theirs = np.array([int(str(imagehash.phash(Image.fromarray(p))), 16) for p in pictures], np.uint64)
    whole = np.bitwise_count(describe(pictures)["phash"].to_numpy() ^ theirs)
    small = np.bitwise_count(describe([shrunk(p) for p in pictures])["phash"].to_numpy() ^ theirs)
    # Another resampling filter and a shrunk decode: the medians of 64 bits that differ are 0 to 2.
    assert np.median(whole) <= 2
    assert whole.max() <= 6
    assert np.median(small) <= 2
    assert small.max() <= 8


def test_a_row_depends_on_its_own_picture_alone():
    pictures = [scene(seed, 80 + 9 * seed, 64 + 5 * seed) for seed in range(9)]
    together = describe(pictures)
    assert together.schema == DESCRIPTORS
    for i, picture in enumerate(pictures):
        assert together.slice(i, 1).equals(describe([picture]))


def test_no_pictures_give_no_rows():
    assert describe([]).num_rows == 0


def test_flat_pictures_hash_stably_under_compression():
    drawing = Image.new("RGB", (300, 200), "white")
    draw = ImageDraw.Draw(drawing)
    draw.rectangle((0, 0, 300, 66), fill=(20, 60, 160))
    draw.rectangle((0, 134, 300, 200), fill=(200, 30, 30))
    flag = np.asarray(drawing)
    hashes = describe([flag, *(shrunk(flag, quality) for quality in (30, 60, 95))])["phash"].to_numpy()
    assert np.bitwise_count(hashes ^ hashes[0]).max() <= 2
    blank = describe([np.full((70, 90, 3), 255, np.uint8), shrunk(np.full((300, 300, 3), 250, np.uint8), 40)])
    assert len(set(blank["phash"].to_pylist())) == 1


@pytest.mark.parametrize("window", range(len(PROBES)))
def test_a_probe_is_the_hash_of_its_window(window):
    picture = scene(3, 400, 400)
    left, right, top, bottom = (round(400 * share) for share in PROBES[window])
    probe = describe([picture])["probe_phash"].to_pylist()[0][window]
    crop = describe([picture[top:bottom, left:right]])["phash"].to_pylist()[0]
    assert (probe ^ crop).bit_count() <= 4


def test_crops_are_nearer_to_a_probe_than_to_the_whole():
    whole, probed = [], []
    for seed in range(30):
        picture = scene(seed)
        height, width, _ = picture.shape
        left, right, top, bottom = draws.generator(seed, "crop").uniform(0, 0.1, 4)
        crop = picture[int(top * height) : int((1 - bottom) * height), int(left * width) : int((1 - right) * width)]
        rows = describe([shrunk(picture), shrunk(crop)])
        target = rows["phash"].to_pylist()[1]
        whole.append((rows["phash"].to_pylist()[0] ^ target).bit_count())
        probed.append(min((probe ^ target).bit_count() for probe in rows["probe_phash"].to_pylist()[0]))
    assert np.mean(np.array(probed) <= 10) >= 0.85
    assert np.mean(probed) < np.mean(whole) - 3


def test_the_thumbnail_holds_luma_then_chroma():
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[:, 48:] = (255, 0, 0)
    thumbnail = np.frombuffer(describe([picture])["thumbnail"].to_pylist()[0], np.uint8)
    luma = thumbnail[: LUMA * LUMA].reshape(LUMA, LUMA)
    cb, cr = thumbnail[LUMA * LUMA :].reshape(2, CHROMA, CHROMA)
    assert luma[:, 0].max() == 0
    assert abs(int(luma[0, -1]) - 76) <= 1
    assert cb[0, 0] == cr[0, 0] == 128
    assert cr[0, -1] == 255
    assert cb[0, -1] < 90
    assert DESCRIPTORS.field("thumbnail").type == pa.binary(len(thumbnail))
