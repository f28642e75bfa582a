"""One page of the browser, reused from address to address: goes there, waits until it is quiet, looks and acts.

Scripts run in an isolated world of each frame (`scripts/`), which sees the document but shares no JavaScript object with the page, so that a
page which replaces built-in functions changes nothing of what is found. Every document request passes `on_document` first: it stops
forms, downloads and, while a page is explored, leaving the page.
"""

import base64
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, CDPSession, Dialog, Error, Page, Response, TimeoutError

from gui_crawl.devices import Device
from sieveline.reasons import Reason

_SCRIPTS = Path(__file__).parent / "scripts"
_LIBRARY = ("visibility.js", "personal.js", "extract.js", "actions.js")
_WORLD = "sieveline"
_ATTEMPTS = 4  # to run a script in a document that may be replaced meanwhile
_REPLACED = re.compile("context|target navigated|promise was collected", re.IGNORECASE)  # what Chromium then says


@cache
def library() -> str:
    """The scripts of the isolated world, one after the other."""
    return "\n".join((_SCRIPTS / name).read_text() for name in _LIBRARY) + "\ntrue"


@cache
def init_script() -> str:
    return (_SCRIPTS / "init.js").read_text()


def scripts() -> str:
    """All that runs in the browser, for fingerprints."""
    return init_script() + library()


class PageFailure(Exception):
    """This page cannot be captured.

    Attributes:
        reason: value of a `Reason`.
        detail: one line for the ledger.
    """

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail[:200]


@dataclass(slots=True)
class Visit:
    """What happened on the way to a page.

    Attributes:
        url: where it ended.
        status: of the HTTP answer.
        headers: of the answer, names in lower case.
        blocked: addresses of documents that were not let through, in order.
        dialogs: alerts and the like that were dismissed.
        documents: document requests, redirects and frames included.
        complete: whether the load event came and the page fell quiet in time.
    """

    url: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    dialogs: int = 0
    documents: int = 0
    complete: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long is waited, and what is too much.

    Attributes:
        load: seconds for the document and its load event.
        quiet: milliseconds without a change of the document after which it counts as settled.
        settle: milliseconds after which it is looked at in any case.
        drawing: milliseconds at most that a page with a canvas gets after its load, since charts draw themselves in; 0 does not wait for them.
        max_documents: document requests of one page, redirects and frames included.
        max_dialogs: alerts of one page.
    """

    load: float = 20.0
    quiet: int = 60
    settle: int = 2500
    drawing: int = 4000
    max_documents: int = 60
    max_dialogs: int = 20


class Tab:
    """A page of `context`. A crash, of the page or the browser, shows as `PageFailure`; the tab is then `dead`."""

    def __init__(self, context: BrowserContext, device: Device, patience: Patience, allow_form: Callable[[str], bool]):
        self.context, self.device, self.patience, self._allow_form = context, device, patience, allow_form
        self.page: Page = context.new_page()
        self.page.on("popup", self._close_popup)
        self.page.on("dialog", self._dismiss)
        self.page.on("crash", lambda _: self._die())
        self.session: CDPSession = context.new_cdp_session(self.page)
        self.session.on("Fetch.requestPaused", self._document)
        self.frame_id: str = self.frame_tree()["frame"]["id"]  # of the page's own frame, whatever it shows
        self._world: dict[str, int] = {}
        self._answer: Response | None = None
        self.dead = False
        self.exploring = False
        self.visit = Visit()
        self.may_visit: Callable[[str], str | None] = lambda url: None
        screen = {"width": device.width, "height": device.height, "deviceScaleFactor": device.scale, "mobile": device.mobile}
        for method, arguments in (
            ("Emulation.setDeviceMetricsOverride", screen),  # else this session's screenshots have one pixel per CSS pixel
            ("Page.enable", {}),
            ("Accessibility.enable", {}),  # keeps roles and names computed; asked one by one without it each costs 6 ms
            ("Fetch.enable", {"patterns": [{"resourceType": "Document", "requestStage": "Request"}]}),
            ("Page.addScriptToEvaluateOnNewDocument", {"source": init_script()}),
        ):
            self.session.send(method, arguments)

    def _die(self) -> None:
        self.dead = True

    def close(self) -> None:
        with suppress(Error):
            self.page.close()

    @staticmethod
    def _close_popup(page: Page) -> None:
        with suppress(Error):
            page.close()

    def _dismiss(self, dialog: Dialog) -> None:
        with suppress(Error):
            if dialog.type == "beforeunload":  # to dismiss it is to stay, and the next address would be aborted
                dialog.accept()
                return
            self.visit.dialogs += 1
            if self.visit.dialogs == self.patience.max_dialogs:
                self.session.send("Page.stopLoading")
            dialog.dismiss()

    def _document(self, event: dict[str, Any]) -> None:
        """Lets a document request through or not."""
        self.visit.documents += 1
        request, url = event["request"], event["request"]["url"]
        top = event["frameId"] == self.frame_id
        why = None
        if self.visit.documents > self.patience.max_documents:
            why = "redirects without end" if top else "too many frames"
        elif request["method"] != "GET" and not self._allow_form(url):
            why = "form"
        elif top and (self.exploring or (why := self.may_visit(url))):
            why = why or "leaves the page"
        with suppress(Error):
            if why:
                self.visit.blocked.append(f"{why}: {url[:300]}")
                self.session.send("Fetch.failRequest", {"requestId": event["requestId"], "errorReason": "Aborted"})
            else:
                self.session.send("Fetch.continueRequest", {"requestId": event["requestId"]})

    # -- going there

    def open(self, url: str) -> Visit:
        """Goes to `url` and waits until the page is there and quiet.

        Raises:
            PageFailure: it cannot be had; the reason says why.
        """
        self.visit, self.exploring = Visit(), False
        self._world.clear()
        self._answer = None
        try:
            try:
                self._answer = self.page.goto(url, wait_until="load", timeout=self.patience.load * 1000)
            except TimeoutError as late:
                self.session.send("Page.stopLoading")
                if self.page.url in ("about:blank", "") or not self._parsed():
                    raise PageFailure(Reason.PAGE_TIMEOUT, f"no document within {self.patience.load:g} s") from late
                self.visit.complete = False
            self.visit.url = self.page.url
            if self._answer is not None:
                self.visit.status = self._answer.status
                self.visit.headers = self._answer.headers
            if self.visit.dialogs >= self.patience.max_dialogs:
                raise PageFailure(Reason.DIALOGS, f"{self.visit.dialogs} dialogs")
            if not self.settle(loaded=True):
                self.visit.complete = False
        except Error as error:
            raise self.failure(error) from error
        return self.visit

    def _parsed(self) -> bool:
        with suppress(Error):
            found = self.session.send("Runtime.evaluate", {"expression": "document.readyState", "timeout": 2000})
            return found["result"].get("value") in ("interactive", "complete")
        return False

    def failure(self, error: Error) -> PageFailure:
        """What an error of Playwright means for the page."""
        text = str(error)
        known = (
            ("crash", Reason.PAGE_CRASHED),
            ("Target closed", Reason.PAGE_CRASHED),
            ("has been closed", Reason.PAGE_CRASHED),
            ("Connection closed", Reason.PAGE_CRASHED),
            ("ERR_TOO_MANY_REDIRECTS", Reason.REDIRECTS),
            ("Download is starting", Reason.DOWNLOAD),
            ("Timeout", Reason.PAGE_TIMEOUT),
            ("ERR_ABORTED", Reason.NAVIGATION_BLOCKED),
            ("ERR_", Reason.UNREACHABLE),
        )
        if self.dead:
            return PageFailure(Reason.PAGE_CRASHED, "the page's process ended")
        line = next((part for part in text.splitlines() if part.strip()), text)
        if "ERR_ABORTED" in text and self.visit.blocked and self.visit.blocked[-1].startswith(Reason.REDIRECTS):
            return PageFailure(Reason.REDIRECTS, self.visit.blocked[-1])
        for sign, reason in known:
            if sign in text:
                self.dead = self.dead or reason == Reason.PAGE_CRASHED
                return PageFailure(reason, f"{line} {' '.join(self.visit.blocked[-1:])}")
        return PageFailure(Reason.PAGE_FAILED, line)

    # -- scripts

    def _context_id(self, frame: str) -> int:
        if frame not in self._world:
            made = self.session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": _WORLD})
            self._world[frame] = made["executionContextId"]
            self._evaluate(self._world[frame], library())
        return self._world[frame]

    def _evaluate(self, context: int, expression: str, wait: bool = False) -> Any:
        arguments = {"expression": expression, "contextId": context, "returnByValue": True, "awaitPromise": wait}
        found = self.session.send("Runtime.evaluate", arguments)
        if "exceptionDetails" in found:
            detail = found["exceptionDetails"]
            raise PageFailure(
                Reason.SCRIPT_FAILED, str(detail.get("exception", {}).get("description", detail.get("text"))).splitlines()[0]
            )
        return found["result"].get("value")

    def call(
        self, function: str, argument: Any = None, frame: str | None = None, wait: bool = False, spread: bool = False
    ) -> Any:
        """`sieveline.FUNCTION(argument)` in a frame's isolated world (by default the page's own); `spread` gives a list's items one by one."""
        frame = frame or self.frame_id
        said = f"sieveline.{function}({'...' if spread else ''}{json.dumps(argument)})"
        # As one string: Playwright looks through every object of an answer, on both of its sides.
        expression = f"{said}.then(JSON.stringify)" if wait else f"JSON.stringify({said})"
        for attempt in range(_ATTEMPTS):
            try:
                answer = self._evaluate(self._context_id(frame), expression, wait)
                return None if answer is None else json.loads(answer)
            except Error as error:
                if not _REPLACED.search(str(error)) or attempt == _ATTEMPTS - 1:
                    raise
                self._world.pop(frame, None)  # the document was replaced: its world went with it
                self.exploring = self.exploring or attempt > 0  # a page that goes on by itself stays where it is now
                self.page.wait_for_timeout(100)
        raise AssertionError

    def frame_tree(self) -> dict[str, Any]:
        return self.session.send("Page.getFrameTree")["frameTree"]

    def settle(self, loaded: bool = False) -> bool:
        """Waits until the document is quiet, after a load also until canvases had time for their opening animation; False if not in time."""
        drawing = self.patience.drawing if loaded else 0
        return bool(
            self.call("settle", {"quiet": self.patience.quiet, "limit": self.patience.settle, "drawing": drawing}, wait=True)
        )

    def open_closed_roots(self) -> None:
        """Makes shadow roots that the HTML declares closed known to the scripts; those made by script are opened by init.js."""
        with suppress(Error):  # a document that is still coming in, or is no longer held, is looked through node by node
            if (answer := self._answer) is not None and answer.url == self.page.url.partition("#")[0]:
                source = answer.body().lower().replace(b"\0", b"")  # UTF-16 has zeros between the letters
                if b"shadowrootmode" not in source:
                    return
        document = self.session.send("DOM.getDocument", {"depth": -1, "pierce": True})["root"]
        context, open_ends = self._context_id(self.frame_id), [document]
        while open_ends:
            node = open_ends.pop()
            open_ends += node.get("children", []) + node.get("shadowRoots", [])
            for root in node.get("shadowRoots", []):
                if root["shadowRootType"] == "closed":
                    held = self.session.send(
                        "DOM.resolveNode", {"backendNodeId": root["backendNodeId"], "executionContextId": context}
                    )
                    call = {
                        "functionDeclaration": "function () { sieveline.openClosedRoot(this) }",
                        "objectId": held["object"]["objectId"],
                    }
                    self.session.send("Runtime.callFunctionOn", call)

    # -- looking and acting

    def screenshot(self) -> bytes:
        """What the screen shows, as PNG, `scale` pixels per CSS pixel."""
        for attempt in range(_ATTEMPTS):
            try:
                shot = self.session.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True})
                return base64.b64decode(shot["data"])
            except Error as error:  # on a busy machine a document's first frame may not be there yet
                if "Unable to capture" not in str(error) or attempt == _ATTEMPTS - 1:
                    raise
                self.page.wait_for_timeout(100)
        raise AssertionError

    def click(self, x: float, y: float) -> None:
        self.page.mouse.click(x, y)

    def hover(self, x: float, y: float) -> None:
        self.page.mouse.move(x, y)

    def rest(self, seconds: float) -> None:
        """Lets the page go on for a while; its events are handled meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.page.wait_for_timeout(min(left * 1000, 100))
