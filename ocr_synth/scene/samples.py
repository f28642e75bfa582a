"""Training samples from pictures with text: read a region given its box, locate a text, transcribe everything with boxes.

Only valid lines are a label, and only where the answer is beyond doubt: a text to locate is written once, a box to read holds no line but
its own, and everything is asked for only where (nearly) everything that was found is valid. The transcription comes last, since it
gives all other answers away. Boxes are integers 0-999 of width and height, `[x1, y1, x2, y2]`, in answers between box tokens.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simplejpeg
import xxhash

from classifiers.image_quality import image_format
from classifiers.text_reader import open_picture
from ocr_synth.scene.questions import PHRASINGS
from ocr_synth.scene.variants import Variants, variant
from sieveline import draws
from sieveline.errors import ConfigError

BOX = ("<|begin_of_box|>", "<|end_of_box|>")
# What a picture could say to pass for the model's own marks.
_MARK = re.compile(r"<\|\w+\|>|</?(?:think|answer)>|/nothink|\[gMASK\]|<sop>")
_MAX_READ = 0.2  # of another line's area that may lie inside a box that is to be read


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """Which questions a picture is asked.

    Attributes:
        reads: regions to be read, at most.
        locations: texts to be located, at most.
        min_transcribed: share of the lines found that must be valid for everything to be asked for, 0-1; None asks always.
        chinese_share: of questions asked in Chinese; the others are in English.
        variants: the copies made beside the originals.
    """

    reads: int = 2
    locations: int = 2
    min_transcribed: float | None = 0.8
    chinese_share: float = 0.3
    variants: Variants = field(default_factory=Variants)

    def __post_init__(self):
        if min(self.reads, self.locations) < 0:
            raise ConfigError("scene samples: reads and locations must not be negative")
        for name in ("min_transcribed", "chinese_share"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise ConfigError(f"scene samples: {name} is {share}, must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class Sample:
    """One training sample: its id, media files, content parts and what its provenance says beside its source."""

    sample_id: str
    files: list[tuple[str, bytes]]
    content: list[dict[str, Any]]
    provenance: dict[str, Any]


def samples(sample_id: str, image: bytes, row: Mapping[str, Any], config: Samples, seed: int) -> Iterator[Sample]:
    """The original, then its copy where one is drawn.

    Args:
        sample_id: of the ledger.
        image: the file; its bytes go into the sample untouched, unless EXIF turns it: readers of training shards do not look there.
        row: of the scene-text ledger, as plain Python.
        seed: of the draws.

    Raises:
        ValueError: the file does not decode any more.
    """
    found = _Found.of(row, config)
    scores = {"text": round(float(np.mean([s for s, v in zip(row["scores"], row["valid"], strict=True) if v])), 4)}
    width, height = row["width"], row["height"]
    file, original = f"0.{image_format(image) or 'bin'}", image
    if row["turned"]:
        file, original = "0.jpg", _jpeg(_decoded(image, config).rgb, config)
    content = found.content(file, found.polygons, (width, height), draws.generator(seed, "scene", sample_id))
    if content:
        yield Sample(sample_id, [(file, original)], content, {"view": "upright", "scores": scores})
    view = variant(sample_id, config.variants, seed)
    if view is None:
        return
    rgb = _decoded(image, config).rgb
    size = view.matrix(rgb.shape[1], rgb.shape[0])[1]
    scaled = found.polygons * [rgb.shape[1] / width, rgb.shape[0] / height]
    moved = view.points(scaled, rgb.shape[1], rgb.shape[0])
    copy_id = xxhash.xxh3_128_hexdigest(f"{sample_id} {view}".encode())
    content = found.content("0.jpg", moved, size, draws.generator(seed, "scene", copy_id))
    if content:
        origin = {"view": str(view), "of": sample_id, "scores": scores}
        yield Sample(copy_id, [("0.jpg", _jpeg(view.pixels(rgb), config))], content, origin)


def _decoded(image: bytes, config: Samples):
    picture = open_picture(image, config.variants.max_side)
    if picture is None:
        raise ValueError("the picture does not decode")
    return picture


def _jpeg(rgb: np.ndarray, config: Samples) -> bytes:
    return simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), config.variants.quality, "RGB", "444")


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """The lines of one picture, in reading order.

    Attributes:
        texts: of all lines, valid or not: what is not sure enough to be a label still makes a question about its place unsure.
        polygons: float (n, 4, 2) in pixels.
        labels: bool (n,), which may be asked for.
        complete: whether everything may be asked for.
        config: how much is asked.
    """

    texts: list[str]
    polygons: np.ndarray
    labels: np.ndarray
    complete: bool
    config: Samples

    @classmethod
    def of(cls, row: Mapping[str, Any], config: Samples) -> "_Found":
        valid = np.array(row["valid"], bool)
        marks = np.array([bool(_MARK.search(text)) for text in row["texts"]], bool)
        complete = config.min_transcribed is None or float((valid & ~marks).mean()) >= config.min_transcribed
        return cls(row["texts"], np.array(row["polygons"], float).reshape(-1, 4, 2), valid & ~marks, complete, config)

    def content(self, file: str, polygons: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> list[dict[str, Any]]:
        """The picture with its polygons where they are on it, then questions and answers in turn; empty without a sure one."""
        boxes = np.concatenate([polygons.min(1), polygons.max(1)], axis=1)
        written = [box_of(box, size) for box in boxes]
        readable = rng.permutation(np.flatnonzero(self.labels & alone(boxes)))[: self.config.reads]
        turns = [("read", {"box": written[i]}, self.texts[i]) for i in readable]
        # of a text that is both read and located the one answer would stand in the other's question
        places = rng.permutation(np.setdiff1d(np.flatnonzero(self.labels & written_once(self.texts)), readable))
        turns += [("locate", {"text": self.texts[i]}, _marked(written[i])) for i in places[: self.config.locations]]
        turns = [turns[i] for i in rng.permutation(len(turns))]
        if self.complete:
            everything = "\n".join(f"{self.texts[i]} {_marked(written[i])}" for i in np.flatnonzero(self.labels))
            turns.append(("transcribe", {}, everything))
        parts: list[dict[str, Any]] = [{"type": "image", "file": file}]
        for task, fields, answer in turns:
            phrasings = PHRASINGS[task]["zh" if rng.random() < self.config.chinese_share else "en"]
            question = phrasings[int(rng.integers(len(phrasings)))].format(**fields)
            parts += [{"type": "text", "text": question, "loss": False}, {"type": "text", "text": answer, "loss": True}]
        return parts if turns else []


def _marked(box: str) -> str:
    return f"{BOX[0]}{box}{BOX[1]}"


def box_of(box: np.ndarray, size: tuple[int, int]) -> str:
    """A box (x1, y1, x2, y2) in pixels as integers 0-999 of width and height: the first and the last thousandth it touches."""
    scaled = np.asarray(box, float) / (*size, *size) * 1000
    low, high = np.floor(scaled[:2]), np.ceil(scaled[2:]) - 1
    return "[" + ", ".join(str(int(n)) for n in np.clip([*low, *np.maximum(high, low)], 0, 999)) + "]"


def alone(boxes: np.ndarray) -> np.ndarray:
    """bool (n,): no other line's middle, nor a fifth of its area, lies in the box."""
    overlap = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    shared = np.clip(overlap, 0, None).prod(2) / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 1e-6)[None]
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((middles[None] >= boxes[:, None, :2]) & (middles[None] <= boxes[:, None, 2:])).all(2)
    intrudes = inside | (shared > _MAX_READ)
    np.fill_diagonal(intrudes, False)
    return ~intrudes.any(1)


def written_once(texts: Sequence[str]) -> np.ndarray:
    """bool (n,): the text stands in no other line, whatever the case."""
    folded = [text.casefold() for text in texts]
    return np.array([sum(text in other for other in folded) == 1 and len(text) > 1 for text in folded], bool)
