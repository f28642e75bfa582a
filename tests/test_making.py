"""Lines that make their media and fan out, on the toy line: what is made, kept, written, shown, and not done twice."""

import dataclasses
import io
import json
import tarfile
from pathlib import Path

import pytest
import toy_line
from line_pool import ALONE
from toy_line import LINE, QuestionsStep, SquaresStep

from pipelines.engine import Engine
from sieveline import cli, lines, recipes, storage
from sieveline.errors import ConfigError
from sieveline.explain import explain
from sieveline.output import Output, count_stages, damaged_shards, write_stats
from sieveline.report.page import build_report
from sieveline.report.summary import dialog_markdown
from sieveline.slices import plan_slices


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(lines.LINES, "toy", "toy_line:LINE")
    SquaresStep.made_shards.clear()
    QuestionsStep.asked.clear()


def run(folder: Path, names: str = "a,b,torn", recipe: toy_line.Toy | None = None) -> Output:
    recipe = recipe or toy_line.toy()
    place = Output(str(folder))
    slices = plan_slices(place.root, LINE.find_shards(names, recipe), recipe.shards_per_slice)
    recipes.write(recipe, "toy_line:toy", "toy", place)
    toy_line.run(str(folder), recipe, slices, Engine(beam=ALONE))
    return place


def test_rows_are_conserved_and_media_are_where_the_ledger_says(tmp_path):
    place = run(tmp_path)
    squares, questions, written = count_stages(place)
    assert (squares.num_in, squares.kept, squares.dropped) == (33, 18, {"solid_colour": 12, "undecodable": 3})
    assert (questions.num_in, questions.kept) == (54, 36)
    assert (written.num_in, written.kept) == (36, 36)
    assert damaged_shards(place) == {"torn": "one square was not made"}
    stats = write_stats(place)
    assert (stats["samples"], stats["shards"]) == (18, 5)  # of 12 in one slice and 6 in the other, 4 to a shard
    files = sorted((tmp_path / "shards").glob("*.tar"))
    ids = set()
    for path in files:
        with tarfile.open(path) as tar:
            members = {m.name: tar.extractfile(m).read() for m in tar}
        for name in (n for n in members if n.endswith(".json")):
            sample = json.loads(members[name])
            ids.add(sample["id"])
            assert [p["text"][-1] for p in sample["content"][1:]] == ["0", "2"]
            assert members[f"{sample['id']}.0.png"][:4] == b"\x89PNG"
    assert len(ids) == 18


def test_a_moved_threshold_makes_nothing_again_and_asks_only_of_what_is_new(tmp_path):
    run(tmp_path)
    assert (SquaresStep.made_shards, len(QuestionsStep.asked)) == (["a", "b", "torn"], 18)
    run(tmp_path, recipe=dataclasses.replace(toy_line.toy(), squares=toy_line.Squares(min_grey=30.0)))
    assert (SquaresStep.made_shards, QuestionsStep.asked[18:]) == (["a", "b", "torn"], ["030"] * 3)
    place = Output(str(tmp_path))
    assert [c.kept for c in count_stages(place)] == [21, 42, 42]
    run(tmp_path)
    assert [c.kept for c in count_stages(place)] == [18, 36, 36]
    assert len(QuestionsStep.asked) == 21


def test_the_same_bytes_whatever_was_there_before(tmp_path):
    run(tmp_path / "once")
    run(tmp_path / "twice", recipe=dataclasses.replace(toy_line.toy(), squares=toy_line.Squares(min_grey=None)))
    run(tmp_path / "twice")

    def shards(folder: Path) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in (folder / "shards").iterdir() if p.suffix in (".tar", ".idx")}

    assert shards(tmp_path / "once") == shards(tmp_path / "twice")


def test_the_report_shows_made_pictures_and_exhibits_with_texts_escaped(tmp_path):
    place = run(tmp_path)
    write_stats(place)
    page = storage.read_bytes(build_report(place)).decode()
    assert "squares in</dt>" in page
    assert "&lt;b&gt;one&lt;/b&gt;\n  two" in page
    assert page.count("data:image/jpeg") > 10
    assert "source unreadable" not in page
    assert '<td class="n"><bdi>2</bdi></td>' in page
    for stage in LINE.names:
        assert "data:image/jpeg" in dialog_markdown(place, stage, ["a"])


def test_a_story_goes_from_what_was_made_to_what_was_made_of_it(tmp_path):
    place = run(tmp_path)
    story = explain(place, "a/050")
    assert "questions   3 made of it, 2 kept" in story
    child = next(line.split()[0] for line in story.splitlines() if "DROPPED: repetition" in line)
    assert "DROPPED: repetition 1 against 0" in explain(place, child)


def test_one_output_is_one_lines(tmp_path, capsys):
    run(tmp_path)
    with pytest.raises(SystemExit) as exited:
        cli.main(["run", "image-text", "--input", str(tmp_path), "--output", str(tmp_path)])
    assert exited.value.code == 2
    assert "holds the output of the line toy" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="there is no line 'none'; there are gui, image-text"):
        lines.load("none")


def test_a_tar_of_made_media_is_a_tar(tmp_path):
    run(tmp_path)
    [path] = (tmp_path / "media" / "squares").rglob("a.tar")
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        assert len(tar.getmembers()) == 10
