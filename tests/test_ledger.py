"""Ledgers: counts that conserve, bytes that repeat, metadata beside the rows."""

import itertools

import pyarrow as pa
import pytest

from sieveline import ledger
from sieveline.draws import generator
from sieveline.schema import LEDGER
from sieveline.verdicts import VERDICT


def rows(kept: list[bool], reason: list[str | None]) -> pa.Table:
    return pa.table({"kept": pa.array(kept, pa.bool_()), "reason": pa.array(reason, pa.string())})


def test_counts_conserve():
    count = ledger.StageCount("heuristics")
    count.add(rows([True, False, False], [None, "aspect", "min_side"]))
    count.add(rows([False, True], ["aspect", "unchanged"]))  # kept with a reason, as recaptioning does
    count.check()
    assert count.as_dict() == {
        "name": "heuristics",
        "in": 5,
        "kept": 2,
        "dropped": {"aspect": 2, "min_side": 1},
        "cpu_seconds": 0.0,
    }
    count.add(rows([], []))
    count.check()


def test_a_row_dropped_without_a_reason_is_an_error():
    count = ledger.StageCount("x")
    count.add(rows([True, False], [None, None]))
    with pytest.raises(ValueError, match="1 dropped rows carry no reason"):
        count.check()


def test_counts_that_do_not_add_up_are_an_error():
    with pytest.raises(ValueError, match="3 in, 1 kept, 0 dropped"):
        ledger.StageCount("x", 3, 1).check()


def test_a_table_and_its_metadata(tmp_path):
    url = f"{tmp_path}/a/b.parquet"
    table = pa.table({"row": [1, 2], "text": ["a", None]})
    ledger.write_table(url, table, {"decision": "d", "rows": 2, "damage": None})
    assert ledger.read_table(url).equals(table)
    assert ledger.read_table(url, ["text"]).column_names == ["text"]
    assert ledger.read_metadata(url) == {"decision": "d", "rows": 2, "damage": None}
    assert ledger.read_metadata(f"{tmp_path}/none.parquet") is None


def test_bytes_depend_on_the_rows_and_not_on_their_chunks(tmp_path):
    """A table fresh from its measuring and one read back must give one ledger."""
    rng = generator(5, "ledger")
    num = 40_000
    table = pa.table(
        {
            "row": range(num),
            "text": [rng.bytes(40).hex() for _ in range(num)],
            "numbers": [[i] * (i % 5) for i in range(num)],
            "score": pa.array(rng.normal(size=num), pa.float32()),
        }
    )
    sizes = [0, 100, 777, 5000, 5001, 20_000, num]
    pieces = pa.concat_tables([table.slice(a, b - a) for a, b in itertools.pairwise(sizes)])
    assert pieces["row"].num_chunks > 1
    ledger.write_table(f"{tmp_path}/whole", table, {"b": 1, "a": 2})
    ledger.write_table(f"{tmp_path}/pieces", pieces, {"a": 2, "b": 1})
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "pieces").read_bytes()


def test_assembled_ledgers_begin_with_the_common_columns():
    base = pa.table(
        {
            "length": [5, 6],
            "extra": ["no", "no"],
            "sample_id": ["a", "b"],
            "source_shard": ["s", "s"],
            "row": pa.array([0, 1], pa.int32()),
            "key": ["k", "l"],
            "offset": [0, 512],
        }
    )
    verdicts = pa.table([["aspect", None], [4.0, None], [3.0, None]], schema=VERDICT)
    measured = {"aspect": pa.array([4.0, 1.0], pa.float32())}
    table = ledger.assemble(base, verdicts, pa.array([False, True]), measured)
    assert table.schema == pa.schema([*LEDGER, ("aspect", pa.float32())])
    assert table["reason"].to_pylist() == ["aspect", None]
