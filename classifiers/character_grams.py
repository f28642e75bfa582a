"""Hashed character n-grams: what a word is made of, for words a tokenizer of another language cuts to pieces (fastText, arXiv 1607.04606).

The embedded model's text encoder read English. Beside its features stands the sum of learnt rows, one for each 3- to 5-gram and whole
word of the caption, hashed into a table, over the root of their number. Related words share n-grams ("elefante", "elephant"), rare
ones keep their own.
"""

import re
import unicodedata

import numpy as np
import xxhash

_WORD = re.compile(r"[^\W_]+")
_MAX_GRAMS = 2_048  # of a caption; a normal one has a hundred


def gram_ids(text: str, buckets: int) -> np.ndarray:
    """int64 [n]: the bucket of each n-gram of `text`, at least one; case and accents do not count."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    ids: list[int] = []
    for word in _WORD.findall(plain):
        marked = f"<{word}>"
        grams = [marked] + [marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1) if n < len(marked)]
        ids += [xxhash.xxh3_64_intdigest(gram.encode()) % buckets for gram in grams]
        if len(ids) >= _MAX_GRAMS:
            break
    return np.array(ids[:_MAX_GRAMS] or [0], np.int64)


def gram_sums(texts: list[str], table: np.ndarray) -> np.ndarray:
    """float32 [N, G]: of each text alone, the sum of its n rows of `table` [buckets, G], over the root of n."""
    rows = [table[gram_ids(text, len(table))] for text in texts]
    return np.stack([row.sum(0, dtype=np.float32) / np.float32(len(row) ** 0.5) for row in rows])
