"""Pictures to patches: decoded upright, resized as the model's processor resizes, cut into patches and, where asked, normalised.

A still picture of P patches is P rows of 3 * 14 * 14 uint8, colour by colour, in the model's order (blocks of 2 x 2 patches). `normalise`
makes of them the P rows of 3 * 2 * 14 * 14 that the model takes: each value times a factor minus a constant, shown twice in time. Pixels
are those of `Glm4vImageProcessor` (a test holds them to 2e-6); JPEG is decoded exactly, never shrunk on load, for the same reason.
"""

import io
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from sieveline.image_files import BROKEN, orientation, upright

if TYPE_CHECKING:
    import torch

ROWS = 64
"""Patches that are normalised at a time: their float32 rows, 300 kB, stay in the cache until they are written."""


class Flaw(ValueError):
    """A sample cannot be trained on; the message is a short, countable reason, and the sample is skipped."""


def image_size(data: bytes) -> tuple[int, int]:
    """(width, height) of the upright picture, from the file's header, without decoding it.

    Raises:
        Flaw: no header that Pillow knows, or one that claims more than a picture has (a decompression bomb).
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            return (height, width) if orientation(data) > 4 else (width, height)
    except BROKEN as error:
        raise Flaw("image_undecodable") from error


def decode(data: bytes) -> np.ndarray:
    """uint8 (height, width, 3) RGB, upright; transparency goes onto white, 16 bits are cut to 8, of an animation the first frame counts.

    Raises:
        Flaw: the bytes do not decode.
    """
    return upright(_decoded(data), orientation(data))


def _decoded(data: bytes) -> np.ndarray:
    import cv2
    import simplejpeg

    if data[:2] == b"\xff\xd8":
        try:
            return simplejpeg.decode_jpeg(data, "RGB", fastdct=False)
        except ValueError:
            return _pillow(data)  # CMYK and damaged files: Pillow knows the one and names the other
    if data[:4] in (b"\x89PNG", b"RIFF"):
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            pixels = None
        if pixels is not None and pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3:
            return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)
    return _pillow(data)


def _pillow(data: bytes) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode.startswith("I"):
                grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
                return np.repeat(grey[..., None], 3, axis=2)
            if image.has_transparency_data:
                rgba = image.convert("RGBA")
                white = Image.new("RGBA", rgba.size, "white")
                return np.array(Image.alpha_composite(white, rgba).convert("RGB"))
            return np.array(image.convert("RGB"))
    except BROKEN as error:
        raise Flaw("image_undecodable") from error


def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 (height, width, 3): bicubic with antialiasing, by the very function the model's processor calls."""
    import torch
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2 import functional as F

    if pixels.shape[:2] == (height, width):
        return pixels
    # a view with the colours last in memory is what torch resizes fastest
    planes = torch.from_numpy(pixels).permute(2, 0, 1)
    resized = F.resize(planes, [height, width], interpolation=InterpolationMode.BICUBIC, antialias=True)
    return np.ascontiguousarray(resized.permute(1, 2, 0).numpy())


def cut(pixels: np.ndarray, patch: int, merge: int) -> np.ndarray:
    """Patches of a picture whose sides are multiples of `patch * merge`: uint8 (P, 3 * patch * patch)."""
    height, width = pixels.shape[0] // (patch * merge), pixels.shape[1] // (patch * merge)
    blocks = pixels.reshape(height, merge, patch, width, merge, patch, 3).transpose(0, 3, 1, 4, 6, 2, 5)
    return np.ascontiguousarray(blocks).reshape(height * width * merge**2, 3 * patch * patch)


@cache
def factors() -> tuple["torch.Tensor", "torch.Tensor"]:
    """Two float32 (3, 1): `value * first - second` is what the model's processor makes of a uint8 value of each colour."""
    import torch
    from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    mean, std = (torch.tensor(x, device="cpu")[:, None] for x in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD))
    return 1 / (255 * std), mean / std


def normalise(out: "torch.Tensor", patches: "torch.Tensor", second: "torch.Tensor | None" = None) -> "torch.Tensor":
    """uint8 (P, 3 * n) into `out`, float32 (P, 3 * 2 * n) on the CPU, normalised; returns `out`.

    `ROWS` patches at a time: one conversion into both frames, one multiply-add in place while they are in the cache. So each value
    goes to memory once; on whole packs the same two operations took twice as long.

    Args:
        second: uint8 (P, 3 * n), the second frame of a video's pair; a still is shown twice.
    """
    import torch

    frames = out.view(len(patches), 3, 2, -1)
    first = patches.unflatten(1, (3, 1, -1))
    other = first if second is None else second.unflatten(1, (3, 1, -1))
    scale, shift = (factor[..., None].expand(frames.shape[1:]).contiguous() for factor in factors())
    shift.neg_()
    for at in range(0, len(patches), ROWS):
        rows = frames[at : at + ROWS]
        if other is first:
            rows.copy_(first[at : at + ROWS])
        else:
            rows[:, :, :1].copy_(first[at : at + ROWS])
            rows[:, :, 1:].copy_(other[at : at + ROWS])
        torch.addcmul(shift, rows, scale, out=rows)
    return out
