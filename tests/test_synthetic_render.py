"""Documents: pure functions of seed and index, legible, whole, and what their labels say."""

import dataclasses

import cv2
import numpy as np
import pytest
import simplejpeg
from synthetic_sources import languages_here, source, system_fonts

from ocr_synth.stages import render as stage
from ocr_synth.synthetic import render
from ocr_synth.synthetic.colour import contrast, draw_palette, legible, worst_contrast
from ocr_synth.synthetic.degrade import motion_kernel
from ocr_synth.synthetic.documents import BUILD, kinds
from ocr_synth.synthetic.fonts import Catalogue
from ocr_synth.synthetic.labels import Labels
from ocr_synth.synthetic.render import Document, NotRenderedError, Renderer
from ocr_synth.synthetic.sampling import Degrade, Kinds, Paper, Sampling, Sign, Text, Warp
from sieveline.draws import generator
from sieveline.errors import ConfigError
from sieveline.reasons import Reason

STRONG = Warp(flat_share=0, rotation=(3, 8), perspective=(0.03, 0.1), curl_share=1, elastic_share=1, turned_share=0.3)


def only(kind: str, **parts) -> Sampling:
    weights = {f.name: float(f.name == f"{kind}_weight") for f in dataclasses.fields(Kinds)}
    return Sampling(kinds=Kinds(**weights), **parts)


def documents(language: str, number: int, sampling: Sampling | None = None, seed: int = 0) -> list[Document]:
    if language not in languages_here():
        pytest.skip(f"no font here draws {language}")
    renderer = Renderer(source(language), system_fonts(), (), sampling or Sampling(), seed)
    return [renderer.render(index) for index in range(number)]


def test_a_document_is_a_pure_function_of_seed_and_index():
    first = documents("en", 4)
    renderer = Renderer(source("en"), Catalogue(), (), Sampling(), 0)
    again = [renderer.render(index) for index in (3, 0, 2, 1)]
    assert [first[i] for i in (3, 0, 2, 1)] == again
    assert all(a.image != b.image for a, b in zip(first, documents("en", 4, seed=1), strict=True))
    assert len({d.image for d in first}) == 4


def test_a_clean_render_has_the_same_text_in_the_same_lines():
    renderer = Renderer(source("en"), system_fonts(), (), Sampling(), 2)
    for index in range(6):
        worn, clean = renderer.render(index), renderer.render(index, clean=True)
        assert clean.labels.text == worn.labels.text
        assert [line.text for line in clean.labels.lines] == [line.text for line in worn.labels.lines]
        assert clean.effects == ()


@pytest.mark.parametrize("kind", sorted(BUILD))
def test_every_kind_is_made_of_its_text(kind):
    language = {"vertical": "ja", "code": "code"}.get(kind, "en")
    for document in documents(language, 3, only(kind)):
        labels = document.labels
        assert document.kind == kind
        assert labels.lines
        assert document.width * document.height < 4_000_000
        joined = "".join(labels.text.split())
        for line in labels.lines:
            assert "".join(line.text.split()) in joined
            assert "".join(w.text for w in line.words) == "".join(line.text.split())
        if kind == "vertical":
            assert all(line.style["vertical"] for line in labels.lines)


def test_lines_of_labels_are_the_text_in_reading_order():
    """What is asked for in transcriptions is what the lines hold, once and in order, but for where lines were joined."""
    for language in languages_here():
        for document in documents(language, 5):
            for number, block in enumerate(document.labels.blocks):
                lines = "".join(line.text for line in document.labels.lines if line.block == number)
                if block.role != "table":  # rows of cells of several lines interleave there
                    assert "".join(lines.split()) == "".join(block.text.split())
                else:
                    assert sorted("".join(lines.split())) == sorted("".join(block.text.split()))


def test_polygons_stay_inside_the_picture_and_hold_ink():
    for language in languages_here():
        for document in documents(language, 4):
            picture = simplejpeg.decode_jpeg(document.image, "GRAY")[..., 0].astype(float)
            assert picture.shape == (document.height, document.width)
            for line in document.labels.lines:
                points = np.array(line.polygon)
                assert points.min() >= 0
                assert (points <= (document.width, document.height)).all()
                (left, top), (right, bottom) = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int)
                assert picture[top:bottom, left:right].std() > 3, "nothing stands out where a line should be"


def test_contrast_is_enforced_on_every_paper():
    for number in range(300):
        sampling = Sampling()
        palette = draw_palette(generator(number, "palette"), sampling)
        for ink in (palette.ink, palette.accent):
            assert worst_contrast(ink, palette.paper, palette.texture, palette.fade) >= sampling.text.min_contrast - 0.6
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)
    assert contrast(legible(generator(0, "x"), (250, 250, 250), 7.0, colourful=True), (250, 250, 250)) >= 7


def test_signs_on_pictures_are_legible_whatever_the_picture():
    for document in documents("en", 25, only("sign")):
        assert document.contrast >= 3.9


@pytest.mark.parametrize("kind", ["sign", "line"])
def test_letters_are_not_mirrored_at_an_edge(kind, monkeypatch):
    """What an edge mirrors must not hold letters, which no label would know: all ink on white lies in the polygons."""
    paper = Paper(white_share=1.0, texture=(0, 0), stain_share=0.0, fade=(0, 0))
    worn = Degrade(clean_share=1.0, thicken_share=0, thin_share=0)
    sampling = only(kind, warp=STRONG, sign=Sign(plate_share=0.0), degrade=worn, paper=paper, text=Text(min_contrast=9))
    renderer = Renderer(source("en"), system_fonts(), (), sampling, 3)
    monkeypatch.setattr(renderer, "_backdrop", lambda rng, width, height: np.full((height, width, 3), 255, np.uint8))
    monkeypatch.setattr(render, "_drop_shadow", lambda behind, *rest: behind)
    for index in range(25):
        document = renderer.render(index)
        ink = simplejpeg.decode_jpeg(document.image, "GRAY")[..., 0] < 130
        held = np.zeros(ink.shape, np.uint8)
        for line in document.labels.lines:
            cv2.fillPoly(held, [np.round(line.polygon).astype(np.int32)], 1)
        assert ink.sum() > 50
        assert not (ink & (cv2.dilate(held, np.ones((7, 7), np.uint8)) == 0)).any()


def test_a_flat_clean_document_is_drawn_as_it_is_labelled():
    sampling = only("page", warp=Warp(flat_share=1.0), degrade=Degrade(clean_share=1.0, thicken_share=0.0, thin_share=0.0))
    for document in documents("en", 3, sampling):
        assert not any(effect.startswith(("warp", "blur", "noise")) for effect in document.effects)


def test_motion_kernels_are_centred():
    for length, angle in ((3.0, 0.3), (6.0, 1.2), (2.0, 2.9)):
        kernel = motion_kernel(length, angle)
        y, x = np.mgrid[: len(kernel), : len(kernel)] - len(kernel) // 2
        assert kernel.sum() == pytest.approx(1)
        assert abs((kernel * x).sum()) < 1e-6
        assert abs((kernel * y).sum()) < 1e-6


def test_ranges_that_cannot_be_are_refused_by_name():
    with pytest.raises(ConfigError, match=r"warp\.flat_share is 2"):
        Warp(flat_share=2)
    with pytest.raises(ConfigError, match=r"degrade\.blur is \(2, 1\)"):
        Degrade(blur=(2, 1))
    with pytest.raises(ConfigError, match=r"kinds\.page_weight"):
        Kinds(page_weight=-1)
    with pytest.raises(ConfigError, match="every weight"):
        Kinds(**{f.name: 0.0 for f in dataclasses.fields(Kinds)})


def test_kinds_that_a_text_cannot_fill_are_not_drawn():
    assert set(kinds(source("code"), Sampling())) == {"code"}
    assert {"vertical", "code"} & set(kinds(source("en"), Sampling())) == set()
    assert "vertical" in kinds(source("ja"), Sampling())
    with pytest.raises(NotRenderedError, match="allows no kind"):
        Renderer(source("en"), system_fonts(), (), only("vertical"), 0).render(0)


def test_labels_survive_json():
    [document] = documents("ja", 1)
    assert Labels.from_plain(document.labels.plain()) == document.labels


def rows(config: stage.Measuring, text=None, catalogue: Catalogue | None = None):
    return list(stage.documents(text or source("en"), catalogue or system_fonts(), (), config, 0))


def table(made):
    import pyarrow as pa

    return pa.Table.from_pylist([row for _, row in made], stage.MEASURED)


def test_the_stage_makes_rows_with_files_and_decides():
    made = rows(stage.Measuring(documents_per_kilocharacter=20))
    assert len(made) == stage.num_documents(source("en"), stage.Measuring(documents_per_kilocharacter=20)) > 4
    assert all([extension for extension, _ in files] == ["jpg", "json"] for files, _ in made)
    assert stage.decide(table(made), stage.Render())["reason"].null_count == len(made)
    contrasts = table(made)["contrast"].to_pylist()
    middle = sorted(contrasts)[len(contrasts) // 2]
    verdicts = stage.decide(table(made), stage.Render(min_contrast=middle))
    assert verdicts["reason"].to_pylist() == [Reason.LOW_CONTRAST if c < middle else None for c in contrasts]
    assert stage.decide(table(made), stage.Render(min_text_size=1000.0))["reason"].to_pylist() == [Reason.SMALL_TEXT] * len(
        made
    )
    assert stage.decide(table(made), stage.Render(min_characters=10**6))["reason"][0].as_py() == Reason.TEXT_SHORT


def test_what_cannot_be_made_is_one_row_with_its_reason(tmp_path):
    empty = dataclasses.replace(source("en"), passages=())
    made = rows(stage.Measuring(), empty)
    assert [files for files, _ in made] == [[]]
    assert stage.decide(table(made), stage.Render())["reason"].to_pylist() == [Reason.NO_TEXT]
    (tmp_path / "none").mkdir()
    made = rows(stage.Measuring(), None, Catalogue([str(tmp_path / "none")], system=False))
    assert stage.decide(table(made), stage.Render())["reason"].to_pylist() == [Reason.MISSING_GLYPHS]
