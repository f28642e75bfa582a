"""`map` over a pool of threads, a few items ahead of who reads: decoding overlaps with the model, and memory stays bounded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_ahead(pool: Executor, function: Callable[[T], R], items: Iterable[T], depth: int) -> Iterator[R]:
    """`function` of each item, in order, with at most `depth` calls running or done and not yet read."""
    source = iter(items)
    running = deque(pool.submit(function, item) for item in islice(source, depth))
    while running:
        yield running.popleft().result()
        running.extend(pool.submit(function, item) for item in islice(source, 1))
