"""Concept matching: which vocabulary entries stand in each caption, exactly as MetaCLIP defines it (arXiv 2309.16671).

The definition: the marks , . ; : ? ! ` are set apart by spaces, tab, newline and carriage return become spaces, the text is
padded with a space on either side, and an entry matches when `" " + entry + " "` is a substring of it. Case counts.

The method: both ends of a match are spaces, and cutting a string at every single space loses nothing, so the substring test
equals the test whether the entry's pieces stand in a row among the text's pieces (an empty piece between two spaces is a piece
like any other). A caption has ten pieces where it has sixty characters, so instead of an Aho-Corasick automaton over
characters a trie over pieces is walked, for a whole batch at once in NumPy: cut the joined captions, look every piece up in a
hash table (compared byte by byte, so a collision cannot lie), then follow the trie's edges from every piece in step.

500k entries: built in 0.7 CPU-s, 51 MB; 375k captions of 75 characters a CPU-s, where pyahocorasick called once per caption does
100k in 104 MB (`python -m benchmarks concepts`, 2026-11). One caption of 10 MB takes 1.1 CPU-s and 0.4 GB.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MARKS = ",.;:?!`"  # set apart by spaces
BLANKS = " \t\n\r"  # become a space

_END = 0xFF  # stands between joined captions; never a byte of UTF-8, so no entry holds it and no match crosses it
_NOTHING = b"\xfe"  # stands for a null caption; never a byte of UTF-8 either, so nothing matches it
_BLOCK_BYTES = 1 << 18  # of captions worked on at a time, so that the work arrays stay in the processor's cache

# what a byte is: part of a piece (0), a space between two pieces (1), or a piece of its own (2)
_CLASS = np.zeros(256, np.uint8)
_CLASS[list(BLANKS.encode())] = 1
_CLASS[[*MARKS.encode(), _END]] = 2

_MASKS = np.array([(1 << 8 * i) - 1 for i in range(9)], np.uint64)  # keeps the first i bytes of a little-endian word
_ODD = np.uint64(0x9E3779B97F4A7C15)
_ODD2 = np.uint64(0xD6E8FEB86659FD93)


def spaced(text: str) -> str:
    """`text` as the definition sees it: marks set apart, blanks made spaces, padded."""
    for mark in MARKS:
        text = text.replace(mark, f" {mark} ")
    for blank in BLANKS:
        text = text.replace(blank, " ")
    return f" {text} "


class ConceptMatcher:
    """A vocabulary made ready for matching; read-only, picklable, about 50 bytes an entry.

    Args:
        entries: the vocabulary; an entry's id is its position. An entry that stands twice is reported under its first id.
            Entries are taken as they are: one that holds a mark inside a word ("U.S.") can never match, as in the
            definition; `spaced(entry).strip(" ")` is the form that can.
    """

    def __init__(self, entries: Sequence[str]):
        pieces = pc.split_pattern(pa.array(entries, pa.large_string()), " ")
        distinct = pieces.values.dictionary_encode()
        self.num_entries = len(entries)
        self._pieces = _PieceTable(distinct.dictionary)
        offsets = np.asarray(pieces.offsets, np.int64)
        self._build_trie(np.asarray(distinct.indices, np.int64), offsets[:-1], np.diff(offsets), len(distinct.dictionary))

    def _build_trie(self, piece: np.ndarray, start: np.ndarray, length: np.ndarray, num_pieces: int) -> None:
        """Numbers the nodes level by level (the root is 0): a node is a distinct run of first pieces."""
        node = np.zeros(len(start), np.uint64)
        active = np.arange(len(start))
        num_nodes, keys, depth = 1, [], 0
        while len(active := active[length[active] > depth]):
            key = node[active] << np.uint64(32) | piece[start[active] + depth].astype(np.uint64)
            level, which = np.unique(key, return_inverse=True)
            node[active] = which.astype(np.uint64) + np.uint64(num_nodes)
            num_nodes += len(level)
            keys.append(level)
            depth += 1
        key = np.concatenate(keys) if keys else np.empty(0, np.uint64)
        child = np.arange(1, num_nodes, dtype=np.int32)
        from_root = key < np.uint64(1 << 32)
        self._first = np.full(num_pieces, -1, np.int32)  # the root's edges, by piece
        self._first[key[from_root].astype(np.int64)] = child[from_root]
        self._edges = _EdgeTable(key[~from_root], child[~from_root])
        self._has_children = np.zeros(num_nodes, bool)
        self._has_children[(key >> np.uint64(32)).astype(np.int64)] = True
        self._entry = np.full(num_nodes, -1, np.int32)
        nodes, first_id = np.unique(node.astype(np.int64), return_index=True)
        self._entry[nodes] = first_id

    @property
    def num_bytes(self) -> int:
        """Bytes held in arrays."""
        own = (self._first, self._has_children, self._entry)
        return sum(a.nbytes for a in own) + self._pieces.num_bytes + self._edges.num_bytes

    def match(self, captions: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """The entries that match each caption.

        Args:
            captions: string or large_string, [n]; null matches nothing.

        Returns:
            list<int32>, [n]: distinct entry ids, ascending; never null.
        """
        if isinstance(captions, pa.ChunkedArray):
            captions = captions.combine_chunks()
        captions = pc.fill_null(captions.cast(pa.large_string()).cast(pa.large_binary()), _NOTHING)
        ends = np.frombuffer(captions.buffers()[1], np.int64)[captions.offset : captions.offset + len(captions) + 1]
        counts, values, row = [], [], 0
        while row < len(captions):
            stop = int(np.searchsorted(ends, ends[row] + _BLOCK_BYTES, side="right")) - 1
            stop = min(max(stop, row + 1), len(captions), row + _BLOCK_BYTES)
            block_counts, block_values = self._match_block(captions[row:stop])
            counts.append(block_counts)
            values.append(block_values)
            row = stop
        offsets = np.zeros(len(captions) + 1, np.int64)
        if counts:
            np.cumsum(np.concatenate(counts), out=offsets[1:])
        flat = np.concatenate(values) if values else np.empty(0, np.int32)
        return pa.ListArray.from_arrays(offsets.astype(np.int32), flat)

    def _match_block(self, captions: pa.LargeBinaryArray) -> tuple[np.ndarray, np.ndarray]:
        """Number of matches per caption, int64 [n], and their ids caption after caption, int32 [sum]."""
        text = _joined(captions)
        start, end, last = _cut(text)
        piece = self._pieces.find(text, start, end - start)
        at = np.flatnonzero(piece >= 0)
        node = self._first[piece[at]]
        at, node = _where(node >= 0, at, node)
        found_at, found = [], []
        depth = 1
        while len(at):
            entry = self._entry[node]
            hit = entry >= 0
            found_at.append(at[hit])
            found.append(entry[hit])
            at, node = _where(self._has_children[node], at, node)
            # `at + depth` stays inside: the last piece of the block is an end, which no edge carries
            at, node = _where(piece[at + depth] >= 0, at, node)
            child = self._edges.find(node, piece[at + depth])
            at, node = _where(child >= 0, at, child)
            depth += 1
        if not found:
            return np.zeros(len(captions), np.int64), np.empty(0, np.int32)
        caption_of = np.zeros(len(piece), np.int64)
        caption_of[last[:-1] + 1] = 1
        caption_of = np.cumsum(caption_of)
        pairs = np.sort(caption_of[np.concatenate(found_at)] << 32 | np.concatenate(found))
        pairs = pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])] if len(pairs) else pairs
        return np.bincount(pairs >> 32, minlength=len(captions)), (pairs & 0xFFFFFFFF).astype(np.int32)


class _PieceTable:
    """Numbers of pieces, by open addressing with linear probing; at most half full."""

    def __init__(self, pieces: pa.LargeStringArray):
        self._bytes = _padded(pieces)
        offsets = np.frombuffer(pieces.buffers()[1], np.int64)[pieces.offset : pieces.offset + len(pieces) + 1]
        self._start = (offsets[:-1] - offsets[0]).astype(np.int64) if len(pieces) else np.empty(0, np.int64)
        self._length = np.diff(offsets).astype(np.int32) if len(pieces) else np.empty(0, np.int32)
        self._longest = int(self._length.max(initial=0))
        self._hash = _hash(_words(self._bytes), self._start, self._length)
        if len(np.unique(self._hash)) != len(pieces):
            raise AssertionError("two pieces share a 64-bit hash")  # 1 in 10^8 at 500k pieces; `_ODD` would have to change
        self._slots = _slots(self._hash)

    @property
    def num_bytes(self) -> int:
        return sum(a.nbytes for a in (self._bytes, self._start, self._length, self._hash, self._slots))

    def find(self, text: np.ndarray, start: np.ndarray, length: np.ndarray) -> np.ndarray:
        """The number of each piece of `text`, int32 [n]; -1 where the vocabulary has no such piece."""
        words = _words(text)
        number = np.full(len(start), -1, np.int32)
        asked = np.flatnonzero(length <= self._longest)  # a longer one is not there, and must not be hashed word by word
        start, length = start[asked], length[asked]
        hashed = _hash(words, start, length)
        found = _probe(self._slots, hashed, lambda slot, which: self._hash[slot] == hashed[which])
        # the hash agrees; now the bytes must
        at = np.flatnonzero(found >= 0)
        ours, own_words, done = found[at], _words(self._bytes), 0
        same = self._length[ours] == length[at]
        left = np.arange(len(at))
        while len(left):
            mask = _MASKS[np.minimum(length[at[left]] - done, 8)]
            a, b = words[start[at[left]] + done] & mask, own_words[self._start[ours[left]] + done] & mask
            same[left[a != b]] = False
            done += 8
            left = left[same[left] & (length[at[left]] > done)]
        found[at[~same]] = -1
        number[asked] = found
        return number


class _EdgeTable:
    """The trie's edges below the first level: (node, piece) -> child, by open addressing."""

    def __init__(self, key: np.ndarray, child: np.ndarray):
        self._key, self._child = key, child
        self._slots = _slots(key * _ODD)

    @property
    def num_bytes(self) -> int:
        return self._key.nbytes + self._child.nbytes + self._slots.nbytes

    def find(self, node: np.ndarray, piece: np.ndarray) -> np.ndarray:
        """The child reached from each node by each piece, int32 [n]; -1 where there is none."""
        key = node.astype(np.uint64) << np.uint64(32) | piece.astype(np.uint64)
        found = _probe(self._slots, key * _ODD, lambda slot, which: self._key[slot] == key[which])
        return np.where(found >= 0, self._child[found], np.int32(-1)) if len(self._child) else found


def _slots(hashed: np.ndarray) -> np.ndarray:
    """An open-addressing table over `hashed`: int32, a power of two long; who lives in a slot, -1 where it is free."""
    bits = max(int(2 * len(hashed)).bit_length(), 4)
    slots = np.full(1 << bits, -1, np.int32)
    slot = (hashed >> np.uint64(64 - bits)).astype(np.int64)
    waiting = np.arange(len(hashed), dtype=np.int32)
    while len(waiting):
        free = slots[slot[waiting]] < 0
        # of several that want one slot the last one written gets it; the others go on with those that found it taken
        slots[slot[waiting[free]]] = waiting[free]
        waiting = waiting[slots[slot[waiting]] != waiting]
        slot[waiting] = (slot[waiting] + 1) & (len(slots) - 1)
    return slots


def _probe(slots: np.ndarray, hashed: np.ndarray, same) -> np.ndarray:
    """For each hash the number in `slots` for which `same(number, position)` holds, int32 [n], or -1."""
    bits = len(slots).bit_length() - 1
    slot = (hashed >> np.uint64(64 - bits)).astype(np.int64)
    number = slots[slot]
    waiting = np.flatnonzero(number >= 0)
    waiting = waiting[~same(number[waiting], waiting)]
    while len(waiting):
        slot[waiting] = (slot[waiting] + 1) & (len(slots) - 1)
        number[waiting] = slots[slot[waiting]]
        waiting = waiting[number[waiting] >= 0]
        waiting = waiting[~same(number[waiting], waiting)]
    return number


def _hash(words: np.ndarray, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """64-bit hashes of the bytes `[start, start + length)`, uint64 [n], eight bytes a step."""
    mixed = (words[start] & _MASKS[np.minimum(length, 8)]) ^ (length.astype(np.uint64) * _ODD2)
    mixed = (mixed ^ mixed >> np.uint64(29)) * _ODD
    left, done = np.flatnonzero(length > 8), 8
    while len(left):
        more = words[start[left] + done] & _MASKS[np.minimum(length[left] - done, 8)]
        more = (mixed[left] ^ mixed[left] >> np.uint64(32) ^ more) * _ODD2
        mixed[left] = (more ^ more >> np.uint64(29)) * _ODD
        done += 8
        left = left[length[left] > done]
    return mixed


def _cut(text: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pieces of joined captions: where each begins and ends, int64 [p], and which of them are ends of captions, int64 [n].

    A space ends the piece before it; a mark ends the piece before it and is one itself. So "a, b" is a | , | (empty) | b.
    """
    kind = _CLASS[text[:-8]]
    cuts = np.flatnonzero(kind)
    is_mark = kind[cuts] == 2
    marks_upto = np.cumsum(is_mark)
    before = np.arange(len(cuts)) + marks_upto - is_mark
    start = np.empty(len(cuts) + (marks_upto[-1] if len(cuts) else 0), np.int64)
    end = np.empty_like(start)
    start[before[:1]] = 0
    start[before[1:]] = cuts[:-1] + 1
    end[before] = cuts
    marks, at = cuts[is_mark], before[is_mark] + 1
    start[at] = marks
    end[at] = marks + 1
    return start, end, at[text[marks] == _END]


def _joined(captions: pa.LargeBinaryArray) -> np.ndarray:
    """The captions' UTF-8 bytes, each followed by `_END`, then eight zero bytes; uint8."""
    every = pa.LargeListArray.from_arrays(pa.array([0, len(captions)], pa.int64()), captions)
    joined = np.frombuffer(pc.binary_join(every, pa.scalar(bytes([_END]), pa.large_binary())).buffers()[2] or b"", np.uint8)
    text = np.zeros(len(joined) + 9, np.uint8)
    text[: len(joined)] = joined
    text[len(joined)] = _END
    return text


def _padded(pieces: pa.LargeStringArray) -> np.ndarray:
    """The pieces' bytes one after the other, then eight zero bytes; uint8."""
    offsets = np.frombuffer(pieces.buffers()[1], np.int64)[pieces.offset : pieces.offset + len(pieces) + 1]
    data = np.frombuffer(pieces.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]] if len(pieces) else b""
    return np.concatenate([np.asarray(data, np.uint8) if len(data) else np.empty(0, np.uint8), np.zeros(8, np.uint8)])


def _words(data: np.ndarray) -> np.ndarray:
    """The eight bytes from every position of `data` on as a little-endian number: a view, uint64 [len(data) - 7]."""
    return np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))


def _where(keep: np.ndarray, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(a[keep] for a in arrays)
