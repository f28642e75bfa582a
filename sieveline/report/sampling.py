"""Which samples the report shows: the lowest draws of each group, so that the same output shows the same samples.

A row's draw depends on its shard and row alone. Moving a threshold therefore changes who may be shown, never the order in which they
are asked, and a page after a change can be held beside the page before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from sieveline import draws


def row_draws(shard_id: str, rows: np.ndarray) -> np.ndarray:
    """A draw in [0, 1) for each row number of a shard: float64 (n,)."""
    if not len(rows):
        return np.zeros(0)
    return draws.generator(0, "report", shard_id).random(int(rows.max()) + 1)[rows]


@dataclass
class Lowest:
    """The `size` rows with the lowest keys among all offered, equal keys in the order of their draws.

    Attributes:
        total: how many rows were offered.
    """

    size: int
    total: int = 0
    _held: list[tuple[float, float, dict[str, Any]]] = field(default_factory=list)

    def offer(self, table: pa.Table, where: np.ndarray, draw: np.ndarray, keys: np.ndarray | None = None) -> None:
        """Offers the rows of `table` where `where` (bool, shape (n,)) holds.

        Args:
            draw: of every row, shape (n,).
            keys: what is to be low, shape (n,); None: the draw itself.
        """
        rows = np.flatnonzero(where)
        self.total += len(rows)
        if not len(rows):
            return
        key = draw if keys is None else keys
        best = rows[np.lexsort((draw[rows], key[rows]))[: self.size]]
        if len(self._held) == self.size and key[best[0]] > self._held[-1][0]:
            return
        new = [(float(key[i]), float(draw[i]), row) for i, row in zip(best, table.take(best).to_pylist(), strict=True)]
        self._held = sorted([*self._held, *new], key=lambda held: held[:2])[: self.size]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for _, _, row in self._held]


@dataclass(frozen=True, slots=True)
class Group:
    """Samples that are shown together.

    Attributes:
        name: `kept`, a reason, or of the nearest to a threshold the side they lie on.
        total: how many there are of it in all.
        rows: the ones shown, as ledger rows.
    """

    name: str
    total: int
    rows: Sequence[dict[str, Any]]
