"""The scene-text line from source shards to training shards, with the real reader."""

import dataclasses
import io
import json
import re
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from line_pool import ALONE
from PIL import Image
from scenes import scene
from source_shards import tar

from classifiers.text_reader import TextReader
from demo import signs
from ocr_synth.scene.line import LINE
from ocr_synth.scene.recipes import OcrScene, demo
from ocr_synth.scene.variants import Variants
from ocr_synth.stages.scene_text import SceneText
from ocr_synth.stages.scene_views import Asking, SceneViews
from pipelines import ocr_scene
from pipelines.engine import Engine
from sieveline import ledger, lines, recipes, training_sample
from sieveline.draws import generator
from sieveline.errors import ConfigError
from sieveline.explain import explain
from sieveline.output import Output, count_stages, damaged_shards, write_stats
from sieveline.report.page import build_report
from sieveline.slices import plan_slices

VARIED = Asking(variants=Variants(rotated_share=0.3, quarter_share=0.3, flipped_share=0.3))


def recipe(**fields) -> OcrScene:
    return dataclasses.replace(demo(), scene_views=SceneViews(measuring=VARIED), **fields)


def jpeg(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=92)
    return file.getvalue()


def png(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def signed(number: int) -> bytes:
    """A picture of 640 x 480 with one sign; from 30 on a PNG."""
    rgb, written = signs.write_signs(scene(number, 640, 480), generator(0, "test-line", number), most=1, sizes=(0.045, 0.06))
    assert written
    return jpeg(rgb) if number < 30 else png(rgb)


def sources(folder: Path) -> Path:
    """A tar of bare pictures, one of training samples that ends early, and a Parquet file without captions."""
    folder.mkdir(parents=True)
    bare = [(f"{i:03d}.jpg", jpeg(scene(i, 320, 240))) for i in range(4)]
    (folder / "a.tar").write_bytes(tar([*bare, *((f"{i:03d}.jpg", signed(i)) for i in range(10, 15)), ("900.jpg", b"none")]))
    members = []
    for i in range(20, 24):
        origin = {"original_caption": f"picture {i}", "url": f"https://example.org/{i}", "license": "CC0"}
        fields = {"id": str(i), "line": "caption", "content": [{"type": "image", "file": "0.jpg"}], "provenance": origin}
        members += [(f"{i}.json", json.dumps(fields).encode()), (f"{i}.0.jpg", signed(i))]
    (folder / "b.tar").write_bytes(tar(members)[:-9000])
    pq.write_table(pa.table({"image": pa.array([signed(i) for i in range(30, 32)], pa.binary())}), folder / "c.parquet")
    return folder


def run(source: str, folder: Path, of: OcrScene, steps=LINE.steps) -> Output:
    place = Output(str(folder))
    slices = plan_slices(place.root, LINE.find_shards(source, of), of.shards_per_slice)
    recipes.write(of, "test:recipe", "ocr-scene", place)
    ocr_scene.run(str(folder), of, slices, Engine(beam=ALONE), steps)
    return place


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[Path, Output]:
    folder = tmp_path_factory.mktemp("scene")
    source = sources(folder / "in")
    return source, run(f"{source}/*", folder / "out", recipe())


def samples(place: Output) -> list[tuple[dict, dict[str, bytes]]]:
    found = []
    for path in sorted(Path(place.shards()).glob("*.tar")):
        with tarfile.open(path) as shard:
            members = {m.name: shard.extractfile(m).read() for m in shard}  # pyright: ignore
        for name in (n for n in members if n.endswith(".json")):
            fields = json.loads(members[name])
            found.append((fields, {f: members[f"{fields['id']}.{f}"] for f in training_sample.media_files(fields)}))
    return found


def test_rows_are_conserved_and_every_picture_with_a_sign_is_kept(done):
    _, place = done
    dense, read, views, written = count_stages(place)
    assert dense.num_in == 10 + 4 + 2
    assert dense.dropped["undecodable"] == 1
    assert dense.dropped["truncated"] == 1
    assert read.num_in == dense.kept
    assert read.kept >= 9  # of ten signs that are whole; none of the bare pictures
    assert views.num_in > read.kept
    assert written.num_in == written.kept == views.kept
    assert list(damaged_shards(place)) == ["b"]
    kept = {
        row["key"] for i in ("a", "b") for row in ledger.read_table(place.ledger("scene_text", i)).to_pylist() if row["kept"]
    }
    assert not kept & {"000", "001", "002", "003"}


def test_training_samples_are_of_the_contract_and_upright_pictures_keep_their_bytes(done):
    _, place = done
    originals = {signed(i) for i in (*range(10, 15), *range(20, 24), *range(30, 32))}
    found = samples(place)
    assert len({fields["id"] for fields, _ in found}) == len(found) == count_stages(place)[-1].kept
    views = Counter(fields["provenance"]["view"].split()[0] for fields, _ in found)
    assert set(views) >= {"upright", "rotated", "flipped"}
    for fields, media in found:
        training_sample.validate(fields)
        assert fields["line"] == "ocr"
        origin = fields["provenance"]
        [image] = media.values()
        assert (image in originals) == (origin["view"] == "upright")
        assert list(Image.open(io.BytesIO(image)).size) == origin["size"]
        for part in fields["content"][1:]:
            for box in re.findall(r"\[([\d, ]+)\]", part["text"]):
                x1, y1, x2, y2 = map(int, box.split(", "))
                assert 0 <= x1 <= x2 <= 999
                assert 0 <= y1 <= y2 <= 999
    [url] = {f["provenance"]["url"] for f, _ in found if f["provenance"]["key"] == "21"}
    assert url == "https://example.org/21"


def test_a_box_of_an_answer_holds_the_text_on_every_view_that_can_be_read(done):
    """Cut out what a read question names and read it again: upright, and after the turn is undone, it says the same."""
    reader = TextReader()
    right = total = 0
    for fields, media in samples(done[1]):
        view = fields["provenance"]["view"]
        if view.startswith("flipped"):
            continue
        [image] = media.values()
        rgb = np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))
        height, width = rgb.shape[:2]
        for question, answer in zip(fields["content"][1::2], fields["content"][2::2], strict=True):
            box = re.search(r"\[([\d, ]+)\]", question["text"])
            if box is None:
                continue
            x1, y1, x2, y2 = np.array([int(n) for n in box[1].split(", ")]) * [width, height, width, height] // 1000
            cut = Image.fromarray(rgb[max(y1 - 8, 0) : y2 + 8, max(x1 - 8, 0) : x2 + 8])
            angle = float(view.split()[2]) if view != "upright" else 0.0
            upright = np.asarray(cut.rotate(-angle, expand=True, fillcolor=tuple(int(c) for c in rgb[0, 0])))
            lines = [line.text.replace(" ", "") for line in reader.read(upright)]
            total += 1
            right += answer["text"].replace(" ", "") in "".join(lines)
    assert total >= 12
    assert right >= 0.8 * total


def test_moved_thresholds_read_no_picture_again(done, tmp_path, monkeypatch):
    import shutil

    source, place = done
    shutil.copytree(place.root, tmp_path / "out")
    shutil.move(str(source), tmp_path / "away")
    try:
        stricter = recipe(scene_text=SceneText(min_lines=3))
        monkeypatch.setattr(TextReader, "read", lambda *_: pytest.fail("a picture was read"))
        moved = Output(str(tmp_path / "out"))
        slices = plan_slices(moved.root, [], 2)
        ocr_scene.run(moved.root, stricter, slices, Engine(beam=ALONE), ("text_density", "scene_text", "scene_views"))
        counts = count_stages(moved)
        assert counts[1].num_in == count_stages(place)[1].num_in
        assert counts[1].kept < count_stages(place)[1].kept
        assert counts[1].dropped["few_lines"] > 0
    finally:
        shutil.move(str(tmp_path / "away"), source)


def test_a_second_run_writes_the_same_bytes(done, tmp_path):
    source, place = done
    again = run(f"{source}/*", tmp_path / "out", recipe())
    for path in sorted(Path(place.shards()).glob("*.tar")):
        assert Path(again.shards(path.name)).read_bytes() == path.read_bytes()


def test_the_report_shows_polygons_and_questions(done):
    _, place = done
    stats = write_stats(place)
    assert stats["samples"] == count_stages(place)[-1].kept
    html = Path(build_report(place)).read_text()
    shown = LINE.exhibits(place)
    assert [e.title for e in shown["scene_text"]] == ["Kept", "Dropped, though something was read"]
    figures = shown["scene_text"][0].figures
    assert figures
    assert all(figure.picture and figure.texts[0][1].startswith(("+", "-")) for figure in figures)
    greens = sum(bool((np.abs(np.asarray(f.picture).astype(int) - [0, 160, 60]).max(2) < 30).any()) for f in figures)
    assert greens == len(figures)
    assert shown["scene_views"][0].figures
    assert "Views and their questions" in html
    key = next(row["key"] for row in ledger.read_table(place.ledger("scene_text", "a")).to_pylist() if row["kept"])
    assert "scene_text" in explain(place, f"a/{key}")


def test_a_model_that_is_not_there_is_said_before_any_work(tmp_path):
    from ocr_synth.stages.text_density import Measuring, TextDensity

    of = recipe(text_density=TextDensity(measuring=Measuring(model=str(tmp_path / "none.onnx"))))
    with pytest.raises(ConfigError, match=r"there is no model .*none\.onnx"):
        ocr_scene.run(str(tmp_path), of, [], Engine(beam=ALONE))


def test_the_recipes_can_be_loaded_by_name():
    line = lines.load("ocr-scene")
    for name in (line.default_recipe, "ocr_synth.scene.recipes:demo"):
        assert isinstance(recipes.load(name, line.recipe), OcrScene)
