"""Gates on a slice: yield, undecodable images, duplicates, drift of the score."""

import numpy as np
import pyarrow as pa
import pytest

from sieveline import ledger
from sieveline.gates import Gate, Gates, as_metadata, ask, mean_score
from sieveline.output import Output
from sieveline.slices import Shard, Slice

SLICES = [Slice(f"slice-{i:05d}", (Shard(f"{i}a", "", 1), Shard(f"{i}b", "", 1))) for i in range(2)]


def put(output: Output, stage: str, shard: str, kept: int, scores: list | None = None, **dropped: int) -> None:
    reasons = [None] * kept + [reason for reason, n in dropped.items() for _ in range(n)]
    table = pa.table({"kept": [r is None for r in reasons], "reason": pa.array(reasons, pa.string())})
    if scores is not None:
        table = table.append_column("score", pa.array(scores, pa.float32()))
    ledger.write_table(output.ledger(stage, shard), table, {})


@pytest.fixture
def output(tmp_path) -> Output:
    output = Output(str(tmp_path))
    for i, score in ((0, 0.5), (1, 0.3)):
        for half in "ab":
            put(output, "heuristics", f"{i}{half}", 6, undecodable=1, aspect=3)
            put(output, "duplicates", f"{i}{half}", 4, exact_duplicate=1, near_duplicate=1)
            put(output, "alignment", f"{i}{half}", 3, [score, score, score - 0.1, None], low_alignment=1)
            put(output, "recaption", f"{i}{half}", 2)
    return output


def test_what_a_slice_shows(output):
    gates = {g.name: g for g in ask(output, Gates(), SLICES, "slice-00001")}
    assert gates["yield"].value == pytest.approx(4 / 20)
    assert gates["undecodable"].value == pytest.approx(2 / 20)
    assert gates["duplicates"].value == pytest.approx(4 / 20)
    assert gates["score_drift"].value == pytest.approx(0.2)
    assert [g.name for g in gates.values() if not g.passed] == ["score_drift"]
    assert str(gates["score_drift"]) == "score_drift is 0.200, allowed - to 0.1"
    assert as_metadata([gates["yield"]]) == {"yield": {"value": 0.2, "low": 0.02, "high": 0.95, "passed": True}}


def test_the_first_slice_has_no_drift(output):
    drift = ask(output, Gates(), SLICES, "slice-00000")[-1]
    assert (drift.value, drift.passed) == (None, True)
    assert "unknown" in str(drift)


def test_scores_that_are_not_there_do_not_count(output):
    assert mean_score(output, SLICES[0]) == pytest.approx(np.mean([0.5, 0.5, 0.4]), abs=1e-6)
    put(output, "alignment", "0a", 0, [None], undecodable=1)
    put(output, "alignment", "0b", 0, [])
    assert mean_score(output, SLICES[0]) is None


def test_an_empty_slice_passes(tmp_path):
    gates = ask(Output(str(tmp_path)), Gates(), [Slice("s", (Shard("x", "", 0),))], "s")
    assert all(g.passed and g.value is None for g in gates)


@pytest.mark.parametrize(
    ("value", "low", "high", "passed"),
    [(0.5, 0.5, 0.5, True), (0.49, 0.5, None, False), (0.51, None, 0.5, False), (0.0, None, None, True), (0.0, 0.0, 0.0, True)],
)
def test_limits_are_kept_by_what_equals_them(value, low, high, passed):
    assert Gate("x", value, low, high).passed is passed


def test_a_gate_that_is_off_lets_everything_through(output):
    off = Gates(min_yield=None, max_yield=None, max_undecodable=None, max_duplicates=None, max_score_drift=None)
    assert all(g.passed for g in ask(output, off, SLICES, "slice-00001"))
