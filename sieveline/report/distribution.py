"""Distributions of measured numbers, gathered from ledger files one at a time into fine bins of fixed number.

From the bins come the histogram with its cut, and the yield: how many samples the stage would keep with the cut elsewhere.
"""

from dataclasses import dataclass, field

import numpy as np

from sieveline.report.rules import Measure, Rule

NUM_BINS = 1024
NUM_BARS = 56
_UNIT_BINS = 64  # whole numbers of a range up to this get a bin each


@dataclass(frozen=True, slots=True)
class Cut:
    """A rule with the threshold that held in this run."""

    rule: Rule
    threshold: float


@dataclass
class Distribution:
    """Counts of one measured number over a stage's rows.

    Attributes:
        measure: what is counted.
        edges: float64 (bins + 1,). Every cut is an edge, so that no bin has samples on both of its sides.
        kept: int64 (bins,), rows the stage kept.
        cut_off: per cut, int64 (bins,), rows dropped by that very rule.
        other: int64 (bins,), rows dropped by another rule.
        kept_unmeasured: rows kept that have no such number.
    """

    measure: Measure
    edges: np.ndarray
    cuts: tuple[Cut, ...] = ()
    whole: bool = False
    kept: np.ndarray = field(init=False)
    cut_off: list[np.ndarray] = field(init=False)
    other: np.ndarray = field(init=False)
    kept_unmeasured: int = 0

    def __post_init__(self) -> None:
        bins = len(self.edges) - 1
        self.kept, self.other = np.zeros(bins, np.int64), np.zeros(bins, np.int64)
        self.cut_off = [np.zeros(bins, np.int64) for _ in self.cuts]

    def add(self, values: np.ndarray, kept: np.ndarray, spoke: list[np.ndarray]) -> None:
        """Counts rows: `values` float64 (n,) with NaN where not measured, `kept` bool (n,), `spoke` per cut bool (n,)."""
        measured = ~np.isnan(values)
        self.kept_unmeasured += int((kept & ~measured).sum())
        others = measured & ~kept
        self.kept += self._count(values[measured & kept])
        for i, rows in enumerate(spoke):
            self.cut_off[i] += self._count(values[measured & ~kept & rows])
            others &= ~rows
        self.other += self._count(values[others])

    def _count(self, values: np.ndarray) -> np.ndarray:
        bins = len(self.edges) - 1
        at = np.clip(np.searchsorted(self.edges, values, side="right") - 1, 0, bins - 1)
        return np.bincount(at, minlength=bins)

    @property
    def total(self) -> int:
        """Rows with a number."""
        return int(self.kept.sum() + self.other.sum() + sum(int(c.sum()) for c in self.cut_off))

    def yields(self, number: int, num_in: int) -> tuple[np.ndarray, np.ndarray, int]:
        """What the stage would keep of its `num_in` rows as cut `number` moves and every other rule stays.

        A row that this rule dropped was not asked by the rules after it, so beyond the cut, where it would come back, the yield is the
        most it can be; on the near side it is exact.

        Returns:
            x float64 (bins + 1,), the places of the cut; y (bins + 1,) in [0, 1]; and the index of the cut as it is.
        """
        cut = self.cuts[number]
        passing = self.kept + self.cut_off[number]
        below = np.concatenate([[0], np.cumsum(passing)])
        count = below[-1] - below if cut.rule.keeps == "at least" else below
        at = int(np.argmin(np.abs(self.edges - self.border(cut))))
        return self.edges, (count + self.kept_unmeasured) / max(num_in, 1), at

    def border(self, cut: Cut) -> float:
        return border(cut, self.whole)

    @property
    def cuts_in_view(self) -> list[int]:
        """Numbers of the cuts that lie within the measured range."""
        return [i for i, c in enumerate(self.cuts) if self.edges[0] <= self.border(c) <= self.edges[-1]]

    @property
    def unit_bins(self) -> bool:
        """Whether every bin is one whole number."""
        return self.whole and bool(np.all(np.diff(self.edges) == 1))

    def regrouped(self, num_bars: int = NUM_BARS) -> tuple[np.ndarray, list[np.ndarray]]:
        """Edges and counts (kept, other, then each cut's) over at most about `num_bars` bars, cuts on their borders."""
        bins = len(self.edges) - 1
        fixed = {int(np.argmin(np.abs(self.edges - self.border(c)))) for c in self.cuts}
        if bins <= num_bars:
            starts = np.arange(bins)
        else:
            step = bins / num_bars
            grid = {round(i * step) for i in range(num_bars)}
            if not self.measure.log:
                fixed.add(bins - 1)  # the bin of the highest value
            near = {g for g in grid if any(0 < abs(g - f) < step / 2 for f in fixed) and g != 0}
            starts = np.array(sorted((grid - near) | {f for f in fixed if f < bins}))
        counts = [np.add.reduceat(c, starts) for c in (self.kept, self.other, *self.cut_off)]
        return np.append(self.edges[starts], self.edges[-1]), counts


def border(cut: Cut, whole: bool) -> float:
    """The border between what passes a cut and what does not; a value equal to its threshold passes.

    Args:
        whole: only whole numbers occur, so the border may lie half way to the next one.
    """
    if cut.rule.keeps == "at least":
        return float(np.ceil(cut.threshold)) if whole else cut.threshold
    return float(np.floor(cut.threshold)) + 1 if whole else float(np.nextafter(cut.threshold, np.inf))


def make_edges(measure: Measure, low: float, high: float, whole: bool, cuts: tuple[Cut, ...]) -> np.ndarray:
    """Fine bin edges over the measured range and the cuts.

    Args:
        low, high: the measured range.
        whole: only whole numbers occur.
    """
    borders = [border(c, whole) for c in cuts]
    if measure.span:
        low, high = min(low, measure.span[0]), max(high, measure.span[1])
    # A cut far beyond everything measured is told in words; the axis is for what is there.
    near = [c.threshold for c in cuts if c.threshold <= (2 * max(high, 1.0) if measure.log else high + (high - low))]
    low, high = min([low, *near]), max([high, *near])
    if whole and high - low <= _UNIT_BINS:
        edges = np.arange(np.floor(low), np.floor(high) + 2)
    elif measure.log:
        start = max(low, 1.0 if whole else 1e-2)
        edges = np.geomspace(start, max(high, start * 1.1) * 1.0001, NUM_BINS + 1)
        edges[0] = start
        if low < start:  # one bin for what a logarithm cannot show
            edges = np.concatenate([[0.0], edges])
    else:
        high = high if high > low else low + 1.0
        # The highest value, often one that many rows have, gets a bin as wide as a bar.
        edges = np.append(np.linspace(low, high, NUM_BINS + 1), high + (high - low) / NUM_BARS)
    inside = [b for b in borders if edges[0] <= b <= edges[-1]]
    return np.unique(np.concatenate([edges, inside]))
