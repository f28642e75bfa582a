"""English and Spanish texts that say the same, for the alignment heads' text side: a dictionary, and phrases made of its entries.

The text encoder read English; what a Spanish word means, its character n-grams have to learn (`classifiers.character_grams`). The
pictures' captions teach some hundred words, the two FreeDict dictionaries some thousands. No text is a caption of the demo's pool,
though words of both are in the language.
"""

import gzip
import re
from collections.abc import Iterator

from demo.packages import fetch
from models.composites import COLOURS
from sieveline.draws import generator

DICTIONARIES = ("dict-freedict-eng-spa", "dict-freedict-spa-eng")
_HEADWORD = re.compile(r"^(?P<word>[^/\n]+?) /[^/\n]*/$")
_TOGETHER = ((" and ", " y "), (" with ", " con "), (", ", ", "), (" next to ", " junto a "), (" in front of ", " delante de "))
_ON_COLOUR = (
    ("{} on a {} background", "{} sobre fondo {}"),
    ("{} against {}", "{} con fondo {}"),
    ("{1} background with {0}", "fondo {1} con {0}"),
    ("a {1} {0}", "{} de color {}"),
)


def entries() -> list[tuple[str, str]]:
    """(English, Spanish) of both dictionaries, each pair once, at most four words a side.

    Raises:
        PackageError: a dictionary cannot be had.
    """
    found: dict[tuple[str, str], None] = {}
    for package in DICTIONARIES:
        path = fetch(package) / "usr/share/dictd" / f"{package.removeprefix('dict-')}.dict.dz"
        for word, meaning in _entries(gzip.decompress(path.read_bytes()).decode()):
            english, spanish = (word, meaning) if "eng-spa" in package else (meaning, word)
            if all(3 <= len(side) <= 40 and len(side.split()) <= 4 for side in (english, spanish)):
                found.setdefault((english, spanish))
    return list(found)


def _entries(text: str) -> Iterator[tuple[str, str]]:
    word = ""
    for line in text.splitlines():
        if headword := _HEADWORD.match(line):
            word = headword["word"]
        elif word and not line.startswith(" "):
            for meaning in re.sub(r"^\d+\. ", "", line).split(",")[:2]:
                yield word, meaning.strip()


def pairs(seed: int, phrases: int) -> list[tuple[str, str]]:
    """`entries`, and `phrases` phrases of one or two of them drawn by `seed`."""
    words = entries()
    found = list(words)
    for n in range(phrases):
        rng = generator(seed, "phrase", n)
        (en, es), (second_en, second_es) = (words[i] for i in rng.integers(len(words), size=2))
        if rng.random() < 0.5:
            joint = _TOGETHER[rng.integers(len(_TOGETHER))]
            en, es = f"{en}{joint[0]}{second_en}", f"{es}{joint[1]}{second_es}"
        if rng.random() < 0.6:
            colour = str(rng.choice(list(COLOURS)))
            on = _ON_COLOUR[rng.integers(len(_ON_COLOUR))]
            en, es = on[0].format(en, colour), on[1].format(es, COLOURS[colour][0])
        found.append((en, es))
    return found
