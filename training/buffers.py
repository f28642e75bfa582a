"""Large arrays that are used again.

Memory fresh from the system costs a page fault every 4 kB, which for a pack of normalised patches (154 MB at 8,192 tokens) takes longer
than computing what goes in. So the arrays that packs were made in are kept, and one that nobody else holds any more is given out again.
"""

import sys
from collections.abc import Sequence

import numpy as np

_FREE = 3  # references to an array nobody else holds: the list's, the loop's and that of the call that counts them


class Buffers:
    """Gives out arrays of `num_bytes`, keeping the memory of at most `most`.

    Whether one is free is read off its reference count: views of it, and torch tensors made from them, hold it.
    """

    def __init__(self, num_bytes: int, most: int = 4):
        self.num_bytes, self.most = num_bytes, most
        self._held: list[np.ndarray] = []

    def take(self, shape: Sequence[int], dtype: np.dtype | type) -> np.ndarray:
        """An array of undefined content; its memory is the caller's until the array and all views of it are gone.

        Raises:
            ValueError: more than `num_bytes` are asked for.
        """
        wanted = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if wanted > self.num_bytes:
            raise ValueError(f"{wanted} bytes are asked for, buffers have {self.num_bytes}")
        for buffer in self._held:
            if sys.getrefcount(buffer) == _FREE:
                return buffer[:wanted].view(dtype).reshape(shape)
        buffer = np.empty(self.num_bytes, np.uint8)  # pages never written take no memory
        if len(self._held) < self.most:
            self._held.append(buffer)
        return buffer[:wanted].view(dtype).reshape(shape)
