"""Videos to tokens and frames against the model's own processor, on videos whose every frame says its number."""

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from training_data import caption_sample, write_shard

from sieveline.draws import generator
from training import index, recipes, tokenizer, videos
from training.balance import Cost
from training.export import processor
from training.loader import Decoder, Loader
from training.mixture import Corpus, Ref
from training.model import PackedModel, build
from training.pictures import Flaw
from training.samples import Encoder, Piece

TEXTS = [caption_sample(1, n)[0]["content"][1]["text"] + " 0 1 2 3 4 5 6 7 8 9" for n in range(200)]


def write_video(path: Path, *, frames: int, rate: float, size: tuple[int, int] = (96, 64), kind: str = "mp4v") -> bytes:
    """A video of grey frames: frame n is 16 + 8 * (n % 28) all over but for some texture in a corner."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*kind), rate, size)
    assert writer.isOpened()
    texture = generator(0, "texture").integers(-9, 10, (16, 16, 3))
    for n in range(frames):
        frame = np.full((size[1], size[0], 3), 16 + 8 * (n % 28), np.int64)
        frame[:16, :16] += texture
        writer.write(np.clip(frame, 0, 255).astype(np.uint8))
    writer.release()
    return path.read_bytes()


def number_of(frame: np.ndarray) -> int:
    return round((float(frame[-24:, -40:].mean()) - 16) / 8)


def video_sample(number: int, data: bytes, name: str = "0.mp4"):
    caption = f"The picture grows brighter, video {number}."
    content = [
        {"type": "video", "file": name},
        {"type": "text", "text": caption, "loss": True},
    ]
    sample = {"id": f"{number:032x}", "line": "video", "content": content, "provenance": {"source": "drawn"}}
    return sample, {name: data}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.train(iter(TEXTS), 600).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def recipe() -> recipes.Recipe:
    base = recipes.tiny()
    return dataclasses.replace(base, tokens=dataclasses.replace(base.tokens, max_video_pixels=28 * 28 * 2 * 200))


@pytest.fixture(scope="module")
def encoder(folder, recipe) -> Encoder:
    return Encoder(str(folder), recipe.tokens, 1_024)


@pytest.mark.parametrize(("frames", "rate"), [(24, 8.0), (25, 10.0), (60, 29.97), (3, 1.0), (1, 25.0), (240, 24.0)])
def test_tokens_frames_and_positions_are_those_of_the_models_processor(frames, rate, folder, recipe, encoder, tmp_path):
    """The same ids, grid, pixels and positions as `Glm4vProcessor` (reading the file itself) and `get_rope_index` make."""
    path = tmp_path / "a.mp4"
    sample, media = video_sample(1, write_video(path, frames=frames, rate=rate))
    (piece,) = encoder.pieces(sample, encoder.sizes(sample, media))
    assert isinstance(piece, Piece)
    theirs = processor(recipe, folder)
    text = f"[gMASK]<sop><|begin_of_video|><|video|><|end_of_video|>{sample['content'][1]['text']}<|endoftext|>"
    seen, metadata = _read(path, theirs.video_processor)
    want = theirs(text=[text], videos=[seen], video_metadata=[metadata], do_sample_frames=False, return_tensors="pt")
    assert piece.ids.tolist() == want["input_ids"][0].tolist()
    clip = piece.images[0].clip
    assert clip is not None
    assert [[len(clip.seconds), piece.images[0].height, piece.images[0].width]] == want["video_grid_thw"].tolist()
    rows = [torch.from_numpy(np.stack(frames, 1)) for _, frames in encoder.frames(media, piece.images)]
    model = PackedModel(build(recipe, encoder.tokenizer), "sdpa")
    both = torch.cat(rows)
    pairs = torch.arange(len(both))
    got = model._normalise(torch.cat([both[:, 0], both[:, 1]]), pairs)
    torch.testing.assert_close(got, want["pixel_values_videos"], rtol=0, atol=2e-6)
    positions, _ = model.model.model.get_rope_index(
        want["input_ids"], want["mm_token_type_ids"], video_grid_thw=want["video_grid_thw"]
    )
    assert np.array_equal(encoder.positions(piece)[1:], positions[:, 0].numpy())


def _read(path: Path, video_processor):
    """Frames and metadata as transformers' own OpenCV reader and the processor's sampling give them."""
    from transformers.video_utils import read_video_opencv

    name: Any = str(path)
    frames, metadata = read_video_opencv(name, video_processor.sample_frames)
    indices: Any = metadata.frames_indices
    if np.size(indices) == len(frames) + 1:  # this reader gives the frame that fills up the last pair only once
        frames = np.concatenate([frames, frames[-1:]])
    return torch.from_numpy(frames).permute(0, 3, 1, 2), metadata


def test_two_frames_a_second_in_pairs_with_the_second_of_the_first(tmp_path):
    data = write_video(tmp_path / "a.mp4", frames=27, rate=8.0)
    clip = videos.sample(data, 2.0, 300)
    assert clip == (96, 64, (0, 4, 8, 12, 16, 20), (0, 1, 2))
    assert [number_of(f) for f in videos.decode(data, clip)] == [0, 4, 8, 12, 16, 20]
    odd = videos.sample(write_video(tmp_path / "b.mp4", frames=20, rate=8.0), 2.0, 300)
    assert odd.frames == (0, 4, 8, 12, 16, 16)
    slow = videos.sample(data, 1.0, 300)
    assert (slow.frames, slow.seconds) == ((0, 8, 16, 16), (0, 2))


def test_a_long_video_is_sampled_evenly(tmp_path):
    """Longer than `max_seconds`: as many frames as those seconds give, spread over the whole."""
    clip = videos.sample(write_video(tmp_path / "a.mp4", frames=100, rate=5.0), 2.0, 8)
    assert len(clip.frames) == 16
    assert clip.frames[0] == 0
    assert clip.frames[-1] == 99
    steps = np.diff(clip.frames)
    assert steps.min() >= 5
    assert steps.max() <= 7


def test_frames_that_are_not_there_and_files_that_are_no_video_are_flaws(tmp_path):
    data = write_video(tmp_path / "a.mp4", frames=40, rate=8.0, size=(320, 240))
    clip = videos.sample(data, 2.0, 300)
    with pytest.raises(Flaw, match="video_undecodable"):
        list(videos.decode(data, clip._replace(frames=(*clip.frames[:-1], 60))))
    with pytest.raises(Flaw, match="video_size_changed"):
        list(videos.decode(data, clip._replace(height=238)))
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    for bad in (b"", playlist, data[: len(data) // 2], b"RIFF1234AVI " + b"\0" * 200, data[:64] + b"\xff" * 500):
        with pytest.raises(Flaw, match="video_undecodable"):
            list(videos.decode(bad, videos.sample(bad, 2.0, 300)))


def test_a_video_too_long_for_the_sequence_is_dropped_whole(encoder, tmp_path):
    short = dataclasses.replace(encoder, sequence_length=64)
    sample, media = video_sample(2, write_video(tmp_path / "a.mp4", frames=80, rate=8.0))
    assert short.pieces(sample, short.sizes(sample, media)) == ["too_long"]
    text = {"type": "text", "text": "Before it. " * 8, "loss": True}
    mixed = sample | {"line": "interleaved", "content": [text, *sample["content"]]}
    kinds = [p if isinstance(p, str) else [i.pair for i in p.images] for p in short.pieces(mixed, short.sizes(mixed, media))]
    assert "too_long" in kinds
    assert all(kind in ("too_long", []) for kind in kinds)


@pytest.fixture(scope="module")
def mixed(folder, recipe, tmp_path_factory):
    """A corpus of stills and videos, packed together, one video cut short behind its header."""
    place = tmp_path_factory.mktemp("mixed")
    made = [caption_sample(4, n) for n in range(6)]
    for n in range(4):
        made.append(video_sample(n, write_video(place / f"{n}.avi", frames=30 + 7 * n, rate=8.0, kind="MJPG"), "0.avi"))
    good = made[-1][1]["0.avi"]
    cut = good[: len(good) * 2 // 3]
    made.append(video_sample(9, cut + bytes(len(good) - len(cut)), "0.avi"))
    shards = [str(write_shard(place / "a.tar", made))]
    encoder = Encoder(str(folder), recipe.tokens, 1_024)
    recipe = dataclasses.replace(
        recipe,
        global_batch=1,
        mixture=dataclasses.replace(recipe.mixture, epochs=(("*", 1),)),
        loading=dataclasses.replace(recipe.loading, workers=0),
    )
    return Corpus(shards, index.build(shards, encoder, place / "index")), recipe, encoder


@pytest.mark.parametrize("patches", ["uint8", "float32"])
def test_packs_of_stills_and_videos_have_the_logits_of_each_alone(patches, mixed):
    """By transformers' own forward pass over `pixel_values_videos`, without packing; a broken video leaves its pack alone."""
    corpus, recipe, encoder = mixed
    recipe = dataclasses.replace(recipe, loading=dataclasses.replace(recipe.loading, patches=patches))
    model = PackedModel(build(recipe, encoder.tokenizer), "blocks").eval()
    alone = Decoder(corpus, encoder, pad=0)
    rows = corpus.rows(0)
    refs = {rows["id"][n]: Ref(0, n, 0, *(int(rows[c][n]) for c in ("tokens", "patches", "patch_squares"))) for n in range(11)}
    seen, flaws = [], []
    for _, _, packs in Loader(corpus, recipe, encoder, Cost()):
        for pack in packs:
            flaws += pack.flaws
            with torch.no_grad():
                model.model.set_attn_implementation("sieveline_blocks")
                packed = model.logits(pack)
                model.model.set_attn_implementation("sdpa")
                for sample, first, last in zip(pack.samples, pack.boundaries, pack.boundaries[1:], strict=False):
                    torch.testing.assert_close(packed[first:last], _logits(model, alone[(refs[sample],)]), rtol=0, atol=2e-5)
            seen += pack.samples
    assert len(seen) == len(set(seen)) == 10
    assert [reason for _, _, reason in flaws] == ["video_undecodable"]


def _logits(model: PackedModel, pack) -> torch.Tensor:
    ids = pack.ids[None, : pack.tokens]
    pixels = model._normalise(pack.patches, pack.pairs)
    visual = ids == model.model.config.image_token_id
    if len(pack.pairs):
        grid = torch.tensor([[len(pack.grids), *pack.grids[0, 1:].tolist()]])
        return model.model(
            input_ids=ids, pixel_values_videos=pixels, video_grid_thw=grid, mm_token_type_ids=visual.int() * 2
        ).logits[0]
    return model.model(input_ids=ids, pixel_values=pixels, image_grid_thw=pack.grids, mm_token_type_ids=visual.int()).logits[0]


def test_a_slice_of_a_pack_has_the_frames_of_its_own_pairs(mixed):
    """What a context-parallel rank encodes: the images that reach into its slice, with both frames of a pair."""
    corpus, recipe, encoder = mixed
    model = PackedModel(build(recipe, encoder.tokenizer), "blocks").eval()
    _, _, packs = next(iter(Loader(corpus, recipe, encoder, Cost())))
    pack = next(packs)
    assert len(pack.pairs)
    with torch.no_grad():
        whole = model._images(pack, 0, len(pack.ids)).pooler_output[0]
        halves = [model._images(pack, a, b).pooler_output[0] for a, b in ((0, 512), (512, 1_024))]
    torch.testing.assert_close(torch.cat(halves), whole, rtol=0, atol=1e-5)
