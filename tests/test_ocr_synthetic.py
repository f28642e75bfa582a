"""The line ocr-synthetic as a whole: from text files to training shards, twice the same, and what breaks on the way."""

import dataclasses
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from line_pool import ALONE
from synthetic_sources import TEXT, font_file, languages_here

from ocr_synth.stages import render as render_stage
from ocr_synth.stages import truth as truth_stage
from ocr_synth.synthetic import recipes as synthetic
from ocr_synth.synthetic.line import LINE
from pipelines.engine import Engine
from pipelines.ocr_synthetic import run as run_line
from sieveline import ledger, lines, recipes, storage
from sieveline.errors import ConfigError
from sieveline.output import Output, count_stages, write_stats
from sieveline.report.page import build_report
from sieveline.schema import documented
from sieveline.slices import plan_slices

RECIPE = dataclasses.replace(
    synthetic.synthetic(),
    shards_per_slice=4,
    render=render_stage.Render(measuring=render_stage.Measuring(documents_per_kilocharacter=12)),
    truth=truth_stage.Truth(measuring=truth_stage.Measuring(share=0.25)),
)


def corpus(folder: Path) -> str:
    for language in ("en", "ja", "ar", "code"):
        suffix = "py" if language == "code" else "txt"
        file = folder / language / f"text.{suffix}"
        file.parent.mkdir(parents=True)
        file.write_text("\n\n".join(TEXT[language]), "utf-8")
    (folder / "en" / "empty.txt").write_bytes(b"")
    (folder / "en" / "binary.txt").write_bytes(bytes(range(256)) * 40)
    return str(folder)


def run(output: Path, source: str, recipe: synthetic.OcrSynthetic = RECIPE) -> Output:
    place = Output(str(output))
    slices = plan_slices(place.root, LINE.find_shards(source, recipe), recipe.shards_per_slice)
    recipes.write(recipe, "tests:RECIPE", "ocr-synthetic", place)
    run_line(str(output), recipe, slices, Engine(beam=ALONE))
    return place


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Output, str]:
    if not {"en", "ja", "ar"} <= set(languages_here()):
        pytest.skip("fonts are missing: python -m demo.system fonts")
    folder = tmp_path_factory.mktemp("synthetic")
    source = corpus(folder / "corpus")
    return run(folder / "out", source), source


def samples(place: Output) -> dict[str, tuple[dict, bytes]]:
    found = {}
    for path in sorted(Path(place.root, "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            members = {m.name: tar.extractfile(m).read() for m in tar}  # pyright: ignore[reportOptionalMemberAccess]
        for name in (n for n in members if n.endswith(".json")):
            sample = json.loads(members[name])
            found[sample["id"]] = (sample, members[f"{sample['id']}.0.jpg"])
    return found


def test_rows_are_conserved_and_sources_without_text_are_rows(made):
    place, _ = made
    rendered, checked, written = count_stages(place)
    assert rendered.dropped["no_text"] == 2
    assert rendered.num_in == rendered.kept + sum(rendered.dropped.values()) > 10
    assert checked.num_in == rendered.kept
    assert written.kept == checked.kept == len(samples(place))
    assert write_stats(place)["samples"] == written.kept


def test_samples_hold_picture_questions_and_labels(made):
    place, _ = made
    languages = set()
    for sample, image in samples(place).values():
        assert image[:3] == b"\xff\xd8\xff"
        assert sample["line"] == "ocr"
        assert len(sample["content"]) % 2 == 1
        assert sample["content"][0] == {"type": "image", "file": "0.jpg"}
        told = sample["provenance"]
        languages.add(told["language"])
        assert told["labels"]["lines"][0]["words"][0]["polygon"]
        assert told["labels"]["lines"][0]["style"]["family"] in told["fonts"]
        assert len(told["tasks"]) == len(sample["content"]) // 2
    assert languages == {"en", "ja", "ar", "code"}


def test_the_truth_check_reads_its_share(made):
    place, _ = made
    rows = pa.concat_tables([ledger.read_table(url) for url in place.ledgers("truth")])
    checked = rows.filter(rows["checked"]).to_pylist()
    assert 0 < len(checked) < rows.num_rows
    assert all(row["read_text"] is not None and row["truth_characters"] > 0 for row in checked)


def test_the_same_bytes_again_and_nothing_made_twice(made, tmp_path):
    place, source = made
    again = run(tmp_path / "again", source)
    assert {k: v[1] for k, v in samples(place).items()} == {k: v[1] for k, v in samples(again).items()}
    assert [s[0] for s in samples(place).values()] == [s[0] for s in samples(again).values()]
    [media] = Path(again.root, "media", "render").iterdir()
    before = {p: p.stat().st_mtime_ns for p in media.iterdir()}
    contrasts = pa.concat_tables([ledger.read_table(url) for url in place.ledgers("render")])["contrast"].drop_null()
    third = sorted(contrasts.to_pylist())[2]
    moved = dataclasses.replace(RECIPE, render=dataclasses.replace(RECIPE.render, min_contrast=third))
    run(tmp_path / "again", source, moved)
    assert {p: p.stat().st_mtime_ns for p in media.iterdir()} == before
    fewer = count_stages(again)
    assert fewer[0].dropped["low_contrast"] == 2
    assert fewer[2].kept == len(samples(again)) == len(samples(place)) - 2


def test_the_report_shows_documents_beside_their_text(made):
    place, _ = made
    write_stats(place)
    page = storage.read_bytes(build_report(place)).decode()
    assert "Documents and their labels" in page
    assert "Error rate by language" in page
    assert page.count("data:image/jpeg") > 6


def test_fonts_that_lack_a_script_are_reasons_in_the_ledger(tmp_path):
    (tmp_path / "corpus" / "ru").mkdir(parents=True)
    (tmp_path / "corpus" / "ru" / "a.txt").write_text("\n\n".join(TEXT["ru"]), "utf-8")
    font_file(tmp_path / "fonts" / "latin.ttf", "abcdefghijklmnopqrstuvwxyz ")
    measuring = render_stage.Measuring(fonts=(str(tmp_path / "fonts"),), system_fonts=False)
    recipe = dataclasses.replace(RECIPE, render=render_stage.Render(measuring=measuring))
    place = run(tmp_path / "out", str(tmp_path / "corpus"), recipe)
    [rendered, _, _] = count_stages(place)
    assert (rendered.num_in, rendered.dropped) == (1, {"missing_glyphs": 1})
    [row] = ledger.read_table(place.ledgers("render")[0]).to_pylist()
    assert (row["detail"], row["offset"]) == ("no passage can be drawn with the fonts here", -1)


def test_what_the_recipe_names_must_be_there_before_any_work(tmp_path):
    (tmp_path / "none").mkdir()
    source = corpus(tmp_path / "corpus")
    for measuring, said in (
        (render_stage.Measuring(fonts=(str(tmp_path / "none"),), system_fonts=False), "no font with letters"),
        (render_stage.Measuring(fonts=("/no/such/folder",)), "/no/such/folder"),
        (render_stage.Measuring(backgrounds=(str(tmp_path / "*.tar"),)), "matches no shard"),
    ):
        with pytest.raises(ConfigError, match=said):
            run(tmp_path / "out", source, dataclasses.replace(RECIPE, render=render_stage.Render(measuring=measuring)))
    with pytest.raises(ConfigError, match="nothing to write with"):
        render_stage.Measuring(system_fonts=False)


def test_backgrounds_of_broken_tars_do_not_stop_the_line(tmp_path):
    source = corpus(tmp_path / "corpus")
    (tmp_path / "noise.tar").write_bytes(b"\x01" * 5000)
    (tmp_path / "cut.tar").write_bytes(_tar_of(b"\xff\xd8\xff not a picture")[:-600])
    measuring = render_stage.Measuring(backgrounds=(str(tmp_path / "*.tar"),), documents_per_kilocharacter=10)
    recipe = dataclasses.replace(
        RECIPE,
        render=render_stage.Render(measuring=measuring),
        truth=truth_stage.Truth(measuring=truth_stage.Measuring(share=0)),
    )
    rendered = count_stages(run(tmp_path / "out", source, recipe))[0]
    assert rendered.kept > 5


def _tar_of(content: bytes) -> bytes:
    import io

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("a.jpg", "b.jpg"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize("stage", [render_stage, truth_stage])
def test_the_stages_docstrings_name_their_columns(stage):
    assert set(documented(stage.__doc__)) == set(stage.MEASURED.names)


def test_the_line_is_one_that_can_be_run():
    assert lines.load("ocr-synthetic") is LINE
    assert isinstance(recipes.load(LINE.default_recipe, LINE.recipe), synthetic.OcrSynthetic)
