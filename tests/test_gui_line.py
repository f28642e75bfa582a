"""The line `gui` as a whole: a folder of pages in, training shards and a report out; a moved threshold visits no page again."""

import dataclasses
import html
import io
import json
import re
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from gui_crawl import recipes
from gui_crawl.browser import Chromium, find
from gui_crawl.crawl import Crawl
from gui_crawl.devices import Guises
from gui_crawl.explore import Exploring
from gui_crawl.stages.captures import Captures
from gui_crawl.tab import Patience
from sieveline import ledger, lines
from sieveline import output as outputs
from sieveline.errors import ConfigError
from sieveline.output import Output
from sieveline.report.page import build_report
from sieveline.slices import plan_slices
from tests import gui_site
from tests.gui_browser import PROGRAM, SCREEN, needs_chromium

pytestmark = [needs_chromium, pytest.mark.timeout(300)]
HOSTILE = "</title><script>document.body.textContent='pwned'</script>"


def recipe(**thresholds):
    measuring = Crawl(
        guises=Guises(devices=(SCREEN,), dark=0.0, locales=("en-US",), per_site=1),
        exploring=Exploring(states=3, tries=5),
        patience=Patience(drawing=0),
        audit=1.0,
    )
    return recipes.Gui(captures=Captures(measuring=measuring, **thresholds))


def run(site: Path, output: Path, of: recipes.Gui) -> dict:
    from pipelines.engine import Engine
    from pipelines.gui import run as run_line

    line = lines.load("gui")
    slices = plan_slices(str(output), line.find_shards(str(site), of), of.shards_per_slice)
    (output / "recipe.json").write_text(json.dumps({"line": "gui"}))
    run_line(str(output), of, slices, Engine())
    place = Output(str(output))
    assert not outputs.failed_shards(place)
    return outputs.write_stats(place)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("line")
    site = gui_site.build(folder / "shop")
    page = (site / "form.html").read_text().replace("<title>Order</title>", f"<title>{html.escape(HOSTILE)}</title>")
    assert HOSTILE in html.unescape(page)
    (site / "form.html").write_text(page)
    stats = run(site, folder / "out", recipe())
    return site, folder / "out", stats


def test_pages_become_training_samples(made):
    _, output, stats = made
    captures, duplicates, questions, write = stats["stages"]
    assert captures["in"] == captures["kept"] + sum(captures["dropped"].values())
    assert {"near_duplicate", "few_elements"} <= captures["dropped"].keys()
    assert captures["kept"] == duplicates["in"]
    assert questions["kept"] == write["in"] > 0
    assert stats["samples"] > 0
    [shard] = sorted((output / "shards").glob("*.tar"))
    with tarfile.open(shard) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar}
    samples = [json.loads(content) for name, content in members.items() if name.endswith(".json")]
    for sample in samples:
        assert sample["line"] == "gui"
        picture = Image.open(io.BytesIO(members[f"{sample['id']}.0.png"]))
        assert picture.size == (SCREEN.width, SCREEN.height)
    assert any("<|begin_of_box|>" in part.get("text", "") for s in samples for part in s["content"])


def test_screenshots_lie_where_the_ledger_says(made):
    _, output, _ = made
    [file] = (output / "ledger" / "captures").glob("*.parquet")
    media = output / ledger.read_metadata(str(file))["media"]
    content = media.read_bytes()
    rows = ledger.read_table(str(file)).to_pylist()
    assert {r["state"] for r in rows} >= {0, 1, 2}
    for row in rows:
        picture = Image.open(io.BytesIO(content[row["offset"] : row["offset"] + row["length"]]))
        assert picture.size == (row["width"], row["height"])
        for element in row["elements"]:
            x1, y1, x2, y2 = element["box"]
            assert 0 <= x1 < x2 <= row["width"]
            assert 0 <= y1 < y2 <= row["height"]


def test_a_moved_threshold_visits_no_page_again(made):
    site, output, stats = made
    media = sorted((output / "media").rglob("*.tar"))
    before = [(p, p.stat().st_mtime_ns) for p in media]
    off = run(site, output, recipe(min_elements=None, max_twin_dom=None))
    assert off["stages"][0]["kept"] == off["stages"][0]["in"] == stats["stages"][0]["in"]
    assert [(p, p.stat().st_mtime_ns) for p in sorted((output / "media").rglob("*.tar"))] == before
    run(site, output, recipe())


def test_the_report_shows_the_states_and_a_hostile_title_does_nothing_in_it(made):
    from playwright.sync_api import sync_playwright

    _, output, _ = made
    build_report(Output(str(output)))
    text = (output / "report" / "index.html").read_text()
    assert "Pixel audit" in text
    assert re.search(r"after click.* on element \d+ of state 0", text)
    assert "data:image/jpeg" in text
    assert HOSTILE not in text
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"file://{output}/report/index.html")
        body = page.inner_text("body")
        browser.close()
    assert HOSTILE in body  # shown as text, so it was there to run
    assert "Captures" in body


def test_the_same_pages_give_the_same_bytes(made, tmp_path):
    site, output, _ = made
    run(site, tmp_path / "again", recipe())
    first = {p.name: p.read_bytes() for p in (output / "shards").glob("*.tar")}
    again = {p.name: p.read_bytes() for p in (tmp_path / "again" / "shards").glob("*.tar")}
    assert first == again


def test_recipes_are_whole_and_frozen():
    for make in (recipes.web, recipes.demo):
        with pytest.raises(dataclasses.FrozenInstanceError):
            make().seed = 1
    assert recipes.web().captures.measuring.manners.robots
    assert recipes.web().captures.measuring.allow == ()


def test_the_browser_without_an_interface_comes_before_the_other(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="chromium-headless-shell or chromium is not installed"):
        find(Chromium())
    for name in ("chromium", "chromium-headless-shell"):
        (tmp_path / name).touch(mode=0o755)
        assert find(Chromium()) == str(tmp_path / name)
    assert find(Chromium(executable="chromium")) == str(tmp_path / "chromium")


def test_a_missing_browser_is_said_before_any_work(made, tmp_path):
    site, _, _ = made
    of = recipe()
    measuring = dataclasses.replace(of.captures.measuring, chromium=Chromium(executable="no-such-browser"))
    with pytest.raises(ConfigError, match="no-such-browser is not installed"):
        run(site, tmp_path, dataclasses.replace(of, captures=dataclasses.replace(of.captures, measuring=measuring)))
    assert not (tmp_path / "ledger").exists()
