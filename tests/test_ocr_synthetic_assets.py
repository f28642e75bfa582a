"""Synthetic documents in Dagster: what is defined, and one slice of it materialised with its checks."""

import pytest
from line_assets import check_definitions, materialised
from synthetic_sources import TEXT, languages_here

from assets.line import LineSettings
from assets.ocr_synthetic import CHECKS, LINE

CHAIN = {
    "render": ["image_text/training_shards"],
    "truth": ["ocr_synthetic/render"],
    "training_shards": ["ocr_synthetic/truth"],
    "quality_report": ["ocr_synthetic/training_shards"],
}


def test_what_is_defined():
    check_definitions(LINE, "ocr", CHAIN)


def test_a_slice_is_materialised_and_its_checks_pass(tmp_path, monkeypatch):
    if "en" not in languages_here():
        pytest.skip("no font here draws English: python -m demo.system fonts")
    monkeypatch.setenv("SIEVELINE_IMAGE_TEXT_OUTPUT", str(tmp_path / "none"))  # the demo then goes without pictures behind
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "text.txt").write_text("\n\n".join(TEXT["en"] * 8), "utf-8")
    settings = LineSettings(
        name="ocr-synthetic",
        input=str(tmp_path / "en"),
        output=str(tmp_path / "out"),
        recipe="ocr_synth.synthetic.recipes:demo",
        beam="--runner=FnApiRunner --direct_running_mode=in_memory --direct_num_workers=1",
    )
    checks = materialised(LINE, CHECKS, settings)
    assert checks[("render", "conservation")]
    assert checks[("truth", "yield")]
    assert all(checks.values())
    assert (tmp_path / "out" / "report" / "index.html").exists()
