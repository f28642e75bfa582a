"""FSDP2, hybrid sharding, tensor and context parallel on two processes (gloo) against one: loss and every gradient."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_data import read_metrics, write_demo

from training import recipes

HERE = Path(__file__).parent


def small(kind: str = "tiny", **parallel) -> recipes.Recipe:
    """A recipe for two short steps; the batch is the same whatever the processes."""
    recipe = {"tiny": recipes.tiny, "moe": recipes.tiny_moe, "one_head": recipes.tiny}[kind]()
    if kind == "one_head":  # fewer key-value heads than context ranks: they are repeated
        text = {**recipe.model.text, "num_key_value_heads": 1}
        recipe = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, text=text))
    return dataclasses.replace(
        recipe,
        sequence_length=256,
        global_batch=4,
        tokens=dataclasses.replace(recipe.tokens, vocabulary=512, max_pixels=2 * 84 * 84),
        packing=dataclasses.replace(recipe.packing, group=2, window_batches=2),
        loading=dataclasses.replace(recipe.loading, workers=0),
        parallel=dataclasses.replace(recipe.parallel, **parallel),
    )


def run_gradients(shards: str, folder: Path, recipe: recipes.Recipe) -> None:
    """One global batch forward and backward through the loop's own code; the first process writes loss and full gradients."""
    from training import parallel
    from training.loop import Trainer

    recipe = dataclasses.replace(recipe, loading=dataclasses.replace(recipe.loading, index_cache=str(folder.parent / "cache")))
    world = parallel.start(recipe.parallel)
    trainer = Trainer(shards, recipe, folder, world)
    _, plan, packs = next(iter(trainer.loader))
    sums = trainer.backward(plan, packs)
    norm = parallel.clip(trainer.model, None)
    grads = {}
    for name, parameter in trainer.model.named_parameters():
        assert parameter.grad is not None, name
        grads[name] = parameter.grad.full_tensor() if hasattr(parameter.grad, "full_tensor") else parameter.grad
    if world.first:
        loads = [load.clone() for load in trainer.routers.loads]
        values = {"loss": sums.loss, "balance": sums.balance, "norm": norm, "tokens": sums.tokens, "micro_steps": len(plan)}
        torch.save({"grads": grads, "loads": loads, **values}, folder / "gradients.pt")


def launch(processes: int, call: str, folder: Path) -> None:
    """Runs `call` (of this module) in so many processes joined over the loopback."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    running = []
    for rank in range(processes):
        env = os.environ | {
            "RANK": str(rank),
            "WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}",
        }
        code = f"from pathlib import Path; from test_training_parallel import *; {call}"
        log = (folder / f"log{rank}.txt").open("w")
        running.append(subprocess.Popen([sys.executable, "-c", code], env=env, cwd=HERE.parent, stdout=log, stderr=log))
    codes = [p.wait(timeout=300) for p in running]
    assert codes == [0] * processes, "\n".join((folder / f"log{r}.txt").read_text()[-3000:] for r in range(processes))


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> str:
    return write_demo(tmp_path_factory.mktemp("shards"), samples=90)


LAYOUTS = {
    "fsdp": ("tiny", {}),
    "hybrid": ("tiny", {"replicas": 2}),
    "tensor": ("tiny", {"tensor": 2}),
    "context": ("tiny", {"context": 2, "activation_checkpointing": True}),
    "context-repeated-heads": ("one_head", {"context": 2}),
    "experts": ("moe", {"activation_checkpointing": True}),
    "experts-tensor": ("moe", {"tensor": 2}),
    "experts-context": ("moe", {"context": 2}),
}


def run_all(shards: str, folder: Path) -> None:
    """Every layout's gradients, then two steps of a run, in one pair of processes (starting a pair costs more than all of it)."""
    for name, (kind, layout) in LAYOUTS.items():
        run_gradients(shards, folder / name, small(kind, **layout))
    run_steps(shards, folder / "resumed", 2, resume=False)


@pytest.fixture(scope="module")
def two(shards, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    launch(2, f"run_all({shards!r}, Path({str(folder)!r}))", folder)
    return folder


@pytest.fixture(scope="module")
def one(shards, tmp_path_factory):
    """Loss and gradients of one process, per kind of model, in this process."""
    from training import parallel

    folder = tmp_path_factory.mktemp("one")
    for kind in ("tiny", "moe", "one_head"):
        run_gradients(shards, folder / kind, small(kind))
    yield folder
    parallel.stop()


@pytest.mark.parametrize("name", LAYOUTS)
def test_two_processes_equal_one(name, one, two):
    ours, theirs = torch.load(two / name / "gradients.pt"), torch.load(one / LAYOUTS[name][0] / "gradients.pt")
    assert ours["tokens"] == theirs["tokens"]
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-6)
    assert ours["balance"] == pytest.approx(theirs["balance"], rel=1e-5)
    assert ours["norm"] == pytest.approx(theirs["norm"], rel=1e-5)
    scale = max(float(g.abs().max()) for g in theirs["grads"].values())
    assert ours["grads"].keys() == theirs["grads"].keys()
    for parameter, grad in theirs["grads"].items():
        assert torch.allclose(ours["grads"][parameter], grad, rtol=1e-4, atol=2e-6 * scale), parameter


def test_accumulation_equals_the_large_batch(shards, one, tmp_path):
    """Four packs one after another give the gradient of their sum: weighting is per token, not per pack."""
    from training import parallel
    from training.loop import Trainer

    recipe = small()
    recipe = dataclasses.replace(recipe, loading=dataclasses.replace(recipe.loading, index_cache=str(one / "cache")))
    trainer = Trainer(shards, recipe, tmp_path, parallel.start(recipe.parallel))
    _, plan, packs = next(iter(trainer.loader))
    packs = list(packs)
    assert len(plan) == 4
    total = sum(trainer.model(p) for p in packs)
    (total / sum(int((p.targets >= 0).sum()) for p in packs)).backward()
    grads = torch.load(one / "tiny" / "gradients.pt")["grads"]
    for name, parameter in trainer.model.named_parameters():
        assert torch.allclose(parameter.grad.full_tensor(), grads[name], rtol=1e-4, atol=1e-7), name


def run_steps(shards: str, folder: Path, steps: int, resume: bool) -> None:
    """Some steps of a run through the public entry."""
    from training.loop import train

    recipe = small()
    recipe = dataclasses.replace(
        recipe,
        loading=dataclasses.replace(recipe.loading, index_cache=str(folder.parent / "cache")),
        watch=dataclasses.replace(recipe.watch, checkpoint_every=2),
    )
    train(shards, recipe, folder, steps=steps, resume=resume)


def test_another_world_size_resumes_with_the_same_batches(shards, one, two):
    """Two processes to step 2, one to step 5: every global batch as one process alone would have had it, and the loss goes on."""
    run_steps(shards, one / "run", 5, resume=False)
    run_steps(shards, two / "resumed", 5, resume=True)
    alone, resumed = read_metrics(one / "run"), read_metrics(two / "resumed")
    assert [r["step"] for r in resumed] == [1, 2, 3, 4, 5]
    assert [r["digest"] for r in resumed] == [r["digest"] for r in alone]
    assert [r["loss"] for r in resumed] == pytest.approx([r["loss"] for r in alone], rel=1e-3)
    assert json.loads((two / "resumed" / "checkpoints" / "step-00000004" / "trainer.json").read_text())["step"] == 4


def test_torchrun_starts_the_command_line(shards, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "training.cli"]
    command += ["--shards", shards, "--recipe", "training.recipes:tiny", "--steps", "2", "--output", str(tmp_path / "run")]
    env = os.environ | {"OMP_NUM_THREADS": "1", "SIEVELINE_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, check=False, env=env, cwd=HERE.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert (tmp_path / "run" / "export" / "config.json").exists()
