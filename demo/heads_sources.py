"""Further real pairs, for training the alignment heads only: clip art with its titles, and the figures of four manuals.

| source | pictures | caption |
|---|---|---|
| openclipart | clip art (PNG) | title, description and keywords in the metadata of its SVG |
| kicad, gimp, handbook, skimage | figures of the manuals in English | `alt` text or figure caption of two words or more |

Icon sets, floods of one title and pictures that several pages show (navigation) are left out. Nothing of this is in the demo's
pool; a picture that looks like one of the pool's is in its family (`demo.families`) and left out too.
"""

import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from PIL import Image, UnidentifiedImageError

from demo.packages import PACKAGES, fetch
from demo.sources import Item

FLOODS = ("computer/icons", "shapes/stars", "special/gradients")
_MAX_SAME_TITLE = 8
NO_KEYWORD = {"", "hash", "unsorted", "icon", "icons", "theme", "sign", "mapsym", "clipart"}
_NOT_A_DESCRIPTION = re.compile(r"https?:|www\.|@|converted|bitmap|\d{4}", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipArt:
    """A drawing of openclipart with what its SVG says of it; texts may be empty.

    Attributes:
        relative: path of the drawing within the library.
        png: the drawing.
        title, description: `dc:title` without numbers and authors, `dc:description`.
        keywords: in reading order.
    """

    relative: Path
    png: Path
    title: str
    description: str
    keywords: list[str]


def clip_art() -> Iterator[ClipArt]:
    """Every drawing that has a PNG, without floods."""
    svgs = fetch("openclipart-svg") / "usr/share/openclipart/svg"
    pngs = fetch("openclipart-png") / "usr/share/openclipart/png"
    for svg in sorted(svgs.rglob("*.svg")):
        relative = svg.relative_to(svgs).with_suffix(".png")
        if str(relative).startswith(FLOODS) or not (pngs / relative).exists():
            continue
        found = re.search(r"<metadata.*?</metadata>", svg.read_text("utf-8", errors="replace"), re.DOTALL)
        metadata = found[0] if found else ""
        yield ClipArt(
            relative=relative,
            png=pngs / relative,
            title=_clip_art_title(_tag(metadata, "dc:title")),
            description=_tag(metadata, "dc:description"),
            keywords=[
                unescape(k).replace("_", " ").strip()
                for k in re.findall(r"<rdf:li>(.*?)</rdf:li>", metadata)
                if k not in NO_KEYWORD
            ],
        )


def openclipart() -> list[Item]:
    """Clip art whose own metadata say what it shows in two words or more."""
    titled = [art for art in clip_art() if art.title]
    repeats = Counter(art.title.lower() for art in titled)
    found = []
    for art in titled:
        if repeats[art.title.lower()] > _MAX_SAME_TITLE:
            continue
        caption, description = art.title, art.description
        if description and description.lower() != caption.lower() and not _NOT_A_DESCRIPTION.search(description):
            caption += f". {description}"
        if further := [w for w in art.keywords if w.lower() not in caption.lower()][:6]:
            caption += f": {', '.join(further)}"
        if len(caption.split()) >= 2 and is_picture(art.png):
            found.append(_item("openclipart", str(art.relative), art.png, caption, "openclipart-png"))
    return found


def _tag(text: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return " ".join(unescape(found[1]).split()) if found else ""


def _clip_art_title(title: str) -> str:
    title = re.sub(r"^Clipart by [\w ]+ - ", "", title)
    return re.sub(r"[\s\d]+$", "", re.sub(r"[_-]+", " ", title)).strip()


class _Figures(HTMLParser):
    """Collects [image address, caption] of one HTML page: the caption of the figure around it if that has one, else `alt`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[str]] = []
        self._blocks: list[tuple[str, list[list[str]] | None]] = []  # every open block: its tag; of a figure, its images
        self._caption: tuple[str, list[str]] | None = None  # the open caption: its tag and its text so far
        self._captions: dict[int, str] = {}

    def _figure(self) -> list[list[str]] | None:
        return next((images for _, images in reversed(self._blocks) if images is not None), None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        classes = given.get("class", "").split()
        is_caption = tag == "figcaption" or (tag in ("p", "div") and "title" in classes)
        if is_caption and self._caption is None and self._figure() is not None:
            self._caption = tag, []
        if tag in ("div", "figure"):
            is_figure = tag == "figure" or "figure" in classes or "imageblock" in classes
            self._blocks.append((tag, [] if is_figure else None))
        if tag == "img" and given.get("src"):
            image = [given["src"], given.get("alt", "")]
            self.found.append(image)
            if (figure := self._figure()) is not None:
                figure.append(image)

    def handle_data(self, data: str) -> None:
        if self._caption is not None:
            self._caption[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        figure = self._figure()
        if self._caption is not None and tag == self._caption[0]:
            caption = re.sub(r"^(Figure|Fig\.?)\s*[\d.]+\s*", "", " ".join("".join(self._caption[1]).split())).strip(" ¶.")
            self._caption = None
            if figure is not None and len(caption.split()) >= 2:
                self._captions[id(figure)] = caption
        if tag in ("div", "figure") and self._blocks and self._blocks[-1][0] == tag:
            _, images = self._blocks.pop()
            if images and (caption := self._captions.pop(id(images), None)):
                for image in images:
                    image[1] = caption


def _manual(source: str, package: str, pages: str) -> list[Item]:
    root = fetch(package)
    shown_on: dict[Path, set[Path]] = defaultdict(set)
    captions: dict[Path, str] = {}
    for page in sorted(root.glob(pages)):
        for image, caption in _figures(page):
            shown_on[image].add(page)
            if len(caption.split()) >= 2:
                captions.setdefault(image, caption)
    found = []
    for image, caption in captions.items():
        if len(shown_on[image]) <= 3 and is_picture(image):
            found.append(_item(source, str(image.relative_to(root.resolve())), image, caption, package))
    return found


def _figures(page: Path) -> Iterator[tuple[Path, str]]:
    parser = _Figures()
    parser.feed(page.read_text("utf-8", errors="replace"))
    for address, caption in parser.found:
        if not re.match(r"[a-z]+:|/", address):
            yield (page.parent / unquote(address)).resolve(), " ".join(caption.split())


def is_picture(path: Path) -> bool:
    """Whether there is a picture at `path`, no icon (48 pixels or more each side) and no poster (16 megapixels or fewer)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path)
        with picture:
            return min(picture.size) >= 48 and picture.width * picture.height <= 16_000_000
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return False


def _item(source: str, item_id: str, path: Path, caption: str, package: str) -> Item:
    return Item(
        source=source,
        item_id=item_id,
        path=path,
        captions={"en": caption},
        license=PACKAGES[package].license,
        family=f"{source}/{item_id}",
        split="heads",
        photo=False,
    )


HEADS_SOURCES = {
    "openclipart": openclipart,
    "kicad": lambda: _manual("kicad", "kicad-doc-en", "usr/share/doc/kicad/help/en/*.html"),
    "gimp": lambda: _manual("gimp", "gimp-help-en", "usr/share/gimp/2.0/help/en/*.html"),
    "handbook": lambda: _manual("handbook", "debian-handbook", "usr/share/doc/debian-handbook/html/en-US/*.html"),
    "skimage": lambda: _manual("skimage", "python-skimage-doc", "usr/share/doc/python-skimage-doc/html/**/*.html"),
}
"""Source name -> what reads it."""
