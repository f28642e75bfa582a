"""Survivors by the stated rule, stars instead of chains, and an outcome that no order changes."""

import numpy as np
import pyarrow as pa
import pytest

from sieveline import draws
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.stages import duplicates
from sieveline.stages.duplicates import MEASURED, PAIRS, VERDICT, Duplicates, Measuring, decide_duplicates, decide_floods


def _samples(**columns: list) -> pa.Table:
    num = len(next(iter(columns.values())))
    table = {
        "sample_id": [f"{i:032x}" for i in range(num)],
        "source_shard": ["00000"] * num,
        "row": list(range(num)),
        "image_hash": [i.to_bytes(16, "big") for i in range(num)],
        "width": [100] * num,
        "height": [100] * num,
        "words": [5] * num,
        "special_ratio": [0.0] * num,
        "word_repetition": [0.0] * num,
        "boilerplate": [0.0] * num,
    }
    return pa.table(table | columns)


def _pairs(*pairs: tuple) -> pa.Table:
    rows = [(a, b, *(rest or (0.01, 1.0))) for a, b, *rest in pairs]
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 4
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, PAIRS, strict=True)], schema=PAIRS)


def _by_id(verdict: pa.Table, samples: pa.Table) -> pa.Table:
    return verdict.append_column("sample_id", samples["sample_id"]).sort_by("sample_id")


def _survivors(verdict: pa.Table) -> list[int]:
    return [int(i, 16) for i in verdict["survivor_id"].to_pylist()]


def test_docstring_tables_are_the_schemas():
    lines = [line for line in duplicates.__doc__.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in lines]
    documented = [tuple(row) for row in rows if row[0] != "column"]
    assert documented == [(f.name, str(f.type)) for f in (*PAIRS, *MEASURED)]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"width": 200}, {"words": 20}),  # resolution before the caption
        ({"words": 9}, {"special_ratio": 0.0}),
        ({"special_ratio": 0.0}, {"special_ratio": 0.5}),
        ({"boilerplate": 0.0}, {"boilerplate": 0.9}),
        ({"sample_id": "0" * 32}, {"sample_id": "f" * 32}),
        ({"source_shard": "00000", "sample_id": "a"}, {"source_shard": "00001", "sample_id": "a", "row": -1}),
        ({"row": 3, "sample_id": "a"}, {"row": 7, "sample_id": "a"}),
    ],
)
def test_the_survivor_is_the_better_one(better, worse):
    for first, second in ((better, worse), (worse, better)):
        table = _samples(width=[100, 100]).to_pylist()
        samples = pa.Table.from_pylist([table[0] | first, table[1] | second])
        verdict = decide_duplicates(samples, _pairs((0, 1)), Duplicates())
        kept = verdict["reason"].to_pylist().index(None)
        assert (first, second)[kept] is better


def test_a_chain_drops_only_what_matches_the_survivor():
    # 0 ~ 1 ~ 2 ~ 3, 0 the largest: 1 falls to 0, 2 matches no survivor and stays, 3 falls to 2
    samples = _samples(width=[400, 300, 200, 100])
    verdict = decide_duplicates(samples, _pairs((0, 1), (1, 2), (2, 3)), Duplicates())
    assert _survivors(verdict) == [0, 0, 2, 2]
    assert verdict["reason"].to_pylist() == [None, Reason.NEAR_DUPLICATE, None, Reason.NEAR_DUPLICATE]
    assert verdict["cluster_size"].to_pylist() == [2, 2, 2, 2]


def test_thresholds_and_none():
    samples, pairs = _samples(width=[100] * 4), _pairs((0, 1, 0.05, 2.0), (0, 2, 0.5, 2.0), (0, 3, 0.05, 90.0))

    def drop(**fields) -> list[int]:
        reasons = decide_duplicates(samples, pairs, Duplicates(**fields))["reason"].to_pylist()
        return [i for i, reason in enumerate(reasons) if reason]

    assert drop() == [1]
    assert drop(max_difference=0.5) == [1, 2]
    assert drop(max_colour=None) == [1, 3]
    assert drop(max_difference=None) == []
    verdict = decide_duplicates(samples, pairs, Duplicates(max_difference=0.125))
    assert verdict["value"].to_pylist()[1] == pytest.approx(0.05)
    assert verdict["threshold"].to_pylist() == [None, 0.125, None, None]


def test_equal_bytes_are_exact_even_where_the_best_copy_falls_to_another_picture():
    equal = b"\1" * 16
    samples = _samples(image_hash=[b"\0" * 16, equal, equal, None], width=[300, 200, 200, 200], words=[5, 5, 9, 5])
    verdict = decide_duplicates(samples, _pairs((0, 1), (0, 2)), Duplicates())
    assert _survivors(verdict) == [0, 0, 0, 3]
    assert verdict["reason"].to_pylist() == [None, Reason.EXACT_DUPLICATE, Reason.NEAR_DUPLICATE, None]
    without = decide_duplicates(samples, _pairs(), Duplicates(exact=False))
    assert without["reason"].null_count == 4


def test_the_outcome_does_not_depend_on_order():
    rng = draws.generator(0, "order")
    num = 300
    samples = _samples(
        width=rng.integers(100, 104, num).tolist(),
        words=rng.integers(1, 4, num).tolist(),
        image_hash=[int(i).to_bytes(16, "big") for i in rng.integers(0, 250, num)],
    )
    ends = np.unique(np.sort(rng.integers(0, num, (400, 2)), axis=1), axis=0)
    ends = ends[ends[:, 0] < ends[:, 1]]
    measures = rng.uniform(0, 0.12, len(ends)).astype(np.float32), rng.uniform(0, 24, len(ends)).astype(np.float32)
    pairs = pa.table([ends[:, 0], ends[:, 1], *measures], schema=PAIRS)
    verdict = _by_id(decide_duplicates(samples, pairs, Duplicates()), samples)

    order = rng.permutation(num)
    place = np.argsort(order)
    shuffled = rng.permutation(len(ends))
    moved = pa.table([place[ends[shuffled, 1]], place[ends[shuffled, 0]], *(m[shuffled] for m in measures)], schema=PAIRS)
    again = decide_duplicates(samples.take(order), moved, Duplicates())
    assert _by_id(again, samples.take(order)).equals(verdict)

    # the promise of the stars, checked one by one
    near = {(int(a), int(b)) for (a, b), d, c in zip(ends, *measures, strict=True) if d <= np.float32(0.08) and c <= 18}
    verdict = decide_duplicates(samples, pairs, Duplicates())
    kept = {i for i, r in enumerate(verdict["reason"].to_pylist()) if r is None}
    assert not [pair for pair in near if set(pair) <= kept]
    survivors = _survivors(verdict)
    assert {survivors[i] for i in range(num)} == kept
    hashes = samples["image_hash"].to_pylist()
    like = {(hashes[a], hashes[b]) for a, b in near} | {(hashes[b], hashes[a]) for a, b in near} | {(h, h) for h in hashes}
    assert all((hashes[i], hashes[survivors[i]]) in like for i in range(num))
    sizes = np.bincount(survivors, minlength=num)
    assert verdict["cluster_size"].to_pylist() == sizes[survivors].tolist()
    assert len(set(verdict["cluster_id"].to_pylist())) == len(kept)


def test_a_template_keeps_its_cap_by_draw():
    ids = pa.array([f"{i:032x}" for i in range(60)])
    template = np.array([0] * 50 + [50] * 10)
    verdict = decide_floods(ids, template, Duplicates(max_per_template=20), 3)
    assert verdict.schema.names == [*VERDICT.names, "template_id", "template_size"]
    kept = [i for i, r in enumerate(verdict["reason"].to_pylist()) if r is None]
    assert len(kept) == 30
    assert kept[-10:] == list(range(50, 60))
    dropped = verdict.filter(pa.compute.is_valid(verdict["reason"]))
    assert set(dropped["reason"].to_pylist()) == {Reason.CAPTION_FLOOD}
    assert set(dropped["value"].to_pylist()) == {50.0}
    assert set(verdict["template_id"].to_pylist()) == {f"{0:032x}", f"{50:032x}"}
    order = draws.generator(0, "order").permutation(60)
    again = decide_floods(ids.take(order), template[order], Duplicates(max_per_template=20), 3)
    assert again["reason"].to_pylist() == [verdict["reason"].to_pylist()[i] for i in order]
    assert decide_floods(ids, template, Duplicates(max_per_template=20), 4)["reason"] != verdict["reason"]
    assert decide_floods(ids, template, Duplicates(max_per_template=None), 3)["reason"].null_count == 60


@pytest.mark.parametrize(
    ("config", "fields", "message"),
    [
        (Measuring, {"radius": 15}, "radius is 15, must be at least 0, at most 14"),
        (Measuring, {"fan": 0}, "fan is 0"),
        (Duplicates, {"max_difference": 1.5}, "max_difference is 1.5"),
        (Duplicates, {"max_colour": -1}, "max_colour is -1"),
        (Duplicates, {"max_per_template": 0}, "max_per_template is 0"),
    ],
)
def test_a_wrong_field_is_named(config, fields, message):
    with pytest.raises(ConfigError, match=message):
        config(**fields)
