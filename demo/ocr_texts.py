"""Text for the demo's synthetic documents: the Debian handbook in five languages, and this project's own code.

FOLDER/<language>/handbook-<n>.txt    paragraphs parted by blank lines; those in another language than their book are left out
FOLDER/code/<file>.py

`python -m demo.ocr_texts --output FOLDER`
"""

import argparse
import os
import shutil
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import regex

from demo.packages import PackageError, fetch

PACKAGE = "debian-handbook"
LANGUAGES = {
    "en": ("en-US", regex.compile(r"\p{Latin}")),
    "zh": ("zh-CN", regex.compile(r"\p{Han}")),
    "ja": ("ja-JP", regex.compile(r"[\p{Hiragana}\p{Katakana}]")),
    "ru": ("ru-RU", regex.compile(r"\p{Cyrillic}")),
    "ar": ("ar-MA", regex.compile(r"\p{Arabic}")),
}
"""Code -> the handbook's folder, and what its own letters are."""
MIN_SHARE = {"en": 0.6, "zh": 0.3, "ja": 0.2, "ru": 0.5, "ar": 0.5}
"""Least share of a paragraph's characters that must be the language's own letters: much of a translation is not translated."""
FILES = 2  # of a language, so that the demo has more than one shard of each
CODE = (
    "sieveline/shards/tar.py",
    "sieveline/storage.py",
    "classifiers/near_duplicates.py",
    "pipelines/duplicates.py",
    "ocr_synth/synthetic/documents.py",
)
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "dt"})


class _Paragraphs(HTMLParser):
    """The paragraphs and headings of a page of the handbook; listings and navigation are left out."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] | None = None
        self._tag = ""
        self._inside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("pre", "nav", "script", "style"):
            self._inside += 1
        elif tag in _PARAGRAPHS or (tag == "div" and ("class", "para") in attrs):
            self._open, self._tag = [], tag

    def handle_endtag(self, tag: str) -> None:
        if tag in ("pre", "nav", "script", "style"):
            self._inside -= 1
        elif tag == self._tag and self._open is not None:
            if text := " ".join("".join(self._open).split()):
                self.found.append(text)
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None and self._inside <= 0:
            self._open.append(data)


def build(folder: Path) -> list[str]:
    """Writes the texts below `folder`, which appears whole; one that is there is left as it is. Returns what had to be skipped."""
    if folder.is_dir():
        return []
    folder.parent.mkdir(parents=True, exist_ok=True)
    skipped = []
    with tempfile.TemporaryDirectory(prefix=".texts-", dir=folder.parent) as work:
        place = Path(work) / "texts"
        try:
            books = fetch(PACKAGE) / "usr" / "share" / "doc" / "debian-handbook" / "html"
        except PackageError as error:
            skipped.append(f"texts skipped: {error}; documents are made of code alone")
        else:
            for language, (name, _) in LANGUAGES.items():
                _write(place / language, paragraphs(books / name, language))
        (place / "code").mkdir(parents=True)
        for file in CODE:
            shutil.copyfile(Path(__file__).parent.parent / file, place / "code" / Path(file).name)
        place.rename(folder)
    return skipped


def paragraphs(book: Path, language: str) -> list[str]:
    """The paragraphs of a book that are in its language, in the order of its pages, each once."""
    letters, found = LANGUAGES[language][1], {}
    for page in sorted(book.glob("*.html")):
        parser = _Paragraphs()
        parser.feed(page.read_text("utf-8"))
        for text in parser.found:
            if len(text) > 8 and len(letters.findall(text)) >= MIN_SHARE[language] * len(text):
                found[text] = None
    return list(found)


def _write(folder: Path, texts: list[str]) -> None:
    folder.mkdir(parents=True)
    for number in range(FILES):
        part = texts[number * len(texts) // FILES : (number + 1) * len(texts) // FILES]
        (folder / f"handbook-{number}.txt").write_text("\n\n".join(part) + "\n", "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.ocr_texts", description="Write the texts of the demo's documents.")
    parser.add_argument("--output", type=Path, required=True)
    folder = parser.parse_args().output
    for line in build(folder):
        print(line, file=sys.stderr)
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*.*"))}
    print(os.linesep.join(f"{size:>9,}  {name}" for name, size in sizes.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
