"""By function: what an element is and does, its role, its state and its purpose, without a word that stands on it; where these fit several,
with the place among them, or beside or in something that has a name."""

from collections.abc import Iterator
from dataclasses import replace

from gui_crawl.expressions.places import anchors, told_apart
from gui_crawl.meaning import Meaning
from gui_crawl.screen import Screen
from gui_crawl.uniqueness import resolve

# What is collapsed hardly ever shows, so that state is not asked for; what is open does.
_STATED = {
    "checkbox": ("checked", "unchecked"),
    "radio": ("checked", "unchecked"),
    "switch": ("checked", "unchecked"),
    "tab": ("selected",),
    "option": ("selected",),
    "menu item": ("expanded",),
    "button": ("disabled", "expanded"),
    "link": ("expanded",),
    "dropdown": ("disabled", "expanded"),
    "field": ("disabled",),
}
_FIELD = {"checked": True, "unchecked": False, "expanded": True, "disabled": True, "selected": True}


def propose(screen: Screen, i: int) -> Iterator[Meaning]:
    """Meanings by which element `i` might be asked for, from its purpose, state and role."""
    element, noun, purpose = screen.elements[i], screen.kinds[i], screen.purposes[i]
    if purpose:
        yield from told_apart(Meaning(noun=noun, purpose=purpose), screen, i)
    for state in _STATED.get(noun or "", ()):
        name = "checked" if state == "unchecked" else state
        if element[name] is _FIELD[state] and (state != "expanded" or element["text"]):  # an icon shows nothing of it
            plain = Meaning(noun=noun, state=state)
            yield from told_apart(plain, screen, i)
            if element["name"] and screen.shows(element["name"]):
                yield replace(plain, label=element["name"], by="name")
    if noun not in (None, "text", "icon", "cell"):
        roles = [Meaning(noun=noun)]
        roles += [Meaning(noun=noun, direction=d, anchor=anchor) for d, anchor in anchors(screen, i) if d == "inside"]
        yield from (role for role in roles if int(resolve(role, screen, lenient=False).sum()) == 1)
