"""The only way out of the browser: a proxy on loopback that connects to addresses it has checked, counts bytes, and serves folders.

Chromium gets it as its proxy for every request, loopback included, and resolves no name itself (`--host-resolver-rules`). For a
request the gateway resolves the host, refuses unless `AddressRules` allows every address found, and connects to the first of just these
addresses: redirects, subresources, web sockets and names that change their mind between two look-ups all pass the same check.

A folder is served under a name of its own (`http://NAME.localhost/`), so that its pages have the same URLs in every run.
The bytes of a page are counted (`Meter`); past the limit the connections are cut.
"""

import html
import http.client
import mimetypes
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from gui_crawl.address_rules import AddressRules

Resolver = Callable[[str, int], list[str]]
_CHUNK = 1 << 16
_IDLE = 30.0  # seconds without a byte after which a connection is given up
_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`, in the system's order; none if there are none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Meter:
    """What a page has brought in since `start`; shared by the connections of one browser."""

    def __init__(self):
        self._lock = threading.Lock()
        self.start(None)

    def start(self, limit: int | None) -> None:
        with self._lock:
            self.limit, self.bytes, self.refused, self.requests = limit, 0, set(), 0

    def add(self, num: int) -> bool:
        """Counts `num` bytes; False once the limit is passed."""
        with self._lock:
            self.bytes += num
            return self.limit is None or self.bytes <= self.limit

    def refuse(self, host: str) -> None:
        with self._lock:
            self.refused.add(host)

    @property
    def over(self) -> bool:
        return self.limit is not None and self.bytes > self.limit


class Gateway:
    """A running proxy. Use as a context manager; `address` is where it listens.

    Args:
        rules: what may be connected to.
        folders: host name -> folder that is served under it.
        resolver: name and port to addresses.
    """

    def __init__(self, rules: AddressRules, folders: Mapping[str, Path] | None = None, resolver: Resolver = resolve):
        self.rules, self.resolver, self.meter = rules, resolver, Meter()
        self.folders = {name.lower(): Path(folder).resolve() for name, folder in (folders or {}).items()}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.gateway = self
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)

    def __enter__(self) -> "Gateway":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def connect(self, host: str, port: int) -> socket.socket | None:
        """A connection to `host`, on an address that was checked; None where the rules forbid it.

        Raises:
            OSError: it does not resolve or does not answer.
        """
        addresses = self.resolver(host, port)
        if not addresses:
            raise OSError(f"{host} does not resolve")
        if not all(self.rules.allows(host, port, a) for a in addresses):
            self.meter.refuse(host)
            return None
        failure: OSError | None = None
        for address in addresses[:3]:
            try:
                return socket.create_connection((address, port), timeout=10)
            except OSError as error:
                failure = error
        raise failure or OSError(host)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    gateway: Gateway

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = _IDLE
    wbufsize = _CHUNK  # headers and body of a small file in one write

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        self.close_connection = True
        host, _, port = self.path.rpartition(":")
        host = host.strip("[]")
        if not port.isdigit() or host.lower() in self.server.gateway.folders:
            return self._say(HTTPStatus.BAD_REQUEST)
        upstream = self._connect(host, int(port))
        if upstream is None:
            return None
        with upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.wfile.flush()
            self._relay(upstream)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.gateway.meter.requests += 1
        if url.scheme != "http" or not url.hostname:
            self.close_connection = True
            return self._say(HTTPStatus.BAD_REQUEST)
        folder = self.server.gateway.folders.get(url.hostname)
        if folder is not None:
            return self._serve(folder, url.path)
        self.close_connection = True
        upstream = self._connect(url.hostname, url.port or 80)
        if upstream is None:
            return None
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [f"{self.command} {target} HTTP/1.1"]
        lines += [f"{k}: {v}" for k, v in self.headers.items() if k.lower() not in _HOP]
        with upstream:
            upstream.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1", "replace"))
            length = self.headers.get("Content-Length", "0")
            left = int(length) if length.isdigit() else 0
            while left > 0 and (part := self.rfile.read(min(left, _CHUNK))):
                upstream.sendall(part)
                left -= len(part)
            while part := upstream.recv(_CHUNK):
                if not self.server.gateway.meter.add(len(part)):
                    break
                self.wfile.write(part)
                self.wfile.flush()
        return None

    do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do_GET

    def _connect(self, host: str, port: int) -> socket.socket | None:
        try:
            upstream = self.server.gateway.connect(host, port)
        except OSError as error:
            self._say(HTTPStatus.BAD_GATEWAY, str(error)[:100])
            return None
        if upstream is None:
            self._say(HTTPStatus.FORBIDDEN, "address not allowed")
            return None
        upstream.settimeout(_IDLE)
        return upstream

    def _relay(self, upstream: socket.socket) -> None:
        pair = {self.connection: upstream, upstream: self.connection}
        while True:
            ready, _, _ = select.select(list(pair), [], [], _IDLE)
            if not ready:
                return
            for end in ready:
                part = end.recv(_CHUNK)
                if not part or (end is upstream and not self.server.gateway.meter.add(len(part))):
                    return
                pair[end].sendall(part)

    def _serve(self, folder: Path, path: str) -> None:
        """A file of `folder`, or of a folder in it its `index.html`; nothing outside it."""
        place = (folder / unquote(path).lstrip("/")).resolve()
        if place.is_dir():
            place = place / "index.html"
        if self.command not in ("GET", "HEAD") or not place.is_relative_to(folder) or not place.is_file():
            return self._say(HTTPStatus.NOT_FOUND)
        content = place.read_bytes()
        if not self.server.gateway.meter.add(len(content)):
            self.close_connection = True
            return self._say(HTTPStatus.INSUFFICIENT_STORAGE)
        kind = mimetypes.guess_type(place.name)[0] or "application/octet-stream"
        self._send(HTTPStatus.OK, kind, content, "Cache-Control: max-age=3600\r\n")
        return None

    def _say(self, status: HTTPStatus, why: str = "") -> None:
        self._send(status, "text/plain; charset=utf-8", html.escape(why).encode(), "X-Sieveline-Gateway: 1\r\n")

    def _send(self, status: HTTPStatus, kind: str, content: bytes, extra: str) -> None:
        close = "Connection: close\r\n" if self.close_connection else ""
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n{extra}{close}\r\n"
        self.wfile.write(head.encode("latin-1", "replace") + (b"" if self.command == "HEAD" else content))
        self.wfile.flush()


def fetch(gateway: Gateway, url: str, *, agent: str, limit: int, timeout: float, hops: int = 5) -> tuple[int, bytes]:
    """A small file of the web, through the same gateway and its rules: (HTTP status, at most `limit` bytes); follows `hops` redirects.

    Raises:
        OSError: it cannot be had in time.
    """
    proxy = urlsplit(gateway.address)
    deadline = time.monotonic() + timeout
    for _ in range(hops + 1):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or proxy.port is None:
            raise OSError(f"not a web address: {url}")
        left = max(0.1, deadline - time.monotonic())
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection("127.0.0.1", proxy.port, timeout=left)
            connection.set_tunnel(parts.hostname, parts.port or 443)
            target = parts.path or "/"
        else:
            connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=left)
            target = url
        if parts.scheme == "https" and parts.query:
            target += "?" + parts.query
        try:
            connection.request("GET", target, headers={"Host": parts.netloc, "User-Agent": agent})
            answer = connection.getresponse()
            if answer.status in (301, 302, 303, 307, 308) and (where := answer.headers.get("Location")):
                url = urljoin(url, where)
                continue
            if answer.headers.get("X-Sieveline-Gateway"):
                raise OSError(f"{parts.hostname} cannot be reached")
            return answer.status, answer.read(limit)
        except (http.client.HTTPException, UnicodeError) as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()
    raise OSError(f"too many redirects: {url}")


def html_files(folder: Path) -> list[str]:
    """Paths of the pages below `folder`, as a URL writes them, sorted."""
    found = (Path(where) / name for where, _, names in os.walk(folder) for name in names)
    return sorted(p.relative_to(folder).as_posix() for p in found if p.suffix.lower() in (".html", ".htm", ".xhtml"))
