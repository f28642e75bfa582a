# ruff: noqa: E501  lines of HTML
"""Charts that draw themselves in are waited for, at few frames; what a page asks of frames otherwise it gets."""

from pathlib import Path

import pytest

from gui_crawl.tab import Patience
from tests.gui_browser import browser_on, needs_chromium, new_tab

pytestmark = [needs_chromium, pytest.mark.timeout(300)]
HEAD = "<!doctype html><meta charset=utf-8><title>0</title><h1>Chart</h1>"
CANVAS = "<canvas id=c width=400 height=200></canvas><script>const pen = c.getContext('2d');</script>"
BY_CLOCK = """<script>let frames = 0; const begun = performance.now();
function draw(now) { frames++; const part = Math.min(1, (now - begun) / 1000); pen.fillRect(0, 0, 400 * part, 200); if (part < 1) requestAnimationFrame(draw); }
requestAnimationFrame(draw);</script>"""
IN_STEPS = """<script>let frames = 0, begun = 0;
function draw(now) { frames++; begun ||= now; const part = Math.min(1, (now - begun) / 1000); pen.fillRect(0, 0, 400 * part, 200); if (part < 1) requestAnimationFrame(draw); }
function begin(left) { requestAnimationFrame(() => (left ? begin(left - 1) : draw(performance.now()))); }
begin(STEPS);</script>"""
BY_FRAMES = """<script>let frames = 0;
function draw() { pen.fillRect(0, 0, 10 * ++frames, 200); if (frames < 40) requestAnimationFrame(draw); }
requestAnimationFrame(draw);</script>"""
LATE = """<script>let frames = 0, wrong = 0, after = 0;
addEventListener('load', () => setTimeout(() => {
  cancelAnimationFrame(requestAnimationFrame(() => wrong++));
  requestAnimationFrame(() => { throw new Error('mine'); });
  requestAnimationFrame(() => { after++; pen.fillRect(0, 0, 400, 200); });
}, 50)); addEventListener('error', (e) => { document.title = e.message; });</script>"""
PAGES = {
    "clock": HEAD + CANVAS + BY_CLOCK,
    "steps": HEAD + CANVAS + IN_STEPS.replace("STEPS", "5"),
    "slow": HEAD + CANVAS + IN_STEPS.replace("STEPS", "25"),
    "frames": HEAD + CANVAS + BY_FRAMES,
    "late": HEAD + CANVAS + LATE,
    "bare": HEAD + "<script>let frames = 0; function go() { frames++; requestAnimationFrame(go); } go();</script>",
}
INK = "[...pen.getImageData(0, 0, 400, 200).data].filter((v, i) => i % 4 == 3 && v > 0).length / 80000"


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("charts")
    for name, text in PAGES.items():
        (folder / f"{name}.html").write_text(text)
    with browser_on({"charts.localhost": folder}) as browser:
        yield new_tab(browser, patience=Patience())


def opened(tab, name: str) -> int:
    """Opens the page; the frames it has drawn until it was found to be quiet."""
    assert tab.open(f"http://charts.localhost/{name}.html").complete
    return tab.page.evaluate("frames")


def test_an_animation_by_the_clock_is_waited_for_at_few_frames(tab):
    frames = opened(tab, "clock")
    assert tab.page.evaluate(INK) == 1.0
    assert 2 <= frames <= 25  # 60 and more in the second that it takes


@pytest.mark.parametrize("name", ["steps", "slow"])
def test_an_animation_that_begins_after_some_frames_is_waited_for_too(tab, name):
    opened(tab, name)
    assert tab.page.evaluate(INK) == 1.0


def test_an_animation_that_counts_frames_ends_too(tab):
    assert opened(tab, "frames") == 40
    assert tab.page.evaluate(INK) == 1.0


def test_cancelled_frames_do_not_come_and_a_wrong_one_stops_no_other(tab):
    opened(tab, "late")
    assert tab.page.evaluate("[wrong, after]") == [0, 1]
    assert "mine" in tab.page.title()
    assert tab.page.evaluate(INK) == 1.0


def test_frames_are_what_they_were_afterwards_and_without_canvases(tab):
    for name in ("clock", "bare"):
        opened(tab, name)
        count = "new Promise((done) => { let n = 0; const tick = () => n++ < 20 ? requestAnimationFrame(tick) : done(performance.now() - began); const began = performance.now(); tick(); })"
        assert tab.page.evaluate(count) < 1900  # 20 frames: a third of a second, two seconds where they come seldom
