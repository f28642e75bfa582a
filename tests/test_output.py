"""Counts over an output folder, and which shards had problems."""

import json

import pyarrow as pa
import pytest

from sieveline import ledger, storage
from sieveline.image_text import LINE
from sieveline.output import Output, count_stages, damaged_shards, failed_shards, file_stem, write_stats


@pytest.fixture
def output(tmp_path) -> Output:
    return Output(str(tmp_path))


def put(output: Output, stage: str, shard: str, kept: int, **dropped: int) -> None:
    reasons = [None] * kept + [reason for reason, n in dropped.items() for _ in range(n)]
    table = pa.table({"kept": [r is None for r in reasons], "reason": pa.array(reasons, pa.string())})
    ledger.write_table(output.ledger(stage, shard), table, {"damage": "cut" if shard == "torn" else None})


def test_counts_of_all_shards_and_of_some(output):
    put(output, "heuristics", "a", 3, aspect=2)
    put(output, "heuristics", "b", 1, aspect=1, min_side=4)
    put(output, "duplicates", "a", 3)
    output.add_cost("heuristics", "a", "made", 1.5)
    output.add_cost("heuristics", "a", "made", 0.25)
    output.add_cost("heuristics", "b", "made", 1)
    counts = count_stages(output)
    assert [c.name for c in counts] == list(LINE.names)
    assert counts[0].as_dict() == {
        "name": "heuristics",
        "in": 11,
        "kept": 4,
        "dropped": {"aspect": 3, "min_side": 4},
        "cpu_seconds": 2.75,
    }
    some = count_stages(output, ["a"])
    assert (some[0].num_in, some[0].cpu_seconds, some[1].kept) == (5, 1.75, 3)
    assert count_stages(output, [])[0].num_in == 0


def test_a_ledger_that_loses_a_row_is_an_error(output):
    table = pa.table({"kept": [False], "reason": pa.array([None], pa.string())})
    ledger.write_table(output.ledger("concepts", "a"), table, {})
    with pytest.raises(ValueError, match="concepts: 1 dropped rows carry no reason"):
        count_stages(output)


def test_problems_are_named(output):
    put(output, "heuristics", "torn", 1)
    put(output, "heuristics", "whole", 1)
    storage.publish_bytes(output.failure("alignment", "v1.2"), b"is not there any more")
    assert damaged_shards(output) == {"torn": "cut"}
    assert failed_shards(output) == {"alignment/v1.2": "is not there any more"}


def test_stats(output):
    put(output, "heuristics", "a", 3, aspect=2)
    for number, samples in enumerate((5, 7)):
        marker = {"samples": samples, "bytes": 100}
        storage.publish_bytes(output.shards(f"slice-00000-{number:05d}.tar.json"), json.dumps(marker).encode())
    stats = write_stats(output)
    assert (stats["shards"], stats["samples"], stats["bytes"]) == (2, 12, 200)
    assert json.loads(storage.read_bytes(output.stats)) == stats
    assert stats["stages"][0]["in"] == 5


def test_stems_keep_all_but_the_last_extension():
    assert file_stem("s3://x/ledger/a.b__c.parquet") == "a.b__c"
