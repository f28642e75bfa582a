"""By text: what an element says, or what a field is labelled with. SeeClick (Cheng et al., 2024) takes text and hover
titles."""

from collections.abc import Iterator

from gui_crawl.meaning import Meaning
from gui_crawl.screen import Screen, normal

_HOLDERS = ("field", "dropdown", "checkbox", "radio", "switch", "slider")
"""What shows its label beside itself, so that its name is told and not its text, where it can be read on the screen."""


def propose(screen: Screen, i: int) -> Iterator[Meaning]:
    """Meanings by which element `i` might be asked for, from its texts."""
    element, noun = screen.elements[i], screen.kinds[i]
    if noun in _HOLDERS:
        if element["name"] and screen.shows(element["name"]):
            yield Meaning(noun=noun, label=element["name"], by="name")
        if element["placeholder"] and not element["value"] and normal(element["placeholder"]) != normal(element["name"]):
            yield Meaning(noun=noun, label=element["placeholder"], by="placeholder")
        return
    if screen.composite(i):
        return
    if element["text"]:
        yield Meaning(noun=noun, label=element["text"])
        yield Meaning(label=element["text"])
    elif element["title"]:
        yield Meaning(noun=noun, label=element["title"], by="title")
