"""The embedded recaptioner's network as it writes: `recaption.pointer_model` without torch, in NumPy.

Training wants gradients; a worker that recaptions does not, and with torch's forward passes the image-text line peaked .28 GB higher
(2.88 against 2.60 GB at 5,000 pairs and two workers, 2026-11-24). A test holds both to one
another. Shapes in the names: B batch, S source positions (the image's among them), D width, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import erf, expit, softmax

PAD, START, END = 0, 1, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class PointerConfig:
    """Sizes of the network.

    Attributes:
        vocabulary: tokens, PAD, START and END among them.
        image_width: length of the image embedding.
        width: of the residual stream, a multiple of `heads`.
        heads: of every attention.
        layers: of the encoder, and again of the decoder.
        image_tokens: source positions the image embedding is unfolded into.
        max_source, max_target: tokens.
        dropout: in training.
    """

    vocabulary: int
    image_width: int = 128
    width: int = 128
    heads: int = 4
    layers: int = 2
    image_tokens: int = 4
    max_source: int = 96
    max_target: int = 96
    dropout: float = 0.1


class PointerDecoder:
    """Writes captions with the weights of a `PointerModel`.

    Attributes:
        config: the network's sizes.
        weights: float32, by the names that `PointerModel` gives them.
    """

    def __init__(self, config: PointerConfig, weights: Mapping[str, np.ndarray]):
        self.config = config
        self.weights = weights
        self._directions = _unit(self.weights["tokens.weight"])

    def decode(
        self,
        images: np.ndarray,
        sources: np.ndarray,
        *,
        begin: Sequence[Sequence[int]] = (),
        temperature: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> list[list[int]]:
        """Tokens of the recaption per row, END left off, no three in a row twice; [] where none ends within `max_target`.

        Args:
            images: float32 [B, image_width], embeddings.
            sources: int64 [B, tokens], PAD at the end.
            begin: tokens each row is made to begin with; the model goes on from there.
            temperature: 0 takes the most probable token; above 0 samples with `rng`.
            rng: the same draws give the same tokens.
        """
        batch, w = len(sources), self.weights
        source_BSD, seen = self.read(images, sources)
        keys = [self._keys(source_BSD, f"decoder.{i}.cross_attention") for i in range(self.config.layers)]
        copy_keys = self._linear(source_BSD[:, self.config.image_tokens :], "copy_key") * np.float32(self.config.width**-0.5)
        before = [self._directions[_shifted(sources, back + 1)] for back in range(len(w["induction"]))]
        past = [self._keys(source_BSD[:, :0], f"decoder.{i}.self_attention") for i in range(self.config.layers)]
        token, previous = np.full(batch, START), np.full(batch, START)
        done = np.zeros(batch, bool)
        said: list[list[int]] = [[] for _ in range(batch)]
        triples: list[dict[tuple[int, ...], list[int]]] = [{} for _ in range(batch)]
        rows = np.arange(batch)
        for t in range(self.config.max_target):
            x = (w["tokens.weight"][token] + w["target_positions.weight"][t])[:, None]
            for i in range(self.config.layers):
                name = f"decoder.{i}"
                h = self._norm(x, f"{name}.norm_self")
                past[i] = np.concatenate([past[i], self._keys(h, f"{name}.self_attention")], axis=3)
                x = x + self._attend(h, past[i], f"{name}.self_attention")
                x = x + self._attend(self._norm(x, f"{name}.norm_cross"), keys[i], f"{name}.cross_attention", seen)
                x = x + self._mlp(x, name)
            y = self._norm(x, "norm_target")
            scores = (copy_keys @ self._linear(y, "copy_query").transpose(0, 2, 1))[:, :, 0]
            for weight, last, directions in zip(w["induction"], (token, previous), before, strict=True):
                scores = scores + weight * (directions @ self._directions[last][:, :, None])[:, :, 0]
            gate = expit(self._linear(y, "gate")[:, 0])
            chances = (1 - gate) * softmax(y[:, 0] @ w["tokens.weight"].T, axis=-1)
            copied = gate * softmax(np.where(sources == PAD, np.float32(-1e4), scores), axis=-1)
            np.add.at(chances, (rows[:, None], sources), copied)
            chances[:, PAD] = 0
            for row, after in enumerate(triples):  # no three tokens twice: a greedy decoder's loops end here
                if (again := after.get(tuple(said[row][-2:]))) is not None:
                    chances[row, again] = 0
            previous, token = token, _chosen(chances, temperature, rng)
            for row, forced in enumerate(begin):
                if t < len(forced):
                    token[row] = forced[t]
            token[done] = PAD
            for row, new_token in enumerate(token.tolist()):
                if len(said[row]) > 1:
                    triples[row].setdefault(tuple(said[row][-2:]), []).append(new_token)
                said[row].append(new_token)
            done |= token == END
            if done.all():
                break
        return [row[: row.index(END)] if END in row else [] for row in said]

    def read(self, images: np.ndarray, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The source read, [B, S, D], and where there is something, bool [B, 1, 1, S]."""
        batch, w = len(sources), self.weights
        text = w["tokens.weight"][sources] + w["source_positions.weight"][: sources.shape[1]]
        image = self._linear(images, "image").reshape(batch, self.config.image_tokens, -1)
        x = np.concatenate([image, text], axis=1)
        seen = np.concatenate([np.ones(image.shape[:2], bool), sources != PAD], axis=1)[:, None, None]
        for i in range(self.config.layers):
            name = f"encoder.{i}"
            h = self._norm(x, f"{name}.norm_self")
            x = x + self._attend(h, self._keys(h, f"{name}.self_attention"), f"{name}.self_attention", seen)
            x = x + self._mlp(x, name)
        return self._norm(x, "norm_source"), seen

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        weight = self.weights[f"{name}.weight"]
        flat = x.reshape(-1, x.shape[-1]) @ weight.T  # one product: NumPy would take a 3-D array piece by piece
        return (flat + self.weights[f"{name}.bias"]).reshape(*x.shape[:-1], len(weight))

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + np.float32(1e-5))
        return centred / scale * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def _keys(self, x: np.ndarray, name: str) -> np.ndarray:
        """Keys and values, [2, B, heads, S, D / heads]."""
        batch, length, width = x.shape
        heads = self.config.heads
        return self._linear(x, f"{name}.key_value").reshape(batch, length, 2, heads, width // heads).transpose(2, 0, 3, 1, 4)

    def _attend(self, x: np.ndarray, keys: np.ndarray, name: str, seen: np.ndarray | None = None) -> np.ndarray:
        batch, length, width = x.shape
        heads = self.config.heads
        query = self._linear(x, f"{name}.query").reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)
        scores = query @ keys[0].transpose(0, 1, 3, 2) * np.float32((width // heads) ** -0.5)
        if seen is not None:
            scores = np.where(seen, scores, np.float32(-np.inf))
        mixed = softmax(scores, axis=-1) @ keys[1]
        return self._linear(mixed.transpose(0, 2, 1, 3).reshape(batch, length, width), f"{name}.out")

    def _mlp(self, x: np.ndarray, name: str) -> np.ndarray:
        h = self._linear(self._norm(x, f"{name}.norm_mlp"), f"{name}.mlp.0")
        h = h * np.float32(0.5) * (1 + erf(h * np.float32(0.5**0.5)))  # GELU
        return self._linear(h, f"{name}.mlp.2")


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), np.float32(1e-12))


def _shifted(tokens: np.ndarray, back: int) -> np.ndarray:
    """[B, tokens]: the token so many places before each."""
    return np.pad(tokens, ((0, 0), (back, 0)), constant_values=START)[:, : tokens.shape[1]]


def _chosen(chances: np.ndarray, temperature: float, rng: np.random.Generator | None) -> np.ndarray:
    """[B]: a token of each row of `chances` [B, V]."""
    if not temperature:
        return chances.argmax(-1)
    assert rng is not None, "sampling draws from a generator"
    ends = (chances.astype(np.float64) ** (1 / temperature)).cumsum(-1)
    drawn = rng.random(len(chances)) * ends[:, -1]
    return np.array([np.searchsorted(row, point, "right") for row, point in zip(ends, drawn, strict=True)])
