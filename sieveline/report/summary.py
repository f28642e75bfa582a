"""What an orchestrator's page shows of one materialisation: a short summary, and a dialog of samples, both in markdown.

Captions of strangers are inert in it: every character that markdown or HTML could read is written as a character reference.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sieveline import storage
from sieveline.ledger import StageCount
from sieveline.output import Output, count_stages, media_urls
from sieveline.report import text
from sieveline.report.contact_sheet import Thumbnail, thumbnails
from sieveline.report.gather import Nearest, Sizes, Stage, attach_captions, read_stage
from sieveline.report.page import recipe_config

INLINE_CHARACTERS = 1_000
"""Longer markdown opens a dialog."""
DIALOG_BYTES = 250_000
"""What an event log that is never pruned should be given at most."""
_SIDE, _QUALITY = 72, 55
_COLUMNS = 6


def inline_summary(
    count: StageCount, problems: Mapping[str, str] | None = None, num_reasons: int = 4, unit: str = "pair"
) -> str:
    """One stage's counts in markdown of less than `INLINE_CHARACTERS` characters.

    Args:
        count: of the stage, over the materialised shards.
        problems: shards that failed or were damaged, and why; named first.
        num_reasons: how many of the most frequent reasons are named.
        unit: what a sample is called.
    """
    lines = []
    if problems:
        named = ", ".join(text.markdown(shard, 40) for shard in sorted(problems)[:3])
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        lines.append(f"**{len(problems)} shard{'s' if len(problems) > 1 else ''} failed or damaged**: {named}{more}")
    lines.append(
        f"**{text.integer(count.kept)}** of {text.integer(count.num_in)} kept ({text.percent(count.kept, count.num_in)}), "
        f"{text.figures(1e3 * count.cpu_seconds / count.num_in if count.num_in else 0)} CPU-ms a {unit}"
    )
    top = sorted(count.dropped.items(), key=lambda x: (-x[1], x[0]))
    if top:
        named = ", ".join(f"{reason.replace('_', ' ')} {text.integer(n)}" for reason, n in top[:num_reasons])
        rest = sum(n for _, n in top[num_reasons:])
        lines.append(f"dropped: {named}" + (f", other {text.integer(rest)}" if rest else ""))
    summary = "\n\n".join(lines)
    assert len(summary) < INLINE_CHARACTERS
    return summary


def dialog_markdown(output: Output, stage: str, shard_ids: Iterable[str], max_bytes: int = DIALOG_BYTES) -> str:
    """Samples of one stage in markdown tables: kept, dropped by each reason, nearest to each threshold.

    Args:
        shard_ids: of the materialised partition.
        max_bytes: of UTF-8, at most. Where it runs out, later tables lose their pictures, then are left out, and the end says so.
    """
    shard_ids = list(shard_ids)
    config = (recipe_config(output).get("config") or {}).get(stage)
    found = read_stage(output, stage, config, Sizes(kept=_COLUMNS * 2, reason=_COLUMNS, nearest=_COLUMNS), shard_ids)
    if found is None:
        return f"No rows in `{stage}`."
    [count] = count_stages(output, shard_ids, [stage])
    tables = _tables(found)
    rows = [row for _, shown in tables for row in shown]
    attach_captions(output, stage, rows)
    pictures = thumbnails(rows, media_urls(output, {row["source_shard"] for row in rows}), _SIDE, _QUALITY)

    parts = [_counts(count)]
    left = max_bytes - len(parts[0].encode()) - 200
    left_out = 0
    for title, shown in tables:
        part = _table(title, shown, pictures)
        if len(part.encode()) > left:
            part = _table(title, shown, {})
        if len(part.encode()) > left:
            left_out += 1
            continue
        parts.append(part)
        left -= len(part.encode()) + 2
    if left_out:
        parts.append(
            f"{left_out} more tables do not fit here; the full report at `{storage.join('report', 'index.html')}` has them."
        )
    return "\n\n".join(parts)


def _counts(count: StageCount) -> str:
    rows = [
        f"| {r.replace('_', ' ')} | {text.integer(n)} | {text.percent(n, count.num_in)} |"
        for r, n in count.dropped.most_common()
    ]
    head = [
        "| | samples | share |",
        "|---|---:|---:|",
        f"| in | {text.integer(count.num_in)} | |",
        f"| **kept** | **{text.integer(count.kept)}** | **{text.percent(count.kept, count.num_in)}** |",
    ]
    return "\n".join([*head, *rows])


def _tables(stage: Stage) -> list[tuple[str, Sequence[dict[str, Any]]]]:
    tables = [(f"{g.name.replace('_', ' ')} ({text.integer(g.total)})", g.rows) for g in stage.groups if g.rows]
    return tables + [table for near in stage.nearest for table in _nearest(near)]


def _nearest(near: Nearest) -> list[tuple[str, Sequence[dict[str, Any]]]]:
    name = f"`{near.cut.rule.name}` {text.decimal(near.cut.threshold, 6)}"
    return [(f"nearest to {name}, passed", near.passed.rows), (f"nearest to {name}, dropped", near.dropped.rows)]


def _table(title: str, rows: Sequence[dict[str, Any]], pictures: Mapping[tuple[str, int], Thumbnail]) -> str:
    lines = [f"### {title}", ""]
    for start in range(0, len(rows), _COLUMNS):
        part = rows[start : start + _COLUMNS]
        cells = [_picture(pictures.get((r["source_shard"], r["offset"]))) for r in part]
        if start:
            lines.append("")
        lines += [f"| {' | '.join(cells)} |", f"|{'---|' * len(part)}", f"| {' | '.join(map(_caption, part))} |"]
    return "\n".join(lines)


def _picture(picture: Thumbnail | None) -> str:
    if picture is None:
        return " "
    return f"![]({picture.uri})" if picture.uri else f"*{picture.fault}*"


def _caption(row: Mapping[str, Any]) -> str:
    value = row.get("measured", row.get("value"))
    number = f"**{text.decimal(value)}** " if value is not None else ""
    return f"{number}{text.markdown(row.get('caption'), 90) or '*no caption*'}"
