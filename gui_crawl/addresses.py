"""Where the crawl starts: lists of URLs, CommonCrawl's index and archive files, or a folder of pages, cut into shares of one site each.

| input | what is read |
|---|---|
| a folder with `.html` files | its pages, served under `NAME.localhost` by the gateway |
| `*.warc`, `*.warc.gz`, `*.wet.gz`, `*.wat.gz` | the target URI of every HTML response record |
| `*.cdx`, `*.cdxj`, `*.cdx.gz`, CommonCrawl's `cdx-*.gz` | the URL of every line that was HTML with status 200 |
| any other file | a list: one URL a line, `#` begins a comment |

A glob takes several files. Everything is read offline. URLs are brought into one canonical form (w3lib's, which sorts the query and drops the
fragment; tracking parameters dropped) and each is kept once. A *site* is a registrable domain (`example.co.uk`, by the public suffix list that
tldextract ships), the unit of politeness, budgets and browser contexts.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from gui_crawl.gateway import html_files
from sieveline import storage
from sieveline.errors import ConfigError
from sieveline.slices import Shard

_TRACKING = re.compile(r"^(utm_\w+|gclid|fbclid|msclkid|dclid|yclid|mc_[ce]id|_ga|igshid|ref_src|spm)$", re.IGNORECASE)
_MAX_URL = 2_000  # characters; longer ones are traps or payloads
_LINE = 1 << 16  # bytes of a line that are read


def canonical(url: str) -> str | None:
    """The one form of `url` that it is known by; None if it is no web address."""
    from w3lib.url import canonicalize_url, url_query_cleaner

    url = url.strip()
    if len(url) > _MAX_URL:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if parts.scheme.lower() not in ("http", "https") or not host or parts.username or parts.password:
            return None
        tracked = [p.partition("=")[0] for p in parts.query.split("&") if _TRACKING.match(p.partition("=")[0])]
        if tracked:
            url = url_query_cleaner(url, tracked, remove=True, unique=False)
        cleaned = urlsplit(canonicalize_url(url))
    except (ValueError, UnicodeError):
        return None
    usual = {"http": 80, "https": 443}[cleaned.scheme]
    host = f"[{host}]" if ":" in host else host
    return cleaned._replace(netloc=host if port in (None, usual) else f"{host}:{port}").geturl()


@cache
def _suffixes():
    import tldextract

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)  # the list in the package: nothing is fetched


@lru_cache(1 << 16)
def site_of_host(host: str) -> str:
    found = _suffixes()(host)
    return (found.top_domain_under_public_suffix or host).lower()


def site(url: str) -> str:
    """The registrable domain of a URL; its host where it has none (an IP address, `localhost`)."""
    return site_of_host((urlsplit(url).hostname or "").rstrip("."))


@dataclass(frozen=True, slots=True)
class Share:
    """A share of one site's URLs, the crawl's source shard.

    Attributes:
        id: of the shard.
        site: see the module's docstring.
        urls: canonical, in input order.
        folder: what is served under the site's name; None for the web.
    """

    id: str
    site: str
    urls: tuple[str, ...]
    folder: str | None = None


def folder_host(folder: str) -> str:
    """The name a folder is served under."""
    name = re.sub(r"[^a-z0-9]+", "-", Path(folder).resolve().name.lower()).strip("-") or "folder"
    return f"{name}.localhost"


@lru_cache(4)
def shares(given: str, urls_per_shard: int, max_urls: int | None) -> tuple[Share, ...]:
    """The shares that an input is cut into, sorted by id.

    Args:
        given: path, folder or glob; see the module's docstring.
        urls_per_shard: most URLs of a share.
        max_urls: most URLs in all, those that come first; None for no limit.

    Raises:
        ConfigError: there is nothing to read, or no URL in it.
    """
    folder = Path(given.removeprefix("file://"))
    if storage.is_local(given) and folder.is_dir():
        host = folder_host(str(folder))
        pages = html_files(folder)
        if not pages:
            raise ConfigError(
                f"--input {given}: no .html file in this folder; give a list of URLs, a WARC or CDX file, or a glob of such"
            )
        served = {host: [u for u in (canonical(f"http://{host}/{p}") for p in pages[:max_urls]) if u]}
        return _cut(served, urls_per_shard, str(folder.resolve()))
    fs, path = storage.filesystem(given)
    files = sorted(str(p) for p in fs.glob(path) if fs.isfile(p))
    if not files:
        raise ConfigError(f"--input {given}: no such file")
    by_site: dict[str, dict[str, None]] = {}
    total = 0
    for url in (u for f in files for u in read_urls(f, fs)):
        if max_urls is not None and total >= max_urls:
            break
        known = canonical(url)
        if known is not None and known not in by_site.setdefault(site(known), {}):
            by_site[site(known)][known] = None
            total += 1
    if not total:
        raise ConfigError(f"--input {given}: no http or https URL in {'it' if len(files) == 1 else 'these files'}")
    return _cut({name: list(urls) for name, urls in by_site.items()}, urls_per_shard, None)


def _cut(by_site: dict[str, list[str]], size: int, folder: str | None) -> tuple[Share, ...]:
    found = []
    for name, urls in by_site.items():
        safe = re.sub(r"[^a-z0-9.-]", "_", name)[:120]
        for number, start in enumerate(range(0, len(urls), size)):
            found.append(Share(f"{safe}-{number:04d}", name, tuple(urls[start : start + size]), folder))
    return tuple(sorted(found, key=lambda s: s.id))


def find_shards(given: str, urls_per_shard: int, max_urls: int | None) -> list[Shard]:
    """The shares of an input as source shards; `share_of` finds a share again."""
    return [Shard(s.id, f"{given}#{s.id}", sum(map(len, s.urls))) for s in shares(given, urls_per_shard, max_urls)]


def share_of(shard: Shard, urls_per_shard: int, max_urls: int | None) -> Share:
    given = shard.url.removesuffix(f"#{shard.id}")
    return next(s for s in shares(given, urls_per_shard, max_urls) if s.id == shard.id)


def read_urls(path: str, fs: object) -> Iterator[str]:
    """The URLs in a file, by its name's kind. A file that is cut or broken gives what could be read."""
    name = path.rsplit("/", 1)[-1].lower()
    with fs.open(path, "rb") as file:  # type: ignore[attr-defined]
        if re.search(r"\.(warc|wet|wat|arc)(\.gz)?$", name):
            yield from _warc_urls(file)
            return
        lines = _lines(gzip.open(file) if name.endswith(".gz") else file)  # noqa: SIM115  closed with `file`
        if re.search(r"\.cdxj?(\.gz)?$", name) or re.match(r"cdx-\d+", name):
            yield from _cdx_urls(lines)
        else:
            yield from (
                line
                for line in (text.split("#", 1)[0].strip() if text.startswith("#") else text.strip() for text in lines)
                if line
            )


def _lines(file: object) -> Iterator[str]:
    try:
        while line := file.readline(_LINE):  # type: ignore[attr-defined]
            yield line.decode("utf-8", "replace")
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return  # a download cut short: what came before it stands


def _warc_urls(file: object) -> Iterator[str]:
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    try:
        for record in ArchiveIterator(file):
            if record.rec_type not in ("response", "conversion", "resource"):
                continue
            kind = (record.http_headers.get_header("Content-Type") or "") if record.http_headers else "text/html"
            status = record.http_headers.get_statuscode() if record.http_headers else "200"
            url = record.rec_headers.get_header("WARC-Target-URI")
            if url and status == "200" and re.match(r"(text/html|application/xhtml)", kind):
                yield url.strip("<>")
    except (ArchiveLoadFailed, EOFError, zlib.error):
        return


def _cdx_urls(lines: Iterable[str]) -> Iterator[str]:
    """CDXJ (`key time {json}`, CommonCrawl's) and the older space-separated CDX, whose header says where the URL stands."""
    columns = ["N", "b", "a", "m", "s", "k", "r", "M", "S", "V", "g"]
    for line in lines:
        if line.lstrip().startswith("CDX "):
            columns = line.split()[1:]
            continue
        if "{" in line:
            try:
                entry = json.loads(line[line.index("{") :])
            except ValueError:
                continue
            mime, status, url = (
                entry.get("mime-detected") or entry.get("mime"),
                str(entry.get("status", "200")),
                entry.get("url"),
            )
        else:
            fields = dict(zip(columns, line.split(), strict=False))
            mime, status, url = fields.get("m"), fields.get("s", "200"), fields.get("a")
        if isinstance(url, str) and status == "200" and (mime is None or re.match(r"(text/html|application/xhtml)", str(mime))):
            yield url
