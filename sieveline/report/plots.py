"""Plots in one house style: SVG, one colour per meaning, every axis with its unit, thresholds marked.

Colours read on a light and on a dark page; the background is left open. The same numbers give the same bytes.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sieveline.report.distribution import Cut, Distribution

KEPT, DROPPED, OTHER, INK, CUT = "#2f7f86", "#c8553d", "#b3bac2", "#6b737c", "#8a5a00"
_STYLE = {
    "svg.hashsalt": "sieveline",  # else matplotlib draws ids at random
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelsize": 8.0,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "text.color": INK,
}
_NUM_BARS = 56


@contextmanager
def _drawing(width: float, height: float, **subplots: Any) -> Iterator[tuple[Any, Any, io.BytesIO]]:
    """A figure of `width` by `height` inches in the house style, its axes, and where its SVG goes when the block ends."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    svg = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(**subplots)
        yield figure, axes, svg
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})


def distribution(shown: Distribution, num_in: int) -> bytes:
    """Histogram of a measured number with its cuts, and below it, where there is a cut, the yield as it moves."""
    moving = [i for i, c in enumerate(shown.cuts) if c.rule.keeps]
    ratios = [2.2, 1] if moving else [1]
    with _drawing(4.6, 2.75 if moving else 2.0, nrows=len(ratios), sharex=True, height_ratios=ratios, squeeze=False) as (
        _,
        axes,
        svg,
    ):
        bars = axes[0][0]
        edges, (kept, other, *cut_off) = shown.regrouped(_NUM_BARS)
        steps = _unit_steps(edges, shown.whole)
        everything = kept + other + sum(cut_off, np.zeros_like(kept))
        bars.stairs(everything, steps, fill=True, color=OTHER, label="dropped by another rule")
        own = sum(cut_off, np.zeros_like(kept))
        bars.stairs(kept + own, steps, fill=True, color=DROPPED, label="dropped by this rule")
        bars.stairs(kept, steps, fill=True, color=KEPT, label="kept")
        if _is_lopsided(everything):
            bars.set_yscale("log")
            bars.set_ylim(0.7, everything.max() * 1.6)
        bars.set_ylabel("samples")
        bars.yaxis.set_major_formatter(_thousands)
        axis = axes[-1][0]
        if shown.measure.log and edges[-1] > 8 * max(edges[0], 1e-9):
            axis.set_xscale("symlog", linthresh=1.0, linscale=0.3) if edges[0] <= 0 else axis.set_xscale("log")
            axis.xaxis.set_major_formatter(_thousands)
        axis.set_xlim(steps[0], steps[-1])
        axis.set_xlabel(shown.measure.unit or shown.measure.name.replace("_", " "))
        if moving:
            _yields(axis, shown, moving, num_in, steps)
        for cut in shown.cuts:
            _mark(axes, cut, shown, steps)
    return svg.getvalue()


def _yields(axis: Any, shown: Distribution, moving: Sequence[int], num_in: int, steps: np.ndarray) -> None:
    for number in moving:
        x, y, at = shown.yields(number, num_in)
        exact = slice(at, None) if shown.cuts[number].rule.keeps == "at least" else slice(None, at + 1)
        loose = slice(None, at + 1) if shown.cuts[number].rule.keeps == "at least" else slice(at, None)
        axis.plot(x[exact], y[exact], color=KEPT, linewidth=1.4)
        axis.plot(x[loose], y[loose], color=KEPT, linewidth=1.2, dashes=(2.5, 1.5))
        axis.plot([np.clip(x[at], steps[0], steps[-1])], [y[at]], "o", color=KEPT, markersize=3.5, clip_on=False)
    axis.set_ylim(0, 1.02)
    axis.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
    axis.grid(axis="y")
    axis.set_ylabel("yield")


def _mark(axes: Any, cut: Cut, shown: Distribution, steps: np.ndarray) -> None:
    """The cut as a line through all panels, named at the top."""
    at = shown.border(cut) - (0.5 if _is_unit(shown.edges, shown.whole) else 0.0)
    if not steps[0] <= at <= steps[-1]:
        return
    for row in axes:
        row[0].axvline(at, color=CUT, linewidth=1.0, linestyle=(0, (4, 2)), zorder=5)
    left, right = axes[0][0].transData.transform([(steps[0], 1), (steps[-1], 1)])[:, 0]
    place = (axes[0][0].transData.transform((at, 1))[0] - left) / max(right - left, 1)
    label = f"{cut.rule.name} {number(cut.threshold)}"
    axes[0][0].annotate(
        label,
        (at, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-3 if place > 0.6 else 3, 2),
        textcoords="offset points",
        ha="right" if place > 0.6 else "left",
        va="bottom",
        color=CUT,
        fontsize=7.5,
        annotation_clip=False,
    )


def concept_curve(rank: Sequence[int], before: Sequence[int], after: Sequence[int], head_rank: int | None) -> bytes:
    """Matches added up from the rarest entry to the most frequent, before and after balancing (MetaCLIP's figure)."""
    with _drawing(4.6, 2.6) as (_, axis, svg):
        axis.plot(rank, before, color=INK, linewidth=1.3, label="before")
        axis.plot(rank, after, color=KEPT, linewidth=1.6, label="after")
        if head_rank is not None:
            axis.axvline(head_rank, color=CUT, linewidth=1.0, linestyle=(0, (4, 2)))
            axis.annotate(
                "tail | head",
                (head_rank, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                color=CUT,
                fontsize=7.5,
            )
        axis.set_xlabel("entries, from the rarest to the most frequent")
        axis.set_ylabel("matches, added up")
        axis.set_xlim(left=0, right=max(rank))
        axis.set_ylim(bottom=0)
        axis.xaxis.set_major_formatter(_thousands)
        axis.yaxis.set_major_formatter(_thousands)
        axis.grid(axis="y")
        axis.legend(loc="upper left", fontsize=7.5)
    return svg.getvalue()


def number(value: float) -> str:
    """A number as a reader wants it: thousands apart, at most four digits that matter."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _thousands(value: float, _: int | None = None) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:g}"


def _is_unit(edges: np.ndarray, whole: bool) -> bool:
    return whole and len(edges) > 1 and bool(np.all(np.diff(edges) == 1))


def _unit_steps(edges: np.ndarray, whole: bool) -> np.ndarray:
    """Bars of one whole number each stand centred over it."""
    return edges - 0.5 if _is_unit(edges, whole) else edges


def _is_lopsided(counts: np.ndarray) -> bool:
    """Whether one bar would press all others flat."""
    rest = np.sort(counts[counts > 0])[::-1]
    return len(rest) > 1 and rest[0] > 12 * rest[1:].mean()
