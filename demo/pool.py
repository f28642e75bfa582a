"""Writes a demo pool: WebDataset tars as img2dataset writes them, as dirty as the web, and what is known of every row.

    DIR/shards/00000.tar ...     <key>.jpg|png|webp, <key>.json, <key>.txt per sample, about 300 samples a shard
    DIR/truth/labels.parquet     `demo.labels.LABELS`; no stage reads it

About 40 % of the rows are not what they seem (`demo.plan.SHARES`). Beside them the pool has what breaks readers: a sample
without image or caption, a key twice, a name that leaves its folder, a caption that is no UTF-8 or of 10 MB, a decompression
bomb, a shard that ends inside a sample and an empty one. The same seed, pairs and packages give the same bytes.

`python -m demo.pool --output DIR [--seed 0] [--pairs 4800] [--workers 2]`
"""

import argparse
import io
import json
import multiprocessing
import os
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import groupby, pairwise
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from demo import pictures, sources
from demo.labels import LABELS, Defect
from demo.packages import PackageError
from demo.plan import Row, Shot, plan
from sieveline.draws import generator

SHARD_ROWS = 300
TRUNCATED_ROWS = 40
STRUCTURAL = (
    Defect.MISSING_CAPTION,
    Defect.MISSING_IMAGE,
    Defect.DUPLICATE_KEY,
    Defect.UNSAFE_NAME,
    Defect.CAPTION_ENCODING,
    Defect.BOMB,
    Defect.MISSING_CAPTION,
    Defect.MISSING_IMAGE,
    Defect.DUPLICATE_KEY,
    Defect.CAPTION_BYTES,
    Defect.UNSAFE_NAME,
    Defect.CAPTION_ENCODING,
)
"""Structural defects, one a shard from the first on: each turns a clean row that nothing copies into its defect."""

Members = list[tuple[str, bytes]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One sample as it is to be written: its place and what it holds.

    Attributes:
        shard: id of its shard.
        row: position in it.
        key: of the sample; of an unsafe name, without the path before it.
        content: what the plan says of it.
        of: of a duplicate or a swapped caption: (shard, key) it came from.
    """

    shard: str
    row: int
    key: str
    content: Row
    of: tuple[str, str] | None


def build(output: Path, *, seed: int = 0, pairs: int = 4800, workers: int = 2) -> list[str]:
    """Writes a pool of `pairs` pairs below `output` and returns one line for every source that had to be skipped.

    A pool that is already there, of the same seed and pairs, is left as it is. Shards are written first, the labels last, each
    by a rename, so that a pool with labels is whole.

    Raises:
        PackageError: none of the sources can be had.
    """
    items, extras, skipped = [], [], []
    for source in sources.SOURCES:
        try:
            everything = sources.items([source])
        except PackageError as error:
            skipped.append(f"source {source} skipped: {error}")
            continue
        chosen = sources.pool_items([source])
        known = {item.item_id for item in chosen}
        items += chosen
        extras += [item for item in everything if item.split == "pool" and item.item_id not in known]
    if not items:
        raise PackageError("no source of the demo can be had: " + "; ".join(skipped))
    labels = output / "truth" / "labels.parquet"
    made_from = {"seed": str(seed), "pairs": str(pairs), "sources": ",".join(dict.fromkeys(i.source for i in items))}
    if labels.exists() and _made_from(labels) == made_from:
        return skipped
    (output / "shards").mkdir(parents=True, exist_ok=True)
    for stale in (labels, *(output / "shards").glob("*.tar")):
        stale.unlink(missing_ok=True)
    shards = place(plan(items, extras, pairs=pairs, seed=seed), seed)
    # spawn: the parent may hold threads
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        tables = list(pool.map(partial(write_shard, output / "shards", seed), shards.items()))
    empty = "00000-empty"  # second in order: a slice of its own would have no yield at all and never be published
    _publish(output / "shards" / f"{empty}.tar", bytes(tarfile.RECORDSIZE))
    tables.append(pa.Table.from_pylist([{"shard": empty, "key": "", "row": 0, "defect": Defect.EMPTY_SHARD}], LABELS))
    out = io.BytesIO()
    pq.write_table(pa.concat_tables(tables).replace_schema_metadata(made_from), out)
    labels.parent.mkdir(exist_ok=True)
    _publish(labels, out.getvalue())
    return skipped


def _made_from(labels: Path) -> dict[str, str]:
    metadata = pq.read_schema(labels).metadata or {}
    return {k.decode(): v.decode() for k, v in metadata.items() if k in (b"seed", b"pairs", b"sources")}


def _publish(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(data)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


def place(rows: list[Row], seed: int) -> dict[str, list[Sample]]:
    """Shard id -> its samples, in order. The shard in the middle is the small one that will end inside its last sample."""
    num_full = max(1, round((len(rows) - TRUNCATED_ROWS) / SHARD_ROWS))
    ends = [round((len(rows) - TRUNCATED_ROWS) * k / num_full) for k in range(num_full + 1)]
    sizes = [end - start for start, end in pairwise(ends)]
    cut = num_full // 2
    sizes.insert(cut, TRUNCATED_ROWS)
    spots = [(f"{s:05d}", r) for s, size in enumerate(sizes) for r in range(size)]
    needed = {row.of for row in rows if row.of is not None}

    def free(shard: int) -> list[int]:
        """Indices of the clean rows in `shard`, not among its first ten, that no other row refers to."""
        first = sum(sizes[:shard])
        inside = range(first + 10, first + sizes[shard])
        return [i for i in inside if rows[i].defect is Defect.CLEAN and i not in needed]

    turned: dict[int, Defect] = {}
    if candidates := free(cut):
        last = sum(sizes[: cut + 1]) - 1
        spots[candidates[-1]], spots[last] = spots[last], spots[candidates[-1]]
        turned[candidates[-1]] = Defect.TRUNCATED
    for n, shard in enumerate(s for s in range(len(sizes)) if s != cut):
        if candidates := free(shard):
            chosen = candidates[int(generator(seed, "structural", shard).integers(len(candidates)))]
            turned[chosen] = STRUCTURAL[n % len(STRUCTURAL)]
    samples = []
    for i, (row, (shard, r)) in enumerate(zip(rows, spots, strict=True)):
        defect = turned.get(i, row.defect)
        key_row = r - 7 if defect is Defect.DUPLICATE_KEY else r
        of = None if row.of is None else (spots[row.of][0], "{}{:04d}".format(*spots[row.of]))
        content = replace(row, defect=defect, detail=None if i in turned else row.detail)
        samples.append(Sample(shard=shard, row=r, key=f"{shard}{key_row:04d}", content=content, of=of))
    samples.sort(key=lambda sample: (sample.shard, sample.row))
    return {shard: list(inside) for shard, inside in groupby(samples, key=lambda sample: sample.shard)}


def write_shard(folder: Path, seed: int, shard: tuple[str, list[Sample]]) -> pa.Table:
    """Writes one shard below `folder`; returns its labels."""
    name, samples = shard
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for sample in samples:
            members, ends_at = _members(sample, seed), None
            for member, data in members:
                info = tarfile.TarInfo(member)
                info.size, info.mode = len(data), 0o444
                ends_at = ends_at or tar.offset + tarfile.BLOCKSIZE + len(data) // 2
                tar.addfile(info, io.BytesIO(data))
    data = out.getvalue()
    if samples[-1].content.defect is Defect.TRUNCATED:
        data = data[:ends_at]  # in the middle of the last sample's picture
    _publish(folder / f"{name}.tar", data)
    return pa.Table.from_pylist([_label(sample) for sample in samples], LABELS)


def _label(sample: Sample) -> dict[str, str | int | None]:
    content = sample.content
    return {
        "shard": sample.shard,
        "key": sample.key,
        "row": sample.row,
        "defect": content.defect,
        "detail": content.detail,
        "of_shard": sample.of[0] if sample.of else None,
        "of_key": sample.of[1] if sample.of else None,
        "caption": content.caption[:1000],
        "original_caption": content.shot.caption if content.shot else None,
        "language": content.language,
        "source": content.shot.source if content.shot else None,
    }


def _members(sample: Sample, seed: int) -> Members:
    """The files of one sample: name and bytes, in the order in which they stand in the shard."""
    content, key, defect = sample.content, sample.key, sample.content.defect
    rng = generator(seed, "sample", sample.shard, sample.row)
    image, extension, size = _image(content, rng, seed)
    caption = content.caption.encode("utf-8", "replace")
    if defect is Defect.CAPTION_ENCODING:
        return [(f"{key}.{extension}", image), (f"{key}.txt", caption + " \xe9t\xe9 \xff".encode("latin-1"))]
    if defect is Defect.CAPTION_BYTES:
        return [(f"{key}.{extension}", image), (f"{key}.txt", (caption + b" ") * (10_000_000 // (len(caption) + 1) + 1))]
    shot = content.shot
    url = f"https://images.example.org/{shot.name if shot else 'solid'}-{sample.shard}{sample.row:04d}.{extension}"
    fields = {
        "caption": None if defect is Defect.MISSING_CAPTION else content.caption,
        "url": quote(url, safe=":/"),
        "key": key,
        "status": "success",
        "error_message": None,
        "width": size[0],
        "height": size[1],
        "original_width": size[0],
        "original_height": size[1],
        "exif": "{}",
        "sha256": sha256(image).hexdigest(),
        "license": shot.license if shot else None,
    }
    members = [
        (f"{key}.{extension}", image),
        (f"{key}.json", json.dumps(fields, indent=4).encode()),
        (f"{key}.txt", caption),
    ]
    if defect is Defect.MISSING_CAPTION:
        return members[:2]
    if defect is Defect.MISSING_IMAGE:
        return members[1:]
    if defect is Defect.UNSAFE_NAME:
        return [(f"../../{member}", data) for member, data in members]
    return members


def _image(content: Row, rng: np.random.Generator, seed: int) -> tuple[bytes, str, tuple[int, int]]:
    """The picture of a row: its bytes, the extension it goes by, and (width, height) as its metadata tell."""
    shot, defect = content.shot, content.defect
    if defect is Defect.BOMB:
        return pictures.bomb(), "png", (20_000, 20_000)
    if shot is None:
        size = (int(rng.integers(240, 500)), int(rng.integers(240, 500)))
        picture, quality = pictures.solid(size, content.detail or "flat", rng)
        extension = "png" if content.detail != "noise" and rng.random() < 0.3 else "jpg"
        return pictures.encode(picture, extension, quality), extension, size
    picture, extension, quality = _shoot(shot, seed), shot.extension, 88
    if defect is Defect.NEAR_DUPLICATE:
        picture, quality = pictures.near_duplicate(picture, (content.detail or "").split("+"), rng)
        extension = "webp" if extension == "webp" else "jpg"
    elif defect is Defect.SMALL:
        picture = pictures.fit(picture, int(rng.integers(16, 150)), max_aspect=2)
    elif defect is Defect.ASPECT:
        side, ratio = int(rng.integers(210, 260)), float(rng.uniform(3.6, 8))
        long = round(side * ratio)
        picture = picture.resize((long, side) if rng.random() < 0.6 else (side, long))
    elif defect is Defect.WRONG_EXTENSION:
        told = {"jpg": "png", "png": "jpg", "webp": "jpg"}[extension]
        return pictures.encode(picture, extension), told, picture.size
    data = pictures.encode(picture, extension, quality)
    if defect is Defect.UNDECODABLE:
        data = pictures.undecodable(data, content.detail or "truncated", rng)
    return data, extension, picture.size


def _shoot(shot: Shot, seed: int) -> Image.Image:
    """The picture a shot describes; the same for a row and its duplicates."""
    if shot.path is not None:
        return pictures.fit(pictures.load(shot.path), shot.side)
    rng = generator(seed, "shoot", shot.name)
    width, height = round(shot.side * float(rng.uniform(1, 1.6))), shot.side
    if len(shot.objects) == 1 and rng.random() < 0.3:
        width, height = height, width
    return pictures.compose(list(shot.objects), shot.backdrop, (width, height), rng)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.pool", description="Write a dirty pool of real pairs with known labels."
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for shards/ and truth/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=4800)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    try:
        skipped = build(given.output, seed=given.seed, pairs=given.pairs, workers=given.workers)
    except PackageError as error:
        print(error, file=sys.stderr)
        return 1
    for line in skipped:
        print(line, file=sys.stderr)
    labels = pq.read_table(given.output / "truth" / "labels.parquet", columns=["defect"])
    counts = Counter(labels["defect"].to_pylist())
    print(f"{given.output / 'shards'}: {len(labels)} rows, " + ", ".join(f"{n} {defect}" for defect, n in counts.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
