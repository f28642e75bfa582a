"""The judge and its stage: embeddings do not depend on neighbours, decoding is upright and on white, verdicts follow the score."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from classifiers import alignment
from classifiers.embedded_clip import EmbeddedClip
from classifiers.open_clip_model import OpenClip
from classifiers.rgb import decode_rgb, square
from demo.packages import cache_folder
from sieveline.draws import generator
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.stages.alignment import Alignment, Measuring, decide, measured

CAPTIONS = [
    "a red square",
    "un gato negro",
    "",
    "x" * 5_000,
    "two dogs on a beach",
    "Flag of Chad",
    "写真",
    "a red square",
    "a b c",
]


def picture(seed: int, size: tuple[int, int] = (300, 260)) -> Image.Image:
    """Smooth colours, so that JPEG changes little."""
    small = generator(0, "picture", seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def batch(images: list[bytes | None], captions: list[str | None]) -> pa.RecordBatch:
    return pa.record_batch({"image": pa.array(images, pa.large_binary()), "caption": pa.array(captions, pa.string())})


@pytest.fixture(scope="module")
def model() -> EmbeddedClip:
    return EmbeddedClip(alignment.HEADS, cache_folder())


@pytest.fixture(scope="module")
def images() -> list[bytes]:
    return [encoded(picture(i, (240 + 40 * i, 300)), "PNG" if i % 3 == 0 else "JPEG") for i in range(9)]


def test_embeddings_have_length_one(model, images):
    for rows in (model.embed_images(images), model.embed_texts(CAPTIONS)):
        assert rows.shape == (9, model.dimensions)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_embeddings_are_bit_equal_alone_among_others_in_any_order_and_with_other_threads(model, images):
    threaded = EmbeddedClip(alignment.HEADS, cache_folder(), threads=3)
    order = generator(0, "order").permutation(9)
    for method, samples in (("embed_images", images), ("embed_texts", CAPTIONS)):
        together = getattr(model, method)(samples)
        alone = np.concatenate([getattr(model, method)([sample]) for sample in samples])
        np.testing.assert_array_equal(together, alone)
        np.testing.assert_array_equal(together[order], getattr(model, method)([samples[i] for i in order]))
        np.testing.assert_array_equal(together, getattr(threaded, method)(samples))


def test_texts_of_one_length_do_not_depend_on_their_place_in_a_pass(model):
    texts = [f"{a} {b}" for a in ("red", "blue", "old", "big") for b in ("cat", "dog", "car", "tree", "house")]
    together = model.embed_texts(texts)
    for shift in (1, 3, 7):
        np.testing.assert_array_equal(np.roll(together, shift, 0), model.embed_texts(np.roll(texts, shift).tolist()))


def test_measured_rows_do_not_depend_on_the_batch(model, images):
    whole = alignment.measure(batch(images, CAPTIONS), model)
    assert whole.schema.equals(measured(model.dimensions))
    single = [alignment.measure(batch([i], [c]), model) for i, c in zip(images, CAPTIONS, strict=True)]
    assert pa.Table.from_batches(single).combine_chunks().to_batches()[0].equals(whole)


def test_what_does_not_decode_has_no_score_and_is_undecodable(model, images):
    broken = [images[1], images[1][: len(images[1]) // 2], b"", None, b"GIF89a", images[0][:-200]]
    columns = alignment.measure(batch(broken, ["a picture"] * 6), model)
    assert columns["score"].is_valid().to_pylist() == [True] + [False] * 5
    vectors = columns["image_embedding"].values.to_numpy(zero_copy_only=False).reshape(6, -1)
    assert np.isnan(vectors).all(1).tolist() == [False] + [True] * 5
    assert columns["text_embedding"].null_count == 0
    assert decide(columns, Alignment(min_score=-1.0))["reason"].to_pylist() == [None] + [Reason.UNDECODABLE] * 5


def test_an_empty_batch_measures_to_an_empty_batch(model):
    assert alignment.measure(batch([], []), model).num_rows == 0


def test_the_score_is_the_rounded_cosine_of_the_embeddings(model, images):
    columns = alignment.measure(batch(images, CAPTIONS), model)
    image, text = (
        np.stack(columns[name].to_numpy(zero_copy_only=False)).astype(float) for name in ("image_embedding", "text_embedding")
    )
    np.testing.assert_allclose((image * text).sum(1), columns["score"].to_numpy(), atol=2e-3)


def test_provenance_names_model_and_weights(model):
    said = alignment.provenance(model)
    assert said["model"] == "embedded"
    assert len(said["weights_hash"]) == 32
    assert said["precision"] == "float32"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    stored = picture(3, (640, 480))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, exif=exif, quality=95)
    from PIL import ImageOps

    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    seen = decode_rgb(data, 1_000)
    assert seen is not None
    assert seen.shape == upright.shape
    assert np.abs(seen.astype(int) - upright).mean() < 2


def test_jpegs_are_decoded_shrunk_but_not_below_the_model(images):
    seen = decode_rgb(encoded(picture(1, (2000, 1000))), 224)
    assert seen is not None
    assert seen.shape == (250, 500, 3)
    assert square(seen, 224).shape == (224, 224, 3)


def test_other_modes_and_transparency_come_as_rgb_on_white():
    clear = Image.new("RGBA", (300, 300), (200, 0, 0, 0))
    for kind in ("PNG", "WEBP", "TIFF"):
        seen = decode_rgb(encoded(clear, kind), 224)
        assert seen is not None
        assert (seen == 255).all()
    for mode in ("L", "1", "P", "CMYK", "I;16", "LA"):
        kind = "JPEG" if mode == "CMYK" else "PNG"
        image = Image.new(mode, (64, 32)) if mode != "CMYK" else picture(1, (64, 32)).convert("CMYK")
        seen = decode_rgb(encoded(image, kind), 224)
        assert seen is not None
        assert (seen.shape, seen.dtype) == ((32, 64, 3), np.uint8)


def test_a_decompression_bomb_is_not_decoded():
    assert decode_rgb(encoded(Image.new("1", (20_000, 6_000)), "PNG"), 224) is None


def test_decide_holds_scores_against_the_cut():
    columns = pa.table({"score": pa.array([0.3, 0.2999, None, -0.1, 0.9], pa.float32())})
    verdict = decide(columns, Alignment())
    assert verdict["reason"].to_pylist() == [None, Reason.LOW_ALIGNMENT, Reason.UNDECODABLE, Reason.LOW_ALIGNMENT, None]
    assert verdict["threshold"].to_pylist() == [None, 0.3, None, 0.3, None]
    assert verdict["value"].to_pylist()[3] == pytest.approx(-0.1)
    assert decide(columns, Alignment(min_score=None))["reason"].null_count == 4


@pytest.mark.parametrize("wrong", [{"model": "clip"}, {"precision": "int3"}, {"batch_size": 0}])
def test_wrong_measuring_fields_are_said(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Measuring(**wrong)


def test_wrong_models_are_said_before_any_work():
    for name, said in (
        ("open_clip:NoSuch:x", "ViT-B-32"),
        ("open_clip:ViT-B-32:no.pt", "no.pt"),
        ("open_clip:local-dir:no", "no"),
    ):
        with pytest.raises(ConfigError, match=said):
            alignment.load_model(Measuring(model=name), cache=cache_folder())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> str:
    """A small open_clip architecture with random weights, in open_clip's own folder layout."""
    import open_clip
    import torch

    folder = tmp_path_factory.mktemp("open_clip")
    tower = {"layers": 2, "width": 64}
    config = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 64, "patch_size": 16, "head_width": 32, **tower},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "heads": 2, **tower},
    }
    (folder / "tiny.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder / "tiny.json")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = open_clip.create_model("tiny", pretrained=None)
    torch.save(model.state_dict(), folder / "tiny.pt")
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {"size": 64}}))
    return str(folder)


def test_open_clip_loads_local_checkpoints(checkpoint, images):
    folder = OpenClip(f"local-dir:{checkpoint}", batch_size=4)
    file = OpenClip(f"tiny:{checkpoint}/tiny.pt", batch_size=4)
    assert folder.weights_hash == file.weights_hash
    assert (folder.dimensions, folder.embed_images(images).shape) == (32, (9, 32))


def test_open_clip_scores_do_not_depend_on_neighbours(checkpoint, images):
    model = alignment.load_model(Measuring(model=f"open_clip:tiny:{checkpoint}/tiny.pt", batch_size=4), cache=cache_folder())
    for method, samples in (("embed_images", [*images, b"broken"]), ("embed_texts", CAPTIONS)):
        together = getattr(model, method)(samples)
        alone = np.concatenate([getattr(model, method)([sample]) for sample in samples])
        np.testing.assert_array_equal(together, alone)
        np.testing.assert_array_equal(together[::-1], getattr(model, method)(samples[::-1]))
    columns = alignment.measure(batch([*images, b"broken"], [*CAPTIONS, "a"]), model)
    assert columns["score"].null_count == 1


def test_plain_png_and_webp_decode_to_what_pillow_says_whatever_is_in_them():
    colours = picture(5, (300, 260))
    for image, kind in ((colours, "PNG"), (colours.convert("L"), "PNG"), (colours.quantize(30), "PNG"), (colours, "WEBP")):
        seen = decode_rgb(encoded(image, kind), 224)
        np.testing.assert_array_equal(seen, np.asarray(Image.open(io.BytesIO(encoded(image, kind))).convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_plain_file_that_is_cut_off_or_claims_too_much_does_not_decode(kind):
    whole = encoded(picture(6, (300, 260)), kind)
    for share in (0.1, 0.5, 0.95):
        assert decode_rgb(whole[: int(len(whole) * share)], 224) is None
    if kind == "PNG":
        assert decode_rgb(whole[:16] + (100_000).to_bytes(4, "big") * 2 + whole[24:], 224) is None


def test_a_jpeg_comes_at_a_whole_power_of_two():
    for size, expected in (((2000, 1000), (250, 500, 3)), ((500, 446), (446, 500, 3)), ((500, 448), (224, 250, 3))):
        assert decode_rgb(encoded(picture(1, size)), 224).shape == expected


def test_squeezing_minds_every_pixel_and_turns_no_picture():
    wide = np.zeros((300, 2400, 3), np.uint8)
    wide[:, ::8] = 248  # an eighth of the columns: any that is skipped shows
    assert np.abs(square(wide, 224).astype(int) - 31).max() <= 16
    left = np.zeros((500, 900, 3), np.uint8)
    left[:, :450] = 255
    seen = square(left, 224)
    assert seen[:, :110].min() == 255
    assert seen[:, 114:].max() == 0
    assert square(seen, 224) is seen
