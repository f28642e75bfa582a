"""Checkpoints by torch's distributed checkpoint, published by one rename.

A folder `step-00000020` holds the shards of model and optimizer and `trainer.json`: the step, the planner's state and the recipe's
fingerprint. It is written as `step-00000020.part` and renamed when whole, so a kill at any moment leaves the one before. Any
world size loads it.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch import nn

from sieveline.errors import ConfigError


def save(
    folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, trainer: dict[str, Any], *, keep: int
) -> Path:
    """Writes a checkpoint (all processes call this) and drops all but the `keep` newest."""
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import get_state_dict

    target = folder / f"step-{step:08d}"
    part = target.with_suffix(".part")
    if dist.get_rank() == 0:
        for stale in folder.glob("*.part"):
            shutil.rmtree(stale)
        part.mkdir(parents=True)
    dist.barrier()
    weights, moments = get_state_dict(model, optimizer)
    dcp.save({"model": weights, "optimizer": moments}, checkpoint_id=part)
    dist.barrier()
    if dist.get_rank() == 0:
        (part / "trainer.json").write_text(json.dumps(trainer))
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
        for old in all_of(folder)[:-keep]:
            shutil.rmtree(old)
    dist.barrier()
    return target


def all_of(folder: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    return sorted(p for p in folder.glob("step-????????") if (p / "trainer.json").exists())


def load(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> dict[str, Any]:
    """Loads a checkpoint in place and returns its `trainer.json`; without an optimizer the weights alone.

    Raises:
        ConfigError: the folder is no checkpoint.
    """
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import (
        get_model_state_dict,
        get_state_dict,
        set_model_state_dict,
        set_state_dict,
    )

    if not (path / "trainer.json").exists():
        raise ConfigError(f"{path} is not a whole checkpoint")
    if optimizer is None:
        state = {"model": get_model_state_dict(model)}
        dcp.load(state, checkpoint_id=path)
        set_model_state_dict(model, state["model"])
    else:
        weights, moments = get_state_dict(model, optimizer)
        state = {"model": weights, "optimizer": moments}
        dcp.load(state, checkpoint_id=path)
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
    return json.loads((path / "trainer.json").read_text())
