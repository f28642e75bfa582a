"""Where lines may end: after spaces and hyphens, and between characters of Chinese and Japanese with their rules (JIS X 4051's core)."""

import numpy as np
import regex

_NOT_FIRST = frozenset(
    "、。，．・：；？！゛゜ヽヾゝゞ々ー’”）〕］｝〉》」』】〗〙!),.:;?]}»%‰℃°ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ…‥—～〜·"
)
_NOT_LAST = frozenset("（〔［｛〈《「『【〖〘‘“([{«$¥￥£#＃")
_CJK = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\u3000-\u303f\uff00-\uff60]")
_MARK = regex.compile(r"\p{M}")


def opportunities(text: str) -> np.ndarray:
    """bool [len(text) + 1]: whether a line may end before character i; always at the end, never at the start."""
    may = np.zeros(len(text) + 1, bool)
    for i in range(1, len(text)):
        before, after = text[i - 1], text[i]
        if after == " " or after in _NOT_FIRST or before in _NOT_LAST:
            continue
        spaced = before == " " or (before in "-–/" and after.isalnum() and i > 1 and text[i - 2].isalpha())
        may[i] = spaced or (bool(_CJK.match(before) or _CJK.match(after)) and not _MARK.match(after))
    may[len(text)] = True
    return may


def break_lines(text: str, advances: np.ndarray, width: float, first_width: float | None = None) -> list[tuple[int, int]]:
    """Greedy lines.

    Args:
        text: one paragraph.
        advances: float [len(text)], pixels each character takes; of a cluster, its first character has all.
        width: pixels a line may take, spaces at its end not counted; `first_width` for the first where it is indented.

    Returns:
        (start, end) of each line, end without the spaces there. A word longer than a line is cut where it must be.
    """
    may = opportunities(text)
    total = np.concatenate([[0.0], np.cumsum(advances)])
    lines, start = [], 0
    while start < len(text):
        room = width if lines or first_width is None else first_width
        fits = int(np.searchsorted(total, total[start] + room + 1e-6, side="right")) - 1  # last end that fits
        end = max(min(fits, len(text)), start + 1)
        while end < len(text) and text[end] == " ":  # spaces hang over
            end += 1
        if end < len(text):
            allowed = np.flatnonzero(may[start + 1 : end + 1])
            if len(allowed):
                end = start + 1 + int(allowed[-1])
            else:  # cut inside the word, never inside a cluster
                while end < len(text) and advances[end] == 0:
                    end += 1
        stripped = len(text[:end].rstrip(" "))
        if stripped > start:
            lines.append((start, stripped))
        start = end
        while start < len(text) and text[start] == " ":
            start += 1
    return lines
