"""The academic line from papers to training shards, with real LaTeXML and hand-made PDFs."""

import dataclasses
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from line_pool import ALONE
from PIL import Image
from small_pdf import page_of, small_pdf

from ocr_synth.academic import jail
from ocr_synth.academic.line import LINE
from ocr_synth.academic.recipes import Academic, demo
from pipelines import ocr_academic
from pipelines.engine import Engine
from sieveline import ledger, recipes, storage
from sieveline.output import Output, count_stages, write_stats
from sieveline.report.page import build_report
from sieveline.slices import plan_slices

pytestmark = [
    pytest.mark.skipif(jail.refusal() is not None, reason=jail.refusal() or ""),
    pytest.mark.skipif(shutil.which("latexmlc") is None, reason="no latexmlc: apt-get install latexml"),
]

WORDS = [f"{a}{b}" for a in ("alpha", "beta", "gamma", "delta", "omega") for b in "abcdefghijklmnopqrstuvwxyz"]
FIRST, SECOND = " ".join(WORDS[:60]), " ".join(WORDS[60:])


def tex(body: str) -> bytes:
    return f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n".encode()


def packed(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture(scope="module")
def papers(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    good, pdf = tex(f"{FIRST} {SECOND}"), small_pdf([page_of(FIRST), page_of(SECOND)])
    for name, files in {
        "folder": {"folder/main.tex": good, "folder/main.pdf": pdf},
        "archive": {"2301.00001.tar.gz": packed({"ms.tex": good, "ms.pdf": pdf})},
        "broken pdf": {"broken/main.tex": good, "broken/main.pdf": pdf[:300]},
        "hostile": {"hostile/main.tex": tex("Words \\input{/etc/passwd}"), "hostile/main.pdf": pdf},
        "broken": {"2301.00002.tar.gz": b"not an archive"},
        "mismatch": {
            "mismatch/main.tex": tex("Entirely other words than those that the pages show."),
            "mismatch/main.pdf": pdf,
        },
    }.items():
        for path, content in files.items():
            assert name
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    return folder


def run(folder: Path, papers: Path, recipe: Academic | None = None) -> Output:
    recipe = recipe or demo()
    place = Output(str(folder))
    slices = plan_slices(place.root, LINE.find_shards(str(papers), recipe), recipe.shards_per_slice)
    recipes.write(recipe, "ocr_synth.academic.recipes:demo", LINE.name, place)
    ocr_academic.run(place.root, recipe, slices, Engine(beam=ALONE))
    return place


@pytest.fixture(scope="module")
def output(papers, tmp_path_factory) -> Output:
    return run(tmp_path_factory.mktemp("out"), papers)


def test_every_paper_and_page_has_a_row_and_a_reason(output):
    found = {}
    for url in output.ledgers("papers"):
        [row] = ledger.read_table(url).to_pylist()
        found[row["source_shard"]] = row["reason"]
    assert found == {
        "2301.00001": None,
        "2301.00002": "paper_unreadable",
        "broken__main": "pdf_broken",
        "folder__main": None,
        "hostile__main": "outside_path",
        "mismatch__main": None,
    }
    stages = {c.name: c for c in count_stages(output)}
    assert (stages["papers"].num_in, stages["papers"].kept) == (6, 3)
    assert (stages["pages"].num_in, stages["pages"].kept, stages["pages"].dropped) == (6, 4, {"few_words": 2})
    assert stages["papers"].cpu_seconds > 1.0  # LaTeXML's time is counted, though it is spent in other processes


def test_training_samples_hold_page_instruction_and_markup(output):
    assert write_stats(output)["samples"] == 4
    texts = []
    for url in storage.listing(output.shards(), ".tar"):
        with tarfile.open(url) as tar:
            members = {m.name: tar.extractfile(m).read() for m in tar}  # pyright: ignore[reportOptionalMemberAccess]
        for name in (n for n in members if n.endswith(".json")):
            sample = json.loads(members[name])
            image, question, answer = sample["content"]
            assert (question["loss"], answer["loss"], sample["line"]) == (False, True, "ocr")
            assert question["text"] in demo().instructions
            assert Image.open(io.BytesIO(members[f"{sample['id']}.{image['file']}"])).size == (816, 1056)
            assert sample["provenance"]["scores"] == {"precision": 1.0, "recall": 1.0, "boundary": 1.0}
            texts.append(answer["text"])
    assert sorted(texts) == sorted([FIRST, SECOND] * 2)


def test_a_moved_threshold_decides_anew_without_latex(output, papers, tmp_path, monkeypatch):
    folder = tmp_path / "copy"
    shutil.copytree(output.root, folder)
    monkeypatch.setenv("PATH", str(tmp_path))  # no program is found any more
    monkeypatch.setattr("ocr_synth.academic.latexml.missing_program", lambda: None)
    pages = dataclasses.replace(demo().pages, min_words=100)
    place = run(folder, papers, dataclasses.replace(demo(), pages=pages))
    [_, stage, _] = count_stages(place)
    assert (stage.kept, stage.dropped["few_words"]) == (0, 6)


def test_two_runs_give_the_same_bytes(output, papers, tmp_path):
    again = run(tmp_path / "again", papers)
    for url in storage.listing(output.shards(), ".tar"):
        other = again.shards(url.rsplit("/", 1)[-1])
        assert storage.read_bytes(url) == storage.read_bytes(other)


def test_the_report_shows_pages_beside_their_markup_and_why_papers_failed(output):
    url = build_report(output)
    page = storage.read_bytes(url).decode()
    for part in (
        "Kept pages",
        "Rejected pages",
        "Papers that were not converted",
        "paper_unreadable",
        WORDS[0],
        "data:image/jpeg",
    ):
        assert part in page
