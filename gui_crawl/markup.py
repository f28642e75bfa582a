"""Markup: a screen's elements as short HTML, for the design-to-code task.

Only what is seen is written: listed elements in their tree, their texts, and the attributes that show (placeholder, value,
checked, disabled, ground and ink). Text that its box cannot hold is left out, personal data is masked.
"""

from html import escape

from gui_crawl import privacy
from gui_crawl.screen import Screen

_VOID = {"img", "input", "br", "hr"}
_TYPES = {
    "checkbox": "checkbox",
    "radio": "radio",
    "switch": "checkbox",
    "slider": "range",
    "searchbox": "search",
    "spinbutton": "number",
    "button": "submit",
}
_IMPLIED = {
    "a": "link",
    "button": "button",
    "nav": "navigation",
    "ul": "list",
    "ol": "list",
    "li": "listitem",
    "table": "table",
    "tr": "row",
    "td": "cell",
    "th": "columnheader",
    "p": "paragraph",
    "img": "img",
    "form": "form",
    "select": "combobox",
    "textarea": "textbox",
    "main": "main",
    "header": "banner",
    "footer": "contentinfo",
    "article": "article",
    "dialog": "dialog",
    "progress": "progressbar",
} | {f"h{level}": "heading" for level in range(1, 7)}


def html(screen: Screen) -> str:
    """The screen as HTML, one element a line where it has children, indented by one space a level."""
    roots = [i for i, e in enumerate(screen.elements) if e["parent"] is None]
    return "\n".join(line for i in roots for line in _lines(screen, i, 0))


def _lines(screen: Screen, i: int, depth: int) -> list[str]:
    element, pad = screen.elements[i], " " * min(depth, 40)
    tag = element["tag"] if element["tag"].replace("-", "").isalnum() else "span"
    opening = f"<{tag}{_attributes(screen, i, tag)}>"
    if tag in _VOID:
        return [pad + opening]
    if tag == "select":
        chosen = f"<option selected>{_text(element['value'])}</option>" if element["value"] else ""
        return [f"{pad}{opening}{chosen}</select>"]
    if tag == "textarea":
        return [f"{pad}{opening}{_text(element['value'] or '')}</textarea>"]
    texts, children = screen.own_texts[i], screen.children[i]
    shown = [_text(t) for t in texts] if screen.shows_all(i) or element["covered"] or children else [""] * len(texts)
    if not children and not any(shown) and opening in ("<span>", "<div>", "<i>", '<a href="#">'):
        return []  # nothing of it is left to say
    if not children:
        return [f"{pad}{opening}{''.join(shown)}</{tag}>"]
    lines = [pad + opening]
    for text, child in zip(shown, [*children, None], strict=True):
        if text:
            lines.append(f"{pad} {text}")
        if child is not None:
            lines += _lines(screen, child, depth + 1)
    return [*lines, f"{pad}</{tag}>"]


def _attributes(screen: Screen, i: int, tag: str) -> str:
    element = screen.elements[i]
    said: dict[str, str | None] = {}
    role = element["role"]
    if tag == "input":
        said["type"] = _TYPES.get(role or "", "text")
    elif role and _IMPLIED.get(tag) != role and tag != "svg":
        said["role"] = role
    if tag == "a":
        said["href"] = "#"
    if tag == "img":
        said["alt"] = element["alt"] or ""
    elif element["icon"] and not element["text"]:
        said["class"] = f"icon {element['icon']}"
    elif element["interactive"] and element["name"] and not element["text"] and tag != "input":
        said["aria-label"] = element["name"]
    if element["placeholder"]:
        said["placeholder"] = element["placeholder"]
    if element["value"] and tag == "input":
        said["value"] = element["value"]
    for state in ("checked", "disabled"):
        if element[state]:
            said[state] = None
    for state in ("selected", "expanded"):
        if element[state] is not None:
            said[f"aria-{state}"] = str(bool(element[state])).lower()
    if element["background"] and screen.looks[i].painted:  # as it shows, whatever lies over it
        red, green, blue = screen.looks[i].rgb
        said["style"] = f"background:#{red:02x}{green:02x}{blue:02x};color:{element['color']}"
    return "".join(f" {k}" if v is None else f' {k}="{escape(privacy.masked(v))}"' for k, v in said.items())


def _text(text: str) -> str:
    return escape(privacy.masked(text), quote=False)
