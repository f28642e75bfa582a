"""Views of pictures with text and what is asked about them: read a region given its box, locate a text, transcribe everything with boxes.

Only valid lines are a label, and only where the answer is beyond doubt: a text to locate is written once, a box to read holds no line but
its own, and everything is asked for only where (nearly) everything that was found is valid. The transcription comes last, since it
gives all other answers away. Boxes are integers 0-999 of width and height, `[x1, y1, x2, y2]`, in answers between box tokens.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
import xxhash

from classifiers.image_quality import image_format
from classifiers.text_reader import open_picture
from ocr_synth.scene.questions import PHRASINGS
from ocr_synth.scene.variants import Variants, View, variant
from ocr_synth.stages.scene_views import Asking
from sieveline import draws

BOX = ("<|begin_of_box|>", "<|end_of_box|>")
# What a picture could say to pass for the model's own marks.
_MARK = re.compile(r"<\|\w+\|>|</?(?:think|answer)>|/nothink|\[gMASK\]|<sop>")
_MAX_READ = 0.2  # of another line's area that may lie inside a box that is to be read
_UPRIGHT = View("upright")


def views(row: Mapping[str, Any], config: Asking, seed: int) -> list[dict[str, Any]]:
    """The views of one kept picture: rows of `ocr_synth.stages.scene_views.MEASURED` with their `sample_id`.

    Args:
        row: of the scene-text ledger, as plain Python.
        seed: of the draws.
    """
    found = _Found.of(row, config)
    sample_id, size = row["sample_id"], (row["width"], row["height"])
    drawn = variant(sample_id, config.variants, seed)
    made = []
    for view in [_UPRIGHT] if drawn is None else [_UPRIGHT, drawn]:
        name = xxhash.xxh3_128_hexdigest(f"ocr-scene {sample_id} {view}".encode())  # the caption line has the other one
        polygons = view.points(found.polygons, *size)
        shown = view.matrix(*size)[1]
        turns = found.turns(polygons, shown, draws.generator(seed, "scene-questions", name))
        labels = np.flatnonzero(found.labels)
        made.append(
            {
                "sample_id": name,
                "view": str(view),
                "angle": view.angle,
                "axis": view.axis,
                "reencoded": view is not _UPRIGHT or bool(row["turned"]),
                "width": shown[0],
                "height": shown[1],
                "num_lines": len(labels),
                "num_questions": len(turns),
                "turns": turns,
                "boxes": [thousandths(_extent(polygons[i]), shown) for i in labels],
                "text_score": round(float(np.mean([row["scores"][i] for i in labels])), 4) if len(labels) else None,
                "caption": " / ".join(found.texts[i] for i in labels),
            }
        )
    return made


def media(image: bytes, row: Mapping[str, Any], config: Variants) -> tuple[str, bytes]:
    """The picture of a view: its name in the sample and its bytes, the source's own where no pixel moves.

    Args:
        image: the source's file.
        row: the view's, as `views` made it.

    Raises:
        ValueError: the file does not decode any more.
    """
    if not row["reencoded"]:
        return f"0.{image_format(image) or 'bin'}", image
    picture = open_picture(image, config.max_side)
    if picture is None:
        raise ValueError("the picture does not decode")
    view = View(row["view"], round(row["angle"], 1), row["axis"])
    return "0.jpg", simplejpeg.encode_jpeg(np.ascontiguousarray(view.pixels(picture.rgb)), config.quality, "RGB", "444")


def content(file: str, turns: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The training sample's content: the picture, then question and answer in turn; loss on answers alone."""
    parts: list[dict[str, Any]] = [{"type": "image", "file": file}]
    for turn in turns:
        parts.append({"type": "text", "text": turn["question"], "loss": False})
        parts.append({"type": "text", "text": turn["answer"], "loss": True})
    return parts


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
    config: Asking

    @classmethod
    def of(cls, row: Mapping[str, Any], config: Asking) -> "_Found":
        valid = np.array(row["valid"], bool)
        marks = np.array([bool(_MARK.search(text)) for text in row["texts"]], bool)
        labels = valid & ~marks
        complete = bool(labels.any()) and (config.min_transcribed is None or float(labels.mean()) >= config.min_transcribed)
        return cls(row["texts"], np.array(row["polygons"], float).reshape(-1, 4, 2), labels, complete, config)

    def turns(self, polygons: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> list[dict[str, str]]:
        """Questions and answers about a view with its polygons where they are on it; empty without a sure one."""
        boxes = np.array([_extent(p) for p in polygons]).reshape(-1, 4)
        written = ["[" + ", ".join(map(str, thousandths(box, size))) + "]" for box in boxes]
        readable = rng.permutation(np.flatnonzero(self.labels & alone(boxes)))[: self.config.reads]
        tasks: list[tuple[str, dict[str, str], str]] = [("read", {"box": written[i]}, self.texts[i]) for i in readable]
        # of a text that is both read and located the one answer would stand in the other's question
        places = rng.permutation(np.setdiff1d(np.flatnonzero(self.labels & written_once(self.texts)), readable))
        tasks += [("locate", {"text": self.texts[i]}, _marked(written[i])) for i in places[: self.config.locations]]
        tasks = [tasks[i] for i in rng.permutation(len(tasks))]
        if self.complete:
            everything = "\n".join(f"{self.texts[i]} {_marked(written[i])}" for i in np.flatnonzero(self.labels))
            tasks.append(("transcribe", {}, everything))
        return [{"task": task, "question": self._ask(task, fields, rng), "answer": answer} for task, fields, answer in tasks]

    def _ask(self, task: str, fields: dict[str, str], rng: np.random.Generator) -> str:
        phrasings = PHRASINGS[task]["zh" if rng.random() < self.config.chinese_share else "en"]
        return phrasings[int(rng.integers(len(phrasings)))].format(**fields)


def _marked(box: str) -> str:
    return f"{BOX[0]}{box}{BOX[1]}"


def _extent(polygon: np.ndarray) -> np.ndarray:
    return np.concatenate([polygon.min(0), polygon.max(0)])


def thousandths(box: np.ndarray, size: tuple[int, int]) -> list[int]:
    """A box (x1, y1, x2, y2) in pixels as integers 0-999 of width and height: the first and the last thousandth it touches."""
    scaled = np.asarray(box, float) / (*size, *size) * 1000
    low, high = np.floor(scaled[:2]), np.ceil(scaled[2:]) - 1
    return [int(n) for n in np.clip([*low, *np.maximum(high, low)], 0, 999)]


def alone(boxes: np.ndarray) -> np.ndarray:
    """bool (n,), of boxes (n, 4): no other line's middle, nor a fifth of its area, lies in the box."""
    overlap = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    shared = np.clip(overlap, 0, None).prod(2) / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 1e-6)[None]
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((middles[None] >= boxes[:, None, :2]) & (middles[None] <= boxes[:, None, 2:])).all(2)
    intrudes = inside | (shared > _MAX_READ)
    np.fill_diagonal(intrudes, False)
    return ~intrudes.any(1)


def written_once(texts: Sequence[str]) -> np.ndarray:
    """bool (n,): the text stands in no other line, whatever the case, and is more than one character."""
    folded = [text.casefold() for text in texts]
    return np.array([sum(text in other for other in folded) == 1 and len(text) > 1 for text in folded], bool)
