"""Balance: keep probabilities that cap how many questions of one kind a capture gives, on every marginal at once.

Links are most of a page's elements as common entries are of a pool of captions; MetaCLIP (Xu et al., 2024) keeps an entry's
samples with probability min(1, t / count). Here each question belongs to one value of several attributes (role, size,
place, family), each with its own cap t, and the probabilities are shrunk in turn until no value's expected count is over
its cap: iterative proportional fitting (Deming and Stephan, 1940) from above, so that what is rare is always kept.
"""

from collections.abc import Mapping, Sequence

import numpy as np

ROUNDS = 20
CLOSE = 1.001


def keep_probability(
    attributes: Mapping[str, Sequence[str | int | None]], caps: Mapping[str, float | None], start: np.ndarray | None = None
) -> np.ndarray:
    """Keep probabilities of n questions.

    Args:
        attributes: for each attribute the value of every question, n each.
        caps: for each attribute the count that no value of it is expected to pass; None leaves it alone.
        start: float64 [n] in (0, 1], probabilities to shrink; None for 1.

    Returns:
        float64 [n] in (0, 1]: for each attribute and value the sum is at most its cap (within 0.1 %).
    """
    columns = {}
    for name, values in attributes.items():
        if caps.get(name) is not None:
            _, columns[name] = np.unique([str(v) for v in values], return_inverse=True)
    n = len(next(iter(attributes.values()))) if attributes else 0
    keep = np.ones(n) if start is None else start.copy()
    for _ in range(ROUNDS):
        settled = True
        for name, column in columns.items():
            expected = np.bincount(column, keep)
            over = np.minimum(1.0, float(caps[name] or 0.0) / np.maximum(expected, 1e-12))
            keep *= over[column]
            settled &= bool((expected <= float(caps[name] or 0.0) * CLOSE).all())
        if settled:
            break
    return keep
