"""By look: colour, shape, icon and size, as the pixels show them; where a look alone fits several, with the place among them."""

from collections.abc import Iterator
from dataclasses import replace

from gui_crawl import concepts
from gui_crawl.expressions.places import told_apart
from gui_crawl.meaning import Meaning, Order
from gui_crawl.screen import Screen
from gui_crawl.uniqueness import INKED, resolve

_SHAPED = {  # an outlined icon is drawn in lines and a filled field is not empty: they are not called so for their frame
    "button": ("outlined", "filled", "square"),
    "badge": ("outlined", "filled"),
    "field": ("outlined",),
    "dropdown": ("outlined",),
}
_COLOURED = ("badge", "button", "link", "icon", "tab", "heading", "text", "progress bar", "menu item", "cell")
_SIZED = ("button", "image", "heading", "field", "icon")


def propose(screen: Screen, i: int) -> Iterator[Meaning]:
    """Meanings by which element `i` might be asked for, from what it looks like."""
    noun = screen.kinds[i]
    called = [noun] if noun else []
    if noun != "icon" and screen.strict["icon"][i]:
        called.append("icon")  # a button that is nothing but an icon may be called either
    for noun in called:
        for look in _looks(noun, screen, i):
            if noun in _SIZED and look.icon is None and int(resolve(look, screen, lenient=False).sum()) > 1:
                yield from _largest(look, screen, i)
            yield from told_apart(look, screen, i)
        if noun in _SIZED and int(resolve(Meaning(noun=noun), screen, lenient=False).sum()) > 1:
            yield from _largest(Meaning(noun=noun), screen, i)


def _looks(noun: str, screen: Screen, i: int) -> Iterator[Meaning]:
    """What can be said of the element's looks alone, short things first."""
    plain, seen = Meaning(noun=noun), screen.looks[i]
    key = concepts.of_icon(screen.icon(i)) if screen.strict["icon"][i] else None
    icon = key if key and concepts.CONCEPTS[key].picture else None
    if icon:
        yield replace(plain, icon=icon)
    if seen.disc and noun not in INKED:
        yield replace(plain, disc=True)
    shapes = [s for s in _SHAPED.get(noun, ()) if not seen.disc and resolve(replace(plain, shape=s), screen, lenient=False)[i]]
    yield from (replace(plain, shape=shape) for shape in shapes)
    if seen.colour and noun in _COLOURED and not (noun in INKED and seen.painted):
        if not seen.painted and seen.colour in ("black", "white", "grey"):
            return
        yield replace(plain, colour=seen.colour)
        if icon:
            yield replace(plain, colour=seen.colour, icon=icon)
        if seen.disc and noun not in INKED:
            yield replace(plain, colour=seen.colour, disc=True)
        yield from (replace(plain, colour=seen.colour, shape=shape) for shape in shapes if shape != "filled")


def _largest(meaning: Meaning, screen: Screen, i: int) -> Iterator[Meaning]:
    largest = replace(meaning, order=Order(axis="size", last=True))
    found = resolve(largest, screen, lenient=False)
    if found[i] and int(found.sum()) == 1:
        yield largest
