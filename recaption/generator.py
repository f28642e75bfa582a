"""What every generator of candidate captions shares: the request, the failure, the protocol."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from recaption.facts import Facts


@dataclass(frozen=True, slots=True)
class Request:
    """One pair to recaption.

    Attributes:
        sample_id: 32 hex digits (`sieveline.schema.sample_id`).
        caption: the original, as it came.
        language: ISO 639-1 code of the original.
        facts: the original's facts (`recaption.facts`).
        image: reads the image file's bytes when called; a generator that works on the embedding never calls it.
        image_embedding: the alignment stage's embedding, float16 of shape (d,), unit length; None where that stage did not run.
        alignment: the alignment stage's raw cosine for the original, in [-1, 1]; None lets the verifier compute it.
    """

    sample_id: str
    caption: str
    language: str
    facts: Facts
    image: Callable[[], bytes] = field(repr=False, compare=False)
    image_embedding: np.ndarray | None = field(default=None, repr=False, compare=False)
    alignment: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no candidate.

    Attributes:
        kind: a short word for counting: `timeout`, `rate_limit`, `server`, `connection`, `refused`, `length`, `empty`, `malformed`, `image`,
            `no_embedding`.
        detail: one line for a person; holds no key and no image.
    """

    kind: str
    detail: str


class FromRules(str):
    """A candidate that rules wrote because the generator's model failed its own check of facts; it is counted apart."""

    __slots__ = ()


class Generator(Protocol):
    """A maker of candidate captions.

    Attributes:
        name: for the ledger, e.g. `openai:glm-4.1v-9b`.
        fingerprint: 16 hex digits over everything that decides an answer (model, prompt, decoding); answers are reused while it stands.
    """

    name: str
    fingerprint: str

    def generate(self, requests: Sequence[Request]) -> list[str | Failure]:
        """One candidate or failure per request, in order. Raises only what the user must mend (`ConfigError`)."""
        ...
