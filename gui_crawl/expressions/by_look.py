"""By look: colour, shape, icon and size, as the pixels show them."""

from collections.abc import Iterator
from dataclasses import replace

from gui_crawl import concepts
from gui_crawl.meaning import CORNERS, Meaning, Order
from gui_crawl.screen import Screen
from gui_crawl.uniqueness import INKED

_COLOURED = ("button", "link", "icon", "tab", "heading", "text", "progress bar", "menu item", "cell")
_SIZED = ("button", "image", "heading", "field", "icon")


def propose(screen: Screen, i: int) -> Iterator[Meaning]:
    """Meanings by which element `i` might be asked for, from what it looks like."""
    noun, seen = screen.kinds[i], screen.looks[i]
    nouns = [noun] if noun else []
    if noun != "icon" and screen.strict["icon"][i]:
        nouns.append("icon")  # a button that is nothing but an icon may be called either
    key = concepts.of_icon(screen.icon(i)) if screen.strict["icon"][i] else None
    for noun in nouns:
        plain = Meaning(noun=noun)
        if key and concepts.CONCEPTS[key].picture:
            yield replace(plain, icon=key)
        if (
            seen.colour
            and noun in _COLOURED
            and not (noun in INKED and seen.painted)
            and (seen.painted or seen.colour not in ("black", "white", "grey"))
        ):
            coloured = replace(plain, colour=seen.colour)
            yield coloured
            if key and concepts.CONCEPTS[key].picture:
                yield replace(coloured, icon=key)
            if seen.disc and noun not in INKED:
                yield replace(coloured, disc=True)
            if noun in _SIZED:
                yield replace(coloured, order=Order(axis="size", last=True))
            for corner in CORNERS:
                yield replace(coloured, corner=corner)
        if seen.disc and noun not in INKED:
            yield replace(plain, disc=True)
        if noun in _SIZED:
            yield replace(plain, order=Order(axis="size", last=True))
