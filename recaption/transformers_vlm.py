"""Candidates from a vision-language model in a local folder, through transformers: GLM-4.1V, LLaVA and whatever else
`AutoModelForImageTextToText` loads.

On a GPU where there is one. Decoding is greedy. Requests are padded into batches as they come, so a pipeline that cuts
batches the same way gets the same captions again; a low-precision model may answer differently in another batch, and a
batch size of 1 rules that out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import xxhash

from recaption.generator import Failure, Request
from recaption.pictures import open_rgb
from recaption.prompts import FACTUAL, Prompt, answer_text
from sieveline.errors import ConfigError
from sieveline.fingerprint import fingerprint

_BLOCK, _NUM_BLOCKS = 1 << 20, 16


@dataclass(frozen=True, kw_only=True, slots=True)
class VlmConfig:
    """A local vision-language model and how it is asked.

    Attributes:
        folder: a model saved by transformers: config, weights, tokenizer, processor, chat template.
        prompt: what is asked.
        max_new_tokens: longest answer; a longer one is the failure `length`.
        batch_size: requests per forward pass.
        max_image_side: pixels; larger pictures are shrunk before the processor sees them. None leaves it to the processor.
        device: torch device; None takes the GPU where there is one.
        dtype: torch dtype of the weights; None is bfloat16 on a GPU, float32 on a CPU.
    """

    folder: Path
    prompt: Prompt = FACTUAL
    max_new_tokens: int = 256
    batch_size: int = 8
    max_image_side: int | None = 1120
    device: str | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        if not (self.folder / "config.json").is_file():
            raise ConfigError(f"VlmConfig.folder is {self.folder}; there is no config.json in it")
        if self.batch_size < 1:
            raise ConfigError("VlmConfig.batch_size must be at least 1")


class TransformersGenerator:
    """`Generator` over a local model, loaded at the first request, one copy per object."""

    def __init__(self, config: VlmConfig):
        self.config = config
        self.name = f"transformers:{config.folder.name}"
        asked = (config.prompt, config.max_new_tokens, config.max_image_side, config.dtype)
        self.fingerprint = fingerprint(folder_hash(config.folder), *asked)

    def generate(self, requests: Sequence[Request]) -> list[str | Failure]:
        answers: list[str | Failure] = [Failure("image", "not read")] * len(requests)
        readable: list[tuple[int, Any]] = []
        for i, request in enumerate(requests):
            try:
                readable.append((i, open_rgb(request.image(), self.config.max_image_side)))
            except (OSError, ValueError) as error:
                answers[i] = Failure("image", f"{type(error).__name__}: {error}"[:300])
            if len(readable) == self.config.batch_size or (readable and i == len(requests) - 1):
                self._fill(requests, readable, answers)
                readable = []
        if readable:
            self._fill(requests, readable, answers)
        return answers

    def _fill(self, requests: Sequence[Request], batch: list[tuple[int, Any]], answers: list[str | Failure]) -> None:
        for (i, _), answer in zip(batch, self._answer([requests[i] for i, _ in batch], [p for _, p in batch]), strict=True):
            answers[i] = answer

    def _answer(self, requests: list[Request], pictures: list[Any]) -> list[str | Failure]:
        import torch

        model, processor = self._loaded
        tokenizer = processor.tokenizer
        inputs = processor.apply_chat_template(
            [self._messages(r, p) for r, p in zip(requests, pictures, strict=True)],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        ).to(model.device, dtype=model.dtype)
        with torch.inference_mode():
            # sampling settings in a model's own generation_config would make answers depend on global random state
            output = model.generate(
                **inputs,
                max_new_tokens=self.config.max_new_tokens,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=tokenizer.pad_token_id,
            )
        new = output[:, inputs["input_ids"].shape[1] :]
        ends = model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        return [self._text(tokenizer, row, ends) for row in new.tolist()]

    def _text(self, tokenizer: Any, tokens: list[int], ends: set[int]) -> str | Failure:
        if len(tokens) >= self.config.max_new_tokens and not ends & set(tokens):
            return Failure("length", f"the answer is longer than {self.config.max_new_tokens} tokens")
        caption = answer_text(tokenizer.decode(tokens, skip_special_tokens=True))
        return caption or Failure("empty", "an empty answer")

    def _messages(self, request: Request, picture: Any) -> list[dict]:
        prompt = self.config.prompt
        content = [{"type": "image", "image": picture}, {"type": "text", "text": prompt.fill(request)}]
        system = [{"role": "system", "content": [{"type": "text", "text": prompt.system}]}] if prompt.system else []
        return [*system, {"role": "user", "content": content}]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        device = self.config.device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = self.config.dtype or ("bfloat16" if device.startswith("cuda") else "float32")
        processor = AutoProcessor.from_pretrained(self.config.folder, local_files_only=True)
        if not getattr(processor, "chat_template", None):
            raise ConfigError(f"{self.config.folder} has no chat template")
        processor.tokenizer.padding_side = "left"  # answers begin where prompts end
        if processor.tokenizer.pad_token_id is None:
            processor.tokenizer.pad_token = processor.tokenizer.eos_token
        folder, kind = self.config.folder, getattr(torch, dtype)
        model: Any = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True, dtype=kind)
        return model.to(device).eval(), processor


def folder_hash(folder: Path) -> str:
    """16 hex digits over a model folder: every file's name and size, and 16 blocks of 1 MiB spread over it (all of a smaller file), so that
    a checkpoint of hundreds of gigabytes takes seconds."""
    digest = xxhash.xxh3_64()
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            if size <= _BLOCK * _NUM_BLOCKS:
                digest.update(file.read())
                continue
            for block in range(_NUM_BLOCKS):
                file.seek((size - _BLOCK) * block // (_NUM_BLOCKS - 1))
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()
