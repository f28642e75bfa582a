"""From labels to training turns: transcribe all, a region, locate a text, a table as markdown; several phrasings and languages.

Boxes are axis-parallel, integers 0-999 of the picture's width and height, `[x1, y1, x2, y2]`. A task is only asked where its answer is beyond
doubt: a text to locate occurs once in the document, a region's box holds no line but its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ocr_synth.synthetic.labels import LabelLine, Labels, Polygon
from ocr_synth.synthetic.phrasings import PHRASINGS
from ocr_synth.synthetic.sampling import happens, one_of
from sieveline.draws import generator
from sieveline.errors import ConfigError

BOX = ("<|begin_of_box|>", "<|end_of_box|>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tasks:
    """Which questions a document is asked.

    Attributes:
        max_turns: questions on one picture, at most.
        own_language_share: of questions in the document's language, where there are phrasings; others are asked in English or Chinese.
        chinese_share: of those others.
        transcribe_weight, markdown_weight, region_weight, locate_weight, table_weight: of the tasks, among those a document allows.
    """

    max_turns: int = 4
    own_language_share: float = 0.5
    chinese_share: float = 0.25
    transcribe_weight: float = 4.0
    markdown_weight: float = 1.5
    region_weight: float = 3.0
    locate_weight: float = 3.0
    table_weight: float = 3.0

    def __post_init__(self) -> None:
        if self.max_turns < 1:
            raise ConfigError(f"synthetic documents: tasks.max_turns is {self.max_turns}, must be at least 1")
        for share in (self.own_language_share, self.chinese_share):
            if not 0 <= share <= 1:
                raise ConfigError(f"synthetic documents: a share of tasks is {share}, must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class Turn:
    """A question with its answer; `task` names which."""

    task: str
    question: str
    answer: str


def turns(labels: Labels, size: tuple[int, int], language: str, config: Tasks, seed: int, sample_id: str) -> list[Turn]:
    """The turns of one picture, one to `max_turns`, each task at most twice; transcribing all comes last.

    Args:
        labels: of the picture.
        size: its (width, height).
        language: of the text.
        seed, sample_id: of the draws.
    """
    rng = generator(seed, "tasks", sample_id)
    possible = {
        "transcribe": [("transcribe", {}, labels.text)],
        "markdown": [("markdown", {}, labels.markdown)]
        if any(b.role in ("heading", "list", "table") for b in labels.blocks)
        else [],
        "region": list(_regions(labels, size)),
        "locate": list(_places(labels, size)),
        "table": [("table", {}, b.markdown) for b in labels.blocks if b.role == "table"] if _tables(labels) == 1 else [],
    }
    weights = {name: getattr(config, f"{name}_weight") for name, found in possible.items() if found}
    chosen: list[tuple[str, dict[str, str], str]] = []
    for _ in range(int(rng.integers(1, config.max_turns + 1))):
        open_tasks = {n: w for n, w in weights.items() if possible[n] and w > 0 and sum(t[0] == n for t in chosen) < 2}
        if "transcribe" in {t[0] for t in chosen}:
            open_tasks.pop("markdown", None)  # the same answer twice teaches nothing
        if "markdown" in {t[0] for t in chosen}:
            open_tasks.pop("transcribe", None)
            open_tasks.pop("table", None)
        if not open_tasks:
            break
        cumulative = np.cumsum(list(open_tasks.values()))
        name = list(open_tasks)[int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))]
        options = possible[name]
        task = options.pop(int(rng.integers(len(options))))
        if not _given_away(task, chosen):
            chosen.append(task)
    chosen.sort(key=lambda task: task[0] in ("transcribe", "markdown"))  # last, since they give the other answers away
    return [Turn(task, _ask(task, fields, language, config, rng), answer) for task, fields, answer in chosen]


def _given_away(task: tuple[str, dict[str, str], str], chosen: list[tuple[str, dict[str, str], str]]) -> bool:
    """Whether a text that is read from a region stands in the question where it is, or the other way round."""
    located = [fields["text"] for name, fields, _ in (*chosen, task) if name == "locate"]
    read = [answer for name, _, answer in (*chosen, task) if name == "region"]
    return any(text in answer for text in located for answer in read)


def content(file: str, asked: Sequence[Turn]) -> list[dict[str, Any]]:
    """The training sample's content: the picture, then question and answer in turn; loss on answers alone."""
    parts: list[dict[str, Any]] = [{"type": "image", "file": file}]
    for turn in asked:
        parts.append({"type": "text", "text": turn.question, "loss": False})
        parts.append({"type": "text", "text": turn.answer, "loss": True})
    return parts


def _ask(task: str, fields: dict[str, str], language: str, config: Tasks, rng: np.random.Generator) -> str:
    phrasings = PHRASINGS[task]
    if language in phrasings and happens(rng, config.own_language_share):
        spoken = language
    else:
        spoken = "zh" if happens(rng, config.chinese_share) else "en"
    return one_of(rng, phrasings[spoken]).format(**fields)


def _regions(labels: Labels, size: tuple[int, int]) -> Iterator[tuple[str, dict[str, str], str]]:
    """Lines and whole blocks whose box no other line reaches into."""
    boxes = np.array([_extent(line.polygon) for line in labels.lines])
    blocks = np.array([line.block for line in labels.lines])
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    whole = {}
    for number in np.unique(blocks):
        own = boxes[blocks == number]
        whole[int(number)] = np.concatenate([own[:, :2].min(0), own[:, 2:].max(0)])
    if len(whole) > 1:
        for number, box in whole.items():
            if not _reached(box, boxes[blocks != number], middles[blocks != number]):
                yield "region", {"box": written(box, size)}, labels.blocks[number].text
    if len(labels.lines) > 1:
        for i, line in enumerate(labels.lines):
            others = np.arange(len(boxes)) != i
            if not _reached(boxes[i], boxes[others], middles[others]):
                yield "region", {"box": written(boxes[i], size)}, line.text


def _reached(box: np.ndarray, others: np.ndarray, middles: np.ndarray) -> bool:
    """Whether a line's middle lies in `box`, or a fifth of its area does."""
    inside = ((middles >= box[:2]) & (middles <= box[2:])).all(axis=1)
    overlap = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0, None).prod(axis=1)
    area = np.maximum((others[:, 2:] - others[:, :2]).prod(axis=1), 1e-6)
    return bool((inside | (overlap > 0.2 * area)).any())


def _places(labels: Labels, size: tuple[int, int]) -> Iterator[tuple[str, dict[str, str], str]]:
    """Lines and words whose text occurs once in all lines together."""
    everything = "\n".join(line.text for line in labels.lines)
    for line in labels.lines:
        for text, polygon in _pieces(line):
            if everything.count(text) == 1:
                yield "locate", {"text": text}, f"{BOX[0]}{written(_extent(polygon), size)}{BOX[1]}"


def _pieces(line: LabelLine) -> Iterator[tuple[str, Polygon]]:
    if 2 <= len(line.text) <= 120:
        yield line.text, line.polygon
    for word in line.words:
        if len(word.text) >= 4 and word.text != line.text and any(c.isalnum() for c in word.text):
            yield word.text, word.polygon


def _tables(labels: Labels) -> int:
    return sum(block.role == "table" for block in labels.blocks)


def _extent(polygon: Polygon) -> np.ndarray:
    points = np.array(polygon)
    return np.concatenate([points.min(0), points.max(0)])


def written(box: np.ndarray, size: tuple[int, int]) -> str:
    """A box in pixels as the contract writes it: integers 0-999 of width and height."""
    scaled = np.asarray(box, float) / (*size, *size) * 1000
    low, high = np.floor(scaled[:2]), np.ceil(scaled[2:]) - 1
    numbers = np.clip(np.concatenate([low, np.maximum(high, low)]), 0, 999).astype(int)
    return "[" + ", ".join(map(str, numbers)) + "]"
