"""What the report shows of the crawl: screenshots with numbered boxes per state, the funnel of pages, what was seen and what was not."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gui_crawl.overlay import draw
from gui_crawl.privacy import masked
from sieveline import ledger, storage
from sieveline.output import Output, file_stem, media_url
from sieveline.report.exhibit import Exhibit, Figure

PAGES, STATES, ELEMENTS = 6, 4, 60
"""Pages shown, states of each, elements listed beside a screenshot."""
_COUNTED = (
    "flaw",
    "detail",
    "reason",
    "kept",
    "page",
    "state",
    "device",
    "num_elements",
    "rejected",
    "audited",
    "audit_agreed",
    "audit_wrong",
    "action",
)


def exhibits(output: Output) -> Mapping[str, Sequence[Exhibit]]:
    """Reads the captures' ledgers one after the other; of their elements only those of the states shown, roles shard by shard."""
    shards = [file_stem(url) for url in storage.listing(storage.join(output.root, "ledger", "captures"), ".parquet")]
    counts = _Counts()
    for shard in shards:
        counts.add(ledger.read_table(output.ledger("captures", shard), [*_COUNTED, "elements"]))
    return {"captures": [_funnel(counts), *_states(output, shards), _roles(counts), _rejected(counts), _audit(counts)]}


class _Counts:
    def __init__(self):
        self.pages = self.captured = self.states = self.kept = self.audited = self.agreed = 0
        self.flaws: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.actions: Counter[str] = Counter()
        self.devices: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.roles: Counter[str] = Counter()
        self.interactive: Counter[str] = Counter()
        self.wrong: list[str] = []

    def add(self, table: pa.Table) -> None:
        self.pages += pc.count_distinct(table["page"]).as_py()
        good = table.filter(pc.is_null(table["flaw"]))
        self.captured += pc.count_distinct(good["page"]).as_py()
        self.states += good.num_rows
        self.kept += pc.sum(pc.cast(table["kept"], pa.int64())).as_py() or 0
        for reason, detail in zip(table["reason"].to_pylist(), table["detail"].to_pylist(), strict=True):
            if reason is not None:
                self.flaws[reason] += 1
                self.examples.setdefault(reason, detail or "")
        self.actions.update(a["kind"] if a else "load" for a in good["action"].to_pylist())
        self.devices.update(good["device"].to_pylist())
        for found in good["rejected"].to_pylist():
            for entry in found or ():
                self.rejected[entry["reason"]] += entry["num"]
        self.audited += pc.sum(good["audited"]).as_py() or 0
        self.agreed += pc.sum(good["audit_agreed"]).as_py() or 0
        self.wrong += [w for found in good["audit_wrong"].to_pylist() for w in found or ()][: 20 - len(self.wrong)]
        elements = pc.list_flatten(good["elements"]).combine_chunks()
        roles = pc.fill_null(pc.struct_field(elements, "role"), "none")
        self.roles.update({v["values"]: v["counts"] for v in pc.value_counts(roles).to_pylist()})
        acts = roles.filter(pc.struct_field(elements, "interactive"))
        self.interactive.update({v["values"]: v["counts"] for v in pc.value_counts(acts).to_pylist()})


def _funnel(counts: _Counts) -> Exhibit:
    rows = [("pages visited", f"{counts.pages:,}", ""), ("pages captured", f"{counts.captured:,}", "")]
    rows += [(f"states reached by {kind}", f"{num:,}", "") for kind, num in counts.actions.most_common()]
    rows += [(f"dropped: {why}", f"{num:,}", counts.examples[why]) for why, num in counts.flaws.most_common()]
    per_page = counts.states / counts.captured if counts.captured else 0
    rows += [("states kept", f"{counts.kept:,}", f"{per_page:.1f} states captured a page")]
    rows += [(f"seen on {device}", f"{num:,}", "") for device, num in counts.devices.most_common()]
    return Exhibit(title="From pages to states", lead="What the crawl went through.", header=("", "number", ""), rows=rows)


def _roles(counts: _Counts) -> Exhibit:
    total = sum(counts.roles.values()) or 1
    rows = [(role, f"{n:,}", f"{n / total:.1%}", f"{counts.interactive[role]:,}") for role, n in counts.roles.most_common(30)]
    return Exhibit(title="Elements by role", header=("role", "elements", "share", "can be acted on"), rows=rows)


def _rejected(counts: _Counts) -> Exhibit:
    rows = [(reason, f"{n:,}", _WHY.get(reason, "")) for reason, n in counts.rejected.most_common()]
    return Exhibit(title="Elements that could not be seen", header=("reason", "elements", "what it means"), rows=rows)


_WHY = {
    "off_screen": "outside the screen",
    "occluded": "something opaque lies above",
    "clipped": "cut off by what it lies in",
    "transparent": "opacity of itself and its ancestors",
    "hidden": "visibility",
    "not_rendered": "content-visibility, closed details",
    "zero_size": "no area, or a pixel for screen readers",
    "no_pixels": "hiding it changed nothing that could be seen",
    "unverified": "in doubt when the screenshots for doubts were used up",
}


def _audit(counts: _Counts) -> Exhibit:
    share = f"{counts.agreed / counts.audited:.2%}" if counts.audited else "none audited"
    rows = [("elements asked about", f"{counts.audited:,}"), ("agree", f"{counts.agreed:,}"), ("share", share)]
    rows += [("disagrees", path) for path in counts.wrong]
    lead = "An element is hidden: if it was listed its box must change, if it was rejected it must not."
    return Exhibit(title="Pixel audit", lead=lead, header=("", ""), rows=rows)


def _states(output: Output, shards: list[str]) -> Iterator[Exhibit]:
    """One exhibit per page: its states in order, boxes numbered, elements listed beside."""
    shown = 0
    for shard in shards[:: max(1, len(shards) // PAGES)]:
        columns = [
            "kept",
            "page",
            "state",
            "parent",
            "action",
            "offset",
            "length",
            "requested",
            "device",
            "scheme",
            "num_elements",
        ]
        table = ledger.read_table(output.ledger("captures", shard), columns)
        table = table.filter(table["kept"])
        pages = pc.unique(table["page"]).to_pylist()
        wanted = pages[:: max(1, len(pages) * len(shards) // PAGES)][: PAGES - shown]
        for page in wanted:
            rows = ledger.read_table(output.ledger("captures", shard))
            rows = rows.filter(pc.and_(pc.equal(rows["page"], page), rows["kept"])).slice(0, STATES).to_pylist()
            if rows:
                yield _page(output, shard, rows)
                shown += 1
        if shown >= PAGES:
            return


def _page(output: Output, shard: str, rows: list[dict[str, Any]]) -> Exhibit:
    url = media_url(output, "captures", shard, None)
    assert url
    pictures = storage.read_ranges(url, [r["offset"] for r in rows], [r["length"] for r in rows])
    done_in = {r["parent"]: r["action"] for r in rows if r["parent"] is not None}
    figures = []
    for row, picture in zip(rows, pictures, strict=True):
        texts = [("elements", "\n".join(_line(e) for e in row["elements"][:ELEMENTS]))]
        note = f"state {row['state']}, {_action(row)}; {row['device']}, {row['scheme']}; {row['num_elements']} elements"
        figures.append(Figure(picture=draw(picture, row["elements"], action=done_in.get(row["state"])), texts=texts, note=note))
    return Exhibit(
        title=f"Page: {rows[0]['caption'] or rows[0]['requested']}",
        lead=rows[0]["requested"],
        figures=figures,
        wide=True,
        side=1100,
    )


def _action(row: dict[str, Any]) -> str:
    action = row["action"]
    if action is None:
        return "as loaded"
    where = "the page" if action["element"] is None else f"element {action['element']} of state {row['parent']}"
    said = f" “{action['text']}”" if action["text"] else ""
    return f"after {action['kind']}{said} on {where}"


def _line(element: dict[str, Any]) -> str:
    said = element["name"] or element["text"] or element["placeholder"] or element["icon"] or ""
    return f"{element['id']}  {element['role'] or element['tag']}  {masked(said)[:60]}"
