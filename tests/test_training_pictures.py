"""Pictures to pixels: the same as Pillow's and the model's processor's, upright, and damage is said."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image
from training_data import picture

from sieveline.draws import generator
from training.buffers import Buffers
from training.pictures import Flaw, cut, decode, image_size, normalise, resize


def drawn(width: int = 61, height: int = 40, channels: int = 3) -> np.ndarray:
    return generator(0, "pixels", width, height).integers(0, 256, (height, width, channels), dtype=np.uint8)


def file_of(pixels: np.ndarray, kind: str, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 85}), ("PNG", {}), ("WEBP", {"quality": 80}), ("WEBP", {"lossless": True}), ("GIF", {}), ("BMP", {})],
    ids=str,
)
def test_every_format_has_pillows_pixels(kind, options):
    data = file_of(drawn(), kind, **options)
    want = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(decode(data), want)
    assert image_size(data) == (61, 40)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1"])
def test_other_modes_become_rgb(mode):
    out = io.BytesIO()
    picture = Image.fromarray(drawn()).convert(mode)
    picture.save(out, "TIFF" if mode == "CMYK" else "PNG")
    assert np.array_equal(decode(out.getvalue()), np.asarray(picture.convert("RGB")))


def test_sixteen_bits_are_cut_to_eight():
    values = np.arange(0, 65_536, 256, dtype=np.uint16).reshape(16, 16) + 77
    data = file_of(values, "PNG")
    assert np.array_equal(decode(data)[..., 0], values >> 8)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_transparency_goes_onto_white(kind):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4] = (255, 0, 0, 255)
    data = file_of(pixels, kind, **({"lossless": True} if kind == "WEBP" else {}))
    got = decode(data)
    assert (got[:4] == (255, 0, 0)).all()
    assert (got[4:] == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_sets_a_picture_upright(kind, orientation):
    """A photo taken with a turned camera is what the stages before have scored upright, so it is trained on upright."""
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = file_of(drawn(), kind, exif=exif)
    want = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    assert np.array_equal(decode(data), np.asarray(want))
    assert image_size(data) == want.size


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_file_cut_short_is_a_flaw(kind):
    data = file_of(drawn(200, 150), kind)
    with pytest.raises(Flaw, match="image_undecodable"):
        decode(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_bytes_gone_bad_are_a_flaw_or_a_picture_and_never_a_crash(kind):
    data = file_of(drawn(90, 70), kind)
    draw = generator(1, "bad", kind)
    flaws = 0
    for _ in range(150):
        bad = bytearray(data)
        for at in draw.integers(0, len(bad), 5):
            bad[at] = int(draw.integers(0, 256))
        for read in (decode, image_size):
            try:
                read(bytes(bad))
            except Flaw:
                flaws += 1
    assert flaws


def test_normalised_pixels_are_those_of_the_models_processor():
    """From file to `pixel_values`, for shrinking, growing and unchanged sizes: 2e-6, that is some roundings of float32."""
    from transformers import Glm4vImageProcessor

    processor = Glm4vImageProcessor(size={"shortest_edge": 112 * 112, "longest_edge": 2 * 28 * 28 * 64})
    for number, size in enumerate([(640, 480), (101, 57), (112, 140), (28, 300)]):
        data = picture(3, number, size=size)[0]
        want = processor(Image.open(io.BytesIO(data)), return_tensors="pt")
        _, down, across = want["image_grid_thw"][0].tolist()
        patches = torch.from_numpy(cut(resize(decode(data), down * 14, across * 14), 14, 2))
        got = normalise(torch.empty(len(patches), 2 * patches.shape[1]), patches)
        torch.testing.assert_close(got, want["pixel_values"], rtol=0, atol=2e-6)


def test_memory_is_used_again_only_when_nobody_holds_it():
    buffers = Buffers(1_000)
    first = torch.from_numpy(buffers.take((10, 20), np.uint8))
    view = first[3:]
    first.fill_(1)
    second = buffers.take((10, 25), np.float32)
    second[:] = 2
    assert int(view.sum()) == 7 * 20
    address = first.data_ptr()
    del first
    assert buffers.take((1,), np.uint8).ctypes.data != address
    del view
    assert buffers.take((1,), np.uint8).ctypes.data == address
    with pytest.raises(ValueError, match="1001 bytes are asked for"):
        buffers.take((1_001,), np.uint8)


def test_workers_may_normalise_and_nothing_changes(tmp_path):
    from test_training_loader import COST, make
    from training_data import write_demo

    from training.loader import Loader
    from training.model import PackedModel, build

    corpus, recipe, encoder = make(tmp_path, write_demo(tmp_path / "shards", samples=40))
    model = PackedModel(build(recipe, encoder.tokenizer), "blocks")
    done = dataclasses.replace(recipe, loading=dataclasses.replace(recipe.loading, patches="float32"))
    sides = [[p for _, _, packs in Loader(corpus, r, encoder, COST) for p in packs] for r in (recipe, done)]
    assert len(sides[0]) > 4
    for raw, ready in zip(*sides, strict=True):
        assert ready.patches.dtype == torch.float32
        assert torch.equal(model._normalise(raw.patches), ready.patches)
        assert torch.equal(model._normalise(ready.patches), ready.patches)
        scaled = (raw.patches.unflatten(1, (3, 1, -1)) * model.scale - model.shift).flatten(1)  # as on a device
        torch.testing.assert_close(scaled, ready.patches, rtol=0, atol=1e-6)
