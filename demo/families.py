"""Finds the pictures that look nearly the same and writes `families.csv`, which `demo.sources` reads.

Two pictures are joined where their 64-bit perceptual hashes differ in at most 10 bits and their 16 x 16 grey thumbnails
correlate above .93, or the thumbnails correlate above .97 whatever the hash, or the colour thumbnails differ by under 8 of 255
on average. Joined pairs, and pairs that share a name family, are closed transitively. The thresholds were set by looking at
the clusters: they join recoloured hearts, blue buttons, flags with another coat of arms and the three genders of a profession,
rather one pair too many than one too few. Pictures of hardly any contrast (white on white, a flag of one colour) get the family
`blank` and are left out of the sources, since a rule against solid pictures may rightly drop them.

`python -m demo.families` rewrites the table, in about a CPU-minute; run it when a source's items change.
"""

import csv
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from demo import sources
from demo.heads_sources import HEADS_SOURCES
from demo.pictures import load

MIN_CONTRAST = 12  # of 255: below it there is hardly anything to see


def thumbnails(paths: list[Path]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is compared, of the pictures on white.

    Returns:
        Perceptual hash bits, bool (n, 64); colour thumbnails, float32 (n, 16, 16, 3) in 0..255; and contrasts, float32 (n,):
        the largest of the three channels' standard deviations at 64 x 64, of 255.
    """
    hashes, colours, contrasts = [], [], []
    for path in paths:
        picture = load(path)
        grey = np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.BILINEAR), np.float32)
        low = cv2.dct(grey)[:8, :8].ravel()
        hashes.append(low > np.median(low[1:]))
        colours.append(np.asarray(picture.resize((16, 16), Image.Resampling.BOX), np.float32))
        contrasts.append(np.asarray(picture.resize((64, 64), Image.Resampling.BOX), np.float32).std((0, 1)).max())
    return np.array(hashes), np.array(colours), np.array(contrasts)


def alike(hashes: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Bool (n, n): which pictures look nearly the same."""
    bits = hashes.astype(np.float32)
    distance = bits.sum(1)[:, None] + bits.sum(1)[None] - 2 * bits @ bits.T
    grey = colours.mean(3).reshape(len(colours), -1)
    centred = grey - grey.mean(1, keepdims=True)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True) + 1e-6
    correlation = centred @ centred.T
    joined = ((distance <= 10) & (correlation > 0.93)) | (correlation > 0.97)
    flat, mean = colours.reshape(len(colours), -1), colours.mean((1, 2))
    for i, one in enumerate(flat):
        # the difference of the mean colours is a lower bound: the rest need not be compared
        near = np.nonzero(np.abs(mean - mean[i]).mean(1) < 8)[0]
        joined[i, near] |= np.abs(flat[near] - one).mean(1) < 8
    return joined


def main() -> None:
    found = sources.items(families={}) + [item for read in HEADS_SOURCES.values() for item in read()]
    hashes, colours, contrasts = thumbnails([item.path for item in found])
    parent = list(range(len(found)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first_of: dict[tuple[str, str], int] = {}
    for i, item in enumerate(found):
        parent[root(i)] = root(first_of.setdefault((item.source, item.family), i))
    for i, j in zip(*np.nonzero(np.triu(alike(hashes, colours), 1)), strict=True):
        low, high = sorted((root(i), root(j)))
        parent[high] = low
    with Path(__file__).with_name("families.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["source", "item_id", "family"])
        for i, item in enumerate(found):
            family = sources.BLANK if contrasts[i] < MIN_CONTRAST else found[root(i)].family
            if family != item.family:
                writer.writerow([item.source, item.item_id, family])


if __name__ == "__main__":
    main()
