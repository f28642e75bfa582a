"""Evidence that an image shows what a caption says: the text in it, read by PaddleOCR, and labels some other model gave
it.

OCR runs through `paddleocr` on onnxruntime with the PP-OCRv6 small models that the `rapidocr` package carries
(Apache-2.0), laid out once in the cache as paddleocr wants them; nothing is downloaded. It costs .1 CPU-seconds on a
picture without text and .7 on one with five lines, so the verifier asks only for candidates with a number or name that
nothing else supports.
"""

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from recaption.generator import Request
from recaption.pictures import open_rgb
from sieveline.errors import ConfigError

_MODELS = {"PP-OCRv6_small_det": "PP-OCRv6_det_small.onnx", "PP-OCRv6_small_rec": "PP-OCRv6_rec_small.onnx"}
_LOCK = Lock()  # concurrent predictions of one engine corrupt each other


@dataclass(frozen=True, kw_only=True, slots=True)
class OcrConfig:
    """Reading text in images.

    Attributes:
        cache: folder for the models' layout; None is `$SIEVELINE_CACHE`, else `~/.cache/sieveline`.
        max_side: pixels; larger images are shrunk, which bounds time and memory.
        min_score: least recognition score of a line, in [0, 1].
        threads: of onnxruntime.
    """

    cache: Path | None = None
    max_side: int = 960
    min_score: float = 0.6
    threads: int = 1


class OcrEvidence:
    """`recaption.verify.Evidence` from the text in the image; an undecodable image shows nothing."""

    name = "ocr"

    def __init__(self, config: OcrConfig | None = None):
        self.config = config or OcrConfig()

    def texts(self, requests: Sequence[Request]) -> list[list[str]]:
        return [self.read(request.image()) for request in requests]

    def read(self, image: bytes) -> list[str]:
        """The lines of text in an image file that are read with `min_score` or better, in the engine's order."""
        config = self.config
        try:
            rgb = np.asarray(open_rgb(image, config.max_side))
        except (OSError, ValueError):
            return []
        folder = config.cache or Path(os.environ.get("SIEVELINE_CACHE") or "~/.cache/sieveline").expanduser()
        with _LOCK:
            engine = _engine(folder, config.max_side, config.threads)
            [result] = engine.predict(np.ascontiguousarray(rgb[:, :, ::-1]))  # BGR
        return [
            t for t, score in zip(result["rec_texts"], result["rec_scores"], strict=True) if t and score >= config.min_score
        ]


class LabelEvidence:
    """Evidence from labels that are already there: tags or detected objects by sample id.

    Args:
        labels: sample id -> labels in words, e.g. `["dog", "two cups"]`; ids without labels have none.
        name: for the report.
    """

    def __init__(self, labels: Mapping[str, Sequence[str]], name: str = "labels"):
        self._labels, self.name = labels, name

    def texts(self, requests: Sequence[Request]) -> list[list[str]]:
        return [list(self._labels.get(r.sample_id, ())) for r in requests]


@cache
def _engine(folder: Path, max_side: int, threads: int) -> Any:
    """The one engine of this process."""
    os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
    os.environ.setdefault("PADDLE_PDX_CACHE_HOME", str(folder / "paddlex"))
    models = lay_out_models(folder)
    from paddleocr import PaddleOCR

    return PaddleOCR(
        text_detection_model_name="PP-OCRv6_small_det",
        text_detection_model_dir=str(models / "PP-OCRv6_small_det"),
        text_recognition_model_name="PP-OCRv6_small_rec",
        text_recognition_model_dir=str(models / "PP-OCRv6_small_rec"),
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
        text_det_limit_side_len=max_side,
        text_det_limit_type="max",
        engine="onnxruntime",
        engine_config={"intra_op_num_threads": threads},
    )


def lay_out_models(folder: Path) -> Path:
    """The folder with one folder per model, made below `folder` where missing; processes may race for it.

    Raises:
        ConfigError: the `rapidocr` package is not installed.
    """
    target = folder / "ppocrv6-small-1"
    if target.is_dir():
        return target
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise ConfigError("OCR evidence needs the models in the `rapidocr` package: pip install --no-deps rapidocr==3.10.0")
    source = Path(spec.origin).parent / "models"
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".ppocr-", dir=folder))
    try:
        for name, file in _MODELS.items():
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
