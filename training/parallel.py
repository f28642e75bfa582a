"""Processes, and how the model lies over them.

The device mesh has four axes: `replicate` x `shard` x `context` x `tensor`. FSDP2 shards parameters over `shard` x `context` (and keeps a
copy per `replicate`: hybrid sharding); the decoder's linear layers are cut over `tensor`; a sequence is cut over `context` (Ulysses,
attention.py). A data-parallel rank is one place in `replicate` x `shard`; the processes of its context and tensor axes read
the same packs. One process alone runs the same code on a mesh of one.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed as dist
from torch import nn

from sieveline.errors import ConfigError
from training.recipes import Parallel, Recipe

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

    from training.model import PackedModel


@dataclass(frozen=True, slots=True)
class World:
    """This process among the others.

    Attributes:
        rank, size: over all processes.
        data_rank, data_ranks: over the data-parallel ranks.
        token_ranks: processes that see different tokens (data x context): gradients are averaged over so many.
        tokens: their group.
        context: the context-parallel group, None without one.
        device: where the model lies.
        mesh: the axes above.
        shards: the part of it that FSDP works on.
    """

    rank: int
    size: int
    data_rank: int
    data_ranks: int
    token_ranks: int
    tokens: Any
    context: Any
    device: torch.device
    mesh: "DeviceMesh"
    shards: "DeviceMesh"

    @property
    def first(self) -> bool:
        return self.rank == 0


def start(config: Parallel) -> World:
    """Joins the other processes as `torchrun` set the environment up, or starts a world of one.

    Raises:
        ConfigError: the world does not divide into the recipe's axes.
    """
    cuda = torch.cuda.is_available()
    if not dist.is_initialized():
        if "RANK" in os.environ:
            dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
        else:
            dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", store=dist.HashStore(), rank=0, world_size=1)
    size, rank = dist.get_world_size(), dist.get_rank()
    fixed = config.replicas * config.context * config.tensor
    if size % fixed:
        raise ConfigError(
            f"{size} processes do not divide by parallel.replicas {config.replicas} x context {config.context} x tensor {config.tensor}"
        )
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    shape = (config.replicas, size // fixed, config.context, config.tensor)
    kind = "cuda" if cuda else "cpu"
    mesh = dist.device_mesh.init_device_mesh(kind, shape, mesh_dim_names=("replicate", "shard", "context", "tensor"))
    tokens = mesh["replicate", "shard", "context"]._flatten("tokens")
    shards = mesh["shard"] if config.context == 1 else mesh["shard", "context"]._flatten("fsdp")
    if config.replicas > 1:
        shards = mesh["replicate", "shard"] if config.context == 1 else type(mesh)._concatenate([mesh["replicate"], shards])
    data_rank = mesh.get_local_rank("replicate") * shape[1] + mesh.get_local_rank("shard")
    return World(
        rank=rank,
        size=size,
        data_rank=data_rank,
        data_ranks=shape[0] * shape[1],
        token_ranks=shape[0] * shape[1] * shape[2],
        tokens=tokens.get_group(),
        context=mesh["context"].get_group() if config.context > 1 else None,
        device=torch.device(kind, torch.cuda.current_device()) if cuda else torch.device("cpu"),
        mesh=mesh,
        shards=shards,
    )


def stop() -> None:
    """Leaves the process group, if there is one."""
    if dist.is_initialized():
        dist.destroy_process_group()


def check(recipe: Recipe) -> None:
    """Raises ConfigError where the recipe's axes do not divide its sizes."""
    p, text = recipe.parallel, recipe.model.text
    if recipe.sequence_length % p.context:
        raise ConfigError(f"sequence_length {recipe.sequence_length} does not divide by parallel.context {p.context}")
    for field in ("num_attention_heads", "num_key_value_heads"):
        if text[field] % p.tensor:
            raise ConfigError(f"{field} {text[field]} does not divide by parallel.tensor {p.tensor}")
    heads, groups = text["num_attention_heads"] // p.tensor, text["num_key_value_heads"] // p.tensor
    if heads % p.context or (groups % p.context and p.context % groups):
        raise ConfigError(
            f"{heads} heads and {groups} key-value heads a tensor rank do not divide over parallel.context {p.context}"
        )


def distribute(model: "PackedModel", world: World, recipe: Recipe) -> None:
    """Cuts the model's parameters over the mesh, in place: tensor parallel, activation checkpointing, then FSDP2."""
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    config = recipe.parallel
    inner: Any = model.model
    layers, blocks = inner.model.language_model.layers, inner.model.visual.blocks
    if config.tensor > 1:
        _tensor_parallel(inner, world.mesh["tensor"])
    if config.activation_checkpointing:
        inner.activation_checkpointing_enable({"use_reentrant": False})
    half = config.precision == "bf16"
    # the blocks must not cast their inputs: rotary angles of the vision tower stay float32 as in transformers
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if half else None, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for module in [*layers, *blocks]:
        fully_shard(module, mesh=world.shards, mp_policy=policy)
    fully_shard(model, mesh=world.shards, mp_policy=policy)


def fill_in(model: "PackedModel", whole: nn.Module | None, world: World) -> None:
    """Gives a distributed model that was built on the meta device its place in memory and its weights.

    Args:
        model: as `distribute` left it; its parameters and buffers hold nothing yet.
        whole: the same `PackedModel` with weights on the CPU, in the first process; None in the others. Every process takes
            its shard from what the first broadcasts, so the whole model lies in memory once.
    """
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

    model.to_empty(device=world.device)
    options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
    set_model_state_dict(model, {} if whole is None else whole.state_dict(), options=options)
    model.reset_buffers(world.device)


def _tensor_parallel(inner: Any, mesh: "DeviceMesh") -> None:
    """Heads over the ranks, the feed-forward by columns and rows.

    `gate_up_proj` holds gate and up in one matrix that the layer cuts in the middle, so its output is gathered first and the
    activation is computed on every rank. Routed experts are not cut here; FSDP shards them.
    """
    from torch.distributed.tensor import Replicate
    from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

    attention: dict[str, Any] = {f"self_attn.{n}_proj": ColwiseParallel() for n in "qkv"} | {
        "self_attn.o_proj": RowwiseParallel()
    }
    packed: dict[str, Any] = {
        "mlp.gate_up_proj": ColwiseParallel(output_layouts=Replicate()),
        "mlp.down_proj": RowwiseParallel(input_layouts=Replicate()),
    }

    def gated(prefix: str) -> dict[str, Any]:
        return {
            f"{prefix}.gate_proj": ColwiseParallel(),
            f"{prefix}.up_proj": ColwiseParallel(),
            f"{prefix}.down_proj": RowwiseParallel(),
        }

    for layer in inner.model.language_model.layers:
        routed = hasattr(layer.mlp, "shared_experts")
        mlp = packed if hasattr(layer.mlp, "gate_up_proj") else gated("mlp.shared_experts" if routed else "mlp")
        parallelize_module(layer, mesh, attention | mlp)
    parallelize_module(inner, mesh, {"lm_head": ColwiseParallel(output_layouts=Replicate())})


def clip(model: nn.Module, most: float | None) -> float:
    """Scales all gradients to a common norm of at most `most` (None: only measures); returns the norm before.

    Parameters cut over the tensor axis live on another mesh than those that are not, so norms are taken mesh by mesh.
    """
    by_mesh: dict[Any, list[torch.Tensor]] = {}
    for parameter in model.parameters():
        if parameter.grad is not None:
            by_mesh.setdefault(getattr(parameter.grad, "device_mesh", None), []).append(parameter.grad)
    total = torch.zeros((), dtype=torch.float32)
    for grads in by_mesh.values():
        norm = nn.utils.get_total_norm(grads)
        total = total.to(norm.device) + (norm.full_tensor() if hasattr(norm, "full_tensor") else norm) ** 2  # type: ignore[operator]
    norm = total.sqrt()
    if most is not None:
        for grads in by_mesh.values():
            for grad in grads:
                grad.mul_(torch.clamp(most / (norm + 1e-6), max=1.0))
    return float(norm)
