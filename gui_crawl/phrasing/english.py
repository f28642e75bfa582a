"""English: meanings as noun phrases, and the wordings of every task."""

from gui_crawl.concepts import CONCEPTS
from gui_crawl.meaning import Meaning, Order
from gui_crawl.phrasing.pick import Pick

NOUNS = {
    "button": ("button",),
    "link": ("link", "hyperlink"),
    "field": ("field", "input field", "text box", "input box"),
    "dropdown": ("dropdown", "drop-down list", "select box"),
    "checkbox": ("checkbox", "check box"),
    "radio": ("radio button",),
    "switch": ("switch", "toggle switch"),
    "slider": ("slider",),
    "tab": ("tab",),
    "menu item": ("menu item", "menu entry"),
    "option": ("option",),
    "heading": ("heading",),
    "image": ("image", "picture"),
    "cell": ("table cell", "cell"),
    "column header": ("column header", "column heading"),
    "progress bar": ("progress bar",),
    "icon": ("icon",),
    "badge": ("badge", "tag"),
    "text": ("text",),
}
PLACES = {
    "dialog": "the dialog",
    "navigation": "the navigation",
    "table": "the table",
    "form": "the form",
    "header": "the page header",
    "footer": "the page footer",
}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_SAYS = {
    "text": ('labelled {0}', "with the text {0}", "that says {0}", "that reads {0}"),
    "name": ("labelled {0}", "for {0}", "named {0}"),
    "placeholder": ("with the placeholder {0}", "showing the hint {0}", "with the hint text {0}"),
    "title": ("with the tooltip {0}", "named {0}", "titled {0}"),
}  # fmt: skip
_SHAPES = {"outlined": ("outlined",), "filled": ("filled", "solid"), "square": ("square",)}
_SERVES = ("that lets you {0}", "used to {0}", "to {0}", "you would use to {0}")
_TOWARD = {
    "right": ("to the right of", "right of", "on the right of"),
    "left": ("to the left of", "left of", "on the left of"),
    "above": ("above",),
    "below": ("below", "under", "beneath"),
    "inside": ("in", "inside"),
}
_PAIR = {
    ("x", False): ("left", "left-hand"),
    ("x", True): ("right", "right-hand"),
    ("y", False): ("upper", "top"),
    ("y", True): ("lower", "bottom"),
}
_END = {
    ("x", False): ("leftmost",),
    ("x", True): ("rightmost",),
    ("y", False): ("topmost", "uppermost"),
    ("y", True): ("bottommost", "lowest"),
    ("size", True): ("largest", "biggest"),
    ("size", False): ("smallest",),
}


def quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text else f"“{text}”"


def noun_phrase(meaning: Meaning, pick: Pick) -> str:
    """`the red button`, `the second field under "Email"`, `"Save"`."""
    if meaning.noun in PLACES:
        return PLACES[meaning.noun]
    before, after = [], []
    if meaning.order is not None:
        adjective, tail = _order(meaning.order, meaning.direction, pick)
        before.append(adjective)
        after.append(tail)
    if meaning.state is not None:
        before.append(_state(meaning.state, pick))
    if meaning.colour is not None:
        before.append(meaning.colour if meaning.colour != "grey" else pick("grey", ("grey", "gray")))
    if meaning.disc:
        before.append(pick("disc", ("round", "circular")))
    if meaning.shape is not None:
        before.append(pick("shape", _SHAPES[meaning.shape]))
    if meaning.icon is not None:
        before.append(CONCEPTS[meaning.icon].picture or meaning.icon)
    noun = pick("noun", NOUNS[meaning.noun]) if meaning.noun else "element"
    if meaning.label is not None:
        label = quoted(meaning.label)
        bare = not any(before) and meaning.direction is None
        if meaning.noun in (None, "text") and meaning.by == "text" and bare:
            return pick(
                "bare",
                (label, f"the element that says {label}") if not meaning.noun else (f"the text {label}", f"the words {label}"),
            )
        if meaning.by in ("text", "name") and pick.chance("label first", 0.5):
            before.append(label)
        else:
            after.insert(0, pick("says", _SAYS[meaning.by]).format(label))
    if meaning.purpose is not None:
        after.insert(0, pick("serves", _SERVES).format(CONCEPTS[meaning.purpose].does))
    if meaning.corner is not None:
        after.append(f"in the {meaning.corner} corner" + pick("corner", ("", " of the screen", " of the page")))
    if meaning.anchor is not None and meaning.direction is not None:
        after.append(f"{pick('toward', _TOWARD[meaning.direction])} {_anchor(meaning.anchor)}")
    return " ".join(word for word in ("the", *before, noun, *after) if word)


def _anchor(anchor: Meaning) -> str:
    if anchor.label is None:
        return PLACES[anchor.noun or ""]
    return quoted(anchor.label) if anchor.noun is None else f"the {quoted(anchor.label)} {NOUNS[anchor.noun][0]}"


def _order(order: Order, direction: str | None, pick: Pick) -> tuple[str, str]:
    """What goes before the noun and what after it."""
    if order.pair:
        return pick("pair", _PAIR[order.axis, order.last]), ""
    if order.axis == "size":
        return pick("end", _END[order.axis, order.last]), ""
    if direction in ("right", "below"):
        return _ORDINALS[order.index], ""
    if order.last or (order.index == 0 and pick.chance("end or first", 0.6)):
        return pick("end", _END[order.axis, order.last]), ""
    return _ORDINALS[order.index], {"x": "from the left", "y": "from the top"}[order.axis]


def _state(state: str, pick: Pick) -> str:
    words = {
        "checked": ("checked", "ticked"),
        "unchecked": ("unchecked", "empty", "unticked"),
        "disabled": ("disabled", "greyed-out"),
        "selected": ("selected", "active", "current"),
        "expanded": ("expanded", "open"),
    }
    return pick("state", words[state])


QUESTIONS = {
    "locate_box": (
        "Help me to locate {what} in the image and give me its bounding box.",
        "Please pinpoint the bounding box [x1, y1, x2, y2] in the image as per the given description: {what}.",
        "Where is {what}? Answer with its bounding box.",
        "Give the bounding box of {what} in this screenshot.",
        "In this screenshot, find {what} and report its box as [x1, y1, x2, y2].",
        "Output the box of {what}.",
        "Box {what} in the screenshot.",
        "I am looking for {what}. What is its bounding box?",
        "Mark {what} with a bounding box.",
        "What are the coordinates [x1, y1, x2, y2] of {what}?",
    ),
    "locate_point": (
        "Where should I click to hit {what}? Answer with a point [x, y].",
        "Point to {what}.",
        "Give the centre point [x, y] of {what}.",
        "In this screenshot, what is the position of {what}? Reply with [x, y].",
        "Show me where {what} is, as a point.",
        "Locate {what} and answer with one point [x, y].",
        "At which point on the screen is {what}?",
        "Return the [x, y] coordinates of {what}.",
    ),
    "describe_box": (
        "What is the element in the box {where}?",
        "Describe the element at {where} so that it can be found without its coordinates.",
        "Which element does the bounding box {where} enclose?",
        "Give a referring expression for the element inside {where}.",
        "The screenshot has an element at {where}. What is it?",
        "Name the interface element with the bounding box {where}.",
        "Refer to the element in the region {where} in words.",
    ),
    "describe_point": (
        "What is the element at the point {where}?",
        "Which element is at {where}?",
        "If I clicked at {where}, which element would that be?",
        "Describe the element under the point {where}.",
        "Name what is at position {where} of the screenshot.",
    ),
    "locate_many_box": (
        "Give the bounding box of each of these elements, one a line:",
        "Locate every element in the list and answer with one box [x1, y1, x2, y2] a line:",
        "Find the following elements in the screenshot and report their bounding boxes in the same order:",
    ),
    "locate_many_point": (
        "Give one point [x, y] for each of these elements, one a line:",
        "Where would you click for each of the following? Answer with one point a line:",
        "Point to every element in the list, in the same order, one [x, y] a line:",
    ),
    "describe_many_box": (
        "Describe the elements in these boxes, one a line:",
        "What are the elements inside the following boxes? Answer in the same order:",
        "Give a referring expression for each of these boxes, one a line:",
    ),
    "describe_many_point": (
        "Which elements are at these points? One a line:",
        "Name the element under each of the following points, in the same order:",
    ),
    "list": (
        "List all {what} in this screenshot with their bounding boxes as JSON.",
        "Which {what} can be seen? Answer in JSON with label and bbox_2d.",
        "Detect every one of the {what} on the screen and return JSON.",
        "Find all {what} and give label and bounding box of each as a JSON list.",
    ),
    "read": (
        "Read the text inside the box {where}.",
        "What text stands in the region {where}?",
        "Transcribe what is written in {where}.",
        "OCR the area {where} of the screenshot.",
        "Which words does the box {where} hold?",
    ),
    "caption": (
        "Describe this web page.",
        "What page is this, and what does it show?",
        "Give a short caption for the screenshot.",
        "Summarize what can be seen on this page.",
        "What is this page about?",
    ),
    "act": (
        "{goal} Which action comes next?",
        "Task: {goal} Give the next action.",
        "You operate this screen. {goal} Answer with the action.",
        "{goal} Write the action as a function call.",
    ),
    "explain_change": (
        "The first screenshot was taken before an action and the second after it. Which action was it?",
        "Which action leads from the first screenshot to the second?",
        "Here are two screenshots, one before and one after a single step. Give the step as a function call.",
    ),
    "markup": (
        "Write simplified HTML for this page.",
        "Turn the screenshot into HTML.",
        "Reproduce this design as semantic HTML.",
        "Generate the HTML markup behind this screenshot, without scripts.",
    ),
}
PLURALS = {
    "button": "buttons",
    "link": "links",
    "field": "input fields",
    "dropdown": "dropdowns",
    "checkbox": "checkboxes",
    "radio": "radio buttons",
    "switch": "switches",
    "tab": "tabs",
    "menu item": "menu items",
    "heading": "headings",
    "image": "images",
    "column header": "column headers",
}
GOALS = {
    "click": ("Click {what}.", "Press {what}.", "Select {what}."),
    "type": ('Type {text} into {what}.', "Enter {text} in {what}.", "Fill {what} with {text}."),
    "hover": ("Hover over {what}.", "Move the mouse pointer over {what}."),
    "select": ("Choose {text} in {what}.", "Select {text} from {what}.", "Set {what} to {text}."),
    "scroll_down": ("Scroll down to see more of the page.", "Show what comes further down the page."),
    "scroll_up": ("Scroll back up the page.", "Show what is further up the page."),
}  # fmt: skip


def caption(title: str, headings: list[str], counts: list[tuple[str, int]], pick: Pick) -> str:
    """A few sentences from a page's title, the headings in view, and how many controls of which noun it shows."""
    said = [
        pick(
            "titled",
            (f"A web page titled {quoted(title)}.", f"The page is {quoted(title)}.", f"This is the page {quoted(title)}."),
        )
    ]
    if headings:
        said.append(
            f"{pick('headed', ('Its headings in view are', 'It shows the headings'))} {_and([quoted(h) for h in headings])}."
            if len(headings) > 1
            else f"The heading in view is {quoted(headings[0])}."
        )
    if counts:
        said.append(
            f"It has {_and([f'{n} {PLURALS[noun]}' if n > 1 else f'one {NOUNS[noun][0]}' for noun, n in counts])} in view."
        )
    return " ".join(said)


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
