"""Captures: web pages visited, explored and looked at; one row per captured state, or per page or state that could not be captured.

`gui_crawl.crawl.crawl` makes the rows and the screenshots; `decide` holds the rows against the thresholds of `Captures`. Rules are asked in
this order: what went wrong (`flaw`), too few elements, near duplicates of an earlier page of the share. A state goes where its page went: when
a loaded page (state 0) is dropped as a near duplicate, the states explored from it are too.

`MEASURED`: one row per state. Null where the page could not be captured, or it makes no sense.

| column | type | meaning |
|---|---|---|
| flaw | string | `Reason` why there is no capture; null for a capture |
| detail | string | what went wrong, one line |
| caption | string | what thumbnails are captioned with: the title, or the URL of a page that failed |
| requested | string | the page's canonical URL as the frontier had it |
| url | string | where the browser ended |
| host | string | of `requested` |
| site | string | its registrable domain, or the name a folder is served under |
| page | int32 | number of the page in its share, 0 first |
| depth | int32 | links from a given URL to the page |
| state | int32 | number of the state in its page, 0 for the page as loaded |
| steps | int32 | actions since the load |
| parent | int32 | number of the state that `action` was done in |
| before | string | its sample_id |
| action | struct | `gui_crawl.elements.ACTION`: what led here from there |
| device | string | name of the screen |
| viewport_width | int32 | CSS pixels |
| viewport_height | int32 | CSS pixels |
| scale | float | screenshot pixels per CSS pixel |
| scheme | string | light or dark, as asked of the page |
| locale | string | BCP 47, as asked of the page |
| width | int32 | of the screenshot, pixels |
| height | int32 | of the screenshot, pixels |
| screenshot_bytes | int64 | size of the PNG |
| title | string | of the page |
| language | string | that the page claims to be in |
| dom_hash | string | 16 hex digits over the elements: kind, text, value, place |
| text_hash | uint64 | SimHash over the texts of the whole document as loaded |
| pixel_hash | uint64 | perceptual hash of the screenshot |
| change | float | share of pixels that differ from the parent's, 0-1 |
| num_elements | int32 | visible, meaningful elements |
| num_interactive | int32 | those that can be clicked, typed into or chosen |
| elements | list<struct> | `gui_crawl.elements.ELEMENT` |
| rejected | list<struct> | reason and number of the elements that could not be seen |
| pixel_checks | int32 | screenshots taken to settle doubts |
| audited | int32 | elements asked about by the pixel audit; null if this capture was not audited |
| audit_agreed | int32 | those where hiding the element changed, or did not change, its box as the listing says |
| audit_wrong | list<string> | the others: listed or rejected, and path |
| consent | bool | a cookie banner was closed |
| complete | bool | the load event came and the page fell quiet in time |
| dialogs | int32 | alerts and the like dismissed |
| blocked | int32 | documents not let through: forms, links while exploring |
| twin | string | sample_id of the earlier page of the share most like this one (state 0 only) |
| twin_dom_distance | int32 | bits between their text hashes, 0-64 |
| twin_pixel_distance | int32 | bits between their pixel hashes, 0-64; null if they were seen on different screens |
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gui_crawl.crawl import Crawl
from gui_crawl.elements import ACTION, ELEMENT
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts

MEASURED = pa.schema(
    [
        ("flaw", pa.string()),
        ("detail", pa.string()),
        ("caption", pa.string()),
        ("requested", pa.string()),
        ("url", pa.string()),
        ("host", pa.string()),
        ("site", pa.string()),
        ("page", pa.int32()),
        ("depth", pa.int32()),
        ("state", pa.int32()),
        ("steps", pa.int32()),
        ("parent", pa.int32()),
        ("before", pa.string()),
        ("action", ACTION),
        ("device", pa.string()),
        ("viewport_width", pa.int32()),
        ("viewport_height", pa.int32()),
        ("scale", pa.float32()),
        ("scheme", pa.string()),
        ("locale", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("screenshot_bytes", pa.int64()),
        ("title", pa.string()),
        ("language", pa.string()),
        ("dom_hash", pa.string()),
        ("text_hash", pa.uint64()),
        ("pixel_hash", pa.uint64()),
        ("change", pa.float32()),
        ("num_elements", pa.int32()),
        ("num_interactive", pa.int32()),
        ("elements", pa.list_(ELEMENT)),
        ("rejected", pa.list_(pa.struct([("reason", pa.string()), ("num", pa.int32())]))),
        ("pixel_checks", pa.int32()),
        ("audited", pa.int32()),
        ("audit_agreed", pa.int32()),
        ("audit_wrong", pa.list_(pa.string())),
        ("consent", pa.bool_()),
        ("complete", pa.bool_()),
        ("dialogs", pa.int32()),
        ("blocked", pa.int32()),
        ("twin", pa.string()),
        ("twin_dom_distance", pa.int32()),
        ("twin_pixel_distance", pa.int32()),
    ]
)

LEDGER = MEASURED
"""All of it: the questions are made of the ledger's rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Captures:
    """Thresholds; `None` turns a rule off. A value equal to its threshold is kept.

    Attributes:
        measuring: the crawl itself.
        urls_per_shard: URLs of one site in one source shard.
        max_urls: URLs of the input in all; None for no limit.
        min_elements: visible elements; below it there is nothing to ask about.
        max_twin_dom, max_twin_pixel: bits of 64; a page within both of an earlier page of its share is its near duplicate. Seen on
            different screens, the first alone counts.
    """

    measuring: Crawl = field(default_factory=Crawl)
    urls_per_shard: int = 200
    max_urls: int | None = None
    min_elements: int | None = 3
    max_twin_dom: int | None = 3  # the distance of Manku et al. (2007) for web pages
    max_twin_pixel: int | None = 6

    def __post_init__(self):
        if self.urls_per_shard < 1:
            raise ConfigError("captures: urls_per_shard must be at least 1")


def decide(columns: pa.Table | pa.RecordBatch, config: Captures) -> pa.Table:
    """The verdict on every row of a share: a table of `VERDICT`, row for row."""
    verdicts = Verdicts(columns.num_rows)

    def numbers(name: str) -> np.ndarray:  # nulls become NaN, which no comparison holds for
        return columns[name].cast(pa.float64()).to_numpy(zero_copy_only=False)

    flaws = columns["flaw"]
    for flaw in flaws.unique().drop_null().to_pylist():
        verdicts.rule(Reason(flaw), pc.fill_null(pc.equal(flaws, flaw), False).to_numpy(zero_copy_only=False))
    if config.min_elements is not None:
        elements = numbers("num_elements")
        verdicts.rule(Reason.FEW_ELEMENTS, elements < config.min_elements, elements, config.min_elements)
    if config.max_twin_dom is not None and config.max_twin_pixel is not None:
        dom, pixel = numbers("twin_dom_distance"), numbers("twin_pixel_distance")
        near = (dom <= config.max_twin_dom) & ~(pixel > config.max_twin_pixel)
        pages = columns["page"].to_numpy(zero_copy_only=False)
        verdicts.rule(Reason.NEAR_DUPLICATE, np.isin(pages, pages[near]), dom, config.max_twin_dom)
    return verdicts.table()
