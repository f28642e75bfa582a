"""The demo's pictures with text: signs drawn onto real pictures of the pool's split, and what stands on them.

    DIR/shards/signs-00000.tar ...     <key>.jpg per picture, without captions, 100 pictures a shard
    DIR/truth.parquet                  key, text, polygon (8 numbers) and size of every line; no stage reads it

Three pictures of four have signs, the fourth is bare. They stand beside the image-text line's own training shards in the input of ocr-scene.
"""

import io
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg

from classifiers.rgb import decode_rgb
from demo import sources
from demo.packages import PackageError
from demo.signs import Written, write_signs
from sieveline import storage
from sieveline.draws import generator, uniform
from sieveline.shards.writer import TarWriter

PER_SHARD = 100
SIDE = 800  # pixels of the longer side
SIGNED_SHARE = 0.75
TRUTH = pa.schema([("key", pa.string()), ("text", pa.string()), ("polygon", pa.list_(pa.float32())), ("size", pa.float32())])


def build(folder: Path, *, pictures: int = 300, seed: int = 0) -> list[str]:
    """Writes the pool unless it is there, and returns one line for every source that had to be skipped.

    Raises:
        PackageError: none of the sources can be had.
    """
    truth, items, skipped = folder / "truth.parquet", [], []
    for source in sources.SOURCES:
        try:
            items += sources.pool_items([source])
        except PackageError as error:
            skipped.append(f"source {source} skipped: {error}")
    if not items:
        raise PackageError("no source of the demo can be had: " + "; ".join(skipped))
    if truth.exists():
        return skipped
    chosen = sorted(items, key=lambda item: (not item.photo, uniform(seed, "scene-pool", item.source, item.item_id)))[:pictures]
    known = []
    for start in range(0, len(chosen), PER_SHARD):
        file = io.BytesIO()
        tar = TarWriter(file)
        for number, item in enumerate(chosen[start : start + PER_SHARD], start):
            rgb, written = signed(item, seed)
            key = f"signs{number:05d}"
            tar.add((f"{key}.jpg", simplejpeg.encode_jpeg(rgb, 90)))
            known += [{"key": key, "text": w.text, "polygon": w.polygon.ravel(), "size": w.size} for w in written]
        tar.close()
        storage.publish_bytes(str(folder / "shards" / f"signs-{start // PER_SHARD:05d}.tar"), file.getvalue())
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(known, TRUTH), out)
    storage.publish_bytes(str(truth), out.getvalue())
    return skipped


def signed(item: sources.Item, seed: int, signed_share: float = SIGNED_SHARE) -> tuple[np.ndarray, list[Written]]:
    """The picture at `SIDE` pixels, and the signs drawn onto it, if any."""
    rgb = decode_rgb(item.path.read_bytes(), SIDE)
    assert rgb is not None  # the sources are verified by their checksums
    scale = SIDE / max(rgb.shape[:2])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    rgb = np.ascontiguousarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=interpolation))
    name = f"{item.source}/{item.item_id}"
    if uniform(seed, "scene-signed", name) >= signed_share:
        return rgb, []
    return write_signs(rgb, generator(seed, "scene-signs", name))
