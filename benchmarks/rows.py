"""What a bench says: rows of ours against a peer, and how their CPU time is taken.

Time is CPU-seconds, user and system, of the process and of the children it waited for: on a shared machine wall time is noise. The sides
take turns on the same data in one process and the least of the turns counts, since other load can only add.
"""

import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One comparison, and whether it meets its target.

    Attributes:
        name: what is measured.
        ours: our figure, in `unit`.
        peer: the peer's, in `unit`; None where a figure stands for itself.
        unit: of both.
        ratio: peer and ours compared, the way round that `at_least` or `at_most` reads; None without a peer.
        at_least: target, of `ratio` or, without a peer, of `ours`.
        at_most: the same.
        note: what else one should know, in a line.
    """

    name: str
    ours: float
    unit: str
    peer: float | None = None
    ratio: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def passed(self) -> bool:
        figure = self.ours if self.ratio is None else self.ratio
        return (self.at_least is None or figure >= self.at_least) and (self.at_most is None or figure <= self.at_most)

    @property
    def target(self) -> str:
        limits = [f">= {self.at_least:g}"] if self.at_least is not None else []
        return ", ".join(limits + ([f"<= {self.at_most:g}"] if self.at_most is not None else []))


def faster(name: str, ours: float, peer: float, unit: str, *, at_least: float | None = None, note: str = "") -> Row:
    """A row of two costs: the ratio says how many times the peer's cost is ours."""
    return Row(name=name, ours=ours, peer=peer, unit=unit, ratio=peer / ours, at_least=at_least, note=note)


def spent(work: Callable[[], T]) -> tuple[T, float]:
    """The result of `work` and the CPU-seconds it took, children that it waited for included."""
    start = _cpu()
    result = work()
    return result, _cpu() - start


def in_turn(runs: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, float]:
    """CPU-seconds of each run: they take turns, the least of `turns` counts."""
    least = dict.fromkeys(runs, float("inf"))
    for _ in range(turns):
        for name, run in runs.items():
            least[name] = min(least[name], spent(run)[1])
    return least


def _cpu() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
