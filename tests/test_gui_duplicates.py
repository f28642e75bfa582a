"""Copies of pages over shares and sites: both hashes must agree, survivors by the stated rule, and real pages on two hosts."""

import functools
import http.server
import json
import tarfile
import threading
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pytest

from gui_crawl import recipes
from gui_crawl.crawl import Crawl
from gui_crawl.devices import Guises
from gui_crawl.explore import Exploring
from gui_crawl.robots import Manners
from gui_crawl.stages import captures as captures_stage
from gui_crawl.stages import duplicates
from gui_crawl.stages.captures import Captures
from gui_crawl.stages.duplicates import MEASURED, PAIRS, Duplicates, Measuring
from gui_crawl.tab import Patience
from pipelines.engine import Engine
from pipelines.gui import run
from pipelines.gui_duplicates import DuplicatesStep, run_page_clusters
from pipelines.shard_step import run_step
from sieveline import draws, ledger, lines
from sieveline import output as outputs
from sieveline.errors import ConfigError
from sieveline.explain import explain
from sieveline.output import Output
from sieveline.recipes import write as write_recipe
from sieveline.report.page import build_report
from sieveline.schema import LEDGER
from sieveline.slices import Shard, plan_slices
from tests import gui_site
from tests.gui_browser import SCREEN, needs_chromium

ALONE = Engine(workers=1)


def test_docstring_tables_are_the_schemas():
    lines_ = [line for line in (duplicates.__doc__ or "").splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in lines_]
    assert [tuple(row) for row in rows if row[0] != "column"] == [(f.name, str(f.type)) for f in (*PAIRS, *MEASURED)]


# -- deciding


def pages(**columns: list) -> pa.Table:
    num = len(next(iter(columns.values())))
    table = {
        "sample_id": [f"{i:032x}" for i in range(num)],
        "source_shard": ["a"] * num,
        "row": list(range(num)),
        "num_elements": [10] * num,
        "num_states": [1] * num,
    }
    return pa.table(table | columns)


def pairs(*found: tuple[int, int, int, int | None]) -> pa.Table:
    return pa.table([pa.array(c, f.type) for c, f in zip(zip(*found, strict=True), PAIRS, strict=True)], schema=PAIRS)


def survivors(verdict: pa.Table) -> list[int]:
    return [int(i, 16) for i in verdict["survivor_id"].to_pylist()]


@pytest.mark.parametrize(
    ("text", "pixel", "config", "copy"),
    [
        (3, 6, {}, True),
        (4, 6, {}, False),  # the texts do not agree
        (3, 7, {}, False),  # the pixels do not
        (3, 7, {"max_pixel": None}, True),
        (0, 0, {"max_text": None}, False),
        (0, None, {}, True),  # on different screens
        (1, None, {}, False),
        (1, None, {"max_text_elsewhere": 1}, True),
        (0, None, {"max_text_elsewhere": None}, False),
        (0, 0, {"max_text_elsewhere": None}, True),
    ],
)
def test_texts_and_pixels_must_both_agree(text, pixel, config, copy):
    verdict = duplicates.decide(pages(row=[0, 1]), pairs((0, 1, text, pixel)), Duplicates(**config))
    assert verdict["reason"].to_pylist() == [None, "near_duplicate" if copy else None]
    assert verdict["cluster_size"].to_pylist() == ([2, 2] if copy else [1, 1])
    if copy:
        assert verdict.select(["value", "text_distance", "pixel_distance"]).to_pylist()[1] == {
            "value": text,
            "text_distance": text,
            "pixel_distance": pixel,
        }


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"num_states": 3}, {"num_elements": 50}),  # states before elements
        ({"num_elements": 11}, {"sample_id": "0" * 32}),
        ({"sample_id": "0" * 32}, {"sample_id": "f" * 32}),
        ({"sample_id": "s", "source_shard": "a", "row": 9}, {"sample_id": "s", "source_shard": "b", "row": 0}),
        ({"sample_id": "s", "row": 3}, {"sample_id": "s", "row": 4}),
    ],
)
def test_the_survivor_is_the_better_one(better, worse):
    for first, second in ((better, worse), (worse, better)):
        rows = pages(row=[0, 0]).to_pylist()
        table = pa.Table.from_pylist([rows[0] | first, rows[1] | second])
        verdict = duplicates.decide(table, pairs((0, 1, 0, 0)), Duplicates())
        assert (first, second)[verdict["reason"].to_pylist().index(None)] is better


def test_a_chain_drops_only_what_is_a_copy_of_the_survivor():
    verdict = duplicates.decide(pages(num_elements=[9, 8, 7, 6]), pairs((0, 1, 3, 0), (1, 2, 2, 0), (2, 3, 1, 5)), Duplicates())
    assert survivors(verdict) == [0, 0, 2, 2]
    assert verdict["text_distance"].to_pylist() == [None, 3, None, 1]
    assert verdict["pixel_distance"].to_pylist() == [None, 0, None, 5]


@pytest.mark.parametrize("fields", [{"max_text": 7}, {"max_pixel": -1}, {"max_text_elsewhere": 65}])
def test_a_threshold_that_the_search_does_not_reach_is_refused(fields):
    with pytest.raises(ConfigError, match=rf"duplicates\.{next(iter(fields))} is"):
        Duplicates(**fields)
    with pytest.raises(ConfigError, match=r"duplicates\.radius is 15"):
        Measuring(radius=15)


# -- the search, on ledgers of made-up captures


def made_up(output: Output, num: int) -> tuple[list[Shard], list[dict]]:
    """`num` pages in four shards, most of them a few bits from another, on two screens, two states each; some dropped by the crawl."""
    draw = draws.generator(0, "pages")
    bases = [(int(draw.integers(1 << 63)), int(draw.integers(1 << 63))) for _ in range(num // 4)]
    rows: list[dict] = []
    for n in range(num):
        text, pixel = bases[int(draw.integers(len(bases)))]
        for _ in range(int(draw.integers(5))):
            text ^= 1 << int(draw.integers(64))
        for _ in range(int(draw.integers(9))):
            pixel ^= 1 << int(draw.integers(64))
        if n % 17 == 0:
            text = 0  # no text at all
        for state in (0, 1):
            rows.append(
                {
                    "sample_id": f"{n:031x}{state}",
                    "source_shard": f"shard-{n % 4}",
                    "row": 2 * (n // 4) + state,
                    "key": f"{n}-{state}",
                    "offset": 0,
                    "length": 1,
                    "kept": n % 13 != 5,
                    "reason": "few_elements" if n % 13 == 5 else None,
                    "page": n // 4,
                    "state": state,
                    "text_hash": text,
                    "pixel_hash": pixel,
                    "device": f"d{int(draw.integers(2))}",
                    "scheme": "light",
                    "num_elements": int(draw.integers(5, 9)),
                }
            )
    schema = pa.schema([*LEDGER, *(f for f in captures_stage.MEASURED if f.name in rows[0])])
    for shard in sorted({r["source_shard"] for r in rows}):
        mine = [r for r in rows if r["source_shard"] == shard]
        footer = {"decision": shard, "measurement": "m", "kept": sum(r["kept"] for r in mine)}
        ledger.write_table(output.ledger("captures", shard), pa.Table.from_pylist(mine, schema), footer)
    return [Shard(f"shard-{i}", "", 1) for i in range(4)], rows


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> tuple[Output, list[dict]]:
    place = Output(str(tmp_path_factory.mktemp("searched")))
    write_recipe(recipes.web(), "gui_crawl.recipes:web", "gui", place)
    shards, rows = made_up(place, 240)
    run_page_clusters(place, recipes.web(), shards, ALONE)
    run_step(DuplicatesStep(place, recipes.web()), shards, ALONE)
    return place, rows


def ledger_rows(place: Output, stage: str) -> list[dict]:
    return [row for url in place.ledgers(stage) for row in ledger.read_table(url).to_pylist()]


def test_the_search_finds_what_comparing_all_pages_finds(searched):
    place, rows = searched
    kept = [r for r in rows if r["kept"] and r["state"] == 0]
    expected = set()
    for a, b in combinations(kept, 2):
        text, pixel = ((a[c] ^ b[c]).bit_count() for c in ("text_hash", "pixel_hash"))
        one_screen = a["device"] == b["device"]
        if (text <= 3 and pixel <= 6) if one_screen else (text == 0 and a["text_hash"] != 0):
            expected.add(frozenset((a["sample_id"], b["sample_id"])))
    found = {row["sample_id"]: row for row in ledger_rows(place, "duplicates") if row["key"].endswith("-0")}
    assert found.keys() == {r["sample_id"] for r in kept}
    dropped = [row for row in found.values() if not row["kept"]]
    assert len(dropped) > 20
    assert all(frozenset((row["sample_id"], row["survivor_id"])) in expected for row in dropped)
    stay = [row["sample_id"] for row in found.values() if row["kept"]]
    assert not [pair for pair in combinations(stay, 2) if frozenset(pair) in expected]


def test_states_go_where_their_page_goes_and_nothing_else_is_lost(searched):
    place, rows = searched
    found = {row["sample_id"]: row for row in ledger_rows(place, "duplicates")}
    assert found.keys() == {r["sample_id"] for r in rows if r["kept"]}
    for name, row in found.items():
        page = found[f"{name[:-1]}0"]
        assert (row["reason"], row["survivor_id"]) == (page["reason"], page["survivor_id"])
        assert (row["cluster_id"] is None) == name.endswith("1")
    sizes = {r["cluster_id"]: r["cluster_size"] for r in found.values() if r["cluster_id"]}
    ids = [r["cluster_id"] for r in found.values() if r["cluster_id"]]
    assert {i: ids.count(i) for i in sizes} == sizes


def test_more_buckets_find_the_same(searched, tmp_path, monkeypatch):
    place, _ = searched
    again = Output(str(tmp_path))
    shards, _ = made_up(again, 240)
    monkeypatch.setattr(Measuring, "bits", lambda self, num: 3)
    run_page_clusters(again, recipes.web(), shards, ALONE)
    run_step(DuplicatesStep(again, recipes.web()), shards, ALONE)
    assert ledger_rows(again, "duplicates") == ledger_rows(place, "duplicates")


# -- real pages on two hosts

ONLY_HERE = {
    "one": gui_site.INDEX.replace(
        "An overview of chairs and tables for every room.", "Since 1911 in the same street, by the old harbour."
    ),
    "two": gui_site.INDEX.replace("Welcome", "Our own range").replace(
        "An overview of chairs and tables", "Lamps and shelves, made here,"
    ),
}
"""A page that the other host has not. Which host keeps what both have hangs on the ids, so on the ports: without these, one could keep none."""


def recipe(**fields) -> recipes.Gui:
    measuring = Crawl(
        guises=Guises(devices=(SCREEN,), dark=0.0, locales=("en-US",), per_site=1),
        exploring=Exploring(states=3, tries=5),
        patience=Patience(drawing=0),
        manners=Manners(delay=0.0),
        audit=0.0,
        allow=("127.0.0.1", "127.0.0.2"),
    )
    return replace(recipes.Gui(shards_per_slice=1, captures=Captures(measuring=measuring)), **fields)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def crawled(urls: Path, folder: Path, engine: Engine) -> Output:
    place = Output(str(folder))
    write_recipe(recipe(), "gui_crawl.recipes:web", "gui", place)
    shards = lines.load("gui").find_shards(str(urls), recipe())
    run(str(folder), recipe(), plan_slices(str(folder), shards, 1), engine)
    assert not outputs.failed_shards(place)
    outputs.write_stats(place)
    return place


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """Two hosts with the same shop and each a page of its own; crawled with one worker and with two."""
    folder = tmp_path_factory.mktemp("mirrored")
    for name in ("one", "two"):
        site = gui_site.build(folder / name)
        (site / "copy.html").unlink()
        (site / "empty.html").unlink()
        head = gui_site.HEAD.replace("TITLE", "Our own") + gui_site.NAVIGATION
        (site / "own.html").write_text(head + ONLY_HERE[name])
    servers = [
        http.server.ThreadingHTTPServer((address, 0), functools.partial(Quiet, directory=str(folder / name)))
        for address, name in (("127.0.0.1", "one"), ("127.0.0.2", "two"))
    ]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    names = ("form", "index", "long", "own")
    urls = [f"http://{server.server_address[0]}:{server.server_port}/{name}.html" for server in servers for name in names]
    (folder / "urls.txt").write_text("\n".join(urls))
    yield (
        crawled(folder / "urls.txt", folder / "alone", ALONE),
        crawled(folder / "urls.txt", folder / "both", Engine(workers=2)),
    )
    for server in servers:
        server.shutdown()


def page_names(rows: list[dict], captures: list[dict]) -> set[tuple[str, str]]:
    """(host, page) of rows."""
    where = {row["sample_id"]: row for row in captures}
    return {(where[r["sample_id"]]["host"], where[r["sample_id"]]["requested"].rsplit("/", 1)[1]) for r in rows}


@needs_chromium
@pytest.mark.timeout(300)
def test_of_pages_on_two_hosts_one_stays_and_the_other_gives_no_question(mirrored):
    place, _ = mirrored
    captures, rows = ledger_rows(place, "captures"), ledger_rows(place, "duplicates")
    assert all(row["kept"] for row in captures)  # within a share there is no copy
    dropped = [row for row in rows if not row["kept"]]
    assert {row["reason"] for row in dropped} == {"near_duplicate"}
    both = page_names(rows, captures)
    gone = page_names(dropped, captures)
    assert {name for _, name in gone} == {"form.html", "index.html", "long.html"}
    assert len(gone) == 3
    assert not gone & page_names([row for row in rows if row["kept"]], captures)  # a page goes with all its states
    assert len(both) == 8
    lost = {row["sample_id"] for row in dropped}
    asked = ledger_rows(place, "questions")
    assert asked
    assert not lost & {row["capture_id"] for row in asked}
    for tar in sorted(Path(place.shards()).glob("*.tar")):
        with tarfile.open(tar) as file:
            for member in (m for m in file if m.name.endswith(".json")):
                assert json.load(file.extractfile(member))["provenance"]["capture"] not in lost  # pyright: ignore[reportArgumentType]


@needs_chromium
@pytest.mark.timeout(300)
def test_mates_are_told_and_shown(mirrored):
    place, _ = mirrored
    row = next(r for r in ledger_rows(place, "duplicates") if not r["kept"] and r["cluster_id"])
    story = explain(place, f"{row['source_shard']}/{row['key']}")
    assert "duplicates  DROPPED: near_duplicate 0 against 3" in story
    assert f"survivor_id = {row['survivor_id']!r}" in story
    mates = next(line for line in story.splitlines() if "cluster: " in line)
    assert "(survivor)" in mates
    assert mates.count("127.0.0.") == 1
    build_report(place)
    text = Path(place.report("index.html")).read_text()
    assert "Copies of pages" in text
    assert "6 rows in 3 clusters" in text


@needs_chromium
@pytest.mark.timeout(300)
def test_one_worker_or_two_the_same_bytes(mirrored):
    first, second = ({p.name: p.read_bytes() for p in Path(place.shards()).glob("*.tar")} for place in mirrored)
    assert first == second
    assert len(first) == 2


@needs_chromium
@pytest.mark.timeout(300)
def test_a_moved_threshold_brings_pages_back_and_visits_none(mirrored):
    place, _ = mirrored
    media = {p: p.stat().st_mtime_ns for p in (Path(place.root) / "media").rglob("*.tar")}
    shards = [Shard(Path(u).stem, "", 1) for u in place.ledgers("captures")]
    for config, dropped in ((Duplicates(max_text=None), False), (Duplicates(), True)):
        of = recipe(duplicates=config)
        run_page_clusters(place, of, shards, ALONE)
        run_step(DuplicatesStep(place, of), shards, ALONE)
        assert any(not row["kept"] for row in ledger_rows(place, "duplicates")) == dropped
    assert {p: p.stat().st_mtime_ns for p in media} == media
