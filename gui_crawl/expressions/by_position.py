"""By position: the place on the screen, the place in a row or column of its like, and the place beside, under or in something that
has a name.

UGround (Gou et al., 2024) calls these positional and relative expressions ("the button on the left", "the icon next to ...").
"""

from collections.abc import Iterator
from dataclasses import replace

from gui_crawl.expressions.places import anchors, ranks
from gui_crawl.meaning import CORNERS, Meaning
from gui_crawl.screen import Screen
from gui_crawl.uniqueness import resolve


def propose(screen: Screen, i: int) -> Iterator[Meaning]:
    """Meanings by which element `i` might be asked for, from where it stands."""
    noun = screen.kinds[i]
    called = [noun] if noun else []
    if noun not in ("icon", "text") and screen.strict["icon"][i]:
        called.append("icon")
    for noun in called:
        if noun == "text":  # texts are everywhere and overlap: nobody counts them
            yield from (Meaning(noun=noun, direction=direction, anchor=anchor) for direction, anchor in anchors(screen, i))
            continue
        plain = Meaning(noun=noun)
        yield from ranks(plain, screen, i)
        for direction, anchor in anchors(screen, i):
            yield from ranks(replace(plain, direction=direction, anchor=anchor), screen, i)
        for corner in CORNERS:
            if resolve(replace(plain, corner=corner), screen, lenient=False)[i]:
                yield replace(plain, corner=corner)
