"""Synthetic documents in Dagster: what is defined, and one slice of it materialised with its checks."""

import dagster as dg
import pytest
from synthetic_sources import TEXT, languages_here

from assets import image_text
from assets.line import LineSettings
from assets.ocr_synthetic import CHECKS, LINE
from assets.schedules import RANGE_END, RANGE_START
from sieveline.schema import LEDGER

CHAIN = {
    "render": ["image_text/training_shards"],
    "truth": ["ocr_synthetic/render"],
    "training_shards": ["ocr_synthetic/truth"],
    "quality_report": ["ocr_synthetic/training_shards"],
}


def test_keys_group_and_dependencies():
    assets = {asset.key.path[-1]: asset for asset in LINE.assets.values()}
    assert list(assets) == list(CHAIN)
    for name, asset in assets.items():
        assert asset.key.path[0] == "ocr_synthetic"
        assert asset.group_names_by_key[asset.key] == "ocr"
        assert sorted("/".join(key.path) for key in asset.dependency_keys) == CHAIN[name]
        assert (asset.partitions_def is None) == (name == "quality_report")
    assert LINE.slices.name != image_text.LINE.slices.name


def test_every_ledger_column_has_a_description():
    for name, asset in LINE.assets.items():
        if name != "report":
            schema = asset.metadata_by_key[asset.key]["dagster/column_schema"]
            assert len(schema.columns) > len(LEDGER)
            assert all(column.description for column in schema.columns), name


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
    [name] = [s.name for s in settings.plan()]
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(LINE.slices.name), [name])
        job = dg.define_asset_job("chosen", selection=[asset.key for asset in LINE.assets.values()])
        defs = dg.Definitions(
            assets=list(LINE.assets.values()), asset_checks=CHECKS, jobs=[job], resources={LINE.key: settings}
        )
        result = defs.resolve_job_def("chosen").execute_in_process(
            instance=instance, tags={RANGE_START: name, RANGE_END: name}, raise_on_error=False
        )
        assert result.success
        checks = {(e.asset_key.path[-1], e.check_name): e.passed for e in result.get_asset_check_evaluations()}
    assert checks[("render", "conservation")]
    assert checks[("truth", "yield")]
    assert all(checks.values())
    assert (tmp_path / "out" / "report" / "index.html").exists()
