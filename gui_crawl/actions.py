"""Actions in the model's own call format: what was done between two captured states.

The format is that of GLM-4.5V's GUI agent instructions for desktops (zai-org/GLM-V, examples/gui-agent):
`left_click(start_box='[x, y]', element_info='')`, `hover(...)` alike, `type(content='')`, `key(keys='')`,
`scroll(start_box='[x, y]', direction='down', step=5)` in wheel steps, coordinates in thousandths, the answer between the
box tokens. It has no call for choosing in a native list, and `type` "does not handle field activation", so typing is a
click and a `type`, and choosing is a click, a `type` and Enter, one call a line.
"""

from collections.abc import Mapping
from typing import Any

from gui_crawl import boxes as geometry
from gui_crawl.phrasing.english import NOUNS
from gui_crawl.screen import Screen

WHEEL_STEP = 100.0  # CSS pixels that Chromium scrolls for one step of a mouse wheel
KINDS = ("click", "type", "hover", "select", "scroll")


def calls(action: Mapping[str, Any], screen: Screen) -> str | None:
    """The calls that do `action` on `screen`, the state it was done in; None where it has none (sideways scrolling, an element not listed).

    Args:
        action: a record of `ACTION`.
    """
    kind, target = action["kind"], action["element"]
    if kind == "scroll":
        return _scroll(action, screen)
    if kind not in KINDS or target is None or not 0 <= target < screen.n:
        return None
    at = geometry.brackets(geometry.thousandths(geometry.centre(screen.boxes[target]), screen.width, screen.height))
    where = f"start_box='{at}', element_info='{escaped(info(screen, target))}'"
    if kind == "hover":
        return f"hover({where})"
    lines = [f"left_click({where})"]
    if kind in ("type", "select"):
        if not action["text"]:
            return None
        lines.append(f"type(content='{escaped(action['text'])}')")
    if kind == "select":
        lines.append("key(keys='enter')")
    return "\n".join(lines)


def _scroll(action: Mapping[str, Any], screen: Screen) -> str | None:
    dy = action["dy"] or 0.0
    if dy == 0:
        return None
    target = action["element"]
    box = screen.boxes[target] if target is not None and 0 <= target < screen.n else (0, 0, screen.width, screen.height)
    at = geometry.brackets(geometry.thousandths(geometry.centre(box), screen.width, screen.height))
    step = max(1, round(abs(dy) / screen.scale / WHEEL_STEP))
    return f"scroll(start_box='{at}', direction='{'down' if dy > 0 else 'up'}', step={step})"


def info(screen: Screen, i: int) -> str:
    """What the model's examples put into `element_info`: label and noun, as in `OK button`."""
    element = screen.elements[i]
    kind = screen.kinds[i]
    noun = NOUNS[kind][0] if kind else ""
    label = element["text"] or element["name"] or element["placeholder"] or ""
    return f"{label} {noun}".strip() if 0 < len(label) <= 60 else noun or "element"


def escaped(text: str) -> str:
    """Text as it stands between single quotes in a call."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
