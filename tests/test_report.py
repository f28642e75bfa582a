"""The report as a page: complete, bounded, the same every time, and deaf to hostile captions in a real browser."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from report_data import CHROMIUM, HOSTILE, write_heuristics, write_output, write_tars

from sieveline import storage
from sieveline.output import Output
from sieveline.report.gather import Sizes
from sieveline.report.page import _input, build_report, gather, render
from sieveline.slices import Shard, Slice
from tests.gui_browser import PROGRAM


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Output:
    return write_output(tmp_path_factory.mktemp("report"), [f"{HOSTILE[i % len(HOSTILE)]} {i}" for i in range(240)])


@pytest.fixture(scope="module")
def page_url(output: Output) -> str:
    truth = [{"defect": "<script>window.ran = 1</script>", "precision": 0.98, "recall": None, "planted": 36}]
    storage.publish_bytes(output.report("truth.json"), json.dumps(truth).encode())
    storage.publish_bytes(output.failure("alignment", "<img src=x onerror=window.ran=1>"), b"<script>window.ran = 1</script>")
    return build_report(output)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=PROGRAM, args=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture(params=[1400, 420])
def page(request, browser, page_url):
    page = browser.new_page(viewport={"width": request.param, "height": 1000})
    page.goto(Path(page_url).as_uri())
    yield page
    page.close()


def test_nothing_runs_and_nothing_is_fetched(page: Page):
    requests, complaints = [], []
    page.on("request", lambda r: requests.append(r.url.split(":")[0]))
    page.on("console", lambda m: complaints.append(m.text))
    page.on("dialog", lambda d: complaints.append(d.message))
    page.reload()
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.scripts.length") == 0
    assert (
        page.evaluate("[...document.querySelectorAll('*')].some(e => [...e.attributes].some(a => a.name.startsWith('on')))")
        is False
    )
    assert page.evaluate("[...document.links].every(a => a.getAttribute('href').startsWith('#'))")
    assert set(requests) <= {"file", "data"}
    assert complaints == []  # a policy that blocked its own style or pictures would be told here


def test_policy_stops_a_script_that_got_in(page: Page):
    page.evaluate("const s = document.createElement('script'); s.textContent = 'window.ran = 2'; document.head.append(s)")
    assert page.evaluate("window.ran") is None


def test_layout_holds(page: Page):
    assert page.evaluate("document.documentElement.scrollWidth") == page.evaluate("window.innerWidth")
    tallest = page.evaluate("Math.max(...[...document.querySelectorAll('.sample')].map(e => e.getBoundingClientRect().height))")
    assert tallest < 320
    wider = "[...document.querySelectorAll('.sample, .pair, .plot')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert page.evaluate(wider) == 0


def test_pictures_are_loaded_and_faults_are_said(page: Page):
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert page.locator(".frame img").count() > 60
    assert page.locator(".fault", has_text="does not decode").count() > 0


def test_page_tells_every_part(page: Page):
    assert page.locator(".alarm").inner_text().startswith("1 failed shard")
    for section in ("funnel", "truth", "heuristics", "duplicates", "alignment", "concepts", "recaption", "write", "cost"):
        assert page.locator(f"section#{section}").count() == 1, section
    assert "240" in page.locator(".tiles").inner_text()
    assert page.locator(".survivor").count() >= 6
    assert page.locator("mark.kept").count() > 1
    assert page.locator(".meta").inner_text().startswith("recipe tests:<b>recipe</b>")
    broken = page.evaluate(
        "[...document.links].filter(a => !document.getElementById(a.getAttribute('href').slice(1))).map(a => a.href)"
    )
    assert broken == []


def test_same_output_gives_the_same_bytes(output: Output, page_url: str):
    first = Path(page_url).read_bytes()
    build_report(output)
    assert Path(page_url).read_bytes() == first


def test_page_size_is_bounded_by_the_sizes(output: Output, page_url: str):
    few = len(render(gather(output, Sizes(kept=2, reason=1, nearest=1))))
    assert few < Path(page_url).stat().st_size < 8_000_000


def test_missing_sources_leave_placeholders(tmp_path: Path):
    place = write_output(tmp_path, [f"a caption {i}" for i in range(80)])
    for tar in (tmp_path / "pool").iterdir():
        tar.unlink()
    text = Path(build_report(place)).read_text()
    assert "source unreadable" in text
    assert "data:image/jpeg" not in text


def test_first_stage_alone_and_nothing_at_all(tmp_path: Path):
    empty = Output(str(tmp_path / "empty"))
    assert "No stage has a ledger yet" in Path(build_report(empty)).read_text()
    alone = Output(str(tmp_path / "alone"))
    write_heuristics(alone, write_tars(tmp_path / "pool", ["one", "two", "three"], 1)[0], "00000")
    text = Path(build_report(alone)).read_text()
    assert 'id="heuristics"' in text
    assert 'id="alignment"' not in text


def test_report_on_a_memory_filesystem(tmp_path: Path):
    local = write_heuristics
    place = Output("memory://report-test/out")
    local(place, write_tars(tmp_path / "pool", ["one", "two", "three"], 1)[0], "00000")
    url = build_report(place)
    assert url == "memory://report-test/out/report/index.html"
    assert b"Sample quality" in storage.read_bytes(url)


@pytest.mark.parametrize(
    ("urls", "shown"),
    [
        ([], ""),
        (["/in/a.tar"], "/in/a.tar"),
        (["/in/a.tar", "/in/b.tar"], "/in/*.tar"),
        (["/in/a.parquet#0", "/in/a.parquet#1"], "/in/a.parquet"),
        (["/in/a.tar", "/in/b.txt"], "/in/*"),
        (["/in/pool/shards/a.tar", "/in/signs/shards/a.tar"], "/in/{pool/shards,signs/shards}/*.tar"),
        (["/in/part/a.tar", "/in/particle/a.tar"], "/in/{part,particle}/*.tar"),
        (["s3://b/en/a.txt", "s3://b/zh/a.txt", "s3://b/zh/b.txt"], "s3://b/{en,zh}/*.txt"),
        ([f"/in/{n}/a.tar" for n in range(9)], "/in/**/*.tar"),
    ],
)
def test_the_head_names_the_input(urls, shown):
    shards = tuple(Shard(id=url, url=url, num_bytes=1) for url in urls)
    assert _input([Slice(name="0", shards=shards)]) == shown
