"""Chinese: meanings as noun phrases, and the wordings of every task."""

from gui_crawl.concepts import CONCEPTS
from gui_crawl.meaning import Meaning, Order
from gui_crawl.phrasing.pick import Pick

NOUNS = {
    "button": ("按钮",),
    "link": ("链接",),
    "field": ("输入框", "文本框"),
    "dropdown": ("下拉框", "下拉列表"),
    "checkbox": ("复选框", "勾选框"),
    "radio": ("单选按钮", "单选框"),
    "switch": ("开关",),
    "slider": ("滑块",),
    "tab": ("标签页", "选项卡"),
    "menu item": ("菜单项",),
    "option": ("选项",),
    "heading": ("标题",),
    "image": ("图片", "图像"),
    "cell": ("单元格",),
    "column header": ("列标题", "表头"),
    "progress bar": ("进度条",),
    "icon": ("图标",),
    "badge": ("徽标", "角标"),
    "text": ("文字", "文本"),
}
PLACES = {"dialog": "对话框", "navigation": "导航栏", "table": "表格", "form": "表单", "header": "页眉", "footer": "页脚"}
COLOURS = {
    "red": "红色",
    "orange": "橙色",
    "yellow": "黄色",
    "green": "绿色",
    "blue": "蓝色",
    "purple": "紫色",
    "pink": "粉色",
    "brown": "棕色",
    "black": "黑色",
    "white": "白色",
    "grey": "灰色",
}
_CORNERS = {"top left": "左上角", "top right": "右上角", "bottom left": "左下角", "bottom right": "右下角"}
_NUMBERS = "一二三四五六七八"
_SAYS = {
    "text": ("标有{0}的", "写着{0}的", "文字为{0}的"),
    "name": ("标签为{0}的", "名为{0}的"),
    "placeholder": ("提示文字为{0}的", "占位文字是{0}的"),
    "title": ("悬停提示为{0}的", "名为{0}的"),
}
_SHAPES = {"outlined": ("带边框的", "描边的"), "filled": ("实心的", "填充的"), "square": ("方形的", "正方形的")}
_SERVES = ("用于{0}的", "可以{0}的", "用来{0}的")
_TOWARD = {
    "right": ("右侧的", "右边的"),
    "left": ("左侧的", "左边的"),
    "above": ("上方的", "上面的"),
    "below": ("下方的", "下面的"),
    "inside": ("中的", "里的", "内的"),
}
_PAIR = {
    ("x", False): ("左侧", "左边的", "左侧的"),
    ("x", True): ("右侧", "右边的", "右侧的"),
    ("y", False): ("上方的", "上面的"),
    ("y", True): ("下方的", "下面的"),
}
_END = {
    ("x", False): ("最左侧的", "最左边的"),
    ("x", True): ("最右侧的", "最右边的"),
    ("y", False): ("最上方的", "最上面的"),
    ("y", True): ("最下方的", "最下面的"),
    ("size", True): ("最大的",),
    ("size", False): ("最小的",),
}
_STATES = {
    "checked": ("已勾选的", "已选中的"),
    "unchecked": ("未勾选的", "未选中的"),
    "disabled": ("已禁用的", "不可用的"),
    "selected": ("当前选中的", "当前的"),
    "expanded": ("已展开的",),
}


def quoted(text: str) -> str:
    return f"“{text}”" if "”" not in text else f"「{text}」"


def noun_phrase(meaning: Meaning, pick: Pick) -> str:
    """`红色按钮`, `“邮箱”下方的第二个输入框`, `“保存”`."""
    if meaning.noun in PLACES:
        return PLACES[meaning.noun]
    noun = pick("noun", NOUNS[meaning.noun]) if meaning.noun else "元素"
    words = []
    if meaning.anchor is not None and meaning.direction is not None:
        toward = pick("toward", _TOWARD[meaning.direction])
        words.append(_anchor(meaning.anchor) + (toward.removesuffix("的") if meaning.order is not None else toward))
    if meaning.corner is not None:
        words.append(pick("corner", ("", "页面", "屏幕")) + _CORNERS[meaning.corner] + "的")
    if meaning.order is not None:
        words.append(_order(meaning.order, meaning.direction, pick))
    if meaning.state is not None:
        words.append(pick("state", _STATES[meaning.state]))
    if meaning.purpose is not None:
        words.append(pick("serves", _SERVES).format(CONCEPTS[meaning.purpose].does_zh))
    if meaning.colour is not None:
        words.append(COLOURS[meaning.colour] + pick("of", ("", "的")))
    if meaning.disc:
        words.append(pick("disc", ("圆形", "圆形的")))
    if meaning.shape is not None:
        words.append(pick("shape", _SHAPES[meaning.shape]))
    if meaning.icon is not None:
        words.append(CONCEPTS[meaning.icon].picture_zh or "")
    if meaning.label is not None:
        label = quoted(meaning.label)
        if meaning.noun in (None, "text") and meaning.by == "text" and not words:
            return pick("bare", (label, f"写着{label}的元素") if not meaning.noun else (f"文字{label}", f"文本{label}"))
        words.append(
            label
            if meaning.by in ("text", "name") and pick.chance("label first", 0.5)
            else pick("says", _SAYS[meaning.by]).format(label)
        )
    return "".join(words) + noun


def _anchor(anchor: Meaning) -> str:
    if anchor.label is None:
        return PLACES[anchor.noun or ""]
    return quoted(anchor.label) if anchor.noun is None else f"{quoted(anchor.label)}{NOUNS[anchor.noun][0]}"


def _order(order: Order, direction: str | None, pick: Pick) -> str:
    if order.pair:
        return pick("pair", _PAIR[order.axis, order.last])
    if order.axis == "size" or order.last:
        return pick("end", _END[order.axis, order.last])
    number = f"第{_NUMBERS[order.index]}个"
    if direction in ("right", "below"):
        return number
    if order.index == 0 and pick.chance("end or first", 0.6):
        return pick("end", _END[order.axis, False])
    return pick("from", {"x": ("从左数", "从左往右"), "y": ("从上数", "从上往下")}[order.axis]) + number


QUESTIONS = {
    "locate_box": (
        "请在图中找到{what}，并给出它的边界框。",
        "{what}在哪里？请用边界框[x1, y1, x2, y2]回答。",
        "请给出截图中{what}的边界框。",
        "请框出{what}。",
        "定位{what}，并输出其坐标框。",
        "在这张截图里，{what}的位置是？请以[x1, y1, x2, y2]作答。",
        "帮我找出{what}的边界框坐标。",
        "{what}的边界框是什么？",
    ),
    "locate_point": (
        "要点击{what}，应该点哪里？请给出一个点[x, y]。",
        "请指出{what}的位置。",
        "请给出{what}的中心点坐标[x, y]。",
        "{what}在屏幕上的哪个点？",
        "用一个点[x, y]标出{what}。",
        "定位{what}，用点坐标回答。",
    ),
    "describe_box": (
        "框{where}里的元素是什么？",
        "请描述位于{where}的元素，使人不看坐标也能找到它。",
        "边界框{where}圈出的是哪个元素？",
        "请用文字指代{where}处的界面元素。",
        "截图中{where}处是什么元素？",
    ),
    "describe_point": (
        "点{where}处是什么元素？",
        "如果点击{where}，点到的是哪个元素？",
        "请描述坐标{where}下的元素。",
        "位置{where}上的元素是什么？",
    ),
    "locate_many_box": (
        "请给出下列每个元素的边界框，每行一个：",
        "在截图中找到以下元素，按相同顺序输出边界框：",
        "依次定位下列元素，每行输出一个[x1, y1, x2, y2]：",
    ),
    "locate_many_point": (
        "请为下列每个元素给出一个点[x, y]，每行一个：",
        "要点击以下元素，分别应点哪里？按顺序每行输出一个点：",
    ),
    "describe_many_box": (
        "请描述下列各框中的元素，每行一个：",
        "以下边界框内分别是什么元素？请按顺序回答：",
    ),
    "describe_many_point": (
        "下列各点处分别是什么元素？每行一个：",
        "请按顺序说出以下坐标上的元素：",
    ),
    "list": (
        "请以JSON列出截图中所有的{what}及其边界框。",
        "截图里有哪些{what}？用包含label和bbox_2d的JSON回答。",
        "找出全部{what}，以JSON列表给出名称和边界框。",
    ),
    "read": (
        "请读出框{where}中的文字。",
        "区域{where}里写着什么？",
        "识别{where}范围内的文本。",
        "转写{where}处的文字。",
    ),
    "caption": (
        "请描述这个网页。",
        "这是什么页面，展示了什么？",
        "请为这张截图写一段简短说明。",
        "概括一下这个页面的内容。",
    ),
    "act": (
        "{goal}下一步操作是什么？",
        "任务：{goal}请给出下一步操作。",
        "你正在操作这个界面。{goal}请用函数调用的形式回答。",
    ),
    "explain_change": (
        "第一张截图是操作之前，第二张是操作之后。执行的是什么操作？",
        "从第一张截图到第二张，中间做了哪一步操作？请用函数调用的形式回答。",
    ),
    "markup": (
        "请写出这个页面的简化HTML。",
        "把这张截图转换成HTML。",
        "用语义化的HTML还原这个设计。",
    ),
}
PLURALS = {noun: words[0] for noun, words in NOUNS.items()}
GOALS = {
    "click": ("点击{what}。", "按下{what}。"),
    "type": ("在{what}中输入{text}。", "把{text}填入{what}。"),
    "hover": ("把鼠标移到{what}上。", "将光标悬停在{what}上。"),
    "select": ("在{what}中选择{text}。", "将{what}设为{text}。"),
    "scroll_down": ("向下滚动，查看更多内容。", "查看页面下方的内容。"),
    "scroll_up": ("向上滚动页面。", "回到页面上方的内容。"),
}


def caption(title: str, headings: list[str], counts: list[tuple[str, int]], pick: Pick) -> str:
    """As in English."""
    said = [pick("titled", (f"这是标题为{quoted(title)}的网页。", f"页面标题是{quoted(title)}。"))]
    if headings:
        said.append(f"可见的标题有{'、'.join(quoted(h) for h in headings)}。")
    if counts:
        said.append(f"页面上可见{'、'.join(f'{n}个{PLURALS[noun]}' for noun, n in counts)}。")
    return "".join(said)
