"""Concept matching, 500k entries: `ConceptMatcher` against pyahocorasick called plainly per caption.

Entries are the default vocabulary, filled up with words of further languages; captions are WordNet glosses (75 characters on average, about
the length of web alt text). Both sides start from text and end in sorted ids per caption and must agree; ours ends
in an Arrow column, the peer in Python lists, which is less work.
"""

import gc
import multiprocessing
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from benchmarks.rows import Row, in_turn, spent
from classifiers.concepts import ConceptMatcher, spaced
from models import vocabulary

NUM_ENTRIES = 500_000
NUM_CAPTIONS = 50_000
TURNS = 3
FILL_LANGUAGES = ("fr", "de", "it", "pt", "pl", "sv")


def rows() -> Iterator[Row]:
    entries, captions = make_entries(), make_captions()
    column = pa.array(captions)

    built = {}
    for name, build in (("ours", ConceptMatcher), ("pyahocorasick", make_automaton)):
        with multiprocessing.get_context("spawn").Pool(1) as fresh:
            built[name] = fresh.apply(cost_of_building, (build, entries))

    matcher, automaton = ConceptMatcher(entries), make_automaton(entries)

    def peer() -> list[list[int]]:
        return [sorted({e for _, e in automaton.iter(spaced(c))}) for c in captions]

    if matcher.match(column).to_pylist() != peer():
        raise SystemExit("the two matchers do not agree")
    least = in_turn({"ours": lambda: matcher.match(column), "peer": peer}, TURNS)
    yield Row(
        name=f"concept matching, {len(entries):,} entries, against pyahocorasick per caption",
        ours=len(captions) / least["ours"],
        peer=len(captions) / least["peer"],
        ratio=least["peer"] / least["ours"],
        unit="captions per CPU-second",
        at_least=1.0,
        note=f"ours {built['ours']}, the peer's {built['pyahocorasick']}",
    )


def make_entries() -> list[str]:
    """`NUM_ENTRIES` distinct entries, the same on every machine that has the packages."""
    import wordfreq

    entries = dict.fromkeys(vocabulary.load().entries)
    for language in FILL_LANGUAGES:
        entries.update(dict.fromkeys(wordfreq.top_n_list(language, NUM_ENTRIES)))
    return list(entries)[:NUM_ENTRIES]


def make_captions() -> list[str]:
    """`NUM_CAPTIONS` WordNet glosses."""
    from demo.packages import fetch

    data = fetch("wordnet-base") / "usr/share/wordnet"
    glosses = (
        gloss for part in ("noun", "verb", "adj", "adv") for _, _, gloss in vocabulary.wordnet_synsets(data / f"data.{part}")
    )
    return [gloss for gloss, _ in zip(glosses, range(NUM_CAPTIONS), strict=False)]


def make_automaton(entries: list[str]):
    """pyahocorasick's automaton over the padded entries."""
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for entry_id, entry in enumerate(entries):
        automaton.add_word(f" {entry} ", entry_id)
    automaton.make_automaton()
    return automaton


def cost_of_building(build: Callable, entries: list[str]) -> str:
    """CPU-seconds of `build` and the memory its result holds; to be asked in a fresh process."""
    build(entries[:1000])  # loads what the first call loads
    before = _resident()
    built, seconds = spent(lambda: build(entries))
    held = _resident() - before
    del built
    return f"built in {seconds:.2f} CPU-s, holds {held:.0f} MB"


def _resident() -> float:
    """MB of this process now in memory."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
