"""Order, mixture, resumption and damage: the loader on real small shards."""

import dataclasses
import io
import os
import tarfile
from collections import Counter
from pathlib import Path

import pytest
import torch
from training_data import caption_sample, write_demo, write_shard

from sieveline.errors import ConfigError
from training import index, recipes, tokenizer
from training.balance import Cost
from training.loader import DataError, Decoder, Loader
from training.mixture import Blend, Corpus
from training.plan import Planner
from training.samples import Encoder

COST = Cost()


def make(folder: Path, pattern: str, **changes) -> tuple[Corpus, recipes.Recipe, Encoder]:
    base = recipes.tiny()
    recipe = dataclasses.replace(
        base,
        sequence_length=512,
        tokens=dataclasses.replace(base.tokens, vocabulary=600),
        mixture=dataclasses.replace(base.mixture, epochs=(("*", 1),), shuffle_samples=40),
        packing=dataclasses.replace(base.packing, window_batches=2, group=2),
        loading=dataclasses.replace(base.loading, workers=0),
    )
    recipe = dataclasses.replace(recipe, **changes)
    shards = index.find_shards(pattern)
    encoder = Encoder(
        str(tokenizer.prepare(recipe.tokens, shards, folder / "tokenizers")), recipe.tokens, recipe.sequence_length
    )
    return Corpus(shards, index.build(shards, encoder, folder / "index")), recipe, encoder


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return make(folder, write_demo(folder / "shards", samples=160, shards=4))


def contents(corpus, recipe, encoder, **where):
    """Per global batch the packs' tensors and ids of this rank."""
    return [
        (b.step, [(p.samples, p.ids, p.patches.sum()) for p in packs])
        for b, _, packs in Loader(corpus, recipe, encoder, COST, **where)
    ]


def test_one_epoch_holds_every_sample_once(demo):
    corpus, _, _ = demo
    seen = Counter(s for _, packs in contents(*demo) for ids, _, _ in packs for s in ids)
    assert len(seen) == 160
    assert set(seen.values()) == {1}
    everything = {r["id"][i] for n in range(4) for r in [corpus.rows(n)] for i in range(len(r["id"]))}
    assert set(seen) == everything


def test_workers_change_nothing(demo):
    corpus, recipe, encoder = demo
    alone = contents(*demo)
    for workers in (1, 2):
        loading = dataclasses.replace(recipe.loading, workers=workers, prefetch=3)
        got = contents(corpus, dataclasses.replace(recipe, loading=loading), encoder)
        assert [s for s, _ in got] == [s for s, _ in alone]
        for (_, ours), (_, theirs) in zip(got, alone, strict=True):
            for (ids, tokens, pixels), (want_ids, want_tokens, want_pixels) in zip(ours, theirs, strict=True):
                assert ids == want_ids
                assert torch.equal(tokens, want_tokens)
                assert pixels == want_pixels


class Whereabouts(Decoder):
    """Raises, instead of decoding, what a worker sees in its environment."""

    def __getitem__(self, pack):
        raise LookupError(os.environ.get("SIEVELINE_TEST_ENDPOINT"))


def test_workers_see_the_environment_as_it_is_when_they_start(demo, monkeypatch):
    """Credentials set after an earlier run of the same process, as in a notebook, reach the workers of the next."""
    corpus, recipe, encoder = demo
    loading = dataclasses.replace(recipe.loading, workers=1)
    for endpoint in ("first", "second"):
        monkeypatch.setenv("SIEVELINE_TEST_ENDPOINT", endpoint)
        loader = Loader(corpus, dataclasses.replace(recipe, loading=loading), encoder, COST)
        loader.decoder = Whereabouts(corpus, encoder, 0)
        with pytest.raises(LookupError, match=endpoint):
            next(iter(loader))


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_each_global_batch(demo, ranks):
    alone = [sorted(s for ids, _, _ in packs for s in ids) for _, packs in contents(*demo)]
    shares = [contents(*demo, rank=r, ranks=ranks) for r in range(ranks)]
    assert len({len(s) for s in shares}) == 1
    together = [sorted(s for share in shares for ids, _, _ in share[b][1] for s in ids) for b in range(len(alone))]
    assert together == alone


def test_every_batch_can_be_resumed_behind(demo):
    corpus, recipe, _ = demo
    recipe = dataclasses.replace(recipe, mixture=dataclasses.replace(recipe.mixture, epochs=(("*", 3),)))
    planned = list(Planner(corpus, recipe, COST))
    assert len(planned) > 6
    for at in range(len(planned) - 1):
        rest = list(Planner(corpus, recipe, COST, planned[at].state))
        assert [b.packs for b in rest] == [b.packs for b in planned[at + 1 :]]
        assert rest[0].step == planned[at + 1].step


def test_weights_are_shares_of_tokens_and_epochs_end(demo):
    corpus, recipe, _ = demo
    mixture = dataclasses.replace(recipe.mixture, weights=(("caption/drawn", 3.0), ("caption/*", 1.0)), epochs=(("*", None),))
    blend = Blend(corpus, mixture, seed=0)
    by_component = Counter()
    for _ in range(1_000):
        ref = next(blend)
        by_component[corpus.rows(ref.shard)["component"][ref.row]] += ref.tokens
    assert by_component["caption/drawn"] / by_component["caption/stamps"] == pytest.approx(3.0, rel=0.02)
    assert set(by_component) == {"caption/drawn", "caption/stamps"}
    twice = dataclasses.replace(recipe.mixture, epochs=(("interleaved/*", 2), ("*", 1)))
    rows = Counter((ref.shard, ref.row) for ref in Blend(corpus, twice, seed=0))
    for (shard, row), times in rows.items():
        assert times == (2 if corpus.rows(shard)["component"][row] == "interleaved/manual" else 1)
    with pytest.raises(ConfigError, match="match none"):
        Blend(corpus, dataclasses.replace(mixture, weights=(("video/*", 1.0),)), seed=0)


def test_originals_and_recaptions_mix_at_the_ratio(demo):
    corpus, recipe, encoder = demo
    mixture = dataclasses.replace(recipe.mixture, original_share=0.4, epochs=(("caption/*", 10), ("*", 0)))
    variants = Counter()
    for ref in Blend(corpus, mixture, seed=0):
        rows = corpus.rows(ref.shard)
        variants[(bool(rows["has_original"][ref.row]), int(rows["variant"][ref.row]))] += 1
    assert variants[(False, 1)] == 0
    assert variants[(True, 1)] / (variants[(True, 0)] + variants[(True, 1)]) == pytest.approx(0.4, abs=0.05)
    recipe = dataclasses.replace(recipe, mixture=dataclasses.replace(mixture, original_share=1.0, epochs=(("*", 1),)))
    texts = "".join(encoder.tokenizer.decode(p.ids) for _, _, packs in Loader(corpus, recipe, encoder, COST) for p in packs)
    assert "free shipping" in texts
    texts = "".join(encoder.tokenizer.decode(p.ids) for _, _, packs in Loader(*demo, COST) for p in packs)
    assert "free shipping" not in texts


def test_no_epochs_leave_a_component_out(demo):
    """How the first stage's recipe leaves video out."""
    corpus, recipe, _ = demo
    mixture = dataclasses.replace(recipe.mixture, epochs=(("interleaved/*", 0), ("*", 1)))
    lines = {corpus.rows(ref.shard)["component"][ref.row] for ref in Blend(corpus, mixture, seed=0)}
    assert lines == {"caption/drawn", "caption/stamps"}
    assert recipes.glm4_1v_9b().mixture.epochs[0] == recipes.glm4_5v_106b_moe().mixture.epochs[0] == ("video/*", 0)
    assert recipes.glm4_1v_9b_long_context().mixture == recipes.Mixture()


def test_shuffling_differs_by_epoch_and_seed(demo):
    corpus, recipe, _ = demo
    refs = list(Blend(corpus, dataclasses.replace(recipe.mixture, epochs=(("*", 2),)), seed=0))
    first, second = [[(r.shard, r.row) for r in refs if r.epoch == e] for e in (0, 1)]
    assert sorted(first) == sorted(second)
    assert first != second
    assert [(r.shard, r.row) for r in Blend(corpus, recipe.mixture, seed=1)] != first


def damaged(folder: Path, *, broken: int, samples: int) -> str:
    """A shard whose first `broken` pictures are cut in the middle of their data; headers are whole, so only decoding notices."""
    made = [caption_sample(9, 4 * n) for n in range(samples)]
    for _, media in made[:broken]:
        media["0.jpg"] = media["0.jpg"][: len(media["0.jpg"]) // 2]
    folder.mkdir(parents=True, exist_ok=True)
    return str(write_shard(folder / "a.tar", made))


def test_a_damaged_picture_is_skipped_counted_and_named(tmp_path, caplog):
    pattern = damaged(tmp_path, broken=2, samples=60)
    corpus, recipe, encoder = make(
        tmp_path, pattern, loading=dataclasses.replace(recipes.tiny().loading, workers=0, max_corrupt_share=0.1)
    )
    loader = Loader(corpus, recipe, encoder, COST)
    seen = [s for _, _, packs in loader for p in packs for s in p.samples]
    broken = [caption_sample(9, 4 * n)[0]["id"] for n in range(2)]
    assert sorted(loader.flaws["image_undecodable"]) == broken
    assert len(seen) == 58
    assert not set(seen) & set(broken)
    assert all(b in caplog.text for b in broken)


def test_too_much_damage_ends_the_run_with_names(tmp_path):
    pattern = damaged(tmp_path, broken=30, samples=60)
    corpus, recipe, encoder = make(
        tmp_path, pattern, loading=dataclasses.replace(recipes.tiny().loading, workers=0, corrupt_grace=20)
    )
    with pytest.raises(DataError, match=r"damaged, more than the 1\.00%.*image_undecodable: 0000"):
        contents(corpus, recipe, encoder)


def test_the_index_names_what_it_cannot_use(tmp_path):
    good, (bad_json, _), (gone, _) = caption_sample(7, 0), caption_sample(7, 1), caption_sample(7, 2)
    write_shard(tmp_path / "a.tar", [good, (gone, {})])
    with tarfile.open(tmp_path / "a.tar", "a") as tar:
        member = tarfile.TarInfo(f"{bad_json['id']}.json")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"{]}"))
    whole = (tmp_path / "a.tar").read_bytes()
    write_shard(tmp_path / "b.tar", [caption_sample(7, n) for n in range(8, 20)])
    cut = (tmp_path / "b.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(cut[: len(cut) * 2 // 3])
    corpus, _, _ = make(tmp_path, f"{tmp_path}/*.tar")
    assert corpus.flaws["media_missing"] == [gone["id"]]
    assert corpus.flaws["json_invalid"] == [bad_json["id"]]
    assert corpus.flaws["shard_damaged"] == [str(tmp_path / "b.tar")]
    assert corpus.components["caption/drawn"][0] == 1
    assert corpus.components["caption/drawn"][1] >= 6
    assert (tmp_path / "a.tar").read_bytes() == whole


def test_shards_lie_behind_any_fsspec_url(demo, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    corpus, recipe, encoder = demo
    for shard in corpus.shards:
        memory.pipe(f"/train/{Path(shard).name}", Path(shard).read_bytes())
    shards = index.find_shards("memory://train/*.tar")
    remote = Corpus(shards, index.build(shards, encoder, tmp_path))
    seen = [s for _, packs in contents(remote, recipe, encoder) for ids, _, _ in packs for s in ids]
    assert len(set(seen)) == len(seen) == 160


def test_no_shards_is_the_users_error(tmp_path):
    with pytest.raises(ConfigError, match=r"no \.tar shard"):
        index.find_shards(f"{tmp_path}/*.tar")


def test_braces_name_the_shards_of_several_lines(tmp_path):
    for name in ("image_text/shards/b.tar", "gui/shards/a.tar", "pool/shards/c.tar"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"")
    found = index.find_shards(f"{tmp_path}/{{image_text,gui}}/shards/*.tar")
    assert found == [f"{tmp_path}/gui/shards/a.tar", f"{tmp_path}/image_text/shards/b.tar"]
    with pytest.raises(ConfigError, match="ocr/shards"):
        index.find_shards(f"{tmp_path}/{{image_text,ocr}}/shards/*.tar")
