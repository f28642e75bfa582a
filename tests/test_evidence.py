"""OCR evidence: the real engine on a rendered sign."""

import io

import pytest
from PIL import Image, ImageDraw, ImageFont

from recaption.evidence import LabelEvidence, OcrConfig, OcrEvidence
from recaption.facts import FactFinder
from recaption.generator import Request
from recaption.verify import Verifier


def sign(*lines: str) -> bytes:
    picture = Image.new("RGB", (640, 360), (240, 240, 230))
    draw = ImageDraw.Draw(picture)
    for i, line in enumerate(lines):
        draw.text((40, 40 + 110 * i), line, fill=(20, 20, 90), font=ImageFont.load_default(48))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def ocr() -> OcrEvidence:
    return OcrEvidence()


def test_text_in_the_image_supports_a_name_and_a_number(ocr: OcrEvidence) -> None:
    finder = FactFinder()
    [facts] = finder.find(["a sign"], ["en"])
    images = [sign("Lima Airport", "GATE 42"), sign(), b"no image"]
    requests = [Request(f"{i:032x}", "a sign", "en", facts, lambda data=data: data) for i, data in enumerate(images)]
    candidates = ["A sign that says Lima Airport, gate 42."] * 3
    measured = Verifier(finder, evidence=[ocr]).measure(requests, candidates)
    assert measured.column("num_new_facts").to_pylist()[0] >= 2
    assert measured.column("num_unsupported").to_pylist()[0] == 0
    assert all(n >= 2 for n in measured.column("num_unsupported").to_pylist()[1:])


def test_an_image_without_text_has_none(ocr: OcrEvidence) -> None:
    assert ocr.read(sign()) == []


def test_a_large_image_is_shrunk(ocr: OcrEvidence) -> None:
    with Image.open(io.BytesIO(sign("Lima Airport"))) as picture:
        buffer = io.BytesIO()
        picture.resize((3200, 1800)).save(buffer, "JPEG")
    assert ocr.read(buffer.getvalue()) == ["Lima Airport"]


def test_labels_support_what_they_name() -> None:
    finder = FactFinder()
    [facts] = finder.find(["a table"], ["en"])
    request = Request("0" * 32, "a table", "en", facts, bytes)
    labels = LabelEvidence({"0" * 32: ["two cups", "dog"]}, "objects")
    [row] = Verifier(finder, evidence=[labels]).measure([request], ["A table with 2 cups and five plates."]).to_pylist()
    assert (row["num_new_facts"], row["num_unsupported"]) == (2, 1)
    assert OcrConfig().threads == 1
