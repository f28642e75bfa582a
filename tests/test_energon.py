"""Training shards in Megatron-Energon, where its environment is there (docs/write.md): its index is ours, its reader sees every byte."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from training_data import caption_sample, interleaved_sample

from sieveline.cache import cache_folder
from sieveline.shards.writer import write_shard
from sieveline.training_sample import encode

ENERGON = shutil.which("energon") or str(cache_folder() / "bench" / "energon" / "bin" / "energon")
HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(not Path(ENERGON).exists(), reason="needs megatron-energon in its own environment")


def prepare(folder: Path) -> None:
    command = [ENERGON, "prepare", ".", "--non-interactive", "--split-ratio", "1,0,0", "--sample-type", "CrudeWebdataset"]
    done = subprocess.run(
        [*command, "--num-workers", "1", "--no-progress"], cwd=folder, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def read(folder: Path) -> dict[str, dict[str, str]]:
    """Key -> member name -> sha256 of its bytes, as energon's loader gives them."""
    python = Path(ENERGON).parent / "python"
    done = subprocess.run([python, HERE / "energon_reader.py", folder], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_energon_indexes_the_shards_as_we_do_and_reads_every_byte(tmp_path):
    samples = [caption_sample(1, n) for n in range(30)] + [interleaved_sample(1, n) for n in range(6)]
    ours, bare = tmp_path / "ours", tmp_path / "bare"
    ours.mkdir()
    bare.mkdir()
    want = {}
    for shard in range(3):
        made = []
        for sample, media in samples[shard::3]:
            members = {"json": encode(sample), **media}
            made.append([(f"{sample['id']}.{name}", data) for name, data in members.items()])
            want[sample["id"]] = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
        name = f"slice-00000-{shard:05d}.tar"
        with (ours / name).open("wb") as file:
            summary = write_shard(file, made)
        (ours / f"{name}.idx").write_bytes(summary.index_bytes())
        (ours / f"{name}.json").write_text("{}")  # the marker that lies beside each shard
        shutil.copy(ours / name, bare)
    prepare(bare)
    prepare(ours)
    for index in ours.glob("*.idx"):
        assert index.read_bytes() == (bare / index.name).read_bytes()
    assert read(ours) == want
    assert read(bare) == want
