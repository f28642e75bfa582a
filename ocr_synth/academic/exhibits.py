"""What the report shows of the academic line: pages beside their markup, kept and rejected, and what became of the papers."""

import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from PIL import Image

from sieveline import draws, ledger
from sieveline.output import Output, file_stem, media_url
from sieveline.report.exhibit import Exhibit, Figure
from sieveline.shards.source import read_images

NUM_KEPT, NUM_REJECTED = 8, 12
_SCORES = ("precision", "recall", "boundary")
_SHOWN = (*_SCORES, "sample_id", "paper", "page", "num_pages", "caption", "kept", "reason", "offset", "length", "leftovers")


def exhibits(output: Output) -> Mapping[str, Sequence[Exhibit]]:
    """Stage -> exhibits. A few pages are drawn by hash of their ids: kept ones, and of every reason as many as come evenly."""
    drawn: dict[str | None, list[tuple[float, str, dict[str, Any]]]] = defaultdict(list)
    for url in output.ledgers("pages"):
        for row in _rows(url, _SHOWN):
            pool = drawn[row["reason"]]
            pool.append((draws.uniform(0, "exhibit", row["sample_id"]), file_stem(url), row))
            pool.sort(key=lambda entry: entry[0])
            del pool[max(NUM_KEPT, NUM_REJECTED) :]
    kept = [_figure(output, shard, row) for _, shard, row in drawn.pop(None, [])[:NUM_KEPT]]
    reasons = sorted(reason for reason in drawn if reason)
    each = -(-NUM_REJECTED // max(1, len(reasons)))
    rejected = [_figure(output, shard, row) for reason in reasons for _, shard, row in drawn[reason][:each]][:NUM_REJECTED]
    pages = [Exhibit(title="Kept pages", lead="Drawn at random, each beside its markup.", figures=kept, wide=True, side=900)]
    if rejected:
        lead = "Drawn at random from every reason; the markup is what would have been written."
        pages.append(Exhibit(title="Rejected pages", lead=lead, figures=rejected, wide=True, side=900))
    return {"papers": [_papers(output)], "pages": pages}


def _papers(output: Output) -> Exhibit:
    """Every paper that was not converted, up to a hundred, and how many pages of the others were kept."""
    rows, reasons = [], Counter()
    for url in output.ledgers("papers"):
        for row in _rows(url, ("paper", "kept", "reason", "detail", "num_pages", "latex_errors")):
            reasons[row["reason"] or "converted"] += 1
            if not row["kept"] and len(rows) < 100:
                rows.append((row["paper"], row["reason"], row["detail"] or ""))
    if not rows:
        return Exhibit(title="Conversion", lead="Every paper was converted.")
    lead = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
    return Exhibit(title="Papers that were not converted", lead=lead, header=("paper", "reason", "detail"), rows=rows)


def _rows(url: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    yield from ledger.read_table(url, list(columns)).to_pylist()


def _figure(output: Output, shard: str, row: dict[str, Any]) -> Figure:
    scores = ", ".join(f"{name} {row[name]:.2f}" for name in _SCORES if row[name] is not None)
    note = f"{row['paper']}, page {row['page']} of {row['num_pages']}: {scores}"
    if row["reason"]:
        note = f"{row['reason']}. {note}"
    return Figure(picture=_picture(output, shard, row), texts=[("markup", row["caption"])], note=note, kept=row["kept"])


def _picture(output: Output, shard: str, row: dict[str, Any]) -> Image.Image | None:
    url = media_url(output, "papers", shard, None)
    if url is None:
        return None
    try:
        [content] = read_images(url, [row["offset"]], [row["length"]])
        return Image.open(io.BytesIO(content)).convert("RGB")
    except OSError:  # the media were removed since; the markup still shows
        return None
