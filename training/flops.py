"""What a pack costs in floating-point operations, forward and backward: for balance and for the model FLOP utilisation.

Six operations a parameter and token, and `12 * width * n^2 / 2` a layer for causal attention over n tokens (PaLM, arXiv 2204.02311,
appendix B); the vision tower sees every patch, without causality. Recomputation by activation checkpointing is not counted.
"""

from training.balance import Cost
from training.recipes import Recipe


def cost(recipe: Recipe, parameters: tuple[int, int]) -> Cost:
    """FLOPs of a training step on a pack, as a `Cost`.

    Args:
        parameters: (parameters a text token passes through, parameters a patch passes through), from `active_parameters`.
    """
    text, vision = recipe.model.text, recipe.model.vision
    head_dim = text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"]
    return Cost(
        token=6.0 * parameters[0],
        square=6.0 * text["num_hidden_layers"] * text["num_attention_heads"] * head_dim,
        patch=6.0 * parameters[1],
        patch_square=12.0 * vision["depth"] * vision["hidden_size"],
    )


def active_parameters(recipe: Recipe, vocabulary: int) -> tuple[int, int]:
    """(decoder, vision) parameters that one token or patch passes through, counted on the meta device.

    Embeddings are looked up, not multiplied, and do not count; of routed experts only the asked share does.
    """
    import dataclasses

    import torch

    from training import model

    class Sized:
        def __len__(self) -> int:
            return vocabulary

        def convert_tokens_to_ids(self, _: str) -> int:
            return 0

    shape = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, initial_weights=None))
    with torch.device("meta"):
        built = model.build(shape, Sized())
    decoder = vision = 0.0
    for name, parameter in built.named_parameters():
        if ".visual." in name:
            vision += 0 if "position_embedding" in name else parameter.numel()
        elif ".experts." in name and "shared" not in name:
            decoder += parameter.numel() * recipe.model.text["num_experts_per_tok"] / recipe.model.text["n_routed_experts"]
        elif "embed_tokens" not in name:
            decoder += parameter.numel()
    return int(decoder), int(vision)
