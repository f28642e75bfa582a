"""The client against a real HTTP server on loopback that misbehaves: busy, broken, hanging, dripping, cut off, malformed, empty."""

import base64
import io
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from recaption.facts import Facts
from recaption.generator import Failure, Request
from recaption.journal import Journal
from recaption.openai_server import OpenAIGenerator, ServerConfig
from recaption.prompts import Prompt, answer_text
from sieveline.errors import ConfigError, RetryableError

SECRET = "sk-test-do-not-leak-0123456789"


class Misbehaving(ThreadingHTTPServer):
    """Answers by the caption it is asked about: `<fault>*<times> <rest>`, so `429*2 a dog` is refused twice, then answered `A fine a dog.`"""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.times: dict[str, list[float]] = {}
        self.lock = threading.Lock()
        self.in_flight = self.most_in_flight = 0
        self.delay = 0.0

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Misbehaving

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        caption = body["messages"][-1]["content"][1]["text"].split("<<<\n")[1].split("\n>>>")[0]
        server = self.server
        with server.lock:
            server.asked[caption] += 1
            server.bodies.append(body)
            server.headers.append({k.lower(): v for k, v in self.headers.items()})
            server.times.setdefault(caption, []).append(time.monotonic())
            attempt = server.asked[caption]
            server.in_flight += 1
            server.most_in_flight = max(server.most_in_flight, server.in_flight)
        try:
            self.answer(caption, attempt)
        finally:
            with server.lock:
                server.in_flight -= 1

    def answer(self, caption: str, attempt: int) -> None:
        fault, _, rest = caption.partition(" ")
        name, _, times = fault.partition("*")
        if not times or attempt > int(times):
            time.sleep(self.server.delay)
            self.reply(200, completion(f"A fine {rest}."))
        elif name == "429":
            self.reply(429, {"error": {"message": "busy"}}, {"Retry-After": "0.4"})
        elif name == "429long":
            self.reply(429, {"error": {"message": "tomorrow"}}, {"Retry-After": "86400"})
        elif name in ("500", "503", "400", "401", "404"):
            self.reply(int(name), {"error": {"message": f"fault {name}, key {self.headers.get('Authorization', '')}"}})
        elif name == "hang":
            time.sleep(5)
        elif name == "drip":
            self.head(200, 10_000)
            for _ in range(50):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.1)
        elif name == "cut":
            self.head(200, 10_000)
            self.wfile.write(b'{"id": "x", "cho')
            self.close_connection = True
        elif name == "json":
            self.reply(200, b'{"choices": [{"message": ')
        elif name == "shape":
            self.reply(200, {"detail": "not a completion"})
        elif name == "html":
            self.reply(200, b"<html>gateway</html>", {"Content-Type": "text/html"})
        elif name == "reset":
            self.connection.close()
        elif name in ("empty", "null"):
            self.reply(200, completion("" if name == "empty" else None))
        elif name == "long":
            self.reply(200, completion("A caption that breaks", "length"))
        else:
            raise AssertionError(name)

    def head(self, status: int, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Type": "application/json", "Content-Length": str(length)} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()

    def reply(self, status: int, body: dict | bytes, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.head(status, len(data), headers)
        self.wfile.write(data)


def completion(text: str | None, finish: str = "stop") -> dict:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    server = Misbehaving()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def picture(side: int = 8, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (200, 30, 30)).save(buffer, form)
    return buffer.getvalue()


def request(caption: str, image: bytes | None = None, name: str | None = None) -> Request:
    data = picture() if image is None else image
    return Request(name or caption, caption, "en", Facts(caption, (), ()), lambda: data)


def config(server: Misbehaving, **changes: object) -> ServerConfig:
    base = ServerConfig(
        base_url=f"http://127.0.0.1:{server.server_port}/v1", model="tiny-vl", backoff=0.02, timeout=2.0, max_retries=3
    )
    return replace(base, **changes)


PASSING = [
    "429*1",
    "429*2",
    "500*2",
    "503*3",
    "hang*1",
    "drip*1",
    "cut*2",
    "json*1",
    "shape*1",
    "html*1",
    "reset*2",
    "empty*1",
    "null*1",
]


def test_faults_that_pass_are_asked_again(server: Misbehaving, tmp_path: Path) -> None:
    generator = OpenAIGenerator(config(server), tmp_path / "journal.sqlite")
    answers = generator.generate([request(f"{fault} dog {i}") for i, fault in enumerate(PASSING)])
    assert answers == [f"A fine dog {i}." for i in range(len(PASSING))]
    for i, fault in enumerate(PASSING):
        assert server.asked[f"{fault} dog {i}"] == int(fault.split("*")[1]) + 1


def test_retry_after_is_honoured(server: Misbehaving, tmp_path: Path) -> None:
    OpenAIGenerator(config(server), tmp_path / "j").generate([request("429*1 dog")])
    first, second = server.times["429*1 dog"]
    assert second - first >= 0.4


@pytest.mark.parametrize(
    ("fault", "kind", "asked"),
    [
        ("500*99", "server", 4),
        ("hang*99", "timeout", 4),
        ("drip*99", "timeout", 4),
        ("cut*99", "connection", 4),
        ("json*99", "malformed", 4),
        ("empty*99", "empty", 4),
        ("429long*99", "rate_limit", 1),
        ("400*99", "refused", 1),
        ("long*99", "length", 1),
    ],
)
def test_faults_that_stay_are_failures(server: Misbehaving, tmp_path: Path, fault: str, kind: str, asked: int) -> None:
    settings = config(server, timeout=0.5 if fault.startswith(("hang", "drip")) else 5.0)
    bad, good = OpenAIGenerator(settings, tmp_path / "j").generate([request(f"{fault} dog"), request("ok cat")])
    assert isinstance(bad, Failure)
    assert bad.kind == kind
    assert server.asked[f"{fault} dog"] == asked
    assert good == "A fine cat."


def test_a_bad_image_is_a_failure_and_is_not_sent(server: Misbehaving, tmp_path: Path) -> None:
    [answer] = OpenAIGenerator(config(server), tmp_path / "j").generate([request("ok dog", b"not an image")])
    assert isinstance(answer, Failure)
    assert answer.kind == "image"
    assert not server.asked


@pytest.mark.parametrize("fault", ["401", "404"])
def test_a_wrong_key_or_model_ends_the_run_at_once(server: Misbehaving, tmp_path: Path, fault: str) -> None:
    generator = OpenAIGenerator(config(server), tmp_path / "j")
    with pytest.raises(ConfigError, match="tiny-vl"):
        generator.generate([request(f"{fault}*99 dog {i}") for i in range(100)])
    assert sum(server.asked.values()) <= config(server).concurrency


def test_a_dead_server_ends_the_run_soon_and_keeps_what_was_answered(server: Misbehaving, tmp_path: Path) -> None:
    settings = config(server, max_retries=0, max_failures_in_a_row=5, concurrency=2)
    generator = OpenAIGenerator(settings, tmp_path / "j")
    requests = [request("ok cat"), *(request(f"503*99 dog {i}") for i in range(100))]
    with pytest.raises(RetryableError, match="in a row"):
        generator.generate(requests)
    assert len(server.asked) < 12
    assert generator.generate(requests[:1]) == ["A fine cat."]
    assert server.asked["ok cat"] == 1


def test_what_is_sent(server: Misbehaving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", SECRET)
    small, large, bitmap = picture(form="JPEG"), picture(600), picture(form="BMP")
    generator = OpenAIGenerator(config(server, api_key_env="TEST_KEY", max_image_side=64, concurrency=1), tmp_path / "j")
    generator.generate([request("ok {braces} & <b>", small), request("ok b", large), request("ok c", bitmap)])
    assert server.headers[0]["authorization"] == f"Bearer {SECRET}"
    body = server.bodies[0]
    assert (body["model"], body["temperature"], body["seed"], body["max_tokens"]) == ("tiny-vl", 0.0, 0, 256)
    urls = [b["messages"][-1]["content"][0]["image_url"]["url"] for b in server.bodies]
    assert urls[0] == "data:image/jpeg;base64," + base64.b64encode(small).decode()  # original bytes, untouched
    for url in urls[1:]:
        with Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as sent:
            assert sent.format == "JPEG"
            assert max(sent.size) <= 64


def test_the_key_shows_nowhere(
    server: Misbehaving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TEST_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    generator = OpenAIGenerator(config(server, api_key_env="TEST_KEY"), tmp_path / "j")
    answers = generator.generate([request("500*99 dog"), request("400*99 dog"), request("ok dog")])
    with pytest.raises(ConfigError) as refused:
        generator.generate([request("401*99 dog")])
    files = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    seen = f"{answers} {refused.value} {vars(refused.value)} {caplog.text} {generator.config} {generator.name} {generator.fingerprint}"
    assert SECRET not in seen
    assert SECRET.encode() not in files


def test_a_missing_key_is_said_before_any_work(server: Misbehaving, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
        OpenAIGenerator(config(server, api_key_env="NO_SUCH_KEY"), tmp_path / "j")


def test_concurrency_is_used_and_bounded(server: Misbehaving, tmp_path: Path) -> None:
    server.delay = 0.05
    OpenAIGenerator(config(server, concurrency=4), tmp_path / "j").generate([request(f"ok {i}") for i in range(24)])
    assert server.most_in_flight == 4


def test_nothing_answered_is_asked_again(server: Misbehaving, tmp_path: Path) -> None:
    requests = [request("ok a"), request("400*1 b"), request("ok a", name="ok a")]
    first = OpenAIGenerator(config(server), tmp_path / "j").generate(requests)
    again = OpenAIGenerator(config(server), tmp_path / "j").generate(requests)
    assert server.asked["ok a"] == 1
    assert first[0] == first[2] == again[0] == "A fine a."
    assert again[1] == "A fine b."  # a failure is no answer
    other = Prompt(name="other", version=2, system="", user="<<<\n{caption}\n>>>")
    OpenAIGenerator(config(server, prompt=other), tmp_path / "j").generate(requests[:1])
    assert server.asked["ok a"] == 2  # another prompt is another question


def test_after_a_kill_nothing_in_the_journal_is_asked_again(server: Misbehaving, tmp_path: Path) -> None:
    server.delay = 0.03
    script = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from tests.test_openai_server import config, request
        from recaption.openai_server import OpenAIGenerator, ServerConfig
        settings = ServerConfig(base_url="http://127.0.0.1:{server.server_port}/v1", model="tiny-vl", concurrency=4)
        OpenAIGenerator(settings, Path(sys.argv[1])).generate([request(f"ok {{i}}") for i in range(2000)])
    """)
    root = Path(__file__).parent.parent
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "j")], cwd=root, env=os.environ | {"PYTHONPATH": str(root)}
    )
    deadline = time.monotonic() + 60
    while sum(server.asked.values()) < 40 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    time.sleep(0.2)
    before = Counter(server.asked)
    assert 40 <= len(before) < 2000
    settings = config(server, concurrency=4, backoff=1.0, timeout=120.0, max_retries=5)
    generator = OpenAIGenerator(settings, tmp_path / "j")
    answers = generator.generate([request(f"ok {i}") for i in range(120)])
    assert answers == [f"A fine {i}." for i in range(120)]
    asked_again = [c for c, n in before.items() if server.asked[c] > n]
    assert len(asked_again) <= 4  # those in flight when it died, no more


def test_the_journal_is_shared_between_processes(tmp_path: Path) -> None:
    one, two = Journal(tmp_path / "j"), Journal(tmp_path / "j")
    one.put("k", "first")
    two.put("k", "second")
    two.put("l", "é 中")
    assert one.get(["k", "l", "m"]) == {"k": "first", "l": "é 中"}


@pytest.mark.parametrize(
    ("raw", "caption"),
    [
        ("<think>The dog, hm.</think><answer>A dog.</answer>", "A dog."),
        ("<think>never ends", ""),
        ('"A dog."', "A dog."),
        ("Caption: A dog\non a mat.", "A dog on a mat."),
        ("<|begin_of_box|>Un perro<|end_of_box|>", "Un perro"),
        ("A sign that says “Stop”", "A sign that says “Stop”"),
        ("  \n", ""),
    ],
)
def test_answer_text(raw: str, caption: str) -> None:
    assert answer_text(raw) == caption
