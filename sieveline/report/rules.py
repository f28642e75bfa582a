"""Which measured column belongs to which threshold: what the report draws a cut through; those of image-text.

The stages' `decide` functions are the law; this table says the same to a reader, and a test holds the two together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from sieveline.reasons import Reason
from sieveline.schema import LEDGER

Side = Literal["at least", "at most"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One threshold of a stage.

    Attributes:
        field: the configuration field that holds it, dotted where it is nested; None turns the rule off.
        reason: what its ledger rows say.
        keeps: which values pass, the threshold itself among them; None where the number is no cut by itself.
    """

    field: str
    reason: Reason
    keeps: Side | None

    @property
    def name(self) -> str:
        return self.field.rpartition(".")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One measured number of a stage, as it is drawn.

    Attributes:
        name: of the plot.
        columns: of the ledger it is made of.
        unit: written at the axis.
        log: drawn over a logarithmic axis.
        span: axis limits that hold whatever was measured; None takes the measured range.
        combine: makes one float64 array (n,) of the columns' arrays.
        rules: the thresholds that cut it, in the order in which they are asked.
    """

    name: str
    columns: tuple[str, ...]
    unit: str = ""
    log: bool = False
    span: tuple[float, float] | None = None
    combine: Callable[..., np.ndarray] = np.asarray
    rules: tuple[Rule, ...] = ()


def cut(field: str, reason: Reason, keeps: Side | None = None) -> Rule:
    return Rule(field=field, reason=reason, keeps=keeps or ("at least" if ".min_" in f".{field}" else "at most"))


def _share(name: str, reason: Reason, unit: str) -> Measure:
    return Measure(name=name, columns=(name,), unit=unit, span=(0.0, 1.0), rules=(cut(f"max_{name}", reason),))


_HEURISTICS = (
    Measure(
        name="short side",
        columns=("width", "height"),
        unit="pixels",
        log=True,
        combine=np.minimum,
        rules=(cut("min_side", Reason.MIN_SIDE),),
    ),
    Measure(
        name="aspect",
        columns=("aspect",),
        unit="long side by short side",
        log=True,
        rules=(cut("max_aspect", Reason.ASPECT),),
    ),
    Measure(
        name="colour_spread",
        columns=("colour_spread",),
        unit="range of colours, 0-255",
        span=(0.0, 255.0),
        rules=(cut("min_colour_spread", Reason.SOLID_COLOUR),),
    ),
    Measure(
        name="image_bytes",
        columns=("image_bytes",),
        unit="bytes of the image file",
        log=True,
        rules=(cut("min_image_bytes", Reason.IMAGE_BYTES),),
    ),
    Measure(
        name="pixels",
        columns=("width", "height"),
        unit="pixels of the whole image",
        log=True,
        combine=np.multiply,
        rules=(cut("measuring.max_pixels", Reason.TOO_MANY_PIXELS),),
    ),
    Measure(
        name="characters",
        columns=("characters",),
        unit="characters of the caption",
        log=True,
        rules=(cut("min_characters", Reason.CAPTION_SHORT), cut("max_characters", Reason.CAPTION_LONG)),
    ),
    Measure(
        name="words",
        columns=("words",),
        unit="words of the caption; a Han character is one",
        log=True,
        rules=(cut("min_words", Reason.CAPTION_SHORT),),
    ),
    _share("boilerplate", Reason.BOILERPLATE, "share of the caption that is template"),
    _share("special_ratio", Reason.SPECIAL_CHARACTERS, "share of special characters"),
    _share("word_repetition", Reason.REPETITION, "share of word pairs that repeat"),
    _share("character_repetition", Reason.REPETITION, "share of 10-character windows that repeat"),
    Measure(
        name="language_confidence",
        columns=("language_confidence",),
        unit="probability of the detected language",
        span=(0.0, 1.0),
        # No cut by itself: a confident other language is dropped, an unsure one stays.
        rules=(Rule(field="min_language_confidence", reason=Reason.LANGUAGE, keeps=None),),
    ),
    Measure(
        name="mojibake",
        columns=("mojibake",),
        unit="wrongly decoded sequences",
        log=True,
        rules=(cut("max_mojibake", Reason.MOJIBAKE),),
    ),
    Measure(
        name="html_entities",
        columns=("html_entities",),
        unit="HTML entities left in the caption",
        log=True,
        rules=(cut("max_html_entities", Reason.MOJIBAKE),),
    ),
    Measure(
        name="caption_bytes",
        columns=("caption_bytes",),
        unit="bytes of the caption as it came",
        log=True,
        rules=(cut("measuring.max_caption_bytes", Reason.CAPTION_BYTES),),
    ),
)

_RECAPTION = (
    Measure(
        name="fact_recall",
        columns=("fact_recall",),
        unit="share of the original's facts that are kept",
        span=(0.0, 1.0),
        rules=(cut("min_fact_recall", Reason.FACT_LOST),),
    ),
    Measure(
        name="unsupported facts",
        columns=("num_unsupported",),
        unit="new names and numbers without evidence",
        rules=(cut("max_unsupported", Reason.UNSUPPORTED_FACT),),
    ),
    Measure(
        name="new words",
        columns=("num_new_words",),
        unit="content words that the original does not have",
        rules=(cut("max_new_words", Reason.UNSUPPORTED_FACT),),
    ),
    Measure(
        name="alignment drop",
        columns=("alignment", "candidate_alignment"),
        unit="cosine of the original minus cosine of the candidate",
        combine=lambda original, candidate: np.round(original - candidate, 4),
        rules=(cut("max_alignment_drop", Reason.ALIGNMENT_LOWER),),
    ),
)

MEASURES: Mapping[str, tuple[Measure, ...]] = {
    "heuristics": _HEURISTICS,
    "alignment": (
        Measure(
            name="score",
            columns=("score",),
            unit="raw cosine of image and caption",
            rules=(cut("min_score", Reason.LOW_ALIGNMENT),),
        ),
    ),
    "concepts": (Measure(name="keep probability", columns=("value",), unit="probability of being kept", span=(0.0, 1.0)),),
    "recaption": _RECAPTION,
}
"""The numbers of every stage that has rules, in the order in which they are shown."""

_NO_MEASURE = frozenset(LEDGER.names) | {"width", "height", "phash", "cluster_id", "parent"}


def measures(known: Sequence[Measure], schema: pa.Schema) -> list[Measure]:
    """What can be drawn of a stage whose ledgers have `schema`: the `known` numbers first, then every other numeric column."""
    known = [m for m in known if all(c in schema.names for c in m.columns)]
    drawn = {c for m in known for c in m.columns} | _NO_MEASURE
    numeric = [f.name for f in schema if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)]
    return known + [
        Measure(name=name, columns=(name,), log=name.endswith(("_bytes", "_size")))
        for name in numeric
        if name not in drawn and not name.endswith(("_id", "_hash"))
    ]


def configured(config: Mapping[str, Any] | None, field: str) -> tuple[bool, float | None]:
    """Whether a stage's configuration knows `field`, and its threshold; None where it is off."""
    value: Any = config
    for part in field.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = value[part]
    return True, None if value is None else float(value)
