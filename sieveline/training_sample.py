"""The training sample: one WebDataset sample for every line, `<key>.json` beside the media files it names.

    {"id": "...", "line": "caption|ocr|gui|grounding|interleaved|video|instruct",
     "content": [{"type": "image", "file": "0.jpg"}, {"type": "text", "text": "...", "loss": true}, ...],
     "provenance": {"source": "...", "url": "...", "license": "...", "shard": "...", "scores": {...},
                    "original_caption": "..."}}

In the tar the members of a sample are `<id>.json` and `<id>.<file>` for every `file` in its content, original bytes untouched.
Boxes in text are integers 0-999 in `[x1, y1, x2, y2]`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

LINES = ("caption", "ocr", "gui", "grounding", "interleaved", "video", "instruct")
MEDIA_TYPES = ("image", "video")


def members(
    sample_id: str,
    line: str,
    content: Sequence[Mapping[str, Any]],
    files: Mapping[str, bytes],
    provenance: Mapping[str, Any],
) -> list[tuple[str, bytes]]:
    """The tar members of one training sample: its JSON, then the files that its content names.

    Raises:
        ValueError: the sample is not of the contract, or names a file that is not given.
    """
    sample = {"id": sample_id, "line": line, "content": list(content), "provenance": provenance}
    named = media_files(sample)
    if missing := set(named) - set(files):
        raise ValueError(f"content names {', '.join(sorted(missing))}, which is not among the files")
    return [(f"{sample_id}.json", encode(sample)), *((f"{sample_id}.{name}", files[name]) for name in named)]


def encode(sample: Mapping[str, Any]) -> bytes:
    """`sample` as the bytes of its JSON member: UTF-8, sorted keys, no spaces, so that equal samples are equal bytes.

    Raises:
        ValueError: the sample is not of the contract; the message names the field.
    """
    validate(sample)
    return json.dumps(sample, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "replace")


def validate(sample: Mapping[str, Any]) -> None:
    """Raises ValueError naming the field where `sample` breaks the contract above."""
    if sample.keys() != {"id", "line", "content", "provenance"}:
        raise ValueError(f"a training sample has id, line, content, provenance, not {sorted(sample)}")
    if sample["line"] not in LINES:
        raise ValueError(f"line is {sample['line']!r}, must be one of {', '.join(LINES)}")
    if not isinstance(sample["id"], str) or not sample["id"]:
        raise ValueError("id must be a non-empty string")
    if not isinstance(sample["provenance"], Mapping):
        raise ValueError("provenance must be an object")
    if not sample["content"]:
        raise ValueError("content is empty")
    for i, part in enumerate(sample["content"]):
        kind = part.get("type")
        if kind == "text":
            if not isinstance(part.get("text"), str) or not isinstance(part.get("loss"), bool):
                raise ValueError(f"content[{i}]: a text part has a string `text` and a bool `loss`")
        elif kind in MEDIA_TYPES:
            if not isinstance(part.get("file"), str) or not part["file"] or "/" in part["file"]:
                raise ValueError(f"content[{i}]: a media part names its `file`, without a slash")
        else:
            raise ValueError(f"content[{i}].type is {kind!r}, must be text, image or video")


def media_files(sample: Mapping[str, Any]) -> list[str]:
    """Names of the media files a sample's content refers to, in order, each once."""
    return list(dict.fromkeys(p["file"] for p in sample["content"] if p["type"] in MEDIA_TYPES))
