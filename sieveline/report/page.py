"""The sample quality report: one HTML file that stands alone.

Everything is inside the page (pictures and plots as data URIs), so it can be mailed, opened from a presigned URL or shown by an
orchestrator. Its content security policy allows no script, no request and no style but its own; captions, keys, patterns and URLs are
strangers' text and are escaped, made one line, and never made a link. The page holds no time, so the same output gives the same bytes.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from sieveline import output as results
from sieveline import storage
from sieveline.ledger import StageCount, read_metadata
from sieveline.lines import Line
from sieveline.output import Output
from sieveline.report import cost, plots, text
from sieveline.report.balance import read_balance
from sieveline.report.clusters import Cluster, Families, read_families
from sieveline.report.contact_sheet import Thumbnail, data_uri, thumbnails
from sieveline.report.exhibit import Exhibit, view
from sieveline.report.gather import SIZES, Sizes, Stage, attach_captions, read_stage
from sieveline.report.sampling import Group
from sieveline.slices import Slice, read_slices

SHOWN_FOLDERS = 4  # of the input, in the head
TRUTH_SCORES = ("precision", "recall", "auc")


def build_report(output: Output, sizes: Sizes = SIZES) -> str:
    """Writes `OUT/report/index.html` from the ledgers and returns its URL.

    Reads, where they are there: `OUT/recipe.json` (`recipe`, `fingerprint`, `config`), `OUT/report/truth.json` (rows of `defect`,
    `planted`, `precision`, `recall`, `auc`, `reasons`), `OUT/costs`, `OUT/shards`, `OUT/failures`. A stage without ledgers is not shown.

    Args:
        sizes: how many samples are shown.
    """
    url = output.report("index.html")
    storage.publish_bytes(url, render(gather(output, sizes)).encode("utf-8", "replace"))
    return url


@dataclass(frozen=True, slots=True)
class Card:
    """One sample as it is shown: picture, caption, where it lies and what was measured."""

    thumbnail: Thumbnail
    caption: str
    key: str
    where: str
    note: str
    row: Mapping[str, Any]


def gather(output: Output, sizes: Sizes) -> dict[str, Any]:
    """Everything the template shows, as plain values."""
    line = output.line
    recipe = recipe_config(output)
    config = recipe.get("config") or {}
    slices = read_slices(output.root)
    counts = [c for c in results.count_stages(output) if c.num_in]
    stages = [s for s in (read_stage(output, c.name, config.get(c.name), sizes) for c in counts) if s is not None]
    duplicates = read_families(output, "cluster_id", "cluster_size")
    floods = read_families(output, "template_id", "template_size", num_others=0, num_rows=4, survivors_first=False)
    balance = read_balance(output, config.get("concepts"))

    by_stage = {s.name: list(_rows(s)) for s in stages}
    for families in (f for f in (duplicates, floods) if f):
        by_stage["duplicates"] += [row for cluster in (*families.largest, *families.others) for row in cluster.rows]
    for stage, rows in by_stage.items():
        attach_captions(output, stage, rows)
    shown = [row for rows in by_stage.values() for row in rows]
    pictures = thumbnails(shown, results.media_urls(output, {row["source_shard"] for row in shown}))
    exhibits = line.exhibits(output) if line.exhibits else {}
    cards = _Cards(pictures)
    truth = _truth(_json(output.report("truth.json")))
    by_name = {s.name: s for s in stages}
    return {
        "input": text.visible(_input(slices) or output.root, 160),
        "line": line.name,
        "unit": line.unit,
        "recipe": {k: text.visible(str(recipe[k]), 80) for k in ("recipe", "fingerprint") if recipe.get(k)},
        "num_shards": sum(len(s.shards) for s in slices),
        "num_slices": len(slices),
        "counts": counts,
        "funnel": _funnel(counts, line),
        "training": _training(output),
        "failed": _problems(results.failed_shards(output)),
        "damaged": _problems(results.damaged_shards(output)),
        "truth": truth,
        "truth_scores": [score for score in TRUTH_SCORES if any(row[score] is not None for row in truth)],
        "stages": [
            _stage_view(output, by_name[c.name], c, cards, exhibits.get(c.name, ())) for c in counts if c.name in by_name
        ],
        "duplicates": _families_view(duplicates, cards),
        "floods": _families_view(floods, cards),
        "balance": _balance_view(balance),
        "costs": cost.stage_costs(counts, line.target),
        "moved": cost.bytes_moved(output, slices, counts),
        "slowest": cost.slowest_shards(output),
        "target": line.target,
    }


def recipe_config(output: Output) -> dict[str, Any]:
    """`OUT/recipe.json`: `recipe` (its name), `fingerprint`, `config` (nested dicts of its fields); empty where there is none."""
    return _json(storage.join(output.root, "recipe.json")) or {}


def render(content: Mapping[str, Any]) -> str:
    """The page as HTML."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return _environment().get_template("page.html.j2").render(content, style=Markup(style), policy=policy)


@cache
def _style() -> str:
    return files("sieveline.report").joinpath("style.css").read_text("utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sieveline.report", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "integer": text.integer,
        "decimal": text.decimal,
        "figures": text.figures,
        "num_bytes": text.num_bytes,
        "short": text.short,
        "words": lambda name: name.replace("_", " "),
        "svg": lambda content: data_uri("image/svg+xml", content),
    }
    environment.globals |= {"percent": text.percent}
    return environment


class _Cards:
    """Makes cards of ledger rows whose captions and thumbnails are known."""

    def __init__(self, pictures: Mapping[tuple[str, int], Thumbnail]):
        self._pictures = pictures

    def card(self, row: Mapping[str, Any], note: str) -> Card:
        caption = text.visible(row.get("caption"), 180)
        where = f"{text.visible(row['source_shard'], 60)} / {text.visible(row['key'], 60)}"
        picture = self._pictures[row["source_shard"], row["offset"]]
        return Card(picture, caption, text.visible(row["key"], 40), where, note, row)

    def cards(self, rows: Iterable[Mapping[str, Any]], note: Callable[[Mapping[str, Any]], str]) -> list[Card]:
        return [self.card(row, note(row)) for row in rows]


def _note(row: Mapping[str, Any]) -> str:
    """What the rule measured, against what it was held."""
    if row.get("value") is None:
        return ""
    if row.get("threshold") is None:
        return text.decimal(row["value"])
    return f"{text.beside(row['value'], row['threshold'])} against {text.decimal(row['threshold'])}"


def _draw_note(row: Mapping[str, Any]) -> str:
    """A keep probability and the draw it was held against."""
    return "" if row.get("value") is None else f"p {text.decimal(row['value'])}, drawn {text.decimal(row['threshold'])}"


def _rows(stage: Stage) -> Iterable[dict[str, Any]]:
    for group in (*stage.groups, *(side for near in stage.nearest for side in (near.passed, near.dropped))):
        yield from group.rows


def _stage_view(output: Output, stage: Stage, count: StageCount, cards: _Cards, exhibits: Sequence[Exhibit]) -> dict[str, Any]:
    about = output.line.stage(stage.name)
    near = {id(n.measure): [] for n in stage.nearest}
    for n in stage.nearest:
        sides = [_side(group, n.cut.threshold, cards) for group in (n.passed, n.dropped)]
        near[id(n.measure)].append(
            {"rule": n.cut.rule.name, "threshold": n.cut.threshold, "passed": sides[0], "dropped": sides[1]}
        )
    plotted = []
    for d in stage.distributions:
        if d.total:
            plot = plots.distribution(d, stage.num_in)
            cut_off = sum(int(c.sum()) for c in d.cut_off)
            plotted.append(
                {
                    "name": d.measure.name,
                    "svg": plot,
                    "cuts": [(c.rule, c.threshold, int(n.sum())) for c, n in zip(d.cuts, d.cut_off, strict=True)],
                    "cut_off": cut_off,
                    "beyond": [(c.rule.name, c.threshold) for i, c in enumerate(d.cuts) if i not in d.cuts_in_view],
                    "unmeasured": stage.num_in - d.total,
                    "nearest": near.get(id(d.measure), []),
                }
            )
    ledgers = output.ledgers(stage.name)
    footer = (read_metadata(ledgers[0]) if ledgers else None) or {}
    note = _draw_note if stage.name == "concepts" else _note
    groups = [{"name": g.name, "total": g.total, "cards": cards.cards(g.rows, note)} for g in stage.groups if g.total]
    shown = {
        "name": stage.name,
        "title": about.title,
        "lead": about.lead,
        "exhibits": [view(e) for e in exhibits],
        "count": count,
        "with_rules": [p for p in plotted if p["cuts"]],
        "without_rules": [p for p in plotted if not p["cuts"]],
        "groups": groups,
        "model": " · ".join(text.visible(str(footer[k]), 80) for k in ("model", "weights") if footer.get(k)),
    }
    if stage.name == "recaption":
        shown["recaptions"] = [
            {"name": g.name, "total": g.total, "pairs": [_recaption(cards.card(r, _note(r))) for r in g.rows[:8]]}
            for g in stage.groups
            if g.total
        ]
    return shown


def _side(group: Group, threshold: float, cards: _Cards) -> dict[str, Any]:
    rows = sorted(group.rows, key=lambda r: r["measured"])
    return {"total": group.total, "cards": [cards.card(r, text.beside(r["measured"], threshold)) for r in rows]}


def _recaption(card: Card) -> dict[str, Any]:
    row = card.row
    return {
        "card": card,
        "original": text.pieces(row.get("caption"), row.get("caption_spans")),
        "candidate": text.pieces(row.get("recaption"), row.get("recaption_spans")),
        "before": row.get("alignment"),
        "after": row.get("candidate_alignment"),
    }


def _families_view(families: Families | None, cards: _Cards) -> dict[str, Any] | None:
    if families is None:
        return None

    def family(cluster: Cluster) -> dict[str, Any]:
        shown = [cards.card(r, "kept" if r["kept"] else _dropped_note(r)) for r in cluster.rows]
        return {"size": cluster.size, "kept": cluster.kept, "cards": shown}

    return {
        "num_families": families.num_families,
        "num_rows": families.num_rows,
        "clusters": [family(c) for c in families.largest],
        "others": [family(c) for c in families.others],
    }


def _dropped_note(row: Mapping[str, Any]) -> str:
    note = (row.get("reason") or "").replace("_", " ")
    return note if row.get("value") is None else f"{note}, {_note(row)}"


def _balance_view(balance: dict[str, Any] | None) -> dict[str, Any] | None:
    if balance is None:
        return None
    plot = plots.concept_ranks(balance["ranks"]["before"], balance["ranks"]["after"], balance["t"])
    top = [entry | {"entry": text.visible(entry["entry"], 40)} for entry in balance["top"][:12]]
    return balance | {"svg": plot, "top": top, "most": max((e["before"] for e in top), default=1)}


def _funnel(counts: Sequence[StageCount], line: Line) -> list[dict[str, Any]]:
    """Per stage what stayed and what went, in parts of all that came in since rows were last made, largest reasons first."""
    pairs = counts[0].num_in if counts else 1
    rows = []
    for count in counts:
        if line.stage(count.name).fans_out:
            pairs = count.num_in
        dropped = sorted(count.dropped.items(), key=lambda x: (-x[1], x[0]))
        rows.append({"count": count, "dropped": dropped, "num_dropped": count.num_in - count.kept, "pairs": pairs})
    return rows


def _training(output: Output) -> dict[str, int]:
    parts = [json.loads(storage.read_bytes(u)) for u in storage.listing(output.shards(), ".tar.json")]
    return {"shards": len(parts), "samples": sum(p["samples"] for p in parts), "bytes": sum(p["bytes"] for p in parts)}


def _problems(found: Mapping[str, str], most: int = 20) -> dict[str, Any]:
    named = [(text.visible(shard, 100), text.visible(why, 300)) for shard, why in sorted(found.items())[:most]]
    return {"named": named, "total": len(found)}


def _truth(rows: Any) -> list[dict[str, Any]]:
    """Rows with every field of the table, None where there is no such figure."""
    found = []
    for row in rows if isinstance(rows, list) else []:
        scores = {s: row[s] if isinstance(row.get(s), (int, float)) else None for s in TRUTH_SCORES}
        texts = {
            "defect": text.visible(str(row.get("defect") or ""), 40),
            "reasons": text.visible(str(row.get("reasons") or ""), 120),
        }
        found.append({"planted": row.get("planted") or row.get("n") or 0, **texts, **scores})
    return found


def _input(slices: Sequence[Slice]) -> str:
    """The pattern of all source shards' URLs, for the page's head: several folders in braces, many as `**`."""
    urls = {s.url.partition("#")[0] for x in slices for s in x.shards}  # behind the #: which part of a file a shard is
    if len(urls) <= 1:
        return next(iter(urls), "")
    endings = {url.rpartition("/")[2].rpartition(".")[2] for url in urls}
    files = f"*.{endings.pop()}" if len(endings) == 1 else "*"
    folders = sorted({url.rpartition("/")[0] for url in urls})
    if len(folders) == 1:
        return f"{folders[0]}/{files}"
    low, high = f"{folders[0]}/", f"{folders[-1]}/"
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    root = low[:same].rpartition("/")[0]
    inside = [folder[len(root) + 1 :] for folder in folders]
    return f"{root}/{{{','.join(inside)}}}/{files}" if len(folders) <= SHOWN_FOLDERS else f"{root}/**/{files}"


def _json(url: str) -> Any:
    return json.loads(storage.read_bytes(url)) if storage.exists(url) else None
