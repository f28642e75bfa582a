"""Training the heads: it learns, the same bytes come twice, and the committed heads compute what they computed in training."""

from dataclasses import replace

import numpy as np
import pytest

from classifiers import alignment
from classifiers.character_grams import gram_ids, gram_sums
from classifiers.embedded_clip import EmbeddedClip, FrozenEncoders, load_heads
from classifiers.encoder_graphs import IMAGE_FEATURES, TEXT_FEATURES
from classifiers.imagenet_names import class_names
from classifiers.rgb import decode_rgb, square
from demo.packages import cache_folder
from demo.sources import pool_items
from models.alignment_heads import Member, Training, _Data, auc, embed_images, embed_texts, figures, tensors, train
from models.alignment_pairs import Pairs, Text
from sieveline.draws import generator

SMALL = Training(members=2, hidden=64, dimensions=32, buckets=64, gram_width=8, epochs=20, batch_size=64, dropout=0.1)


def pairs(count: int) -> Pairs:
    """Pictures and captions that share a hidden cause, seen through fixed random maps into the encoders' spaces."""
    rng = generator(0, "pairs", count)
    to_image, to_text = (generator(0, "map", width).normal(size=(8, width)) for width in (IMAGE_FEATURES, TEXT_FEATURES))
    cause = rng.normal(size=(count, 8)).repeat(2, 0)
    return Pairs(
        sources=["made"] * count,
        shows=[frozenset([str(i)]) for i in range(count)],
        images=(cause @ to_image + 0.1 * rng.normal(size=(2 * count, IMAGE_FEATURES))).astype(np.float16),
        first_view=np.arange(0, 2 * count + 1, 2),
        keys=[(i, "en") for i in range(count)],
        texts=[Text(text="a b", tells=frozenset([str(i // 2)])) for i in range(2 * count)],
        captions=(cause @ to_text + 0.1 * rng.normal(size=(2 * count, TEXT_FEATURES))).astype(np.float16),
        first_text=np.arange(0, 2 * count + 1, 2),
    )


def texts(count: int) -> tuple[list[str], np.ndarray]:
    """English and Spanish texts that say the same."""
    rng = generator(0, "texts", count)
    return [f"word {i % count}" for i in range(2 * count)], rng.normal(size=(2 * count, TEXT_FEATURES)).astype(np.float16)


def trained(count: int) -> list[Member]:
    return train([pairs(count // 2), pairs(count)], texts(64), SMALL)


NAMES = generator(0, "names").normal(size=(1000, TEXT_FEATURES))


def test_training_learns_what_pictures_and_captions_share():
    heads = train([pairs(512)], texts(64), SMALL)
    (line, _) = figures(pairs(100), heads, "en")
    assert float(line.split()[3]) > 0.95


def test_training_twice_gives_the_same_bytes():
    first, second = (tensors(trained(128), NAMES) for _ in range(2))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_a_caption_true_of_another_picture_is_no_mismatch():
    several = pairs(40)
    several.texts = [replace(text, tells=frozenset()) for text in several.texts]  # true of all
    assert figures(several, trained(64), "en") == []


def test_a_spanish_caption_is_as_alike_to_others_as_the_english_one_of_its_picture():
    bilingual = pairs(3)
    bilingual.keys = [(0, "en"), (0, "es"), (1, "es")]
    assert _Data([pairs(3), bilingual]).english.tolist() == [-1, -1, -1, -1, 6, -1]


def test_joined_heads_score_the_mean_of_their_cosines():
    heads, some = trained(64), pairs(8)
    alone = [embed_images([member], some.images) @ embed_texts([member], ["a b"] * 16, some.captions).T for member in heads]
    together = embed_images(heads, some.images) @ embed_texts(heads, ["a b"] * 16, some.captions).T
    np.testing.assert_allclose(together, np.mean(alone, 0), atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_the_graph_computes_what_the_trained_heads_computed(tmp_path):
    from safetensors.numpy import save_file

    heads, encoders = trained(128), FrozenEncoders(cache_folder())
    save_file(tensors(heads, encoders.class_name_features()), tmp_path / "heads.safetensors")
    model = EmbeddedClip(tmp_path / "heads.safetensors", tmp_path)
    said = ["a lighthouse", "dos perros"]
    np.testing.assert_allclose(model.embed_texts(said), embed_texts(heads, said, encoders.embed_texts(said)), atol=5e-3)
    pixels = generator(0, "pixels").integers(0, 256, (224, 224, 3), dtype=np.uint8)
    np.testing.assert_allclose(
        model.embed_pixels(pixels), embed_images(heads, encoders.embed_pixels(pixels)[None])[0], atol=5e-3
    )


def test_features_have_blocks_of_mean_zero_and_variance_one():
    encoders = FrozenEncoders(cache_folder())
    row = encoders.embed_pixels(generator(0, "pixels").integers(0, 256, (224, 224, 3), dtype=np.uint8))
    blocks = np.split(row, np.cumsum([1280, 40, 40, 112, 112, 192, 192, 48]))
    assert len(blocks[-1]) == TEXT_FEATURES
    for block in blocks:
        assert abs(block.mean()) < 1e-4
        assert block.std() == pytest.approx(1, abs=0.1)  # the means of noise vary so little that epsilon counts


def test_a_picture_stands_where_the_names_of_its_likeliest_classes_stand():
    encoders = FrozenEncoders(cache_folder())
    names = encoders.class_name_features()
    photo = next(item for item in pool_items(["tuxpaint"]) if item.item_id == "animals/birds/owl")
    rgb = decode_rgb(photo.path.read_bytes(), 224)
    assert rgb is not None
    pixels = square(rgb, 224)
    nearest = np.argsort(-(names @ encoders.embed_pixels(pixels)[-TEXT_FEATURES:]))[:10]
    assert {class_names()[i] for i in nearest} & {"great grey owl", "kite", "bald eagle", "vulture"}


def test_character_grams_mind_neither_case_nor_accents_and_no_neighbours():
    assert gram_ids("León", 1000).tolist() == gram_ids("LEON", 1000).tolist()
    assert set(gram_ids("elefante", 10**6)) & set(gram_ids("elephant", 10**6))
    assert len(gram_ids("", 1000)) == 1
    assert len(gram_ids("x" * 10_000, 1000)) == 2048
    table = generator(0, "table").normal(size=(500, 8)).astype(np.float32)
    several = ["gato negro", "", "a", "flag of Chad"]
    np.testing.assert_array_equal(gram_sums(several, table), np.concatenate([gram_sums([text], table) for text in several]))


def test_the_committed_heads_are_small_and_whole():
    heads = load_heads(alignment.HEADS)
    assert alignment.HEADS.stat().st_size < 12e6
    for image, text in zip(heads.image, heads.text, strict=True):
        assert image.weight_in.shape[0] == IMAGE_FEATURES
        assert text.weight_in.shape[0] == TEXT_FEATURES + heads.grams.shape[1] // len(heads.text)
        assert image.weight_out.shape[1] == text.weight_out.shape[1]
    assert heads.names.shape == (1000, TEXT_FEATURES)


def test_a_part_of_pairs_has_what_the_whole_has_of_these_pictures():
    whole = pairs(40)
    part = whole.part(lambda shows: not shows & {"0", "7"})
    assert len(part.sources) == 38
    assert part.keys == [(i, "en") for i in range(38)]
    for here, there in ((0, 1), (6, 8), (37, 39)):
        assert part.shows[here] == whole.shows[there]
        np.testing.assert_array_equal(part.images[2 * here : 2 * here + 2], whole.images[2 * there : 2 * there + 2])
        np.testing.assert_array_equal(part.captions[part.first_text[here]], whole.captions[whole.first_text[there]])
        assert part.texts[2 * here].tells == whole.texts[2 * there].tells
    assert part.first_view[-1] == len(part.images)
    assert part.first_text[-1] == len(part.captions) == len(part.texts)


def test_auc_counts_ties_half():
    assert auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1
    assert auc(np.array([1.0]), np.array([1.0, 0.0, 2.0, 1.0])) == pytest.approx(0.5)
