"""Export: the trained weights as a Hugging Face folder, with config, processor, tokenizer and chat template.

`AutoModelForImageTextToText.from_pretrained(folder)` loads it, and it is laid out as servers of the published checkpoints expect it. The chat
template is that of pre-training: parts in their order behind `[gMASK]<sop>`, no roles, since no roles were trained.
"""

import copy
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch import nn

from training.recipes import Recipe

CHAT_TEMPLATE = (
    "[gMASK]<sop>{% for message in messages %}{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{% if part.type == 'image' %}<|begin_of_image|><|image|><|end_of_image|>"
    "{% elif part.type == 'video' %}<|begin_of_video|><|video|><|end_of_video|>"
    "{% elif part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endif %}{% endfor %}"
)


def export(model: nn.Module, recipe: Recipe, tokenizer_folder: Path, folder: Path) -> Path:
    """Writes the folder, from the first process; every process calls this, since the shards are gathered.

    Args:
        model: a `PackedModel`, distributed or not.
        tokenizer_folder: of the run.
        folder: made anew; one that is there is replaced once the new one is whole.
    """
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights = {k.removeprefix("model."): v for k, v in get_model_state_dict(model, options=options).items()}
    if not dist.is_initialized() or dist.get_rank() == 0:
        inner: Any = model.model
        config = copy.deepcopy(inner.config)
        with torch.device("meta"):
            plain = type(inner)._from_config(config, attn_implementation="sdpa")
        dtype = torch.bfloat16 if recipe.parallel.precision == "bf16" else torch.float32
        keep = {k for k in weights if k.endswith("e_score_correction_bias")}  # routing is decided in float32
        plain.load_state_dict(
            {k: v.contiguous() if k in keep else v.to(dtype).contiguous() for k, v in weights.items()}, assign=True
        )
        plain.config.dtype = dtype
        plain.generation_config = copy.deepcopy(inner.generation_config)
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        plain.save_pretrained(part)
        processor(recipe, tokenizer_folder).save_pretrained(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    if dist.is_initialized():
        dist.barrier()
    return folder


def processor(recipe: Recipe, tokenizer_folder: Path) -> Any:
    """The processor that makes, of a picture and a prompt, what the loader makes of a sample."""
    from transformers import Glm4vImageProcessor, Glm4vProcessor, Glm4vVideoProcessor

    from training import tokenizer

    config = recipe.tokens
    size = {"shortest_edge": config.min_pixels, "longest_edge": config.max_pixels}
    video_size = {"shortest_edge": config.min_pixels, "longest_edge": config.max_video_pixels}
    return Glm4vProcessor(
        image_processor=Glm4vImageProcessor(size=size),
        tokenizer=tokenizer.load(tokenizer_folder),
        video_processor=Glm4vVideoProcessor(size=video_size, fps=config.video_fps, max_duration=config.max_video_seconds),
        chat_template=CHAT_TEMPLATE,
    )
