"""Random choices as a pure function of a seed and names: the same on any worker, in any order, after any restart."""

from collections.abc import Sequence

import numpy as np
import xxhash


def uniform(seed: int, *names: str | int) -> float:
    """A draw in [0, 1) that depends on `seed` and `names` alone (xxh3, 53 bits).

    Args:
        seed: the recipe's seed.
        names: what is drawn for, from the general to the particular, e.g. `"balance", sample_id, entry`.
    """
    key = "\x1f".join(map(str, names)).encode()
    return (xxhash.xxh3_64_intdigest(key, seed=seed & 0xFFFFFFFFFFFFFFFF) >> 11) * 2.0**-53


def uniforms(seed: int, purpose: str, ids: Sequence[str]) -> np.ndarray:
    """`uniform(seed, purpose, id)` for every id: float64 of shape (len(ids),) in [0, 1)."""
    return np.fromiter((uniform(seed, purpose, i) for i in ids), np.float64, len(ids))


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator seeded by `seed` and `names`, for craft that needs many draws for one named thing."""
    key = "\x1f".join(map(str, names)).encode()
    return np.random.Generator(np.random.PCG64(xxhash.xxh3_128_intdigest(key, seed=seed & 0xFFFFFFFFFFFFFFFF)))
