"""What the report shows of scene text: pictures with their polygons beside what was read, and views with their boxes beside the questions."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image

from classifiers.text_reader import open_picture
from ocr_synth.scene.variants import View
from sieveline import draws, ledger
from sieveline.output import Output, file_stem, media_urls
from sieveline.report.exhibit import Exhibit, Figure
from sieveline.shards.source import read_images

KEPT, DROPPED, VIEWS = 12, 12, 12
"""Figures of each exhibit, at most."""

_SIDE = 960  # pixels that polygons are drawn on
_VALID, _NOT_VALID = (0, 160, 60), (225, 90, 0)
_MAX_BYTES = 32 << 20  # larger files are not read for a figure


def exhibits(output: Output) -> Mapping[str, Sequence[Exhibit]]:
    """Kept and dropped pictures of `scene_text`, and views of `scene_views` with each kind of view among them."""
    texts = _rows(output, "scene_text")
    kept = _few([row for row in texts if row["kept"]], KEPT, lambda row: row["num_lines"] > 1)
    dropped = _few([row for row in texts if not row["kept"] and row["num_lines"]], DROPPED, lambda row: row["reason"])
    views = _few([row for row in _rows(output, "scene_views") if row["kept"]], VIEWS, lambda row: row["view"].split()[0])
    urls = media_urls(output, {row["source_shard"] for row in [*kept, *dropped, *views]})
    return {
        "scene_text": [
            Exhibit(
                title="Kept",
                lead="Green lines are valid and become labels, orange ones are read but not sure enough. Chosen by draws.",
                figures=[_read(row, urls) for row in kept],
            ),
            Exhibit(
                title="Dropped, though something was read",
                lead="The reason is that of the rule that no line passed.",
                figures=[_read(row, urls) for row in dropped],
            ),
        ],
        "scene_views": [
            Exhibit(
                title="Views and their questions",
                lead="Boxes are the labels' own integers, drawn back onto the pixels that are written.",
                figures=[_view(row, urls) for row in views],
            )
        ],
    }


def _rows(output: Output, stage: str) -> list[dict[str, Any]]:
    return [row for url in output.ledgers(stage) for row in _table(url, file_stem(url))]


def _table(url: str, shard_id: str) -> list[dict[str, Any]]:
    """Of a ledger, the rows drawn first: no page shows more of one shard."""
    table = ledger.read_table(url)
    order = np.argsort(draws.uniforms(0, "scene-exhibit", table["sample_id"].to_pylist()), kind="stable")
    return table.take(order[: 16 * max(KEPT, DROPPED, VIEWS)]).to_pylist()


def _few(rows: list[dict[str, Any]], number: int, kind: Any) -> list[dict[str, Any]]:
    """`number` rows chosen by draws, kinds in turn."""
    by_kind: dict[Any, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: draws.uniform(0, "scene-exhibit", row["sample_id"])):
        by_kind.setdefault(kind(row), []).append(row)
    turns = [group[i] for i in range(number) for group in by_kind.values() if i < len(group)]
    return turns[:number]


def _picture(row: Mapping[str, Any], urls: Mapping[str, str | None]) -> np.ndarray | None:
    url = urls.get(row["source_shard"])
    if url is None or not 0 < row["length"] <= _MAX_BYTES:
        return None
    try:
        [image] = read_images(url, [row["offset"]], [row["length"]])
    except OSError:
        return None  # the source is gone; the texts still say what was read
    picture = open_picture(image, _SIDE)
    return None if picture is None else picture.rgb.copy()  # to draw on: a decoder may have kept it read-only


def _read(row: dict[str, Any], urls: Mapping[str, str | None]) -> Figure:
    rgb = _picture(row, urls)
    if rgb is not None:
        scale = np.array([rgb.shape[1] / row["width"], rgb.shape[0] / row["height"]])
        for polygon, valid in zip(row["polygons"], row["valid"], strict=True):
            _outline(rgb, np.array(polygon).reshape(4, 2) * scale, _VALID if valid else _NOT_VALID)
    lines = zip(row["texts"], row["scores"], row["line_heights"], row["valid"], strict=True)
    told = "\n".join(f"{'+' if valid else '-'} {score:.2f} {height:4.0f} px  {text}" for text, score, height, valid in lines)
    note = row["key"] if row["kept"] else f"{row['key']}: {row['reason']}"
    return Figure(picture=_drawn(rgb), texts=[("read", told)], note=note, kept=row["kept"])


def _view(row: dict[str, Any], urls: Mapping[str, str | None]) -> Figure:
    rgb = _picture(row, urls)
    if rgb is not None:
        rgb = View(row["view"], round(row["angle"], 1), row["axis"]).pixels(rgb)
        for x1, y1, x2, y2 in row["boxes"]:
            corners = np.array([[x1, y1], [x2 + 1, y1], [x2 + 1, y2 + 1], [x1, y2 + 1]]) / 1000
            _outline(rgb, corners * [rgb.shape[1], rgb.shape[0]], _VALID)
    told = [(turn["task"], f"{turn['question']}\n{turn['answer']}") for turn in row["turns"]]
    return Figure(picture=_drawn(rgb), texts=told, note=f"{row['key']}, {row['view']}", kept=row["kept"])


def _outline(rgb: np.ndarray, corners: np.ndarray, colour: tuple[int, int, int]) -> None:
    width = max(1, round(max(rgb.shape[:2]) / 320))
    cv2.polylines(rgb, [corners.round().astype(np.int32)], True, colour, width, cv2.LINE_AA)


def _drawn(rgb: np.ndarray | None) -> Image.Image | None:
    return None if rgb is None else Image.fromarray(rgb)
