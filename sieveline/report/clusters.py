"""Duplicate clusters and caption templates, from the ledgers of the duplicates stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sieveline import ledger
from sieveline.output import Output, file_stem
from sieveline.report.sampling import Lowest, row_draws
from sieveline.schema import LEDGER


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows that belong together.

    Attributes:
        size: rows of it in the whole pool.
        kept: of these, rows the stage kept.
        rows: the ones shown.
    """

    id: str
    size: int
    kept: int
    rows: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Families:
    """What is shown of a grouping column.

    Attributes:
        largest: the largest families.
        others: some more, by draw.
        num_families: how many have more than one row.
        num_rows: rows in them.
    """

    largest: Sequence[Cluster]
    others: Sequence[Cluster]
    num_families: int
    num_rows: int


def read_families(
    output: Output,
    id_column: str,
    size_column: str,
    num_largest: int = 6,
    num_others: int = 6,
    num_rows: int = 8,
    survivors_first: bool = True,
) -> Families | None:
    """The families of `id_column`, some of their rows each; None where the ledgers have no such column or it is empty.

    Args:
        id_column: string, the id of a row's family; null for none.
        size_column: int32, its rows.
        survivors_first: whether kept rows are shown before dropped ones; else rows are shown by draw.
    """
    urls = output.ledgers("duplicates")
    largest, others = Lowest(num_largest), Lowest(num_largest + num_others)
    members = families = 0.0
    for url in urls:
        table = ledger.read_table(url)
        if id_column not in table.column_names or size_column not in table.column_names:
            return None
        size = pc.fill_null(table[size_column].cast(pa.float64()), 0.0).to_numpy()
        real = size > 1
        members += int(real.sum())
        families += float((1.0 / size[real]).sum())
        # One row stands for its family: the one that gave it its name.
        names = real & pc.fill_null(pc.equal(table[id_column], table["sample_id"]), False).to_numpy()
        draw = row_draws(file_stem(url), table["row"].to_numpy())
        heads = table.select([id_column, size_column])
        largest.offer(heads, names, draw, -size)
        others.offer(heads, names, draw)
    if not members:
        return None
    top = {row[id_column]: row[size_column] for row in largest.rows}
    more = {row[id_column]: row[size_column] for row in others.rows if row[id_column] not in top}
    more = dict(list(more.items())[:num_others])
    found = _members(urls, id_column, top | more, num_rows, survivors_first)
    clusters = [Cluster(i, n, *found[i]) for i, n in (top | more).items()]
    return Families(clusters[: len(top)], clusters[len(top) :], round(families), int(members))


def _members(
    urls: Sequence[str], id_column: str, chosen: dict[str, int], num_rows: int, survivors_first: bool
) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """Of each chosen family how many rows were kept, and the rows shown."""
    held = {i: Lowest(num_rows) for i in chosen}
    kept_of = dict.fromkeys(chosen, 0)
    wanted = pa.array(list(chosen), pa.string())
    for url in urls:
        table = ledger.read_table(url, [*LEDGER.names, id_column])
        ids = table[id_column].cast(pa.string())
        inside = pc.is_in(ids, wanted).to_numpy()
        if not inside.any():
            continue
        draw = row_draws(file_stem(url), table["row"].to_numpy())
        kept = table["kept"].to_numpy()
        rank = np.where(kept, 0.0, 1.0) if survivors_first else draw
        for family in pc.unique(ids.filter(pa.array(inside))).to_pylist():
            where = pc.fill_null(pc.equal(ids, family), False).to_numpy()
            kept_of[family] += int((where & kept).sum())
            held[family].offer(table, where, draw, rank)
    return {i: (kept_of[i], held[i].rows) for i in chosen}
