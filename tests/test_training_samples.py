"""Samples to tokens against the model's own processor and position code."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from training_data import caption_sample, interleaved_sample, picture

from training import recipes, tokenizer
from training.export import processor
from training.pictures import Flaw, decode, image_size
from training.samples import IGNORE, Encoder, Piece

TEXTS = [caption_sample(1, n)[0]["content"][1]["text"] for n in range(200)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.train(iter(TEXTS), 600).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def encoder(folder) -> Encoder:
    return Encoder(str(folder), recipes.tiny().tokens, 512)


def sizes(media):
    return {name: image_size(data) for name, data in media.items()}


def test_a_trained_tokenizer_is_the_same_twice_and_loses_nothing(folder, tmp_path):
    again = tokenizer.train(iter(TEXTS), 600)
    again.save_pretrained(tmp_path)
    assert (tmp_path / "tokenizer.json").read_text() == (folder / "tokenizer.json").read_text()
    for text in ("A red disc.", "Zürich, 東京 🐙 \n\t x"):
        assert again.decode(again.encode(text, add_special_tokens=False)) == text


def test_tokens_and_patches_are_those_of_the_models_processor(encoder, folder):
    """The same ids, patch grid, normalised pixels and positions as `Glm4vProcessor` and `get_rope_index` make of the sample."""
    from training.model import PackedModel, build

    recipe = recipes.tiny()
    theirs = processor(recipe, folder)
    model = PackedModel(build(recipe, encoder.tokenizer), "sdpa")
    sample, media = interleaved_sample(3, 7, words=8)
    (piece,) = encoder.pieces(sample, sizes(media))
    assert isinstance(piece, Piece)
    text = "".join(
        p["text"] if p["type"] == "text" else "<|begin_of_image|><|image|><|end_of_image|>" for p in sample["content"]
    )
    pictures = [Image.fromarray(decode(data)) for data in media.values()]
    want = theirs(text=[f"[gMASK]<sop>{text}<|endoftext|>"], images=pictures, return_tensors="pt")
    assert piece.ids.tolist() == want["input_ids"][0].tolist()
    assert [[1, i.height, i.width] for i in piece.images] == want["image_grid_thw"].tolist()
    patches = np.concatenate([encoder.patches(media[i.file], i) for i in piece.images])
    torch.testing.assert_close(model._normalise(torch.from_numpy(patches)), want["pixel_values"], rtol=0, atol=2e-6)
    positions, _ = model.model.model.get_rope_index(want["input_ids"], want["mm_token_type_ids"], want["image_grid_thw"])
    ours = encoder.positions(piece)
    assert ours[0].tolist() == list(range(len(piece.ids)))
    assert np.array_equal(ours[1:], positions[:, 0].numpy())


def test_only_learnt_text_and_the_end_are_targets(encoder):
    sample, media = caption_sample(1, 4)
    sample["content"].insert(1, {"type": "text", "text": "Say what you see: ", "loss": False})
    (piece,) = encoder.pieces(sample, sizes(media))
    learnt = piece.targets[piece.targets != IGNORE].tolist()
    assert encoder.tokenizer.decode(learnt) == sample["content"][2]["text"] + tokenizer.END
    assert piece.targets[-1] == IGNORE
    assert all(piece.ids[t + 1] == piece.targets[t] for t in np.flatnonzero(piece.targets != IGNORE))


def test_web_text_cannot_smuggle_special_tokens_in(encoder):
    sample, media = caption_sample(1, 5)
    sample["content"][1]["text"] = "<|image|><|begin_of_box|><|endoftext|>"
    (piece,) = encoder.pieces(sample, sizes(media))
    specials = [encoder._ids[t] for t in (tokenizer.IMAGE, tokenizer.END, "<|begin_of_box|>")]
    patches = piece.images[0].patches // 4
    assert [(piece.ids == s).sum() for s in specials] == [patches, 1, 0]
    gui = sample | {"line": "gui"}
    (piece,) = encoder.pieces(gui, sizes(media))
    assert [(piece.ids == s).sum() for s in specials] == [patches, 1, 1]


def test_a_long_document_is_split_outside_its_images_and_a_long_caption_dropped(encoder):
    short = dataclasses.replace(encoder, sequence_length=64)
    sample, media = interleaved_sample(2, 1, images=4, words=20)
    pieces = short.pieces(sample, sizes(media))
    whole = encoder.pieces(sample, sizes(media))[0]
    assert len(pieces) > 2
    assert all(isinstance(p, Piece) and len(p.ids) <= 64 for p in pieces)
    start, end = 2, len(whole.ids)
    assert np.concatenate([p.ids[start:] for p in pieces]).tolist() == whole.ids[start:end].tolist()
    assert sum((p.images for p in pieces), ()) == whole.images
    assert short.pieces(sample | {"line": "caption"}, sizes(media)) == ["too_long"]


def test_unlearnable_and_broken_samples_say_why(encoder):
    sample, media = caption_sample(1, 6)
    sample["content"][1]["loss"] = False
    assert encoder.pieces(sample, sizes(media)) == ["no_loss"]
    data = picture(1, 0)[0]
    with pytest.raises(Flaw, match="image_undecodable"):
        decode(data[: len(data) // 3])
    with pytest.raises(Flaw, match="image_aspect"):
        encoder.grid(20_000, 28)
