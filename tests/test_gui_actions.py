"""Actions in the format of GLM-4.5V's GUI agent."""

from typing import Any

from gui_screens import element, screen

from gui_crawl.actions import calls, escaped

ON = screen(
    element("button", (0, 0, 80, 60), text="It's"),
    element("field", (400, 300, 480, 360), name="City"),
    element("icon", (10, 500, 30, 520), icon="trash"),
)


def act(kind: str, element_: int | None, **fields: Any) -> str | None:
    return calls({"kind": kind, "element": element_, "text": None, "dx": None, "dy": None} | fields, ON)


def test_click_and_hover():
    assert act("click", 0) == r"left_click(start_box='[50, 50]', element_info='It\'s button')"
    assert act("hover", 2) == "hover(start_box='[25, 850]', element_info='icon')"


def test_typing_and_choosing_are_sequences():
    assert act("type", 1, text="Paris\n") == (
        "left_click(start_box='[550, 550]', element_info='City field')\ntype(content='Paris\\n')"
    )
    assert act("select", 1, text="Rome") == (
        "left_click(start_box='[550, 550]', element_info='City field')\ntype(content='Rome')\nkey(keys='enter')"
    )


def test_scrolling_in_wheel_steps():
    assert act("scroll", None, dy=600.0) == "scroll(start_box='[500, 500]', direction='down', step=6)"
    assert act("scroll", None, dy=-40.0) == "scroll(start_box='[500, 500]', direction='up', step=1)"


def test_what_has_no_call():
    assert act("scroll", None, dx=50.0) is None
    assert act("click", None) is None
    assert act("click", 99) is None
    assert act("type", 1) is None
    assert act("drag", 0) is None


def test_escaping_is_undone_by_python():
    for text in ("it's", "a\\b", "two\nlines", "\\'"):
        assert eval(f"'{escaped(text)}'") == text
