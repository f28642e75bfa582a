"""Fonts of this machine and of given folders, and what they can truly draw.

A character map that names a glyph is not believed alone: the glyph must have ink, and its outline must not be that of `.notdef` (fonts that
map what they lack to a copy of the empty box exist). Shaping is checked once more, glyph by glyph, in `ocr_synth.synthetic.shape`.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import uharfbuzz as hb
import xxhash
from fontTools.pens.recordingPen import RecordingPen

from sieveline.errors import ConfigError

SYSTEM = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otc"})
MAX_BYTES = 256 << 20
_LOCALES = {  # a family made for one locale's forms of Han characters is not used for another's
    "SC": "zh", "TC": "zh", "HK": "zh", "CN": "zh", "TW": "zh", "MBE": "zh", "JP": "ja", "KR": "ko", "IPAex": "ja", "IPA": "ja",
}  # fmt: skip
_NO_TEXT = ("symbol", "emoji", "math", "music", "dingbat", "last resort", "braille", "icons", "awesome")

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a font file.

    Attributes:
        weight: 100-900, of the font's own naming.
        fixed: whether all of ASCII has one width.
        locale: language whose Han forms it draws; None if it says nothing.
    """

    path: str
    index: int
    family: str
    weight: int
    italic: bool
    fixed: bool
    locale: str | None


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    faces: tuple[Face, ...]

    def nearest(self, weight: int, italic: bool) -> Face:
        return min(self.faces, key=lambda f: (f.italic != italic, abs(f.weight - weight), f.path, f.index))

    @property
    def fixed(self) -> bool:
        return self.faces[0].fixed


class Font:
    """A face ready to shape and draw, with everything asked of its glyphs remembered. Not to be pickled; get it from `load`."""

    def __init__(self, face: Face, embolden: float, slant: float):
        self.face = face
        raw = hb.Face(hb.Blob.from_file_path(face.path), face.index)
        self.hb = hb.Font(raw)
        self._plain = hb.Font(raw)  # emboldening gives even an empty glyph some extent
        self.upem: int = raw.upem
        if slant:
            self.hb.synthetic_slant = slant
        if embolden:
            self.hb.synthetic_bold = (embolden, embolden, False)
        extents = self.hb.get_font_extents("ltr")
        self.ascent, self.descent = extents.ascender / self.upem, -extents.descender / self.upem
        self._unicodes = raw.unicodes
        self._known: dict[str, bool] = {}
        self._ink: dict[int, Box | None] = {}
        self._notdef = self._outline(0)

    def covers(self, character: str) -> bool:
        """Whether `character` is drawn: by ink that is not the empty box, or rightly by none (spaces, joiners)."""
        found = self._known.get(character)
        if found is None:
            found = self._known[character] = self._covers(character)
        return found

    def covers_all(self, text: str) -> bool:
        return all(map(self.covers, set(text)))

    def _covers(self, character: str) -> bool:
        if ord(character) not in self._unicodes:
            return unicodedata.category(character) == "Cf"  # HarfBuzz hides what it can ignore
        return is_blank(character) or self.draws(self.hb.get_nominal_glyph(ord(character)) or 0)

    def draws(self, glyph: int) -> bool:
        """Whether `glyph` is there, has ink and is not the empty box under another number."""
        if not glyph or self.ink(glyph) is None:
            return False
        return self.ink(glyph) != self.ink(0) or self._outline(glyph) != self._notdef

    def ink(self, glyph: int) -> Box | None:
        """(left, bottom, right, top) of a glyph's outline in ems, y up; None where it draws nothing."""
        if glyph not in self._ink:
            e, plain = self.hb.get_glyph_extents(glyph), self._plain.get_glyph_extents(glyph)
            box = None
            if e is not None and plain is not None and plain.width and plain.height:
                box = tuple(v / self.upem for v in (e.x_bearing, e.y_bearing + e.height, e.x_bearing + e.width, e.y_bearing))
            self._ink[glyph] = box
        return self._ink[glyph]

    def _outline(self, glyph: int) -> list:
        pen = RecordingPen()
        self.hb.draw_glyph_with_pen(glyph, pen)
        return pen.value


@lru_cache(maxsize=4096)  # more than the faces of a machine in all their guises: a smaller one would be emptied by every search
def load(face: Face, embolden: float = 0.0, slant: float = 0.0) -> Font:
    """The font of a face, emboldened by `embolden` ems and slanted by `slant` (x/y); kept for the process."""
    return Font(face, embolden, slant)


def is_blank(character: str) -> bool:
    """Whether nothing is drawn for `character` in any font."""
    return unicodedata.category(character) in {"Zs", "Cf", "Zl", "Zp", "Cc"} or character in "\u115f\u1160\u3164\uffa0\u2800"


class Catalogue:
    """The families that text may be set in, in one order whatever the file system's.

    Args:
        folders: searched for font files, in all their subfolders.
        system: search this machine's font folders, too.

    Attributes:
        skipped: path and reason of every font file that could not be used.
        fingerprint: over the content of all files in use: documents depend on it.
    """

    def __init__(self, folders: Sequence[str] = (), *, system: bool = True):
        for folder in folders:
            if not Path(folder).expanduser().is_dir():
                raise ConfigError(f"synthetic documents: font folder {folder} is not there")
        roots = [Path(f).expanduser() for f in (*folders, *(SYSTEM if system else ()))]
        files = sorted({p for root in roots if root.is_dir() for p in root.rglob("*") if p.suffix.lower() in SUFFIXES})
        self.skipped: list[tuple[str, str]] = []
        families: dict[str, list[Face]] = {}
        seen: set[str] = set()
        for path in files:
            try:
                data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
            except OSError as error:
                self.skipped.append((str(path), f"cannot be read: {error.strerror}"))
                continue
            digest = xxhash.xxh3_128_hexdigest(data)
            if digest in seen:
                continue
            try:
                faces = _faces(path, data)
            except (UnicodeDecodeError, hb.HarfBuzzError):  # tags or names that are no text
                faces = []
            if not faces:
                self.skipped.append((str(path), "no outlines or no letters in it" if data else "larger than 256 MB"))
                continue
            seen.add(digest)
            for face in faces:
                families.setdefault(face.family, []).append(face)
        self.families = tuple(Family(name, tuple(families[name])) for name in sorted(families))
        self.fingerprint = xxhash.xxh3_64_hexdigest("".join(sorted(seen)).encode())

    def covering(self, text: str, language: str, *, fixed: bool | None = None) -> list[Family]:
        """The families whose upright face draws every character of `text`, in order.

        Args:
            text: the characters count, each once.
            language: families made for another language's Han forms are left out.
            fixed: only (True) or no (False) families of one width.
        """
        needed = [c for c in dict.fromkeys(text) if c != "\n"]
        found = []
        for family in self.families:
            face = family.nearest(400, False)
            if (fixed is None or face.fixed == fixed) and _suits(face, language) and all(map(load(face).covers, needed)):
                found.append(family)
        return found

    def fallback(self, character: str, language: str) -> Face | None:
        """The first face that draws `character`; those that suit the language come first. None: nothing here draws it."""
        return _fallback(self, character, language)

    def drawable(self, text: str, language: str) -> bool:
        """Whether every character of `text` can be drawn by some font here."""
        return all(self.fallback(c, language) is not None for c in set(text) if c != "\n")


@lru_cache(maxsize=1 << 16)
def _fallback(catalogue: Catalogue, character: str, language: str) -> Face | None:
    faces = [family.nearest(400, False) for family in catalogue.families]
    for face in sorted(faces, key=lambda f: (not _suits(f, language), f.fixed, "Noto" not in f.family)):
        if load(face).covers(character):
            return face
    return None


def _suits(face: Face, language: str) -> bool:
    return face.locale is None or face.locale == language


def _faces(path: Path, data: bytes) -> list[Face]:
    blob = hb.Blob(data)
    found = []
    for index in range(min(hb.Face(blob, 0).count, 64)):
        face = hb.Face(blob, index)
        tables = set(face.table_tags)
        if not tables & {"glyf", "CFF ", "CFF2"} or not face.glyph_count or not any(chr(u).isalpha() for u in _some(face)):
            continue
        family = (_name(face, 16) or _name(face, 1) or path.stem).strip()
        if any(word in family.lower() for word in _NO_TEXT):
            continue
        font = hb.Font(face)
        widths = {font.get_glyph_h_advance(font.get_nominal_glyph(ord(c)) or 0) for c in "iMw1.@"}
        locale = next(
            (_LOCALES[w] for w in family.replace("exGothic", "ex").replace("exMincho", "ex").split() if w in _LOCALES), None
        )
        found.append(
            Face(
                path=str(path),
                index=index,
                family=family,
                weight=int(font.get_style_value(hb.StyleTag.WEIGHT)),
                italic=font.get_style_value(hb.StyleTag.ITALIC) > 0 or font.get_style_value(hb.StyleTag.SLANT_ANGLE) < -1,
                fixed=len(widths) == 1 and 0 not in widths and ord("M") in face.unicodes,
                locale=locale,
            )
        )
    return found


def _some(face: hb.Face) -> Iterable[int]:
    """The first code points of a face, enough to see whether it has letters."""
    for number, code in enumerate(face.unicodes):
        if number > 400:
            return
        yield code


def _name(face: hb.Face, which: int) -> str | None:
    names = {str(n.language or "").lower(): n for n in face.list_names() if int(n.name_id) == which}
    for language in ("en", "en-us", *names):
        if language in names:
            return face.get_name(hb.OTNameIdPredefined(which), names[language].language)
    return None
