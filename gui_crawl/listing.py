"""The elements that a screen shows: found in every frame by script, moved to screenshot pixels, and held against the pixels.

The scripts judge by geometry, computed style and hit test (`scripts/`). What they are sure of still has to show something: its box must not
be of one colour, and behind text must lie the colour it is said to lie on. What they cannot be sure of (under a filter or a translucent layer,
text over a picture, text in nearly the colour of its ground) is hidden, looked at again and put back: if its box did not change, nobody could
see it. Elements whose boxes do not overlap are hidden together, so that this costs at most `Looking.rounds` more screenshots, and none
where there is no doubt.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xxhash

from gui_crawl import covering, pixels
from gui_crawl.elements import ELEMENT
from gui_crawl.privacy import REGIONS
from gui_crawl.tab import PageFailure, Tab
from sieveline.reasons import Reason

_FIELDS = [f.name for f in ELEMENT]
_HASHED = ("tag", "role", "name", "text", "value", "checked", "disabled", "selected", "expanded")
_CLEAR = 2  # as in visibility.js


@dataclass(frozen=True, kw_only=True, slots=True)
class Looking:
    """How closely a screen is looked at.

    Attributes:
        nodes: elements of the document, per frame, beyond which the page is given up.
        frames: frames that are looked into.
        rounds: screenshots that the pixel check may take; what is still in doubt then is dropped as `unverified`.
        regions: whose telephone numbers are covered in the screenshot that is kept, as all e-mail addresses are; None covers nothing.
    """

    nodes: int = 15_000
    frames: int = 12
    rounds: int = 3
    regions: tuple[str, ...] | None = REGIONS


@dataclass(slots=True)
class Listing:
    """What one screen shows.

    Attributes:
        elements: records of `ELEMENT`.
        handles: per element, the frame and the number by which the scripts know it.
        kinds: per element, what an action needs to know: the input's type, `a-here` for links that stay, `popup`, else the tag.
        rejected: reason -> how many elements could not be seen.
        unseen: of the page's own frame, those of them that have a box on the screen, for the audit: path, box, handle.
        title: of the page.
        language: that the page claims.
        scroll: position, size and view of the scrolled page, CSS pixels.
        to_pixels: screenshot pixels per CSS pixel of the mouse.
        checks: screenshots that the pixel check took.
        covers: where personal data stands, in pixels of the screenshot.
    """

    elements: list[dict[str, Any]] = field(default_factory=list)
    handles: list[tuple[str, int]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    unseen: list[dict[str, Any]] = field(default_factory=list)
    title: str = ""
    language: str = ""
    scroll: dict[str, float] = field(default_factory=dict)
    to_pixels: float = 1.0
    checks: int = 0
    covers: list[list[float]] = field(default_factory=list)

    @property
    def dom_hash(self) -> str:
        """16 hex digits over what the elements are, say and hold, and where they stand to 4 pixels; blind to colours."""
        known = [[e[k] for k in _HASHED] + [round(v / 4) for v in e["box"]] for e in self.elements]
        return xxhash.xxh3_64_hexdigest(json.dumps(known, ensure_ascii=True).encode())


def look(tab: Tab, image: np.ndarray, config: Looking) -> Listing:
    """The elements that the tab shows; `image` is its screenshot.

    Raises:
        PageFailure: the document is too large.
    """
    page = tab.call("extract", {"nodes": config.nodes, "personal": config.regions is not None})
    if page["full"]:
        raise PageFailure(Reason.TOO_MANY_NODES, f"more than {config.nodes} elements")
    left, top, _, _, zoom = page["view"]
    scale = zoom * page["dpr"]
    listing = Listing(
        title=page["title"], language=page["language"][:35], scroll=page["scroll"], to_pixels=page["dpr"]
    )  # fmt: skip
    tree = tab.frame_tree() if page["frames"] else {"frame": {"id": tab.frame_id}}
    found = _frame(tab, tree, page, config, [config.frames])
    listing.rejected.update(page["rejected"])
    listing.unseen = [u | {"handle": (tab.frame_id, u["node"])} for u in page["unseen"]]
    listing.covers = [
        [(v - (left, top)[i % 2]) * scale for i, v in enumerate(box)]
        for box in covering.boxes(page["personal"], config.regions or ())
    ]
    for record in [*found, *listing.unseen]:
        _move(record, lambda at: [round((v - (left, top)[i % 2]) * scale, 1) for i, v in enumerate(at)])
        record["box"] = _inside(record["box"], image.shape[1], image.shape[0])
    kept = _held_against_pixels(tab, found, image, page["dpr"], config, listing)
    numbers = {record["number"]: i for i, record in enumerate(kept)}
    by_number = {record["number"]: record for record in found}
    for i, record in enumerate(kept):
        parent = record["parent"]
        while parent is not None and parent not in numbers:
            parent = by_number[parent]["parent"]
        listing.handles.append(record["handle"])
        listing.kinds.append(record["kind"])
        record["text"] = _said(record, image)
        covered = record["meaning"] in ("text", "act") and covering.touches(record["box"], listing.covers)
        record |= {"id": i, "parent": None if parent is None else numbers[parent], "covered": covered}
        listing.elements.append({name: record[name] for name in _FIELDS})
    return listing


def _move(record: dict[str, Any], move: Callable[[list[float]], list[float]]) -> None:
    """Puts what of a record are coordinates to where `move` takes them."""
    for key in {"box", "point"} & record.keys():
        record[key] = move(record[key])
    for part in record.get("parts") or ():
        part[1] = part[1] and [move(box) for box in part[1]]


def _said(record: dict[str, Any], image: np.ndarray) -> str:
    """The text of a record without those parts of it whose style left it open whether they show, and which do not."""
    if not record["parts"]:
        return record["text"]

    def shown(boxes: list[list[float]]) -> bool:
        """Whether half of a text's lines are more than ground; one that is not may touch a word beside it."""
        lines = [pixels.shows(image, box, 0) for box in boxes]
        return 2 * sum(lines) >= len(lines)

    said = "".join(words if boxes is None or shown(boxes) else " " for words, boxes in record["parts"])
    return " ".join(said.split())[: len(record["text"])]


def _inside(box: list[float], width: int, height: int) -> list[float]:
    return [min(max(box[0], 0), width), min(max(box[1], 0), height), min(max(box[2], 0), width), min(max(box[3], 0), height)]


def _frame(
    tab: Tab, tree: dict[str, Any], found: dict[str, Any], config: Looking, left: list[int], path: str = ""
) -> list[dict[str, Any]]:
    """The records of a frame and of those in it, where they stand, in the frame's own pixels; `number` counts them, `parent` refers to it."""
    frame = tree["frame"]["id"]
    own = found["elements"]
    for i, record in enumerate(own):
        record |= {"handle": (frame, i), "frame": path}
    inserted: list[tuple[int, list[dict[str, Any]], int | None]] = []
    children = tree.get("childFrames", [])
    for place in found["frames"]:
        if place["index"] >= len(children) or left[0] <= 0:
            continue
        left[0] -= 1
        inner = _inner(
            tab, children[place["index"]], place, config, left, f"{path}.{place['index']}".lstrip("."), found["rejected"]
        )
        points = [r["point"] for r in inner]
        states = tab.call("frameHits", [place["index"], points], frame, spread=True) if points else []
        seen = {r["number"] for r, state in zip(inner, states, strict=True) if state}
        for record, state in zip(inner, states, strict=True):
            record["sure"] = record["sure"] and state == _CLEAR and not place["suspect"]
        found["rejected"]["occluded"] = found["rejected"].get("occluded", 0) + len(inner) - len(seen)
        found["personal"] += _in_sight(tab, frame, place)
        inserted.append((place["before"], [r for r in inner if r["number"] in seen], place["parent"]))
    return _merged(own, inserted)


def _inner(
    tab: Tab, tree: dict[str, Any], place: dict[str, Any], config: Looking, left: list[int], path: str, rejected: dict[str, int]
) -> list[dict[str, Any]]:
    """The records of a frame inside another, in the pixels of the outer one."""
    x, y, kx, ky = place["x"], place["y"], place["kx"], place["ky"]
    clip = [(v - (x, y)[i % 2]) / (kx, ky)[i % 2] for i, v in enumerate(place["clip"])]
    found = tab.call(
        "extract", {"nodes": config.nodes, "clip": clip, "personal": config.regions is not None}, tree["frame"]["id"]
    )
    records = _frame(tab, tree, found, config, left, path)
    for reason, num in found["rejected"].items():
        rejected[reason] = rejected.get(reason, 0) + num
    for record in records:
        _move(record, lambda at: [v * (kx, ky)[i % 2] + (x, y)[i % 2] for i, v in enumerate(at)])
    place["personal"] = [
        said | {"boxes": [b and [v * (kx, ky)[i % 2] + (x, y)[i % 2] for i, v in enumerate(b)] for b in said["boxes"]]}
        for said in found["personal"]
    ]
    return records


def _in_sight(tab: Tab, frame: str, place: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the text in a frame inside `frame` that may be personal, what nothing in `frame` lies over."""
    boxes = [box for said in place["personal"] for box in said["boxes"] if box]
    points = [[(b[0] + b[2]) / 2, (b[1] + b[3]) / 2] for b in boxes]
    states = iter(tab.call("frameHits", [place["index"], points], frame, spread=True) if points else ())
    return [said | {"boxes": [b if b and next(states) else None for b in said["boxes"]]} for said in place["personal"]]


def _merged(own: list[dict[str, Any]], inserted: list[tuple[int, list[dict[str, Any]], int | None]]) -> list[dict[str, Any]]:
    """`own` records with those of inner frames after `before` of them, all renumbered."""
    result: list[dict[str, Any]] = []
    numbers: dict[tuple[int, int], int] = {}
    for at in range(len(own) + 1):
        for which, (before, records, _) in enumerate(inserted, 1):
            if before == at:
                for record in records:
                    numbers[which, record["number"]] = len(result)
                    result.append(record | {"group": which})
        if at < len(own):
            numbers[0, at] = len(result)
            result.append(own[at] | {"group": 0})
    dropped_parents = {w: {r["number"]: r["parent"] for r in records} for w, (_, records, _) in enumerate(inserted, 1)}
    for i, record in enumerate(result):
        group, parent = record.pop("group"), record["parent"]
        if group:
            while parent is not None and (group, parent) not in numbers:
                parent = dropped_parents[group].get(parent)
            outer = inserted[group - 1][2]
            parent = numbers[group, parent] if parent is not None else None if outer is None else numbers[0, outer]
        elif parent is not None:
            parent = numbers[0, parent]
        record |= {"number": i, "parent": parent}
    return result


def _held_against_pixels(
    tab: Tab, found: list[dict[str, Any]], image: np.ndarray, dpr: float, config: Looking, listing: Listing
) -> list[dict[str, Any]]:
    """Those of `found` whose pixels show them."""
    margin = max(2, round(2 * dpr))

    def told(record: dict[str, Any]) -> bool:
        """Whether the screenshot bears out what the scripts are sure of. A picture shows something in itself, a button may be its rim."""
        box, under = record["box"], record["under"]
        shows = pixels.shows(image, box, 0 if record["meaning"] == "media" else margin)
        return record["sure"] and shows and (not under or pixels.lies_on(image, box, under))

    doubtful = [i for i, r in enumerate(found) if not told(r)]
    seen = set(range(len(found))) - set(doubtful)
    groups = pixels.rounds([found[i]["box"] for i in doubtful], config.rounds)
    for group in groups:
        members = [doubtful[j] for j in group]
        after = hidden_screen(tab, [found[i]["handle"] for i in members])
        listing.checks += 1
        for i in members:
            if pixels.num_changed(image, after, found[i]["box"]) >= pixels.MIN_PIXELS * dpr:
                seen.add(i)
            else:
                listing.rejected["no_pixels"] += 1
    checked = {doubtful[j] for group in groups for j in group}
    listing.rejected["unverified"] += len(set(doubtful) - checked)
    listing.rejected = +listing.rejected
    return [r for i, r in enumerate(found) if i in seen]


def hidden_screen(tab: Tab, handles: list[tuple[str, int]]) -> np.ndarray:
    """The screen with some elements hidden; they are shown again afterwards."""
    frames = {frame: [n for f, n in handles if f == frame] for frame, _ in handles}
    try:
        for frame, numbers in frames.items():
            tab.call("hide", numbers, frame)
        return pixels.decode(tab.screenshot())
    finally:
        for frame in frames:
            tab.call("show", None, frame)
