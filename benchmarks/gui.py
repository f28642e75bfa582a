"""The crawl against Chromium's own load and screenshot of the same pages; extraction against Playwright's and CDP's; workers; memory.

Pages are those of the template gentelella (npm, fetched by `demo.packages`) on loopback, in one desktop screen. CPU-seconds are those of all
processes: ours, Playwright's driver, Chromium's. The peer of the crawl is a plain Playwright script that goes to each page on one reused page
and takes `page.screenshot()`: at the load event, when charts are not drawn and scripts not done, or, as scripts that want the finished page do,
when the network is idle. Each side runs in a process of its own (`python -m benchmarks.gui SIDE FOLDER PAGES`), start-up included on both.
"""

import functools
import http.server
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from benchmarks.processes import cost_of, descendants, proportional_bytes
from benchmarks.rows import Row
from demo import packages
from gui_crawl.addresses import Share, shares
from gui_crawl.crawl import Crawl, Limits, crawl
from gui_crawl.devices import Device, Guises
from gui_crawl.explore import Exploring

PAGES = 20
SCREEN = Device(name="bench", width=1366, height=768)
CONFIG = Crawl(
    guises=Guises(devices=(SCREEN,), dark=0.0, locales=("en-US",), per_site=1),
    exploring=Exploring(states=5, tries=8),
    limits=Limits(pages=1000),
    audit=0.0,
)
LOADED = replace(CONFIG, exploring=Exploring(states=1))
CAPTURES = 500  # of the memory row
ALL_PAGES = 60  # of the template, for the workers: long enough that start-up does not count
TURNS = 3  # of one worker and two, in turn


def rows() -> Iterator[Row]:
    folder = str(packages.fetch("gentelella") / "dist")
    sides = {side: _side(side, folder, PAGES) for side in ("load", "idle", "loaded", "explored")}
    for name, side, other, event, target in (
        ("explored", "explored", "load", "load", 1.25),
        ("as loaded", "loaded", "load", "load", 1.25),
        ("as loaded", "loaded", "idle", "load until the network is idle", None),
    ):
        ours, peer = sides[side], sides[other]
        yield Row(
            name=f"CPU per captured state, pages {name}, against Chromium's {event} and screenshot of {PAGES} pages",
            ours=ours["cpu"] / ours["states"],
            peer=peer["cpu"] / peer["states"],
            ratio=(ours["cpu"] / ours["states"]) / (peer["cpu"] / peer["states"]),
            unit="CPU-seconds",
            at_most=target,
            note=f"{ours['states']:.0f} states, {ours['elements'] / ours['states']:.0f} elements a state",
        )
    alone, two = (
        statistics.median(speeds)
        for speeds in zip(*((_together(folder, n) for n in (1, 2)) for _ in range(TURNS)), strict=True)
    )
    yield Row(
        name="two workers against one, states a second",
        ours=two,
        peer=alone,
        ratio=two / alone,
        unit="states/s",
        at_least=1.8,
        note=f"medians of {TURNS} runs in turn",
    )
    yield from extraction_rows(folder)
    yield memory_row()


# -- whole crawls


def _side(side: str, folder: str, pages: int) -> dict[str, float]:
    cost = cost_of([sys.executable, "-m", "benchmarks.gui", side, folder, str(pages)])
    return json.loads(cost.output.splitlines()[-1]) | {"cpu": cost.cpu_seconds}


def _together(folder: str, workers: int) -> float:
    """States a second of so many crawls of the same pages at once, start-up included."""
    command = [sys.executable, "-m", "benchmarks.gui", "explored", folder, str(ALL_PAGES)]
    began = time.monotonic()
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    states = sum(json.loads(process.communicate()[0].splitlines()[-1])["states"] for process in running)
    return states / (time.monotonic() - began)


def _urls(folder: str, pages: int) -> Share:
    [share] = shares(folder, 1000, None)
    step = max(1, len(share.urls) // pages)
    return replace(share, urls=share.urls[::step][:pages])


def _crawled(config: Crawl, share: Share) -> dict[str, float]:
    states = elements = 0
    with tempfile.TemporaryDirectory() as work:
        for found, _ in crawl(share, config, 0, Path(work)):
            good = [row for row in found if row.get("flaw") is None]
            states += len(good)
            elements += sum(row["num_elements"] for row in good)
    return {"states": states, "elements": elements}


def _peer(folder: str, pages: int, event: Literal["load", "networkidle"]) -> dict[str, float]:
    """A plain script: one page, `goto` until `event` and `screenshot`, files from Python's own server."""
    from playwright.sync_api import Error, sync_playwright

    from gui_crawl.browser import FLAGS, Chromium, find

    class Quiet(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    share = _urls(folder, pages)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(Chromium()), args=[*FLAGS, "--no-sandbox"])
        context = browser.new_context(viewport={"width": SCREEN.width, "height": SCREEN.height})
        page = context.new_page()
        for url in share.urls:
            page.goto(url.replace(f"http://{share.site}", f"http://127.0.0.1:{server.server_port}"), wait_until=event)
            try:
                page.screenshot()
            except Error:  # "Unable to capture screenshot": on a busy machine the first frame may not be there yet
                page.wait_for_timeout(100)
                page.screenshot()
        browser.close()
    return {"states": len(share.urls), "elements": 0}


# -- extraction


def extraction_rows(folder: str) -> Iterator[Row]:
    """Time of one listing, and precision and recall on the torture pages, beside what Playwright and CDP give."""
    from gui_crawl.tab import Patience
    from tests import torture_pages
    from tests.gui_browser import browser_on, new_tab

    with tempfile.TemporaryDirectory() as work:
        torture = Path(work)
        for name in torture_pages.CASES:
            (torture / f"{name}.html").write_text(torture_pages.page(name))
        for name, text in torture_pages.FILES.items():
            (torture / name).write_text(text)
        hosts = {"torture.localhost": torture, torture_pages.OTHER_HOST: torture, "dist.localhost": Path(folder)}
        with browser_on(hosts) as browser:
            tab = new_tab(browser, SCREEN, patience=Patience())  # charts drawn: what the page itself does is no method's cost
            costs = dict.fromkeys(METHODS, 0.0)
            share = _urls(folder, 8)
            for url in share.urls:
                tab.open(f"http://dist.localhost{url.split(share.site, 1)[1]}")
                for name, method in METHODS.items():
                    began = time.process_time() + browser.cpu_seconds()
                    for _ in range(5):
                        method(tab)
                    costs[name] += (time.process_time() + browser.cpu_seconds() - began) / 5 / len(share.urls)
            marks = {name: _marks(tab, method) for name, method in METHODS.items()}
    precision, recall = marks["ours"]
    for name in ("aria_snapshot", "DOMSnapshot"):
        yield Row(
            name=f"one listing of the visible elements, against {name}",
            ours=1e3 * costs["ours"],
            peer=1e3 * costs[name],
            ratio=costs["ours"] / costs[name],
            unit="CPU-ms a page",
            note=f"on the torture pages precision {marks[name][0]:.3f} and recall {marks[name][1]:.3f}, ours {precision:.3f} and {recall:.3f}",
        )
    for name, value in (("precision", precision), ("recall", recall)):
        yield Row(name=f"torture pages, {name} of the listing", ours=value, unit="of 1", at_least=1.0)


def _ours(tab) -> tuple[list[str], list[list[float]]]:
    from gui_crawl import pixels
    from gui_crawl.listing import Looking, look

    listing = look(tab, pixels.decode(tab.screenshot()), Looking())
    return [e["path"].rpartition("#")[2] for e in listing.elements], [e["box"] for e in listing.elements]


def _aria(tab) -> tuple[list[str], list[list[float]]]:
    boxes = [[float(v) for v in m.split(",")] for m in re.findall(r"\[box=([-\d.,]+)\]", tab.page.aria_snapshot(boxes=True))]
    return [], [[x, y, x + w, y + h] for x, y, w, h in boxes]


def _dom(tab) -> tuple[list[str], list[list[float]]]:
    """Ids of what CDP lays out with an area within the screen, neither hidden nor of opacity 0: what a reader of it would take."""
    found = tab.session.send(
        "DOMSnapshot.captureSnapshot", {"computedStyles": ["visibility", "opacity"], "includePaintOrder": True}
    )
    strings, ids = found["strings"], []
    for document in found["documents"]:
        nodes, layout = document["nodes"], document["layout"]
        for node, (x, y, width, height), style in zip(layout["nodeIndex"], layout["bounds"], layout["styles"], strict=True):
            named = [strings[a] for a in nodes["attributes"][node]]
            look = [strings[s] for s in style] or ["visible", "1"]
            inside = width * height > 0 and x + width > 0 and y + height > 0 and x < SCREEN.width and y < SCREEN.height
            if "id" in named[::2] and inside and look[0] == "visible" and float(look[1]) > 0:
                ids.append(named[named.index("id") + 1])
    return ids, []


METHODS: dict[str, Callable] = {"ours": _ours, "aria_snapshot": _aria, "DOMSnapshot": _dom}


_PLACES = """() => Object.fromEntries([...document.querySelectorAll("[id]")].map((e) => {
    const r = e.getBoundingClientRect();
    return [e.id, [r.left, r.top, r.right, r.bottom]];
}))"""


def _marks(tab, method: Callable) -> tuple[float, float]:
    """(precision, recall) over the elements of the torture pages: by id, or by box (IoU of a half) where a method gives no id."""
    from tests.torture_pages import CASES

    true = wrong = missed = 0
    for name, case in CASES.items():
        tab.open(f"http://torture.localhost/{name}.html")
        tab.open_closed_roots()
        ids, boxes = method(tab)
        if ids or not boxes:
            listed = set(ids) & ({*case.seen, *case.hidden})
            true, wrong, missed = (
                true + len(listed & set(case.seen)),
                wrong + len(listed & set(case.hidden)),
                missed + len(set(case.seen) - listed),
            )
            continue
        places = tab.page.evaluate(_PLACES)
        for key in (*case.seen, *case.hidden):
            place = case.seen.get(key) or places.get(key)
            if place is None:
                missed += key in case.seen
                continue
            hit = any(_overlap(place, box) >= 0.5 for box in boxes)
            true, wrong, missed = (
                true + (hit and key in case.seen),
                wrong + (hit and key in case.hidden),
                missed + (not hit and key in case.seen),
            )
    return true / max(1, true + wrong), true / max(1, true + missed)


def _overlap(a, b) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


# -- memory


def memory_row() -> Row:
    cost = subprocess.run(
        [sys.executable, "-m", "benchmarks.gui", "memory", "-", str(CAPTURES)], capture_output=True, text=True, check=True
    )
    found = json.loads(cost.stdout.splitlines()[-1])
    return Row(
        name=f"memory of all processes over {CAPTURES} captures, last quarter against second",
        ours=found["last"] / 1e6,
        peer=found["second"] / 1e6,
        ratio=found["last"] / found["second"],
        unit="MB",
        at_most=1.1,
        note="proportional set sizes, medians of looks every ten captures",
    )


def _memory(captures: int) -> dict[str, float]:
    import os

    from tests import gui_site

    looks = []
    with tempfile.TemporaryDirectory() as work:
        site = gui_site.build(Path(work) / "shop")
        urls = tuple(f"http://shop.localhost/index.html?{n}" for n in range(captures))
        share = Share("shop", "shop.localhost", urls, str(site))
        for n, _ in enumerate(crawl(share, LOADED, 0, Path(work) / "frontier")):
            if n % 10 == 0:
                looks.append(sum(map(proportional_bytes, [os.getpid(), *descendants(os.getpid())])))
    quarter = len(looks) // 4
    return {"second": statistics.median(looks[quarter : 2 * quarter]), "last": statistics.median(looks[-quarter:])}


def main(side: str, folder: str, pages: int) -> None:
    run = {
        "load": lambda: _peer(folder, pages, "load"),
        "idle": lambda: _peer(folder, pages, "networkidle"),
        "loaded": lambda: _crawled(LOADED, _urls(folder, pages)),
        "explored": lambda: _crawled(CONFIG, _urls(folder, pages)),
        "memory": lambda: _memory(pages),
    }
    print(json.dumps(run[side]()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
