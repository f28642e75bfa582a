"""Slices keep their shards and names for ever; ids come from paths."""

import json

import pytest

from sieveline.errors import ConfigError
from sieveline.slices import Shard, find_shards, plan_slices, read_slices


def touch(folder, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * len(name))


def test_ids_are_paths_below_the_prefix(tmp_path):
    touch(tmp_path, "in/a/1.tar", "in/a/2.tar", "in/b/1.tar", "in/b/3.parquet", "in/b/notes.txt")
    shards = find_shards(f"{tmp_path}/in/*/*.tar")
    assert [s.id for s in shards] == ["a__1", "a__2", "b__1"]
    assert shards[0] == Shard("a__1", f"{tmp_path}/in/a/1.tar", len("in/a/1.tar"))
    assert [s.id for s in find_shards(f"{tmp_path}/in/**/*.tar")] == ["a__1", "a__2", "b__1"]
    assert [s.id for s in find_shards(f"{tmp_path}/in/b/*.parquet")] == ["3"]
    assert [s.id for s in find_shards(f"{tmp_path}/in/a/2.tar")] == ["2"]


def test_a_folder_is_its_tars_or_else_its_parquet_files(tmp_path):
    touch(tmp_path, "tars/1.tar", "tars/2.parquet", "tables/1.parquet")
    assert [s.id for s in find_shards(f"{tmp_path}/tars")] == ["1"]
    assert [s.url for s in find_shards(f"{tmp_path}/tables/")] == [f"{tmp_path}/tables/1.parquet"]
    assert find_shards(f"{tmp_path}/none") == []


def test_any_fsspec_url():
    import fsspec

    fs = fsspec.filesystem("memory")
    for name in ("/raw/x/1.tar", "/raw/y/1.tar"):
        fs.pipe_file(name, b"12345")
    shards = find_shards("memory://raw/*/*.tar")
    assert [(s.id, s.num_bytes) for s in shards] == [("x__1", 5), ("y__1", 5)]
    assert [fsspec.open(s.url).fs.exists(s.url) for s in shards] == [True, True]


def test_other_files_and_one_id_twice_are_refused(tmp_path):
    touch(tmp_path, "a/1.tar", "a/notes.txt", "b/1.tar", "b/1.parquet")
    with pytest.raises(ConfigError, match=r"notes.txt is neither .tar nor .parquet; narrow the pattern"):
        find_shards(f"{tmp_path}/a/*")
    with pytest.raises(ConfigError, match="would both be shard '1'"):
        find_shards(f"{tmp_path}/b/*")


def shards(*ids: str) -> list[Shard]:
    return [Shard(i, f"/in/{i}.tar", 7) for i in ids]


def test_planned_slices_never_change(tmp_path):
    out = str(tmp_path)
    first = plan_slices(out, shards("a", "b", "d"), 2)
    assert [(s.name, [x.id for x in s.shards]) for s in first] == [("slice-00000", ["a", "b"]), ("slice-00001", ["d"])]
    assert plan_slices(out, shards("a", "b", "d"), 1) == first
    later = plan_slices(out, shards("a", "b", "c", "d", "e"), 2)
    assert later[:2] == first
    assert [x.id for x in later[2].shards] == ["c", "e"]
    assert plan_slices(out, [], 2) == read_slices(out) == later  # what is registered need not be seen again


def test_another_input_for_one_output_is_refused(tmp_path):
    plan_slices(str(tmp_path), shards("a"), 2)
    with pytest.raises(ConfigError, match=r"was made from /in/a\.tar; give /other/a\.tar another --output"):
        plan_slices(str(tmp_path), [Shard("a", "/other/a.tar", 7)], 2)
    assert len(read_slices(str(tmp_path))) == 1


def test_manifests_are_plain_json(tmp_path):
    plan_slices(str(tmp_path), shards("a"), 2)
    assert json.loads((tmp_path / "slices" / "slice-00000.json").read_text()) == {
        "name": "slice-00000",
        "shards": [{"id": "a", "url": "/in/a.tar", "num_bytes": 7}],
    }
