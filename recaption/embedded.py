"""The embedded recaptioner: no download, no server, a few megabytes of weights trained by `models/recaptioner.py`
(figures in `docs/recaption.md`).

It takes the noise off a caption and adds what the image embedding and the caption together suggest; it does not see
pixels. Where it loses a fact or makes one up, cannot read a caption whole or has no embedding, the candidate is the caption without
the noise that rules know, if they know any in it (`FromRules`); the verifier asks the same of both.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from recaption import noise
from recaption.facts import FactFinder
from recaption.generator import Failure, FromRules, Request
from recaption.pointer_decoder import END, PointerConfig, PointerDecoder
from recaption.verify import is_changed, is_faithful
from sieveline.errors import ConfigError
from sieveline.fingerprint import fingerprint

if TYPE_CHECKING:
    from recaption.pointer_model import PointerModel

WEIGHTS = Path(__file__).parent.parent / "models" / "recaptioner.safetensors"
_SOURCE_SHAPES = (24, 48, 96)
"""Source tokens are padded to the least of these: a row's shape depends on the row alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedConfig:
    """The embedded recaptioner.

    Attributes:
        weights: file made by `models/recaptioner.py`.
        batch_size: rows of every forward pass; short batches are padded, so that a caption does not depend on its neighbours.
    """

    weights: Path = WEIGHTS
    batch_size: int = 32

    def __post_init__(self) -> None:
        if not self.weights.is_file():
            raise ConfigError(
                f"EmbeddedConfig.weights is {self.weights}; there is no such file: make it with python -m models.recaptioner"
            )


class EmbeddedGenerator:
    """`Generator` over the embedded recaptioner, loaded at the first request."""

    def __init__(self, config: EmbeddedConfig | None = None):
        self.config = config or EmbeddedConfig()
        digest = xxhash.xxh3_64_hexdigest(self.config.weights.read_bytes())
        self.name = f"embedded:{digest[:8]}"
        self.fingerprint = fingerprint("embedded", 3, digest, self.config.batch_size)  # 3: the version of how it is decoded

    def generate(self, requests: Sequence[Request]) -> list[str | Failure]:
        return or_rules(recaption(*self._loaded, requests, self.config.batch_size), requests)

    @cached_property
    def _loaded(self) -> tuple[PointerDecoder, Any]:
        return load(self.config.weights)


def load(path: Path) -> tuple[PointerDecoder, Any]:
    """The network and the `tokenizers.Tokenizer` of a weights file."""
    from safetensors import safe_open
    from tokenizers import Tokenizer

    with safe_open(path, "np") as file:
        about = json.loads(file.metadata()["about"])
        weights = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118  not a dict
    return PointerDecoder(PointerConfig(**about["config"]), weights), Tokenizer.from_str(about["tokenizer"])


def save(path: Path, model: "PointerModel", tokenizer: Any, embedder: str) -> None:
    """Weights as float16, configuration, tokenizer and the hash of the model whose embeddings it reads, in one safetensors file; equal
    weights are equal bytes."""
    import torch
    from safetensors.torch import save_file

    weights = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in model.state_dict().items()}
    about = {"config": asdict(model.config), "tokenizer": tokenizer.to_str(), "embedder": embedder}
    save_file(weights, path, {"about": json.dumps(about, sort_keys=True)})  # one key: safetensors writes several in any order


def readable(caption: str) -> str:
    """What the model reads: the caption without the noise that rules know (`recaption.noise`); what they do not know is left to the model."""
    return noise.without(caption)


def recaption(
    model: PointerDecoder,
    tokenizer: Any,
    requests: Sequence[Request],
    batch_size: int,
    *,
    temperature: float = 0.0,
    rng: np.random.Generator | None = None,
) -> list[str | Failure]:
    """One candidate or failure per request.

    The model first writes freely. Where that loses or invents a fact, it is made to begin with the whole caption it read and may only go on
    from there, so a name it cannot copy right is not a recaption lost.
    """
    heat = {"temperature": temperature, "rng": rng}
    answers = _write(model, tokenizer, requests, batch_size, whole=False, **heat)
    found = FactFinder().find([a if isinstance(a, str) else "" for a in answers], [r.language for r in requests])
    again = [i for i, r in enumerate(requests) if isinstance(answers[i], str) and not is_faithful(found[i], r.facts)]
    second = _write(model, tokenizer, [requests[i] for i in again], batch_size, whole=True, **heat)
    for i, answer in zip(again, second, strict=True):
        answers[i] = answer
    return answers


def or_rules(answers: Sequence[str | Failure], requests: Sequence[Request]) -> list[str | Failure]:
    """`answers`, and where one failed, lost a fact or made one up, the caption without the noise that rules know, as `FromRules`.

    Where rules know no noise in a caption, the answer stays what it is.
    """
    found = FactFinder().find([a if isinstance(a, str) else "" for a in answers], [r.language for r in requests])
    made: list[str | Failure] = []
    for answer, facts, request in zip(answers, found, requests, strict=True):
        if isinstance(answer, Failure) or not is_faithful(facts, request.facts):
            cleaned = readable(request.caption)
            made.append(FromRules(cleaned) if cleaned and is_changed(cleaned, request.caption) else answer)
        else:
            made.append(answer)
    return made


def _write(
    model: PointerDecoder,
    tokenizer: Any,
    requests: Sequence[Request],
    batch_size: int,
    *,
    whole: bool,
    temperature: float,
    rng: np.random.Generator | None,
) -> list[str | Failure]:
    """One pass; rows of one padded shape share a forward pass. `whole` makes each row begin with all it read."""
    answers: list[str | Failure] = [Failure("empty", "the model did not finish a caption")] * len(requests)
    encoded = [e.ids for e in tokenizer.encode_batch([readable(r.caption[:2000]) for r in requests])]
    by_shape: dict[int, list[int]] = {}
    for i, (request, source) in enumerate(zip(requests, encoded, strict=True)):
        shape = next((s for s in _SOURCE_SHAPES if 0 < len(source) < min(s, model.config.max_source + 1)), None)
        if request.image_embedding is None:
            answers[i] = Failure("no_embedding", "the alignment stage left no image embedding")
        elif len(request.image_embedding) != model.config.image_width:
            width = model.config.image_width
            raise ConfigError(
                f"the recaptioner reads embeddings of {width} numbers, the alignment stage wrote {len(request.image_embedding)}"
            )
        elif shape is None:
            answers[i] = Failure(
                "length",
                f"the caption has {len(source)} tokens without its noise, the model reads 1 to {model.config.max_source - 1}",
            )
        else:
            by_shape.setdefault(shape, []).append(i)
    for shape, rows in by_shape.items():
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            images = np.zeros((batch_size, model.config.image_width), np.float32)
            sources = np.zeros((batch_size, shape), np.int64)
            sources[:, 0] = END  # rows of padding hold one token, so that attention over them is a number
            for row, i in enumerate(batch):
                images[row] = requests[i].image_embedding
                sources[row, : len(encoded[i]) + 1] = [*encoded[i], END]  # the end is copied as well
            begin = [encoded[i] for i in batch] if whole else ()
            said = model.decode(images, sources, begin=begin, temperature=temperature, rng=rng)
            for i, ids in zip(batch, said, strict=False):
                if text := " ".join(tokenizer.decode(ids).replace("\ufffd", "").split()):
                    answers[i] = text
    return answers
