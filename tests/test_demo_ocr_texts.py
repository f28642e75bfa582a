"""The demo's texts: what is taken out of the handbook's pages, and what is said where it cannot be had."""

import shutil

import pytest

from demo import ocr_texts, system
from demo.packages import unpacked

PAGE = """<html><body><nav><ul><li>Next page of the book</li></ul></nav><div class="para">The first
 <em>paragraph</em> of it.</div><h2>A heading of its own</h2><pre>apt install nothing</pre><p>Еще один абзац по-русски.</p>
<div class="para">The first <em>paragraph</em> of it.</div></body></html>"""


def test_paragraphs_of_the_language_are_taken_once_without_listings(tmp_path):
    (tmp_path / "a.html").write_text(PAGE, "utf-8")
    assert ocr_texts.paragraphs(tmp_path, "en") == ["The first paragraph of it.", "A heading of its own"]
    assert ocr_texts.paragraphs(tmp_path, "ru") == ["Еще один абзац по-русски."]


def test_without_the_package_there_is_code_and_a_line_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("SIEVELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    [said] = ocr_texts.build(tmp_path / "texts")
    assert "debian-handbook" in said
    assert sorted(p.name for p in (tmp_path / "texts").iterdir()) == ["code"]
    assert ocr_texts.build(tmp_path / "texts") == []


@pytest.mark.skipif(not unpacked(ocr_texts.PACKAGE).is_dir(), reason="the handbook is not in the cache")
def test_the_handbook_gives_every_language(tmp_path):
    assert ocr_texts.build(tmp_path / "texts") == []
    for language in ocr_texts.LANGUAGES:
        files = sorted((tmp_path / "texts" / language).iterdir())
        assert len(files) == ocr_texts.FILES
        assert all(f.stat().st_size > 50_000 for f in files)


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no Debian")
def test_missing_packages_are_told_from_installed_ones():
    assert system._missing(["dpkg", "no-such-package-at-all"]) == ["no-such-package-at-all"]
