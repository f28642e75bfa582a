"""Routing of the mixture of experts: the auxiliary-loss-free bias and the sequence balance loss (DeepSeek-V3, arXiv 2412.19437, 2.1.2).

transformers' router adds `e_score_correction_bias` to the scores it chooses by, and nothing ever changes it; here it learns. After a
step the bias of every expert that got less than the mean load rises by `bias_rate`, that of every other falls. The balance loss is
`balance_loss * sum_i f_i P_i` for each sample of a pack, weighted by its tokens.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed as dist
from torch import nn

from training.recipes import Experts


class Routers:
    """Watches the routers of a model.

    Args:
        group: the processes that see different tokens (data- and context-parallel); loads are summed over it.
        context: the context-parallel group, over which a sample may be spread.
    """

    def __init__(self, model: nn.Module, config: Experts, group: Any = None, context: Any = None):
        self.config, self.group, self.context = config, group, context
        self.routers: list[Any] = [m for n, m in model.named_modules() if hasattr(m, "e_score_correction_bias")]
        self.loads = [torch.zeros(r.num_experts, dtype=torch.float64, device="cpu") for r in self.routers]
        self._losses: list[torch.Tensor] = []
        self._counting = False
        self._segments: torch.Tensor | None = None
        for number, router in enumerate(self.routers):
            router.register_forward_hook(lambda m, _, out, number=number: self._seen(number, m, out))

    @contextmanager
    def watching(self, segments: torch.Tensor) -> Iterator[list[torch.Tensor]]:
        """While this is open, router calls are counted and their balance losses collected in the list it gives.

        Recomputation by activation checkpointing happens outside of it: it must save the same tensors for the backward pass, so it
        computes the same, and nothing of it is kept.

        Args:
            segments: int64 (tokens,), the sample every token of this rank's slice belongs to; -1 is padding.
        """
        self._losses, self._segments, self._counting = [], segments, True
        try:
            yield self._losses
        finally:
            self._counting = False

    def _seen(self, number: int, router: Any, out: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
        if self._segments is None:
            return
        logits, _, chosen = out
        real = self._segments >= 0
        segments, chosen = self._segments[real], chosen[real]
        asked = torch.zeros(len(segments), router.num_experts, device=logits.device).scatter_(1, chosen, 1.0)
        if self._counting:
            self.loads[number] += asked.sum(0).double().cpu()
        scores = logits[real].sigmoid()
        shares = scores / scores.sum(-1, keepdim=True)
        samples = int(self._segments.max()) + 1 if len(segments) else 0
        if self.context is not None:
            most = torch.tensor(samples, device=logits.device)
            dist.all_reduce(most, dist.ReduceOp.MAX, group=self.context)
            samples = int(most)
        f, p, n = (
            torch.zeros(samples, router.num_experts, device=logits.device).index_add_(0, segments, x)
            for x in (asked, shares, torch.ones_like(asked))
        )
        if self.context is not None:
            # whole-sample sums; the gradient of each rank stays its own tokens', and the ranks' gradients add up elsewhere
            local = p
            f, p, n = (_sum(x, self.context) for x in (f, p.detach(), n))
            p = p + local - local.detach()
        lengths = n[:, :1].clamp(min=1)
        per_sample = (f * router.num_experts / (router.top_k * lengths) * p / lengths).sum(-1)
        loss = (per_sample * n[:, 0]).sum()
        if self._counting:
            self._losses.append(loss)

    def loss(self, collected: list[torch.Tensor]) -> torch.Tensor | float:
        """Balance loss of a pack, weighted by tokens: divide by the tokens of the global batch. Mean over the layers."""
        return self.config.balance_loss * torch.stack(collected).mean() if collected else 0.0

    @torch.no_grad()
    def update(self) -> list[float]:
        """Moves the biases after an optimizer step; returns each layer's largest load over the mean load."""
        worst = []
        for router, load in zip(self.routers, self.loads, strict=True):
            if self.group is not None:
                summed = load.to(router.e_score_correction_bias.device)
                dist.all_reduce(summed, group=self.group)
                load.copy_(summed.cpu())
            mean = load.mean()
            worst.append(float(load.max() / mean) if mean > 0 else 1.0)
            bias = router.e_score_correction_bias
            bias += self.config.bias_rate * torch.sign(mean - load).to(bias)
            load.zero_()
        return worst


def _sum(x: torch.Tensor, group: Any) -> torch.Tensor:
    x = x.clone()
    dist.all_reduce(x, group=group)
    return x
