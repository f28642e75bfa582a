"""Screens made on the fly: records of `ELEMENT` and a picture in which each is drawn as it says."""

from typing import Any

import numpy as np

from gui_crawl.capture import Capture
from gui_crawl.screen import Screen
from sieveline.draws import generator

PAGE = (255, 255, 255)
PAINT = {
    "red": (220, 30, 35),
    "green": (25, 135, 84),
    "blue": (13, 110, 253),
    "yellow": (255, 215, 20),
    "orange": (253, 126, 20),
    "purple": (130, 60, 170),
}
_BLANK: dict[str, Any] = {
    "parent": None,
    "role": None,
    "name": "",
    "text": "",
    "placeholder": None,
    "title": None,
    "alt": None,
    "value": None,
    "checked": None,
    "disabled": None,
    "selected": None,
    "expanded": None,
    "interactive": False,
    "editable": False,
    "color": "#000000",
    "background": None,
    "font_size": 14.0,
    "radius": 0.0,
    "icon": None,
    "covered": False,
    "cut": False,
    "path": "",
    "frame": "",
}
_ROLES = {
    "button": {"tag": "button", "role": "button", "interactive": True},
    "link": {"tag": "a", "role": "link", "interactive": True},
    "field": {"tag": "input", "role": "textbox", "interactive": True, "editable": True},
    "checkbox": {"tag": "input", "role": "checkbox", "interactive": True, "checked": False},
    "tab": {"tag": "button", "role": "tab", "interactive": True, "selected": False},
    "heading": {"tag": "h2", "role": "heading"},
    "text": {"tag": "p", "role": "paragraph"},
    "list item": {"tag": "li", "role": "listitem"},
    "icon": {"tag": "i"},
    "navigation": {"tag": "nav", "role": "navigation"},
    "dialog": {"tag": "div", "role": "dialog"},
}


def element(noun: str, box: tuple[float, float, float, float], **fields: Any) -> dict[str, Any]:
    """One record; `text` also gives the accessible name where none is given. Its id is set by `screen`."""
    record = _BLANK | {"tag": "div"} | _ROLES[noun] | {"box": [float(v) for v in box]} | fields
    if record.get("inked"):
        record["color"] = "#{:02x}{:02x}{:02x}".format(*PAINT[record["paint"]])
    if not record["name"] and noun not in ("text", "list item", "navigation", "dialog", "icon"):
        record["name"] = record["text"]
    return record


def drawn(records: list[dict[str, Any]], width: int = 800, height: int = 600) -> np.ndarray:
    """uint8 [height, width, 3]: a white page with a ground or frame for what says `paint` or is a button or field, dark strokes for text."""
    import cv2

    pixels = np.full((height, width, 3), PAGE, np.uint8)
    for record in records:
        x1, y1, x2, y2 = (round(v) for v in record["box"])
        paint = PAINT.get(record.get("paint", ""))
        if paint and record.get("round"):
            cv2.circle(pixels, ((x1 + x2 - 1) // 2, (y1 + y2 - 1) // 2), (x2 - x1) // 2, paint, -1)
        elif paint and not record.get("inked"):
            pixels[y1:y2, x1:x2] = paint
        elif record["role"] in ("button", "textbox", "checkbox"):
            cv2.rectangle(pixels, (x1, y1), (x2 - 1, y2 - 1), (120, 120, 120), 1)
        if record["text"] or record["tag"] in ("i", "svg"):
            ink = paint if paint and record.get("inked") else (20, 20, 20)
            pixels[(y1 + y2) // 2 - 2 : (y1 + y2) // 2 + 2, x1 + 4 : x2 - 4 : 2] = ink
    return pixels


def numbered(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record | {"id": i} for i, record in enumerate(records)]


def screen(*records: dict[str, Any], scale: float = 1.0) -> Screen:
    return Screen(numbered(list(records)), drawn(list(records)), scale)


def state(*records: dict[str, Any], name: str = "page", title: str = "A page", **fields: Any) -> Capture:
    import cv2

    done, png = cv2.imencode(".png", drawn(list(records))[:, :, ::-1])
    assert done
    return Capture(id=name, title=title, scale=1.0, elements=numbered(list(records)), screenshot=png.tobytes(), **fields)


WORDS = (
    "Save",
    "Open",
    "Copy link",
    "Send",
    "Orders",
    "Email",
    "Invoices",
    "Team",
    "Reports",
    "save",
    "Saved",
    "Orders (3)",
    "保存",
    "邮箱",
)


def random_records(seed: int) -> list[dict[str, Any]]:
    """A page of 6 to 24 elements in a jittered grid without overlap: nouns, colours, states and words drawn by `seed`, words repeated."""
    draw = generator(seed, "layout")
    records = []
    for k in sorted(draw.choice(40, int(draw.integers(6, 25)), replace=False)):
        x, y = 20 + 150 * (k % 5) + int(draw.integers(0, 12)), 15 + 72 * (k // 5) + int(draw.integers(0, 8))
        w, h = int(draw.integers(60, 120)), int(draw.integers(26, 40))
        noun = str(draw.choice(["button", "button", "link", "field", "checkbox", "heading", "text"]))
        fields: dict[str, Any] = {}
        if noun == "checkbox":
            w = h = 18
            fields = {"name": str(draw.choice(WORDS)), "checked": bool(draw.integers(2))}
        elif noun == "field":
            fields = {"name": str(draw.choice(WORDS)), "placeholder": str(draw.choice(WORDS))}
        else:
            fields = {"text": str(draw.choice(WORDS))}
        if noun == "button":
            fields["paint"] = str(draw.choice(sorted(PAINT)))
        records.append(element(noun, (x, y, x + w, y + h), **fields))
    return records
