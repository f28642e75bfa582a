"""The model: transformers' GLM-4.1V or GLM-4.5V from a recipe, and one forward pass over one pack.

`PackedModel` is the module that FSDP wraps. It feeds packed positions of shape [4, 1, L] (row 0 restarts with every sample), the samples'
boundaries, and normalised patches; it computes logits only where a token is learnt, in slices, so the vocabulary never costs L rows.
"""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from sieveline.errors import ConfigError
from training import attention, pictures
from training.recipes import Recipe
from training.samples import IGNORE
from training.tokenizer import END, IMAGE, IMAGE_END, IMAGE_START, VIDEO, VIDEO_END, VIDEO_START

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

    from training.loader import Packed

LOSS_SLICE = 2_048  # learnt tokens whose logits exist at one time


def build(recipe: Recipe, tokenizer: Any) -> Any:
    """The recipe's model in float32, from `initial_weights` or drawn with the recipe's seed; without weights under `torch.device("meta")`.

    Raises:
        ConfigError: the sizes do not fit together.
    """
    import transformers

    shape = recipe.model
    moe = shape.architecture == "glm4v_moe"
    config_class: Any = transformers.Glm4vMoeConfig if moe else transformers.Glm4vConfig
    model_class: Any = transformers.Glm4vMoeForConditionalGeneration if moe else transformers.Glm4vForConditionalGeneration
    if shape.initial_weights is not None:
        if torch.get_default_device().type == "meta":
            return model_class(config_class.from_pretrained(shape.initial_weights, local_files_only=True)).float()
        return model_class.from_pretrained(shape.initial_weights, dtype=torch.float32, local_files_only=True)
    vocabulary = math.ceil(len(tokenizer) / 64) * 64  # a multiple that tensor parallel can cut
    heads = shape.text["num_attention_heads"]
    head_dim = shape.text.get("head_dim") or shape.text["hidden_size"] // heads
    rope = shape.text["rope_parameters"]
    if sum(rope["mrope_section"]) * 2 != int(head_dim * rope["partial_rotary_factor"]):
        raise ConfigError(f"mrope_section {rope['mrope_section']} must sum to head_dim {head_dim} * partial_rotary_factor / 2")
    if shape.vision["out_hidden_size"] != shape.text["hidden_size"]:
        raise ConfigError("vision.out_hidden_size must equal text.hidden_size")
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in _TOKEN_FIELDS.items()}
    end = tokenizer.convert_tokens_to_ids(END)
    config = config_class(
        text_config={**shape.text, "vocab_size": vocabulary, "pad_token_id": end, "eos_token_id": end},
        vision_config=dict(shape.vision),
        tie_word_embeddings=False,
        **ids,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = model_class(config)
    model.generation_config.eos_token_id = model.generation_config.pad_token_id = end
    return model.float()


_TOKEN_FIELDS = {
    "image_token_id": IMAGE,
    "video_token_id": VIDEO,
    "image_start_token_id": IMAGE_START,
    "image_end_token_id": IMAGE_END,
    "video_start_token_id": VIDEO_START,
    "video_end_token_id": VIDEO_END,
}


class PackedModel(nn.Module):
    """One pack in, the sum of its token losses out.

    Args:
        model: as `build` makes it.
        way: `blocks`, `varlen` or `sdpa`.
        context: the context-parallel group; every rank of it gets the same pack and works on its slice.
    """

    def __init__(self, model: Any, way: str, context: "ProcessGroup | None" = None):
        super().__init__()
        self.model: Any = model
        self.context = context
        attention.register(context)
        model.set_attn_implementation(attention.NAMES[way])
        self.reset_buffers()

    def reset_buffers(self, device: torch.device | None = None) -> None:
        """Computes the buffers no checkpoint holds: normalisation and rotary frequencies (made on the meta device they are empty)."""
        # what the model's image processor does to pixels, folded into one multiplication and one subtraction a frame
        vision = self.model.config.vision_config
        shape = (3, vision.temporal_patch_size, vision.patch_size**2)
        scale, shift = (factor[..., None].expand(shape).to(device or "cpu") for factor in pictures.factors())
        self.scale, self.shift = nn.Buffer(scale, persistent=False), nn.Buffer(shift, persistent=False)
        with torch.device(device or "cpu"):
            for module in self.model.modules():
                if hasattr(module, "original_inv_freq"):
                    fresh: Any = type(module)(module.config)  # type: ignore[call-arg]
                    module.inv_freq, module.original_inv_freq = fresh.inv_freq, fresh.original_inv_freq

    def forward(self, pack: "Packed") -> torch.Tensor:
        """Sum of cross entropies over the learnt tokens of this rank's slice of the pack: float32 scalar."""
        first, last = self._slice(len(pack.ids))
        ids = pack.ids[first:last][None]
        hidden = self.model.model(
            input_ids=ids,
            position_ids=pack.positions[:, None, first:last],
            mm_encoder_outputs={"image": self._images(pack, first, last)},
            use_cache=False,
            cu_seq_lens_q=pack.boundaries,
            cu_seq_lens_k=pack.boundaries,
            max_length_q=(longest := int((pack.boundaries[1:] - pack.boundaries[:-1]).max())),
            max_length_k=longest,
        )[0][0]
        targets = pack.targets[first:last]
        learnt = targets != IGNORE
        hidden, targets = hidden[learnt], targets[learnt]
        losses = [
            checkpoint(self._loss, hidden[i : i + LOSS_SLICE], targets[i : i + LOSS_SLICE], use_reentrant=False)
            for i in range(0, max(1, len(targets)), LOSS_SLICE)
        ]
        return torch.stack(losses).sum()  # type: ignore[arg-type]

    def logits(self, pack: "Packed") -> torch.Tensor:
        """(L, vocabulary) logits of the whole pack, for tests."""
        hidden = self.model.model(
            input_ids=pack.ids[None],
            position_ids=pack.positions[:, None],
            mm_encoder_outputs={"image": self._images(pack, 0, len(pack.ids))},
            use_cache=False,
            cu_seq_lens_q=pack.boundaries,
            cu_seq_lens_k=pack.boundaries,
        )[0][0]
        return self.model.lm_head(hidden)

    def _slice(self, length: int) -> tuple[int, int]:
        if self.context is None:
            return 0, length
        from torch.distributed import get_rank, get_world_size

        ranks, rank = get_world_size(self.context), get_rank(self.context)
        return rank * (length // ranks), (rank + 1) * (length // ranks)

    def _loss(self, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return cross_entropy(self.model.lm_head(hidden).float(), targets, reduction="sum")

    def _images(self, pack: "Packed", first: int, last: int) -> Any:
        """Features of the image tokens in `first..last`.

        Only the images that reach into the slice are encoded; one on a border is encoded on both sides, each using its own tokens. A slice
        without images encodes one empty patch block and uses none of it, so every rank runs the vision tower and its gradients exist.
        """
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        config = self.model.config
        merge = config.vision_config.spatial_merge_size
        where = torch.nonzero(pack.ids == config.image_token_id)[:, 0]
        counts = pack.grids.prod(-1)
        ends = (counts // merge**2).cumsum(0)
        begins = ends - counts // merge**2
        inside = torch.nonzero((where >= first) & (where < last))[:, 0]
        grids, skip, take = pack.grids, 0, len(inside)
        if not take:
            pixels = self.scale.new_zeros((merge**2, self.scale.numel()))
            grids = grids.new_tensor([[1, merge, merge]])
        elif take == len(where):
            pixels = self._normalise(pack.patches, pack.pairs)
        else:
            touched = (ends > inside[0]) & (begins <= inside[-1])
            grids, skip = grids[touched], int(inside[0] - begins[touched][0])
            pixels = self._normalise(*_chosen(pack, touched.repeat_interleave(counts)))
        features = self.model.model.get_image_features(pixels, grids, return_dict=True).pooler_output
        used = torch.cat(tuple(features))
        kept = used[skip : skip + take]
        if not take:
            # no feature is used, yet the vision tower must have a gradient (zero) on every rank
            kept = _Anchor.apply(kept, used)
        return BaseModelOutputWithPooling(pooler_output=(kept,))  # type: ignore[arg-type]

    def _normalise(self, patches: torch.Tensor, pairs: torch.Tensor | None = None) -> torch.Tensor:
        """`Packed.patches` and `pairs` to (P, 3 * 2 * p * p): normalised, and a still shown twice in time; what is normalised stays."""
        if patches.is_floating_point():
            return patches
        count = len(patches) - (0 if pairs is None else len(pairs))
        first, second = patches[:count], patches[count:]
        if patches.device.type == "cpu":  # the same in fewer passes over memory
            out = pictures.normalise(self.scale.new_empty((count, self.scale.numel())), first)
        else:
            out = (first.unflatten(1, (3, 1, -1)) * self.scale).sub_(self.shift).flatten(1)
        if len(second):
            frames = (second.unflatten(1, (3, -1)) * self.scale[:, 0]).sub_(self.shift[:, 0])
            out.view(count, 3, 2, -1)[pairs, :, 1] = frames
        return out


def _chosen(pack: "Packed", keep: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`patches` and `pairs` of the patches that a bool (P,) chooses."""
    if pack.patches.is_floating_point():
        return pack.patches[keep], pack.pairs
    seconds = keep[pack.pairs]
    patches = torch.cat([pack.patches[: len(keep)][keep], pack.patches[len(keep) :][seconds]])
    return patches, (keep.cumsum(0) - 1)[pack.pairs[seconds]]


class _Anchor(torch.autograd.Function):
    """Passes `x` on and gives `anchor` a gradient of zero."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, anchor: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(anchor)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return grads[0], torch.zeros_like(ctx.saved_tensors[0])
