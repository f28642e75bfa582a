"""Reads a stage's ledgers once, file after file, and keeps of them what a report shows: distributions and a few samples.

Memory is that of one ledger file and of the shown samples, however large the pool is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sieveline import ledger, storage
from sieveline.output import Output, file_stem
from sieveline.report.distribution import Cut, Distribution, make_edges
from sieveline.report.rules import Measure, Rule, configured, measures
from sieveline.report.sampling import Group, Lowest, row_draws

ACCEPTED, BY_RULES = "accepted", "accepted_from_rules"
_TEXTS = ("caption", "url", "format", "width", "height", "boilerplate_pattern")
_NO_EDGE = frozenset({"concepts"})  # values are held against a draw each, so none is near to anything


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """How many samples are shown.

    Attributes:
        kept: of a stage's kept ones.
        reason: of the ones dropped by each reason.
        nearest: on each side of each threshold.
    """

    kept: int = 18
    reason: int = 9
    nearest: int = 8


SIZES = Sizes()


@dataclass(frozen=True, slots=True)
class Nearest:
    """The samples nearest to one threshold, on its two sides."""

    cut: Cut
    measure: Measure
    passed: Group
    dropped: Group


@dataclass(frozen=True, slots=True)
class Stage:
    """What a report shows of one stage.

    Attributes:
        groups: `kept` first (of recaptions: accepted ones, then those that rules wrote), then the reasons from the most frequent to the
            least.
    """

    name: str
    num_in: int
    distributions: Sequence[Distribution]
    groups: Sequence[Group]
    nearest: Sequence[Nearest]


def read_stage(
    output: Output,
    stage: str,
    config: Mapping[str, Any] | None = None,
    sizes: Sizes = SIZES,
    shard_ids: Iterable[str] | None = None,
) -> Stage | None:
    """Gathers a stage over all shards or the ones given; None where no ledger has a row.

    Args:
        config: the stage's configuration as nested dicts, where it is known; else thresholds are read off the ledgers.
    """
    wanted = set(shard_ids) if shard_ids is not None else None
    urls = [u for u in output.ledgers(stage) if wanted is None or file_stem(u) in wanted]
    footers = [f for f in map(_footer, urls) if f.num_rows]
    if not footers:
        return None
    schema = footers[0].schema.to_arrow_schema()
    drawn = measures(stage, schema)
    cuts = _cuts(drawn, config, urls)
    found = [d for d in (_distribution(m, cuts[m.name], footers, schema) for m in drawn) if d is not None]
    reading = _Reading(stage, found, sizes)
    carried = [f.name for f in schema if _is_shown(f, stage)]
    for url in urls:
        reading.add(file_stem(url), ledger.read_table(url, carried))
    return reading.result()


class _Reading:
    """What has been seen of a stage so far."""

    def __init__(self, stage: str, distributions: list[Distribution], sizes: Sizes):
        self.stage, self.distributions, self.sizes = stage, distributions, sizes
        self.num_in = 0
        self.kept, self.by_rules = Lowest(sizes.kept), Lowest(sizes.reason)
        self.reasons: dict[str, Lowest] = {}
        self.nearest = {
            (i, j): (Lowest(sizes.nearest), Lowest(sizes.nearest))
            for i, d in enumerate(distributions)
            for j, cut in enumerate(d.cuts)
            if cut.rule.keeps and stage not in _NO_EDGE
        }

    def add(self, shard_id: str, table: pa.Table) -> None:
        rows = table["row"].to_numpy()
        draw = row_draws(shard_id, rows)
        kept = _bools(table["kept"])
        self.num_in += table.num_rows
        reasons = table["reason"]
        silent = _bools(reasons.is_null())
        by_rules = kept & silent & _by_rules(table)
        self.kept.offer(table, kept & silent & ~by_rules, draw)
        self.by_rules.offer(table, by_rules, draw)
        says = {r: _bools(pc.fill_null(pc.equal(reasons, r), False)) for r in reasons.unique().drop_null().to_pylist()}
        for reason, where in says.items():
            self.reasons.setdefault(reason, Lowest(self.sizes.reason)).offer(table, where, draw)
        passes = kept if "accepted" not in table.column_names else silent
        unclaimed = dict(says)
        for i, distribution in enumerate(self.distributions):
            values = measured(distribution.measure, table)
            spoke = [_claim(cut, unclaimed, table, values) for cut in distribution.cuts]
            distribution.add(values, passes, spoke)
            for j, cut in enumerate(distribution.cuts):
                if (i, j) in self.nearest:
                    distance = np.abs(_scaled(values, distribution) - _scaled(np.array([cut.threshold]), distribution))
                    passed, dropped = self.nearest[i, j]
                    known = ~np.isnan(values)
                    shown = table.append_column("measured", pa.array(values, from_pandas=True))
                    passed.offer(shown, passes & known, draw, distance)
                    dropped.offer(shown, spoke[j] & known, draw, distance)

    def result(self) -> Stage:
        groups = [Group("kept" if self.stage != "recaption" else ACCEPTED, self.kept.total, self.kept.rows)]
        if self.by_rules.total:
            groups.append(Group(BY_RULES, self.by_rules.total, self.by_rules.rows))
        by_count = sorted(self.reasons.items(), key=lambda x: (-x[1].total, x[0]))
        groups += [Group(reason, held.total, held.rows) for reason, held in by_count]
        nearest = []
        for (i, j), (passed, dropped) in self.nearest.items():
            if dropped.total:
                d = self.distributions[i]
                sides = Group("passed", passed.total, passed.rows), Group("dropped", dropped.total, dropped.rows)
                nearest.append(Nearest(d.cuts[j], d.measure, *sides))
        return Stage(self.stage, self.num_in, self.distributions, groups, nearest)


def _by_rules(table: pa.Table) -> np.ndarray:
    """Rows whose candidate rules wrote, since the generator's model failed at it."""
    if "written_by" not in table.column_names:
        return np.zeros(table.num_rows, bool)
    return _bools(pc.fill_null(pc.equal(table["written_by"], "rules"), False))


def measured(measure: Measure, table: pa.Table) -> np.ndarray:
    """A measure's values over a ledger table: float64 (n,), NaN where it was not measured."""
    return measure.combine(*(np.asarray(table[c].cast(pa.float64()).to_numpy(zero_copy_only=False)) for c in measure.columns))


def attach_captions(output: Output, rows: Iterable[dict[str, Any]]) -> None:
    """Gives each row the caption, url, format and size that the heuristics ledger holds of its sample."""
    by_shard: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_shard.setdefault(row["source_shard"], []).append(row)
    for shard_id, shown in sorted(by_shard.items()):
        url = output.ledger("heuristics", shard_id)
        if not storage.exists(url):
            continue
        names = _footer(url).schema.to_arrow_schema().names
        table = ledger.read_table(url, ["row", *(n for n in _TEXTS if n in names)])
        wanted = pa.array(sorted({row["row"] for row in shown}), table["row"].type)
        texts = {r["row"]: r for r in table.filter(pc.is_in(table["row"], wanted)).to_pylist()}
        for row in shown:
            row |= {n: v for n, v in texts.get(row["row"], {}).items() if row.get(n) is None}


def _footer(url: str) -> pq.FileMetaData:
    fs, path = storage.filesystem(url)
    with fs.open(path, "rb") as file:
        return pq.read_metadata(file)


def _is_shown(field: pa.Field, stage: str) -> bool:
    """Whether a report looks at a column: no hashes, embeddings or lists of ids; texts come from the heuristics ledger at the end."""
    if pa.types.is_nested(field.type):
        return pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type)
    if pa.types.is_binary(field.type) or pa.types.is_fixed_size_binary(field.type) or field.type == pa.uint64():
        return False
    return stage == "recaption" or field.name not in ("caption", "url", "license", "decode_error")


def _cuts(drawn: Sequence[Measure], config: Mapping[str, Any] | None, urls: Sequence[str]) -> dict[str, tuple[Cut, ...]]:
    """The cuts that held, per measure: from the configuration, or else as the ledgers' rows carry them."""
    cuts: dict[str, tuple[Cut, ...]] = {}
    unknown = []
    for measure in drawn:
        held = []
        for rule in measure.rules:
            known, threshold = configured(config, rule.field)
            if threshold is not None:
                held.append(Cut(rule, threshold))
            elif not known:
                unknown.append((measure, rule))
        cuts[measure.name] = tuple(held)
    for measure, cut in _cuts_seen(unknown, urls):
        cuts[measure.name] += (cut,)
    return cuts


def _cuts_seen(
    rules: Sequence[tuple[Measure, Rule]], urls: Sequence[str], max_files: int = 32
) -> Iterable[tuple[Measure, Cut]]:
    """The cuts of `rules` that the first ledgers carry: rows of the rule's reason whose value is the rule's number."""
    found: dict[Rule, float] = {}
    columns = dict.fromkeys(c for measure, _ in rules for c in measure.columns)
    for url in urls[:max_files]:
        if len(found) == len(rules):
            break
        table = ledger.read_table(url, list(dict.fromkeys(["reason", "value", "threshold", *columns])))
        table = table.filter(table["reason"].is_valid())
        free = np.ones(table.num_rows, bool)
        limits = table["threshold"].to_numpy(zero_copy_only=False)
        for measure, rule in rules:
            values = measured(measure, table)
            breaks = {"at least": values < limits, "at most": values > limits, None: values >= limits}[rule.keeps]
            says = _bools(pc.equal(table["reason"], rule.reason.value)) & free & breaks
            says &= np.isclose(values, table["value"].to_numpy(zero_copy_only=False), rtol=1e-6)
            if says.any():
                threshold = found.get(rule, float(limits[says][0]))
                free &= ~(says & (limits == threshold))
                if rule not in found:
                    found[rule] = threshold
                    yield measure, Cut(rule, threshold)


def _claim(cut: Cut, unclaimed: dict[str, np.ndarray], table: pa.Table, values: np.ndarray) -> np.ndarray:
    """Rows whose reason comes from this very rule, taken off `unclaimed`: rules that share a reason are asked in order."""
    where = unclaimed.get(cut.rule.reason.value)
    if where is None:
        return np.zeros(table.num_rows, bool)
    spoke = where & np.isclose(values, table["value"].to_numpy(zero_copy_only=False), rtol=1e-6)
    spoke &= np.isclose(table["threshold"].to_numpy(zero_copy_only=False), cut.threshold, rtol=1e-9)
    unclaimed[cut.rule.reason.value] = where & ~spoke
    return spoke


def _distribution(
    measure: Measure, cuts: tuple[Cut, ...], footers: Sequence[pq.FileMetaData], schema: pa.Schema
) -> Distribution | None:
    """An empty distribution over the range that the ledgers' own statistics tell; None where nothing was measured."""
    ranges = [_column_range(footers, schema.get_field_index(c)) for c in measure.columns]
    if any(r is None for r in ranges):
        return None
    corners = np.array([[r[0] for r in ranges if r], [r[1] for r in ranges if r]], np.float64)
    if len(measure.columns) == 1 or measure.log:  # what is combined on log axes grows with every part
        low, high = float(measure.combine(*corners[0])), float(measure.combine(*corners[1]))
    else:
        low, high = float(measure.combine(corners[0, 0], corners[1, 1])), float(measure.combine(corners[1, 0], corners[0, 1]))
    whole = all(pa.types.is_integer(schema.field(c).type) for c in measure.columns)
    return Distribution(measure, make_edges(measure, low, high, whole, cuts), cuts, whole)


def _column_range(footers: Sequence[pq.FileMetaData], column: int) -> tuple[float, float] | None:
    lows, highs = [], []
    for footer in footers:
        names = [footer.schema.column(i).path.split(".")[0] for i in range(footer.num_columns)]
        leaf = names.index(footer.schema.to_arrow_schema().names[column])
        for group in range(footer.num_row_groups):
            statistics = footer.row_group(group).column(leaf).statistics
            if statistics is not None and statistics.has_min_max:
                lows.append(float(statistics.min))
                highs.append(float(statistics.max))
    return (min(lows), max(highs)) if lows else None


def _scaled(values: np.ndarray, distribution: Distribution) -> np.ndarray:
    return np.log(np.maximum(values, 1e-9)) if distribution.measure.log else values


def _bools(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
