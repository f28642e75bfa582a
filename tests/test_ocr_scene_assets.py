"""Scene text in Dagster: what is defined, and one slice of it materialised with its checks."""

from line_assets import check_definitions, materialised
from test_ocr_scene import sources

from assets.line import LineSettings
from assets.ocr_scene import CHECKS, LINE

CHAIN = {
    "text_density": ["image_text/training_shards"],
    "scene_text": ["ocr_scene/text_density"],
    "scene_views": ["ocr_scene/scene_text"],
    "training_shards": ["ocr_scene/scene_views"],
    "quality_report": ["ocr_scene/training_shards"],
}


def test_what_is_defined():
    check_definitions(LINE, "ocr", CHAIN)


def test_a_slice_is_materialised_and_its_checks_pass(tmp_path):
    settings = LineSettings(
        name="ocr-scene",
        input=f"{sources(tmp_path / 'in')}/a.tar",
        output=str(tmp_path / "out"),
        recipe="ocr_synth.scene.recipes:demo",
        beam="--runner=FnApiRunner --direct_running_mode=in_memory --direct_num_workers=1",
    )
    checks = materialised(LINE, CHECKS, settings)
    assert checks[("scene_text", "conservation")]
    assert checks[("text_density", "undecodable")]
    assert all(checks.values())
    assert (tmp_path / "out" / "report" / "index.html").exists()
