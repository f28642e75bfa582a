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
        entered: it is what is entered into a field, and nothing else serves it; None for what both fields and other controls do.
    """

    words: tuple[str, ...]
    icons: tuple[str, ...]
    does: str
    does_zh: str
    picture: str | None
    picture_zh: str | None
    entered: bool | None = False


def _of(
    words: str, icons: str, does: str, does_zh: str, picture: str = "", picture_zh: str = "", entered: bool | None = False
) -> Concept:
    def parts(text: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in text.split("|") if part.strip())

    return Concept(parts(words), parts(icons), does, does_zh, picture or None, picture_zh or None, entered)


def _entered(words: str, what: str, what_zh: str) -> Concept:
    return _of(words, "", f"enter {what}", f"输入{what_zh}", entered=True)


CONCEPTS = {
    "search": _of(
        "search|search…|search...|搜索|查找",
        "search|magnifying-glass|zoom",
        "search",
        "搜索",
        "magnifying glass",
        "放大镜",
        None,
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
    "password": _entered("password|your password|密码", "a password", "密码"),
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
    "confirm": _of("ok|apply|confirm|done|确定|确认|应用|完成", "", "confirm", "确认"),
    "reset": _of("reset|clear|clear all|重置|清空", "", "reset or clear it", "重置或清空"),
    "details": _of(
        "details|view details|read more|learn more|show more|详情|查看详情|了解更多", "", "learn more about it", "了解详情"
    ),
    "all": _of("view all|see all|show all|查看全部|显示全部", "", "see all of them", "查看全部"),
    "reply": _of("reply|回复", "reply", "reply", "回复"),
    "archive": _of("archive|归档", "archive", "archive it", "归档"),
    "dashboard": _of("dashboard|dashboards|仪表盘|仪表板", "tachometer|dashboard", "see the dashboard", "查看仪表盘"),
    "reports": _of("reports|analytics|statistics|报表|统计|数据分析", "", "see the figures", "查看统计数据"),
    "charts": _of("charts|图表", "chart-bar|bar-chart|bar-chart-o", "see the charts", "查看图表"),
    "contacts": _of("contacts|address book|联系人|通讯录", "address-book", "see the contacts", "查看联系人"),
    "files": _of("files|my files|file manager|文件|文件管理", "folder|folder-open|folder-o", "see the files", "查看文件"),
    "chat": _of("chat|live chat|聊天", "comments|comments-o|chat|message-circle", "chat", "聊天"),
    "map": _of("map|view map|地图", "map|map-o", "see the map", "查看地图"),
    "pricing": _of("pricing|plans|价格|定价", "", "see the prices", "查看价格"),
    "invoice": _of("invoice|invoices|billing|发票|账单", "", "see the bill", "查看账单"),
    "orders": _of("orders|my orders|order history|订单|我的订单", "", "see the orders", "查看订单"),
    "shop": _of("shop|store|storefront|products|商店|商城|商品", "store|storefront", "browse the shop", "浏览商店"),
    "projects": _of("projects|all projects|my projects|项目|我的项目", "", "see the projects", "查看项目"),
    "documents": _of("docs|documentation|文档|使用文档", "book", "read the documentation", "阅读文档"),
    "invite": _of("invite|invite member|invite members|邀请|邀请成员", "", "invite somebody", "邀请他人"),
    "follow": _of("follow|关注", "", "follow", "关注"),
    "subscribe": _of("subscribe|订阅", "", "subscribe", "订阅"),
    "contact": _of("contact|contact us|联系我们", "", "get in touch", "联系对方"),
    "about": _of("about|about us|关于|关于我们", "", "learn who is behind the site", "了解网站的运营者"),
    "buy": _of("buy|buy now|checkout|check out|pay|pay now|购买|立即购买|结算|支付", "", "buy or pay", "购买或付款"),
    "verify": _of("verify|验证", "", "verify it", "验证"),
    "resend": _of("resend|resend code|重新发送", "", "have it sent again", "重新发送"),
    "lock": _of("lock|lock screen|锁屏|锁定", "lock", "lock the screen", "锁定屏幕", "padlock", "挂锁"),
    "grid": _of("grid|grid view|网格视图", "th|th-large|grid", "see it as a grid", "以网格形式查看"),
    "rows": _of("list view|列表视图", "list-ul", "see it as a list", "以列表形式查看"),
    "email": _entered("email|e-mail|email address|your email|邮箱|电子邮箱|邮箱地址", "an e-mail address", "邮箱地址"),
    "username": _entered("username|user name|用户名|账号", "a user name", "用户名"),
    "name": _entered("name|full name|your name|姓名|名字", "a name", "姓名"),
    "phone": _entered("phone|phone number|telephone|mobile|电话|手机号|手机号码", "a telephone number", "电话号码"),
    "address": _entered("address|street address|地址|详细地址", "an address", "地址"),
    "company": _entered("company|company name|organization|公司|公司名称", "a company", "公司名称"),
    "message": _entered("message|your message|comment|comments|留言|评论", "a message", "留言"),
    "date": _entered("date|start date|end date|日期", "a date", "日期"),
    "subject": _entered("subject|title|主题|标题", "a title", "标题"),
    "quantity": _entered("quantity|qty|amount|数量", "a number of things", "数量"),
    "website": _entered("website|url|网址", "a web address", "网址"),
    "top": _of("back to top|scroll to top|返回顶部|回到顶部", "", "go back to the top of the page", "返回页面顶部"),
}

_ICONS = {icon: key for key, concept in CONCEPTS.items() for icon in concept.icons}


def of_icon(icon: str | None) -> str | None:
    """The concept an icon's name shows, e.g. `fa-trash-o` or `trash` for `delete`; None where it is none of these."""
    return next((_ICONS[name] for name in _spellings(icon) if name in _ICONS), None)


def of_label(label: str, entered: bool = False) -> str | None:
    """The concept that a whole label, case folded, says of a field (`entered`) or of another control; None where it says none."""
    fitting = (key for key, concept in CONCEPTS.items() if concept.entered in (entered, None) and label in concept.words)
    return next(fitting, None)


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
