"""The map of where a picture looks written on, and the stage that drops what does not: on pictures with and without signs."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from scenes import scene

from classifiers.text_density import CELL, SIDE, network_input, text_map
from demo import signs
from ocr_synth.scene import density
from ocr_synth.stages.text_density import LEDGER, MEASURED, Measuring, TextDensity, decide
from ocr_synth.stages.text_density import __doc__ as page
from sieveline.draws import generator
from sieveline.errors import ConfigError
from sieveline.schema import SAMPLES, documented, sample_id


def jpeg(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=92)
    return file.getvalue()


def samples(images: list[bytes | None], flaws: list[str | None] | None = None) -> pa.RecordBatch:
    rows = [
        dict.fromkeys(SAMPLES.names) | {"row": i, "key": str(i), "image": image, "caption": "a sign", "flaw": flaw}
        for i, (image, flaw) in enumerate(zip(images, flaws or [None] * len(images), strict=True))
    ]
    return pa.RecordBatch.from_pylist(rows, SAMPLES)


def test_signs_pass_and_scenes_without_a_letter_mostly_do_not():
    bare = [scene(seed, 640, 480) for seed in range(24)]
    written = [
        signs.write_signs(rgb, generator(0, "test-density", i), most=1, sizes=(0.05, 0.1))[0] for i, rgb in enumerate(bare)
    ]
    columns = density.measure(samples([jpeg(rgb) for rgb in [*bare, *written]]), Measuring())
    reasons = decide(columns, TextDensity())["reason"].to_pylist()
    assert reasons[:24].count("low_text_density") >= 18
    assert reasons[24:].count(None) >= 23


def test_the_map_lies_on_the_picture():
    blank = np.full((480, 640, 3), 200, np.uint8)
    assert text_map(jpeg(blank)).max() < 0.1
    picture = Image.fromarray(blank)
    from PIL import ImageDraw, ImageFont

    font = ImageFont.truetype(str(signs.latin_fonts()[0]), 40)
    ImageDraw.Draw(picture).text((380, 330), "Way out", fill=(10, 10, 60), font=font)
    found = text_map(jpeg(np.asarray(picture)))
    assert found.shape == (384 // CELL, 512 // CELL)
    y, x = np.unravel_index(found.argmax(), found.shape)
    scale = 640 / SIDE
    assert 370 <= (x + 0.5) * CELL * scale <= 560
    assert 320 <= (y + 0.5) * CELL * scale <= 390
    assert found[: found.shape[0] // 2].max() < 0.3


@pytest.mark.parametrize(("height", "width"), [(100, 300), (16, 16), (1, 1), (3000, 40), (513, 512)])
def test_any_size_fits_the_network(height, width):
    x = network_input(np.zeros((height, width, 3), np.uint8))
    assert x.dtype == np.float32
    assert x.shape[2] % CELL == x.shape[3] % CELL == 0
    assert max(x.shape[2:]) <= SIDE + CELL
    assert text_map(jpeg(np.zeros((height, width, 3), np.uint8))).shape == (x.shape[2] // CELL, x.shape[3] // CELL)


def test_rows_do_not_depend_on_their_neighbours_and_bad_ones_stay_rows():
    images = [jpeg(scene(seed)) for seed in range(3)] + [b"none", None, jpeg(scene(4))[:300]]
    together = density.measure(samples(images), Measuring())
    assert together.schema == MEASURED
    for i, image in enumerate(images):
        assert density.measure(samples([image]), Measuring()).to_pylist() == together.slice(i, 1).to_pylist()
    assert together["decodes"].to_pylist() == [True, True, True, False, None, False]
    assert together["sample_id"].to_pylist()[0] == sample_id(images[0], "a sign")


def test_verdicts_in_order():
    images = [jpeg(scene(0)), None, b"none", jpeg(scene(1)), jpeg(scene(2))]
    columns = density.measure(samples(images, [None, "missing_image", None, "missing_caption", "truncated"]), Measuring())
    verdicts = decide(columns, TextDensity(min_peak=None))
    assert verdicts["reason"].to_pylist() == [None, "missing_image", "undecodable", None, "truncated"]
    peak = columns["text_peak"].to_pylist()[0]
    at = decide(columns, TextDensity(min_peak=round(peak, 4)))
    above = decide(columns, TextDensity(min_peak=round(peak + 0.0001, 4)))
    assert (at["reason"].to_pylist()[0], above["reason"].to_pylist()[0]) == (None, "low_text_density")
    assert above["value"].to_pylist()[0] == pytest.approx(peak)
    with pytest.raises(ConfigError, match="min_peak"):
        TextDensity(min_peak=2.0)


def test_the_page_names_every_column():
    assert set(documented(page)) == {"sample_id", "flaw", *LEDGER.names} == set(MEASURED.names)
