"""No tofu: fonts that lie about what they draw are found out, and what no font draws is never in a picture or its label."""

from contextlib import suppress

import numpy as np
import pytest
import uharfbuzz as hb
from synthetic_sources import TEXT, font_file, languages_here, source, system_fonts

from ocr_synth.synthetic.fonts import Catalogue, load
from ocr_synth.synthetic.render import NotRenderedError, Renderer
from ocr_synth.synthetic.sampling import Sampling
from ocr_synth.synthetic.shape import Stack, TofuError, shape
from sieveline.errors import ConfigError

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,;:()-"


def catalogue(tmp_path, **fonts: dict) -> Catalogue:
    for name, arguments in fonts.items():
        font_file(tmp_path / "fonts" / f"{name}.ttf", family=name, **arguments)
    return Catalogue([str(tmp_path / "fonts")], system=False)


def test_a_character_map_is_not_believed(tmp_path):
    found = catalogue(tmp_path, liar={"characters": "abc ", "blank": "x", "boxes": "yz"})
    font = load(found.families[0].faces[0])
    drawn = {c: font.covers(c) for c in "abcxyz d"}
    assert drawn == {"a": True, "b": True, "c": True, "x": False, "y": False, "z": False, " ": True, "d": False}
    assert [f.name for f in found.covering("abc", "en")] == ["liar"]
    assert not found.covering("abx", "en")


def test_emboldened_spaces_stay_empty(tmp_path):
    found = catalogue(tmp_path, plain={"characters": "abc "})
    font = load(found.families[0].faces[0], embolden=0.03)
    assert shape("a b", Stack(font, found, "en", 0.03), 20.0).advance > 0
    assert font.ink(font.hb.get_nominal_glyph(ord(" "))) is None


def test_what_one_font_lacks_another_draws(tmp_path):
    found = catalogue(tmp_path, first={"characters": "abc "}, second={"characters": "abcxyz "})
    first = next(f for f in found.families if f.name == "first").faces[0]
    shaped = shape("ax b", Stack(load(first), found, "en"), 20.0)
    assert {run.font.face.family for run in shaped.runs} == {"first", "second"}
    assert found.fallback("ж", "ru") is None
    with pytest.raises(TofuError, match="U\\+0436"):
        shape("aж", Stack(load(first), found, "en"), 20.0)


def test_passages_that_no_font_draws_are_left_out(tmp_path):
    found = catalogue(tmp_path, ascii={"characters": LETTERS, "boxes": "é"})
    mixed = source("en")
    mixed = type(mixed)("shard", "en", (*mixed.passages, "Le café était fermé ce jour-là.", "Снег идёт."))
    renderer = Renderer(mixed, found, (), Sampling(), 0)
    assert renderer.num_undrawable == 2
    drawn = []
    for index in range(12):
        with suppress(NotRenderedError):  # a currency sign or a list's mark that this font lacks
            drawn.append(renderer.render(index).labels.text)
    assert len(drawn) > 4
    assert not any("é" in text or any("а" <= c <= "я" for c in text) for text in drawn)


def test_no_font_at_all_is_a_reason_not_a_crash(tmp_path):
    (tmp_path / "fonts").mkdir()
    with pytest.raises(NotRenderedError) as error:
        Renderer(source("en"), Catalogue([str(tmp_path / "fonts")], system=False), (), Sampling(), 0).render(0)
    assert error.value.tofu


def test_an_empty_source_is_a_reason_not_a_crash():
    empty = type(source("en"))("shard", "en", ())
    with pytest.raises(NotRenderedError, match="no text") as error:
        Renderer(empty, system_fonts(), (), Sampling(), 0).render(0)
    assert not error.value.tofu


def test_broken_font_files_are_skipped_with_a_reason(tmp_path):
    folder = tmp_path / "fonts"
    good = font_file(folder / "good.ttf", LETTERS)
    data = good.read_bytes()
    (folder / "cut.ttf").write_bytes(data[:200])
    (folder / "noise.otf").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "empty.ttc").write_bytes(b"")
    (folder / "notes.txt").write_text("not a font")
    broken = bytearray(data)
    broken[60:400] = np.random.default_rng(1).bytes(340)
    (folder / "scrambled.ttf").write_bytes(bytes(broken))
    found = Catalogue([str(folder)], system=False)
    assert "Test Face" in {f.name for f in found.families}
    skipped = {path.rsplit("/", 1)[1] for path, _ in found.skipped}
    assert {"cut.ttf", "noise.otf", "empty.ttc"} <= skipped


def test_a_missing_folder_is_named():
    with pytest.raises(ConfigError, match="/no/such/folder"):
        Catalogue(["/no/such/folder"])


def test_the_catalogue_does_not_depend_on_names_of_files(tmp_path):
    font_file(tmp_path / "a" / "x.ttf", "abc")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "other.ttf").write_bytes((tmp_path / "a" / "x.ttf").read_bytes())
    a, b = (Catalogue([str(tmp_path / name)], system=False) for name in "ab")
    assert a.fingerprint == b.fingerprint != Catalogue([str(tmp_path / "a")], system=True).fingerprint


@pytest.mark.parametrize("language", [name for name in TEXT if name != "code"])
def test_system_fonts_draw_every_language_of_the_line(language):
    if language not in languages_here():
        pytest.skip(f"no font here draws {language}: python -m demo.system fonts")
    text = "".join(TEXT[language])
    families = system_fonts().covering("".join(c for c in text if c.isalpha() and not c.isascii()) or text, language)
    assert families


def test_every_character_of_a_label_has_a_glyph_in_its_font_or_in_a_fallback():
    """The last gate once more, from outside: HarfBuzz itself is asked, not our tables."""
    raw: dict[tuple[str, int], hb.Font] = {}
    faces = {family.name: family.nearest(400, False) for family in system_fonts().families}
    for language in languages_here():
        renderer = Renderer(source(language), system_fonts(), (), Sampling(), 5)
        for index in range(6):
            for line in renderer.render(index).labels.lines:
                face = faces[line.style["family"]]
                if (face.path, face.index) not in raw:
                    raw[face.path, face.index] = hb.Font(hb.Face(hb.Blob.from_file_path(face.path), face.index))
                for character in set(line.text) - set(" \u200c\u200d"):
                    if not raw[face.path, face.index].get_nominal_glyph(ord(character)):
                        assert system_fonts().fallback(character, language) is not None
