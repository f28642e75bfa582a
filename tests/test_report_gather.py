"""What the report counts: cuts, histograms and yields agree with the stages' own decisions; samples are the lowest draws."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from report_data import CONFIG, measured_columns, write_heuristics, write_output, write_tars

from sieveline import recipes
from sieveline.output import Output
from sieveline.report.balance import read_balance
from sieveline.report.clusters import read_families
from sieveline.report.gather import Sizes, read_stage
from sieveline.report.rules import MEASURES, configured, measures
from sieveline.report.sampling import Lowest, row_draws
from sieveline.stages import heuristics
from sieveline.stages.concepts import keep_probabilities

PLAIN = dataclasses.asdict(CONFIG)
MOVED = {
    "min_side": 90,
    "max_aspect": 2.0,
    "min_colour_spread": 33.5,
    "min_characters": 25,
    "max_characters": 80,
    "min_words": 7,
    "max_boilerplate": 0.2,
    "max_special_ratio": 0.08,
    "max_word_repetition": 0.11,
    "max_character_repetition": 0.2,
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory):
    return write_tars(tmp_path_factory.mktemp("gather") / "pool", [f"caption {i}" for i in range(600)])


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory, shards) -> Output:
    place = Output(str(tmp_path_factory.mktemp("gathered")))
    for number, rows in enumerate(shards):
        write_heuristics(place, rows, f"{number:05d}")
    return place


def test_every_rule_is_a_field_of_its_stage():
    config = dataclasses.asdict(recipes.demo())
    for stage, drawn in MEASURES.items():
        for rule in (rule for measure in drawn for rule in measure.rules):
            known, _ = configured(config[stage], rule.field)
            assert known, f"{stage} has no {rule.field}"


def test_every_threshold_is_drawn():
    drawn = {rule.name for measure in MEASURES["heuristics"] for rule in measure.rules}
    numbers = {n for n, v in dataclasses.asdict(heuristics.Heuristics()).items() if n.startswith(("min_", "max_"))}
    assert numbers <= drawn


def test_histograms_count_every_row_once(output: Output):
    stage = read_stage(output, "heuristics", PLAIN)
    assert stage is not None
    assert stage.num_in == 600
    kept = next(g.total for g in stage.groups if g.name == "kept")
    for d in stage.distributions:
        _, counts = d.regrouped()
        assert sum(int(c.sum()) for c in counts) == d.total <= 600
        assert d.kept.sum() + d.kept_unmeasured == kept, d.measure.name
    dropped = {g.name: g.total for g in stage.groups[1:]}
    by_rule: dict[str, int] = {}
    for d in stage.distributions:
        for cut, counts in zip(d.cuts, d.cut_off, strict=True):
            by_rule[cut.rule.reason] = by_rule.get(cut.rule.reason, 0) + int(counts.sum())
    for reason in (
        "min_side",
        "aspect",
        "solid_colour",
        "caption_short",
        "caption_long",
        "boilerplate",
        "repetition",
        "mojibake",
    ):
        assert by_rule[reason] == dropped[reason] > 0, reason


def test_no_bar_lies_on_both_sides_of_a_cut(output: Output):
    stage = read_stage(output, "heuristics", PLAIN)
    assert stage is not None
    for d in stage.distributions:
        edges, (kept, _, *cut_off) = d.regrouped()
        for i, cut in enumerate(d.cuts):
            if cut.rule.keeps and i in d.cuts_in_view:
                passes = edges[:-1] >= d.border(cut) if cut.rule.keeps == "at least" else edges[1:] <= d.border(cut)
                assert not kept[~passes].any(), d.measure.name
                assert not cut_off[i][passes].any(), d.measure.name


@pytest.mark.parametrize("name", MOVED)
def test_yield_curve_is_what_the_stage_would_decide(output: Output, shards, name: str):
    config = dataclasses.replace(CONFIG, **{name: MOVED[name]})
    kept = sum(
        heuristics.decide(measured_columns(rows, f"{n:05d}"), config)["reason"].null_count for n, rows in enumerate(shards)
    )
    stage = read_stage(output, "heuristics", PLAIN)
    assert stage is not None
    d, i = next((d, i) for d in stage.distributions for i, cut in enumerate(d.cuts) if cut.rule.name == name)
    x, y, at = d.yields(i, stage.num_in)
    before = sum(g.total for g in stage.groups if g.name == "kept") / stage.num_in
    assert y[at] == pytest.approx(before)
    border = d.border(dataclasses.replace(d.cuts[i], threshold=float(MOVED[name])))
    low, high = sorted((np.interp(border, x, y), y[np.argmin(np.abs(x - border))]))
    width = np.abs(np.diff(y)).max() if not d.unit_bins else 0.0
    assert low - width <= kept / stage.num_in <= high + width
    assert kept / stage.num_in < before


def test_thresholds_are_read_off_the_ledgers_without_a_recipe(output: Output):
    told, seen = read_stage(output, "heuristics", PLAIN), read_stage(output, "heuristics")
    assert told is not None
    assert seen is not None

    def cuts(stage) -> dict[str, float]:
        dropped = {c.rule.name for d in told.distributions for c, n in zip(d.cuts, d.cut_off, strict=True) if n.any()}
        return {c.rule.name: c.threshold for d in stage.distributions for c in d.cuts if c.rule.name in dropped}

    assert cuts(seen) == cuts(told)
    assert len(cuts(seen)) >= 10


def test_nearest_are_nearest(output: Output, shards):
    stage = read_stage(output, "heuristics", PLAIN, Sizes(nearest=5))
    assert stage is not None
    near = next(n for n in stage.nearest if n.cut.rule.name == "max_special_ratio")
    table = pa.concat_tables([measured_columns(rows, f"{n:05d}") for n, rows in enumerate(shards)])
    reason = heuristics.decide(table, CONFIG)["reason"].to_pylist()
    ratio = table["special_ratio"].to_pylist()
    passed = sorted(r for r, why in zip(ratio, reason, strict=True) if why is None)[-5:]
    dropped = sorted(r for r, why in zip(ratio, reason, strict=True) if why == "special_characters")[:5]
    assert sorted(r["measured"] for r in near.passed.rows) == pytest.approx(passed)
    assert sorted(r["measured"] for r in near.dropped.rows) == pytest.approx(dropped)


def test_lowest_holds_the_lowest_however_rows_are_offered():
    table = pa.table({"row": pa.array(np.arange(1000), pa.int32())})
    draw = row_draws("00000", np.arange(1000))
    whole, parts = Lowest(7), Lowest(7)
    whole.offer(table, draw > 0.2, draw)
    for start in (600, 0, 300):
        part = slice(start, start + (400 if start == 600 else 300))
        rows = np.arange(1000)[part]
        parts.offer(table.slice(start, len(rows)), draw[part] > 0.2, row_draws("00000", rows))
    expected = [int(i) for i in np.argsort(np.where(draw > 0.2, draw, 2))[:7]]
    assert [r["row"] for r in whole.rows] == [r["row"] for r in parts.rows] == expected
    assert whole.total == parts.total == int((draw > 0.2).sum())


def test_draws_of_a_row_do_not_depend_on_the_others():
    assert row_draws("a", np.array([5]))[0] == row_draws("a", np.array([0, 9, 5]))[2]
    assert row_draws("a", np.array([5]))[0] != row_draws("b", np.array([5]))[0]


def test_every_numeric_column_is_drawn():
    schema = pa.schema(
        [("row", pa.int32()), ("score", pa.float32()), ("new_number", pa.float64()), ("cluster_id", pa.string())]
    )
    assert [m.name for m in measures(MEASURES["alignment"], schema)] == ["score", "new_number"]


def test_families_and_balance(tmp_path: Path):
    place = write_output(tmp_path, [f"caption {i}" for i in range(300)])
    families = read_families(place, "cluster_id", "cluster_size")
    assert families is not None
    assert families.num_rows > 3 * (families.num_families - 2)
    for cluster in (*families.largest, *families.others):
        assert len(cluster.rows) == cluster.size
        assert [row["kept"] for row in cluster.rows] == [True, True, False][: cluster.size]
    assert len({c.id for c in (*families.largest, *families.others)}) == 12

    balance = read_balance(place, {"t": 8, "tail_share": None})
    assert balance is not None
    before = balance["ranks"]["before"]
    assert balance["head"]["entries"] == int((before > 8).sum())
    assert balance["head"]["before"] + balance["tail"]["before"] == before.sum()
    assert (np.diff(before) <= 0).all()
    assert (keep_probabilities(before, 8) <= 1).all()
