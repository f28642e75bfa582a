"""Which of several wordings: a draw by seed, question and slot, so that a question is worded the same wherever it is made."""

from collections.abc import Sequence
from typing import TypeVar

from sieveline.draws import uniform

T = TypeVar("T")


class Pick:
    """Draws for one question.

    Args:
        seed: the recipe's seed.
        names: what the draws are for, e.g. the question's id.
    """

    def __init__(self, seed: int, *names: str):
        self.seed, self.names = seed, names

    def __call__(self, slot: str, options: Sequence[T]) -> T:
        """One of `options`, each as likely as the others."""
        return options[int(uniform(self.seed, *self.names, slot) * len(options))]

    def chance(self, slot: str, share: float) -> bool:
        """True in `share` of all questions."""
        return uniform(self.seed, *self.names, slot) < share
