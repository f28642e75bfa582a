"""Training the heads: it learns, the same bytes come twice, and the committed heads compute what they computed in training."""

from pathlib import Path

import numpy as np
import pytest

from classifiers import alignment
from classifiers.embedded_clip import EmbeddedClip, FrozenEncoders, load_heads
from demo.packages import cache_folder
from demo.sources import Item
from models.alignment_heads import Pairs, Training, auc, embed, figures, tensors, train, variants
from sieveline.draws import generator

SMALL = Training(hidden=64, dimensions=32, epochs=12, batch_size=64, dropout=0.1)


def pairs(count: int) -> Pairs:
    """Pictures and captions that share a hidden cause, seen through fixed random maps into the encoders' spaces."""
    rng = generator(0, "pairs", count)
    to_image, to_text = (generator(0, "map", width).normal(size=(8, width)) for width in (1280, 384))
    cause = rng.normal(size=(count, 8))
    items = [
        Item(
            source="made", item_id=str(i), path=Path(str(i)), captions={"en": str(i)}, license="", family=str(i), split="heads",
            photo=False,
        )
        for i in range(count)
    ]  # fmt: skip
    views = np.stack([cause @ to_image + 0.1 * rng.normal(size=(count, 1280)) for _ in range(2)], 1)
    texts = np.stack([cause @ to_text + 0.1 * rng.normal(size=(count, 384)) for _ in range(2)], 1)
    return Pairs(
        items=items,
        images=views.astype(np.float32),
        captions={(i, "en"): texts[i].astype(np.float32) for i in range(count)},
    )


def test_training_learns_what_pictures_and_captions_share():
    image, text = train(pairs(512), SMALL)
    unseen = pairs(100)
    cosines = embed(image, unseen.images[:, 0]) @ embed(text, np.stack([rows[0] for rows in unseen.captions.values()])).T
    assert auc(cosines.diagonal(), cosines[~np.eye(100, dtype=bool)]) > 0.95
    (line, _) = figures(unseen, (image, text), "en")
    assert float(line.split()[3]) > 0.95


def test_training_twice_gives_the_same_bytes():
    first, second = (tensors(*train(pairs(128), SMALL)) for _ in range(2))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_the_graph_computes_what_the_trained_heads_computed(tmp_path):
    from safetensors.numpy import save_file

    heads = train(pairs(128), SMALL)
    save_file(tensors(*heads), tmp_path / "heads.safetensors")
    model = EmbeddedClip(tmp_path / "heads.safetensors", tmp_path)
    encoders = FrozenEncoders(cache_folder())
    texts = ["a lighthouse", "dos perros"]
    np.testing.assert_allclose(model.embed_texts(texts), embed(heads[1], encoders.embed_texts(texts)), atol=5e-3)
    pixels = generator(0, "pixels").integers(0, 256, (224, 224, 3), dtype=np.uint8)
    np.testing.assert_allclose(model.embed_pixels(pixels), embed(heads[0], encoders.embed_pixels(pixels)[None])[0], atol=5e-3)


def test_the_committed_heads_are_small_and_whole():
    image, text = load_heads(alignment.HEADS)
    assert alignment.HEADS.stat().st_size < 6e6
    assert image.weight_in.shape[0] == 1280
    assert text.weight_in.shape[0] == 384
    assert image.weight_out.shape[1] == text.weight_out.shape[1]


def test_variants_say_the_same_or_a_part():
    for caption in ("sheaf of rice: ear, grain, plant", "Flag of Peru, capital Lima", "dog"):
        several = variants(caption, "a name")
        assert several[0] == caption
        assert len(several) == 4
        assert all(several)
        assert several == variants(caption, "a name")


def test_auc_counts_ties_half():
    assert auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1
    assert auc(np.array([1.0]), np.array([1.0, 0.0, 2.0, 1.0])) == pytest.approx(0.5)
