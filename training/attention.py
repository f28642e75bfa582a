"""Attention inside the samples of a pack: one switch, three ways.

| name | where | how |
|---|---|---|
| `blocks` | anywhere | one causal attention per sample, exact, cost linear in packed tokens |
| `varlen` | CUDA, bf16 or fp16 | `torch.nn.attention.varlen`, the flash kernel over all samples at once |
| `sdpa` | anywhere | transformers' own, with a dense block-diagonal mask from the packed positions: the reference in tests |

The first two are registered with transformers and find the samples' boundaries in `cu_seq_lens_q`. With a context-parallel group they
run DeepSpeed-Ulysses (arXiv 2309.14509): an all-to-all swaps a slice of the sequence with all heads for the whole sequence with a
slice of the heads, attention is as before, and a second all-to-all swaps back. Where there are fewer key-value heads than ranks,
they are repeated first.
"""

from typing import TYPE_CHECKING, Any

from sieveline.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from torch.distributed import ProcessGroup

# transformers passes `cu_seq_lens_q` to the vision tower only where the name says "flash"
NAMES = {"blocks": "sieveline_blocks", "varlen": "sieveline_flash_varlen", "sdpa": "sdpa"}


def choose(name: str, device: str) -> str:
    """The way to attend for a recipe's `parallel.attention` on a device type.

    Raises:
        ConfigError: an unknown name, or `varlen` without CUDA.
    """
    if name == "auto":
        return "varlen" if device == "cuda" else "blocks"
    if name not in NAMES:
        raise ConfigError(f"parallel.attention is {name!r}, must be auto, {', '.join(NAMES)}")
    if name == "varlen" and device != "cuda":
        raise ConfigError("parallel.attention='varlen' needs CUDA; 'blocks' gives the same numbers on any device")
    return name


def register(context: "ProcessGroup | None" = None) -> None:
    """Makes the attention functions known to transformers; `context` is the context-parallel group, if there is one."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAMES["blocks"], _Attention(_blocks, context))
    AttentionInterface.register(NAMES["varlen"], _Attention(_varlen, context))


class _Attention:
    """The signature of transformers' attention functions: tensors (batch, heads, length, dim) in, (batch, length, heads, dim) out."""

    def __init__(self, kernel: Any, context: "ProcessGroup | None"):
        self.kernel, self.context = kernel, context

    def __call__(
        self,
        module: Any,
        query: "torch.Tensor",
        key: "torch.Tensor",
        value: "torch.Tensor",
        attention_mask: Any = None,
        scaling: float | None = None,
        cu_seq_lens_q: "torch.Tensor | None" = None,
        max_length_q: int | None = None,
        is_causal: bool | None = None,
        **_: Any,
    ) -> tuple["torch.Tensor", None]:
        causal = module.is_causal if is_causal is None else is_causal
        context = self.context if causal else None  # the vision tower's images are whole on every rank
        if context is not None:
            from torch.distributed import get_world_size

            ranks = get_world_size(context)
            key, value = (_repeat(x, max(1, ranks // x.shape[1])) for x in (key, value))
            query, key, value = (_swap(x, context, heads_in=True) for x in (query, key, value))
        bounds = cu_seq_lens_q
        if bounds is None:
            import torch

            bounds = torch.tensor([0, query.shape[2]], dtype=torch.int32, device=query.device)
        out = self.kernel(query, key, value, bounds, max_length_q or query.shape[2], causal, scaling)
        if context is not None:
            out = _swap(out, context, heads_in=False)
        return out.transpose(1, 2), None


def _repeat(x: "torch.Tensor", times: int) -> "torch.Tensor":
    return x.repeat_interleave(times, dim=1) if times > 1 else x


def _blocks(
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    bounds: "torch.Tensor",
    _: int,
    causal: bool,
    scale: float | None,
) -> "torch.Tensor":
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    key, value = (_repeat(x, query.shape[1] // x.shape[1]) for x in (key, value))
    lengths = (bounds[1:] - bounds[:-1]).tolist()
    parts = zip(*(x.split(lengths, dim=2) for x in (query, key, value)), strict=True)
    return torch.cat([scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale) for q, k, v in parts], dim=2)


def _varlen(
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    bounds: "torch.Tensor",
    longest: int,
    causal: bool,
    scale: float | None,
) -> "torch.Tensor":
    from torch.nn.attention.varlen import varlen_attn

    query, key, value = (x[0].transpose(0, 1).contiguous() for x in (query, key, value))
    out: Any = varlen_attn(
        query,
        key,
        value,
        bounds,
        bounds,
        longest,
        longest,
        scale=scale,
        window_size=(-1, 0) if causal else (-1, -1),  # nothing to the right is how the API spells causal
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return out.transpose(0, 1)[None]


def _swap(x: "torch.Tensor", group: "ProcessGroup", *, heads_in: bool) -> "torch.Tensor":
    """(1, heads, length, dim): all heads of a slice of the sequence <-> a slice of the heads of the whole sequence; differentiable."""
    import torch
    from torch.distributed import get_world_size
    from torch.distributed._functional_collectives import all_to_all_single_autograd

    ranks = get_world_size(group)
    x = x[0]
    if heads_in:
        parts = x.unflatten(0, (ranks, -1)).contiguous()  # (rank, heads / ranks, slice, dim)
        got = all_to_all_single_autograd(parts, None, None, group)
        return got.permute(1, 0, 2, 3).flatten(1, 2)[None]
    parts = x.unflatten(1, (ranks, -1)).permute(1, 0, 2, 3).contiguous()  # (rank, heads / ranks, slice, dim)
    got = all_to_all_single_autograd(parts, None, None, group)
    return torch.flatten(got, 0, 1)[None]
