"""Bad input: whatever a page does, the crawl goes on, and its ledger row says what happened."""

import time
from dataclasses import replace

import pytest

from gui_crawl.address_rules import AddressRules
from gui_crawl.addresses import Share
from gui_crawl.browser import Browser, Chromium
from gui_crawl.crawl import Crawl, Limits, SiteCrawl
from gui_crawl.explore import Exploring
from gui_crawl.gateway import Gateway
from gui_crawl.listing import Looking
from gui_crawl.robots import Manners
from gui_crawl.tab import Patience
from tests.gui_browser import needs_chromium
from tests.hostile_server import hostile_server

pytestmark = [needs_chromium, pytest.mark.timeout(300)]
LIMIT = 12
HOST = "hostile.test"
CONFIG = Crawl(
    chromium=Chromium(max_memory=1 << 30),
    patience=Patience(load=4, settle=500, max_documents=15, drawing=0),
    looking=Looking(nodes=20_000, frames=4),
    exploring=Exploring(states=4, tries=4, scrolls=3),
    manners=Manners(delay=0),
    limits=Limits(seconds=LIMIT, bytes=8_000_000),
    audit=0.0,
)


@pytest.fixture(scope="module")
def server():
    with hostile_server() as running:
        yield running


@pytest.fixture(scope="module")
def visit(server, tmp_path_factory):
    """Crawls paths of the hostile site in one browser, a good page last; gives the rows of each path."""
    rules = AddressRules(allow=(f"{HOST}:{server.server_port}",))
    gateway = Gateway(rules, resolver=lambda host, port: ["127.0.0.1"] if host.endswith(".test") else [])
    with gateway, Browser(CONFIG.chromium, gateway) as browser:

        def crawl(*paths, config=CONFIG):
            urls = tuple(f"http://{HOST}:{server.server_port}{path}" for path in (*paths, "/good"))
            share = Share("hostile", HOST, urls)
            crawling = SiteCrawl(share, config, 0, tmp_path_factory.mktemp("crawl"), gateway, browser)
            began = time.monotonic()
            rows = {}
            for page, _ in crawling.pages():
                rows[page[0]["requested"].split(str(server.server_port))[1]] = page
            rows["seconds"] = time.monotonic() - began
            crawling.frontier.remove()
            assert rows["/good"][0].get("flaw") is None  # whatever came before
            return rows

        yield crawl


@pytest.mark.parametrize(
    ("path", "reasons"),
    [
        ("/redirects", {"redirects"}),
        ("/inside", {"private_address"}),
        ("/to-forbidden", {"navigation_blocked"}),
        ("/forbidden", {"robots"}),
        ("/noai", {"opted_out"}),
        ("/noai-meta", {"opted_out"}),
        ("/never", {"page_timeout"}),
        ("/huge", {"page_bytes"}),
        ("/download", {"download"}),
        ("/pdf", {"not_html"}),
        ("/gone", {"http_status"}),
        ("/busy", {"page_timeout"}),
        ("/alerts", {"dialogs", "page_timeout"}),
        ("/memory", {"page_memory", "page_crashed"}),
        ("/heap", {"page_memory", "page_crashed", "page_timeout"}),
        ("/dom", {"too_many_nodes", "page_timeout", "page_memory"}),
    ],
)
def test_what_cannot_be_captured_ends_in_time_with_its_reason(visit, path, reasons):
    rows = visit(path)
    assert [r.get("flaw") for r in rows[path]][-1] in reasons, rows[path][-1].get("detail")
    assert rows["seconds"] < 2 * LIMIT + 15


@pytest.mark.parametrize(
    "path", ["/trickle", "/slow-picture", "/scroll", "/popups", "/worker", "/title", "/surrogate", "/encoding", "/frames", "/print",
             "/permissions", "/noai-elsewhere", "/private-picture", "/refresh", "/spin"],
)  # fmt: skip
def test_what_can_be_captured_is(visit, path):
    rows = visit(path)
    assert rows[path][0].get("flaw") is None, rows[path][0].get("detail")
    assert rows[path][0]["num_elements"] >= 2
    assert rows["seconds"] < 2 * LIMIT + 15


def test_an_endless_page_is_scrolled_so_often_and_no_more(visit):
    rows = visit("/scroll")["/scroll"]
    scrolled = [r for r in rows if (r.get("action") or {}).get("kind") == "scroll"]
    assert 1 <= len(scrolled) <= CONFIG.exploring.scrolls
    assert len(rows) <= CONFIG.exploring.states


def test_no_form_leaves_for_another_host(visit, server):
    server.outside = f"http://{HOST}.other.test:{server.server_port}/sink"
    visit("/form")
    assert server.posts == []


def test_no_private_address_is_touched_by_what_a_page_loads(visit, server):
    server.inside = f"http://127.0.0.1.nip.test:{server.server_port}/secret"
    before = server.seen["/secret"]
    rows = visit("/private-picture")
    assert rows["/private-picture"][0].get("flaw") is None
    assert server.seen["/secret"] == before
    server.inside = "http://inside.test/"


def test_no_service_worker_is_fetched(visit, server):
    visit("/worker")
    assert server.seen["/worker.js"] == 0


def test_popups_do_not_open(visit, server):
    before = server.seen["/next"]
    visit("/popups")
    assert server.seen["/next"] == before


def test_robots_and_opt_outs_can_be_switched_off(visit):
    rude = replace(CONFIG, manners=replace(CONFIG.manners, robots=False, opt_out=None))
    rows = visit("/forbidden", "/noai", config=rude)
    assert rows["/forbidden"][0].get("flaw") is None
    assert rows["/noai"][0].get("flaw") is None
