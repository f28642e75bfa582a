"""Concepts: what controls are commonly for, by the words on them and by the names of their icons, in English and Chinese.

A control has a purpose strictly where its whole label is one of the concept's `words` or its icon is one of its `icons`;
leniently where a word occurs anywhere in its label, name, title, icon name or file name. Icon names are those of Font
Awesome, Bootstrap Icons, Tabler, Lucide and Material, without their prefix.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Concept:
    """One purpose.

    Attributes:
        words: labels that say it, case folded.
        icons: icon names that show it.
        does: what one does with the control, as an English verb phrase after "to".
        does_zh: the same in Chinese.
        picture: the icon's name in English, None where the icon is no picture of a thing.
        picture_zh: the same in Chinese.
    """

    words: tuple[str, ...]
    icons: tuple[str, ...]
    does: str
    does_zh: str
    picture: str | None
    picture_zh: str | None


def _of(words: str, icons: str, does: str, does_zh: str, picture: str = "", picture_zh: str = "") -> Concept:
    def parts(text: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in text.split("|") if part.strip())

    return Concept(parts(words), parts(icons), does, does_zh, picture or None, picture_zh or None)


CONCEPTS = {
    "search": _of(
        "search|search…|search...|搜索|查找", "search|magnifying-glass|zoom", "search", "搜索", "magnifying glass", "放大镜"
    ),
    "close": _of("close|dismiss|×|✕|关闭", "x|xmark|close|times|x-lg|remove", "close it", "关闭", "cross", "叉号"),
    "delete": _of(
        "delete|remove|trash|删除|移除", "trash|trash-o|trash-alt|trash-2|delete|bin", "delete", "删除", "trash can", "垃圾桶"
    ),
    "edit": _of(
        "edit|modify|rename|编辑|修改",
        "pencil|pencil-alt|edit|pen|pencil-square|pencil-square-o",
        "edit",
        "编辑",
        "pencil",
        "铅笔",
    ),
    "add": _of(
        "add|new|create|添加|新增|新建|创建", "plus|plus-lg|plus-circle|add", "add something new", "新增内容", "plus", "加号"
    ),
    "save": _of("save|save changes|保存|保存更改", "save|floppy-o|floppy|floppy-disk", "save", "保存", "floppy disk", "软盘"),
    "cancel": _of("cancel|discard|取消|放弃", "", "cancel", "取消"),
    "submit": _of(
        "submit|send|提交|发送", "paper-plane|send|paper-plane-o", "submit or send it", "提交或发送", "paper plane", "纸飞机"
    ),
    "login": _of("log in|login|sign in|登录|登陆", "sign-in|sign-in-alt|log-in|login|box-arrow-in-right", "log in", "登录"),
    "logout": _of("log out|logout|sign out|退出|退出登录|注销", "sign-out|sign-out-alt|log-out|logout", "log out", "退出登录"),
    "register": _of(
        "sign up|register|create account|create an account|注册|免费注册", "user-plus", "create an account", "注册账号"
    ),
    "password": _of("password|your password|密码", "", "enter a password", "输入密码"),
    "forgot": _of("forgot password?|forgot password|忘记密码|忘记密码？", "", "recover a forgotten password", "找回密码"),
    "home": _of("home|homepage|首页|主页", "home|house|house-door", "go to the home page", "返回首页", "house", "房子"),
    "settings": _of(
        "settings|preferences|options|设置|选项",
        "cog|cogs|gear|settings|sliders|wrench",
        "change the settings",
        "更改设置",
        "gear",
        "齿轮",
    ),
    "menu": _of(
        "menu|open menu|toggle menu|toggle navigation|toggle sidebar|菜单|打开菜单",
        "bars|menu|hamburger|list",
        "open or close the menu",
        "打开或收起菜单",
        "three lines",
        "三条横线",
    ),
    "notifications": _of(
        "notifications|alerts|通知|消息提醒",
        "bell|bell-o|bell-fill|notifications",
        "see the notifications",
        "查看通知",
        "bell",
        "铃铛",
    ),
    "messages": _of(
        "messages|inbox|mail|email|e-mail|消息|收件箱|邮件",
        "envelope|envelope-o|mail|email|inbox",
        "read the messages",
        "查看消息",
        "envelope",
        "信封",
    ),
    "user": _of(
        "profile|my profile|account|my account|个人资料|我的账户|账户",
        "user|user-o|person|user-circle|person-circle|account",
        "open the user's profile",
        "打开个人资料",
        "person",
        "人像",
    ),
    "cart": _of(
        "cart|shopping cart|basket|add to cart|购物车|加入购物车",
        "shopping-cart|cart|cart3|basket|bag",
        "use the cart",
        "使用购物车",
        "shopping cart",
        "购物车",
    ),
    "download": _of("download|下载", "download|cloud-download|file-download", "download", "下载", "download arrow", "下载箭头"),
    "upload": _of("upload|上传", "upload|cloud-upload|file-upload", "upload a file", "上传文件", "upload arrow", "上传箭头"),
    "export": _of("export|导出", "file-export|export", "export the data", "导出数据"),
    "import": _of("import|导入", "file-import|import", "import data", "导入数据"),
    "share": _of("share|分享|共享", "share|share-alt|share-2|share-nodes", "share", "分享", "share symbol", "分享符号"),
    "print": _of("print|打印", "print|printer", "print", "打印", "printer", "打印机"),
    "filter": _of("filter|filters|筛选|过滤", "filter|funnel", "filter the results", "筛选结果", "funnel", "漏斗"),
    "refresh": _of(
        "refresh|reload|刷新",
        "refresh|sync|sync-alt|arrow-clockwise|rotate|redo",
        "refresh",
        "刷新",
        "circular arrow",
        "环形箭头",
    ),
    "next": _of("next|next page|next month|下一页|下一个|下一步", "", "go to the next one", "前往下一项"),
    "previous": _of(
        "previous|prev|back|previous page|previous month|上一页|上一个|上一步|返回",
        "",
        "go to the previous one",
        "返回上一项",
    ),
    "help": _of(
        "help|support|faq|帮助|常见问题",
        "question|question-circle|help|life-ring",
        "get help",
        "获取帮助",
        "question mark",
        "问号",
    ),
    "language": _of(
        "language|languages|english|语言|简体中文",
        "globe|language|translate|world",
        "change the language",
        "切换语言",
        "globe",
        "地球",
    ),
    "theme": _of(
        "toggle theme|toggle dark mode|dark mode|light mode|深色模式|切换主题",
        "moon|sun|moon-stars|brightness-high",
        "switch between light and dark",
        "切换明暗主题",
    ),
    "fullscreen": _of(
        "fullscreen|full screen|全屏", "expand|fullscreen|arrows-fullscreen|maximize", "go full screen", "全屏显示"
    ),
    "star": _of(
        "star|favourite|favorite|favorites|收藏", "star|star-o|star-fill", "mark it as a favourite", "收藏", "star", "星星"
    ),
    "like": _of("like|likes|点赞|喜欢", "heart|heart-o|thumbs-up|heart-fill", "like it", "点赞"),
    "calendar": _of(
        "calendar|日历",
        "calendar|calendar-alt|calendar-o|calendar3|date",
        "see the calendar",
        "查看日历",
        "calendar page",
        "日历",
    ),
    "copy": _of("copy|copy link|copy code|复制", "copy|clipboard|clone|files", "copy", "复制"),
    "play": _of("play|播放", "play|play-fill|play-circle", "start playing", "播放", "play triangle", "播放三角"),
    "more": _of(
        "more|more options|more actions|更多|更多操作",
        "ellipsis-h|ellipsis-v|three-dots|three-dots-vertical|more|dots",
        "see more options",
        "查看更多操作",
        "three dots",
        "三个点",
    ),
    "attach": _of(
        "attach|attach file|添加附件|附件", "paperclip|attachment", "attach a file", "添加附件", "paper clip", "回形针"
    ),
    "remember": _of("remember me|keep me signed in|记住我", "", "stay signed in", "保持登录"),
    "top": _of("back to top|scroll to top|返回顶部|回到顶部", "", "go back to the top of the page", "返回页面顶部"),
}

_ICONS = {icon: key for key, concept in CONCEPTS.items() for icon in concept.icons}


def of_icon(icon: str | None) -> str | None:
    """The concept an icon's name shows, e.g. `fa-trash-o` or `trash` for `delete`; None where it is none of these."""
    return next((_ICONS[name] for name in _spellings(icon) if name in _ICONS), None)


def of_label(label: str) -> str | None:
    """The concept that a whole label, case folded, says; None where it says none."""
    return next((key for key, concept in CONCEPTS.items() if label in concept.words), None)


def hinted(concept: Concept, labels: frozenset[str], icon: str | None) -> bool:
    """Whether any of an element's labels (case folded) or its icon's name so much as hints at the concept."""
    if any(name in concept.icons for name in _spellings(icon)):
        return True
    return any(_holds(label, word) for label in labels for word in concept.words)


def _holds(label: str, word: str) -> bool:
    if word.isascii() and word.isalpha():  # "new" is not in "news"
        return word in label.replace("-", " ").replace("…", " ").replace(".", " ").split()
    return word in label


def _spellings(icon: str | None) -> Iterator[str]:
    """An icon name as it is and with its set's prefix (`fa-`, `bi-`, `icon-`, ...) and its `-fill`, `-outline` taken off."""
    if icon:
        name = icon.strip().lower().replace("_", "-").replace(" ", "-")
        yield name
        for prefix in ("fa-", "bi-", "ti-", "icon-", "mdi-", "lucide-", "glyphicon-", "i-", "ic-"):
            name = name.removeprefix(prefix)
        yield name
        yield name.removesuffix("-fill").removesuffix("-outline").removesuffix("-o").removesuffix("-icon")
