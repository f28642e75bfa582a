"""Nouns: what an element is called, by its role and its looks, strict and lenient.

An element bears a noun strictly where its role says so and its looks do not belie it; leniently where somebody who only
sees the picture might call it that (a switch for a check box, a bold line for a heading). A link painted or framed as a
button is a button; a button that is bare text is neither strictly a button nor strictly a link. Expressions with a noun
hold for strict bearers; all lenient ones are rivals.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_ROLES = {
    "button": ("button",),
    "link": ("link",),
    "field": ("textbox", "searchbox", "spinbutton"),
    "dropdown": ("combobox", "listbox"),
    "checkbox": ("checkbox",),
    "radio": ("radio",),
    "switch": ("switch",),
    "slider": ("slider",),
    "tab": ("tab",),
    "menu item": ("menuitem", "menuitemcheckbox", "menuitemradio"),
    "option": ("option",),
    "heading": ("heading",),
    "image": ("img", "image", "figure"),
    "cell": ("cell", "gridcell"),
    "column header": ("columnheader",),
    "progress bar": ("progressbar", "meter"),
    "dialog": ("dialog", "alertdialog"),
    "navigation": ("navigation",),
    "table": ("table", "grid", "treegrid"),
    "form": ("form",),
    "list": ("list",),
    "header": ("banner",),
    "footer": ("contentinfo",),
}
NOUNS = (*_ROLES, "icon", "badge", "text")
CONTAINERS = ("dialog", "navigation", "table", "form", "header", "footer")
"""Nouns of what holds other elements: asked for only as a place."""

_RIVALS = {  # what else somebody might take for the noun, by looks
    "button": ("tab", "menu item", "dropdown"),
    "link": ("menu item", "tab"),
    "field": ("dropdown",),
    "dropdown": ("field",),
    "checkbox": ("switch", "radio"),
    "radio": ("checkbox",),
    "switch": ("checkbox",),
    "slider": ("progress bar",),
    "progress bar": ("slider",),
    "tab": ("button", "link"),
    "menu item": ("link", "button", "option"),
    "option": ("menu item",),
    "cell": ("column header",),
    "column header": ("cell",),
}
ICON_SIDE = 64.0  # CSS pixels: larger pictures are images
BUTTON_HEIGHT = 80.0  # CSS pixels: a taller button is a card to whoever sees it
OPTION_HEIGHT = 48.0  # CSS pixels: a taller option is a row of a list to whoever sees it
BADGE = (32.0, 160.0)  # CSS pixels: height and width of the largest badge
BADGE_TEXT = 20  # characters of the longest
HEADING_SIZE = 1.15  # times the median font size of the page's text: larger text may pass for a heading


def bearers(
    elements: Sequence[Mapping[str, Any]],
    boxes: np.ndarray,
    framed: np.ndarray,
    own_texts: Sequence[Sequence[str]],
    scale: float,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Which elements bear which noun.

    Args:
        elements: records of `ELEMENT`, n of them.
        boxes: float64 [n, 4], screenshot pixels.
        framed: bool [n], the element has a ground or a frame of its own, as `look.measure` sees it.
        own_texts: for each element the pieces of its text that are not its children's.
        scale: screenshot pixels per CSS pixel.

    Returns:
        (strict, lenient): for each of `NOUNS` a bool array [n]; strict is within lenient.
    """
    n = len(elements)
    role = np.array([e["role"] or "" for e in elements], object)
    tag = np.array([e["tag"] for e in elements], object)
    text = np.array([bool(e["text"]) for e in elements], bool)
    interactive = np.array([bool(e["interactive"]) for e in elements], bool)
    icon = np.array([bool(e["icon"]) for e in elements], bool)
    font = np.array([e["font_size"] or 0.0 for e in elements], float)
    sides = (boxes[:, 2:] - boxes[:, :2]) / scale
    small = sides.max(axis=1, initial=0.0) <= ICON_SIDE if n else np.zeros(0, bool)

    strict = {noun: np.isin(role, roles) for noun, roles in _ROLES.items()}
    picture = strict["image"] | np.isin(tag, ("img", "svg", "canvas", "video", "picture"))
    square = sides.max(axis=1, initial=0.0) <= 2 * np.maximum(sides.min(axis=1, initial=1e9), 1e-9) if n else np.zeros(0, bool)
    iconic = (icon | np.isin(tag, ("svg", "i"))) & ~text & small & square
    strict["icon"] = iconic & ~strict["field"] & ~strict["checkbox"] & ~strict["radio"]
    strict["image"] = picture & ~small & ~text & (np.isin(tag, ("img", "picture")) | strict["image"])
    editable = np.array([bool(e["editable"]) for e in elements], bool)
    strict["field"] = (strict["field"] | editable) & ~strict["dropdown"]
    controls = np.any([strict[noun] for noun in _ROLES if noun not in ("cell", "column header", "list", "table")], axis=0)
    _by_looks(strict, elements, boxes[:, 0] / scale, sides, text, framed)
    own = np.array([any(pieces) for pieces in own_texts], bool)  # what only holds other elements says nothing itself
    strict["text"] = text & own & ~controls & ~interactive
    short = np.array([len(e["text"]) <= BADGE_TEXT for e in elements], bool)
    oblong = (
        (sides[:, 1] <= BADGE[0]) & (sides[:, 0] <= BADGE[1]) & (sides[:, 0] > 1.2 * sides[:, 1])
    )  # a round one may be a portrait
    strict["badge"] = strict["text"] & framed & short & oblong & ~np.isin(tag, ("kbd", "code", "pre"))

    lenient = {}
    for noun, mask in strict.items():
        wide = mask.copy()
        for rival in _RIVALS.get(noun, ()):
            wide |= strict[rival]
        lenient[noun] = wide
    unnamed = interactive & ~controls
    bare = np.isin(role, _ROLES["button"]) & ~strict["button"]
    lenient["button"] |= (np.isin(role, _ROLES["link"]) & framed) | bare | unnamed
    lenient["link"] |= unnamed | bare | np.isin(role, _ROLES["link"])
    lenient["tab"] |= unnamed
    lenient["menu item"] |= unnamed
    lenient["icon"] |= (picture & small) | (icon & small) | (interactive & ~text & small)
    lenient["image"] |= picture | (icon & ~text)
    lenient["text"] |= text
    lenient["badge"] |= framed & text & short & (sides[:, 1] <= 2 * BADGE[0])
    body = np.median(font[text]) if text.any() else 16.0
    lenient["heading"] |= text & ~interactive & (font >= HEADING_SIZE * body)
    return strict, lenient


def _by_looks(
    strict: dict[str, np.ndarray],
    elements: Sequence[Mapping[str, Any]],
    lefts: np.ndarray,
    sides: np.ndarray,
    text: np.ndarray,
    framed: np.ndarray,
) -> None:
    """Buttons and links as they look, in place: see above."""
    listed = np.zeros(len(elements), bool)  # in a menu or list, where what is current is painted and still a link
    for i, element in enumerate(elements):
        parent = element["parent"]
        listed[i] = parent is not None and (
            listed[parent] or elements[parent]["role"] in ("navigation", "list", "listitem", "menu", "menubar")
        )
    # The current one of a column of links is painted and still a link.
    plain = strict["link"] & ~framed
    for i in np.flatnonzero(strict["link"] & framed).tolist():
        in_line = (np.abs(lefts - lefts[i]) <= 2) & (np.abs(sides[:, 0] - sides[i, 0]) <= 2)
        listed[i] |= bool((plain & in_line).any())
    button_size = (sides[:, 1] >= 18) & (sides[:, 1] <= 64) & (sides[:, 0] <= 400)
    alike = strict["link"] & framed & text & button_size & ~listed
    strict["link"] = strict["link"] & ~alike
    strict["button"] = (strict["button"] & (framed | ~text) & (sides[:, 1] <= BUTTON_HEIGHT)) | alike
    strict["option"] = strict["option"] & (sides[:, 1] <= OPTION_HEIGHT)


def kind(strict: Mapping[str, np.ndarray], i: int) -> str | None:
    """The noun an element is asked for by: the first of `NOUNS` it bears strictly, containers and lists apart."""
    return next((noun for noun in NOUNS if strict[noun][i] and noun not in (*CONTAINERS, "list")), None)
