"""One sample's story from the ledgers. A whole line's: `test_line.py`."""

import pyarrow as pa
import pytest

from sieveline import ledger
from sieveline.errors import ConfigError
from sieveline.explain import explain
from sieveline.output import Output
from sieveline.schema import LEDGER

HEX_KEY = "0123456789abcdef" * 2


def put(output: Output, stage: str, shard: str, rows: list[dict], **columns: list) -> None:
    base = [
        {"source_shard": shard, "offset": 512, "length": 9, "reason": None, "value": None, "threshold": None} | r for r in rows
    ]
    table = pa.Table.from_pylist(base, LEDGER)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    ledger.write_table(output.ledger(stage, shard), table, {})


@pytest.fixture
def output(tmp_path) -> Output:
    output = Output(str(tmp_path))
    kept = [
        {"sample_id": "a" * 32, "row": 0, "key": "001", "kept": True},
        {"sample_id": "b" * 32, "row": 1, "key": "deep/er/002", "kept": True},
        {"sample_id": "c" * 32, "row": 2, "key": HEX_KEY, "kept": False, "reason": "aspect", "value": 4.25, "threshold": 3.0},
    ]
    put(output, "heuristics", "x", kept, width=[320, 640, 100], caption=["fox", "f" * 400, None])
    put(output, "heuristics", "y__z", [{"sample_id": "d" * 32, "row": 0, "key": "001", "kept": True}], width=[1], caption=["d"])
    duplicate = {"kept": False, "reason": "near_duplicate", "value": 0.0312, "threshold": 0.08}
    put(output, "duplicates", "x", [kept[0], kept[1] | duplicate], cluster_id=["a", "a"], cluster_size=[2, 2])
    put(output, "alignment", "x", [kept[0]], score=[0.41234567])
    return output


def test_by_key_by_shard_and_by_id(output):
    assert explain(output, "x/001") == explain(output, "a" * 32)
    assert explain(output, "001").count("key '001'") == 2  # in both shards
    assert explain(output, "y__z/001").startswith("d" * 32)
    assert explain(output, "deep/er/002") == explain(output, "x/deep/er/002") == explain(output, "b" * 32)
    assert explain(output, HEX_KEY).startswith("c" * 32)  # a key that looks like an id


def test_a_story_tells_rules_values_thresholds_and_ends_where_the_sample_does(output):
    story = explain(output, HEX_KEY).splitlines()
    assert story[0] == f"{'c' * 32}  key '{HEX_KEY}' in shard x, row 2"
    assert story[1] == "  heuristics  DROPPED: aspect 4.25 against 3"
    assert story[-1].strip() == "width = 100"


def test_cluster_mates_are_told(output):
    assert "cluster: x/001 (survivor)" in explain(output, "b" * 32)
    assert "cluster: x/deep/er/002 (near_duplicate)" in explain(output, "a" * 32)


def test_a_story_that_is_not_over(output):
    story = explain(output, "a" * 32)
    assert "score = 0.4123" in story
    assert story.endswith("  concepts    has not been run on this shard")


def test_long_values_are_cut(output):
    assert max(map(len, explain(output, "b" * 32).splitlines())) < 350


def test_many_samples_of_one_key(output):
    rows = [{"sample_id": f"{i:032x}", "row": i, "key": "same", "kept": True} for i in range(30)]
    put(output, "heuristics", "many", rows)
    assert explain(output, "same").endswith("... and 10 more rows of that name; write SHARD/KEY")


def test_nobody_knows_it(output):
    for sample in ("none", "x/none", "e" * 32, "y/001"):
        with pytest.raises(ConfigError, match="has no sample"):
            explain(output, sample)
