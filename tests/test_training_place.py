"""Where a run lies: shards and results on S3, by the command line and by Dagster's asset, on a real S3 server on loopback."""

import argparse
import dataclasses
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from s3_server import s3_server
from training_data import write_demo

from assets.image_text import LINE
from assets.line import LineSettings
from assets.message_reader import WholeLineReader
from assets.training import SOURCES, training_run
from sieveline import storage
from sieveline.errors import ConfigError
from training import cli, parallel, recipes

CHECKPOINT = "step-00000002"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server("bucket"):
        yield "s3://bucket"
    parallel.stop()


@pytest.fixture
def output(s3, tmp_path, monkeypatch) -> str:
    """A line's output on S3, of which only the training shards are there; and a cache of the test's own."""
    monkeypatch.setenv("SIEVELINE_CACHE", str(tmp_path / "cache"))
    root = storage.join(s3, uuid.uuid4().hex)
    write_demo(tmp_path / "shards", samples=60)
    storage.publish_folder(tmp_path / "shards", storage.join(root, "shards"))
    return root


def fetched(url: str, folder: Path) -> Path:
    folder.mkdir()
    for file in storage.listing(url):
        (folder / file.rpartition("/")[2]).write_bytes(storage.read_bytes(file))
    return folder


def brief() -> recipes.Recipe:
    """Named below; what the asset's child process trains by."""
    return dataclasses.replace(recipes.demo(), steps=8)


def test_dagsters_asset_trains_where_the_shards_lie_on_s3(output, tmp_path, monkeypatch):
    from transformers import AutoModelForImageTextToText

    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", f"{here.parent}{os.pathsep}{here}")
    monkeypatch.setattr("assets.training.RECIPE", "test_training_place:brief")
    settings = LineSettings(name="image-text", input="", output=output)
    elsewhere = {of.key: LineSettings(name=of.line.name, input="", output=str(tmp_path / of.key)) for of in SOURCES}
    resources = elsewhere | {LINE.key: settings, "pipes": dg.PipesSubprocessClient(message_reader=WholeLineReader())}
    result = dg.materialize([training_run], resources=resources, selection=[training_run], raise_on_error=True)
    (event,) = result.asset_materializations_for_node("training__training_run")
    shown: dict = {name: value.value for name, value in event.metadata.items()}
    assert shown["steps"] == 8
    assert shown["last loss"] < shown["first loss"]
    place = shown["export"].removesuffix("/export")
    assert place.startswith(f"{output}/training/")
    model = AutoModelForImageTextToText.from_pretrained(fetched(f"{place}/export", tmp_path / "export"))
    assert sum(p.numel() for p in model.parameters()) > 500_000
    assert storage.read_bytes(f"{place}/metrics.jsonl").count(b"\n") == 8
    # nothing new: the same run, at its end; a further shard: a run of its own, the first left as it is
    for added, same in ((False, True), (True, False)):
        if added:
            write_demo(tmp_path / "more", samples=20, shards=1)
            [shard] = (tmp_path / "more").glob("*.tar")
            storage.publish_bytes(f"{output}/shards/more.tar", shard.read_bytes())
        result = dg.materialize([training_run], resources=resources, selection=[training_run], raise_on_error=True)
        (event,) = result.asset_materializations_for_node("training__training_run")
        assert (event.metadata["export"].value == f"{place}/export") == same
        assert event.metadata["steps"].value == 8
    assert storage.read_bytes(f"{place}/metrics.jsonl").count(b"\n") == 8


def test_the_command_line_resumes_a_run_whose_results_go_to_s3(output, capsys):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    shards, recipe, place = f"{output}/shards/*.tar", "training.recipes:demo", f"{output}/runs/a"
    first = ["--shards", shards, "--recipe", recipe, "--steps", "2", "--output", place]
    assert cli.run(parser.parse_args(first)) == 0
    assert storage.exists(f"{place}/export/config.json")
    assert (cli.run_folder(place) / "checkpoints" / CHECKPOINT).is_dir()
    assert cli.run(parser.parse_args(["--resume", place, "--steps", "3"])) == 0
    assert storage.read_bytes(f"{place}/metrics.jsonl").count(b"\n") == 3
    with pytest.raises(ConfigError, match=r"no \.tar shard"):
        cli.run(parser.parse_args(["--resume", place, "--shards", f"{output}/none/*.tar"]))
    assert json.loads((cli.run_folder(place) / "command.json").read_text())["shards"] == shards  # what it is resumed by
    assert f"model in {place}/export" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="--shards is missing, and s3://bucket/other does not say"):
        cli.run(parser.parse_args(["--resume", "s3://bucket/other"]))


def test_several_machines_need_a_folder_they_share(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "16")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert cli.run_folder("/shared/run") == Path("/shared/run")
    with pytest.raises(ConfigError, match="file system they share"):
        cli.run_folder("s3://bucket/run")


def test_a_folder_is_published_with_its_marker_last(tmp_path, monkeypatch):
    for name in ("config.json", "a/b.bin", "z.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    url = f"memory://{uuid.uuid4().hex}"
    storage.publish_folder(tmp_path, url, last="config.json")
    assert storage.read_bytes(f"{url}/a/b.bin") == b"a/b.bin"
    assert storage.exists(f"{url}/config.json")
    whole = storage.publish

    def failing(target: str):
        if target.endswith("z.bin"):
            raise OSError("the network is gone")
        return whole(target)

    monkeypatch.setattr(storage, "publish", failing)
    with pytest.raises(OSError, match="network"):
        storage.publish_folder(tmp_path, url, last="config.json")
    assert not storage.exists(f"{url}/config.json")
