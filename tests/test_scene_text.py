"""Scene text: each rule by itself and in order, lines and pictures; reading order, script and height; the judge on real signs."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from classifiers.text_reader import TextReader
from demo import signs
from ocr_synth.scene import reading
from ocr_synth.stages.scene_text import LEDGER, MEASURED, Measuring, SceneText, decide
from ocr_synth.stages.scene_text import __doc__ as page
from sieveline.draws import generator
from sieveline.errors import ConfigError
from sieveline.schema import documented

BOX = [0.0, 0.0, 90.0, 0.0, 90.0, 30.0, 0.0, 30.0]
OFF = SceneText(min_score=None, min_line_height=None, max_line_share=None, min_characters=None)


def columns(*pictures: list[tuple[str, float, float, str]] | None) -> pa.Table:
    """Pictures of 400 x 300 as lists of (text, score, height, script); None does not decode."""
    rows = []
    for lines in pictures:
        if lines is None:
            rows.append(dict.fromkeys(MEASURED.names))
            continue
        texts, scores, heights, scripts = zip(*lines, strict=True) if lines else ((), (), (), ())
        rows.append(
            {"width": 400, "height": 300, "turned": False, "num_lines": len(lines), "best_score": max(scores, default=None)}
            | {"texts": texts, "scores": scores, "line_heights": heights, "scripts": scripts, "polygons": [BOX] * len(lines)}
        )
    return pa.Table.from_pylist(rows, MEASURED)


def verdict(config: SceneText, *lines: tuple[str, float, float, str]) -> tuple[str | None, list[bool]]:
    verdicts, valid = decide(columns(list(lines)), config)
    return verdicts["reason"].to_pylist()[0], valid.to_pylist()[0]


GOOD = ("Exit", 0.99, 30.0, "Latin")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (("Exit", 0.7999, 30.0, "Latin"), "text_score"),
        (("Exit", 0.99, 9.9, "Latin"), "text_size"),
        (("Exit", 0.99, 150.1, "Latin"), "text_fills"),
        (("O", 0.99, 30.0, "Latin"), "text_length"),
        (("...!", 0.99, 30.0, "Common"), "text_length"),
    ],
)
def test_a_line_that_breaks_a_rule_is_not_valid_and_alone_drops_its_picture(line, reason):
    assert verdict(SceneText(), line) == (reason, [False])
    assert verdict(SceneText(), line, GOOD) == (None, [False, True])
    assert verdict(OFF, line) == (None, [True])


def test_a_value_equal_to_its_threshold_passes():
    assert verdict(SceneText(), ("ab", 0.8, 10.0, "Latin")) == (None, [True])
    assert verdict(SceneText(), ("ab", 0.8, 150.0, "Latin")) == (None, [True])


def test_scripts_that_are_kept():
    config = SceneText(scripts=("Han", "Hiragana"))
    assert verdict(config, GOOD) == ("text_script", [False])
    assert verdict(config, GOOD, ("银行", 0.9, 30.0, "Han")) == (None, [False, True])
    assert verdict(config, ("42.50", 0.9, 30.0, "Common")) == (None, [True])
    with pytest.raises(ConfigError, match="no script Klingon; there are Latin, Han"):
        SceneText(scripts=("Klingon",))
    with pytest.raises(ConfigError, match="None turns the rule off"):
        SceneText(scripts=())


def test_pictures_without_lines_with_few_and_with_many():
    assert verdict(SceneText()) == ("no_text", [])
    assert verdict(SceneText(min_lines=2), GOOD, ("Exit", 0.1, 30.0, "Latin")) == ("few_lines", [True, False])
    assert verdict(SceneText(max_lines=2), GOOD, GOOD, GOOD)[0] == "many_lines"
    verdicts, valid = decide(columns(None), SceneText())
    assert verdicts["reason"].to_pylist() == ["undecodable"]
    assert valid.to_pylist() == [None]


def test_rows_do_not_mix_and_the_value_is_the_best_of_those_left():
    table = columns(
        [("Exit", 0.5, 30.0, "Latin"), ("Way", 0.7, 30.0, "Latin")],
        [],
        None,
        [GOOD],
        [("Exit", 0.9, 4.0, "Latin"), ("Way", 0.3, 99.0, "Latin"), ("Out", 0.9, 6.0, "Latin")],
    )
    verdicts, valid = decide(table, SceneText())
    assert verdicts["reason"].to_pylist() == ["text_score", "no_text", "undecodable", None, "text_size"]
    assert verdicts["value"].to_pylist() == [pytest.approx(0.7), None, None, None, pytest.approx(6.0)]
    assert verdicts["threshold"].to_pylist() == [0.8, None, None, None, 10.0]
    assert valid.to_pylist() == [[False, False], [], None, [True], [False, False, False]]
    for i in range(table.num_rows):
        alone, flags = decide(table.slice(i, 1), SceneText())
        assert alone.to_pylist() == verdicts.slice(i, 1).to_pylist()
        assert flags.to_pylist() == [valid.to_pylist()[i]]


def test_thresholds_out_of_range_are_refused():
    for make in (
        lambda: SceneText(min_score=1.5),
        lambda: SceneText(min_lines=0),
        lambda: SceneText(max_line_share=0.0),
        lambda: Measuring(detect_side=2000, max_side=1000),
        lambda: Measuring(max_lines=0),
    ):
        with pytest.raises(ConfigError, match="scene_text"):
            make()


def test_the_page_names_every_column():
    assert list(documented(page)) == LEDGER.names


def test_rows_are_read_from_the_top_and_each_from_the_left():
    def box(x: float, y: float, width: float = 80, height: float = 20) -> np.ndarray:
        return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)

    lines = [box(200, 12), box(0, 40), box(10, 10), box(150, 44), box(300, 8)]
    assert reading.reading_order(lines) == [2, 0, 4, 1, 3]
    assert reading.reading_order([box(0, 0, 40, 100), box(60, 10), box(60, 60)]) == [1, 0, 2]  # a tall one is no row for others
    assert reading.reading_order([]) == []


def test_height_is_across_the_writing_whichever_way_it_runs():
    flat = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], float)
    turn = np.array([[0, 1], [-1, 0]], float)
    assert reading.line_height(flat) == reading.line_height(flat @ turn) == 20.0


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Exit 12", "Latin"),
        ("12.50", "Common"),
        ("银行bank银行行", "Han"),
        ("お手洗いは", "Hiragana"),
        ("Ω", "Greek"),
        ("ᚠᚢ", "Unknown"),
    ],
)
def test_script_of(text, script):
    assert reading.script_of(text) == script


def png(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def test_signs_on_pictures_are_read_where_they_stand_alone_and_among_others():
    reader = TextReader()
    rng = generator(0, "test-scene")
    grounds = [np.full((420, 560, 3), (int(90 + 40 * i), 120, 150), np.uint8) for i in range(3)]
    made = [signs.write_signs(ground, rng, most=1, sizes=(0.05, 0.06)) for ground in grounds]
    assert all(written for _, written in made)
    images = [png(rgb) for rgb, _ in made] + [b"none", png(grounds[0])]
    batch = reading.measure(images, reader, Measuring())
    assert batch.schema == MEASURED
    rows = batch.to_pylist()
    for (_, written), row in zip(made, rows, strict=False):
        assert (row["width"], row["height"]) == (560, 420)
        assert len(row["texts"]) == row["num_lines"] > 0
        middles = np.array(row["polygons"]).reshape(-1, 4, 2).mean(1)
        right = 0
        for line in written:
            nearest = np.abs(middles - line.polygon.mean(0)).max(1).argmin()
            assert np.abs(middles[nearest] - line.polygon.mean(0)).max() < 12
            right += row["texts"][nearest].replace(" ", "") == line.text.replace(" ", "")
        assert right >= len(written) - 1
    assert rows[3] == dict.fromkeys(MEASURED.names)
    assert (rows[4]["num_lines"], rows[4]["texts"], rows[4]["best_score"]) == (0, [], None)
    assert reading.measure(images[1:2], reader, Measuring()).to_pylist() == rows[1:2]
