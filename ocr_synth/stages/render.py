"""Render: documents made of a text file's passages, one row each. Nothing is drawn that no font has, and nothing is drawn that cannot be read.

`documents` makes the pictures and fills the columns of `MEASURED`; `decide` holds them against the thresholds of `Render`. A document that
could not be made is a row with a `flaw` and no picture.

`MEASURED`: one row per document, in order. Null where there is no picture.

| column | type | meaning |
|---|---|---|
| document | int32 | number of the document in its source, from 0 |
| flaw | string | the `Reason` why there is no picture: missing_glyphs, no_text; null if there is one |
| detail | string | what was missing, at most 200 characters |
| kind | string | page, table, form, receipt, sign, line, vertical, code |
| language | string | ISO 639 code of the source's text, `code`, or `und` |
| width | int32 | pixels |
| height | int32 | pixels |
| image_bytes | int64 | size of the JPEG |
| num_lines | int32 | lines in the picture |
| num_words | int32 | words in the picture: a Han character or kana is one, else what stands between spaces |
| characters | int32 | characters of the text |
| families | list<string> | font families in order of first use; single characters may come from others |
| contrast | float | least WCAG contrast of ink to what it stands on, 1-21, before light and wear |
| text_size | float | em of the smallest text in pixels of the picture |
| effects | list<string> | what was done to the picture, in order |
| labels_offset | int64 | where the labels lie in the file that holds the picture, -1 without a picture |
| labels_length | int64 | their bytes: JSON of `ocr_synth.synthetic.labels.Labels.plain`: blocks, lines, words, polygons, styles |
| caption | string | all text in reading order, blocks parted by a blank line |
"""

import json
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from ocr_synth.synthetic.backdrops import Backdrop
from ocr_synth.synthetic.corpus import Source
from ocr_synth.synthetic.fonts import Catalogue
from ocr_synth.synthetic.render import Document, NotRenderedError, Renderer
from ocr_synth.synthetic.sampling import Sampling
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.schema import sample_id
from sieveline.verdicts import Verdicts

MEASURED = pa.schema(
    [
        ("document", pa.int32()),
        ("flaw", pa.string()),
        ("detail", pa.string()),
        ("kind", pa.string()),
        ("language", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("image_bytes", pa.int64()),
        ("num_lines", pa.int32()),
        ("num_words", pa.int32()),
        ("characters", pa.int32()),
        ("families", pa.list_(pa.string())),
        ("contrast", pa.float32()),
        ("text_size", pa.float32()),
        ("effects", pa.list_(pa.string())),
        ("labels_offset", pa.int64()),
        ("labels_length", pa.int64()),
        ("caption", pa.string()),
    ]
)
LEDGER = pa.schema([column for column in MEASURED if column.name != "flaw"])  # the flaw is the reason there


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """What the pictures depend on, beside seed and text: a change here draws them again.

    Attributes:
        sampling: the tree of ranges.
        fonts: folders searched for fonts, with all below them.
        system_fonts: search this machine's font folders, too.
        backgrounds: globs or URLs of tars whose JPEGs may stand behind documents: the image-text line's `OUT/shards/*.tar`.
        documents_per_kilocharacter: documents made of a thousand characters of text.
        max_documents: of one source file, at most.
    """

    sampling: Sampling = field(default_factory=Sampling)
    fonts: tuple[str, ...] = ()
    system_fonts: bool = True
    backgrounds: tuple[str, ...] = ()
    documents_per_kilocharacter: float = 1.0
    max_documents: int | None = None

    def __post_init__(self):
        if self.documents_per_kilocharacter <= 0:
            raise ConfigError("render: documents_per_kilocharacter must be above 0")
        if self.max_documents is not None and self.max_documents < 1:
            raise ConfigError(f"render: max_documents is {self.max_documents}, must be at least 1; None sets no limit")
        if not self.fonts and not self.system_fonts:
            raise ConfigError("render: no font folders and system_fonts is off: there is nothing to write with")


@dataclass(frozen=True, kw_only=True, slots=True)
class Render:
    """Thresholds; `None` turns a rule off. A value equal to its threshold is kept.

    Attributes:
        measuring: see `Measuring`.
        min_contrast: WCAG ratio. Colours are drawn to hold `sampling.text.min_contrast`; this rule is the check on that.
        min_text_size: pixels an em.
        min_characters: of the whole text.
    """

    measuring: Measuring = field(default_factory=Measuring)
    min_contrast: float | None = 3.0  # WCAG AA for large text
    min_text_size: float | None = 11.0  # ours: below it Han characters run together at quality 60
    min_characters: int | None = 2


def num_documents(source: Source, config: Measuring) -> int:
    """How many documents a source gives: at least one, so that an empty file leaves a row."""
    wanted = max(1, round(source.num_characters * config.documents_per_kilocharacter / 1000))
    return wanted if config.max_documents is None else min(wanted, config.max_documents)


def documents(
    source: Source, catalogue: Catalogue, backdrops: tuple[Backdrop, ...], config: Measuring, seed: int
) -> Iterator[tuple[list[tuple[str, bytes]], dict[str, Any]]]:
    """The documents of a source, one after the other.

    Yields:
        Its files, as (extension, bytes): picture and labels, none where it was not made. And its row: the columns of `MEASURED`, but for the
        place of the labels, which is the caller's to say, and `sample_id`, 32 hex digits over picture and text (of a document that was not
        made, over seed, source and number).
    """
    renderer = Renderer(source, catalogue, backdrops, config.sampling, seed)
    for index in range(num_documents(renderer.source if renderer.source.passages else source, config)):
        try:
            document = renderer.render(index)
        except NotRenderedError as error:
            flaw = Reason.MISSING_GLYPHS if error.tofu else Reason.NO_TEXT
            yield [], _not_made(source, seed, index, flaw, str(error))
            if not renderer.source.passages:
                return  # the others would say the same
        else:
            labels = json.dumps(document.labels.plain(), ensure_ascii=False, separators=(",", ":")).encode()
            yield [("jpg", document.image), ("json", labels)], row(document, index)


def row(document: Document, index: int) -> dict[str, Any]:
    """The columns of `MEASURED` for one document."""
    labels, text = document.labels, document.labels.text
    return {
        "sample_id": sample_id(document.image, text),
        "document": index,
        "flaw": None,
        "detail": None,
        "kind": document.kind,
        "language": document.language,
        "width": document.width,
        "height": document.height,
        "image_bytes": len(document.image),
        "num_lines": len(labels.lines),
        "num_words": sum(len(line.words) for line in labels.lines),
        "characters": len(text),
        "families": list(document.families),
        "contrast": document.contrast,
        "text_size": document.size,
        "effects": list(document.effects),
        "caption": text,
    }


def _not_made(source: Source, seed: int, index: int, flaw: Reason, detail: str) -> dict[str, Any]:
    key = f"{seed}\x1f{source.name}\x1f{index}".encode()
    known = {
        "sample_id": xxhash.xxh3_128_hexdigest(key),
        "document": index,
        "flaw": flaw.value,
        "detail": detail[:200],
        "language": source.language,
    }
    return {name: known.get(name) for name in ("sample_id", *MEASURED.names) if not name.startswith("labels_")}


def decide(columns: pa.Table | pa.RecordBatch, config: Render) -> pa.Table:
    """The verdict on every row of measured columns: a table of `VERDICT`, row for row."""
    verdicts = Verdicts(columns.num_rows)
    flaws = columns["flaw"]
    for flaw in flaws.unique().drop_null().to_pylist():
        verdicts.rule(Reason(flaw), pc.fill_null(pc.equal(flaws, flaw), False).to_numpy(zero_copy_only=False))

    def rule(which: Reason, name: str, breaks: Callable[..., np.ndarray], limit: float | None):
        if limit is not None:
            measured = columns[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
            verdicts.rule(which, breaks(measured, limit), measured, limit)

    rule(Reason.TEXT_SHORT, "characters", operator.lt, config.min_characters)
    rule(Reason.LOW_CONTRAST, "contrast", operator.lt, config.min_contrast)
    rule(Reason.SMALL_TEXT, "text_size", operator.lt, config.min_text_size)
    return verdicts.table()
