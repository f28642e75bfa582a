"""The truth check: its arithmetic, and that PP-OCRv6 agrees with the labels of undegraded renders."""

import numpy as np
import pyarrow as pa
import pytest
import simplejpeg
from synthetic_sources import languages_here, source, system_fonts

from classifiers.text_reader import TextReader
from ocr_synth.stages import truth as stage
from ocr_synth.synthetic.labels import LabelBlock, LabelLine, Labels
from ocr_synth.synthetic.render import Renderer
from ocr_synth.synthetic.sampling import Sampling
from ocr_synth.synthetic.truth import compare, distance, normalise
from sieveline.errors import ConfigError
from sieveline.reasons import Reason


def box(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def labels(*lines: tuple[str, list], vertical: bool = False) -> Labels:
    made = tuple(LabelLine(text, polygon, (), 0, {"vertical": vertical}) for text, polygon in lines)
    return Labels((LabelBlock("paragraph", "", ""),), made)


def brute(a: str, b: str) -> int:
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if not i or not j:
                rows[i][j] = i + j
            else:
                rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
    return rows[-1][-1]


def test_distance_is_levenshteins():
    rng = np.random.default_rng(0)
    assert distance("kitten", "sitting") == 3
    assert distance("", "abc") == distance("abc", "") == 3
    for _ in range(200):
        a, b = ("".join(rng.choice(list("abc"), rng.integers(0, 12))) for _ in range(2))
        assert distance(a, b) == brute(a, b)


def test_order_and_cutting_of_lines_are_no_errors():
    truth = labels(("left column", box(0, 0, 100, 20)), ("right column", box(200, 0, 300, 20)), ("below", box(0, 30, 50, 50)))
    read = [
        ("right column", np.array(box(199, 0, 301, 21))),
        ("below", np.array(box(0, 29, 51, 51))),
        ("column", np.array(box(45, 0, 101, 21))),
        ("left", np.array(box(0, 1, 40, 20))),
    ]
    assert compare(truth, read).errors == 0
    merged = [("left columnright column", np.array(box(0, 0, 300, 20))), ("below", np.array(box(0, 29, 51, 51)))]
    assert compare(truth, merged).errors == 0


def test_what_is_missed_swapped_or_invented_counts():
    truth = labels(("alpha", box(0, 0, 100, 20)), ("beta", box(0, 40, 100, 60)))
    found = compare(truth, [("beta", np.array(box(0, 0, 100, 20))), ("zz", np.array(box(300, 300, 340, 320)))])
    assert (found.errors, found.characters, found.missed) == (distance("alpha", "beta") + 4 + 2, 9, 1)
    assert compare(truth, []).rate == 1


def test_forms_that_look_alike_are_equal():
    assert normalise("“Ａ－１”  ２０％…") == normalise('"A-1" 20%...')
    assert normalise("l") != normalise("1")


def test_a_share_is_a_share():
    with pytest.raises(ConfigError, match="share"):
        stage.Measuring(share=1.2)


def test_only_languages_that_the_reader_knows_are_dropped_by_it():
    rates = [0.5, 0.5, 0.01, None]
    columns = pa.Table.from_pylist([{"checked": r is not None, "error_rate": r} for r in rates], stage.MEASURED)
    languages = pa.array(["en", "ru", "en", "en"])
    assert stage.decide(columns, languages, stage.Truth())["reason"].null_count == 4
    reasons = stage.decide(columns, languages, stage.Truth(max_error_rate=0.2))["reason"].to_pylist()
    assert reasons == [Reason.READ_WRONG, None, None, None]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_reader_agrees_with_the_labels(language):
    if language not in languages_here():
        pytest.skip(f"no font here draws {language}")
    reader = TextReader()
    renderer = Renderer(source(language), system_fonts(), (), Sampling(), 11)
    errors = characters = 0
    for index in range(5):
        clean = renderer.render(index, clean=True)
        lines = reader.read(simplejpeg.decode_jpeg(clean.image, "RGB"))
        found = compare(clean.labels, [(line.text, line.polygon) for line in lines])
        errors, characters = errors + found.errors, characters + found.characters
    assert characters > 200
    assert errors < 0.03 * characters
