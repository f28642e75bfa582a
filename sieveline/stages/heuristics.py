"""Heuristics: the first sieve of image-text pairs, from what an image file and its caption show without any trained image model.

`classifiers.heuristics.measure` fills the columns of `MEASURED`, once; `decide` holds them against the thresholds of `Heuristics`, as
often as one likes. Rules are asked in the order of `Reason`, what the reader found (`flaw`) first, and the first that speaks is
the sample's reason.

`MEASURED`: one row per input sample, in input order. Null: could not be measured.

| column | type | meaning |
|---|---|---|
| sample_id | string | 32 hex digits over image bytes and caption |
| image_hash | fixed_size_binary[16] | xxh3-128 of the image's bytes: equal for exact duplicates; null without an image |
| flaw | string | a `Reason` found while reading, else null |
| format | string | by content: jpeg, png, gif, webp, bmp, tiff, avif; null if none of these |
| image_bytes | int64 | size of the image file |
| width | int32 | pixels, from the header |
| height | int32 | pixels, from the header |
| aspect | float | long side by short side, 1 for a square |
| decode_error | string | why the image does not decode, at most 120 characters; null if it does or was over `max_pixels` |
| colour_spread | float | widest channel's range of colours in the inner picture, 0-255, about 0 for one solid colour |
| phash | uint64 | perceptual hash, as in `classifiers.perceptual_hash` |
| probe_phash | list<uint64> | perceptual hashes of windows of the picture, as in `classifiers.perceptual_hash` |
| thumbnail | fixed_size_binary[704] | what near duplicates are verified by, as in `classifiers.perceptual_hash` |
| caption_bytes | int64 | UTF-8 bytes of the caption as it came |
| characters | int32 | characters of the caption, entities resolved, spaces joined |
| words | int32 | words of it: each Han character, each run of kana, each run of other letters and digits |
| language | string | ISO 639 code of the likeliest language; null if the caption has no letter |
| language_confidence | float | the detector's probability of it, 0-1; weak for captions of one to three words |
| special_ratio | float | share of characters that are no letter, mark, digit or space, 0-1 |
| word_repetition | float | share of word pairs that occurred before in the caption, 0-1 |
| character_repetition | float | share of 10-character windows that occurred before in the caption, 0-1 |
| boilerplate | float | share of letters and digits covered by template patterns, 0-1 |
| boilerplate_pattern | string | name of the pattern with the longest match (`classifiers.boilerplate.PATTERNS`) |
| mojibake | float | share of characters in wrongly decoded sequences (ftfy's badness) or lost to U+FFFD, 0-1 |
| html_entities | int32 | HTML entities left in the caption |
| caption | string | the caption as it came, cut at `max_caption_bytes`; later stages read it here |
| url | string | where the image came from, if the shard says so |
| license | string | its licence, if the shard says so |
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts

MEASURED = pa.schema(
    [
        ("sample_id", pa.string()),
        ("image_hash", pa.binary(16)),
        ("flaw", pa.string()),
        ("format", pa.string()),
        ("image_bytes", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("aspect", pa.float32()),
        ("decode_error", pa.string()),
        ("colour_spread", pa.float32()),
        ("phash", pa.uint64()),
        ("probe_phash", pa.list_(pa.uint64())),
        ("thumbnail", pa.binary(704)),
        ("caption_bytes", pa.int64()),
        ("characters", pa.int32()),
        ("words", pa.int32()),
        ("language", pa.string()),
        ("language_confidence", pa.float32()),
        ("special_ratio", pa.float32()),
        ("word_repetition", pa.float32()),
        ("character_repetition", pa.float32()),
        ("boilerplate", pa.float32()),
        ("boilerplate_pattern", pa.string()),
        ("mojibake", pa.float32()),
        ("html_entities", pa.int32()),
        ("caption", pa.string()),
        ("url", pa.string()),
        ("license", pa.string()),
    ]
)


# Measured for later steps only, so not copied into the ledger.
BULK = ("flaw", "probe_phash", "thumbnail")
LEDGER = pa.schema([field for field in MEASURED if field.name not in (*BULK, "sample_id")])


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """What measuring itself depends on: a change here reads every image again.

    Attributes:
        max_pixels: images with more are not decoded (Pillow's own limit for decompression bombs).
        side: short side in pixels, at least, of the shrunk picture that everything is measured on; twice the largest hash grid.
        max_caption_bytes: longer captions are cut here before they are measured and stored.
    """

    max_pixels: int = 89_478_485
    side: int = 64
    max_caption_bytes: int = 8_192

    def __post_init__(self):
        if self.side < 32:
            raise ConfigError(f"heuristics: side is {self.side}, must be at least 32")
        if min(self.max_pixels, self.max_caption_bytes) < 1:
            raise ConfigError("heuristics: max_pixels and max_caption_bytes must be at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Heuristics:
    """Thresholds with public defaults; `None` turns a rule off. A value equal to its threshold is kept.

    Attributes:
        measuring: see `Measuring`.
        min_image_bytes: file size.
        min_side: short side in pixels.
        max_aspect: long side by short side.
        min_colour_spread: range of colours, 0-255; below it the image is one colour.
        min_characters: length of the caption.
        min_words: its words; a Han character is one.
        max_characters: length of the caption.
        max_boilerplate: share of the caption that is template, 0-1.
        max_special_ratio: share of special characters, 0-1.
        max_word_repetition: share of repeated word pairs, 0-1.
        max_character_repetition: share of repeated 10-character windows, 0-1.
        max_mojibake: share of wrongly decoded characters, 0-1.
        max_html_entities: entities left in the caption; they are harmless where a later step resolves them, so off.
        languages: ISO 639 codes that are kept.
        min_language_confidence: below it the detector is not believed and the sample stays.
    """

    measuring: Measuring = Measuring()
    min_image_bytes: int | None = 5_000  # LAION-400M: files below 5 KB
    min_side: int | None = 200  # DataComp basic
    max_aspect: float | None = 3.0  # DataComp basic
    min_colour_spread: float | None = 10.0  # ours: see docs/heuristics.md for what lies on either side
    min_characters: int | None = 6  # DataComp basic: more than 5; LAION-400M: at least 5
    min_words: int | None = 3  # DataComp basic: more than 2
    max_characters: int | None = 2_000  # ours: alt texts beyond are pages, not captions
    max_boilerplate: float | None = 0.6  # ours: more template than text; see docs/heuristics.md
    max_special_ratio: float | None = 0.25  # Data-Juicer special_characters_filter
    max_word_repetition: float | None = 0.3  # ours, after Gopher's duplicate 2-grams
    max_character_repetition: float | None = 0.5  # Data-Juicer character_repetition_filter
    max_mojibake: float | None = 0.2  # ours: one broken letter in a word or two can be read and repaired, more cannot
    max_html_entities: int | None = None
    languages: tuple[str, ...] | None = ("en",)  # DataComp basic
    min_language_confidence: float = 0.5  # ours: below it lid.176 is wrong more often than right on names

    def __post_init__(self):
        for name in _SHARES:
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise ConfigError(f"heuristics: {name} is {share}, must lie between 0 and 1")
        if self.max_aspect is not None and self.max_aspect < 1:
            raise ConfigError(f"heuristics: max_aspect is {self.max_aspect}, the long side by the short one is never below 1")
        if self.languages is not None and not self.languages:
            raise ConfigError("heuristics: languages is empty and would drop everything; None turns the rule off")


_SHARES = (
    "max_boilerplate",
    "max_special_ratio",
    "max_word_repetition",
    "max_character_repetition",
    "max_mojibake",
    "min_language_confidence",
)


def decide(columns: pa.Table | pa.RecordBatch, config: Heuristics) -> pa.Table:
    """The verdict on every row of measured columns.

    Args:
        columns: at least the columns of `MEASURED` that the rules read; extra ones are ignored.
        config: the thresholds.

    Returns:
        A table of `VERDICT`, row for row: `reason` null where the sample is kept, else the first `Reason` that spoke, the `value` it
        measured and the `threshold` it was held against (null for a reason without a number).
    """
    verdicts = Verdicts(columns.num_rows)

    def column(name: str) -> np.ndarray:  # nulls become NaN, which no comparison holds for
        return columns[name].cast(pa.float64()).to_numpy(zero_copy_only=False)

    def rule(which: Reason, name: str, breaks: Callable[..., np.ndarray], limit: float | None):
        if limit is not None:
            measured = column(name)
            verdicts.rule(which, breaks(measured, limit), measured, limit)

    flaws = columns["flaw"]
    for flaw in flaws.unique().drop_null().to_pylist():
        verdicts.rule(Reason(flaw), pc.fill_null(pc.equal(flaws, flaw), False).to_numpy(zero_copy_only=False))

    min_side = np.minimum(column("width"), column("height"))
    pixels = column("width") * column("height")
    under, over = operator.lt, operator.gt

    rule(Reason.CAPTION_BYTES, "caption_bytes", over, config.measuring.max_caption_bytes)
    rule(Reason.IMAGE_BYTES, "image_bytes", under, config.min_image_bytes)
    verdicts.rule(Reason.UNDECODABLE, pc.is_valid(columns["decode_error"]).to_numpy(zero_copy_only=False))
    verdicts.rule(Reason.TOO_MANY_PIXELS, pixels > config.measuring.max_pixels, pixels, config.measuring.max_pixels)
    if config.min_side is not None:
        verdicts.rule(Reason.MIN_SIDE, min_side < config.min_side, min_side, config.min_side)
    rule(Reason.ASPECT, "aspect", over, config.max_aspect)
    rule(Reason.SOLID_COLOUR, "colour_spread", under, config.min_colour_spread)
    rule(Reason.MOJIBAKE, "mojibake", over, config.max_mojibake)
    rule(Reason.MOJIBAKE, "html_entities", over, config.max_html_entities)
    rule(Reason.CAPTION_SHORT, "characters", under, config.min_characters)
    rule(Reason.CAPTION_SHORT, "words", under, config.min_words)
    rule(Reason.CAPTION_LONG, "characters", over, config.max_characters)
    rule(Reason.BOILERPLATE, "boilerplate", over, config.max_boilerplate)
    rule(Reason.SPECIAL_CHARACTERS, "special_ratio", over, config.max_special_ratio)
    rule(Reason.REPETITION, "word_repetition", over, config.max_word_repetition)
    rule(Reason.REPETITION, "character_repetition", over, config.max_character_repetition)
    if config.languages is not None:
        confidence = column("language_confidence")
        known = pc.is_in(columns["language"], value_set=pa.array(config.languages)).to_numpy(zero_copy_only=False)
        sure = confidence >= config.min_language_confidence
        verdicts.rule(Reason.LANGUAGE, ~known & sure, confidence, config.min_language_confidence)

    return verdicts.table()
