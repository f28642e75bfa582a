"""Visible means the pixels show it: precision and recall 1.0 on the torture pages, boxes to the pixel."""

import pytest

from gui_crawl import pixels
from gui_crawl.devices import Device
from gui_crawl.listing import Looking, look
from tests import torture_pages
from tests.gui_browser import SCREEN, browser_on, needs_chromium, new_tab
from tests.torture_pages import CASES, OTHER_HOST

pytestmark = [needs_chromium, pytest.mark.timeout(300)]
HALF = '<div style="position:absolute;left:0;top:0;width:130px;height:300px;background:#def"></div>'
ROW = 'id=a style="position:absolute;left:20px;margin:0;padding:0;border:0;white-space:nowrap;font:16px/20px monospace;background:none"'
WORDS = {
    "covered-button": (f"<button {ROW}>hidden words are not said</button>{HALF}", "are not said"),
    "covered-link": (f"<a href=x {ROW}>hidden words are not said</a>{HALF}", "are not said"),
    "covered-paragraph": (f"<p {ROW}>hidden words are not said</p>{HALF}", "are not said"),
    "list-in-a-list": ("<ul><li id=a>Fruit<ul><li>Apple<li>Pear</ul></ul>", "Fruit"),
    "dropped-menu": (
        "<div id=a style='position:relative;background:#eee;cursor:pointer'>More<div style='position:absolute;top:40px'>Maps</div></div>",
        "More",
    ),
    "inline-block": (
        "<h2 id=a>News <span style='display:inline-block'>today</span> here</h2>",
        "News today here",
    ),  # in its line
    "block-between": ("<div id=a>Before<p>Between</p>After</div>", "Before Between After"),
    "covered-parts": (f"<p {ROW}>hidden words <b>a</b>re <i>not</i> <u>said</u></p>{HALF}", "are not said"),
    "covered-chinese": (f"<p {ROW}>隐藏的文字不说看得见</p>{HALF}", "看得见"),
    "inline": ("<p id=a>One <b>two</b> <i>three</i></p>", "One two three"),
    "line-break": ("<h2 id=a>First line<br>second</h2>", "First line second"),
    "letters": (
        "<a href=x id=a>" + "".join(f"<span style='display:inline-block'>{c}</span>" for c in "Hello") + "</a>",
        "Hello",
    ),
    "ground-colour": ("<p id=a>Seen <span style='color:#fff'>not seen</span> too</p>", "Seen too"),
    "ground-colour-between": ("<p id=a>Se<span style='color:#fff'>x</span>en</p>", "Se en"),
    "ground-colour-label": ("<button id=a style='background:#fff;color:#fff;border:2px solid #000'>not seen</button>", ""),
    "ground-colour-lines": (
        f"<p id=a style='width:220px'>Seen <span style='color:#fff'>{'not seen ' * 12}</span> too</p>",
        "Seen too",
    ),
    "ground-colour-on-a-picture": (
        "<div style='position:relative'><div style='position:absolute;inset:0;background:#036'></div>"
        "<p id=a style='position:relative;color:#fff'>White on a blue sibling</p></div>",
        "White on a blue sibling",
    ),
    "ground-colour-in-a-frame": (
        "<iframe style='transform:scale(.75);border:1px solid;margin:30px' "
        "srcdoc=\"<p id=a>Seen <span style='color:#fff'>not seen</span> too</p>\"></iframe>",
        "Seen too",
    ),
    "own-child-covers": (
        "<p id=a style='position:relative;width:400px'>hidden words <b>are not</b> said"
        "<span style='position:absolute;left:0;top:0;bottom:0;width:100px;background:#fff'></span></p>",
        "are not said",
    ),
    "own-child-below": (
        "<p id=a style='position:relative;z-index:0;width:400px'>words are said"
        "<span style='position:absolute;inset:0;z-index:-1;background:#ff8'></span></p>",
        "words are said",
    ),
    "marked": ("<p id=a>Some <mark>marked words</mark> here</p>", "Some marked words here"),
    "sibling-covers-the-middle": (
        "<div style='position:relative'><p id=a>left WWWWWWWW right</p>"
        "<div style='position:absolute;left:45px;top:0;width:120px;height:30px;background:#fff'></div></div>",
        "left right",
    ),
    "upper-case": ("<ul style='text-transform:uppercase'><li id=a>Fruit<ul><li>Apple</ul></ul>", "FRUIT"),
}
# of which a word is seen in part (True), or none is
CUT = {
    "cut-aside": ("<p id=a style='width:50px;overflow:hidden;white-space:nowrap'>Categories</p>", True),
    "cut-at-the-start": (
        "<p id=a style='width:150px;overflow:hidden;white-space:nowrap;text-indent:-30px'>Categories are kept</p>",
        True,
    ),
    "cut-below": ("<p id=a style='height:10px;overflow:hidden'>Categories</p>", True),
    "cut-by-an-inner-box": (
        "<a href=x id=a style='display:block;background:#eee'><span style='display:block;width:50px;overflow:hidden'>Categories</span></a>",
        True,
    ),
    "cut-by-a-sibling": (
        "<div style='position:relative'><p id=a>left WWWWWWWW right</p>"
        "<div style='position:absolute;left:30px;top:0;width:60px;height:30px;background:#fff'></div></div>",
        True,
    ),
    "cut-by-frosted-glass": (
        "<div style='position:relative'><p id=a>Categories</p>"
        "<div style='position:absolute;left:0;top:0;width:400px;height:9px;background:#fffc;backdrop-filter:blur(6px)'></div></div>",
        True,
    ),
    "whole": ("<p id=a>Categories</p>", False),
    "whole-in-a-tight-line": ("<p id=a style='overflow:hidden;line-height:1;font-size:30px'>Categories</p>", False),
    "cut-between-words": (
        "<div style='position:relative'><p id=a>left <span style='padding-left:80px'>right</span></p>"
        "<div style='position:absolute;left:95px;top:0;width:120px;height:30px;background:#fff'></div></div>",
        False,
    ),
    "cut-between-lines": ("<p id=a style='width:60px;height:20px;overflow:hidden'>first second</p>", False),
}
DENSE = Device(name="dense", width=800, height=600, scale=2)


@pytest.fixture(scope="module")
def tabs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("torture")
    for name in CASES:
        (folder / f"{name}.html").write_text(torture_pages.page(name))
    for name, (body, _) in (WORDS | CUT).items():
        (folder / f"{name}.html").write_text(torture_pages.HEAD + body)
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


@pytest.mark.parametrize("device", [SCREEN, DENSE], ids=lambda d: d.name)
@pytest.mark.parametrize("name", WORDS)
def test_a_text_says_what_is_seen_in_its_box(tabs, name, device):
    tab, (_, said) = tabs[device.name], WORDS[name]
    tab.open(f"http://torture.localhost/{name}.html")
    listing = look(tab, pixels.decode(tab.screenshot()), Looking())
    assert [e["text"] for e in listing.elements if e["path"].endswith("#a")] == [said]


@pytest.mark.parametrize("name", CUT)
def test_a_word_that_is_seen_in_part_is_told(tabs, name):
    tab, (_, cut) = tabs[SCREEN.name], CUT[name]
    tab.open(f"http://torture.localhost/{name}.html")
    listing = look(tab, pixels.decode(tab.screenshot()), Looking())
    assert [e["cut"] for e in listing.elements if e["path"].endswith("#a")] == [cut]
