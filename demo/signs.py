"""Text drawn onto real pictures, where it stands known to the pixel: what readers of scene text are held against.

A sign is one to four lines in one typeface, straight on the picture with an outline or on a plate, tilted by up to 20 degrees. Its words
are those of English signs, numbers and, where a font for them is installed, those of Chinese ones. The Latin typefaces are those that
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
_ENGLISH_SIGNS = (
    "airport avenue bakery bank barber beach bicycle books bridge bus cafe camera castle central chemist church cinema city clinic closed "
    "coffee college corner danger delivery dentist door east electric elevator emergency entrance exit express factory family farm ferry "
    "fire fish flowers free fresh fruit garage garden gate glass grand green ground hall harbour help hill hospital hotel house island "
    "kitchen lake lane laundry left library lift market meat menu metro milk mill mountain museum music new north office open palace "
    "paper park parking pharmacy photo platform police pool post private public pull push quality quick quiet railway red rent repair "
    "restaurant right river road room sale school service shoes shop slow south special sports square stadium stairs station stop "
    "street sugar sweet taxi tea theatre tickets timber toilets tours tower town trade tram travel university valley village wait "
    "warehouse warning water way welcome west wine winter works workshop yellow young zone"
)
_CHINESE_SIGNS = (
    "银行 医院 学校 车站 机场 酒店 餐厅 超市 书店 药店 公园 广场 出口 入口 停车场 洗手间 欢迎 光临 小心 地滑 请勿 吸烟 "
    "营业 时间 茶 咖啡 面包 水果 新鲜 蔬菜 海鲜 火锅 北京 上海 东路 西路 南门 北门 中心 大厦 电梯 安全 通道 消防 "
    "紧急 电话 服务 旅行 电影院 图书馆 博物馆 邮局 警察 地铁 公交 "
    "售票处 候车室 眼镜 钟表 家具 花店 理发 修理 五金 文具 玩具 服装 皮鞋 特价 优惠"
)
_MARGIN = 0.35  # of the type size, around a sign
_CHINESE_SHARE = 0.3
_PLATE_SHARE = 0.6
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
    words = (_CHINESE_SIGNS if chinese else _ENGLISH_SIGNS).split()
    chosen = [words[int(rng.integers(len(words)))] for _ in range(int(rng.integers(1, 4)))]
    if chinese:
        return "".join(chosen)
    joined = " ".join(chosen)
    return [joined, joined.title(), joined.upper()][int(rng.integers(3))]


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
