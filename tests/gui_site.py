# ruff: noqa: E501  lines of HTML
"""A small site of our own: menus, tabs, an accordion, a dialog, fields, a long page, a cookie banner, and a page that is another's double."""

from pathlib import Path

STYLE = """<style>body{font:16px/1.5 sans-serif;margin:0;color:#222}header{background:#204060;color:#fff;padding:12px}header a{color:#fff;margin:0 8px}
main{padding:16px}button,select,input{font:inherit;padding:4px 10px}[hidden]{display:none}.card{border:1px solid #999;padding:12px;margin:8px 0}
.menu{position:absolute;background:#fff;border:1px solid #666;padding:4px;color:#222}.bar{position:fixed;left:0;right:0;bottom:0;background:#ffd;padding:12px}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}</style>"""
HEAD = (
    '<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>TITLE</title>'
    + STYLE
)
NAVIGATION = "<header><b>Shop</b><a href=index.html>Home</a><a href=form.html>Order</a><a href=long.html>News</a></header>"

INDEX = """<main><h1>Welcome</h1>
<button id=open aria-haspopup=menu aria-expanded=false onclick="m.hidden=!m.hidden;this.setAttribute('aria-expanded',!m.hidden)">Products</button>
<div id=m class=menu role=menu hidden><a role=menuitem href=form.html>Chairs</a><br><a role=menuitem href=long.html>Tables</a></div>
<div role=tablist style="margin-top:80px"><button role=tab id=t1 aria-selected=true onclick="show(1)">Overview</button>
<button role=tab id=t2 aria-selected=false onclick="show(2)">Details</button></div>
<div id=p1 class=card>An overview of chairs and tables for every room.</div><div id=p2 class=card hidden>Details: oak, 75 cm high, 12 kg.</div>
<details><summary>Delivery</summary><p>Within three working days.</p></details>
<button id=ask onclick="d.showModal()">Contact</button><dialog id=d><h2>Contact us</h2><button onclick="d.close()">Done</button></dialog></main>
<script>function show(n){for(const i of [1,2]){document.getElementById('p'+i).hidden=i!=n;
document.getElementById('t'+i).setAttribute('aria-selected',i==n)}}</script>"""
FORM = """<main><h1>Order</h1><form action=index.html method=post><p><label>Email <input type=email name=e placeholder="you@example.com"></label>
<p><label>Colour <select name=c><option>Red<option>Green<option>Blue</select></label><p><label><input type=checkbox name=g> As a gift</label>
<p><button>Send order</button></form></main>
<div id=cookie-banner class=bar>We use cookies. <button onclick="this.parentNode.remove()">Reject all</button> <button>Accept all</button></div>"""
LONG = (
    "<main><h1>News</h1>"
    + "".join(f"<div class=card><h2>Story {n}</h2><p>What happened on day {n} of the year.</p></div>" for n in range(40))
    + "</main>"
)
EMPTY = ""


def build(folder: Path) -> Path:
    """Writes the site into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"index": ("Shop", INDEX), "form": ("Order", FORM), "long": ("News", LONG), "copy": ("News", LONG)}
    for name, (title, body) in pages.items():
        (folder / f"{name}.html").write_text(HEAD.replace("TITLE", title) + NAVIGATION + body)
    (folder / "empty.html").write_text(HEAD.replace("TITLE", "Nothing") + EMPTY)
    return folder
