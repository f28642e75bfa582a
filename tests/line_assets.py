"""What the tests of each craft line's assets share: what is defined, and one slice materialised with its checks."""

from collections.abc import Mapping, Sequence

import dagster as dg

from assets import image_text
from assets.line import LineSettings
from assets.line_assets import LineAssets
from assets.schedules import RANGE_END, RANGE_START
from sieveline.schema import LEDGER


def check_definitions(line: LineAssets, group: str, chain: Mapping[str, Sequence[str]]) -> None:
    """Asserts keys, group, partitions and dependencies (`chain`: asset -> keys it reads), and that every ledger column is described."""
    assets = {asset.key.path[-1]: asset for asset in line.assets.values()}
    assert list(assets) == list(chain)
    for name, asset in assets.items():
        assert asset.key.path[0] == line.key
        assert asset.group_names_by_key[asset.key] == group
        assert sorted("/".join(key.path) for key in asset.dependency_keys) == chain[name]
        assert (asset.partitions_def is None) == (name == "quality_report")
    assert line.slices.name != image_text.LINE.slices.name
    for name, asset in line.assets.items():
        if name != "report":
            schema = asset.metadata_by_key[asset.key]["dagster/column_schema"]
            assert len(schema.columns) > len(LEDGER)
            assert all(column.description for column in schema.columns), name


def materialised(line: LineAssets, checks: Sequence[dg.AssetChecksDefinition], settings: LineSettings) -> dict:
    """Materialises the one slice there is; `{(asset, check): passed}`."""
    [name] = [s.name for s in settings.plan()]
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(line.slices.name), [name])
        job = dg.define_asset_job("chosen", selection=[asset.key for asset in line.assets.values()])
        defs = dg.Definitions(
            assets=list(line.assets.values()), asset_checks=checks, jobs=[job], resources={line.key: settings}
        )
        result = defs.resolve_job_def("chosen").execute_in_process(
            instance=instance, tags={RANGE_START: name, RANGE_END: name}, raise_on_error=False
        )
        assert result.success
        return {(e.asset_key.path[-1], e.check_name): e.passed for e in result.get_asset_check_evaluations()}
