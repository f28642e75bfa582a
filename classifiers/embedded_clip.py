"""The embedded image-text model: frozen EfficientNet-Lite0 and MiniLM-L6 with two small trained heads, after LiT (arXiv 2111.07991).

It needs no download: the encoders come in packages, the heads lie in `models/`. What it is good for and what not is in the numbers
that `models/alignment_heads.py` prints.

**Same bits, whatever the neighbours.** A pass sees pictures one by one, and texts in eights of equal length, the last eight filled up
with its own first text: the shapes a sample is computed in depend on that sample alone, every pass runs on one thread, and threads
take whole passes. So a sample's embedding is bit-equal alone, in a batch, in any order and with any number of threads (tested).
Eights cost 1.3 ms a caption of 8 tokens where singles cost 4.1; a picture costs 5.1 ms alone and no less in company.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import xxhash

from classifiers import encoder_graphs
from classifiers.character_grams import gram_sums
from classifiers.encoder_graphs import IMAGE_SIDE, Head
from classifiers.imagenet_names import class_names
from classifiers.map_ahead import map_ahead
from classifiers.rgb import decode_rgb, square
from sieveline.storage import publish_bytes

MAX_TOKENS = 128
MAX_CHARACTERS = 2_000  # more than 128 tokens ever need; keeps a caption of megabytes from being tokenized whole
_TEXTS_PER_PASS = 8
_GRAPH_VERSION = 5  # of the ONNX files in the cache
T = TypeVar("T")
R = TypeVar("R")


class FrozenEncoders:
    """The two encoders without heads, for training heads on their features; `EmbeddedClip` runs the same passes.

    Args:
        cache: folder for the compiled graphs, 120 MB; made by the first process that needs them.
        heads: what stands behind the encoders, with a name, or None.
        threads: passes that run at once, each on one core; a picture is decoded by the thread that embeds it.
    """

    def __init__(self, cache: Path, heads: tuple["Heads", str] | None = None, *, threads: int = 1):
        import tokenizers

        trained, name = heads or (None, "features")
        stem = f"{name}-{_GRAPH_VERSION}"
        folder = cache / "alignment"
        self._text = _session(
            _compiled(folder / f"{stem}-text.onnx", lambda: encoder_graphs.text_graph(trained.text if trained else ()))
        )
        self._image_graph = (
            folder / f"{stem}-image.onnx",
            lambda: encoder_graphs.image_graph(
                trained.names if trained else self.class_name_features(), trained.image if trained else ()
            ),
        )
        self._grams = None if trained is None else trained.grams
        self._tokenizer = tokenizers.Tokenizer.from_str(encoder_graphs.minilm_tokenizer())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._passes = ThreadPoolExecutor(threads, "pass") if threads > 1 else None
        self._threads = threads

    def class_name_features(self) -> np.ndarray:
        """float32 [1000, TEXT_FEATURES] in steps of float16, of encoders without heads."""
        return self.embed_texts(class_names()).astype(np.float16).astype(np.float32)

    @cached_property
    def _image(self) -> Any:
        """Made when the first picture is embedded: who only embeds captions saves 60 MB."""
        return _session(_compiled(*self._image_graph))

    def embed_images(self, images: Sequence[bytes]) -> np.ndarray:
        """float32 [N, D]; rows of NaN for what cannot be decoded."""
        rows = np.full((len(images), self._image.get_outputs()[0].shape[1]), np.nan, np.float32)
        for i, row in enumerate(self._map(self._embed_file, images)):
            if row is not None:
                rows[i] = row
        return rows

    def _map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        if self._passes is None:
            return map(function, items)  # no hand-over between threads: a fifth of a millisecond each
        return map_ahead(self._passes, function, items, 2 * self._threads)

    def embed_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """One pass over one decoded picture: uint8 [224, 224, 3] -> float32 [D]."""
        return np.asarray(self._image.run(None, {"pixels": pixels[None]})[0])[0]

    def _embed_file(self, image: bytes) -> np.ndarray | None:
        rgb = decode_rgb(image, IMAGE_SIDE)
        return None if rgb is None else self.embed_pixels(square(rgb, IMAGE_SIDE))

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [N, D]."""
        texts = [readable(text) for text in texts]
        by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
        for i, encoding in enumerate(self._tokenizer.encode_batch(texts)):
            by_length[len(encoding.ids)].append((i, encoding.ids))
        groups = [same[i : i + _TEXTS_PER_PASS] for same in by_length.values() for i in range(0, len(same), _TEXTS_PER_PASS)]
        inputs = [self._inputs(group, texts) for group in groups]
        rows = np.empty((len(texts), self._text.get_outputs()[0].shape[1]), np.float32)
        for group, embedded in zip(groups, self._map(self._embed_ids, inputs), strict=True):
            rows[[i for i, _ in group]] = embedded[: len(group)]
        return rows

    def _inputs(self, group: list[tuple[int, list[int]]], texts: list[str]) -> dict[str, np.ndarray]:
        filled = group + group[:1] * (_TEXTS_PER_PASS - len(group))
        inputs = {"ids": np.array([ids for _, ids in filled], np.int64)}
        if self._grams is not None:
            inputs["grams"] = gram_sums([texts[i] for i, _ in filled], self._grams)
        return inputs

    def _embed_ids(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        return np.asarray(self._text.run(None, inputs)[0])


def readable(text: str) -> str:
    """What the text encoder reads of a caption: its first characters, HTML entities decoded, white space single."""
    return " ".join(unescape(text[:MAX_CHARACTERS]).split())


@dataclass(frozen=True, kw_only=True, slots=True)
class Heads:
    """All that is trained, and what the image features need.

    Attributes:
        image: behind the picture's features; several that were trained apart and are used together.
        text: behind the text's features and its n-grams' rows, as many.
        grams: float32 [buckets, heads * G], the rows of the character n-grams, those of each head side by side.
        names: float32 [1000, TEXT_FEATURES], the text features of the class names.
    """

    image: tuple[Head, ...]
    text: tuple[Head, ...]
    grams: np.ndarray
    names: np.ndarray


class EmbeddedClip(FrozenEncoders):
    """An `ImageTextModel` (see `classifiers.alignment`) for CPU: the encoders with the trained heads, embeddings of length 1.

    Args:
        heads: path of the trained heads.
        cache, threads: as for `FrozenEncoders`.
    """

    name = "embedded"
    precision = "float32"
    preprocessing = (
        f"squeezed to {IMAGE_SIDE}x{IMAGE_SIDE}, transparency on white; HTML entities decoded, white space single, "
        f"uncased word pieces, {MAX_TOKENS} at most, and character n-grams"
    )

    def __init__(self, heads: Path, cache: Path, *, threads: int = 1):
        digest = xxhash.xxh3_128(encoder_graphs.weights_hash().encode())
        digest.update(heads.read_bytes())
        self.weights_hash = digest.hexdigest()
        trained = load_heads(heads)
        self.dimensions = sum(head.bias_out.size for head in trained.image)
        super().__init__(cache, (trained, self.weights_hash), threads=threads)


def load_heads(path: Path) -> Heads:
    """The heads out of a safetensors file: matrices [heads, rows, columns] of int8 with a float32 scale for each column, the rest float16."""
    from safetensors.numpy import load_file

    stored = load_file(path)
    scales = {name.removesuffix(".scale"): stored.pop(name) for name in list(stored) if name.endswith(".scale")}
    tensors = {name: tensor.astype(np.float32) * scales.get(name, np.float32(1)) for name, tensor in stored.items()}
    parts = ("weight_in", "bias_in", "weight_out", "bias_out")
    image, text = (
        tuple(Head(**{part: tensors[f"{tower}.{part}"][i] for part in parts}) for i in range(len(tensors["text.grams"])))
        for tower in ("image", "text")
    )
    return Heads(image=image, text=text, grams=np.concatenate(list(tensors["text.grams"]), 1), names=tensors["names"])


def _compiled(path: Path, make: Callable[[], bytes]) -> Path:
    if not path.exists():
        publish_bytes(str(path), make())
    return path


def _session(path: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # it warns of what it folds away
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
