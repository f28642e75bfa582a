"""Visible means the pixels show it: precision and recall 1.0 on the torture pages, boxes to the pixel."""

import pytest

from gui_crawl import pixels
from gui_crawl.devices import Device
from gui_crawl.listing import Looking, look
from tests import torture_pages
from tests.gui_browser import SCREEN, browser_on, needs_chromium, new_tab
from tests.torture_pages import CASES, OTHER_HOST

pytestmark = [needs_chromium, pytest.mark.timeout(300)]
DENSE = Device(name="dense", width=800, height=600, scale=2)


@pytest.fixture(scope="module")
def tabs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("torture")
    for name in CASES:
        (folder / f"{name}.html").write_text(torture_pages.page(name))
    for name, text in torture_pages.FILES.items():
        (folder / name).write_text(text)
    with browser_on({"torture.localhost": folder, OTHER_HOST: folder}) as browser:
        yield {device.name: new_tab(browser, device) for device in (SCREEN, DENSE)}


def listed(tab, name):
    """id -> box in CSS pixels of what is listed on the torture page `name`."""
    tab.open(f"http://torture.localhost/{name}.html")
    tab.open_closed_roots()
    listing = look(tab, pixels.decode(tab.screenshot()), Looking())
    boxes = {}
    for element in listing.elements:
        found = element["path"].rsplit("#", 1)
        key = found[1] if len(found) == 2 and " > " not in found[1] else f"unnamed {element['path']}"
        assert key not in boxes
        boxes[key] = [v / tab.device.scale for v in element["box"]]
    return boxes


def test_there_are_at_least_forty_cases():
    assert len(CASES) >= 40


@pytest.mark.parametrize("device", [SCREEN, DENSE], ids=lambda d: d.name)
@pytest.mark.parametrize("name", CASES)
def test_what_is_seen_is_listed_and_nothing_else(tabs, name, device):
    case, found = CASES[name], listed(tabs[device.name], name)
    assert set(found) == set(case.seen)  # precision and recall 1.0
    assert not set(found) & set(case.hidden)
    for key, box in case.seen.items():
        if box is not None:
            assert found[key] == pytest.approx(box, abs=1), key


COVER = '<div style="position:absolute;left:0;top:0;width:130px;height:300px;background:#def"></div>'
STYLE = "position:absolute;left:20px;margin:0;padding:0;border:0;white-space:nowrap;font:16px/20px monospace;background:none"


@pytest.mark.parametrize("tag", ["button", "a href=x", "p"])
def test_of_what_is_partly_covered_the_words_in_sight_are_said(tmp_path, tag):
    (tmp_path / "index.html").write_text(
        f'{torture_pages.HEAD}<{tag} style="{STYLE}">hidden words are not said</{tag.split()[0]}>{COVER}'
    )
    with browser_on({"words.localhost": tmp_path}) as browser:
        tab = new_tab(browser)
        tab.open("http://words.localhost/index.html")
        listing = look(tab, pixels.decode(tab.screenshot()), Looking())
        assert {e["text"] for e in listing.elements} == {"are not said"}
