"""The Dagster side without its UI: what is defined, what a run leaves, what a bad slice does."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from assets.image_text import AUTOMATION, CHECKS, LINE
from assets.line import LineSettings
from assets.schedules import RANGE_END, RANGE_START, missing_ranges
from assets.training import shards
from demo import pool
from sieveline import recipes
from sieveline.gates import Gates
from training.index import find_shards

ASSETS = list(LINE.assets.values())
slices = LINE.slices
CHAIN = {
    "heuristics": [],
    "duplicate_clusters": ["heuristics"],
    "duplicates": ["duplicate_clusters", "heuristics"],
    "alignment": ["duplicates"],
    "concept_counts": ["alignment"],
    "concepts": ["alignment", "concept_counts"],
    "recaption": ["concepts"],
    "training_shards": ["recaption"],
    "quality_report": ["training_shards"],
}
GLOBAL = {"duplicate_clusters", "concept_counts", "quality_report"}


def strict() -> recipes.ImageText:
    """A recipe whose gates no slice passes."""
    return replace(recipes.demo(), gates=Gates(min_yield=0.99, max_yield=None))


@pytest.fixture(scope="module")
def small_pool(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("assets") / "pool"
    pool.build(folder, pairs=100, workers=1)
    return folder


def line(folder: Path, small_pool: Path, recipe: str = "sieveline.recipes:demo") -> LineSettings:
    return LineSettings(
        name="image-text", input=str(small_pool / "shards" / "*.tar"), output=str(folder / "out"), recipe=recipe
    )


def run(resource: LineSettings, instance: dg.DagsterInstance, selection: list[str] | None = None) -> dg.ExecuteInProcessResult:
    names = [s.name for s in resource.plan()]
    instance.add_dynamic_partitions(str(slices.name), names)
    chosen = [a for a in ASSETS if selection is None or a.key.path[-1] in selection]
    tags = {RANGE_START: names[0], RANGE_END: names[-1]}
    job = dg.define_asset_job("chosen", selection=[a.key for a in chosen])
    loaded = dg.Definitions(assets=ASSETS, asset_checks=CHECKS, jobs=[job], resources={LINE.key: resource})
    return loaded.resolve_job_def("chosen").execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def test_keys_groups_dependencies_and_partitions():
    for asset in ASSETS:
        name = asset.key.path[-1]
        spec = next(iter(asset.specs))
        assert asset.key.path[0] == spec.group_name == "image_text"
        assert sorted(d.asset_key.path[-1] for d in spec.deps) == CHAIN[name]
        assert (asset.partitions_def is None) == (name in GLOBAL)
        assert spec.owners
        assert spec.kinds
        assert spec.description
    assert {a.key.path[-1] for a in ASSETS} == set(CHAIN)


def test_every_ledger_column_has_a_description():
    for asset in ASSETS:
        schema = asset.metadata_by_key[asset.key].get("dagster/column_schema")
        if schema:
            assert [c.name for c in schema.columns if not c.description] == []


def test_definitions_load_without_torch_and_beam():
    check = "import sys, assets.definitions as d; d.defs.resolve_job_def('image_text'); "
    check += "print([m for m in ('torch', 'apache_beam', 'transformers', 'open_clip', 'paddleocr') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_schedule_asks_for_bounded_ranges_of_what_is_missing():
    known = [f"slice-{i}" for i in range(7)]
    assert missing_ranges(known, {"slice-2"}, 3) == [("slice-0", "slice-1"), ("slice-3", "slice-5"), ("slice-6", "slice-6")]
    assert missing_ranges(known, set(known), 3) == []


def test_the_sensor_registers_slices_and_the_schedule_wants_them(tmp_path, small_pool):
    resource = line(tmp_path, small_pool)
    resources = {LINE.key: resource}
    with dg.instance_for_test() as instance:
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            asked = AUTOMATION.sensor.evaluate_tick(context).dynamic_partitions_requests[0].partition_keys
        assert asked == [s.name for s in resource.slices()]
        instance.add_dynamic_partitions(str(slices.name), asked)
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            assert "no new shards" in AUTOMATION.sensor.evaluate_tick(context).skip_message
        night = datetime(2026, 1, 2, 2, tzinfo=UTC)
        wanted = AUTOMATION.schedule(dg.build_schedule_context(instance=instance, scheduled_execution_time=night))
        assert [(r.tags[RANGE_START], r.tags[RANGE_END]) for r in wanted] == [(asked[0], asked[-1])]


def test_a_run_materialises_every_slice_with_its_own_report(tmp_path, small_pool):
    resource = line(tmp_path, small_pool)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(resource, instance)
        assert result.success
        events = result.asset_materializations_for_node("image_text__heuristics")
        assert {e.partition for e in events} == {s.name for s in resource.slices()}
        assert len(events[0].metadata["summary"].value) < 1000
        assert "data:image" in events[0].metadata["samples"].value
        assert sum(e.metadata["in"].value for e in events) == 101
        checks = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
        assert checks["conservation"]
        assert {"yield", "undecodable", "duplicates", "score_drift", "whole_shards"} <= set(checks)
        stats = json.loads((tmp_path / "out" / "stats.json").read_text())
        assert stats["samples"] == stats["stages"][-1]["kept"] > 0
        assert (tmp_path / "out" / "report" / "index.html").exists()


def test_a_slice_that_fails_its_gates_is_not_published(tmp_path, small_pool):
    resource = line(tmp_path, small_pool, "test_assets:strict")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(resource, instance)
        assert not result.success
        failed = [e for e in result.all_events if e.is_step_failure]
        assert "not published: yield is" in str(failed[0].event_specific_data)
    assert not list((tmp_path / "out").glob("shards/*.tar"))


def test_settings_of_the_instance_are_valid(tmp_path, monkeypatch):
    shutil.copy(Path(__file__).parent.parent / "assets" / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as instance:
        assert instance.run_monitoring_enabled


def test_training_takes_the_shards_of_every_line_that_has_some(tmp_path):
    outputs = [str(tmp_path / name) for name in ("image_text", "ocr_scene", "gui")]
    with pytest.raises(dg.Failure, match="no training shards"):
        shards(outputs)
    for name in ("image_text", "gui"):
        (tmp_path / name / "shards").mkdir(parents=True)
        (tmp_path / name / "shards" / "slice-00000-00000.tar").write_bytes(b"")
    assert len(find_shards(shards(outputs))) == 2
    assert shards(outputs[:2]) == f"{tmp_path}/image_text/shards/*.tar"
