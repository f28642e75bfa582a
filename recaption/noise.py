"""What the web wraps around a caption and no recaption has to keep: links, file names, shop and stock-photo phrases, entities, mojibake.

`strip` gives the caption without it, and where each character that is left stood in the original, so that facts found in the clean text can
be marked in the original. Numbers inside noise (`IMG_2034.jpg`, `1920x1080`, `image 1 of 5`) are therefore no facts.
"""

import html
import re
from dataclasses import dataclass
from difflib import SequenceMatcher

import ftfy
import ftfy.badness

_NOISE = re.compile(
    r"""
    https?://\S+ | www\.\S+
    | \b[\w-]+\.(?:com|net|org|info|biz|shop|co\.uk|es|mx|io)\b(?:/\S*)?
    | \b(?:img|imgp|dsc[fn]?|pict?|p\d|screenshot|screen[ ]shot|image|imagen|photo|foto|untitled|unnamed|scan)[-_ ]?\d{2,}\w*(?:[-_ ]\d+)*\b
    | \b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b
    | \.(?:jpe?g|png|gif|webp|bmp|svgz?|tiff?|avif|heic|psd|eps)\b
    | [^\W\d_]*(?:\.{3,}|…)\s*$
    | \b\d{2,5}\s?[x×]\s?\d{2,5}(?:\s?px)?\b | \b\d{2,5}\s?px\b
    | \b(?:image|photo|picture|slide|page|figure|imagen|foto|p[aá]gina)\s+\d+\s*(?:of|de|/)\s*\d+\b
    | \b(?:royalty[- ]free|copyright|all\ rights\ reserved|libre\ de\ derechos|derechos\ reservados)\b | [©®™]
    | \bstock\s+(?:photo(?:s|graphy)?|images?|pictures?|vectors?|illustrations?|footage|clip\ ?art)\b
    | \b(?:fotos?|im[aá]gen(?:es)?|vectores)\s+de\s+stock\b | \bfotos?\s+de\s+archivo\b
    | \bfree\s+(?:download|shipping|delivery|clip\ ?art|vector|stock)\b | \b(?:env[ií]o|descarga)\s+gratis\b
    | \b(?:click|tap)\s+(?:here|to\s+\w+)(?:\s+image)?\b | \bhaz\s+clic(?:\s+aqu[ií])?\b | \b(?:clic\s+para\s+ampliar)\b
    | \b(?:buy|shop|order|download|call)\s+now\b | \b(?:compra|comprar|descargar)\s+ahora\b | \bfor\s+sale\b | \ben\s+venta\b
    """,
    re.IGNORECASE | re.VERBOSE,
)

_SHOP_TEXT = """stock photo photos photography photograph image images picture pictures pic pics vector vectors clipart free download downloads
    royalty shutterstock istock istockphoto getty gettyimages alamy dreamstime depositphotos 123rf pinterest flickr amazon ebay etsy wallpaper
    wallpapers hd uhd 4k 8k buy sale shop store online price prices cheap best discount shipping delivery official site website homepage
    thumbnail thumb preview click enlarge zoom gallery premium high resolution quality png jpg jpeg gif svg eps psd wikipedia wikimedia commons
    foto fotos imagen imagenes imágenes archivo gratis descargar descarga comprar compra envío envio oferta ofertas precio precios tienda
    barato ampliar clic galería galeria alta resolución resolucion calidad libre derechos amp nbsp quot"""
_GLUE_TEXT = "a an and at by for from in of on or the to with de del el en la las los para por y con 1 2 3"
_SHOP_WORDS, _GLUE_WORDS = frozenset(_SHOP_TEXT.split()), frozenset(_GLUE_TEXT.split())

_SEPARATOR = re.compile(r"\s+[|/\\•·–—-]+\s+|\s*[|•·]\s*|\s*::+\s*|\s*[;,]\s+|\s*[()\[\]]\s*")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_WORD = re.compile(r"\w+")
_EDGES = re.compile(r"^[\s|/•·:,;*#»>★♥–—-]+|[\s|/•·:,;*#«<★♥(\[–—-]+$")


@dataclass(frozen=True, slots=True)
class Clean:
    """A caption without its noise.

    Attributes:
        text: what is left; its separators and spacing may be ragged, it is for finding facts, not for reading.
        offsets: for each character of `text` its position in the original; None when `text` is the original itself.
    """

    text: str
    offsets: tuple[int, ...] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """`text[start:end]` as a span of the original caption."""
        if self.offsets is None or start >= end:
            return start, end
        return self.offsets[start], self.offsets[end - 1] + 1


def strip(caption: str) -> Clean:
    """`caption` with entities and mojibake decoded and noise replaced by one `\\n` each, so that phrases never grow across it."""
    text, offsets = _decoded(caption)
    text, offsets = _replace(_NOISE, lambda _: "\n", text, offsets)
    if "_" in text or (" " not in text.strip() and text.count("-") > 1):  # a file name: its separators stand for spaces
        text = text.replace("_", " ") if "_" in text else text.replace("-", " ")
    text, offsets = _drop_shop_segments(text, offsets)
    return Clean(caption, None) if text == caption else Clean(text, tuple(offsets))


def decode(caption: str) -> str:
    """`caption` with HTML entities, mojibake and tags undone and nothing else."""
    return _decoded(caption)[0]


def without(caption: str) -> str:
    """`caption` in one line, decoded and without the noise the rules know; "" where nothing else is in it."""
    text = re.sub(r"[\[(]\s*[\])]", " ", strip(caption).text)
    text = " ".join(text.replace("\n", " ").split())
    return _EDGES.sub("", text)


def _decoded(caption: str) -> tuple[str, list[int]]:
    text, offsets = caption, list(range(len(caption)))
    if "&" in text:
        text, offsets = _replace(_ENTITY, lambda m: html.unescape(m.group()), text, offsets)
    if ftfy.badness.is_bad(text):
        text, offsets = _realign(text, ftfy.fix_encoding(text), offsets)
    if "<" in text:
        text, offsets = _replace(_TAG, lambda _: "\n", text, offsets)
    return text, offsets


def _replace(pattern: re.Pattern, by, text: str, offsets: list[int]) -> tuple[str, list[int]]:
    parts, where, last = [], [], 0
    for match in pattern.finditer(text):
        new = by(match)
        parts += [text[last : match.start()], new]
        where += offsets[last : match.start()] + [offsets[match.start()]] * len(new)
        last = match.end()
    if not last:
        return text, offsets
    return "".join(parts) + text[last:], where + offsets[last:]


def _realign(before: str, after: str, offsets: list[int]) -> tuple[str, list[int]]:
    where: list[int] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            where += offsets[i1:i2]
        else:  # the whole changed run stands for each of its characters; a span over it covers all of it
            here = offsets[min(i1, len(offsets) - 1)]
            where += [here] * (j2 - j1 - 1) + [offsets[max(i2 - 1, i1)] if i2 > i1 else here] * (j2 > j1)
    return after, where


def _drop_shop_segments(text: str, offsets: list[int]) -> tuple[str, list[int]]:
    """A segment between separators that holds nothing but shop words goes; a separator itself becomes the `\\n` of a phrase boundary."""
    cuts = [(m.start(), m.end()) for m in _SEPARATOR.finditer(text)]
    starts, ends = [0] + [e for _, e in cuts], [s for s, _ in cuts] + [len(text)]
    noise = [_is_shop(text[s:e]) for s, e in zip(starts, ends, strict=True)]
    if not any(noise):
        return text, offsets
    keep = [True] * len(text)
    for s, e, bad in zip(starts, ends, noise, strict=True):
        if bad:
            keep[s:e] = [False] * (e - s)
    kept = [i for i, k in enumerate(keep) if k]
    return "".join(text[i] for i in kept), [offsets[i] for i in kept]


def _is_shop(segment: str) -> bool:
    words = [w.casefold() for w in _WORD.findall(segment)]
    shop = sum(w in _SHOP_WORDS for w in words)
    return shop > 0 and all(w in _SHOP_WORDS or w in _GLUE_WORDS for w in words)
