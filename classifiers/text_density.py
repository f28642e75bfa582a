"""Where a picture looks written on: a small network's map, which costs a hundredth of reading the picture.

Seven convolutions over the grey picture, its longer side at most `SIDE`, say for each cell of 16 x 16 pixels how likely writing is in it. The
network was distilled from the reader itself (`models/text_density.py`): it was taught where PaddleOCR read valid lines on real pictures and
where text was drawn, so it sees what can be read at that size, and no more. The graph is an ONNX file that lies beside the other weights.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from classifiers.rgb import decode_rgb

MODEL = Path(__file__).parent.parent / "models" / "text_density.onnx"
SIDE = 512  # pixels of the longer side; larger pictures are shrunk, smaller ones stay
CELL = 16  # pixels of the shrunk picture that one cell of the map covers, each way


def text_map(image: bytes, model: Path = MODEL) -> np.ndarray | None:
    """Probability of writing in each cell, float32 (rows, columns), of an image file; None if it cannot be decoded."""
    rgb = decode_rgb(image, SIDE)
    if rgb is None or 0 in rgb.shape:
        return None
    [written] = _session(model).run(None, {"grey": network_input(rgb)})
    return np.asarray(written)[0, 0]


def network_input(rgb: np.ndarray) -> np.ndarray:
    """A picture, uint8 (h, w, 3), as the network sees it: float32 (1, 1, H, W) about -1 to 1, H and W multiples of `CELL`.

    The edge is repeated where the sides are no multiples.
    """
    scale = SIDE / max(rgb.shape[:2])
    if scale < 1:
        shrunk = max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1)
        rgb = cv2.resize(rgb, shrunk, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    bottom, right = -grey.shape[0] % CELL, -grey.shape[1] % CELL
    grey = cv2.copyMakeBorder(grey, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return (grey.astype(np.float32) / 127.5 - 1)[None, None]


@cache
def _session(model: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
