"""The plan: which pieces make which pack of which global batch, as a pure function of index, recipe and seed.

A window is planned at a time: pieces are read ahead until `window_batches` global batches are more than full, packed by
best-fit-decreasing, and the fullest packs are emitted; what is left waits for the next window, `max_carry` windows at most. The
state between two batches is the blend's cursors and the waiting pieces as they were when the window began, and the number
of batches taken from it since.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from training.balance import Cost, Pack, batches
from training.mixture import Blend, Corpus, Ref
from training.packing import best_fit_decreasing
from training.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Batch:
    """One global batch: its number, its packs in canonical order, and the planner's state after it."""

    step: int
    packs: list[Pack]
    state: dict[str, Any]


class Planner:
    """Iterates over global batches; `Planner(..., state=batch.state)` goes on behind that batch."""

    def __init__(self, corpus: Corpus, recipe: Recipe, cost: Cost, state: dict[str, Any] | None = None):
        state = state or {"step": 0, "window": 0, "taken": 0, "blend": None, "waiting": []}
        self.recipe, self.cost = recipe, cost
        self.step: int = state["step"]
        self.window: int = state["window"]
        self._skip: int = state["taken"]
        self.blend = Blend(corpus, recipe.mixture, recipe.seed, state["blend"])
        self.waiting = [(Ref(*ref), age) for *ref, age in state["waiting"]]

    def __iter__(self) -> Iterator[Batch]:
        while True:
            begin = {"window": self.window, "blend": self.blend.state(), "waiting": [[*ref, age] for ref, age in self.waiting]}
            packs = self._pack()
            if not packs:
                return
            recipe = self.recipe
            planned = batches(
                packs, self.cost, batch=recipe.global_batch, group=recipe.packing.group, seed=recipe.seed, window=self.window
            )
            for number in range(self._skip, len(planned)):
                self.step += 1
                yield Batch(self.step, planned[number], {"step": self.step, "taken": number + 1, **begin})
            self._skip = 0
            self.window += 1

    def _pack(self) -> list[Pack]:
        """The packs of one window; fewer than a window's at the end of the data, none behind it."""
        config, length = self.recipe.packing, self.recipe.sequence_length
        wanted = config.window_batches * self.recipe.global_batch
        room = int(wanted * length * (1 + config.slack)) + length
        pieces = self.waiting
        tokens = sum(ref.tokens for ref, _ in pieces)
        ended = False
        while tokens < room:
            ref = next(self.blend, None)
            if ref is None:
                ended = True
                break
            pieces.append((ref, 0))
            tokens += ref.tokens
        bins = best_fit_decreasing([ref.tokens for ref, _ in pieces], length) if pieces else []
        if not ended:
            # the fullest go out first, and with them whatever waited too long
            def key(b: list[int]) -> tuple[bool, int]:
                return (all(pieces[i][1] < config.max_carry for i in b), -sum(pieces[i][0].tokens for i in b))

            bins.sort(key=key)
        kept = bins if ended else bins[:wanted]
        out = {i for b in kept for i in b}
        self.waiting = [(ref, age + 1) for i, (ref, age) in enumerate(pieces) if i not in out]
        return [tuple(pieces[i][0] for i in b) for b in kept]
