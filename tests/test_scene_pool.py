"""The demo's pictures with known text, and how a reading is held against it."""

import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from demo import scene_pool
from demo.packages import PackageError
from demo.scene_truth import Score, lines, match, plain, score
from ocr_synth.stages import scene_text, text_density
from sieveline import ledger
from sieveline.output import Output
from sieveline.schema import LEDGER


def box(x: float, y: float, width: float = 80, height: float = 20) -> np.ndarray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene-pool")
    try:
        scene_pool.build(folder, pictures=12)
    except PackageError as error:
        pytest.skip(str(error))
    return folder


def test_pictures_and_what_stands_on_them(pool):
    truth = pq.read_table(pool / "truth.parquet")
    assert truth.schema.equals(scene_pool.TRUTH)
    with tarfile.open(pool / "shards" / "signs-00000.tar") as tar:
        sizes = {m.name.split(".")[0]: Image.open(io.BytesIO(tar.extractfile(m).read())).size for m in tar}  # pyright: ignore
    assert len(sizes) == 12
    assert all(max(size) == scene_pool.SIDE for size in sizes.values())
    assert 4 <= len(set(truth["key"].to_pylist())) < 12  # the others are bare
    for row in truth.to_pylist():
        polygon = np.array(row["polygon"]).reshape(4, 2)
        assert (polygon >= -1).all()
        assert (polygon <= np.array(sizes[row["key"]]) + 1).all()


def test_a_pool_that_is_there_stays_and_another_time_gives_the_same(pool, tmp_path):
    path = pool / "shards" / "signs-00000.tar"
    before = path.stat().st_mtime_ns
    scene_pool.build(pool, pictures=12)
    assert path.stat().st_mtime_ns == before
    scene_pool.build(tmp_path, pictures=12)
    assert (tmp_path / "shards" / "signs-00000.tar").read_bytes() == path.read_bytes()


def test_a_line_belongs_to_the_written_one_under_it():
    written = [("Way out", box(0, 0)), ("Taxis", box(0, 40)), ("Buses", box(0, 80))]
    read = [("WAYOUT", box(-2, -2, 84, 24)), ("Taxes", box(0, 41)), ("photo's own", box(300, 0))]
    assert match(written, read) == (2, 1, 3, 2)
    assert match([], read) == (0, 0, 3, 0)
    assert match(written, []) == (0, 0, 0, 0)
    assert plain("Way  OUT ") == "wayout"


def test_scores_of_an_output(tmp_path):
    folder = tmp_path / "pool"
    (folder / "shards").mkdir(parents=True)
    (folder / "shards" / "s.tar").touch()
    known = [{"key": "a", "text": "Way out", "polygon": box(0, 0).ravel(), "size": 20.0}]
    known += [{"key": "b", "text": "Taxis", "polygon": box(0, 0).ravel(), "size": 20.0}]
    pq.write_table(pa.Table.from_pylist(known, scene_pool.TRUTH), folder / "truth.parquet")
    place = Output(str(tmp_path / "out"))

    def write(stage: str, schema: pa.Schema, rows: list[dict]) -> None:
        table = pa.Table.from_pylist(rows, pa.schema([*LEDGER, *schema]))
        ledger.write_table(place.ledger(stage, "s"), table, {})

    write(
        "text_density",
        text_density.LEDGER,
        [{"key": "a", "kept": True}, {"key": "b", "kept": False}, {"key": "c", "kept": False}, {"key": "d", "kept": True}],
    )
    read = {
        "texts": ["Way out", "?"],
        "polygons": [box(0, 0).ravel().tolist(), box(0, 50).ravel().tolist()],
        "valid": [True, False],
    }
    bare = {"key": "d", "kept": False, "texts": [], "polygons": [], "valid": []}
    write("scene_text", scene_text.LEDGER, [{"key": "a", "kept": True, **read}, bare])
    found = score(place, folder)
    assert found == Score(2, 2, 2, 1, 1, 1, 1, passed=1, skipped=1, kept=1)
    assert "1 of 2 (0.500)" in str(found)
    assert lines({**read, "valid": None}) == []
