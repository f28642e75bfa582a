"""The shared reader on real signs: what it reads and where, one engine for all, made anew without a difference."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifiers import text_reader
from classifiers.text_reader import TextReader, from_top_left, lay_out_models, open_picture
from demo import signs
from recaption.evidence import OcrConfig, OcrEvidence
from sieveline.draws import generator


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


def sign(text: str, size: tuple[int, int] = (640, 360), at: tuple[int, int] = (40, 120)) -> tuple[Image.Image, tuple]:
    """Dark text on a pale ground, and the box of its ink."""
    from PIL import ImageDraw, ImageFont

    picture = Image.new("RGB", size, (240, 240, 230))
    font = ImageFont.truetype(str(signs.latin_fonts()[0]), 48)
    draw = ImageDraw.Draw(picture)
    draw.text(at, text, fill=(20, 20, 90), font=font)
    return picture, draw.textbbox(at, text, font=font)


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def test_text_score_and_place(reader):
    picture, (x1, y1, x2, y2) = sign("Lima Airport")
    [line] = reader.read(np.asarray(picture))
    assert line.text == "Lima Airport"
    assert line.score > 0.95
    assert line.polygon.dtype == np.float32
    left, top = line.polygon.min(0)
    right, bottom = line.polygon.max(0)
    assert abs(left - x1) < 12
    assert abs(right - x2) < 12
    assert top <= y1 + 6
    assert bottom >= y2 - 6
    assert (line.polygon[0] == [left, top]).all()


def test_nothing_is_read_where_nothing_is_written(reader):
    assert reader.read(np.full((360, 640, 3), 230, np.uint8)) == []


def test_small_type_on_a_large_picture_is_read_from_the_picture_and_not_from_what_the_detector_saw(reader):
    picture, _ = sign("Gate 42 closes", (1920, 1080))
    wide, narrow = TextReader(detect_side=960), TextReader(detect_side=64)
    assert [line.text for line in wide.read(np.asarray(picture))] == ["Gate 42 closes"]
    assert narrow.read(np.asarray(picture)) == []  # two pixels high


def test_one_engine_serves_every_reader_of_the_process(reader):
    picture, _ = sign("Lima Airport")
    reader.read(np.asarray(picture))
    engine = text_reader._SHARED._engine
    assert [line.text for line in text_reader.TextReader(detect_side=640).read(np.asarray(picture))] == ["Lima Airport"]
    assert text_reader._SHARED._engine is engine
    evidence = OcrEvidence(OcrConfig(max_side=640))  # wants less memory: an engine of its own, in the other's place
    assert evidence.read(encoded(picture)) == ["Lima Airport"]
    assert text_reader._SHARED._engine is not engine


def test_a_recycled_engine_reads_the_same(reader, monkeypatch):
    picture, _ = sign("Lima Airport")
    first = [(line.text, line.score, line.polygon.tolist()) for line in reader.read(np.asarray(picture))]
    engine = text_reader._SHARED._engine
    monkeypatch.setattr(text_reader, "RECYCLE_AFTER", 1)
    assert [(line.text, line.score, line.polygon.tolist()) for line in reader.read(np.asarray(picture))] == first
    assert text_reader._SHARED._engine is not engine


def test_chinese_is_read_where_a_font_is_installed(reader):
    if not signs.chinese_fonts():
        pytest.skip("no Chinese font is installed")
    from PIL import ImageDraw, ImageFont

    picture = Image.new("RGB", (640, 360), "white")
    font = ImageFont.truetype(str(signs.chinese_fonts()[0]), 64)
    ImageDraw.Draw(picture).text((60, 120), "人民银行", fill="black", font=font)
    assert [line.text for line in reader.read(np.asarray(picture))] == ["人民银行"]


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("way", [1, -1])
def test_corners_begin_at_the_top_left_and_go_clockwise(start, way):
    wanted = np.array([[10, 20], [90, 22], [88, 60], [8, 58]])
    given = np.roll(wanted, start, 0)[::way]
    assert (from_top_left(given) == wanted).all()


def test_a_picture_is_opened_upright_and_no_larger_than_asked(reader):
    picture, _ = sign("Lima Airport", (1280, 720))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    opened = open_picture(encoded(picture.rotate(90, expand=True), "JPEG", exif=exif, quality=90), 640)
    assert opened is not None
    assert opened.rgb.shape == (360, 640, 3)
    assert (opened.width, opened.height, opened.turned) == (1280, 720, True)
    assert [line.text for line in reader.read(opened.rgb)] == ["Lima Airport"]
    plain = open_picture(encoded(picture), 4000)
    assert plain is not None
    assert (plain.rgb.shape, plain.turned) == ((720, 1280, 3), False)


def test_what_is_no_picture_is_none():
    rng = generator(0, "noise")
    whole = encoded(sign("Lima Airport")[0], "JPEG")
    for data in (b"", b"no image", rng.bytes(500), whole[: len(whole) // 8]):
        assert open_picture(data, 960) is None


def test_the_models_are_laid_out_once(tmp_path: Path):
    folder = lay_out_models(tmp_path)
    times = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    assert lay_out_models(tmp_path) == folder
    assert times == {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    assert sorted(p.name for p in tmp_path.iterdir()) == [folder.name]


@pytest.mark.parametrize("shape", [(1, 1), (1, 1900), (1900, 1), (5, 5), (40, 3), (31, 33)])
def test_pictures_of_any_shape_are_read(reader, shape):
    rgb = generator(0, "shape", *shape).integers(0, 255, (*shape, 3), dtype=np.uint8)
    assert reader.read(rgb) == []
