"""Training shards for the tests, written on the fly: real small JPEG and PNG pictures with captions that say what they show."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from sieveline.draws import generator
from sieveline.training_sample import encode

COLOURS = {"red": (200, 40, 30), "green": (40, 160, 60), "blue": (40, 70, 200), "yellow": (230, 210, 40), "black": (20, 20, 20)}
SHAPES = ("disc", "square", "triangle", "bar")
Sample = tuple[dict[str, Any], dict[str, bytes]]


def picture(seed: int, number: int, *, kind: str = "JPEG", size: tuple[int, int] | None = None) -> tuple[bytes, str]:
    """(image bytes, caption) of one drawn picture: a coloured shape on a coloured, slightly noisy ground."""
    draw = generator(seed, "picture", number)
    colour, ground = draw.choice(list(COLOURS), 2, replace=False)
    shape, place = draw.choice(SHAPES), draw.choice(["left", "middle", "right"])
    width, height = size or (int(draw.integers(48, 160)), int(draw.integers(48, 160)))
    noise = draw.integers(-12, 13, (height, width, 3))
    image = Image.fromarray(np.clip(np.array(COLOURS[ground]) + noise, 0, 255).astype(np.uint8))
    cx, cy, r = width * {"left": 0.25, "middle": 0.5, "right": 0.75}[str(place)], height / 2, min(width, height) * 0.22
    brush = ImageDraw.Draw(image)
    if shape == "disc":
        brush.ellipse((cx - r, cy - r, cx + r, cy + r), fill=COLOURS[colour])
    elif shape == "square":
        brush.rectangle((cx - r, cy - r, cx + r, cy + r), fill=COLOURS[colour])
    elif shape == "triangle":
        brush.polygon([(cx, cy - r), (cx - r, cy + r), (cx + r, cy + r)], fill=COLOURS[colour])
    else:
        brush.rectangle((cx - r, cy - r / 3, cx + r, cy + r / 3), fill=COLOURS[colour])
    out = io.BytesIO()
    image.save(out, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return out.getvalue(), f"A {colour} {shape} in the {place} of a {ground} picture, number {number}."


def caption_sample(seed: int, number: int, *, source: str = "drawn", original: bool = False, repeat: int = 1) -> Sample:
    """One picture and its caption, `repeat` times over; every fourth is a PNG."""
    data, caption = picture(seed, number, kind="PNG" if number % 4 == 3 else "JPEG")
    provenance = {"source": source} | ({"original_caption": f"picture {number} free shipping"} if original else {})
    text = " ".join([caption] * repeat)
    name = "0.png" if number % 4 == 3 else "0.jpg"
    content = [{"type": "image", "file": name}, {"type": "text", "text": text, "loss": True}]
    return {"id": f"{seed:08x}{number:024x}", "line": "caption", "content": content, "provenance": provenance}, {name: data}


def interleaved_sample(seed: int, number: int, *, images: int = 3, words: int = 30) -> Sample:
    """Text and pictures in turn."""
    content: list[dict[str, Any]] = []
    media: dict[str, bytes] = {}
    draw = generator(seed, "words", number)
    for i in range(images):
        data, caption = picture(seed, number * 100 + i)
        media[f"{i}.jpg"] = data
        content.append({"type": "text", "text": caption + " " + " ".join(map(str, draw.integers(0, 999, words))), "loss": True})
        content.append({"type": "image", "file": f"{i}.jpg"})
    content.append({"type": "text", "text": "That is all.", "loss": True})
    provenance = {"source": "manual"}
    return {"id": f"{seed:08x}{number:022x}ff", "line": "interleaved", "content": content, "provenance": provenance}, media


def write_shard(path: Path, samples: list[Sample]) -> Path:
    """A training shard as the lines write them: `<id>.json`, then `<id>.<file>`, times zero."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for sample, media in samples:
            for name, data in [("json", encode(sample)), *media.items()]:
                member = tarfile.TarInfo(f"{sample['id']}.{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return path


def write_demo(folder: Path, *, samples: int = 60, shards: int = 3, seed: int = 1) -> str:
    """A small mixture of captions of two sources and interleaved documents; returns the glob."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for n in range(samples):
        if n % 10 == 9:
            made.append(interleaved_sample(seed, n))
        else:
            made.append(caption_sample(seed, n, source="drawn" if n % 3 else "stamps", original=n % 2 == 0, repeat=1 + n % 5))
    for s in range(shards):
        write_shard(folder / f"train-{s:05d}.tar", made[s::shards])
    return f"{folder}/train-*.tar"


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
