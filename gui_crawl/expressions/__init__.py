"""Referring expressions: for an element, the meanings that might pick it out, by text, by function, by look and by
position.

A family only proposes; whether a proposal picks out its element alone is decided by `uniqueness`, which knows nothing of
families. Each proposes from the short to the long, as Dale and Reiter's incremental algorithm does (1995).
"""

from gui_crawl.expressions import by_function, by_look, by_position, by_text

FAMILIES = {
    "text": by_text.propose,
    "function": by_function.propose,
    "look": by_look.propose,
    "position": by_position.propose,
}
