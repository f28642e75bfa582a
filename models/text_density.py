"""Trains the map of where a picture looks written on (`classifiers/text_density.py`) and writes it as an ONNX graph.

Three kinds of picture teach it, all of them outside the demo's pool: real ones (photos, clip art, flags, figures of manuals) on which PaddleOCR
read, cells with a valid line being writing, those with a doubtful line not counted; the same with text drawn on them, known to the
pixel; and both mirrored in brightness. Seven of eight pictures train, the eighth gives the figures that are printed: share of the pictures
with a valid line that pass, and of those without that do not, over thresholds.

    python -m models.text_density

The reading is kept in the cache, so a second run only trains: 12 CPU-minutes and 6 (2 cores, 2026-11-24).
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from classifiers.text_density import CELL, MODEL, network_input
from classifiers.text_density import SIDE as INPUT_SIDE
from classifiers.text_reader import TextReader, open_picture
from demo import signs, sources
from ocr_synth.scene import reading
from ocr_synth.stages import scene_text
from sieveline.cache import cache_folder
from sieveline.draws import generator, uniform

SEED = 0
SIDE = 960  # pixels of the pictures that text is drawn on
NUMBERS = {
    "manuals": 112,
    "demo": 480,
    "clip art": 160,
}  # a figure of a manual takes a CPU-second to read, one of the others a fifth
EPOCHS = 14
BATCH = 16
CROP = 256  # pixels
VALID, DOUBTFUL = 1.0, -1.0  # in a target; 0 is no writing
_CHANNELS = (12, 24, 32, 48, 48, 48)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A picture as the network sees it, float32 (H, W), and per cell `VALID`, `DOUBTFUL` or 0, float32 (H / CELL, W / CELL)."""

    grey: np.ndarray
    target: np.ndarray
    held_out: bool

    @property
    def written(self) -> bool:
        return bool((self.target == VALID).any())


def pictures() -> list[sources.Item]:
    """The pictures, chosen by draws: figures of manuals, the demo's own sources, clip art, `NUMBERS` of each."""
    items = sorted(sources.heads_items(), key=lambda item: uniform(SEED, "text-density", item.source, item.item_id))
    kinds = {"manuals": ("kicad", "gimp", "handbook", "skimage"), "demo": tuple(sources.SOURCES), "clip art": ("openclipart",)}
    return [item for kind, names in kinds.items() for item in [i for i in items if i.source in names][: NUMBERS[kind]]]


def read_all(items: Sequence[sources.Item]) -> dict[str, list[tuple[list[float], bool]]]:
    """Polygons in pixels of each picture, and whether the line is valid; kept in the cache as it goes."""
    kept = cache_folder() / "text-density" / "read.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    known = dict(json.loads(line) for line in kept.read_text().splitlines()) if kept.exists() else {}
    reader, config = TextReader(), scene_text.SceneText()
    with kept.open("a") as file:
        for number, item in enumerate(items):
            name = f"{item.source}/{item.item_id}"
            if name not in known:
                row = reading.measure([item.path.read_bytes()], reader, config.measuring)
                valid = scene_text.decide(row, config)[1].to_pylist()[0]
                known[name] = list(zip(row["polygons"].to_pylist()[0] or [], valid or [], strict=True))
                file.write(json.dumps([name, known[name]]) + "\n")
                file.flush()
                if number % 200 == 0:
                    print(f"read {number} of {len(items)}", flush=True)
    return known


def examples(items: Sequence[sources.Item]) -> Iterator[Example]:
    """Each picture as it is and, where there is room, with text drawn on it."""
    known = read_all(items)
    for item in items:
        name = f"{item.source}/{item.item_id}"
        held_out = uniform(SEED, "text-density-held-out", name) < 1 / 8
        picture = open_picture(item.path.read_bytes(), SIDE)
        if picture is None:
            continue
        scale = np.array([picture.rgb.shape[1] / picture.width, picture.rgb.shape[0] / picture.height])
        lines = [(np.array(p).reshape(4, 2) * scale, valid) for p, valid in known[name]]
        yield example(picture.rgb, lines, held_out)
        written, found = signs.write_signs(picture.rgb, generator(SEED, "text-density-signs", name))
        if found:
            yield example(written, [*lines, *((line.polygon, True) for line in found)], held_out)


def example(rgb: np.ndarray, lines: Sequence[tuple[np.ndarray, bool]], held_out: bool) -> Example:
    grey = network_input(rgb)[0, 0]
    cells = np.zeros((grey.shape[0] // CELL, grey.shape[1] // CELL), np.float32)
    scale = min(INPUT_SIDE / max(rgb.shape[:2]), 1.0) / CELL
    for wanted in (False, True):  # what is valid wins
        for polygon, valid in lines:
            if valid is wanted:
                shift = 4  # fillPoly's fixed point: 1/16 of a cell
                mask = np.zeros_like(cells, np.uint8)
                corners = ((polygon * scale - 0.5) * (1 << shift)).round().astype(np.int32)
                cv2.fillPoly(mask, [corners], (1,), shift=shift)
                cells[mask > 0] = VALID if valid else DOUBTFUL
    return Example(grey, cells, held_out)


def network():
    """The network in torch, over float32 (n, 1, H, W) to logits (n, 1, H / CELL, W / CELL)."""
    from torch import nn

    layers, before = [], 1
    for number, channels in enumerate(_CHANNELS):
        kernel, stride = 5 if number == 0 else 3, 2 if number < 4 else 1
        layers += [nn.Conv2d(before, channels, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        before = channels
    return nn.Sequential(*layers, nn.Conv2d(before, 1, 1))


def train(found: Sequence[Example]):
    """The trained network: binary cross entropy over the cells that are sure, one with writing counting as two without."""
    import torch
    from torch.nn import functional as F

    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # sums in another order would be other weights
    net = network().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-4)
    steps = EPOCHS * (len(found) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    rng = generator(SEED, "text-density-train")
    for epoch in range(EPOCHS):
        order, total = rng.permutation(len(found)), 0.0
        for start in range(0, len(order) - BATCH + 1, BATCH):
            crops = [_crop(found[i], rng) for i in order[start : start + BATCH]]
            x = torch.from_numpy(np.stack([c[0] for c in crops])[:, None])
            y = torch.from_numpy(np.stack([c[1] for c in crops])[:, None])
            losses = F.binary_cross_entropy_with_logits(net(x), y.clamp(min=0), reduction="none")
            weights = torch.where(y == DOUBTFUL, 0.0, torch.where(y == VALID, 2.0, 1.0))
            loss = (losses * weights).sum() / weights.sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1}: {total / (len(order) // BATCH):.4f}", flush=True)
    return net


def _crop(example: Example, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random square of CROP pixels on the cells' grid, padded where the picture is smaller, at times darker, paler or inverted."""
    rows, columns = example.target.shape
    side = CROP // CELL
    y, x = (int(rng.integers(max(n - side, 0) + 1)) for n in (rows, columns))
    grey = example.grey[y * CELL : (y + side) * CELL, x * CELL : (x + side) * CELL]
    target = example.target[y : y + side, x : x + side]
    missing = side - target.shape[0], side - target.shape[1]
    grey = np.pad(grey, ((0, missing[0] * CELL), (0, missing[1] * CELL)), mode="edge")
    target = np.pad(target, ((0, missing[0]), (0, missing[1])), constant_values=DOUBTFUL)
    gain, shift = rng.uniform(0.6, 1.1), rng.uniform(-0.2, 0.2)
    if rng.random() < 0.3:
        gain = -gain
    return (grey * gain + shift).astype(np.float32), target


def write_graph(net, path: Path) -> None:
    """The network with its normalisation folded into the convolutions and a sigmoid behind it as an ONNX graph, weights inside."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    net.eval()
    pairs = zip(net, [*net[1:], None], strict=True)
    folded = [fuse_conv_bn_eval(a, b) if isinstance(b, nn.BatchNorm2d) else a for a, b in pairs if isinstance(a, nn.Conv2d)]
    nodes, weights, last = [], [], "grey"
    for number, layer in enumerate(folded):
        final = number == len(folded) - 1
        names, out, after = (f"w{number}", f"b{number}"), f"c{number}", "written" if final else f"r{number}"
        for tensor, name in zip((layer.weight, layer.bias), names, strict=True):
            assert tensor is not None
            weights.append(numpy_helper.from_array(np.ascontiguousarray(tensor.detach().numpy()), name))
        nodes.append(helper.make_node("Conv", [last, *names], [out], strides=list(layer.stride), pads=[layer.padding[0]] * 4))
        nodes.append(helper.make_node("Sigmoid" if final else "Relu", [out], [after]))
        last = after
    shape = ["n", 1, "height", "width"]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
        for n, s in (("grey", shape), ("written", ["n", 1, "rows", "columns"]))
    ]
    graph = helper.make_graph(nodes, "text_density", [ends[0]], [ends[1]], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10, producer_name="sieveline")
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=MODEL)
    options = parser.parse_args()
    found = list(examples(pictures()))
    learned = [e for e in found if not e.held_out]
    print(f"{len(learned)} examples to learn from, {sum(e.written for e in learned)} with writing")
    net = train(learned)
    write_graph(net, options.output)
    report([e for e in found if e.held_out], options.output)


def report(held_out: Sequence[Example], model: Path) -> None:
    """Prints recall and what is skipped of held-out pictures over thresholds of the map's peak."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    peaks = np.array([session.run(None, {"grey": e.grey[None, None]})[0].max() for e in held_out])
    written = np.array([e.written for e in held_out])
    blank = np.array([not e.target.any() for e in held_out])
    print(f"held out: {written.sum()} with writing, {(~written).sum()} without, {blank.sum()} of these without anything read")
    for threshold in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        passes = peaks >= threshold
        print(
            f"peak >= {threshold:<4}  passes {passes[written].mean():.4f} of those with writing, "
            f"skips {(~passes)[~written].mean():.4f} of those without"
        )


if __name__ == "__main__":
    main()
