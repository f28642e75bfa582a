"""Exploring a page: from one captured state to the next by one action, each new state a capture that knows its parent and the action.

From the loaded page (state 0) actions are tried on what the screen lists: menus, tabs, accordions and dialogs opened, fields typed into,
options chosen, the page scrolled, things hovered. A state is new if enough of its pixels differ from its parent's and its elements (kind,
text, value, place) differ from every state of the page before. Exploring goes on from the new state, up to `depth` actions from the load; then
the page is loaded again. Each action is tried once a page. Documents that an action asks for (links, forms) are not let through.

Triples can be replayed: `replay` goes through the actions that lead to a state, at the points that the records name.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from playwright.sync_api import Error

from gui_crawl import pixels
from gui_crawl.listing import Listing, Looking, look
from gui_crawl.tab import PageFailure, Tab
from sieveline.draws import uniform
from sieveline.reasons import Reason

_NEVER = re.compile(r"log ?out|sign ?out|unsubscribe|delete (my )?account|abmelden|退出|注销", re.IGNORECASE)
_CHECKS = ("checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio")


@dataclass(frozen=True, kw_only=True, slots=True)
class Exploring:
    """How far a page is explored.

    Attributes:
        states: captures of one page, the loaded one included; 1 explores nothing.
        depth: actions from the load to a state.
        tries: actions of one page, those that lead to nothing new included.
        scrolls: of them, how often the page is scrolled (an endless page ends here).
        min_change: share of pixels that must differ from the parent's, 0-1; the tick of a check box is about 100 pixels.
        drift: share of pixels by which a state seen again may differ from itself, 0-1.
        seconds: after which no further action is tried.
    """

    states: int = 6
    depth: int = 3
    tries: int = 12
    scrolls: int = 2
    min_change: float = 0.0001
    drift: float = 0.002
    seconds: float = 60.0


@dataclass(slots=True)
class State:
    """A captured state of a page.

    Attributes:
        number: among the page's states, 0 for the loaded page.
        steps: actions since the load.
        parent: number of the state that `action` was done in.
        action: a record of `ACTION`; None for state 0.
        png: the screenshot that is kept, personal data in it covered.
        image: the screenshot as it was, uint8 [height, width, 3], blue first.
        listing: what it shows.
        change: share of pixels that differ from the parent's, 0-1.
    """

    number: int
    steps: int
    parent: int | None
    action: dict[str, Any] | None
    png: bytes
    image: np.ndarray
    listing: Listing
    change: float = 1.0


@dataclass(frozen=True, slots=True)
class Move:
    """An action that could be tried."""

    kind: str
    element: int | None
    text: str | None
    sign: str  # by which it is known again in another state


def capture(tab: Tab, looking: Looking) -> tuple[bytes, np.ndarray, Listing]:
    """The screenshot of the tab, decoded, and what it shows."""
    png = tab.screenshot()
    image = pixels.decode(png)
    return png, image, look(tab, image, looking)


def explore(tab: Tab, config: Exploring, looking: Looking, *, seed: int, name: str, again: Any, left: Any) -> Iterator[State]:
    """The states of the page that `tab` has loaded.

    Args:
        seed, name: what the choice of actions is drawn by.
        again: called to load the page once more; False if it may not.
        left: called for the seconds left to this page.
    """
    png, image, listing = capture(tab, looking)
    first = current = State(0, 0, None, None, png, image, listing)
    yield first
    states, seen, tried = [first], {listing.dom_hash: first}, set[str]()
    scrolls = 0
    for _ in range(config.tries):
        if len(states) >= config.states or left() <= 0:
            return
        move = (
            next(_moves(tab, current, tried, seed, name, scrolls < config.scrolls), None)
            if current.steps < config.depth
            else None
        )
        if move is None:
            if current is first or not again():
                return
            image = pixels.decode(tab.screenshot())
            if pixels.changed_share(first.image, image) > config.drift:
                return  # the page is not what it was: no action in it could be told from chance
            current = first
            move = next(_moves(tab, current, tried, seed, name, scrolls < config.scrolls), None)
            if move is None:
                return
        tried.add(move.sign)
        scrolls += move.kind == "scroll"
        tab.exploring = True
        try:
            action = act(tab, current.listing, move)
            if action is None:
                continue
            tab.settle()
            png = tab.screenshot()
            image = pixels.decode(png)
            change = pixels.changed_share(current.image, image)
            if change < config.min_change:
                continue
            listing = look(tab, image, looking)
        except Error as error:
            raise tab.failure(error) from error
        known = seen.get(listing.dom_hash)
        if known is not None:
            # Back at a state that was captured: from here on if it looks the same, else (a highlight, say) not from anywhere.
            if known is current:
                tab.call("blur")  # a focus ring or the like: no state, but it must not be seen in the next
            elif pixels.changed_share(known.image, image) <= config.drift:
                current = known
            elif again():
                current = first
            else:
                return
            continue
        state = State(len(states), current.steps + 1, current.number, action, png, image, listing, change)
        states.append(state)
        seen[listing.dom_hash] = state
        current = state
        yield state


def _moves(tab: Tab, state: State, tried: set[str], seed: int, name: str, may_scroll: bool) -> Iterator[Move]:
    """What could be tried in a state, the most telling first: what opens before what is typed before plain buttons, drawn within."""
    found: list[tuple[float, Move]] = []

    def offer(rank: float, kind: str, element: int | None, text: str | None, sign: str) -> None:
        if sign not in tried:
            found.append((rank + 1.5 * uniform(seed, "move", name, sign), Move(kind, element, text, sign)))

    scroll = state.listing.scroll
    if may_scroll and scroll.get("height", 0) > scroll.get("viewHeight", 0) + 40:
        offer(0.5, "scroll", None, None, f"scroll {len(tried)}")
    for element, kind in zip(state.listing.elements, state.listing.kinds, strict=True):
        if not element["interactive"] or _NEVER.search(element["name"] or element["text"]):
            continue
        place, role = f"{element['frame']} {element['path']}", element["role"] or ""
        if element["tag"] == "select":
            if element["disabled"] is False:
                offer(1.0, "select", element["id"], None, f"select {place}")
        elif element["editable"]:
            if not element["value"]:
                offer(1.0, "type", element["id"], typed(element, kind, seed, name), f"type {place}")
        elif kind in ("a", "submit", "image", "reset", "file") or element["tag"] == "option":
            if kind == "a":
                offer(3.5, "hover", element["id"], None, f"hover {place}")
        else:
            opens = (
                element["expanded"] is False
                or kind == "popup"
                or role == "tab"
                or element["tag"] == "summary"
                or kind == "a-here"
            )
            rank = 0.0 if opens and not element["selected"] else 1.0 if role in _CHECKS else 1.5
            offer(rank, "click", element["id"], None, f"click {place}")
            if kind == "popup" or role == "menuitem":
                offer(1.5, "hover", element["id"], None, f"hover {place}")
    yield from (move for _, move in sorted(found, key=lambda f: (f[0], f[1].sign)))


WORDS = ("weather", "hello", "Anna Schmidt", "blue shoes", "London", "天气", "report 2024", "coffee", "北京", "music")
_TYPED = {
    "email": ("anna@example.com", "info@example.org"),
    "tel": ("555 0100",),
    "number": ("3", "12", "42"),
    "url": ("https://example.com",),
    "date": ("2024-03-15",),
    "time": ("09:30",),
    "password": ("correct horse",),
}


def typed(element: dict[str, Any], kind: str, seed: int, name: str) -> str:
    """What is typed into a field, by its type, else by what its name says, else a word."""
    said = f"{element['name']} {element['placeholder'] or ''}".lower()
    key = kind if kind in _TYPED else "email" if "mail" in said else "tel" if "phone" in said else None
    words: Sequence[str] = _TYPED[key] if key else WORDS
    return words[int(uniform(seed, "typed", name, element["path"]) * len(words))]


def act(tab: Tab, listing: Listing, move: Move) -> dict[str, Any] | None:
    """Does what `move` says; its record of `ACTION`, None if nothing could be done."""
    action: dict[str, Any] = {"kind": move.kind, "element": move.element, "text": move.text, "dx": None, "dy": None}
    if move.kind == "scroll":
        gone = tab.call("scroll", {"dy": round(0.8 * tab.device.height)})
        return action | {"dx": 0.0, "dy": float(gone * listing.to_pixels)} if gone else None
    assert move.element is not None
    frame, node = listing.handles[move.element]
    x, y = (v / listing.to_pixels for v in listing.elements[move.element]["point"])
    if move.kind == "hover":
        tab.page.mouse.move(x, y)
    elif move.kind == "select":
        options = tab.call("options", node, frame)
        if not options:
            return None
        action["text"] = options[len(options) // 2]
        tab.call("choose", {"node": node, "label": action["text"]}, frame)
    else:
        tab.page.mouse.click(x, y)
        if move.kind == "type":
            tab.page.keyboard.insert_text(move.text or "")
    return action


def replay(tab: Tab, url: str, rows: Sequence[dict[str, Any]], state: int, looking: Looking) -> Listing:
    """Loads `url` and does what led to a state again; what the screen then shows.

    Args:
        rows: of the page's captures, by state number: `parent`, `action`, `elements`.

    Raises:
        PageFailure: the page or an element on the way is no longer there.
    """
    chain = []
    at: int | None = state
    while at is not None and rows[at]["action"] is not None:
        chain.append(at)
        at = rows[at]["parent"]
    tab.open(url)
    tab.open_closed_roots()
    _, _, listing = capture(tab, looking)
    tab.exploring = True
    for number in reversed(chain):
        action, before = rows[number]["action"], rows[rows[number]["parent"]]["elements"]
        element = action["element"]
        if element is not None:
            wanted = before[element]
            element = next(
                (e["id"] for e in listing.elements if (e["path"], e["frame"]) == (wanted["path"], wanted["frame"])), None
            )
            if element is None:
                raise PageFailure(Reason.PAGE_FAILED, f"{wanted['path']} is gone")
        act(tab, listing, Move(action["kind"], element, action["text"], ""))
        tab.settle()
        _, _, listing = capture(tab, looking)
    return listing
