"""The crawl of one share of a site: page by page from the frontier, each page's states as rows and screenshots.

For every page: may it be visited (robots.txt, address), is it a page at all (status, type, opt-out), then its cookie banner is closed, its
states are explored and its links go into the frontier. A page that fails gives one row with the reason. Pages wait for their site's turn.

Memory is bounded by one page: its states are put down in the frontier's file when it is done, and read back from there.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import xxhash
from playwright.sync_api import Error

from classifiers.perceptual_hash import phash
from gui_crawl.addresses import Share, canonical, site
from gui_crawl.audit import audit
from gui_crawl.browser import Browser, Chromium
from gui_crawl.covering import covered
from gui_crawl.devices import Guise, Guises
from gui_crawl.explore import Exploring, State, explore
from gui_crawl.frontier import MAX_ATTEMPTS, Frontier, Page, Result, Turns
from gui_crawl.gateway import Gateway
from gui_crawl.listing import Looking
from gui_crawl.privacy import masked
from gui_crawl.robots import Manners, Robots, directives, may_follow, opted_out
from gui_crawl.tab import PageFailure, Patience, Tab, Visit
from sieveline.draws import uniform
from sieveline.errors import ConfigError
from sieveline.reasons import Reason

NUM_TEXTS = 4000  # of a document, by which its near duplicates are known


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a page may take.

    Attributes:
        seconds: of the clock, for one page with all its states.
        bytes: that it may bring in, over all its requests.
        links: of one page that go into the frontier.
        depth: links from a given URL to a page; 0 visits the given ones only.
        pages: of one share.
    """

    seconds: float = 120.0
    bytes: int = 50_000_000
    links: int = 200
    depth: int = 0
    pages: int = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Crawl:
    """Everything a crawl depends on.

    Attributes:
        allow: hosts (`host` or `host:port`) that may lie on private addresses; they count as loopback: forms may be submitted there.
        audit: share of captures whose listing is audited, 0-1.
        audit_elements, audit_rounds: elements and screenshots of one audit, at most.
    """

    chromium: Chromium = field(default_factory=Chromium)
    guises: Guises = field(default_factory=Guises)
    patience: Patience = field(default_factory=Patience)
    looking: Looking = field(default_factory=Looking)
    exploring: Exploring = field(default_factory=Exploring)
    manners: Manners = field(default_factory=Manners)
    limits: Limits = field(default_factory=Limits)
    allow: tuple[str, ...] = ()
    audit: float = 0.03
    audit_elements: int = 60
    audit_rounds: int = 6


class SiteCrawl:
    """The crawl of `share`, with its results kept in `folder`.

    Args:
        config: see `Crawl`.
        seed: what is drawn, is drawn by it.
        folder: on the local disk, for the frontier and the turns of sites.
        gateway, browser: by which the pages are visited.
    """

    def __init__(self, share: Share, config: Crawl, seed: int, folder: Path, gateway: Gateway, browser: Browser):
        self.share, self.config, self.seed = share, config, seed
        self.gateway, self.browser = gateway, browser
        self.frontier = Frontier(folder / f"{share.id}.sqlite", config.limits.pages)
        self.turns = Turns(folder / "turns")
        manners = replace(config.manners, delay=0.0, robots=False) if share.folder else config.manners
        self.manners, self.robots = manners, Robots(gateway, manners, config.chromium.agent)
        self.twins: list[
            tuple[str, tuple[str, str], int, int]
        ] = []  # of the pages done: sample id, screen, hashes of text and pixels
        self._tabs: dict[Guise, Tab] = {}
        self._deadline = 0.0

    def pages(self) -> Iterator[Result]:
        """Every page's rows and screenshots, those of an earlier, interrupted run first."""
        for rows, screens in self.frontier.results():
            self._remember(rows)
            yield rows, screens
        self.frontier.add(self.share.urls, 0)
        while (page := self.frontier.next()) is not None:
            rows, screens, links = self._page(page)
            self.frontier.finish(page, rows, screens, links)
            self._remember(rows)
            yield self.frontier.result(page.number)
        self.browser.forget(self.share.site)

    # -- one page

    def _page(self, page: Page) -> tuple[list[dict[str, Any]], list[bytes | None], list[str]]:
        guise = self.config.guises.draw(self.seed, self.share.site, page.url)
        rows: list[dict[str, Any]] = []
        screens: list[bytes | None] = []
        links: list[str] = []
        started = self.browser.num_starts
        try:
            if page.attempts >= MAX_ATTEMPTS:
                raise PageFailure(Reason.PAGE_CRASHED, "took the crawl down with it")
            if not self.robots.allows(page.url):
                raise PageFailure(Reason.ROBOTS, "robots.txt")
            for state, visit, more in self._states(page, guise, links):
                rows.append(self._row(page, guise, visit, state, more, rows))
                screens.append(state.png)
        except PageFailure as failure:
            why = self.browser.watchdog.over or (Reason.PAGE_BYTES if self.gateway.meter.over else failure.reason)
            asked = {urlsplit(u).hostname for u in (page.url, *(b.rpartition(" ")[2] for b in self._blocked(guise)))}
            if (
                why in (Reason.UNREACHABLE, Reason.HTTP_STATUS, Reason.NAVIGATION_BLOCKED)
                and asked & self.gateway.meter.refused
            ):
                why = Reason.PRIVATE_ADDRESS
            self._drop_tab(guise, failure)
            detail = failure.detail or ", ".join(sorted(self.gateway.meter.refused)[:3])
            rows.append(failed_row(page, guise, self.share, why, detail, len(rows)))
            screens.append(None)
        finally:
            self.browser.watchdog.stop()
            self.gateway.meter.start(None)
            if started != self.browser.num_starts:
                self._tabs = {g: t for g, t in self._tabs.items() if g == guise and not t.dead}
        return rows, screens, links

    def _states(self, page: Page, guise: Guise, links: list[str]) -> Iterator[tuple[State, Visit, dict[str, Any]]]:
        config = self.config
        self.turns.wait(self.share.site, self.robots.delay(page.url) if page.url.startswith("http") else 0)
        self._deadline = time.monotonic() + config.limits.seconds
        self.gateway.meter.start(config.limits.bytes)
        tab = self._tab(guise)
        self.browser.watchdog.start(config.limits.seconds + 5)
        try:
            visit = tab.open(page.url)
            self._check(visit)
            found = self._survey(tab)
            follow = self._read_directives(found["directives"], visit)
            closed = self._close_banner(tab, found["consent"])
            if closed:
                found = self._survey(tab)
            tab.open_closed_roots()
            if follow and page.depth < config.limits.depth:
                leading = (canonical(u) for u in found["links"])
                links += [u for u in leading if u and site(u) == self.share.site]
            texts = text_hash(found["texts"])
            states = explore(
                tab,
                config.exploring,
                config.looking,
                seed=self.seed,
                name=page.url,
                again=lambda: self._again(tab, page.url),
                left=lambda: min(
                    self._deadline - time.monotonic(),
                    self._deadline - config.limits.seconds + config.exploring.seconds - time.monotonic(),
                ),
            )
            for state in states:
                if self.gateway.meter.over:
                    raise PageFailure(Reason.PAGE_BYTES, f"more than {config.limits.bytes} bytes")
                more = {"consent": closed, "text_hash": texts, **self._audited(tab, state, page)}
                if state.listing.covers:
                    state.png = covered(state.image, state.listing.covers)
                yield state, visit, more
        except Error as error:
            raise tab.failure(error) from error

    def _tab(self, guise: Guise) -> Tab:
        try:
            context = self.browser.context(self.share.site, guise)
            tab = self._tabs.get(guise)
            if tab is None or tab.dead or tab.context is not context:
                tab = self._tabs[guise] = Tab(context, guise.device, self.config.patience, self._may_submit)
        except Error as error:
            raise PageFailure(Reason.PAGE_CRASHED, f"no tab: {str(error).splitlines()[0]}") from error
        self.browser.num_pages += 1
        tab.may_visit = self._why_not
        return tab

    def _drop_tab(self, guise: Guise, failure: PageFailure) -> None:
        """A page that failed may go on doing what it did: it does not get another address."""
        tab = self._tabs.pop(guise, None)
        if self.browser.watchdog.over is not None or (tab is not None and failure.reason == Reason.PAGE_CRASHED):
            tab = None
            self._tabs.clear()
            self.browser.close()
        if tab is not None:
            tab.close()

    def _blocked(self, guise: Guise) -> list[str]:
        return self._tabs[guise].visit.blocked if guise in self._tabs else []

    def _may_submit(self, url: str) -> bool:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return host in self.gateway.folders or host in self.config.allow or f"{host}:{parts.port or 80}" in self.config.allow

    def _why_not(self, url: str) -> str | None:
        """Why the page may not go on to `url`."""
        if not url.startswith(("http://", "https://")):
            return "not the web"
        return None if self.robots.allows(url) else "robots.txt"

    def _check(self, visit: Visit) -> None:
        if self.gateway.meter.over:
            raise PageFailure(Reason.PAGE_BYTES, f"more than {self.config.limits.bytes} bytes")
        if visit.url.startswith("chrome-error:"):
            raise PageFailure(Reason.UNREACHABLE, "")
        if visit.status >= 400:
            raise PageFailure(Reason.HTTP_STATUS, str(visit.status))
        kind = visit.headers.get("content-type", "text/html").split(";")[0].strip().lower()
        if visit.status and kind not in ("text/html", "application/xhtml+xml", ""):
            raise PageFailure(Reason.NOT_HTML, kind)

    def _survey(self, tab: Tab) -> dict[str, Any]:
        """What the document says of itself: `directives`, `consent` (where a cookie banner is clicked away), `texts`, `links`."""
        return tab.call("survey", {"texts": NUM_TEXTS, "links": self.config.limits.links})

    def _read_directives(self, metas: list[str], visit: Visit) -> bool:
        """Whether links may be followed.

        Raises:
            PageFailure: the page opts out.
        """
        agent = self.config.chromium.agent.split("/")[0]
        found = directives([visit.headers.get("x-robots-tag", ""), *metas], agent)
        if opted_out(found, self.manners):
            raise PageFailure(Reason.OPTED_OUT, ", ".join(sorted(found))[:80])
        return may_follow(found)

    def _close_banner(self, tab: Tab, point: list[float] | None) -> bool:
        if point is None:
            return False
        tab.exploring = True
        tab.click(*point)
        tab.settle()
        tab.exploring = False
        return True

    def _again(self, tab: Tab, url: str) -> bool:
        self.turns.wait(self.share.site, self.manners.delay)
        if self._deadline - time.monotonic() < 2:
            return False
        tab.open(url)
        self._close_banner(tab, self._survey(tab)["consent"])
        tab.open_closed_roots()
        return True

    def _audited(self, tab: Tab, state: State, page: Page) -> dict[str, Any]:
        config = self.config
        name = f"{page.url} {state.number}"
        if uniform(self.seed, "audited", name) >= config.audit:
            return {}
        found = audit(
            tab, state.image, state.listing, most=config.audit_elements, rounds=config.audit_rounds, seed=self.seed, name=name
        )
        return {
            "audited": found.asked,
            "audit_agreed": found.agree,
            "audit_wrong": [f"{'listed' if listed else 'rejected'} {path}"[:300] for listed, path in found.wrong],
        }

    # -- rows

    def _row(
        self, page: Page, guise: Guise, visit: Visit, state: State, more: dict[str, Any], rows: list[dict[str, Any]]
    ) -> dict[str, Any]:
        listing, height, width = state.listing, *state.image.shape[:2]
        pixel_hash = phash(cv2.cvtColor(state.image, cv2.COLOR_BGR2RGB))
        name = xxhash.xxh3_128_hexdigest(f"{page.url}\0{state.number}\0".encode() + state.png)
        twin = self._twin(guise, more["text_hash"], pixel_hash) if state.number == 0 else {}
        return place_columns(page, guise, self.share) | {
            "sample_id": name,
            "key": f"{page.number:06d}-{state.number:03d}",
            "url": visit.url,
            "state": state.number,
            "steps": state.steps,
            "parent": state.parent,
            "before": None if state.parent is None else rows[state.parent]["sample_id"],
            "action": state.action,
            "width": width,
            "height": height,
            "screenshot_bytes": len(state.png),
            "title": listing.title,
            "caption": masked(listing.title),
            "language": listing.language,
            "dom_hash": listing.dom_hash,
            "pixel_hash": pixel_hash,
            "change": round(state.change, 4),
            "num_elements": len(listing.elements),
            "num_interactive": sum(bool(e["interactive"]) for e in listing.elements),
            "elements": listing.elements,
            "rejected": [{"reason": r, "num": n} for r, n in sorted(listing.rejected.items())],
            "pixel_checks": listing.checks,
            "complete": visit.complete,
            "dialogs": visit.dialogs,
            "blocked": len(visit.blocked),
            **twin,
            **more,
        }

    def _twin(self, guise: Guise, text: int, pixel_hash: int) -> dict[str, Any]:
        """The earlier page that this one is most like; pixels are compared where both were seen on one screen in one scheme."""
        if not self.twins:
            return {}
        screen = (guise.device.name, guise.scheme)
        near = [((t ^ text).bit_count(), 0 if s == screen else 1, (p ^ pixel_hash).bit_count(), n) for n, s, t, p in self.twins]
        dom, other, pixel, name = min(near)
        return {"twin": name, "twin_dom_distance": dom, "twin_pixel_distance": None if other else pixel}

    def _remember(self, rows: list[dict[str, Any]]) -> None:
        self.twins += [
            (r["sample_id"], (r["device"], r["scheme"]), r["text_hash"], r["pixel_hash"])
            for r in rows
            if r.get("state") == 0 and r.get("flaw") is None
        ]


def text_hash(texts: Iterable[str]) -> int:
    """A 64-bit SimHash (Charikar, 2002) of a document's distinct texts: few bits differ between near duplicates."""
    digests = np.frombuffer(b"".join(xxhash.xxh3_64_digest(text.encode()) for text in texts), np.uint8).reshape(-1, 8)
    ones = np.unpackbits(digests, axis=1).sum(axis=0)
    return int.from_bytes(np.packbits(2 * ones > len(digests)).tobytes())


def place_columns(page: Page, guise: Guise, share: Share) -> dict[str, Any]:
    device = guise.device
    return {
        "requested": page.url,
        "host": urlsplit(page.url).hostname,
        "site": share.site,
        "page": page.number,
        "depth": page.depth,
        "device": device.name,
        "viewport_width": device.width,
        "viewport_height": device.height,
        "scale": device.scale,
        "scheme": guise.scheme,
        "locale": guise.locale,
    }


def failed_row(page: Page, guise: Guise, share: Share, reason: str, detail: str, state: int) -> dict[str, Any]:
    """The row of a page, or of the state at which a page ended, that could not be captured."""
    return place_columns(page, guise, share) | {
        "sample_id": xxhash.xxh3_128_hexdigest(f"{page.url}\0{state}\0{reason}".encode()),
        "key": f"{page.number:06d}-{state:03d}",
        "flaw": reason,
        "detail": detail.encode("utf-8", "replace").decode()[:200],
        "state": state,
        "caption": page.url,
    }


def crawl(
    share: Share, config: Crawl, seed: int, folder: Path, spent: Callable[[float], None] = lambda seconds: None
) -> Iterator[Result]:
    """Crawls a share with a gateway and a browser of its own; see `SiteCrawl.pages`. Its frontier is gone when all was taken.

    Args:
        share, config, seed, folder: as of `SiteCrawl`.
        spent: told the CPU-seconds of the browser's processes in the end.

    Raises:
        ConfigError: there is no Chromium.
    """
    from gui_crawl.address_rules import AddressRules

    folders = {share.site: Path(share.folder)} if share.folder else {}
    if config.limits.pages < 1:
        raise ConfigError("crawl: limits.pages must be at least 1")
    with Gateway(AddressRules(allow=config.allow), folders) as gateway, Browser(config.chromium, gateway) as browser:
        site_crawl = SiteCrawl(share, config, seed, folder, gateway, browser)
        try:
            yield from site_crawl.pages()
            site_crawl.frontier.remove()
        finally:
            site_crawl.frontier.close()
            spent(browser.cpu_seconds())
