# ruff: noqa: E501  the misbehaviour is one line of script
"""A web server on loopback that does to a crawler what the open web does: each path one misbehaviour."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = "<!doctype html><meta charset=utf-8><title>{title}</title><h1>A heading</h1><p>Some text</p><a href=/next>A link</a><button>A button</button>{rest}"
SCRIPTS = {
    "/busy": "while (true) {}",
    "/alerts": "while (true) alert('again')",
    "/memory": "const kept = []; const grow = () => { for (let i = 0; i < 40; i++) kept.push(new Uint8Array(4 << 20).fill(i)); setTimeout(grow, 20) }; grow()",
    "/heap": "const kept = []; while (true) kept.push(new Array(1e6).fill({}))",
    "/dom": "const grow = () => { for (let i = 0; i < 3000; i++) document.body.append(document.createElement('i')); setTimeout(grow, 1) }; grow()",
    "/scroll": "addEventListener('scroll', () => { for (let i = 0; i < 20; i++) { const p = document.createElement('p'); p.style.height = '200px';"
    " p.textContent = 'Item ' + document.body.children.length; document.body.append(p) } }); document.body.style.height = '3000px'",
    "/popups": "for (let i = 0; i < 50; i++) window.open('/next'); document.body.onclick = () => window.open('/next')",
    "/worker": "navigator.serviceWorker?.register('/worker.js')",
    "/title": "document.title = '<\\/script><script>document.body.textContent=\"pwned\"<\\/script><img src=x onerror=alert(1)>'",
    "/surrogate": "document.title = '\\ud800 broken'; document.querySelector('p').textContent = 'half \\udfff pair'",
    "/spin": "location.href = '/spin?' + Math.random()",
    "/print": "print(); addEventListener('beforeunload', (e) => { e.preventDefault(); e.returnValue = 'stay' })",
    "/permissions": "navigator.geolocation.getCurrentPosition(() => {}); Notification.requestPermission(); navigator.mediaDevices?.getUserMedia({audio: true})",
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "HostileServer"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        with suppress(OSError):
            self._answer(self.path.split("?")[0])

    def do_POST(self) -> None:
        self.server.posts.append(self.path)
        self.do_GET()

    def _answer(self, path: str) -> None:  # noqa: PLR0911, PLR0912  one case a line
        self.server.seen[path] += 1
        server = self.server
        rest = f"<script>{SCRIPTS[path]}</script>" if path in SCRIPTS else ""
        if path == "/robots.txt":
            return self.send("User-agent: *\nDisallow: /forbidden\nCrawl-delay: 0\n", kind="text/plain")
        if path == "/redirects":
            return self.send("", 302, {"Location": f"/redirects?{server.seen[path]}"})
        if path == "/inside":
            return self.send("", 302, {"Location": server.inside})
        if path == "/to-forbidden":
            return self.send("", 302, {"Location": "/forbidden"})
        if path == "/refresh":
            return self.send(PAGE.format(title="", rest="<meta http-equiv=refresh content=0>"))
        if path == "/never":
            return server.closing.wait(60)
        if path == "/trickle":
            return self.stream(b"<p>more</p>", pause=0.2)
        if path == "/huge":
            return self.stream(b"<p>" + b"x" * 262_144 + b"</p>", most=100_000_000)
        if path == "/slow-picture":
            return self.send(PAGE.format(title="Slow", rest="<img src=/never>"))
        if path == "/download":
            return self.send(
                "data", headers={"Content-Disposition": "attachment; filename=x.bin"}, kind="application/octet-stream"
            )
        if path == "/pdf":
            return self.send("text", kind="text/plain")
        if path == "/gone":
            return self.send("<p>gone</p>", 410)
        if path == "/noai":
            return self.send(PAGE.format(title="", rest=""), headers={"X-Robots-Tag": "noai, noimageai"})
        if path == "/noai-elsewhere":
            return self.send(PAGE.format(title="", rest=""), headers={"X-Robots-Tag": "otherbot: noai"})
        if path == "/noai-meta":
            return self.send(PAGE.format(title="", rest="<meta name=robots content='NOAI'>"))
        if path == "/encoding":
            return self.send(
                b"<title>\xe4\xf6 \x80\x00</title><p>\xc3\x28 caf\xe9</p><button>Go\xa0</button><a href=x>l</a>",
                kind="text/html; charset=utf-8",
            )
        if path == "/form":
            form = f"<form id=f method=post action='{server.outside}'><input name=a value=b></form><script>f.submit()</script>"
            return self.send(PAGE.format(title="Form", rest=form))
        if path == "/frames":
            return self.send(PAGE.format(title="Frames", rest="<iframe src=/frames?a></iframe><iframe src=/frames?b></iframe>"))
        if path == "/private-picture":
            return self.send(
                PAGE.format(title="Picture", rest=f"<img src='{server.inside}'><script>fetch('{server.inside}')</script>")
            )
        return self.send(PAGE.format(title=path, rest=rest))

    def send(
        self,
        body: str | bytes,
        status: int = 200,
        headers: dict[str, str] | None = None,
        kind: str = "text/html; charset=utf-8",
    ) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def stream(self, part: bytes, pause: float = 0.0, most: int = 1 << 40) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while most > 0 and not self.server.closing.is_set():
            self.wfile.write(part)
            most -= len(part)
            if pause:
                time.sleep(pause)


class HostileServer(ThreadingHTTPServer):
    """Serves on loopback. `seen` counts requests by path, `posts` lists what was posted; `inside` and `outside` are where pages point to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: Counter[str] = Counter()
        self.posts: list[str] = []
        self.closing = threading.Event()
        self.inside = self.outside = "http://inside.test/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Crawlers hang up."""


@contextmanager
def hostile_server() -> Iterator[HostileServer]:
    server = HostileServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
