"""Screens the crawl looks through: common resolutions of desktops, tablets and phones, light and dark, several locales.

CogAgent draws "random common device resolutions" (Hong et al., 2023); the desktop shares are ours, after public screen statistics.
"""

from dataclasses import dataclass

from sieveline.draws import uniform


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A screen.

    Attributes:
        name: what the ledger calls it.
        width: of the viewport, CSS pixels.
        height: the same.
        scale: screenshot pixels per CSS pixel, 1 to 3.
        mobile: whether the page is laid out as on a phone (viewport meta tag, touch).
        share: how often it is drawn, relative to the others.
    """

    name: str
    width: int
    height: int
    scale: float = 1.0
    mobile: bool = False
    share: float = 1.0


DEVICES = (
    Device(name="desktop-hd", width=1280, height=720, share=2),
    Device(name="desktop-laptop", width=1366, height=768, share=2),
    Device(name="desktop-retina", width=1280, height=800, scale=2),
    Device(name="desktop-wide", width=1536, height=864, scale=1.25),
    Device(name="desktop-full-hd", width=1920, height=1080),
    Device(name="tablet", width=820, height=1180, scale=2, mobile=True),
    Device(name="tablet-small", width=768, height=1024, scale=1.5, mobile=True, share=0.5),
    Device(name="phone", width=390, height=844, scale=3, mobile=True),
    Device(name="phone-android", width=412, height=915, scale=2.625, mobile=True),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Guise:
    """What the browser is taken for: device, colour scheme and locale."""

    device: Device
    scheme: str  # light or dark
    locale: str  # BCP 47


@dataclass(frozen=True, kw_only=True, slots=True)
class Guises:
    """How guises are drawn.

    Attributes:
        devices: to draw from, by their shares.
        dark: share of pages seen in the dark scheme, 0-1.
        locales: to draw from, evenly.
        per_site: a site is seen in so many guises at most, since each has a browser context of its own.
    """

    devices: tuple[Device, ...] = DEVICES
    dark: float = 0.25
    locales: tuple[str, ...] = ("en-US", "zh-CN", "en-GB", "de-DE")
    per_site: int = 3

    def draw(self, seed: int, site: str, page: str) -> Guise:
        """The guise of `page` of `site`, a function of `seed` and these names alone."""
        number = int(uniform(seed, "guise", page) * self.per_site)
        total = sum(d.share for d in self.devices)
        at = uniform(seed, "device", site, number) * total
        for device in self.devices:
            at -= device.share
            if at < 0:
                break
        locale = self.locales[int(uniform(seed, "locale", site, number) * len(self.locales))]
        dark = uniform(seed, "scheme", site, number) < self.dark
        return Guise(device=device, scheme="dark" if dark else "light", locale=locale)
