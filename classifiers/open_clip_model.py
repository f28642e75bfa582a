"""Any open_clip model as the alignment judge, by name and pretrained tag, or from a local checkpoint.

Passes have one fixed shape, `batch_size` rows, the last filled up with zeros, so that a sample's place and neighbours do not change
how it is computed. On a CPU its embedding was bit-equal alone and among others (tested); on a GPU the stored score's four
decimals are the promise, since libraries choose kernels by device.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from classifiers.map_ahead import map_ahead
from classifiers.rgb import decode_rgb
from sieveline.errors import ConfigError


class OpenClip:
    """An `ImageTextModel` (see `classifiers.alignment`); on the first CUDA device if there is one.

    Args:
        model: `MODEL:TAG` with a pretrained tag of open_clip, `MODEL:PATH` with a local checkpoint, `local-dir:FOLDER` with
            open_clip's own configuration and weights in it, or `hf-hub:NAME`.
        batch_size: rows of every pass.
        precision: open_clip's: fp32, fp16, bf16.
        threads: of torch on a CPU, for the whole process.
        decode_threads: threads that decode and preprocess ahead of the passes.

    Raises:
        ConfigError: open_clip knows no such model or tag, or the checkpoint does not exist.
    """

    def __init__(self, model: str, *, batch_size: int, precision: str = "fp32", threads: int = 1, decode_threads: int = 1):
        name, tag = _resolve(model)
        import open_clip
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        loaded, _, preprocess = open_clip.create_model_and_transforms(
            name, pretrained=tag, precision=precision, device=self._device, load_weights=True
        )
        self._model: Any = loaded.eval()
        self._preprocess: Any = preprocess
        self._tokenizer: Any = open_clip.get_tokenizer(name)
        self._batch_size, self._decode_threads = batch_size, decode_threads
        self._decoders = ThreadPoolExecutor(decode_threads, "decode")
        size = open_clip.get_model_preprocess_cfg(self._model)["size"]
        self._side = size if isinstance(size, int) else max(size)
        self.name = f"open_clip:{name}" + (f":{Path(tag).name}" if tag else "")
        self.precision = precision
        self.preprocessing = " ".join(repr(self._preprocess).split())
        self.weights_hash = _hash(self._model.state_dict())
        self.dimensions = self.embed_texts(["a"]).shape[1]

    def embed_images(self, images: Sequence[bytes]) -> np.ndarray:
        """float32 [N, dimensions] of length 1; rows of NaN for what cannot be decoded."""
        prepared = map_ahead(self._decoders, self._prepare, images, self._batch_size + 2 * self._decode_threads)
        return self._embed(prepared, self._model.encode_image, len(images))

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [N, dimensions] of length 1."""
        return self._embed((self._tokenizer([text[:2_000]])[0] for text in texts), self._model.encode_text, len(texts))

    def _prepare(self, image: bytes) -> Any:
        from PIL import Image

        rgb = decode_rgb(image, self._side)
        return None if rgb is None else self._preprocess(Image.fromarray(rgb)).to(self._dtype)

    @property
    def _dtype(self) -> Any:
        return {"fp16": self._torch.float16, "bf16": self._torch.bfloat16}.get(self.precision, self._torch.float32)

    def _embed(self, prepared: Iterator[Any], encode: Callable[..., Any], count: int) -> np.ndarray:
        pieces = []
        for _ in range(0, count, self._batch_size):
            rows = list(islice(prepared, self._batch_size))
            shape = next((row for row in rows if row is not None), None)
            if shape is None:
                pieces.append(np.full((len(rows), self.dimensions), np.nan, np.float32))
                continue
            empty = self._torch.zeros_like(shape)
            filled = [empty if row is None else row for row in rows] + [empty] * (self._batch_size - len(rows))
            with self._torch.inference_mode():
                embedded = encode(self._torch.stack(filled).to(self._device)).float()
                embedded = self._torch.nn.functional.normalize(embedded, dim=-1).cpu().numpy()[: len(rows)].copy()
            embedded[[i for i, row in enumerate(rows) if row is None]] = np.nan
            pieces.append(embedded)
        return np.concatenate(pieces) if pieces else np.empty((0, self.dimensions), np.float32)


def _resolve(model: str) -> tuple[str, str | None]:
    """open_clip's model name and pretrained argument, checked without building anything."""
    if model.startswith("hf-hub:"):
        return model, None
    if model.startswith("local-dir:"):
        folder = model.removeprefix("local-dir:")
        if not (Path(folder) / "open_clip_config.json").is_file():
            raise ConfigError(f"alignment: {folder} has no open_clip_config.json")
        return model, None
    import open_clip

    name, _, tag = model.partition(":")
    if name not in open_clip.list_models():
        raise ConfigError(f"alignment: open_clip knows no model {name!r}; it knows {', '.join(open_clip.list_models())}")
    tags = open_clip.list_pretrained_tags_by_model(name)
    if tag not in tags and not Path(tag).is_file():
        raise ConfigError(
            f"alignment: {tag!r} is neither a checkpoint file nor a tag of {name}: {', '.join(tags) or 'it has none'}"
        )
    return name, tag


def _hash(state: dict[str, Any]) -> str:
    import torch

    digest = xxhash.xxh3_128()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
