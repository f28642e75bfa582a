"""The crawl of a share: states and the actions between them, replayed; what is resumed, recycled and survived."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gui_crawl import crawl as crawling
from gui_crawl.address_rules import AddressRules
from gui_crawl.addresses import Share, shares
from gui_crawl.browser import Browser, Chromium
from gui_crawl.crawl import Crawl, Limits, SiteCrawl
from gui_crawl.devices import DEVICES, Device, Guises
from gui_crawl.explore import Exploring, replay
from gui_crawl.gateway import Gateway
from gui_crawl.listing import Looking
from gui_crawl.stages import captures
from gui_crawl.tab import Patience
from sieveline.schema import documented
from tests import gui_site
from tests.gui_browser import SCREEN, browser_on, needs_chromium, new_tab

pytestmark = [needs_chromium, pytest.mark.timeout(300)]
ONE_SCREEN = Guises(devices=(SCREEN,), dark=0.0, locales=("en-US",), per_site=1)
CONFIG = Crawl(guises=ONE_SCREEN, exploring=Exploring(states=8, tries=14, scrolls=2), patience=Patience(drawing=0), audit=1.0)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return gui_site.build(tmp_path_factory.mktemp("pages") / "shop")


@pytest.fixture(scope="module")
def pages(site, tmp_path_factory):
    """Page name -> rows with `png`, of a crawl of the whole site."""
    [share] = shares(str(site), 10, None)
    found = {}
    for rows, screens in crawling.crawl(share, CONFIG, 0, tmp_path_factory.mktemp("frontier")):
        name = rows[0]["requested"].rsplit("/", 1)[1]
        found[name] = [row | {"png": screen} for row, screen in zip(rows, screens, strict=True)]
    return found


def actions(rows):
    return [r["action"]["kind"] for r in rows if r["action"]]


def test_menus_tabs_accordions_and_dialogs_are_opened(pages):
    rows = pages["index.html"]
    said = [" ".join(e["text"] for e in row["elements"]) for row in rows]
    assert not any(word in said[0] for word in ("Chairs", "oak", "three working days", "Contact us"))
    assert any("Chairs" in s for s in said)
    assert any("oak" in s for s in said)
    assert any("three working days" in s for s in said)
    assert any("Contact us" in s for s in said)


def test_fields_are_typed_into_and_options_chosen(pages):
    rows = pages["form.html"]
    assert {"type", "select", "click"} <= set(actions(rows))
    typed = next(r for r in rows if r["action"] and r["action"]["kind"] == "type")
    field = rows[typed["parent"]]["elements"][typed["action"]["element"]]
    assert field["editable"]
    assert not field["value"]
    assert "@" in typed["action"]["text"]
    assert typed["action"]["text"] in [e["value"] for e in typed["elements"]]


def test_a_cookie_banner_is_closed_by_refusing(pages):
    rows = pages["form.html"]
    assert rows[0]["consent"] is True
    assert "cookies" not in " ".join(e["text"] for e in rows[0]["elements"])


def test_scrolling_moves_what_is_seen(pages):
    rows = pages["long.html"]
    scrolled = next(r for r in rows if r["action"] and r["action"]["kind"] == "scroll")
    assert scrolled["action"]["element"] is None
    before = {e["text"]: e["box"] for e in rows[scrolled["parent"]]["elements"]}
    after = {e["text"]: e["box"] for e in scrolled["elements"]}
    both = before.keys() & after.keys()
    whole = [t for t in both if before[t][3] < SCREEN.height - 1 and after[t][1] > 1]
    assert whole
    assert all(before[t][1] - after[t][1] == pytest.approx(scrolled["action"]["dy"], abs=1) for t in whole)


def test_states_are_new_and_know_where_they_come_from(pages):
    for rows in pages.values():
        if rows[0].get("flaw"):
            continue
        assert len({r["dom_hash"] for r in rows}) == len(rows)
        for row in rows[1:]:
            parent = rows[row["parent"]]
            assert row["before"] == parent["sample_id"]
            assert row["steps"] == parent["steps"] + 1
            assert row["change"] >= CONFIG.exploring.min_change
            if row["action"]["element"] is not None:
                assert parent["elements"][row["action"]["element"]]["interactive"]


def test_every_state_can_be_replayed(site, pages):
    with browser_on({"shop.localhost": site}) as browser:
        tab = new_tab(browser)
        for name in ("index.html", "form.html"):
            rows = pages[name]
            if rows[0]["consent"]:
                continue  # its banner was closed first
            for row in rows:
                listing = replay(tab, f"http://shop.localhost/{name}", rows, row["state"], Looking())
                assert listing.dom_hash == row["dom_hash"]


def test_the_pixel_audit_agrees(pages):
    asked = sum(r["audited"] for rows in pages.values() for r in rows)
    agreed = sum(r["audit_agreed"] for rows in pages.values() for r in rows)
    assert asked > 100
    assert agreed / asked >= 0.99


def test_a_copy_of_a_page_is_its_near_duplicate_and_an_empty_page_has_too_little(pages):
    import pyarrow as pa

    rows = [r for rows in pages.values() for r in rows]
    table = pa.Table.from_pylist(
        [{k: v for k, v in r.items() if k in captures.MEASURED.names} for r in rows], captures.MEASURED
    )
    verdicts = captures.decide(table, captures.Captures())["reason"].to_pylist()
    reasons = {}
    for row, reason in zip(rows, verdicts, strict=True):
        reasons.setdefault(row["requested"].rsplit("/", 1)[1], set()).add(reason)
    assert reasons == {
        "copy.html": {None},  # it comes first
        "long.html": {"near_duplicate"},
        "empty.html": {"few_elements"},
        "form.html": {None},
        "index.html": {None},
    }
    off = captures.Captures(max_twin_dom=None, min_elements=None)
    assert captures.decide(table, off)["reason"].null_count == len(rows)


def test_the_columns_are_those_documented(pages):
    assert list(documented(captures.__doc__)) == captures.MEASURED.names
    known = {*captures.MEASURED.names, "sample_id", "key", "png"}
    assert all(row.keys() <= known for rows in pages.values() for row in rows)


def test_devices_schemes_and_locales_are_drawn_and_seen(site, tmp_path):
    share = Share("s", "shop.localhost", tuple(f"http://shop.localhost/index.html?{n}" for n in range(6)), str(site))
    guises = Guises(devices=(DEVICES[2], DEVICES[7], Device(name="d", width=500, height=400, scale=1.5)), dark=0.5, per_site=4)
    config = replace(CONFIG, guises=guises, exploring=Exploring(states=1), audit=0.0)
    rows = [row for page, _ in crawling.crawl(share, config, 1, tmp_path) for row in page]
    assert len({r["device"] for r in rows}) >= 2
    for row in rows:
        assert row["width"] == pytest.approx(row["viewport_width"] * row["scale"], abs=1)
        assert row["height"] == pytest.approx(row["viewport_height"] * row["scale"], abs=1)
        heading = next(e for e in row["elements"] if e["role"] == "heading")
        assert (heading["color"] == "#dddddd") == (row["scheme"] == "dark")
    again = [row for page, _ in crawling.crawl(share, config, 1, tmp_path / "again") for row in page]
    assert [r["sample_id"] for r in again] == [r["sample_id"] for r in rows]  # the same input, the same bytes


def test_links_are_followed_as_deep_as_asked_and_within_the_budget(site, tmp_path):
    share = Share("s", "shop.localhost", ("http://shop.localhost/index.html",), str(site))
    config = replace(CONFIG, exploring=Exploring(states=1), audit=0.0, limits=Limits(depth=1, pages=3))
    rows = [row for page, _ in crawling.crawl(share, config, 0, tmp_path) for row in page]
    assert [(r["requested"].rsplit("/", 1)[1], r["depth"]) for r in rows] == [
        ("index.html", 0),
        ("form.html", 1),
        ("long.html", 1),
    ]


def test_the_browser_may_die_and_is_replaced(site, tmp_path):
    share = Share("s", "shop.localhost", tuple(f"http://shop.localhost/index.html?{n}" for n in range(4)), str(site))
    config = replace(CONFIG, exploring=Exploring(states=1), audit=0.0)
    with Gateway(AddressRules(), {"shop.localhost": site}) as gateway, Browser(config.chromium, gateway) as browser:
        found = []
        for rows, _ in SiteCrawl(share, config, 0, tmp_path, gateway, browser).pages():
            found += rows
            if len(found) == 2:
                os.kill(browser._process, signal.SIGKILL)
                time.sleep(0.3)
        assert browser.num_starts == 2
    assert len(found) == 4
    assert sum(r.get("flaw") is None for r in found) >= 3  # at most the page it died on is lost, and that says so
    assert {r.get("flaw") for r in found} <= {None, "page_crashed"}


def test_the_browser_is_replaced_after_so_many_pages(site, tmp_path):
    share = Share("s", "shop.localhost", tuple(f"http://shop.localhost/index.html?{n}" for n in range(4)), str(site))
    config = replace(CONFIG, chromium=Chromium(pages_per_browser=2), exploring=Exploring(states=1), audit=0.0)
    with Gateway(AddressRules(), {"shop.localhost": site}) as gateway, Browser(config.chromium, gateway) as browser:
        rows = [row for page, _ in SiteCrawl(share, config, 0, tmp_path, gateway, browser).pages() for row in page]
        assert browser.num_starts == 2
    assert [r.get("flaw") for r in rows] == [None] * 4


CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from gui_crawl.addresses import Share
from gui_crawl.crawl import crawl
from tests.test_gui_crawl import CONFIG
from gui_crawl.explore import Exploring
config = replace(CONFIG, exploring=Exploring(states=1), audit=0.0)
urls = tuple(f"http://shop.localhost/index.html?{n}" for n in range(6))
for rows, _ in crawl(Share("s", "shop.localhost", urls, sys.argv[1]), config, 0, Path(sys.argv[2])):
    print(rows[0]["requested"], rows[0]["sample_id"], flush=True)
"""


def test_a_killed_crawl_goes_on_and_leaves_no_browser(site, tmp_path):
    command = [sys.executable, "-c", CHILD, str(site), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    first = [child.stdout.readline() for _ in range(3)]
    mine = descendants(child.pid)
    child.kill()
    child.wait()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.splitlines(keepends=True)
    assert done[:3] == first  # given again from the frontier, not crawled again
    assert len(done) == 6
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{p}").exists() for p in mine) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [p for p in mine if Path(f"/proc/{p}").exists()]


def descendants(root: int) -> list[int]:
    from gui_crawl.browser import _tree

    return _tree(root)[1:]


def test_rows_are_plain_json(pages):
    for rows in pages.values():
        for row in rows:
            json.dumps({k: v for k, v in row.items() if k != "png"})
