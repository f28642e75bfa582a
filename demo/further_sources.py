"""More real pairs for training the alignment heads, none of which is ever held out or looks like what is: flashcards, sprites, more clip
art, another drawing of each emoji.

| source | pictures | caption |
|---|---|---|
| eduactiv8 | flashcards for children | their English names, with the game's own Spanish ones |
| scratch | sprites and backdrops | file name and folder |
| clip-art-by-name | clip art that `demo.heads_sources` leaves out: titles of one word, or shared | that word or the file name, keywords |
| noto | Google's emoji | as `demo.sources` gives them to the emoji it reads |

Held-out figures stay figures about unseen things: an emoji counts as its whole family (`demo.sources`), so a family that is held out
or in the demo's pool lends no other drawing, and `unlike` leaves out what looks like a picture of either.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from demo.families import MIN_CONTRAST, alike, thumbnails
from demo.heads_sources import FLOODS, NO_KEYWORD, clip_art, is_picture, openclipart
from demo.packages import PACKAGES, fetch
from demo.sources import Item, items

_TRANSLATED = re.compile(r'^msgid "(.+)"\nmsgstr "(.+)"$', re.MULTILINE)
_BLOCK = 500  # pictures compared at once


def further_items(held: Collection[str]) -> list[Item]:
    """All of the table above, without what is of a family of `held` or of the demo's pool.

    Raises:
        PackageError: a package cannot be had.
    """
    return [*_eduactiv8(), *_scratch(), *_clip_art_by_name(), *_noto(held)]


def unlike(found: Sequence[Item], kept_apart: Sequence[Item]) -> list[Item]:
    """`found` without pictures that look like one of `kept_apart` (as `demo.families` says) or show hardly anything."""
    apart_hashes, apart_colours, _ = thumbnails([i.path for i in kept_apart])
    good: list[Item] = []
    for start in range(0, len(found), _BLOCK):
        block = found[start : start + _BLOCK]
        hashes, colours, contrasts = thumbnails([i.path for i in block])
        same = alike(np.concatenate([hashes, apart_hashes]), np.concatenate([colours, apart_colours]))
        bad = same[: len(block), len(block) :].any(1) | (contrasts < MIN_CONTRAST)
        good += [item for item, out in zip(block, bad, strict=True) if not out]
    return good


def _item(source: str, item_id: str, path: Path, captions: dict[str, str], package: str) -> Item:
    return Item(
        source=source,
        item_id=item_id,
        path=path,
        captions=captions,
        license=PACKAGES[package].license,
        family=f"{source}/{item_id}",
        split="heads",
        photo=False,
    )


def _eduactiv8() -> list[Item]:
    game = fetch("pysiogame") / "usr/share/games/pysiogame"
    spanish = dict(_TRANSLATED.findall((game / "i18n/custom/a4a_po/es.po").read_text("utf-8")))
    found = []
    for path in sorted((game / "res/images/art4apps").rglob("*.jpg")):
        name = path.stem.replace("_", " ")
        captions = {"en": name} | ({"es": spanish[name]} if name in spanish else {})
        found.append(_item("eduactiv8", f"{path.parent.name}/{path.stem}", path, captions, "pysiogame"))
    return found


def _scratch() -> list[Item]:
    media = fetch("scratch") / "usr/share/scratch/Media"
    found = []
    for path in sorted(media.rglob("*")):
        place = path.relative_to(media)
        if path.suffix.lower() not in (".png", ".jpg", ".gif") or "Letters" in place.parts:
            continue
        words = re.sub(r"([a-z])([A-Z])", r"\1 \2", re.sub(r"[-_\d]+", " ", path.stem)).lower()
        name = re.sub(r" [a-z]$", "", words.strip())  # "dog2-b": a pose
        caption = f"{name}: {path.parent.name.lower()}" if len(name) > 2 else path.parent.name.lower()
        found.append(_item("scratch", str(place), path, {"en": caption}, "scratch"))
    return found


def _clip_art_by_name() -> list[Item]:
    used = {item.item_id for item in openclipart()}
    found = []
    for art in clip_art():
        name = str(art.relative)
        if name in used or name.startswith((*FLOODS, "shapes/", "special/")) or not is_picture(art.png):
            continue
        stem = " ".join(re.split(r"[_\-. ]+", re.sub(r"\d+[a-z]?$", "", art.relative.stem))).strip()
        title = art.title if len(art.title) > 2 and " " not in art.title else stem
        words = [w for w in art.keywords if w and w.lower() not in title.lower() and w not in NO_KEYWORD][:6]
        caption = f"{title}: {', '.join(words or [art.relative.parts[-2].replace('_', ' ')])}"
        found.append(_item("clip-art-by-name", name, art.png, {"en": caption}, "openclipart-png"))
    return found


def _noto(held: Collection[str]) -> list[Item]:
    drawings = {_plain(p.stem): p for p in (fetch("emoji-datasource-google") / "img/google/64").glob("*.png")}
    found = []
    for emoji in items(["emoji"]):
        path = drawings.get(_plain(emoji.item_id))
        if path is not None and emoji.split == "heads" and emoji.family not in held:
            found.append(replace(emoji, source="noto", path=path, license=PACKAGES["emoji-datasource-google"].license))
    return found


def _plain(code_points: str) -> str:
    return code_points.replace("-fe0f", "")
