"""Training shards made for the loader bench: photograph-like JPEGs, larger than the demo's pictures, and documents with several."""

import io
import tarfile
from pathlib import Path

import numpy as np

from sieveline.draws import generator
from sieveline.training_sample import encode

WORDS = [
    "a",
    "red",
    "old",
    "small",
    "stone",
    "wooden",
    "boat",
    "house",
    "tree",
    "river",
    "hill",
    "cat",
    "dog",
    "market",
    "street",
    "tower",
    "with",
    "under",
    "near",
    "two",
    "three",
    "people",
]


def write_shards(folder: Path, *, samples: int = 600, shards: int = 4) -> str:
    """Shards with textured pictures of 200 to 1,100 pixels a side and captions of 5 to 60 words."""
    made: list[list[tuple[str, bytes]]] = []
    for number in range(samples):
        draw = generator(0, "sample", number)
        document = number % 10 == 9
        content, media = [], {}
        for i in range(int(draw.integers(2, 5)) if document else 1):
            media[f"{i}.jpg"] = textured(draw)
            content.append({"type": "image", "file": f"{i}.jpg"})
            count = int(np.clip(draw.lognormal(4.5 if document else 2.7, 0.6), 5, 400))
            content.append({"type": "text", "text": " ".join(draw.choice(WORDS, count)), "loss": True})
        sample_id = f"{number:032x}"
        line = "interleaved" if document else "caption"
        sample = {"id": sample_id, "line": line, "content": content, "provenance": {"source": "bench"}}
        made.append([(f"{sample_id}.json", encode(sample)), *((f"{sample_id}.{n}", d) for n, d in media.items())])
    for shard in range(shards):
        with tarfile.open(folder / f"bench-{shard}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, data in (m for sample in made[shard::shards] for m in sample):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return f"{folder}/bench-*.tar"


def textured(draw: np.random.Generator) -> bytes:
    """A JPEG with detail at all scales, as photographs have."""
    from PIL import Image

    width, height = (int(s) for s in draw.integers(200, 1_100, 2))
    image = np.zeros((height, width, 3), np.float32)
    for side in (4, 16, 64, 256):
        coarse = Image.fromarray(draw.integers(0, 256, (side, side, 3), dtype=np.uint8))
        image += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32) / side**0.5
    out = io.BytesIO()
    Image.fromarray((image * (255 / image.max())).astype(np.uint8)).save(out, "JPEG", quality=88)
    return out.getvalue()
