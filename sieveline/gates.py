"""Gates: what a slice must look like before its training shards are published.

The thresholds of single samples are in the stages; these are about a slice as a whole, so that one bad crawl does not reach training. They
are asked before `write` starts on a slice; Dagster's checks show the same numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sieveline import ledger
from sieveline.output import Output, count_stages
from sieveline.reasons import Reason
from sieveline.slices import Slice

_DUPLICATES = (Reason.EXACT_DUPLICATE, Reason.NEAR_DUPLICATE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gates:
    """Limits on a slice; None turns a gate off. None of these is published anywhere: watch your own slices, then narrow them.

    Attributes:
        min_yield: least share of a slice's samples that reach `write`.
        max_yield: greatest share; a sieve that keeps everything is broken.
        max_undecodable: greatest share of images that do not decode.
        max_duplicates: greatest share dropped as exact or near duplicates.
        max_score_drift: greatest difference of a slice's mean alignment score from that of the slice before it.
    """

    min_yield: float | None = 0.02
    max_yield: float | None = 0.95
    max_undecodable: float | None = 0.3
    max_duplicates: float | None = 0.6
    max_score_drift: float | None = 0.1


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate asked of one slice.

    Attributes:
        name: `yield`, `undecodable`, `duplicates` or `score_drift`.
        value: what the slice shows; None where it cannot be said (an empty slice, no slice before).
        low, high: the limits, None where there is none.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None

    @property
    def passed(self) -> bool:
        if self.value is None:
            return True
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)

    def __str__(self) -> str:
        value = "unknown" if self.value is None else f"{self.value:.3f}"
        return f"{self.name} is {value}, allowed {self.low if self.low is not None else '-'} to {self.high if self.high is not None else '-'}"


def yield_gate(output: Output, s: Slice, stages: tuple[str, str], low: float | None, high: float | None) -> Gate:
    """The gate `yield`: of what came into the first of `stages`, the share that the second kept (the same stage twice for its own)."""
    counts = {c.name: c for c in count_stages(output, [shard.id for shard in s.shards], set(stages))}
    num_in = counts[stages[0]].num_in
    return Gate("yield", counts[stages[1]].kept / num_in if num_in else None, low, high)


def ask(output: Output, gates: Gates, slices: list[Slice], name: str) -> list[Gate]:
    """The gates of slice `name`, one of `slices`, of image-text, from its ledgers up to recaption."""
    position = [s.name for s in slices].index(name)
    counts = {c.name: c for c in count_stages(output, [shard.id for shard in slices[position].shards])}
    num_in = counts["heuristics"].num_in

    def share(number: int) -> float | None:
        return number / num_in if num_in else None

    duplicates = sum(counts["duplicates"].dropped[reason.value] for reason in _DUPLICATES)
    score = mean_score(output, slices[position])
    before = mean_score(output, slices[position - 1]) if position else None
    return [
        Gate("yield", share(counts["recaption"].kept), gates.min_yield, gates.max_yield),
        Gate("undecodable", share(counts["heuristics"].dropped[Reason.UNDECODABLE.value]), None, gates.max_undecodable),
        Gate("duplicates", share(duplicates), None, gates.max_duplicates),
        Gate(
            "score_drift",
            abs(score - before) if score is not None and before is not None else None,
            None,
            gates.max_score_drift,
        ),
    ]


def mean_score(output: Output, s: Slice) -> float | None:
    """Mean alignment score over all scored samples of a slice, dropped ones too; None where there are none."""
    total, number = 0.0, 0
    for shard in s.shards:
        url = output.ledger("alignment", shard.id)
        if ledger.read_metadata(url) is not None:
            scores = np.asarray(ledger.read_table(url, ["score"])["score"], np.float64)
            total, number = total + float(np.nansum(scores)), number + int(np.isfinite(scores).sum())
    return total / number if number else None


def as_metadata(gates: list[Gate]) -> dict[str, Any]:
    return {gate.name: {"value": gate.value, "low": gate.low, "high": gate.high, "passed": gate.passed} for gate in gates}
