"""One Chromium per worker: started, watched, recycled and, when it hangs or grows too large, killed and started anew.

Chromium runs behind the `Gateway` and resolves no name itself. Site isolation is off, so that one script context per frame is in reach of one
debugging session; pages of different sites never share a browser context. The sandbox needs an unprivileged user with user
namespaces and is therefore an option: switch it on where you crawl the open web.

`Watchdog` looks at the clock and at the memory of Chromium's processes from a thread of its own, because a page may hang in a
way that no protocol call returns from: past the limit the renderers are killed, and three seconds later the whole browser.
"""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from playwright.sync_api import Browser as PlaywrightBrowser
from playwright.sync_api import BrowserContext, Error, Playwright, sync_playwright

from gui_crawl.devices import Guise
from gui_crawl.gateway import Gateway
from sieveline.errors import ConfigError
from sieveline.reasons import Reason

PROGRAMS = ("chromium-headless-shell", "chromium")  # the first has no user interface, and a page costs a fifth less
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--deny-permission-prompts",
    "--block-new-web-contents",
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,site-per-process,IsolateSandboxedIframes,OriginKeyedProcessesByDefault,Translate",
    "--enable-blink-features=ComputedAccessibilityInfo",  # Chromium's own role and accessible name of an element, for extract.js
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the gateway resolves
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--js-flags=--max-old-space-size=1024",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chromium:
    """How the browser is run.

    Attributes:
        executable: path or name of the program; None takes the first of `PROGRAMS` that is installed.
        sandbox: Chromium's own sandbox; not as root and not in most containers.
        pages_per_browser: after so many pages a new browser is started, which keeps memory flat.
        max_memory: bytes of all its processes together; above, the page ends with the reason `page_memory`.
        agent: appended to the user agent, and the name looked for in robots.txt.
    """

    executable: str | None = None
    sandbox: bool = False
    pages_per_browser: int = 200
    max_memory: int = 4 << 30
    agent: str = "SievelineBot/0.1"


def installed(names: Sequence[str] = PROGRAMS) -> str | None:
    """Path of the first of these programs that is there."""
    return next(filter(None, map(shutil.which, names)), None)


def find(config: Chromium) -> str:
    """Path of the program.

    Raises:
        ConfigError: it is not installed.
    """
    names = PROGRAMS if config.executable is None else (config.executable,)
    path = installed(names)
    if path is None:
        raise ConfigError(f"{' or '.join(names)} is not installed; `python -m demo.system chromium` installs Chromium")
    return path


class Watchdog:
    """Kills what outlives its time or its memory. `over` says why, None while all is well."""

    def __init__(self, processes: Callable[[], list[int]], max_memory: int):
        self._processes, self._max_memory = processes, max_memory
        self._deadline = float("inf")
        self._closed = threading.Event()
        self.over: str | None = None
        self.peak_bytes = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def start(self, seconds: float) -> None:
        self.over, self._deadline = None, time.monotonic() + seconds

    def stop(self) -> None:
        self._deadline = float("inf")

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(0.5):
            now = time.monotonic()
            if self._deadline == float("inf"):
                continue
            if now > self._deadline:
                self.over = self.over or Reason.PAGE_TIMEOUT
                self._kill(whole=now > self._deadline + 3)
            elif self.over is None:
                used = sum(map(_private_bytes, self._processes()))
                self.peak_bytes = max(self.peak_bytes, used)
                if used > self._max_memory:
                    self.over = Reason.PAGE_MEMORY
                    self._kill(whole=False)
                    self._deadline = min(self._deadline, now)  # and the whole browser if this does not end it

    def _kill(self, whole: bool) -> None:
        processes = self._processes()
        for process in processes if whole else [p for p in processes if b"--type=renderer" in _command(p)] or processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def _command(process: int) -> bytes:
    with suppress(OSError), open(f"/proc/{process}/cmdline", "rb") as file:
        return file.read()
    return b""


def _private_bytes(process: int) -> int:
    """Resident memory that no file backs; 0 for a process that is gone."""
    with suppress(OSError), open(f"/proc/{process}/statm", "rb") as file:
        _, resident, shared, *_ = map(int, file.read().split())
        return (resident - shared) * os.sysconf("SC_PAGESIZE")
    return 0


def _cpu_seconds(process: int) -> float:
    with suppress(OSError), open(f"/proc/{process}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # user, system, and of the children waited for
    return 0.0


def _tree(root: int) -> list[int]:
    """`root` and the processes below it, by the kernel's own list of children."""
    found, open_ends = [], [root]
    while open_ends:
        process = open_ends.pop()
        found.append(process)
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{process}/task"):
                with suppress(OSError), open(f"/proc/{process}/task/{thread}/children", "rb") as file:
                    open_ends += map(int, file.read().split())
    return found


class Browser:
    """A Chromium that starts when it is first needed and is replaced when it dies. Use as a context manager, in one thread.

    Raises:
        ConfigError: there is no Chromium, or it does not start.
    """

    def __init__(self, config: Chromium, gateway: Gateway):
        self.config, self.gateway = config, gateway
        self._playwright: Playwright | None = None
        self._browser: PlaywrightBrowser | None = None
        self._process: int | None = None
        self._contexts: dict[tuple[str, Guise], BrowserContext] = {}
        self.num_pages = self.num_starts = 0
        self._spent = 0.0
        self.watchdog = Watchdog(self._processes, config.max_memory)

    def __enter__(self) -> "Browser":
        self._executable = find(self.config)
        self._playwright = sync_playwright().start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.watchdog.close()
        self.close()
        if self._playwright is not None:
            with suppress(Error):
                self._playwright.stop()

    def _processes(self) -> list[int]:
        return _tree(self._process) if self._process else []

    def context(self, site: str, guise: Guise) -> BrowserContext:
        """The context in which `site` is seen in `guise`: cookies and storage of no other site are in it."""
        if self._browser is None or not self._browser.is_connected() or self.num_pages >= self.config.pages_per_browser:
            self.close()
            self._start()
        assert self._browser is not None
        key = (site, guise)
        if key not in self._contexts:
            device = guise.device
            version = self._browser.version
            system = "Linux; Android 10; K" if device.mobile else "X11; Linux x86_64"
            agent = f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version.split('.')[0]}.0.0.0"
            context = self._browser.new_context(
                viewport={"width": device.width, "height": device.height},
                device_scale_factor=device.scale,
                is_mobile=device.mobile,
                has_touch=device.mobile,
                locale=guise.locale,
                timezone_id="UTC",
                color_scheme="dark" if guise.scheme == "dark" else "light",
                reduced_motion="reduce",
                user_agent=f"{agent}{' Mobile' if device.mobile else ''} Safari/537.36 {self.config.agent}",
                accept_downloads=False,
                service_workers="block",
                permissions=[],
            )
            self._contexts[key] = context
        return self._contexts[key]

    def forget(self, site: str) -> None:
        """Closes the contexts of `site`."""
        for key in [k for k in self._contexts if k[0] == site]:
            context = self._contexts.pop(key)
            with suppress(Error):
                context.close()

    def _start(self) -> None:
        assert self._playwright is not None
        sandbox = [] if self.config.sandbox else ["--no-sandbox"]
        try:
            self._browser = self._playwright.chromium.launch(
                executable_path=self._executable,
                args=[*FLAGS, *sandbox],
                proxy={"server": self.gateway.address, "bypass": "<-loopback>"},
                chromium_sandbox=self.config.sandbox,
                handle_sigint=False,
                handle_sigterm=False,
            )
            session = self._browser.new_browser_cdp_session()
            found = session.send("SystemInfo.getProcessInfo")["processInfo"]
            session.detach()
        except Error as error:
            raise ConfigError(f"Chromium does not start: {str(error).splitlines()[0][:200]}") from error
        self._process = next(int(p["id"]) for p in found if p["type"] == "browser")
        self.num_pages, self.num_starts = 0, self.num_starts + 1

    def cpu_seconds(self) -> float:
        """User and system time of the browsers so far and of Playwright's driver, children that ended and were waited for included."""
        return self._spent + sum(map(_cpu_seconds, self._driver()))

    def _driver(self) -> list[int]:
        return [
            p for p in _tree(os.getpid())[1:] if b"playwright" in _command(p) or p == self._process or b"chrom" in _command(p)
        ]

    def close(self) -> None:
        """Ends the browser; the next `context` starts another."""
        self._contexts.clear()
        browser, self._browser = self._browser, None
        processes = self._processes()
        self._spent += sum(map(_cpu_seconds, processes))
        self._process = None
        if browser is not None:
            with suppress(Error):
                browser.close()
        for process in processes:  # what is left of a browser that does not end by itself
            if b"chrom" in _command(process):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
