"""Text in pictures, read by PaddleOCR: one engine a process, shared by whoever asks.

`paddleocr` runs on onnxruntime with the PP-OCRv6 small models that the `rapidocr` package carries (Apache-2.0), laid out once in
the cache as paddleocr wants them; nothing is downloaded. They read Latin, Han, kana and Greek, no Cyrillic and no right-to-left
script. A picture without text costs .1 CPU-seconds, one with five lines .7, a dense page seven.

The detector sees the picture no larger than `detect_side`; the recogniser reads its crops from the picture as it was given, so that
one twice as large as the detector's costs no more and small type stays legible. Both are bounded, and so is memory: onnxruntime keeps
what the largest input needed (about 300 MB), and the engine is made anew (.4 CPU-seconds) after `RECYCLE_AFTER` pictures.
"""

import importlib.util
import io
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np
import xxhash
from PIL import ExifTags, Image

from classifiers.rgb import decode_rgb
from sieveline.cache import cache_folder
from sieveline.errors import ConfigError
from sieveline.image_files import BROKEN

MODELS = {"PP-OCRv6_small_det": "PP-OCRv6_det_small.onnx", "PP-OCRv6_small_rec": "PP-OCRv6_rec_small.onnx"}
RECYCLE_AFTER = 1000
"""Pictures after which the engine is made anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line of text as it was read.

    Attributes:
        text: what was recognised, not empty.
        score: mean probability of its characters, 0-1.
        polygon: float32 (4, 2), corners in pixels (x, y) of the picture that was given, clockwise as seen on it, beginning with the one
            nearest to the picture's top left.
    """

    text: str
    score: float
    polygon: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image file, decoded upright and no larger than asked for.

    Attributes:
        rgb: uint8 (h, w, 3).
        width: pixels of the whole upright picture, of which `rgb` may be a smaller copy.
        height: the same.
        turned: whether upright is not how the file's pixels lie: its EXIF orientation says so.
    """

    rgb: np.ndarray
    width: int
    height: int
    turned: bool


def open_picture(image: bytes, max_side: int) -> Picture | None:
    """`image` with its longer side at most `max_side`; None if it cannot be decoded."""
    rgb = decode_rgb(image, max_side)
    if rgb is None or 0 in rgb.shape:
        return None
    try:
        with Image.open(io.BytesIO(image)) as header:
            width, height = header.size
            turned = header.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    except BROKEN:
        return None
    if (width > height) != (rgb.shape[1] > rgb.shape[0]):  # EXIF turned it on its side
        width, height = height, width
    scale = max_side / max(rgb.shape[:2])
    if scale < 1:
        shrunk = max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1)
        rgb = cv2.resize(rgb, shrunk, interpolation=cv2.INTER_AREA)
    return Picture(rgb, width, height, turned)


class TextReader:
    """Reads text in pictures. All readers of a process share one engine, which only one thread at a time may use.

    Args:
        detect_side: pixels, the longer side of what the detector sees.
        threads: of onnxruntime; a reader that asks for other threads or memory than the one before makes the engine anew.
        keeps_memory: whether onnxruntime keeps what the largest picture needed; without, 160 MB less and 4 % more CPU time.
        cache: folder for the models' layout; None is the cache folder.

    Raises:
        ConfigError: the `rapidocr` package, which has the models, is not installed.
    """

    def __init__(self, *, detect_side: int = 960, threads: int = 1, keeps_memory: bool = True, cache: Path | None = None):
        self.detect_side = detect_side
        self._options = {"intra_op_num_threads": threads, "enable_cpu_mem_arena": keeps_memory}
        self._models = lay_out_models(cache or cache_folder())

    def engine(self) -> Any:
        """The process's `PaddleOCR`, for one more picture: made anew where that is due."""
        return _SHARED.engine(self._models, self._options)

    def read(self, rgb: np.ndarray) -> list[Line]:
        """The lines of text in a picture, uint8 (h, w, 3), in the engine's order: from the top, then from the left."""
        bgr = np.ascontiguousarray(rgb[:, :, ::-1])
        with _SHARED.lock:
            [result] = self.engine().predict(bgr, text_det_limit_side_len=self.detect_side)
        found = zip(result["rec_texts"], result["rec_scores"], result["rec_polys"], strict=True)
        return [
            Line(text.strip(), float(score), from_top_left(np.asarray(polygon)))
            for text, score, polygon in found
            if text.strip()
        ]


def from_top_left(polygon: np.ndarray) -> np.ndarray:
    """Corners (4, 2) as float32, clockwise as seen, beginning with the corner nearest to the top left."""
    corners = polygon.astype(np.float32)
    x, y = np.roll(corners, -1, 0).T
    if (corners[:, 0] * y - x * corners[:, 1]).sum() < 0:  # the y axis points down, so a positive area is clockwise
        corners = corners[::-1]
    return np.roll(corners, -int(corners.sum(1).argmin()), 0)


class _Shared:
    """The one engine of this process: two at once would double the memory, and concurrent predictions corrupt each other."""

    def __init__(self):
        self.lock = Lock()
        self._engine: Any = None
        self._made_for: tuple[Path, dict[str, Any]] | None = None
        self._pictures = 0

    def engine(self, models: Path, options: dict[str, Any]) -> Any:
        if self._made_for != (models, options) or self._pictures >= RECYCLE_AFTER:
            self._engine = None  # its memory is free before the next one takes some
            self._engine, self._made_for, self._pictures = _engine(models, options), (models, options), 0
        self._pictures += 1
        return self._engine


_SHARED = _Shared()


def _engine(models: Path, options: dict[str, Any]) -> Any:
    os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
    os.environ.setdefault("PADDLE_PDX_CACHE_HOME", str(models.parent / "paddlex"))
    from paddleocr import PaddleOCR

    detector, recogniser = MODELS
    return PaddleOCR(
        text_detection_model_name=detector,
        text_detection_model_dir=str(models / detector),
        text_recognition_model_name=recogniser,
        text_recognition_model_dir=str(models / recogniser),
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
        text_det_limit_type="max",
        engine="onnxruntime",
        engine_config=options,
    )


@cache
def weights_hash() -> str:
    """32 hex digits over both models' files.

    Raises:
        ConfigError: the `rapidocr` package is not installed.
    """
    digest = xxhash.xxh3_128()
    for file in MODELS.values():
        digest.update((_packaged() / file).read_bytes())
    return digest.hexdigest()


def _packaged() -> Path:
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise ConfigError("reading text needs the models in the `rapidocr` package: pip install --no-deps rapidocr==3.10.0")
    return Path(spec.origin).parent / "models"


def lay_out_models(folder: Path) -> Path:
    """The folder with one folder per model, made below `folder` where missing; processes may race for it.

    Raises:
        ConfigError: the `rapidocr` package is not installed.
    """
    target = folder / "ppocrv6-small-1"
    if target.is_dir():
        return target
    source = _packaged()
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".ppocr-", dir=folder))
    try:
        for name, file in MODELS.items():
            (made / name).mkdir()
            shutil.copyfile(source / file, made / name / "inference.onnx")
            description = _detection() if name.endswith("det") else _recognition(source / file)
            _write_yaml(made / name / "inference.yml", {"Global": {"model_name": name}} | description)
        made.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was first
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def _detection() -> dict:
    normalise = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": "1./255.", "order": "hwc"}
    steps = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"DetResizeForTest": {"resize_long": 960}},
        {"NormalizeImage": normalise},
        {"ToCHWImage": None},
        {"KeepKeys": {"keep_keys": ["image", "shape"]}},
    ]
    after = {"name": "DBPostProcess", "thresh": 0.3, "box_thresh": 0.6, "max_candidates": 1000, "unclip_ratio": 1.5}
    return {"PreProcess": {"transform_ops": steps}, "PostProcess": after}


def _recognition(model: Path) -> dict:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    characters = session.get_modelmeta().custom_metadata_map["character"].split("\n")
    while characters and not characters[-1].strip():
        characters.pop()
    steps = [{"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}, {"RecResizeImg": {"image_shape": [3, 48, 320]}}]
    return {"PreProcess": {"transform_ops": steps}, "PostProcess": {"name": "CTCLabelDecode", "character_dict": characters}}


def _write_yaml(path: Path, content: dict) -> None:
    import yaml

    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
