"""A browser for the tests of the crawl: one Chromium a test file, folders served below names of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gui_crawl.address_rules import AddressRules
from gui_crawl.browser import Browser, Chromium, installed
from gui_crawl.devices import Device, Guise
from gui_crawl.gateway import Gateway
from gui_crawl.tab import Patience, Tab

PROGRAM = installed()
needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")
SCREEN = Device(name="test", width=800, height=600)


@contextmanager
def browser_on(folders: dict[str, Path], rules: AddressRules | None = None, **config: object) -> Iterator[Browser]:
    """A browser that reaches `folders` by their host names, and what `rules` allow."""
    with Gateway(rules or AddressRules(), folders) as gateway, Browser(Chromium(**config), gateway) as browser:
        yield browser


def new_tab(
    browser: Browser, device: Device = SCREEN, scheme: str = "light", patience: Patience | None = None, site: str = "test"
) -> Tab:
    context = browser.context(site, Guise(device=device, scheme=scheme, locale="en-US"))
    return Tab(context, device, patience or Patience(drawing=0), lambda url: False)
