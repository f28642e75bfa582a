"""Precision and recall of the duplicates stage on a demo pool with known labels, by edit kind.

`python -m benchmarks.duplicate_quality POOL [--radius 10] [--max-difference 0.08] [--max-colour 18]`, where POOL is what
`python -m demo.pool --output POOL` wrote. Rows that the heuristics drop for their picture (undecodable, small, solid, aspect)
are left out. A near-duplicate label counts as found if the stage put the row and its original into one cluster; a drop counts
as right if the row and its survivor come from one picture by the labels.
"""

import argparse
import io
import json
import tarfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
import xxhash
from PIL import Image

from classifiers import near_duplicates, perceptual_hash, picture_match
from sieveline import schema
from sieveline.stages import duplicates

PICTURE_DEFECTS = {"undecodable", "small", "solid", "aspect", "bomb", "missing_image", "truncated"}
BROKEN_NAMES = {"unsafe_name", "duplicate_key"}


def shrunk(data: bytes) -> tuple[np.ndarray, int, int]:
    """(uint8 RGB picture with a short side of about 64-128 pixels, width, height of the whole)."""
    if simplejpeg.is_jpeg(data):
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        return simplejpeg.decode_jpeg(data, "RGB", fastdct=True, fastupsample=True, min_height=64, min_width=64), width, height
    with Image.open(io.BytesIO(data)) as picture:
        size = picture.size
        white = Image.new("RGBA", size, "white")
        white.alpha_composite(picture.convert("RGBA"))
        return np.asarray(white.convert("RGB").reduce(max(1, min(size) // 64))), *size


def read(pool: Path) -> tuple[list[dict], list[np.ndarray]]:
    """The labelled rows whose picture is sound, with what `decide_duplicates` reads, and their shrunk pictures."""
    labels = {(row["shard"], row["key"]): row for row in pq.read_table(pool / "truth" / "labels.parquet").to_pylist()}
    rows, pictures = [], []
    for path in sorted((pool / "shards").glob("*.tar")):
        with tarfile.open(path, ignore_zeros=True) as tar:
            members = iter(tar)
            while True:
                try:
                    member = next(members, None)
                    data = tar.extractfile(member).read() if member and member.isfile() else b""
                except (tarfile.ReadError, EOFError):
                    break
                if member is None:
                    break
                key, _, extension = member.name.partition(".")
                label = labels.get((path.stem, key))
                if (
                    label is None
                    or label["defect"] in PICTURE_DEFECTS | BROKEN_NAMES
                    or extension not in ("jpg", "png", "webp")
                ):
                    continue
                picture, width, height = shrunk(data)
                caption = label["caption"] or ""
                measured = {"words": len(caption.split()), "special_ratio": 0.0, "word_repetition": 0.0, "boilerplate": 0.0}
                place = {"source_shard": path.stem, "row": label["row"], "width": width, "height": height}
                identity = {"sample_id": schema.sample_id(data, caption), "image_hash": xxhash.xxh3_128_digest(data)}
                rows.append({**identity, **place, **measured, "label": label})
                pictures.append(picture)
    return rows, pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pool", type=Path)
    parser.add_argument("--radius", type=int, default=duplicates.Measuring().radius)
    parser.add_argument("--max-difference", type=float, default=duplicates.Duplicates().max_difference)
    parser.add_argument("--max-colour", type=float, default=duplicates.Duplicates().max_colour)
    parser.add_argument("--sheet", type=Path, help="write the wrong and the missed pairs as a picture")
    arguments = parser.parse_args()
    rows, pictures = read(arguments.pool)

    start = time.process_time()
    described = perceptual_hash.describe(pictures)
    hashes = described["phash"].to_numpy()
    probes = described["probe_phash"].flatten().to_numpy().reshape(len(rows), -1)
    pairs = np.unique(np.concatenate(list(near_duplicates.near_pairs(hashes, probes, arguments.radius))), axis=0)
    search = time.process_time()
    thumbnails = np.array([np.frombuffer(t, np.uint8) for t in described["thumbnail"].to_pylist()])
    difference, colour = picture_match.verify(thumbnails[pairs[:, 0]], thumbnails[pairs[:, 1]])
    end = time.process_time()

    samples = pa.Table.from_pylist([{k: v for k, v in row.items() if k != "label"} for row in rows])
    table = pa.table([pairs[:, 0], pairs[:, 1], difference, colour], schema=duplicates.PAIRS)
    config = duplicates.Duplicates(max_difference=arguments.max_difference, max_colour=arguments.max_colour)
    verdict = duplicates.decide_duplicates(samples, table, config)

    place = {(row["label"]["shard"], row["label"]["key"]): i for i, row in enumerate(rows)}
    origin = np.arange(len(rows))
    for i, row in enumerate(rows):
        if row["label"]["defect"] in ("near_duplicate", "exact_duplicate"):
            origin[i] = place.get((row["label"]["of_shard"], row["label"]["of_key"]), i)
    while (origin[origin] != origin).any():
        origin = origin[origin]
    cluster = np.array(verdict["cluster_id"].to_pylist())
    number = {row["sample_id"]: i for i, row in enumerate(rows)}
    survivor = np.array([number[i] for i in verdict["survivor_id"].to_pylist()])
    reason = np.array(verdict["reason"].to_pylist(), object)
    out = {"rows": len(rows), "pairs": len(pairs), "describe_and_search_cpu_s": round(search - start, 2)}
    out["verify_cpu_s"] = round(end - search, 2)
    for kind in ("near_duplicate", "exact_duplicate"):
        planted = np.array([row["label"]["defect"] == kind for row in rows]) & (origin != np.arange(len(rows)))
        together = cluster == cluster[origin]
        dropped = reason == kind
        right = origin == origin[survivor]
        out[kind] = {"planted": int(planted.sum()), "recall": round(float(together[planted].mean()), 3)}
        out[kind] |= {"dropped": int(dropped.sum()), "precision": round(float(right[dropped].mean()), 3)}
        if kind == "near_duplicate":
            total, hit = Counter(), Counter()
            for i in np.flatnonzero(planted):
                for edit in rows[i]["label"]["detail"].split("+"):
                    total[edit] += 1
                    hit[edit] += bool(together[i])
            out[kind]["recall_by_edit"] = {edit: round(hit[edit] / total[edit], 3) for edit in sorted(total)}
            wrong = [(i, survivor[i]) for i in np.flatnonzero(dropped & ~right)]
            missed = [(i, origin[i]) for i in np.flatnonzero(planted & ~together)]
    if arguments.sheet:
        _sheet(arguments.sheet, pictures, wrong, missed)
    print(json.dumps(out))


def _sheet(path: Path, pictures: list[np.ndarray], wrong: list[tuple[int, int]], missed: list[tuple[int, int]]) -> None:
    """Wrong pairs above, missed pairs below a black line."""
    lines = -(-len(wrong) // 8), -(-len(missed) // 8)
    sheet = Image.new("RGB", (8 * 144, sum(lines) * 70 + 4), "white")
    sheet.paste("black", (0, lines[0] * 70, 8 * 144, lines[0] * 70 + 4))
    for pairs, top in ((wrong, 0), (missed, lines[0] * 70 + 4)):
        for i, pair in enumerate(pairs):
            for side, index in enumerate(pair):
                small = Image.fromarray(pictures[index]).resize((66, 66))
                sheet.paste(small, (i % 8 * 144 + side * 68, top + i // 8 * 70))
    sheet.save(path)


if __name__ == "__main__":
    main()
