"""Caption templates: one text over many pictures with only a number, a code or a word that changes.

Captions are made alike where templates differ (`masked`: case, digits, codes, addresses, punctuation), cut into shingles of
`SHINGLE` characters (any script has those), and sketched by datasketch's MinHash (Broder 1997). The sketch is cut into `BANDS`
keys of `ROWS` values: two captions of Jaccard similarity s share a given key with probability s**ROWS. With 16 x 8 a key is
shared at .15 for s = .79 (a month changed in a sentence of 17 words), .004 for s = .5, below 10**-5 for s = .2 ("Flag of
France", "Flag of Greece").

A flood is told by its size, so no pairs are needed: a key that more than `more_than` captions share is heavy, and a caption
with at least `MIN_HEAVY` heavy keys belongs to a template; heavy keys that meet in such a caption are one template. One caption
costs 30 us. datasketch's own `MinHashLSH` holds every key in one process's memory; here the keys are exchanged by hash bucket
(`band_keys`, `heavy`), and only the members of floods come together (`templates`).
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import xxhash

BANDS = 16
ROWS = 8
SHINGLE = 5
MIN_HEAVY = 4  # of BANDS: a stray shared key of a natural family ("a photo of a ...") does not make a template
_SEED = 1  # of the MinHash permutations: sketches are comparable only under one

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_CODE = re.compile(r"[a-z_]*\d[a-z\d_]*")  # with Latin letters only: texts in scripts without spaces would vanish whole
_OTHER = re.compile(r"[\W_]+")
_DENSE = re.compile(r"[\u2e80-\ud7ff\uf900-\ufaff]")  # Han, kana, Hangul: a character says as much as three letters


def masked(caption: str) -> str:
    """`caption` as templates are compared: NFKC, case folded, addresses and words with a digit as 0, punctuation as spaces."""
    text = unicodedata.normalize("NFKC", caption).casefold()
    text = _CODE.sub("0", _ADDRESS.sub("0", text))
    return _OTHER.sub(" ", text).strip()


def band_keys(captions: Sequence[str], min_characters: int) -> tuple[np.ndarray, np.ndarray]:
    """The band keys of the captions long enough to be a template.

    Args:
        captions: the texts.
        min_characters: of the masked caption, Han, kana and Hangul counted threefold; a shorter one is a name, and many
            pictures may rightly share it.

    Returns:
        int64 (m,) rows of the captions that take part, and uint64 (m, BANDS) keys; a key is equal only within its band. An
        entry goes to bucket `key >> (64 - bits)` of the exchange.
    """
    from datasketch import MinHash  # brings scipy: 0.3 CPU-s that most steps need not pay

    texts = [masked(caption) for caption in captions]
    long = (len(text) >= SHINGLE and len(text) + 2 * len(_DENSE.findall(text)) >= min_characters for text in texts)
    rows = np.flatnonzero(np.fromiter(long, bool, len(texts)))
    shingles = ({text[i : i + SHINGLE].encode() for i in range(len(text) - SHINGLE + 1)} for text in (texts[r] for r in rows))
    sketches = MinHash.generator(
        shingles, num_perm=BANDS * ROWS, seed=_SEED, hashfunc=xxhash.xxh32_intdigest, scheme="affine32"
    )
    keys = np.empty((len(rows), BANDS), np.uint64)
    for i, sketch in enumerate(sketches):
        values = np.ascontiguousarray(sketch.hashvalues, "<u4").tobytes()
        size = len(values) // BANDS
        keys[i] = [xxhash.xxh3_64_intdigest(values[b * size : (b + 1) * size], seed=b) for b in range(BANDS)]
    return rows, keys


def heavy(keys: np.ndarray, more_than: int) -> np.ndarray:
    """Which entries of one bucket have a key that more than `more_than` entries of it share: bool (n,).

    Args:
        keys: uint64 (n,), every entry of a bucket (equal keys always lie in one bucket).
        more_than: the cap a template is held to.
    """
    _, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return counts[place] > more_than


def templates(keys: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The templates that the heavy entries of all buckets make.

    Args:
        keys: uint64 (n,), the heavy entries' keys.
        samples: int64 (n,), whose they are.

    Returns:
        int64 (m,) the samples that belong to a template, ascending, and int64 (m,) the template of each: its smallest sample.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    members, counts = np.unique(samples, return_counts=True)
    members = members[counts >= MIN_HEAVY]
    within = np.isin(samples, members)
    keys, samples = keys[within], samples[within]
    if not len(keys):
        return members, members
    _, key = np.unique(keys, return_inverse=True)
    member = np.searchsorted(members, samples)
    nodes = len(members) + int(key.max()) + 1
    graph = sparse.coo_array((np.ones(len(key), bool), (member, len(members) + key)), shape=(nodes, nodes))
    _, label = connected_components(graph, directed=False)
    label = label[: len(members)]
    _, first, of = np.unique(label, return_index=True, return_inverse=True)
    return members, members[first][of]
