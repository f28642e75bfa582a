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
_STYLE: dict[Any, Any] = {
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
    "axes.labelpad": 3.0,
    "axes.unicode_minus": False,
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
_MARGINS = {"left": 0.135, "right": 0.985}


@contextmanager
def _drawing(width: float, height: float, **subplots: Any) -> Iterator[tuple[Any, io.BytesIO]]:
    """A figure of `width` by `height` inches in the house style: its axes, and where its SVG goes when the block ends."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    svg = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height))
        FigureCanvasSVG(figure)
        axes = figure.subplots(**subplots)
        figure.subplots_adjust(**_MARGINS, top=1 - 0.2 / height, bottom=0.42 / height, hspace=0.16)
        yield axes, svg
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})


def distribution(shown: Distribution, num_in: int) -> bytes:
    """Histogram of a measured number with its cuts, and below it, where there is a cut, the yield as it moves."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    moving = [i for i in shown.cuts_in_view if shown.cuts[i].rule.keeps]
    ratios = [2.2, 1] if moving else [1]
    height = 2.75 if moving else 2.0
    # A bar of one whole number stands centred over it.
    shift = 0.5 if shown.unit_bins else 0.0
    with _drawing(4.6, height, nrows=len(ratios), sharex=True, height_ratios=ratios, squeeze=False) as (axes, svg):
        bars, axis = axes[0][0], axes[-1][0]
        edges, (kept, other, *cut_off) = shown.regrouped()
        own = sum(cut_off, np.zeros_like(kept))
        for counts, colour in ((kept + own + other, OTHER), (kept + own, DROPPED), (kept, KEPT)):
            bars.stairs(counts, edges - shift, fill=True, color=colour)
        everything = kept + own + other
        is_log = _is_lopsided(everything, own)
        if is_log:
            bars.set_yscale("log")
            bars.set_ylim(0.7, everything.max() * 1.6)
        bars.set_ylabel("samples, log" if is_log else "samples")
        bars.yaxis.set_major_formatter(FuncFormatter(_compact))
        if shown.measure.log and edges[-1] > 8 * max(edges[0], 1e-9) and not shift:
            axis.set_xscale("symlog", linthresh=1.0, linscale=0.3) if edges[0] <= 0 else axis.set_xscale("log")
            axis.xaxis.set_major_formatter(FuncFormatter(_compact))
            axis.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
        elif shift:
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlim(edges[0] - shift, edges[-1] - shift)
        axis.set_xlabel(shown.measure.unit or shown.measure.name.replace("_", " "))
        if moving:
            _yields(axis, shown, moving, num_in, shift)
        for i in shown.cuts_in_view:
            _mark(axes, shown.cuts[i], shown.border(shown.cuts[i]) - shift)
    return svg.getvalue()


def _yields(axis: Any, shown: Distribution, moving: Sequence[int], num_in: int, shift: float) -> None:
    for i in moving:
        x, y, at = shown.yields(i, num_in)
        x = x - shift
        before, after = slice(None, at + 1), slice(at, None)
        exact, loose = (after, before) if shown.cuts[i].rule.keeps == "at least" else (before, after)
        axis.plot(x[exact], y[exact], color=KEPT, linewidth=1.4)
        axis.plot(x[loose], y[loose], color=KEPT, linewidth=1.2, dashes=(2.5, 1.5))
        axis.plot([x[at]], [y[at]], "o", color=KEPT, markersize=3.5, clip_on=False)
    axis.set_ylim(0, 1.02)
    axis.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
    axis.grid(axis="y")
    axis.set_ylabel("yield")


def _mark(axes: Any, cut: Cut, at: float) -> None:
    """The cut as a line through all panels, named at the top."""
    for row in axes:
        row[0].axvline(at, color=CUT, linewidth=1.0, linestyle=(0, (4, 2)), zorder=5)
    top = axes[0][0]
    on_the_right = top.transAxes.inverted().transform(top.transData.transform((at, 1.0)))[0] > 0.6
    top.annotate(
        f"{cut.rule.name} {number(cut.threshold)}",
        (at, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-3 if on_the_right else 3, 2),
        textcoords="offset points",
        ha="right" if on_the_right else "left",
        va="bottom",
        color=CUT,
        fontsize=7.5,
        annotation_clip=False,
    )


def concept_ranks(before: np.ndarray, after: np.ndarray, t: int | None, most: int = 400) -> bytes:
    """Matches of each entry, the most frequent first, before and after balancing: the head is cut at t, the tail stays.

    Args:
        before: int64 (entries,), descending, all above 0.
        after: the same entries' matches among the kept samples.
        t: of the balance, or None.
        most: places drawn, spread evenly over the logarithm of the rank; between them the mean stands.
    """
    from matplotlib.ticker import FuncFormatter

    starts = np.unique(np.geomspace(1, len(before), min(most, len(before))).astype(int)) - 1
    sizes = np.diff(np.append(starts, len(before)))
    rank = starts + 1 + (sizes - 1) / 2
    with _drawing(4.6, 2.5, squeeze=False) as (axes, svg):
        axis = axes[0][0]
        axis.set_xscale("log")
        axis.set_yscale("symlog", linthresh=1.0, linscale=0.3)
        axis.plot(rank, np.add.reduceat(after, starts) / sizes, color=KEPT, linewidth=1.2, label="after")
        axis.plot(rank, np.add.reduceat(before, starts) / sizes, color=INK, linewidth=1.4, label="before")
        axis.set_xlim(1, max(len(before), 2))
        axis.set_ylim(0, before[0] * 1.3)
        if t is not None:
            axis.axhline(t, color=CUT, linewidth=1.0, linestyle=(0, (4, 2)))
            axis.annotate(
                f"t = {number(t)}",
                (1.0, t),
                xycoords=("axes fraction", "data"),
                xytext=(0, 2),
                textcoords="offset points",
                ha="right",
                color=CUT,
                fontsize=7.5,
            )
        axis.set_xlabel("entries, the most frequent first")
        axis.set_ylabel("matches of an entry")
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter(FuncFormatter(_compact))
            side.set_minor_formatter(FuncFormatter(lambda value, _: ""))
        axis.grid(axis="y")
        axis.legend(loc="lower left", fontsize=7.5)
    return svg.getvalue()


def number(value: float) -> str:
    """A number as a reader wants it: thousands apart, at most four digits that matter."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _compact(value: float, _: int | None = None) -> str:
    """A tick's label: 200, 10k, 2M, 0.5."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):g}{unit}"
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _is_lopsided(everything: np.ndarray, dropped: np.ndarray) -> bool:
    """Whether the highest bar would press the others, or what was dropped, out of sight."""
    bars = np.sort(everything[everything > 0])[::-1]
    return len(bars) > 1 and (bars[0] > 12 * bars[1:].mean() or 0 < dropped.max() < bars[0] / 8)
