"""Texts as a reader may see them: numbers with units, and captions of strangers made harmless."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_MARKDOWN = re.compile(r"[\\`*_{}\[\]()#+\-.!|~<>$^:/@=&\"']")
_ADDRESS = re.compile(r"(?i)\b(?:https?|ftp|mailto|www|javascript|data)(?=&#)|&#64;")
_MAX_MARKS = 2


def visible(text: str | None, limit: int = 200) -> str:
    """`text` in one line of at most `limit` characters. Controls and what turns the writing direction are spelled out, as `⟨202E⟩`;
    of marks piled upon one letter, two stay."""
    if not text:
        return ""
    cut = text[: limit * 8]  # what is looked at is bounded as well
    cut = " ".join(_CONTROLS.sub(lambda m: " " if m[0] in "\t\n\r" else f"⟨{ord(m[0]):04X}⟩", cut).split())
    kept, marks = [], 0
    for character in cut:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MAX_MARKS:
            kept.append(character)
    shown = "".join(kept)
    return shown if len(shown) <= limit and len(cut) >= len(text[: limit * 8]) - 16 else shown[: limit - 1] + "…"


def lines(text: str | None, limit: int = 4000) -> str:
    """`text` as `visible` makes it, line by line, with line breaks and indents; at most `limit` characters of it."""
    text = text or ""
    shown = []
    for line in text[:limit].split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        shown.append(" " * indent + visible(line, limit))
    return "\n".join(shown) + ("…" if len(text) > limit else "")


def markdown(text: str | None, limit: int = 120) -> str:
    """`text` for a markdown table cell: neither markdown nor HTML nor an address is left in it.

    Renderers link bare addresses after they have resolved character references, so those are broken by a space of no width.
    """
    return _ADDRESS.sub(lambda m: m[0] + "\u200b", _MARKDOWN.sub(lambda m: f"&#{ord(m[0])};", visible(text, limit)))


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a caption; `state` is the fact's (`kept`, `lost`, `supported`, `evidenced`, `unsupported`, `new`) or empty."""

    text: str
    state: str = ""
    kind: str = ""


def pieces(text: str | None, spans: Sequence[Mapping[str, Any]] | None, limit: int = 400) -> list[Piece]:
    """A caption cut into its facts and what lies between. Spans that overlap an earlier one or leave the text are not marked.

    Args:
        spans: `start` and `end` in characters, `kind`, `state`.
    """
    text = (text or "")[:limit]
    found, at = [], 0
    for span in sorted(spans or [], key=lambda s: (s["start"], s["end"])):
        start, end = span["start"], min(span["end"], len(text))
        if not at <= start < end:
            continue
        if start > at:
            found.append(Piece(_keep_spaces(text[at:start])))
        found.append(Piece(_keep_spaces(text[start:end]), str(span["state"]), str(span["kind"])))
        at = end
    if at < len(text):
        found.append(Piece(_keep_spaces(text[at:])))
    return found


def _keep_spaces(part: str) -> str:
    shown = visible(part, len(part) * 8 + 8)
    return (" " if part[:1].isspace() else "") + shown + (" " if part[-1:].isspace() and shown else "")


def integer(value: float) -> str:
    return f"{value:,.0f}"


def short(value: int) -> str:
    """A round number in a word: 10B, 220M, 5k."""
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return str(value)


def percent(part: float, whole: float) -> str:
    """A share with as many digits as it needs: 100 %, 81.3 %, 0.04 %."""
    if not whole:
        return "-"
    share = 100 * part / whole
    if part in (0, whole):
        return f"{share:.0f} %"
    if share < 0.01 or share > 99.99:
        return "< 0.01 %" if share < 1 else "> 99.99 %"
    return f"{share:.1f} %" if 0.1 <= share <= 99.9 else f"{share:.2f} %"


def decimal(value: float | None, digits: int = 3) -> str:
    """`value` with `digits` digits that matter, thousands apart."""
    if value is None or math.isnan(value):
        return "-"
    if value == 0 or abs(value) >= 10**digits or value == int(value):
        return f"{value:,.0f}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text


def beside(value: float | None, threshold: float, digits: int = 3) -> str:
    """`value` with as many digits as tell it from `threshold`: .29996 beside .3 is not shown as 0.3."""
    if value is None or math.isnan(value) or value == threshold:
        return decimal(value, digits)
    enough = next((n for n in range(digits, 18) if decimal(value, n) != decimal(threshold, n)), digits)
    return decimal(value, enough)


def figures(value: float, digits: int = 3) -> str:
    """`value` with exactly `digits` digits that matter where they are behind the point: 0.500, 30.0, 1,887."""
    if not value:
        return "0"
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def num_bytes(value: float) -> str:
    """Bytes in decimal units: 812 B, 5.2 MB, 1.31 PB."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 1000:
            return f"{figures(value) if unit != 'B' else integer(value)} {unit}"
        value /= 1000
    return f"{figures(value)} PB"
