"""What a site asks of crawlers, honoured by default: robots.txt (RFC 9309, parsed by Protego), and `noai` in headers and meta tags.

robots.txt is fetched once per host through the gateway; a missing one (4xx) allows all, one that cannot be had (5xx, no answer) forbids all.
`X-Robots-Tag` and `<meta name=robots>` opt a page out by the directives img2dataset honours: noai, noimageai, noindex, noimageindex;
`nofollow` and `none` keep its links out of the frontier.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gui_crawl.gateway import Gateway, fetch

_MAX_BYTES = 512_000  # RFC 9309: a crawler reads at least 500 kibibytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Manners:
    """What the crawl honours.

    Attributes:
        robots: whether robots.txt is followed.
        opt_out: directives that keep a page out; None honours none.
        delay: seconds between two page loads of one site; 0 where the recipe crawls its own loopback.
        max_delay: a longer Crawl-delay is taken as this.
        timeout: seconds for robots.txt.
    """

    robots: bool = True
    opt_out: tuple[str, ...] | None = ("noai", "noimageai", "noindex", "noimageindex", "none")
    delay: float = 1.0
    max_delay: float = 30.0
    timeout: float = 10.0


class Robots:
    """The robots.txt of each host, fetched when first asked about."""

    def __init__(self, gateway: Gateway, manners: Manners, agent: str):
        self._gateway, self._manners, self._agent = gateway, manners, agent
        self._rules: dict[str, Any] = {}

    def _of(self, url: str) -> Any:
        from protego import Protego

        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._rules:
            try:
                status, body = fetch(
                    self._gateway, f"{origin}/robots.txt", agent=self._agent, limit=_MAX_BYTES, timeout=self._manners.timeout
                )
            except OSError:
                status, body = 503, b""
            if status >= 500:
                body = b"User-agent: *\nDisallow: /"
            self._rules[origin] = Protego.parse(body.decode("utf-8", "replace") if status < 400 or status >= 500 else "")
        return self._rules[origin]

    def allows(self, url: str) -> bool:
        return not self._manners.robots or self._of(url).can_fetch(url, self._agent)

    def delay(self, url: str) -> float:
        """Seconds to leave between two page loads of this host."""
        asked = self._of(url).crawl_delay(self._agent) if self._manners.robots else None
        return max(self._manners.delay, min(float(asked or 0), self._manners.max_delay))


def directives(values: Iterable[str], agent: str) -> set[str]:
    """The directives of `X-Robots-Tag` values or meta contents that address everyone or `agent`, in lower case."""
    found: set[str] = set()
    for value in values:
        for line in value.lower().split("\n"):  # several headers of one name are joined by line breaks
            addressed, _, rest = line.partition(":")
            if rest and addressed.strip() in (agent.lower(), "*"):
                line = rest  # noqa: PLW2901
            elif rest and "," not in addressed and " " not in addressed.strip() and addressed.strip() != "unavailable_after":
                continue  # for another crawler
            found |= {part.strip() for part in line.split(",") if part.strip()}
    return found


def opted_out(found: set[str], manners: Manners) -> bool:
    return manners.opt_out is not None and bool(found & set(manners.opt_out))


def may_follow(found: set[str]) -> bool:
    return not found & {"nofollow", "none"}
