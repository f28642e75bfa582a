# ruff: noqa: E501  lines of HTML
"""Personal data is covered in the screenshots that are kept, and nothing else is: real pages, compared with pages that say other data."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from gui_crawl import crawl as crawling
from gui_crawl import pixels
from gui_crawl.addresses import shares
from gui_crawl.covering import boxes, covered
from gui_crawl.crawl import Crawl
from gui_crawl.devices import Device, Guises
from gui_crawl.explore import Exploring, capture
from gui_crawl.listing import Looking
from gui_crawl.questions import measure
from gui_crawl.stages.questions import MEASURED, Measuring, Questions, decide
from gui_crawl.tab import Patience
from tests.gui_browser import browser_on, needs_chromium, new_tab
from tests.gui_screens import element, state

SCREEN = Device(name="test", width=800, height=700)
DATA = ("jane.roe@mail.example.org", "650-253-0000")
OTHER = ("mary.poe@mail.example.net", "650-253-0123")  # as many characters of one width: what is not covered is the same

PAGE = """<!doctype html><meta charset=utf-8><title>Write to MAIL</title><style>*{font:14px/20px monospace}body{margin:10px}p{margin:4px}
input,textarea,select{width:300px;display:block;margin:4px}
#floating{position:absolute;left:540px;top:300px;width:240px}#floating::placeholder{color:transparent}
.d{background:#234;color:#fff;padding:4px}.c{width:150px;overflow:hidden;white-space:nowrap}</style>
<p id=plain>Ask MAIL or ring PHONE before noon, not 2024-03-12.</p>
<p id=split>Ask <b>NAME</b>@<i>HOST</i> instead.</p>
<p class=d id=dark>PHONE</p>
<p class=c id=cut>Say MAIL</p>
<p><a id=link href="mailto:x">MAIL</a></p>
<input id=value value="MAIL"><input id=right style="text-align:right" value="PHONE"><input id=hint placeholder="MAIL"><textarea id=area>Dear
MAIL</textarea><select id=choice><option>MAIL</option></select><input type=submit id=send value="PHONE">
<input id=floating placeholder="MAIL"><label style="position:absolute;left:544px;top:304px">Your e-mail</label><div id=host></div><iframe id=frame srcdoc="<style>*{font:14px/20px monospace}</style><p id=inner>In here: MAIL</p>" style="height:60px;width:500px;border:2px solid"></iframe>
<div style="position:relative;height:40px"><p id=under>MAIL</p><div id=lid style="position:absolute;inset:0;background:#fc8">Closed today</div></div>
<p id=far style="position:absolute;top:2000px">MAIL</p>
<script>host.attachShadow({mode:"closed"}).innerHTML="<p style='font:14px/20px monospace'>Shadow PHONE</p>"</script>"""


def page(mail: str, phone: str) -> str:
    name, _, host = mail.partition("@")
    return PAGE.replace("MAIL", mail).replace("PHONE", phone).replace("NAME", name).replace("HOST", host)


@pytest.fixture(scope="module", params=[1.0, 2.0])
def captured(request, tmp_path_factory):
    """Per page: its screenshot as it was, the one that is kept, the listing."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "one.html").write_text(page(*DATA))
    (folder / "two.html").write_text(page(*OTHER))
    (folder / "none.html").write_text(page("nobody in particular here", "no such phone"))
    device = Device(name="test", width=SCREEN.width, height=SCREEN.height, scale=request.param)
    found = {}
    with browser_on({"pages.localhost": folder}) as browser:
        tab = new_tab(browser, device)
        for name in ("one", "two", "none"):
            tab.open(f"http://pages.localhost/{name}.html")
            tab.open_closed_roots()
            _, image, listing = capture(tab, Looking())
            found[name] = (image, pixels.decode(covered(image, listing.covers)), listing)
    return found


pytestmark = pytest.mark.timeout(300)


@needs_chromium
def test_what_is_kept_does_not_depend_on_the_data(captured):
    raw, kept, _ = captured["one"]
    other_raw, other_kept, _ = captured["two"]
    assert (raw != other_raw).any()
    assert np.array_equal(kept, other_kept)


@needs_chromium
def test_only_the_data_is_covered(captured):
    raw, kept, listing = captured["one"]
    scale = listing.to_pixels
    changed = (raw != kept).any(axis=2)
    allowed = np.zeros_like(changed)
    for box in listing.covers:
        pixels.region(allowed, box, 1)[:] = True
    assert not (changed & ~allowed).any()
    by_id = {e["path"].rpartition("#")[2]: e for e in listing.elements}
    x1, y1, x2, y2 = by_id["plain"]["box"]
    width = 14 * 0.6 * scale  # of a character, about
    text = "Ask jane.roe@mail.example.org or ring 650-253-0000 before noon, not 2024-03-12."
    for word, is_covered in (
        ("Ask", False),
        (DATA[0], True),
        ("ring", False),
        (DATA[1], True),
        ("before", False),
        ("2024-03-12", False),
    ):
        at = text.index(word)
        left = x1 + (x2 - x1) * at / len(text)
        right = x1 + (x2 - x1) * (at + len(word)) / len(text)
        assert pixels.region(changed, (left + width / 2, y1, right - width / 2, y2)).any() == is_covered, word


@needs_chromium
def test_each_place_is_covered_and_marked_and_still_shows(captured):
    _, kept, listing = captured["one"]
    by_id = {e["path"].rpartition("#")[2]: e for e in listing.elements}
    marked = {name for name, e in by_id.items() if e["covered"]}
    names = {"plain", "split", "dark", "link", "value", "right", "hint", "area", "choice", "send", "inner"}
    assert names <= marked
    assert not marked & {"lid", "under", "far"}
    for name in names:
        assert pixels.shows(kept, by_id[name]["box"])


@needs_chromium
def test_what_is_hidden_is_not_covered(captured):
    """No bar over the lid under which an address lies, over a placeholder in no colour, nor beyond the edge that cuts another."""
    raw, kept, listing = captured["one"]
    by_id = {e["path"].rpartition("#")[2]: e for e in listing.elements}
    for name in ("lid", "floating"):
        assert np.array_equal(pixels.region(raw, by_id[name]["box"]), pixels.region(kept, by_id[name]["box"]))
    _, y1, x2, y2 = by_id["cut"]["box"]
    beyond = (x2 + 3, y1, x2 + 100, y2)
    assert np.array_equal(pixels.region(raw, beyond), pixels.region(kept, beyond))


@needs_chromium
def test_a_page_without_any_is_kept_as_it_is(captured):
    _, _, listing = captured["none"]
    assert listing.covers == []
    assert not any(e["covered"] for e in listing.elements)


@needs_chromium
def test_the_crawl_keeps_the_covered_picture_whatever_it_does_to_the_page(tmp_path):
    """All states of two pages that say other data: pictures, captions and whatever else of the crawl is drawn is the same."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "page.html").write_text(page(*DATA))
    config = Crawl(
        guises=Guises(devices=(SCREEN,), dark=0.0, locales=("en-US",), per_site=1),
        exploring=Exploring(states=4, tries=8),
        patience=Patience(drawing=0),
        audit=1.0,
    )
    [share] = shares(str(site), 10, None)
    found = []
    for data in (DATA, OTHER):
        (site / "page.html").write_text(page(*data))
        found.append(
            [
                (r, s)
                for rows, screens in crawling.crawl(share, config, 0, tmp_path / data[1])
                for r, s in zip(rows, screens, strict=True)
            ]
        )
    assert len(found[0]) > 2
    for (row, screen), (other, other_screen) in zip(*found, strict=True):
        assert screen == other_screen
        assert Image.open(io.BytesIO(screen)).size == (row["width"], row["height"])
        assert row["caption"] == other["caption"] == "Write to [e-mail]"
        assert row["audited"] == row["audit_agreed"]  # the audit compares the page's own pixels
    assert found[0][0][0]["audited"] > 10


# -- what is asked


def test_nothing_is_asked_about_what_a_covered_element_says_and_markup_masks_it():
    heading = element("heading", (10, 10, 200, 40), text="Contact")
    link = element("link", (10, 60, 200, 80), text="+1 650", covered=True)  # the rest of the number is in the next element
    rest = element("text", (10, 100, 300, 120), text="Ring 650-253-0000", covered=True)
    button = element("button", (10, 140, 120, 170), text="Send", paint="blue")
    here = state(heading, link, rest, button)
    rows = measure(here, None, Measuring(captions=1.0), 0)
    table = pa.Table.from_pylist([{f.name: row.get(f.name) for f in MEASURED} for row in rows], MEASURED)
    kept = [row for row, reason in zip(rows, decide(table, Questions())["reason"].to_pylist(), strict=True) if reason is None]
    assert {row.get("element") for row in kept} >= {0, 3}
    assert not {1, 2} & {row.get("element") for row in kept}
    assert not [row for row in kept if "650" in row["question"] + row["answer"] and row["task"] != "markup"]
    markup = next(row["answer"] for row in kept if row["task"] == "markup")
    assert "Ring [phone]" in markup
    assert not landmarks_of(here) & {1, 2}


def landmarks_of(here) -> set[int]:
    return set(here.screen.landmarks.tolist())


# -- the boxes


def sighting(text: str, *lines: tuple[float, float]) -> dict:
    """A text with ten pixels a character, from `x` on in each line (x, y) of 20 characters."""
    places = [(lines[i // 20][0] + 10 * (i % 20), lines[i // 20][1]) for i in range(len(text))]
    return {"text": text, "boxes": [[x, y, x + 10, y + 15] for x, y in places]}


def test_a_number_that_runs_over_two_lines_has_two_boxes():
    said = sighting("Call us now: 650-253-0000 or not", (0, 0), (0, 20))
    assert boxes([said], ("US",)) == [[130, 0, 200, 15], [0, 20, 50, 35]]
    said["boxes"][14:24] = [None] * 10
    assert boxes([said], ("US",)) == [[130, 0, 140, 15], [40, 20, 50, 35]]
    assert boxes([sighting("Call us", (0, 0))], ("US",)) == []


def test_a_bar_can_be_told_from_its_ground_however_weak_the_ink():
    for ground, ink in ((255, 0), (0, 255), (250, 238), (120, 120)):
        image = np.full((20, 40, 3), ground, np.uint8)
        image[8:12, 10:30:2] = ink
        after = pixels.decode(covered(image, [[5, 5, 35, 15]]))
        assert len(np.unique(after[5:15, 5:35].reshape(-1, 3), axis=0)) == 1
        assert (abs(int(after[10, 10, 0]) - ground) > pixels.VISIBLE_LEVELS) == (ground != ink)
