# ruff: noqa: E501  a case is one line of HTML, whatever its length
"""Torture pages: small pages made by hand whose elements are or are not to be seen, each with known truth, and where it can be said a known box.

`CASES` maps a name to a `Case`. Every meaningful element of a case has an `id`; the ids of `seen` must be listed, with the box given (CSS pixels, None
where the text decides it), and no other. `FILES` are further documents that the pages load, below a second host for the cross-origin ones.
"""

from dataclasses import dataclass, field

Box = tuple[float, float, float, float]
OTHER_HOST = "other.localhost"


@dataclass(frozen=True, slots=True)
class Case:
    body: str
    seen: dict[str, Box | None] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()


HEAD = """<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>Torture</title>
<style>html{background:#fff}body{margin:0;font:16px/20px sans-serif;color:#111}
.at{position:absolute;box-sizing:border-box;width:120px;height:40px;margin:0;padding:4px;border:1px solid #222;background:#eee;color:#111}
.cover{position:absolute;left:0;top:0;width:400px;height:300px}
.burger::before{content:"";position:absolute;left:8px;top:18px;width:24px;height:2px;background:#222}.clearfix::after{content:"";display:table}</style>"""

A, B, C = (20, 30, 140, 70), (20, 100, 140, 140), (220, 30, 340, 70)


def button(id: str, box: Box, style: str = "", text: str = "Press me", tag: str = "button", more: str = "") -> str:
    """An element of class `at`, 120 x 40, at the corner of `box`."""
    return f'<{tag} id={id} class=at {more} style="left:{box[0]}px;top:{box[1]}px;{style}">{text}</{tag}>'


def bare(id: str, box: Box, inner: str = "", kind: str = "", style: str = "") -> str:
    """A button of 40 x 40 without ground, border and text, at the corner of `box`: what it holds alone can be seen."""
    return f'<button id={id} aria-label=Menu class="{kind}" style="position:absolute;left:{box[0]}px;top:{box[1]}px;width:40px;height:40px;padding:0;background:none;border:0;{style}">{inner}</button>'


BARS = '<span style="display:block;width:24px;height:{0};margin:4px auto;background:{1}"></span>' * 3
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAATElEQVQIHTXBIQEAMAgEwKfNFFnQhECTgyTEQBMHNfV38nJAawWSlwNaK5C8HNBageTlgNYKJDcO0g6Q3DhIO0By4yDtAMmNg7QD9AF5ahoZBbyy1QAAAABJRU5ErkJggg=="
STRIPES = "repeating-linear-gradient(90deg,#fff 0 4px,#bbb 4px 8px)"
SVG_ICON = '<svg id=icon style="position:absolute;left:20px;top:30px" width=24 height=24><title>Home</title><path d="M2 12L12 2l10 10v10H2z" fill=red /></svg>'

CASES: dict[str, Case] = {
    "plain": Case(button("a", A) + '<p id=t style="position:absolute;left:20px;top:100px;margin:0">Some text</p>', {"a": A, "t": None}),
    # -- not rendered
    "display-none": Case(button("a", A) + button("h", B, "display:none"), {"a": A}, ("h",)),
    "visibility-hidden": Case(button("a", A) + button("h", B, "visibility:hidden"), {"a": A}, ("h",)),
    "visible-child-of-hidden": Case(
        f'<div style="visibility:hidden">{button("h", B)}{button("a", A, "visibility:visible")}</div>', {"a": A}, ("h",)
    ),
    "hidden-attribute": Case(button("a", A) + button("h", B, more="hidden"), {"a": A}, ("h",)),
    "hidden-until-found": Case(button("a", A) + f"<div hidden=until-found>{button('h', B)}</div>", {"a": A}, ("h",)),
    "content-visibility-hidden": Case(button("a", A) + f'<div style="content-visibility:hidden">{button("h", B)}</div>', {"a": A}, ("h",)),
    "closed-details": Case("<details><summary id=s>More</summary><p id=h>Inside</p></details>", {"s": None}, ("h",)),
    "open-details": Case("<details open><summary id=s>More</summary><p id=p>Inside</p></details>", {"s": None, "p": None}),
    "template-and-noscript": Case(
        button("a", A) + f"<template>{button('h', B)}</template><noscript>{button('n', C)}</noscript>", {"a": A}, ("h", "n")
    ),
    "input-hidden": Case('<input id=h type=hidden value=x>' + button("a", A), {"a": A}, ("h",)),
    # -- of no size, or elsewhere
    "zero-size": Case(
        button("a", A) + '<button id=h style="position:absolute;left:20px;top:100px;width:0;height:0;padding:0;border:0;overflow:hidden">x</button>',
        {"a": A}, ("h",),
    ),
    "screen-reader-only": Case(
        button("a", A)
        + '<span id=h style="position:absolute;width:1px;height:1px;padding:0;margin:-1px;overflow:hidden;clip:rect(0,0,0,0);white-space:nowrap">Skip</span>',
        {"a": A}, ("h",),
    ),
    "clip-property": Case(button("a", A) + button("h", B, "clip:rect(0,0,0,0)"), {"a": A}, ("h",)),
    "off-screen-left": Case(button("a", A) + button("h", (-999, 30, 0, 0)), {"a": A}, ("h",)),
    "below-the-fold": Case(button("a", A) + button("h", (20, 3000, 0, 0)), {"a": A}, ("h",)),
    "half-off-screen": Case(button("a", (-60, 30, 0, 0)), {"a": (0, 30, 60, 70)}),
    "text-indent": Case(
        button("a", A) + '<div style="position:absolute;top:100px;width:200px;overflow:hidden;text-indent:-9999px"><p id=h>Replaced</p></div>',
        {"a": A}, ("h",),
    ),
    "scale-zero": Case(button("a", A) + button("h", B, "transform:scale(0)"), {"a": A}, ("h",)),
    "turned-edge-on": Case(button("a", A) + button("h", B, "transform:rotateY(90deg)"), {"a": A}, ("h",)),
    "backface": Case(
        button("a", A) + button("h", B, "transform:rotateY(180deg);backface-visibility:hidden"), {"a": A}, ("h",)
    ),
    "font-size-zero": Case(button("a", A) + '<p id=h style="font-size:0">Tiny</p>', {"a": A}, ("h",)),
    # -- clipped
    "overflow-hidden": Case(
        f'<div style="position:absolute;left:0;top:0;width:200px;height:80px;overflow:hidden">{button("a", A)}{button("h", B)}</div>',
        {"a": A}, ("h",),
    ),
    "overflow-cuts-half": Case(
        f'<div style="position:absolute;left:0;top:0;width:80px;height:80px;overflow:hidden">{button("a", A)}</div>', {"a": (20, 30, 80, 70)}
    ),
    "overflow-does-not-hold-absolute": Case(  # its containing block lies outside the clipping box
        f'<div style="width:10px;height:10px;overflow:hidden">{button("a", A)}</div>', {"a": A}
    ),
    "overflow-does-not-hold-fixed": Case(
        f'<div style="position:absolute;width:10px;height:10px;overflow:hidden">{button("a", A, "position:fixed")}</div>', {"a": A}
    ),
    "transform-holds-fixed": Case(
        button("a", A)
        + f'<div style="position:absolute;left:0;top:0;width:10px;height:10px;overflow:hidden;transform:translate(0)">{button("h", B, "position:fixed")}</div>',
        {"a": A}, ("h",),
    ),
    "scroller": Case(
        f'<div id=s style="position:absolute;left:0;top:0;width:200px;height:100px;overflow:auto"><div style="height:900px">{button("h", A)}{button("a", (20, 230, 0, 0))}</div></div>'
        "<script>s.scrollTop=200</script>",
        {"a": (20, 30, 140, 70)}, ("h",),
    ),
    "clip-path-all": Case(button("a", A) + button("h", B, "clip-path:inset(100%)"), {"a": A}, ("h",)),
    "clip-path-half": Case(button("a", A, "clip-path:inset(0 60px 0 0)"), {"a": (20, 30, 80, 70)}),
    "mask-all": Case(button("a", A) + button("h", B, "mask-image:linear-gradient(transparent,transparent)"), {"a": A}, ("h",)),
    "contain-paint": Case(
        button("a", A) + f'<div style="contain:paint;position:absolute;left:0;top:90px;width:15px;height:60px">{button("h", (20, 10, 0, 0))}</div>',
        {"a": A}, ("h",),
    ),
    "collapsed-accordion": Case(
        f'{button("a", A)}<div style="position:absolute;top:100px;height:0;overflow:hidden"><p id=h>Answer</p></div>', {"a": A}, ("h",)
    ),
    # -- covered
    "covered": Case(button("h", A) + '<div class=cover style="background:#def"></div>' + button("a", C), {"a": C}, ("h",)),
    "covered-half": Case(
        button("a", A) + '<div style="position:absolute;left:80px;top:0;width:400px;height:300px;background:#def"></div>', {"a": (20, 30, 80, 70)}
    ),
    "covered-but-for-its-padding": Case(
        button("h", A, "background:none;border:0;padding:0 40px") + '<div class=cover style="left:55px;background:#def"></div>' + button("a", (20, 400, 0, 0)), {"a": (20, 400, 140, 440)}, ("h",)
    ),
    "covered-by-what-takes-no-pointer": Case(
        button("h", A) + '<div class=cover style="background:#def;pointer-events:none"></div>' + button("a", C), {"a": C}, ("h",)
    ),
    "takes-no-pointer-itself": Case(button("a", A, "pointer-events:none"), {"a": A}),
    "clear-overlay": Case(button("a", A) + '<div class=cover></div>', {"a": A}),
    "clear-overlay-without-pointer": Case(button("a", A) + '<div class=cover style="pointer-events:none"></div>', {"a": A}),
    "translucent-overlay": Case(button("a", A) + '<div class=cover style="background:rgba(0,0,0,.5)"></div>', {"a": A}),
    "translucent-overlay-that-hides": Case(button("h", A) + '<div class=cover style="background:rgba(255,255,255,.995)"></div>', {}, ("h",)),
    "overlay-at-opacity-zero": Case(button("a", A) + '<div class=cover style="background:#def;opacity:0"></div>', {"a": A}),
    "covered-by-picture": Case(button("h", A) + f'<img id=i class=cover src="{PNG}" alt=Field>', {"i": (0, 0, 400, 300)}, ("h",)),
    "covered-by-gradient": Case(
        button("h", A) + '<div class=cover style="background:linear-gradient(#def,#fed)"></div>', {}, ("h",)
    ),
    "half-covered-by-gradient": Case(
        button("a", A) + '<div class=cover style="left:80px;background:linear-gradient(90deg,#def,#fed)"></div>', {"a": (20, 30, 80, 70)}
    ),
    "half-covered-by-what-could-turn": Case(
        button("a", A) + '<div class=cover style="left:80px;background:#def;backface-visibility:hidden;transform:translateZ(0) scale(1)"></div>', {"a": (20, 30, 80, 70)}
    ),
    "backface-of-a-parent": Case(
        button("a", A) + f'<div style="transform-style:preserve-3d;transform:rotateY(180deg)">{button("h", B, "backface-visibility:hidden")}</div><div style="rotate:y 180deg;position:absolute;left:0;top:150px;width:300px;height:90px">{button("i", A)}</div>',
        {"a": A, "i": (160, 180, 280, 220)}, ("h",),
    ),
    "under-clear-gradient": Case(
        button("a", A) + '<div class=cover style="background:linear-gradient(transparent,rgba(0,0,0,.2))"></div>', {"a": A}
    ),
    "covered-by-pseudo-element": Case(
        "<style>#w::after{content:'';position:absolute;inset:0;background:#def}</style>"
        f'<div id=w style="position:absolute;left:0;top:0;width:180px;height:160px">{button("h", A)}</div>{button("a", C)}',
        {"a": C}, ("h",),
    ),
    "covered-by-canvas": Case(
        button("h", A) + '<canvas id=k class=cover></canvas><script>var x=k.getContext("2d");x.fillStyle="#def";x.fillRect(0,0,999,999);x.fillStyle="#00f";x.fillRect(9,9,9,9)</script>',
        {"k": (0, 0, 400, 300)}, ("h",),
    ),
    "behind-negative-z-index": Case(
        f'<div style="position:absolute;left:0;top:0;width:180px;height:160px;background:#def;z-index:0"></div>{button("h", A, "z-index:-1")}{button("a", C)}',
        {"a": C}, ("h",),
    ),
    "sticky-header": Case(
        '<header style="position:fixed;left:0;top:0;width:100%;height:60px;background:#def;z-index:9"></header>'
        f'<div style="position:absolute;left:0;top:0;height:2000px">{button("h", (20, 5, 0, 0))}{button("a", (20, 40, 0, 0))}</div>',
        {"a": (20, 60, 140, 80)}, ("h",),
    ),
    "modal-dialog": Case(
        button("a", (20, 400, 0, 0))
        + "<dialog id=d style='width:300px;height:100px;padding:0;margin:0;position:fixed;left:400px;top:100px'><button id=b>OK</button></dialog><script>d.showModal()</script>",
        {"a": (20, 400, 140, 440), "d": None, "b": None},
    ),
    "modal-with-opaque-backdrop": Case(
        "<style>dialog::backdrop{background:#fff}</style>" + button("h", (20, 400, 0, 0))
        + "<dialog id=d style='width:300px;height:100px'><button id=b>OK</button></dialog><script>d.showModal()</script>",
        {"d": None, "b": None}, ("h",),
    ),
    "popover": Case(
        button("a", A) + "<div id=p popover role=menu style='margin:0;inset:auto;left:300px;top:200px'><button id=b>Copy</button></div><div popover><button id=h>No</button></div>"
        "<script>p.showPopover()</script>",
        {"a": A, "p": None, "b": None}, ("h",),
    ),
    "inert": Case(f"<div inert>{button('a', A)}</div>", {"a": A}),
    # -- transparent, or of the colour of what is behind
    "opacity-zero": Case(button("a", A) + button("h", B, "opacity:0"), {"a": A}, ("h",)),
    "opacity-of-parents": Case(
        button("a", A) + f'<div style="opacity:.1"><div style="opacity:.1">{button("h", B)}</div></div>', {"a": A}, ("h",)
    ),
    "opacity-half": Case(button("a", A, "opacity:.5"), {"a": A}),
    "opacity-filter": Case(button("a", A) + button("h", B, "filter:opacity(0)"), {"a": A}, ("h",)),
    "white-on-white": Case(button("a", A) + '<p id=h style="color:#fff;margin-top:200px">Secret</p>', {"a": A}, ("h",)),
    "almost-white-on-white": Case(button("a", A) + '<p id=h style="color:#fdfdfd;margin-top:200px">Secret</p>', {"a": A}, ("h",)),
    "transparent-text": Case(button("a", A) + '<p id=h style="color:transparent;margin-top:200px">Secret</p>', {"a": A}, ("h",)),
    "white-text-on-picture": Case(
        button("a", A) + f'<div style="position:absolute;top:100px;width:200px;height:60px;background:{STRIPES}"><p id=h style="color:transparent">Secret</p></div>',
        {"a": A}, ("h",),
    ),
    "text-on-picture": Case(
        f'<div style="position:absolute;top:100px;width:200px;height:60px;background:{STRIPES}"><p id=t>Open text</p></div>', {"t": None}
    ),
    "white-link-on-white": Case(button("a", A) + '<a id=h href=x style="color:#fff;position:absolute;top:200px">Secret</a>', {"a": A}, ("h",)),
    "brightness-filter": Case(
        f'<div style="position:absolute;left:0;top:90px;width:200px;height:60px;background:#fff;filter:brightness(0)"><p id=h>Black on black</p></div>{button("a", A)}',
        {"a": A}, ("h",),
    ),
    "contrast-filter": Case(
        f'<div style="position:absolute;left:0;top:90px;width:200px;height:60px;background:#fff;filter:contrast(0)"><p id=h>Grey</p></div>{button("a", A)}',
        {"a": A}, ("h",),
    ),
    "harmless-filter": Case(button("a", A, "filter:drop-shadow(0 0 2px #000)"), {"a": A}),
    "blend-mode": Case(
        f'<div style="position:absolute;left:0;top:90px;width:200px;height:60px;background:#000"><p id=h style="mix-blend-mode:multiply;color:#fff">Multiplied</p></div>{button("a", A)}',
        {"a": A}, ("h",),
    ),
    "backdrop-filter": Case(button("h", A) + '<div class=cover style="backdrop-filter:brightness(0)"></div>' + button("a", (20, 400, 0, 0)), {"a": (20, 400, 140, 440)}, ("h",)),
    "gradient-text": Case(
        '<h1 id=t style="margin:100px 0;font-size:40px;line-height:50px;background:linear-gradient(90deg,#d00,#00d);-webkit-background-clip:text;color:transparent">Gradient</h1>',
        {"t": None},
    ),
    "empty-picture": Case(
        button("a", A) + '<img id=h style="position:absolute;top:100px" width=80 height=40 src="data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>">',
        {"a": A}, ("h",),
    ),
    "clear-custom-checkbox": Case(
        '<label id=l style="position:absolute;left:20px;top:30px"><input id=h type=checkbox style="opacity:0;position:absolute">Agree</label>', {"l": None}, ("h",)
    ),
    "nothing-over-a-picture": Case(
        f'<div style="position:absolute;left:0;top:0;width:300px;height:200px;background:{STRIPES}">{bare("h", (20, 30, 0, 0), style="border:1px solid transparent")}{bare("c", (20, 130, 0, 0), kind="clearfix")}{bare("s", (120, 130, 0, 0), style="box-shadow:0 0 0 transparent")}</div>' + button("a", C),
        {"a": C}, ("h", "c", "s"),
    ),
    # -- seen in unusual ways
    "icons-of-thin-bars": Case(
        bare("a", (20, 30, 0, 0), BARS.format("2px", "#222")) + bare("b", (120, 30, 0, 0), BARS.format("1px", "#222")) + bare("h", (220, 30, 0, 0), BARS.format("2px", "#fff")),
        {"a": (20, 30, 60, 70), "b": (120, 30, 160, 70)}, ("h",),
    ),
    "icons-of-borders": Case(
        bare("a", (20, 30, 0, 0), '<i style="position:absolute;left:14px;top:10px;width:10px;height:10px;border:solid #222;border-width:0 2px 2px 0;transform:rotate(45deg)"></i>')
        + bare("b", (120, 30, 0, 0), '<i style="position:absolute;left:8px;top:20px;width:24px;border-bottom:2px solid #222"></i>')
        + bare("h", (220, 30, 0, 0), '<i style="position:absolute;left:8px;top:10px;width:10px;height:10px;border:2px solid transparent"></i>'),
        {"a": (20, 30, 60, 70), "b": (120, 30, 160, 70)}, ("h",),
    ),
    "icons-of-pseudo-elements": Case(
        bare("a", (20, 30, 0, 0), kind="burger") + bare("b", (120, 30, 0, 0), "<i class=burger></i>") + bare("c", (220, 30, 0, 0), '<i class=burger style="position:static;font:0/0 a"></i>'),
        {"a": (20, 30, 60, 70), "b": (120, 30, 160, 70), "c": (220, 30, 260, 70)},
    ),
    "edges-alone": Case(
        bare("o", (20, 30, 0, 0), style="outline:2px solid #222;outline-offset:-4px") + bare("s", (120, 30, 0, 0), style="box-shadow:inset 0 0 0 2px #222")
        + bare("b", (220, 30, 0, 0), style="border:6px solid transparent;border-image:linear-gradient(red,blue) 1") + bare("h", (320, 30, 0, 0), style="box-shadow:0 6px 9px #222"),
        {"o": (20, 30, 60, 70), "s": (120, 30, 160, 70), "b": (220, 30, 260, 70)}, ("h",),
    ),
    "gauges": Case("<progress id=p value=.5></progress> <meter id=m value=.3></meter>", {"p": None, "m": None}),
    "carousel": Case(
        '<div style="position:absolute;left:20px;top:30px;width:120px;height:40px;overflow:hidden;white-space:nowrap"><div style="transform:translateX(-120px)">'
        + "".join(f'<a id={i} href=x style="display:inline-block;width:120px;height:40px;background:#cde">Slide</a>' for i in "hak") + "</div></div>",
        {"a": A}, ("h", "k"),
    ),
    "root-zoomed": Case("<style>html{zoom:.8}</style>" + button("a", (20, 30, 0, 0)), {"a": (16, 24, 112, 56)}),
    "clipped-by-round-corners": Case(
        f'<div style="position:absolute;left:0;top:0;width:200px;height:200px;border-radius:50%;overflow:hidden;background:#eef">{button("h", (0, 0, 0, 0), "width:24px;height:20px", "x")}{button("a", (60, 80, 0, 0), "width:80px")}</div>',
        {"a": (60, 80, 140, 120)}, ("h",),
    ),
    "link-over-a-whole-card": Case(
        '<div style="position:absolute;left:20px;top:30px;width:200px;height:100px;background:#eee"><p id=p style="margin:0">Words</p><a id=h href=x aria-label=Open style="position:absolute;inset:0"></a></div>',
        {"p": None}, ("h",),
    ),
    "display-contents": Case('<div id=t style="display:contents">Bare text</div>', {"t": None}),
    "rotated": Case(button("a", (100, 100, 0, 0), "transform:rotate(90deg)"), {"a": (140, 60, 180, 180)}),
    "scaled": Case(button("a", (20, 30, 0, 0), "transform:scale(2);transform-origin:0 0"), {"a": (20, 30, 260, 110)}),
    "zoomed": Case(f'<div style="zoom:2">{button("a", (10, 15, 0, 0))}</div>', {"a": (20, 30, 260, 110)}),
    "round": Case(button("a", A, "border-radius:50%"), {"a": A}),
    "svg-icon": Case(SVG_ICON, {"icon": (20, 30, 44, 54)}),
    "svg-text": Case('<svg width=200 height=100 style="position:absolute;left:0;top:0"><text id=t x=20 y=50>Axis</text></svg>'.replace("<svg", "<svg id=s"), {"s": (0, 0, 200, 100), "t": None}),
    "link-around-block": Case(
        '<a id=a href=x><div style="width:200px;height:60px;background:#cde">Card</div></a>', {"a": (0, 0, 200, 60)}
    ),
    "wrapped-link": Case('<p id=p style="width:120px">One two three <a id=a href=x>four five six seven</a> eight</p>', {"p": None, "a": None}),
    "listbox": Case(
        '<select id=s size=2 style="position:absolute;left:20px;top:30px"><option id=o>First</option><option id=q>Second</option></select>', {"s": None, "o": None, "q": None}
    ),
    "background-icon": Case(
        f'<a id=a href=x style="position:absolute;left:20px;top:30px;width:32px;height:32px;background:url({PNG})" title=Search></a>', {"a": (20, 30, 52, 62)}
    ),
    # -- other trees
    "open-shadow": Case(
        f"<div id=x></div><script>x.attachShadow({{mode:'open'}}).innerHTML=`{HEAD[HEAD.index('<style>'):]}{button('a', A)}{button('h', B, 'display:none')}`</script>",
        {"a": A}, ("h",),
    ),
    "closed-shadow": Case(
        f"<div id=x></div><script>x.attachShadow({{mode:'closed'}}).innerHTML=`{HEAD[HEAD.index('<style>'):]}{button('a', A)}`</script>", {"a": A}
    ),
    "declared-closed-shadow": Case(
        f"<div><template shadowrootmode=closed>{HEAD[HEAD.index('<style>'):]}{button('a', A)}</template></div>", {"a": A}
    ),
    "slotted": Case("<div><template shadowrootmode=open><p><slot></slot></p></template><b id=t>Slotted</b></div>", {"t": None}),
    "unslotted": Case(button("a", A) + "<div><template shadowrootmode=open>  </template><b id=h>Lost</b></div>", {"a": A}, ("h",)),
    "nested-shadow": Case(
        f"<div><template shadowrootmode=open><div><template shadowrootmode=closed>{HEAD[HEAD.index('<style>'):]}{button('a', A)}</template></div></template></div>", {"a": A}
    ),
    "same-origin-frame": Case('<iframe src=frame.html style="position:absolute;left:100px;top:50px;width:300px;height:200px;border:5px solid #222"></iframe>', {"f": (125, 85, 245, 125)}, ("g",)),
    "cross-origin-frame": Case(
        f'<iframe src=http://{OTHER_HOST}/frame.html style="position:absolute;left:100px;top:50px;width:300px;height:200px;border:5px solid #222"></iframe>',
        {"f": (125, 85, 245, 125)}, ("g",),
    ),
    "sandboxed-frame": Case(
        '<iframe sandbox src=frame.html style="position:absolute;left:100px;top:50px;width:300px;height:200px;border:0;padding:10px"></iframe>', {"f": (130, 90, 250, 130)}, ("g",)
    ),
    "scaled-frame": Case(
        '<iframe src=frame.html style="position:absolute;left:0;top:0;width:300px;height:200px;border:0;transform:scale(.5);transform-origin:0 0"></iframe>',
        {"f": (10, 15, 70, 35)}, ("g",),
    ),
    "nested-frames": Case(
        f'<iframe src=http://{OTHER_HOST}/outer.html style="position:absolute;left:10px;top:10px;width:400px;height:300px;border:0"></iframe>', {"o": None, "f": (70, 80, 190, 120)}, ("g",)
    ),
    "covered-frame": Case(
        '<iframe src=frame.html style="position:absolute;left:0;top:0;width:300px;height:200px;border:0"></iframe><div class=cover style="background:#def"></div>' + button("a", (20, 400, 0, 0)),
        {"a": (20, 400, 140, 440)}, ("f", "g"),
    ),
    "clipped-frame": Case(
        f'<div style="position:absolute;left:0;top:0;width:80px;height:200px;overflow:hidden"><iframe src=http://{OTHER_HOST}/frame.html style="width:300px;height:200px;border:0"></iframe></div>',
        {"f": (20, 30, 80, 70)}, ("g",),
    ),
    # -- a page that lies to scripts
    "built-ins-replaced": Case(
        button("a", A) + button("h", B, "display:none")
        + "<script>Element.prototype.getBoundingClientRect=()=>({left:0,top:0,right:9,bottom:9});document.elementsFromPoint=()=>[];window.getComputedStyle=()=>({});"
        "Array.prototype.map=()=>[];JSON.stringify=()=>'0'</script>",
        {"a": A}, ("h",),
    ),
}  # fmt: skip

FILES = {
    "frame.html": HEAD + button("f", A) + button("g", (20, 900, 0, 0)),
    "outer.html": HEAD + '<p id=o style="margin:0">Outer</p><iframe src=frame.html style="position:absolute;left:40px;top:40px;width:300px;height:200px;border:0"></iframe>',
}  # fmt: skip


def page(name: str) -> str:
    return HEAD + CASES[name].body
