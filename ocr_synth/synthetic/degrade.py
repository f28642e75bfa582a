"""What light, lens and storage do to a picture after it was drawn; nothing here moves a pixel."""

import cv2
import numpy as np
import simplejpeg

from ocr_synth.synthetic import fields
from ocr_synth.synthetic.sampling import Degrade, happens, uniform


def ink_weight(rng: np.random.Generator, ranges: Degrade, size: float) -> float:
    """Dilation (positive) or erosion of the ink in about pixels, for text of `size` pixels an em; 0 for none."""
    if happens(rng, ranges.thicken_share):
        return float(rng.uniform(0.2, 0.7)) * min(1.0, size / 24)
    if happens(rng, ranges.thin_share):
        return -float(rng.uniform(0.15, 0.4)) * min(1.0, max(0.0, size - 12) / 20)
    return 0.0


def degrade(picture: np.ndarray, ranges: Degrade, rng: np.random.Generator, size: float) -> tuple[np.ndarray, list[str]]:
    """Light, blur, noise and an earlier compression, each with its share.

    Args:
        picture: uint8 [h, w, 3]; may be written to.
        size: em of the smallest text in pixels: what blurs is held against it.

    Returns:
        The picture and the names of what was done.
    """
    done: list[str] = []
    if happens(rng, ranges.clean_share):
        return picture, done
    picture = _light(picture, ranges, rng, done)
    if happens(rng, ranges.blur_share):
        sigma = min(uniform(rng, ranges.blur), size / 18)
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
        done.append("blur")
    if happens(rng, ranges.motion_share):
        picture = cv2.filter2D(
            picture, -1, motion_kernel(min(uniform(rng, ranges.motion), size / 6), float(rng.uniform(0, np.pi)))
        )
        done.append("motion")
    if happens(rng, ranges.noise_share):
        sigma = uniform(rng, ranges.noise) * min(1.0, size / 20)
        coloured = happens(rng, 0.5)
        noise = fields.white(rng, picture.shape if coloured else picture.shape[:2])
        noise = noise if coloured else cv2.merge([noise] * 3)
        picture = cv2.addWeighted(picture, 1.0, noise, sigma / 32, -4 * sigma)
        done.append("noise")
    if happens(rng, ranges.jpeg_share):
        coded = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), round(uniform(rng, ranges.jpeg)), "RGB", "420")
        picture = simplejpeg.decode_jpeg(coded, "RGB")
        done.append("jpeg")
    return picture, done


def _light(picture: np.ndarray, ranges: Degrade, rng: np.random.Generator, done: list[str]) -> np.ndarray:
    """Shadow, brightness, contrast and moire in one pass: picture * gain + offset."""
    height, width, _ = picture.shape
    gain: np.ndarray | float = 1.0
    offset: np.ndarray | float = 0.0
    if happens(rng, ranges.light_share):
        contrast, brightness = uniform(rng, ranges.contrast), uniform(rng, ranges.brightness)
        middle = float(picture[::16, ::16].mean())
        gain, offset = contrast * brightness, brightness * (1 - contrast) * middle
        done.append("light")
    if happens(rng, ranges.shadow_share):
        gain = gain * (1 - uniform(rng, ranges.shadow) * _shadow(rng, height, width))
        done.append("shadow")
    if happens(rng, ranges.moire_share):
        offset = offset + uniform(rng, ranges.moire) * _moire(rng, height, width)
        done.append("moire")
    if isinstance(gain, float) and isinstance(offset, float):
        return picture if gain == 1.0 and offset == 0.0 else cv2.convertScaleAbs(picture, alpha=gain, beta=offset)
    if isinstance(gain, np.ndarray):
        picture = cv2.multiply(picture, cv2.merge([gain.astype(np.float32)] * 3), dtype=cv2.CV_8U)
    elif gain != 1.0:
        picture = cv2.convertScaleAbs(picture, alpha=gain)
    if isinstance(offset, np.ndarray):
        return cv2.add(picture, cv2.merge([offset.astype(np.float32)] * 3), dtype=cv2.CV_8U)
    return cv2.convertScaleAbs(picture, beta=offset) if offset else picture


def _shadow(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """float32 [height, width] in [0, 1]: the soft edge of something between lamp and paper, or light that falls off."""
    rows, columns = 48, max(8, round(48 * width / height))
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    direction = float(rng.uniform(0, 2 * np.pi))
    along = (np.cos(direction) * x / columns + np.sin(direction) * y / rows) + 0.15 * fields.smooth(rng, rows, columns, 4)
    along = (along - along.min()) / (np.ptp(along) + 1e-6)
    edge, soft = float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.05, 0.6))
    coarse = 1 / (1 + np.exp(-(along - edge) / (0.25 * soft + 0.01)))
    return cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def _moire(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """float32 [height, width] in [-1, 1]: two gratings of nearly one period over each other."""
    period, angle = float(rng.uniform(4, 14)), float(rng.uniform(0, np.pi))
    total = np.zeros((height, width), np.float32)
    for factor, turn in ((1.0, 0.0), (float(rng.uniform(1.02, 1.15)), float(rng.uniform(0.02, 0.2)))):
        fx, fy = (2 * np.pi * f(angle + turn) * factor / period for f in (np.cos, np.sin))
        across = np.exp(1j * fx * np.arange(width, dtype=np.float32)).astype(np.complex64)
        down = np.exp(1j * fy * np.arange(height, dtype=np.float32)).astype(np.complex64)
        total += np.outer(down.real, across.real) - np.outer(down.imag, across.imag)
    return total / 2


def motion_kernel(length: float, angle: float) -> np.ndarray:
    """float32 [k, k], sum 1, centred: a stroke of `length` pixels at `angle` radians."""
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    for t in np.linspace(-length / 2, length / 2, 4 * side):
        kernel[round(side // 2 + t * np.sin(angle)), round(side // 2 + t * np.cos(angle))] += 1
    kernel = (kernel + kernel[::-1, ::-1]) / 2
    return kernel / kernel.sum()


def encode(picture: np.ndarray, ranges: Degrade, rng: np.random.Generator) -> bytes:
    """RGB uint8 [h, w, 3] as a JPEG of drawn quality; full colour resolution where quality is high."""
    quality = round(uniform(rng, ranges.quality))
    return simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality, "RGB", "444" if quality > 88 else "420")
