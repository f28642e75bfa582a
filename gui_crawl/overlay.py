"""A screenshot with the boxes of its elements drawn over it and numbered: red can be acted on, blue cannot."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

ACTS, SHOWS, DONE = (220, 30, 30), (30, 100, 220), (230, 140, 0)


def draw(
    screenshot: bytes,
    elements: Sequence[Mapping[str, Any]],
    *,
    action: Mapping[str, Any] | None = None,
    side: int = 1100,
    most: int = 400,
) -> Image.Image:
    """The picture in RGB, its longer side at most `side` pixels.

    Args:
        elements: records of `gui_crawl.elements.ELEMENT`; the first `most` are drawn.
        action: a record of `ACTION` done on this screen: its element is ringed.
    """
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    shrink = min(1.0, side / max(picture.size))
    if shrink < 1:
        picture = picture.resize(
            (max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))), Image.Resampling.LANCZOS
        )
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=14)
    for element in elements[:most]:
        x1, y1, x2, y2 = (v * shrink for v in element["box"])
        colour = ACTS if element["interactive"] else SHOWS
        pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour)
        label = str(element["id"])
        width = pen.textlength(label, font=font)
        top = y1 - 14 if y1 >= 14 else y1
        pen.rectangle((x1, top, x1 + width + 1, top + 14), fill=colour)
        pen.text((x1 + 1, top - 1), label, fill="white", font=font)
    if action is not None and action.get("element") is not None:
        box = next((e["box"] for e in elements if e["id"] == action["element"]), None)
        if box is not None:
            pen.rectangle([v * shrink + d for v, d in zip(box, (-3, -3, 3, 3), strict=True)], outline=DONE, width=3)
    return picture
