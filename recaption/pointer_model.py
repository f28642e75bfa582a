"""The embedded recaptioner's network in training: a small encoder-decoder transformer that reads an image embedding and a noisy
caption and copies or writes. `recaption.pointer_decoder` writes with what was learnt.

At each step the next token comes from a mixture of the vocabulary and of the source's own tokens (See et al. 2017,
arXiv 1704.04368), so a rare name is copied piece by piece rather than recalled. Copying has a head start: a source
token scores by how well the two before it match the two just written, which is what an induction head learns, so
untrained weights already copy and training is left with what to skip and what to add. Shapes in the names: B batch, S
source tokens, T target tokens, D width, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recaption.pointer_decoder import PAD, START, PointerConfig


class Attention(nn.Module):
    """Multi-head attention; keys and values are made apart from queries, so that the decoder keeps them."""

    def __init__(self, config: PointerConfig):
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.width, config.width)
        self.key_value = nn.Linear(config.width, 2 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def keys(self, x_BSD: Tensor) -> Tensor:
        """Keys and values, [2, B, H, S, D/H]."""
        batch, length, width = x_BSD.shape
        return self.key_value(x_BSD).view(batch, length, 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)

    def forward(self, x_BTD: Tensor, keys: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
        batch, length, width = x_BTD.shape
        q = self.query(x_BTD).view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, keys[0], keys[1], attn_mask=mask, is_causal=causal)
        return self.out(y.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """Pre-norm transformer layer, with attention to the source where `cross`."""

    def __init__(self, config: PointerConfig, *, cross: bool):
        super().__init__()
        self.norm_self, self.self_attention = nn.LayerNorm(config.width), Attention(config)
        self.norm_cross = nn.LayerNorm(config.width) if cross else None
        self.cross_attention = Attention(config) if cross else None
        self.norm_mlp = nn.LayerNorm(config.width)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, 4 * config.width),
            nn.GELU(),
            nn.Linear(4 * config.width, config.width),
            nn.Dropout(config.dropout),
        )
        self.dropout = nn.Dropout(config.dropout)

    def source_keys(self, source_BSD: Tensor) -> Tensor:
        assert self.cross_attention is not None
        return self.cross_attention.keys(source_BSD)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        source: Tensor | None = None,
        source_mask: Tensor | None = None,
        *,
        causal: bool = False,
    ) -> Tensor:
        h = self.norm_self(x)
        x = x + self.dropout(self.self_attention(h, self.self_attention.keys(h), mask, causal=causal))
        if self.cross_attention is not None and self.norm_cross is not None and source is not None:
            x = x + self.dropout(self.cross_attention(self.norm_cross(x), source, source_mask))
        return x + self.mlp(self.norm_mlp(x))


class PointerModel(nn.Module):
    """(image embedding, noisy caption) -> distribution over the next token of the recaption."""

    def __init__(self, config: PointerConfig):
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocabulary, config.width)
        self.source_positions = nn.Embedding(config.max_source, config.width)
        self.target_positions = nn.Embedding(config.max_target + 1, config.width)
        self.image = nn.Linear(config.image_width, config.image_tokens * config.width)
        self.encoder: Any = nn.ModuleList(Block(config, cross=False) for _ in range(config.layers))
        self.decoder: Any = nn.ModuleList(Block(config, cross=True) for _ in range(config.layers))
        self.norm_source, self.norm_target = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.copy_query, self.copy_key = nn.Linear(config.width, config.width), nn.Linear(config.width, config.width)
        self.induction = nn.Parameter(torch.tensor([8.0, 4.0]))
        self.gate = nn.Linear(config.width, 1)
        self.dropout = nn.Dropout(config.dropout)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02 if "position" not in name else 0.01)
        nn.init.constant_(self.gate.bias, 2.0)  # copy first

    def encode(self, image_BE: Tensor, source_BS: Tensor) -> tuple[Tensor, Tensor]:
        """The source read: float [B, image_tokens + S, D] and a bool mask [B, 1, 1, image_tokens + S], true where there is something."""
        batch, length = source_BS.shape
        text = self.tokens(source_BS) + self.source_positions.weight[:length]
        image = self.image(image_BE).view(batch, self.config.image_tokens, -1)
        x = self.dropout(torch.cat([image, text], dim=1))
        seen = torch.cat([torch.ones(batch, self.config.image_tokens, dtype=torch.bool), source_BS != PAD], dim=1)
        mask = seen[:, None, None, :]
        for block in self.encoder:
            x = block(x, mask)
        return self.norm_source(x), mask

    def mixture(self, said_BT2: Tensor, target_BTD: Tensor, source_BSD: Tensor, source_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Log probabilities of copying each source position [B, T, S] and of writing each token [B, T, V]; together they sum to 1.

        `said_BT2` holds the last token written before each position and the one before that.
        """
        y = self.norm_target(target_BTD)
        text = source_BSD[:, self.config.image_tokens :]
        scores = self.copy_query(y) @ self.copy_key(text).transpose(1, 2) * self.config.width**-0.5
        directions = F.normalize(self.tokens.weight, dim=-1)
        for back, weight in enumerate(self.induction):
            before = F.pad(source_BS, (back + 1, 0), value=START)[:, : source_BS.shape[1]]
            scores = scores + weight * (directions[said_BT2[:, :, back]] @ directions[before].transpose(1, 2))
        copy = F.log_softmax(scores.masked_fill((source_BS == PAD)[:, None], -1e4), dim=-1)
        write = F.log_softmax(y @ self.tokens.weight.T, dim=-1)
        gate = self.gate(y)
        return copy + F.logsigmoid(gate), write + F.logsigmoid(-gate)

    def loss(self, image_BE: Tensor, source_BS: Tensor, target_BT: Tensor) -> Tensor:
        """Mean negative log likelihood of the target's tokens (START ... END, PAD after it)."""
        source, mask = self.encode(image_BE, source_BS)
        inputs, wanted = target_BT[:, :-1], target_BT[:, 1:]
        x = self.dropout(self.tokens(inputs) + self.target_positions.weight[: inputs.shape[1]])
        for block in self.decoder:
            x = block(x, None, block.source_keys(source), mask, causal=True)
        said = torch.stack([inputs, F.pad(inputs, (1, 0), value=START)[:, :-1]], dim=2)
        copy, write = self.mixture(said, x, source, source_BS)
        same = wanted[:, :, None] == source_BS[:, None, :]
        copied = copy.masked_fill(~same, -1e4).logsumexp(dim=-1)
        written = write.gather(2, wanted[:, :, None])[:, :, 0]
        likelihood = torch.logaddexp(copied, written)
        real = wanted != PAD
        return -(likelihood * real).sum() / real.sum()
