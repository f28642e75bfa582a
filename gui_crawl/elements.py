"""What is known of a page element: the record that the crawl writes and the questions are made from.

`ELEMENT`, one per visible, meaningful element of a captured state, in document order (frames and shadow roots where they stand):

| column | type | meaning |
|---|---|---|
| id | int32 | position in the capture's list, 0 first |
| parent | int32 | id of the nearest ancestor that is listed; null at the top |
| tag | string | lower case |
| role | string | computed ARIA role, explicit or implied by the tag; null without one |
| name | string | computed accessible name, white space joined; empty without one |
| text | string | text seen within its box, white space joined, at most 500 characters |
| placeholder | string | null without one |
| title | string | null without one |
| alt | string | null without one |
| value | string | what a field holds, never of a password; null without one |
| checked | bool | of check boxes, radios, switches; null where it makes no sense, as the three below |
| disabled | bool | |
| selected | bool | of tabs and options |
| expanded | bool | of what opens and closes |
| interactive | bool | it can be clicked, typed into or chosen |
| editable | bool | text can be typed into it |
| box | list<float> | x1, y1, x2, y2 of the part that can be seen, in pixels of the screenshot |
| point | list<float> | x, y of a screenshot pixel at which the element can be seen, for clicks; the middle of `box` may be covered |
| color | string | computed text colour, `#rrggbb` |
| background | string | computed own background, `#rrggbb`; null where it is transparent |
| font_size | float | CSS pixels |
| radius | float | corner radius by half the short side, 0 square to 1 round |
| icon | string | what its picture is called, where the page says so (icon font class, SVG title, file name); null otherwise |
| cut | bool | of some word of its text a part is seen and a part is not: clipped, under something, at the screen's edge |
| covered | bool | some of its text is personal data, over which the screenshot has a bar |
| path | string | CSS path from the frame's root, unique in its frame, `>>>` where it enters a shadow root |
| frame | string | path of frame numbers, `` for the page itself |
"""

import pyarrow as pa

ELEMENT = pa.struct(
    [
        ("id", pa.int32()),
        ("parent", pa.int32()),
        ("tag", pa.string()),
        ("role", pa.string()),
        ("name", pa.string()),
        ("text", pa.string()),
        ("placeholder", pa.string()),
        ("title", pa.string()),
        ("alt", pa.string()),
        ("value", pa.string()),
        ("checked", pa.bool_()),
        ("disabled", pa.bool_()),
        ("selected", pa.bool_()),
        ("expanded", pa.bool_()),
        ("interactive", pa.bool_()),
        ("editable", pa.bool_()),
        ("box", pa.list_(pa.float32())),
        ("point", pa.list_(pa.float32())),
        ("color", pa.string()),
        ("background", pa.string()),
        ("font_size", pa.float32()),
        ("radius", pa.float32()),
        ("icon", pa.string()),
        ("cut", pa.bool_()),
        ("covered", pa.bool_()),
        ("path", pa.string()),
        ("frame", pa.string()),
    ]
)

ACTION = pa.struct(
    [
        ("kind", pa.string()),  # click, type, scroll, hover, select
        ("element", pa.int32()),  # id in the state it was done in; null for the page itself
        ("text", pa.string()),  # what was typed or chosen
        ("dx", pa.float32()),  # of scroll, in screenshot pixels
        ("dy", pa.float32()),
    ]
)
"""The action that led from one captured state to the next."""
