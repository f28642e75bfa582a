"""Text drawn onto real pictures, where it stands known to the pixel: what readers of scene text are held against.

A sign is one to four lines in one typeface, straight on the picture with an outline or on a plate, tilted by up to 20 degrees. Its words
are common English ones, numbers and, where a font for them is installed, common Chinese ones. The Latin typefaces are those that
matplotlib carries, so they are the same everywhere.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_LATIN = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "STIXGeneral",
    "STIXGeneralBol",
    "cmss10",
)
_CHINESE = ("NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", "NotoSerifCJK-Regular.ttc", "wqy-zenhei.ttc")
_MARGIN = 0.35  # of the type size, around a sign
_CHINESE_SHARE = 0.3
_PLATE_SHARE = 0.6
_UNFIT = frozenset(
    "fuck fucking fucked shit bullshit ass asshole bitch bitches damn hell sex sexual sexy porn naked nude cock dick pussy whore slut "
    "nigga niggas bastard cunt crap piss tits boobs rape raped kill killed killing murder jew jews jewish muslim muslims islamic nazi nazis "
    "hitler isis gay lesbian terrorist terrorists suicide drugs hate".split()
)  # common words that no sign of ours should combine
_MIN_CONTRAST = 90  # of 255, between type and what is under it


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """One line as it was drawn.

    Attributes:
        text: what it says.
        polygon: float64 (4, 2), the corners of its ink in pixels, clockwise from the text's top left.
        size: pixels of its ink's height before it was tilted.
    """

    text: str
    polygon: np.ndarray
    size: float


def write_signs(rgb: np.ndarray, rng: np.random.Generator, *, most: int = 3, sizes: tuple[float, float] = (0.025, 0.12)):
    """`rgb`, uint8 (h, w, 3), with one to `most` signs on it, and the `Written` lines; none where there is no room.

    Args:
        sizes: of the type, as a share of the picture's shorter side; the least is never below 9 pixels.
    """
    picture, found = rgb.copy(), []
    taken = np.zeros(rgb.shape[:2], bool)
    for _ in range(int(rng.integers(1, most + 1))):
        low, high = np.log(sizes)
        size = max(9, round(float(np.exp(rng.uniform(low, high))) * min(rgb.shape[:2])))
        sign = _sign(size, rng)
        for _ in range(8):
            placed = _place(sign, picture, taken, rng)
            if placed is not None:
                picture, lines = placed
                found += lines
                break
    return picture, found


@dataclass(frozen=True, slots=True, eq=False)
class _Sign:
    ink: np.ndarray  # float32 (h, w), 0-1
    plate: bool
    lines: Sequence[tuple[str, tuple[float, float, float, float]]]
    size: int


def _sign(size: int, rng: np.random.Generator) -> _Sign:
    chinese = bool(chinese_fonts()) and rng.random() < _CHINESE_SHARE
    paths = chinese_fonts() if chinese else latin_fonts()
    font = ImageFont.truetype(str(paths[int(rng.integers(len(paths)))]), size)
    texts = [_text(chinese, rng) for _ in range(int(rng.integers(1, 5)))]
    margin, pitch = round(_MARGIN * size), round(1.35 * size)
    width = max(round(font.getlength(t)) for t in texts) + 2 * margin
    canvas = Image.new("L", (width + size, pitch * len(texts) + 2 * margin))
    draw, lines = ImageDraw.Draw(canvas), []
    for i, text in enumerate(texts):
        at = margin, margin + i * pitch
        draw.text(at, text, fill=255, font=font)
        lines.append((text, draw.textbbox(at, text, font=font)))
    return _Sign(np.asarray(canvas, np.float32) / 255, rng.random() < _PLATE_SHARE, lines, size)


def _place(sign: _Sign, rgb: np.ndarray, taken: np.ndarray, rng: np.random.Generator):
    height, width = sign.ink.shape
    angle = float(np.clip(rng.normal(0, 7), -20, 20)) if rng.random() < 0.6 else 0.0
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ turn[:, :2].T + turn[:, 2]
    room = np.array([rgb.shape[1], rgb.shape[0]]) - np.ptp(corners, axis=0)
    if (room < 2).any():
        return None
    turn[:, 2] += rng.uniform(0, 1, 2) * room - corners.min(0)
    size = rgb.shape[1], rgb.shape[0]
    where = cv2.warpAffine(np.ones((height, width), np.float32), turn, size, flags=cv2.INTER_LINEAR)
    if (taken & (where > 0)).any():
        return None
    ink = cv2.warpAffine(sign.ink, turn, size, flags=cv2.INTER_LINEAR)[..., None]
    under = rgb[where > 0.5].mean(0) if not sign.plate else rng.uniform(0, 255, 3)
    for _ in range(50):
        colour = rng.uniform(0, 255, 3)
        if abs(_grey(colour) - _grey(under)) >= _MIN_CONTRAST:
            break
    else:
        colour = np.full(3, 0.0 if _grey(under) > 127 else 255.0)
    drawn = rgb.astype(np.float32)
    if sign.plate:
        drawn += where[..., None] * rng.uniform(0.75, 1.0) * (under - drawn)
    else:
        outline = cv2.dilate(ink[..., 0], np.ones((3, 3), np.uint8), iterations=max(1, sign.size // 24))[..., None]
        drawn += outline * 0.8 * (under - drawn)
    drawn += ink * (colour - drawn)
    taken |= where > 0
    lines = []
    for text, (x1, y1, x2, y2) in sign.lines:
        box = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], float)
        lines.append(Written(text, box @ turn[:, :2].T + turn[:, 2], y2 - y1))
    return drawn.clip(0, 255).astype(np.uint8), lines


def _grey(colour: np.ndarray) -> float:
    return float(colour @ [0.299, 0.587, 0.114])


def _text(chinese: bool, rng: np.random.Generator) -> str:
    if rng.random() < 0.15:
        return f"{int(rng.integers(10, 10000))}" + ("" if rng.random() < 0.5 else f".{int(rng.integers(10, 100))}")
    words = _words("zh" if chinese else "en")
    chosen = [words[int(len(words) * rng.random() ** 2)] for _ in range(int(rng.integers(1, 4)))]
    chosen = ["open" if word in _UNFIT else word for word in chosen]
    if chinese:
        return "".join(chosen)
    joined = " ".join(chosen)
    return [joined, joined.title(), joined.upper()][int(rng.integers(3))]


@cache
def _words(language: str) -> list[str]:
    from wordfreq import top_n_list

    words = top_n_list(language, 6000)
    fits = (
        (lambda w: w.isascii() and w.isalpha() and len(w) > 1)
        if language == "en"
        else (lambda w: all("一" <= c <= "鿿" for c in w))
    )
    return [w for w in words if fits(w)]


@cache
def latin_fonts() -> list[Path]:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [folder / f"{name}.ttf" for name in _LATIN]


@cache
def chinese_fonts() -> list[Path]:
    """Those of a few known Chinese fonts that fontconfig finds; none where it is not installed."""
    try:
        listed = subprocess.run(["fc-list", ":lang=zh", "file"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    found = {Path(line.partition(":")[0]) for line in listed.splitlines()}
    return sorted((path for path in found if path.name in _CHINESE), key=lambda path: path.name)
