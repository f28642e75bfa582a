"""A process of its own that reads PDFs, in the jail: a hostile PDF may crash or stall PDFium, not the worker that asks.

The worker starts one `Reader` and gives it one PDF after the other, so that its start (0.3 CPU-seconds of imports) is paid
once; after a crash or a stall it is started anew. What comes back is JSON and bytes, never pickles.
"""

import json
import os
import select
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ocr_synth.academic import jail
from ocr_synth.academic.sources import UnusableError
from sieveline.reasons import Reason

_HEAD = struct.Struct("<II")  # bytes of JSON, bytes after it


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What reading one PDF may take.

    Attributes:
        pages: longer ones are refused.
        wall_seconds: for its text, and again for each page's raster.
        memory_bytes: address space of the process.
        confine: as in `jail.Limits`.
    """

    pages: int = 400
    wall_seconds: float = 60.0
    memory_bytes: int = 3 << 30
    confine: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    """What a PDF says.

    Attributes:
        made_on: YYYYMMDD, empty if it does not say.
        sizes: width and height of every page, in points.
        words: its words as `pdf.pack` gives them.
        num_words: how many.
    """

    made_on: str
    sizes: list[list[float]]
    words: bytes
    num_words: int


class Reader:
    """The process, from the side that asks.

    Attributes:
        lock: one PDF is open at a time; whoever opens one holds this until its last raster.
    """

    def __init__(self, limits: Limits):
        self.lock = threading.Lock()
        self._limits = limits
        self._child: subprocess.Popen | None = None
        self._folder: tempfile.TemporaryDirectory | None = None

    def close(self) -> None:
        if self._child:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe:
                    with suppress(OSError):
                        pipe.close()
            self._child = None
        if self._folder:
            self._folder.cleanup()
            self._folder = None

    def cpu_seconds(self) -> float:
        """User and system time of the process so far; 0 if it does not run."""
        if self._child is None:
            return 0.0
        with suppress(OSError):
            after_name = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def open(self, content: bytes) -> Text:
        """Opens a PDF and reads its text.

        Raises:
            UnusableError: broken, encrypted, too long, without text, or PDFium crashed or stalled over it.
        """
        answer, words = self._ask({"do": "open", "pages": self._limits.pages}, content)
        return Text(answer["made_on"], answer["sizes"], words, answer["num_words"])

    def rasters(self, num_pages: int, dpi: int, max_side: int) -> Iterator[tuple[bytes, int, int]]:
        """Every page of the open PDF: a PNG, its width and its height in pixels.

        Raises:
            UnusableError: PDFium crashed or stalled over it.
        """
        for page in range(num_pages):
            answer, png = self._ask({"do": "raster", "page": page, "dpi": dpi, "max_side": max_side}, b"")
            yield png, answer["width"], answer["height"]

    def _ask(self, order: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        child = self._started()
        assert child.stdin
        assert child.stdout
        deadline = time.monotonic() + self._limits.wall_seconds
        try:
            _send(child.stdin, order, content)
            size, extra = _HEAD.unpack(_receive(child.stdout, _HEAD.size, deadline))
            answer = json.loads(_receive(child.stdout, size, deadline))
            content = _receive(child.stdout, extra, deadline)
        except (EOFError, BrokenPipeError):
            self.close()
            raise UnusableError(Reason.PDF_BROKEN, "PDFium crashed over it, or ran out of memory") from None
        except TimeoutError:
            self.close()
            raise UnusableError(Reason.PDF_BROKEN, f"PDFium took more than {self._limits.wall_seconds:g} seconds") from None
        if "reason" in answer:
            raise UnusableError(Reason(answer["reason"]), answer["detail"])
        return answer, content

    def _started(self) -> subprocess.Popen:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._folder = tempfile.TemporaryDirectory(prefix="sieveline-pdf-")
            orders = [self._folder.name, str(self._limits.memory_bytes), str(int(self._limits.confine)), str(os.getpid())]
            self._child = subprocess.Popen(
                [sys.executable, "-m", __name__, *orders],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )
        return self._child


def _send(pipe: IO[bytes], head: dict[str, Any], content: bytes) -> None:
    text = json.dumps(head).encode()
    pipe.write(_HEAD.pack(len(text), len(content)) + text + content)
    pipe.flush()


def _receive(pipe: IO[bytes], size: int, deadline: float) -> bytes:
    """Raises EOFError or TimeoutError where the other side ends or takes too long."""
    parts, missing, file = [], size, pipe.fileno()
    poll = select.poll()
    poll.register(file, select.POLLIN)
    while missing:
        if not poll.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
            raise TimeoutError
        part = os.read(file, min(missing, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _serve(folder: str, memory_bytes: int, confine: bool, parent: int) -> None:
    """Answers orders until nobody asks any more."""
    import cv2
    import pypdfium2

    from ocr_synth.academic import pdf

    cv2.setNumThreads(1)
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is not an answer
    never = 1 << 40
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    software = [*jail.SOFTWARE, sys.prefix, sys.base_prefix]  # Python loads codecs when it needs them
    jail.enter(
        folder, software, {"file_bytes": 1 << 20, "memory_bytes": memory_bytes, "cpu_seconds": never, "confine": confine}
    )
    document: pdf.Document | None = None
    while head := orders.read(_HEAD.size):
        size, extra = _HEAD.unpack(head)
        order, content = json.loads(orders.read(size)), orders.read(extra)
        try:
            if order["do"] == "open":
                if document:
                    document.close()
                    document = None
                document = pdf.Document(content)
                answer, content = _text(document, order["pages"])
            else:
                assert document
                pixels = document.raster(order["page"], order["dpi"], order["max_side"])
                answer = {"width": pixels.shape[1], "height": pixels.shape[0]}
                content = cv2.imencode(".png", pixels if pixels.ndim == 2 else pixels[:, :, ::-1])[1].tobytes()
        except pypdfium2.PdfiumError as error:
            reason = Reason.PDF_ENCRYPTED if "password" in str(error).lower() else Reason.PDF_BROKEN
            answer, content = {"reason": reason.value, "detail": str(error)}, b""
        except UnusableError as error:
            answer, content = {"reason": error.reason.value, "detail": error.detail}, b""
        _send(answers, answer, content)


def _end_with(parent: int) -> None:
    """Ends this process with the one that asks. The kernel's own signal for that comes when the asking thread ends, which may be earlier."""
    while os.getppid() == parent:
        time.sleep(2)
    os._exit(1)


def _text(document: Any, max_pages: int) -> tuple[dict[str, Any], bytes]:
    from ocr_synth.academic import pdf

    if not 0 < len(document) <= max_pages:
        raise UnusableError(Reason.PDF_PAGES, f"{len(document)} pages, at most {max_pages}")
    pages = [document.page(i) for i in range(len(document))]
    num_words = sum(len(p.words) for p in pages)
    if num_words < pdf.MIN_WORDS * len(pages):
        raise UnusableError(Reason.PDF_NO_TEXT, f"{num_words} words on {len(pages)} pages")
    answer = {"made_on": document.made_on(), "sizes": [[p.width, p.height] for p in pages], "num_words": num_words}
    return answer, pdf.pack(pages)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1", int(sys.argv[4]))
