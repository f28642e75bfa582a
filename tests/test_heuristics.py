"""The heuristics stage: its table of columns, measuring whole batches with every kind of bad row, and deciding by rule order."""

import dataclasses
import io
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from classifiers import heuristics, perceptual_hash
from classifiers.boilerplate import PATTERNS
from sieveline.draws import generator
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.schema import SAMPLES, sample_id
from sieveline.stages import heuristics as stage
from sieveline.stages.heuristics import MEASURED, Heuristics, Measuring, decide
from sieveline.verdicts import VERDICT

GOOD_CAPTION = "a red fox sleeping in the snow beside a birch tree"


def photo(width: int = 400, height: int = 300, *, seed: int = 0, format: str = "JPEG") -> bytes:
    """A picture of smooth colours with sensor noise, above 5 KB."""
    draw = generator(seed, "photo")
    smooth = Image.fromarray(draw.integers(0, 255, (6, 8, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.asarray(smooth, np.float32) + draw.normal(0, 6, (height, width, 3))
    out = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(out, format)
    return out.getvalue()


def batch(rows: Sequence[tuple[bytes | None, str | None, str | None]]) -> pa.RecordBatch:
    """SAMPLES from (image, caption, flaw)."""
    return pa.RecordBatch.from_pylist(
        [
            {
                "row": i,
                "key": f"{i:05}",
                "offset": -1 if image is None else 512 * i,
                "length": len(image or b""),
                "image": image,
                "caption": caption,
                "url": f"https://example.org/{i}",
                "license": "CC0",
                "flaw": flaw,
            }
            for i, (image, caption, flaw) in enumerate(rows)
        ],
        schema=SAMPLES,
    )


def judge(image: bytes | None, caption: str | None = GOOD_CAPTION, flaw: str | None = None, **config) -> dict:
    config = Heuristics(**config)
    return decide(heuristics.measure(batch([(image, caption, flaw)]), config.measuring), config).to_pylist()[0]


def test_the_table_is_the_schema():
    rows = re.findall(r"^\| (\w+) \| (\S+) \|", stage.__doc__ or "", re.MULTILINE)[1:]
    assert rows == [(f.name, str(f.type).replace("item: ", "")) for f in MEASURED]
    for field in perceptual_hash.DESCRIPTORS:
        assert MEASURED.field(field.name).type == field.type


def test_every_kind_of_row_is_measured_in_place():
    jpeg, png = photo(seed=1), photo(seed=2, format="PNG")
    rows = [
        (jpeg, GOOD_CAPTION, None),
        (None, "only a caption came along", Reason.MISSING_IMAGE),
        (png, None, Reason.MISSING_CAPTION),
        (jpeg[:3000], GOOD_CAPTION, None),
        (None, None, Reason.EMPTY_SHARD),
        (b"", "", None),
    ]
    measured = heuristics.measure(batch(rows), Measuring())
    assert measured.schema == MEASURED
    found = measured.to_pylist()
    assert [r["format"] for r in found] == ["jpeg", None, "png", "jpeg", None, None]
    assert [r["width"] for r in found] == [400, None, 400, 400, None, None]
    assert [r["phash"] is not None for r in found] == [True, False, True, False, False, False]
    assert [r["words"] for r in found] == [11, 5, None, 11, None, 0]
    assert found[3]["decode_error"]
    assert found[5]["decode_error"] == "empty file"
    assert [r["sample_id"] for r in found] == [sample_id(i or b"", c or "") for i, c, _ in rows]
    assert found[0]["image_hash"] is not None
    assert len(found[0]["image_hash"]) == 16
    assert found[1]["image_hash"] is None
    assert found[0]["aspect"] == pytest.approx(4 / 3)
    assert found[0]["url"] == "https://example.org/0"
    verdicts = decide(pa.Table.from_batches([measured]), Heuristics())
    assert verdicts.schema == VERDICT
    assert verdicts["reason"].to_pylist() == [
        None,
        "missing_image",
        "missing_caption",
        "image_bytes",  # cut to 3,000 bytes; the order of `Reason` decides
        "empty_shard",
        "image_bytes",
    ]


def test_an_empty_batch_is_measured():
    measured = heuristics.measure(batch([]), Measuring())
    assert measured.schema == MEASURED
    assert decide(measured, Heuristics()).num_rows == 0


def test_a_row_does_not_depend_on_its_neighbours_or_the_slice_it_came_in():
    rows = [(photo(200 + 31 * i, 210 + 17 * i, seed=i), f"picture number {i} of a street", None) for i in range(7)]
    rows[3] = (None, None, Reason.MISSING_IMAGE)
    whole = batch(rows)
    together = heuristics.measure(whole, Measuring())
    for i in range(len(rows)):
        alone = heuristics.measure(whole.slice(i, 1), Measuring())
        assert alone.equals(together.slice(i, 1))


@pytest.mark.parametrize(
    ("reason", "value", "threshold", "image", "caption", "config"),
    [
        (Reason.IMAGE_BYTES, 3000, 5000, photo()[:3000], GOOD_CAPTION, {}),
        (Reason.UNDECODABLE, None, None, photo()[:6000], GOOD_CAPTION, {}),
        (Reason.TOO_MANY_PIXELS, 120_000, 1000, photo(), GOOD_CAPTION, {"measuring": Measuring(max_pixels=1000)}),
        (Reason.MIN_SIDE, 199, 200, photo(400, 199), GOOD_CAPTION, {}),
        (Reason.ASPECT, 4, 3, photo(800, 200), GOOD_CAPTION, {}),
        (Reason.CAPTION_SHORT, 5, 6, photo(), "a fox", {}),
        (Reason.CAPTION_SHORT, 2, 3, photo(), "crimson foxglove", {}),
        (Reason.CAPTION_LONG, 2199, 2000, photo(), "word, then other " * 129 + "endings", {}),
        (Reason.CAPTION_BYTES, 9000, 8192, photo(), "x" * 9000, {}),
        (Reason.BOILERPLATE, 1, 0.6, photo(), "image 1 of 5", {}),
        (Reason.SPECIAL_CHARACTERS, 12 / 17, 0.25, photo(), "*** a >>> b !!! c ???"[:17] + "***", {}),
        (Reason.REPETITION, 0.6, 0.3, photo(), "cheap shoes cheap shoes cheap shoes", {}),
        (Reason.MOJIBAKE, None, 0.2, photo(), "Ã©tÃ© Ã\xa0 la mer", {"max_special_ratio": None}),
        (Reason.MOJIBAKE, 1, 0, photo(), "fish &amp; chips on a plate", {"max_html_entities": 0}),
        (Reason.LANGUAGE, None, 0.5, photo(), "Ein roter Fuchs schläft im Schnee neben einer Birke", {}),
    ],
)
def test_each_rule_speaks_with_its_value(reason, value, threshold, image, caption, config):
    verdict = judge(image, caption, **config)
    assert verdict["reason"] == reason
    assert verdict["threshold"] == threshold
    if reason not in (Reason.CAPTION_LONG, Reason.SPECIAL_CHARACTERS) and value is not None:
        assert verdict["value"] == pytest.approx(value)


def test_solid_colour_is_dropped_and_named_with_its_spread():
    out = io.BytesIO()
    noisy = generator(5, "solid").normal((40, 90, 160), 3, (600, 800, 3)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(out, "JPEG", quality=80)
    verdict = judge(out.getvalue())
    assert verdict["reason"] == Reason.SOLID_COLOUR
    assert verdict["value"] < 10


def test_the_first_reason_in_order_wins_and_flaws_come_first():
    small_and_boilerplate = photo(300, 150), "IMG_2034.JPG"
    assert judge(*small_and_boilerplate)["reason"] == Reason.MIN_SIDE
    assert judge(*small_and_boilerplate, flaw=Reason.DUPLICATE_KEY)["reason"] == Reason.DUPLICATE_KEY
    assert judge(*small_and_boilerplate, min_side=None)["reason"] == Reason.CAPTION_SHORT
    assert judge(*small_and_boilerplate, min_side=None, min_words=None)["reason"] == Reason.BOILERPLATE


def test_none_turns_each_rule_off_and_nothing_is_left():
    config = Heuristics(
        **{f.name: None for f in dataclasses.fields(Heuristics) if f.name not in ("measuring", "min_language_confidence")}
    )
    rows = [(photo(40, 20), "IMG_1.JPG !!!! !!!! !!!!", None), (photo(), "Ã© Ã© Ã© Ã©", None)]
    assert decide(heuristics.measure(batch(rows), config.measuring), config)["reason"].null_count == 2


def test_a_value_at_its_threshold_is_kept():
    assert judge(photo(600, 200))["reason"] is None
    assert judge(photo(), "a red fox", min_characters=9, min_words=3)["reason"] is None


def test_a_language_the_detector_is_not_sure_of_stays():
    measured = heuristics.measure(batch([(photo(), "una pera verde", None)]), Measuring())
    sure = measured["language_confidence"][0].as_py()
    low = Heuristics(languages=("en",), min_language_confidence=max(0.0, sure - 0.01))
    high = Heuristics(languages=("en",), min_language_confidence=min(1.0, sure + 0.01))
    assert measured["language"][0].as_py() != "en"
    assert decide(measured, low)["reason"][0].as_py() == Reason.LANGUAGE
    assert decide(measured, high)["reason"][0].as_py() is None


def test_a_caption_is_cut_between_characters_and_its_id_is_of_the_whole():
    caption = "红" * 5000
    row = heuristics.measure(batch([(photo(), caption, None)]), Measuring(max_caption_bytes=100)).to_pylist()[0]
    assert row["caption"] == "红" * 33
    assert row["caption_bytes"] == 15000
    assert row["sample_id"] == sample_id(photo(), caption)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Measuring(side=8),
        lambda: Measuring(max_pixels=0),
        lambda: Heuristics(max_boilerplate=1.5),
        lambda: Heuristics(max_aspect=0.5),
        lambda: Heuristics(languages=()),
    ],
)
def test_a_wrong_config_is_refused(wrong):
    with pytest.raises(ConfigError, match="heuristics: "):
        wrong()


def test_an_unknown_flaw_is_refused():
    measured = heuristics.measure(batch([(photo(), GOOD_CAPTION, "no such reason")]), Measuring())
    with pytest.raises(ValueError, match="no such reason"):
        decide(measured, Heuristics())


def test_pattern_names_fit_the_docs():
    assert all(re.fullmatch(r"[a-z_]+", name) for name in PATTERNS)
