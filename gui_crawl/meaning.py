"""What a referring expression means, apart from its words: a description that is either true of an element or not.

A `Meaning` is a conjunction (noun, label, state, colour, shape, icon, purpose, corner), at most one relation to an anchor
that is itself a `Meaning`, and at most one place in an order over all that fit the rest. `uniqueness.resolve` reads it
against a screen; `phrasing` says it.
"""

import json
from dataclasses import dataclass, fields
from typing import Any, Literal

Direction = Literal["right", "left", "above", "below", "inside"]
Axis = Literal["x", "y", "size"]
STATES = ("checked", "unchecked", "disabled", "selected", "expanded")
SHAPES = ("outlined", "filled", "square")
CORNERS = ("top left", "top right", "bottom left", "bottom right")


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A place among those that fit: `index` 0 is leftmost, topmost or smallest, or the opposite where `last`.

    Attributes:
        axis: x, y, or size (area).
        index: counted from 0.
        last: counted from the other end.
        pair: exactly two fit, so "the left one" says it.
    """

    axis: Axis
    index: int = 0
    last: bool = False
    pair: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """All set fields hold of the element that is meant; None is not said.

    Attributes:
        noun: one of `nouns.NOUNS`.
        label: visible text, name, placeholder or hover title of the element, as `by` says; as it stands in the page.
        by: which of these the label is: text, name (label beside it or told to screen readers), placeholder, title.
        state: one of `STATES`.
        colour: one of `colours.COLOURS`.
        disc: a filled circle.
        shape: one of `SHAPES`.
        icon: key of `concepts.CONCEPTS`, shown as a picture.
        purpose: key of `concepts.CONCEPTS`, what it is for.
        corner: one of `CORNERS`.
        direction: where the element is, seen from `anchor`.
        anchor: what it stands beside, under or in.
        order: its place among those that fit the rest.
    """

    noun: str | None = None
    label: str | None = None
    by: Literal["text", "name", "placeholder", "title"] = "text"
    state: str | None = None
    colour: str | None = None
    disc: bool = False
    shape: str | None = None
    icon: str | None = None
    purpose: str | None = None
    corner: str | None = None
    direction: Direction | None = None
    anchor: "Meaning | None" = None
    order: Order | None = None

    def as_json(self) -> str:
        """What is said, as JSON with sorted keys: equal meanings are equal strings."""
        return json.dumps(_said(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Meaning":
        """The meaning that `as_json` wrote."""
        return _read(json.loads(text))


def _said(part: Meaning | Order) -> dict[str, Any]:
    named = ((field.name, getattr(part, field.name)) for field in fields(part))
    kept = {k: _said(v) if isinstance(v, (Meaning, Order)) else v for k, v in named if v is not None and v is not False}
    if "label" not in kept:
        kept.pop("by", None)
    return kept


def _read(said: dict[str, Any]) -> Meaning:
    order, anchor = said.get("order"), said.get("anchor")
    return Meaning(**said | {"order": Order(**order) if order else None, "anchor": _read(anchor) if anchor else None})
